# SPDX-License-Identifier: GPL-2.0
"""Restarts that links do not notice: with the descriptors held as by systemd,
and by vshmd's own holder."""
import fcntl
import os
import signal
import socket
import struct

from harness import M, TIMEOUT, ConfigTest, eventfd_read, wait_for

LINK = [f"0.{name}" for name in sorted(
    ("bell0", "bell1", "listen0", "listen1", "memory", "spec"))]


class KeepTest(ConfigTest):
    """What both ways have in common: subclasses say how to start vshmd."""

    def launch(self, **kwargs):
        raise NotImplementedError

    def kept_pair(self, proc):
        """Both clients, connected and kept."""
        pair = self.pair()
        self.wait_log(proc, "event=client_connected", 2)
        return pair

    def check_same(self, pair):
        """The link of these clients works, and vshmd watches it."""
        a, b = pair
        self.assertTrue(a.quiet() and b.quiet())
        os.write(a.peer, struct.pack("<Q", 1))
        self.assertEqual(eventfd_read(b.own), 1)
        second = self.connect(self.a)
        self.assertEqual(second.recv(), (-1, None))
        b.set_epoch(1, 5, 1)
        b.close()
        self.hear(a)
        self.assertEqual(a.epoch(1), 6)
        again = self.connect(self.b, 4, 3)
        self.assertEqual(os.fstat(again.memfd).st_ino, os.fstat(a.memfd).st_ino)

    def check_restart(self, signum, status):
        proc = self.launch()
        pair = self.kept_pair(proc)
        inode = os.stat(self.a).st_ino
        self.assertEqual(self.stop(proc, signum), status)
        self.assertTrue(pair[0].quiet() and pair[1].quiet())
        proc = self.launch()
        self.assertIn("goes on", self.log(proc))
        self.assertEqual(os.stat(self.a).st_ino, inode)
        self.check_same(pair)

    def check_death(self):
        """A guest that dies while no vshmd runs is said goodbye for."""
        proc = self.launch()
        a, b = self.kept_pair(proc)
        b.set_epoch(1, 1, 1)
        self.stop(proc, signal.SIGKILL)
        b.close()
        proc = self.launch()
        self.hear(a)
        self.assertEqual(a.epoch(1), 2)
        self.assertTrue(a.quiet())

    def check_waiting(self):
        """A client that connects meanwhile is served."""
        proc = self.launch()
        self.stop(proc)
        a = self.connect(self.a)
        self.launch()
        a.setup(3, 4)

    def check_changed(self):
        """A configuration that changed meanwhile is put in force."""
        self.config["links"].append({"cids": [5, 6], "size": "1M",
                                     "sockets": [self.a + "2", self.b + "2"]})
        proc = self.launch()
        stay = self.connect(self.a, 3, 4)
        gone = self.connect(self.a + "2", 5, 6)
        self.stop(proc)
        self.config["links"][1]["size"] = "2M"
        self.launch()
        self.assertTrue(stay.quiet())
        self.assertIsNone(gone.recv())
        self.assertEqual(self.connect(self.a + "2", 5, 6).size(), 2 * M)

    def check_wrong(self):
        """With a wrong configuration, the links go on as they were."""
        proc = self.launch()
        pair = self.pair()
        self.stop(proc)
        good, self.config = self.config, {"control": self.control, "links": 3}
        proc = self.launch(options=["--control=" + self.control])
        self.assertIn("links: 3 is not an array", self.log(proc))
        self.write(good)
        self.assertTrue(self.ask(op="reload")["ok"])
        self.check_same(pair)

    def check_added(self):
        """Links that were added at run time survive as well."""
        proc = self.launch()
        self.ask(op="add", link={"cids": [7, 8], "sockets": [self.a + "7", self.b + "8"],
                                 "size": "1M"})
        a = self.connect(self.a + "7", 7, 8)
        self.stop(proc)
        self.launch()
        self.assertTrue(a.quiet())
        self.assertEqual(self.ask(op="remove", cids=[7, 8]), {"ok": True})
        self.assertIsNone(a.recv())

    def check_lost_socket(self):
        """A socket file that is gone is made again."""
        proc = self.launch()
        a, _ = self.pair()
        self.stop(proc)
        os.unlink(self.a)
        os.unlink(self.b)
        proc = self.launch()
        self.assertTrue(a.quiet())
        self.assertEqual(self.connect(self.a).recv(), (-1, None))
        self.stop(proc)
        self.launch()
        self.assertTrue(a.quiet())


class TestKeepSystemd(KeepTest):
    """vshmd with the test in the place of systemd."""

    def setUp(self):
        super().setUp()
        self.bus = self.notify_socket()

    def launch(self, options=(), **kwargs):
        held = list(self.bus.held)

        def inherit():
            copies = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 200) for _, fd in held]
            for i, fd in enumerate(copies):
                os.dup2(fd, 3 + i, inheritable=True)

        env = dict(os.environ, NOTIFY_SOCKET=self.bus.path)
        if held:
            env.update(LISTEN_FDS=str(len(held)),
                       LISTEN_FDNAMES=":".join(name for name, _ in held))
        # LISTEN_PID has to be the process ID, which the shell keeps in exec.
        wrapper = os.path.join(self.dir, "wrapper")
        with open(wrapper, "w", encoding="ascii") as file:
            file.write('#!/bin/sh\nexport LISTEN_PID=$$\nexec "$VSHMD" "$@"\n')
        os.chmod(wrapper, 0o755)
        return self.serve("--keep", *options, env=env, preexec_fn=inherit,
                          close_fds=False, program=wrapper)

    def test_names(self):
        """what is given to systemd, with clients that come and go"""
        proc = self.launch()
        wait_for(lambda: self.bus.names() == LINK, "descriptors")
        a = self.connect(self.a, 3, 4)
        wait_for(lambda: "0.client0" in self.bus.names(), "client")
        a.close()
        wait_for(lambda: self.bus.names() == LINK, "no client")
        self.ask(op="remove", cids=[3, 4])
        wait_for(lambda: not self.bus.names(), "nothing")
        self.ask(op="reload")
        wait_for(lambda: len(self.bus.names()) == len(LINK), "descriptors again")
        self.stop(proc, signal.SIGINT)
        self.assertEqual(self.bus.names(), [])
        self.assertFalse(os.path.exists(self.a))

    def test_sigterm(self):
        """SIGTERM and start: the link does not notice"""
        self.check_restart(signal.SIGTERM, 0)

    def test_sigkill(self):
        """SIGKILL and start: the link does not notice"""
        self.check_restart(signal.SIGKILL, -9)

    def test_death(self):
        """a guest that dies meanwhile is said goodbye for"""
        self.check_death()

    def test_waiting(self):
        """a client that connects meanwhile is served"""
        self.check_waiting()

    def test_changed(self):
        """a configuration that changed meanwhile is put in force"""
        self.check_changed()

    def test_wrong(self):
        """with a wrong configuration, links go on as they were"""
        self.check_wrong()

    def test_incomplete(self):
        """a link of which something is missing is dropped and made anew"""
        for name in LINK:
            with self.subTest(name=name):
                proc = self.launch()
                a = self.connect(self.a, 3, 4)
                wait_for(lambda: any(n.endswith("client0") for n in self.bus.names()),
                         "client")
                self.stop(proc, signal.SIGKILL)
                part = name.split(".")[1]
                self.bus.drop(lambda n, part=part: n.endswith(part))
                # What is dropped is gone for the clients too.
                proc = self.launch()
                if part.startswith("listen"):
                    self.assertTrue(a.quiet())
                else:
                    self.assertIsNone(a.recv())
                    self.assertEqual(self.connect(self.b, 4, 3).size(), M)
                self.stop(proc, signal.SIGINT)
                self.assertEqual(self.bus.names(), [])

    def test_memory_lost(self):
        """memory that is not there when it is touched: vshmd goes on, and says it"""
        proc = self.launch()
        a, b = self.kept_pair(proc)
        self.stop(proc)
        memory = os.memfd_create("memory")
        os.truncate(memory, M)
        self.bus.drop(lambda name: name == "0.memory")
        self.bus.held.append(("0.memory", memory))
        proc = self.launch()
        os.truncate(memory, 0)
        a.close()
        self.wait_log(proc, "link 3-4: pages of its memory are gone")
        self.hear(b)
        b.close()
        link = self.ask(op="list")["links"][0]
        self.assertEqual([side["attached"] for side in link["sides"]], [False, False])
        self.assertEqual(self.log(proc).count("pages of its memory"), 1)

    def test_strange(self):
        """descriptors that vshmd does not know are dropped"""
        sock = socket.socket()
        self.bus.held += [("7.spec", os.dup(sock.fileno())), ("x", os.dup(sock.fileno())),
                          ("7.memory", os.dup(sock.fileno()))]
        sock.close()
        self.launch()
        self.connect(self.a, 3, 4)
        wait_for(lambda: not any(n.startswith(("7.", "x")) for n in self.bus.names()),
                 "strangers gone")


class TestKeepHolder(KeepTest):
    """vshmd without systemd."""

    def setUp(self):
        super().setUp()
        self.keep = os.path.join(self.dir, "keep")
        self.addCleanup(self.end)

    def end(self):
        """Have the holder end: nothing is to be left of it."""
        if os.path.exists(self.keep):
            proc = self.spawn(["--keep=" + self.keep, "-l",
                               f"65534={self.dir}/y,65535={self.dir}/z,size=1M"])
            wait_for(lambda: " ready: " in self.log(proc), "ready")
            self.stop(proc, signal.SIGINT)
        wait_for(lambda: not os.path.exists(self.keep), "holder's end")

    def launch(self, options=(), **kwargs):
        return self.serve("--keep=" + self.keep, *options, **kwargs)

    def test_sigterm(self):
        """SIGTERM and start: the link does not notice"""
        self.check_restart(signal.SIGTERM, 0)

    def test_sigkill(self):
        """SIGKILL and start: the link does not notice"""
        self.check_restart(signal.SIGKILL, -9)

    def test_often(self):
        """ten restarts, and no descriptor more"""
        proc = self.launch()
        pair = self.kept_pair(proc)
        counts = []
        for _ in range(10):
            self.stop(proc, signal.SIGKILL)
            proc = self.launch()
            wait_for(lambda: self.answers(), "answer")
            counts.append(len(os.listdir(f"/proc/{proc.pid}/fd")))
        self.assertLessEqual(max(counts) - min(counts), 1)
        self.check_same(pair)

    def test_death(self):
        """a guest that dies meanwhile is said goodbye for"""
        self.check_death()

    def test_waiting(self):
        """a client that connects meanwhile is served"""
        self.check_waiting()

    def test_changed(self):
        """a configuration that changed meanwhile is put in force"""
        self.check_changed()

    def test_wrong(self):
        """with a wrong configuration, links go on as they were"""
        self.check_wrong()

    def test_added(self):
        """links that were added at run time survive"""
        self.check_added()

    def test_lost_socket(self):
        """a socket file that is gone is made again"""
        self.check_lost_socket()

    def test_end(self):
        """SIGINT: nothing is left, and the holder ends"""
        proc = self.launch()
        a = self.connect(self.a, 3, 4)
        self.assertEqual(self.stop(proc, signal.SIGINT), 0)
        self.assertIsNone(a.recv())
        wait_for(lambda: not os.path.exists(self.keep), "holder's end")
        self.assertFalse(os.path.exists(self.a))

    def test_in_use(self):
        """a second vshmd does not get the links of one that runs"""
        self.launch()
        a = self.connect(self.a, 3, 4)
        self.fail_to_start(["--keep=" + self.keep, "-l", f"7={self.a}7,8={self.b}8"],
                           self.keep, "that runs")
        self.assertTrue(a.quiet())

    def fetch(self):
        """Ask the holder for what it has; the socket where it answers."""
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(mine.close)
        its.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, its:
            sock.connect(self.keep)
            socket.send_fds(sock, [b"FDGET=1"], [its.fileno()])
        mine.settimeout(3 * TIMEOUT)
        return mine

    def test_unread(self):
        """who asks the holder and does not read is given up"""
        self.config["links"].append({"cids": [5, 6], "size": "1M",
                                     "sockets": [self.a + "2", self.b + "2"]})
        proc = self.launch()
        self.stop(proc)
        self.fetch()
        with self.fetch() as patient:
            data, fds, _, _ = socket.recv_fds(patient, 64, 1)
            self.assertEqual(len(fds), 1, data)
            os.close(fds[0])
        self.launch()

    def test_stale(self):
        """a file of a holder that was killed is replaced; another is not"""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.bind(self.keep)
        sock.close()
        proc = self.launch()
        self.stop(proc, signal.SIGINT)
        wait_for(lambda: not os.path.exists(self.keep), "holder's end")
        with open(self.keep, "w", encoding="ascii"):
            pass
        self.fail_to_start(["--keep=" + self.keep, "-l", self.link], "not a socket")
        os.unlink(self.keep)

    def test_daemon(self):
        """with -d, the same"""
        self.write(self.config)
        for _ in range(2):
            proc = self.spawn(["-d", "-p", "pid", "-c", self.path, "--keep=" + self.keep])
            self.assertEqual(proc.wait(TIMEOUT), 0, self.log(proc))
            with open(os.path.join(self.dir, "pid"), encoding="ascii") as file:
                pid = int(file.read())
            client = self.connect(self.a)
            os.kill(pid, signal.SIGTERM)
            wait_for(lambda: not os.path.exists(os.path.join(self.dir, "pid")), "end")
            client.close()
