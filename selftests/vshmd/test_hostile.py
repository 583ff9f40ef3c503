# SPDX-License-Identifier: GPL-2.0
"""Garbage on every socket of vshmd, and what it could do if it were fooled."""
import mmap
import os
import random
import resource
import socket
import struct
import time

from harness import M, ConfigTest, dial, wait_for

# Those that sandbox.c keeps: CHOWN, DAC_OVERRIDE, FOWNER, NET_ADMIN, IPC_LOCK.
KEPT = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 12 | 1 << 14

PIECES = [b"{", b"}", b"[", b"]", b'"', b":", b",", b"\n", b"\0", b"\xff", b"-1", b"1e99",
          b"null", b'"op"', b'"list"', b'"add"', b'"remove"', b'"reload"', b'"link"', b'"cids"',
          b'"guest"', b'"size"', b'"sockets"', b"3", b"65535", b"4294967299", b"\\u0000"]


class TestGarbage(ConfigTest):
    def setUp(self):
        super().setUp()
        seed = int(os.environ.get("VSHM_SEED", 0)) or random.getrandbits(32)
        self.random = random.Random(seed)
        print(f"# seed {seed}")

    def garbage(self):
        kind = self.random.randrange(3)
        if kind == 0:
            return self.random.randbytes(self.random.randrange(1, 3000))
        if kind == 1:
            return b"".join(self.random.choices(PIECES, k=self.random.randrange(1, 200)))
        return struct.pack("<q", self.random.choice([0, -1, 3, 1 << 62])) * 8

    def throw(self, path, count):
        for _ in range(count):
            with dial(path) as sock:
                try:
                    sock.send(self.garbage())
                    if self.random.randrange(2):
                        fds = [0] * self.random.randrange(1, 5)
                        socket.send_fds(sock, [b"x"], fds)
                    if self.random.randrange(2):
                        sock.shutdown(socket.SHUT_WR)
                        sock.recv(4096)
                except (BrokenPipeError, ConnectionResetError):
                    pass        # it has heard enough

    def descriptors(self, proc):
        return len(os.listdir(f"/proc/{proc.pid}/fd"))

    def test_control(self):
        """garbage as requests: vshmd goes on, and keeps nothing of it"""
        proc = self.serve()
        before = self.descriptors(proc)
        self.throw(self.control, 300)
        self.assertTrue(self.ask(op="list")["ok"])
        wait_for(lambda: self.descriptors(proc) <= before, "descriptors to be closed")
        self.assertIsNone(proc.poll())

    def test_client(self):
        """garbage from clients: the next one is served as if nothing were"""
        proc = self.serve()
        before = self.descriptors(proc)
        self.throw(self.a, 300)
        wait_for(lambda: self.descriptors(proc) <= before, "descriptors to be closed")
        client = self.connect(self.a, 3, 4)
        self.assertTrue(client.quiet())

    def test_doorbells_that_wait(self):
        """a client that has its doorbells wait does not have vshmd wait"""
        self.serve()
        for _ in range(2):
            client = self.connect(self.a, 3, 4)
            os.set_blocking(client.peer, False)
            try:
                os.write(client.peer, struct.pack("<Q", (1 << 64) - 2))
            except BlockingIOError:
                pass            # full already
            for fd in client.own, client.peer:
                os.set_blocking(fd, True)
            client.close()
            self.assertTrue(self.ask(op="list")["ok"])
            wait_for(lambda: "client" not in self.ask(op="list")["links"][0]["sides"][0],
                     "the client to be gone")

    def test_answers_unread(self):
        """whoever asks and never reads is dropped"""
        self.serve()
        with dial(self.control) as sock:
            with self.assertRaises((BrokenPipeError, ConnectionResetError)):
                for _ in range(10000):
                    sock.sendall(b'{"op":"list"}\n' * 1000)
        self.assertTrue(self.ask(op="list")["ok"])

    def test_log(self):
        """clients that do wrong all the time do not fill the log, unless with -v"""
        self.config.pop("control")
        proc = self.spawn(["-c", self.write(self.config)])
        self.wait_log(proc, " ready: ")
        client = self.connect(self.a, 3, 4)
        for _ in range(100):
            self.assertEqual(self.connect(self.a).recv(), (-1, None))
        other = self.connect(self.b, 4, 3)
        for _ in range(100):
            other.sock.send(b"x")
            while other.recv():
                pass
            other = self.connect(self.b, 4, 3)
        self.assertTrue(client.quiet())
        for message in "event=client_refused", "event=client_dropped":
            self.assertIn(self.log(proc).count(message), range(1, 10))

    def test_no_descriptor(self):
        """without a free descriptor, clients and requests wait, and vshmd as well"""
        proc = self.serve()
        old = resource.prlimit(proc.pid, resource.RLIMIT_NOFILE)
        for path in self.a, self.control:
            with self.subTest(path=path):
                resource.prlimit(proc.pid, resource.RLIMIT_NOFILE, (3, old[1]))
                message = f"'{path}': cannot accept a client yet"
                with dial(path) as sock:
                    self.wait_log(proc, message)
                    time.sleep(1)
                    self.assertLess(self.log(proc).count(message), 5)
                    resource.prlimit(proc.pid, resource.RLIMIT_NOFILE, old)
                    sock.sendall(b'{"op":"list"}\n')
                    self.assertTrue(sock.recv(1))

    def test_remove_numbers(self):
        """CIDs of a request are not cut to what fits"""
        self.serve()
        self.assertFalse(self.ask(op="remove", cids=[(1 << 32) + 3, 4])["ok"])
        self.assertFalse(self.ask(op="remove", cids=["3", "4"])["ok"])
        self.assertEqual(len(self.ask(op="list")["links"]), 1)

    def test_nul_in_configuration(self):
        """what follows a 0 in the configuration is not ignored"""
        self.serve()
        with open(self.path, "rb") as file:
            text = file.read()
        with open(self.path, "wb") as file:
            file.write(text + b"\0{")
        self.assertFalse(self.ask(op="reload")["ok"])


class TestHuge(ConfigTest):
    POOL = "/sys/kernel/mm/hugepages/hugepages-2048kB/"

    def pool(self, name, value=None):
        """Read a file of the pool, or write it first."""
        if value is not None:
            with open(self.POOL + name, "w", encoding="ascii") as file:
                file.write(str(value))
        with open(self.POOL + name, encoding="ascii") as file:
            return int(file.read())

    def free(self):
        return self.pool("free_hugepages") - self.pool("resv_hugepages")

    def setUp(self):
        super().setUp()
        try:
            before = self.pool("nr_hugepages")
            self.addCleanup(self.pool, "nr_hugepages", before)
            self.pool("nr_hugepages", before + 2)
        except OSError as err:
            self.skipTest(f"no pool of huge pages: {err}")
        if self.free() < 2:
            self.skipTest("no huge pages")
        self.config["links"][0].update(size="4M", hugepages="2M")

    def test_hole(self):
        """a huge page that a client takes away: vshmd goes on, and says it"""
        proc = self.serve()
        a, b = self.pair()
        b.set_epoch(1, 1, 1)
        # Python has no fallocate() with a mode, mmap has MADV_REMOVE.
        b.mem.madvise(mmap.MADV_REMOVE, 2 * M, 2 * M)
        fd = os.memfd_create("all", os.MFD_HUGETLB | os.MFD_HUGE_2MB)
        self.addCleanup(os.close, fd)
        os.truncate(fd, self.free() * 2 * M)
        with mmap.mmap(fd, 0):
            b.close()
            self.wait_log(proc, "link 3-4: pages of its memory are gone")
            link = self.ask(op="list")["links"][0]
            self.assertEqual([side["attached"] for side in link["sides"]], [False, False])
            self.assertTrue(a.quiet())
            self.assertEqual(self.log(proc).count("pages of its memory"), 1)
            a.close()


class TestSandbox(ConfigTest):
    @staticmethod
    def fields(file):
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)

    def status(self, proc):
        with open(f"/proc/{proc.pid}/status", encoding="ascii") as file:
            return self.fields(file)

    def test_entered(self):
        """vshmd that serves has given up capabilities and system calls"""
        status = self.status(self.serve())
        self.assertEqual(status["NoNewPrivs"].strip(), "1")
        for name in "CapEff", "CapPrm", "CapInh":
            self.assertEqual(int(status[name], 16) & ~KEPT, 0, name)
        if "Seccomp" in status:
            self.assertEqual(status["Seccomp"].strip(), "2")

    def test_off(self):
        """--no-sandbox keeps them"""
        status = self.status(self.serve("--no-sandbox"))
        with open("/proc/self/status", encoding="ascii") as file:
            own = self.fields(file)
        for name in "NoNewPrivs", "CapEff", "Seccomp":
            self.assertEqual(status.get(name), own.get(name), name)
