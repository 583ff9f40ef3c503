#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of vshmd: python3 test_vshmd.py PATH_TO_VSHMD [NAME...]

Each test starts the real daemon and talks to it as QEMU does, with numbers and
file descriptors over UNIX sockets:

    Client(cid 3) ---- a.sock --.
                                 vshmd ---- memfd, 2 eventfds
    Client(cid 4) ---- b.sock --'

The last ones put real QEMUs in the clients' places, if there is one to run.
Prints TAP. A NAME chooses the tests whose method has it in its name.
"""
import errno
import fcntl
import mmap
import os
import resource
import select
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time
import unittest

VSHMD = None
QEMU = shutil.which("qemu-system-x86_64")
TIMEOUT = 10

K, M, G = 1 << 10, 1 << 20, 1 << 30
MAGIC = 0x4d485356
REGION = struct.Struct("<QIIQQII24s")


def side_offset(side, size):
    """Where struct vshm_side is; its first word is the epoch."""
    return size // 2 if side else 4096


def wait_for(condition, what):
    """Poll, with growing pauses, until condition() is true."""
    end = time.monotonic() + TIMEOUT
    pause = 0.001
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("timeout: " + what)
        time.sleep(pause)
        pause = min(pause * 2, 0.05)


def eventfd_read(fd):
    """Take the count of an eventfd, 0 if it did not ring."""
    try:
        return struct.unpack("<Q", os.read(fd, 8))[0]
    except BlockingIOError:
        return 0


class Client:
    """What QEMU is to vshmd."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(path)
        self.fds = []
        self.memfd = self.own = self.peer = self.mem = None

    def recv(self):
        """One message: (number, descriptor or None), or None at the end."""
        try:
            data, fds, _, _ = socket.recv_fds(self.sock, 8, 4)
        except ConnectionResetError:
            return None
        self.fds += fds
        if not data:
            return None
        if len(data) != 8 or len(fds) > 1:
            raise AssertionError(f"message {data!r} with {len(fds)} fds")
        return struct.unpack("<q", data)[0], fds[0] if fds else None

    def quiet(self):
        """True if there is neither a message nor the end of the stream."""
        return not select.select([self.sock], [], [], 0.05)[0]

    def setup(self, cid, peer):
        """Go through what a client gets when it connects, and all it gets."""
        got = [self.recv() for _ in range(5)]
        want = [(0, False), (cid, False), (-1, True), (peer, True), (cid, True)]
        shape = [m and (m[0], m[1] is not None) for m in got]
        if shape != want:
            raise AssertionError(f"setup is {shape}, not {want}")
        self.memfd = got[2][1]
        self.peer, self.own = got[3][1], got[4][1]
        self.mem = mmap.mmap(self.memfd, os.fstat(self.memfd).st_size)
        return self

    def size(self):
        return os.fstat(self.memfd).st_size

    def epoch(self, side):
        return struct.unpack_from("<Q", self.mem, side_offset(side, self.size()))[0]

    def set_epoch(self, side, own, ack):
        struct.pack_into("<Q", self.mem, side_offset(side, self.size()),
                         ack << 32 | own)

    def close(self):
        self.sock.close()
        if self.mem:
            self.mem.close()
        for fd in self.fds:
            os.close(fd)
        self.fds = []
        self.mem = None


class VshmdTest(unittest.TestCase):
    """A directory for the sockets, and vshmd in it."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="vshmd-test-")
        self.addCleanup(shutil.rmtree, self.dir)
        self.a = os.path.join(self.dir, "a.sock")
        self.b = os.path.join(self.dir, "b.sock")
        self.link = f"3={self.a},4={self.b},size=1M"
        self.logs = 0

    def spawn(self, args, **kwargs):
        """Start vshmd, with stderr in a new file, proc.log."""
        self.logs += 1
        log = os.path.join(self.dir, f"log{self.logs}")
        with open(log, "wb") as stderr:
            proc = subprocess.Popen([VSHMD] + args, stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL, stderr=stderr,
                                    cwd=self.dir, **kwargs)
        proc.log = log
        self.addCleanup(self.reap, proc)
        return proc

    @staticmethod
    def reap(proc):
        if proc.poll() is None:
            proc.kill()
        proc.wait()

    @staticmethod
    def log(proc):
        with open(proc.log, encoding="utf-8") as log:
            return log.read()

    def wait_log(self, proc, text, count=1):
        wait_for(lambda: self.log(proc).count(text) >= count,
                 f"'{text}' in the log, which is: {self.log(proc)}")

    def start(self, *args, **kwargs):
        """Start vshmd with --link args, and wait until it is ready."""
        if not args:
            args = (self.link,)
        cmd = ["-v"] + kwargs.pop("options", [])
        for link in args:
            cmd += ["--link", link]
        proc = self.spawn(cmd, **kwargs)
        wait_for(lambda: proc.poll() is not None or
                 self.log(proc).count(" ready: ") == len(args), "ready lines")
        self.assertIsNone(proc.poll(), self.log(proc))
        return proc

    def fail_to_start(self, args, *texts, status=(1,), lines=1, **kwargs):
        """Start vshmd with wrong arguments, and check what it says."""
        proc = self.spawn(args, **kwargs)
        self.assertIn(proc.wait(TIMEOUT), status, self.log(proc))
        log = self.log(proc)
        self.assertEqual(log.count("\n"), lines, log)
        self.assertRegex(log, r"^\S*vshmd: ")
        for text in texts:
            self.assertIn(text, log)

    def stop(self, proc, signum=signal.SIGTERM):
        proc.send_signal(signum)
        return proc.wait(TIMEOUT)

    def connect(self, path, *setup):
        client = Client(path)
        self.addCleanup(client.close)
        return client.setup(*setup) if setup else client

    def hear(self, client):
        """Wait for the doorbell, which rang once."""
        self.assertTrue(select.select([client.own], [], [], TIMEOUT)[0], "no ring")
        self.assertEqual(eventfd_read(client.own), 1)

    def pair(self):
        """Both clients of self.link, connected."""
        return self.connect(self.a, 3, 4), self.connect(self.b, 4, 3)


class TestMemory(VshmdTest):
    def test_header(self):
        """the region's header has the link's size and CIDs"""
        self.start()
        a = self.connect(self.a, 3, 4)
        self.assertEqual(a.size(), M)
        fields = REGION.unpack_from(a.mem)
        self.assertEqual(fields, (MAGIC, 1, 0, M, 0, 3, 4, bytes(24)))
        self.assertEqual(bytes(a.mem[REGION.size:]), bytes(M - REGION.size))

    def test_seals(self):
        """the memory can neither shrink nor grow, nor be sealed further"""
        self.start()
        a = self.connect(self.a, 3, 4)
        self.assertEqual(fcntl.fcntl(a.memfd, fcntl.F_GET_SEALS),
                         fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        for size in (0, 4096, 2 * M):
            with self.assertRaises(PermissionError):
                os.ftruncate(a.memfd, size)
        with self.assertRaises(PermissionError):
            fcntl.fcntl(a.memfd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)

    def test_sizes(self):
        """size= of a link, -s for the others, 64M by default"""
        links = [f"3={self.a},4={self.b}", f"5={self.a}2,size=2m,6={self.b}2"]
        for options, first in (([], 64 * M), (["-s", "4096K"], 4 * M),
                               (["--size=64G"], 64 * G), (["-s", "1048576"], M)):
            with self.subTest(options=options):
                proc = self.start(*links, options=options)
                for path, want in ((self.a, first), (self.a + "2", 2 * M)):
                    client = Client(path)
                    sizes = [os.fstat(fd).st_size for _, fd in
                             (client.recv() for _ in range(3)) if fd is not None]
                    client.close()
                    self.assertEqual(sizes, [want])
                self.stop(proc)

    def test_shared(self):
        """both sides see the same memory"""
        self.start()
        a, b = self.pair()
        a.mem[M - 5:] = b"hello"
        self.assertEqual(b.mem[M - 5:], b"hello")
        self.assertEqual(os.fstat(a.memfd).st_ino, os.fstat(b.memfd).st_ino)


class TestProtocol(VshmdTest):
    def test_order(self):
        """a connects first, then b: each gets five messages, and no more"""
        self.start()
        a = self.connect(self.a, 3, 4)
        self.assertTrue(a.quiet())
        b = self.connect(self.b, 4, 3)
        self.assertTrue(a.quiet())
        self.assertTrue(b.quiet())

    def test_order_reverse(self):
        """b connects first, then a: the same"""
        self.start()
        b = self.connect(self.b, 4, 3)
        a = self.connect(self.a, 3, 4)
        self.assertTrue(a.quiet())
        self.assertTrue(b.quiet())

    def test_doorbells(self):
        """each side's eventfd rings at that side, and does not block"""
        self.start()
        a, b = self.pair()
        for ring, hear, other in ((a.peer, b.own, a.own), (b.peer, a.own, b.own)):
            os.write(ring, struct.pack("<Q", 1))
            self.assertEqual(eventfd_read(hear), 1)
            self.assertEqual(eventfd_read(other), 0)

    def test_cid_range(self):
        """the smallest and the largest CID"""
        self.start(f"65535={self.a},3={self.b},size=1M")
        a = self.connect(self.a, 65535, 3)
        self.connect(self.b, 3, 65535)
        self.assertTrue(a.quiet())

    def test_leave(self):
        """who stays hears the doorbell, and gets no message"""
        self.start()
        a, b = self.pair()
        b.close()
        self.hear(a)
        self.assertTrue(a.quiet())
        a.close()
        self.connect(self.b, 4, 3)

    def test_half_close(self):
        """a client that shuts its sending side down has left"""
        self.start()
        a, b = self.pair()
        b.sock.shutdown(socket.SHUT_WR)
        self.hear(a)
        self.assertIsNone(b.recv())

    def test_reconnect(self):
        """the next client gets the same memory, and eventfds without old rings"""
        self.start()
        a, b = self.pair()
        ino = os.fstat(b.memfd).st_ino
        b.mem[8192:8197] = b"hello"
        b.close()
        self.hear(a)
        os.write(a.peer, struct.pack("<Q", 7))
        b = self.connect(self.b, 4, 3)
        self.assertTrue(a.quiet())
        self.assertEqual(os.fstat(b.memfd).st_ino, ino)
        self.assertEqual(b.mem[8192:8197], b"hello")
        self.assertEqual(eventfd_read(b.own), 0)
        os.write(a.peer, struct.pack("<Q", 1))
        self.assertEqual(eventfd_read(b.own), 1)
        os.write(b.peer, struct.pack("<Q", 1))
        self.assertEqual(eventfd_read(a.own), 1)

    def test_second_client(self):
        """a second client of a side is refused, the first does not notice"""
        proc = self.start()
        a, b = self.pair()
        second = self.connect(self.a)
        self.assertEqual(second.recv(), (-1, None))
        self.assertIsNone(second.recv())
        self.wait_log(proc, "cid 3: refused")
        self.assertTrue(a.quiet())
        self.assertTrue(b.quiet())

    def test_replace_at_once(self):
        """a client that connects right after another left is never refused"""
        proc = self.start()
        for _ in range(300):
            a = Client(self.a)
            a.close()
            a = Client(self.a).setup(3, 4)
            a.close()
        self.assertNotIn("refused", self.log(proc))

    def test_garbage(self):
        """a client that sends data is dropped, and said goodbye for"""
        proc = self.start()
        a, b = self.pair()
        b.set_epoch(1, 1, 0)
        b.sock.send(bytes(100))
        self.hear(a)
        self.assertEqual(a.epoch(1), 2)
        self.assertIsNone(b.recv())
        self.wait_log(proc, "cid 4: dropped")
        self.connect(self.b, 4, 3)

    def test_garbage_fd(self):
        """a client that sends descriptors leaves none of them in vshmd"""
        proc = self.start()
        before = len(os.listdir(f"/proc/{proc.pid}/fd"))
        for _ in range(10):
            a = self.connect(self.a, 3, 4)
            socket.send_fds(a.sock, [b"x"], [0, 1, 2])
            self.assertIsNone(a.recv())
        self.assertEqual(len(os.listdir(f"/proc/{proc.pid}/fd")), before)

    def test_two_links(self):
        """two links at once have nothing in common"""
        self.start(self.link, f"3={self.a}2,5={self.b}2,size=1M")
        a, b = self.pair()
        a2 = self.connect(self.a + "2", 3, 5)
        b2 = self.connect(self.b + "2", 5, 3)
        self.assertNotEqual(os.fstat(a.memfd).st_ino, os.fstat(a2.memfd).st_ino)
        b2.set_epoch(1, 1, 1)
        b2.close()
        self.hear(a2)
        self.assertEqual(a2.epoch(1), 2)
        for client in a, b:
            self.assertTrue(client.quiet())
            self.assertEqual(eventfd_read(client.own), 0)

    def test_never_reads(self):
        """clients that never read stall nobody, and get all once they do"""
        self.start(self.link, f"5={self.a}2,6={self.b}2,size=1M")
        stuck = self.connect(self.a)
        for _ in range(500):
            b = Client(self.b)
            self.assertEqual(b.recv(), (0, None))
            b.close()
        a2 = self.connect(self.a + "2", 5, 6)
        b2 = self.connect(self.b + "2", 6, 5)
        b2.close()
        self.hear(a2)
        stuck.setup(3, 4)

    def test_no_leaks(self):
        """clients that come and go leave no descriptor behind"""
        proc = self.start()
        before = len(os.listdir(f"/proc/{proc.pid}/fd"))
        for _ in range(50):
            a, b = self.pair()
            a.close()
            b.close()
        wait_for(lambda: self.log(proc).count(" left") == 100, "clients left")
        self.assertEqual(len(os.listdir(f"/proc/{proc.pid}/fd")), before)


class TestGoodbye(VshmdTest):
    def check(self, side, before, after):
        self.start()
        clients = self.pair()
        dead, alive = clients[side], clients[not side]
        alive.set_epoch(side, *before)
        alive.set_epoch(not side, 9, before[0])
        dead.close()
        self.hear(alive)
        self.assertEqual(alive.epoch(side), after)
        self.assertEqual(alive.epoch(not side), before[0] << 32 | 9)

    def test_side_0(self):
        """side 0 dies attached: its epoch ends, the peer's doorbell rings"""
        self.check(0, (5, 77), 6)

    def test_side_1(self):
        """side 1 dies attached: the same"""
        self.check(1, (1, 3), 2)

    def test_detached(self):
        """a side that had detached keeps its epoch word"""
        self.check(1, (6, 9), 9 << 32 | 6)

    def test_wrap(self):
        """the last epoch is followed by 0"""
        self.check(0, (0xffffffff, 0xffffffff), 0)

    def test_hostile_peer(self):
        """a peer that scribbles over the epoch all the time cannot hang vshmd"""
        proc = self.start()
        b = self.connect(self.b, 4, 3)
        pid = os.fork()
        if not pid:
            while True:
                b.set_epoch(0, 1, 2)
                b.set_epoch(0, 3, 4)
        try:
            for _ in range(20):
                a = self.connect(self.a, 3, 4)
                a.close()
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self.assertIsNone(proc.poll())

    def test_both_die(self):
        """both sides die: both epochs end, and the link goes on"""
        proc = self.start()
        a, b = self.pair()
        a.set_epoch(0, 1, 1)
        a.set_epoch(1, 1, 1)
        a.close()
        b.close()
        self.wait_log(proc, " left", 2)
        a = self.connect(self.a, 3, 4)
        self.assertEqual((a.epoch(0), a.epoch(1)), (2, 2))
        self.assertEqual(eventfd_read(a.own), 0)

    def test_vshmd_ends(self):
        """the end of vshmd, clean or not, leaves memory and doorbells alone"""
        for signum, status in ((signal.SIGTERM, 0), (signal.SIGKILL, -9)):
            with self.subTest(signum=signum):
                proc = self.start()
                a, b = self.pair()
                a.set_epoch(0, 1, 1)
                b.set_epoch(1, 1, 1)
                self.assertEqual(self.stop(proc, signum), status)
                self.assertIsNone(a.recv())
                self.assertEqual((b.epoch(0), b.epoch(1)), (1 << 32 | 1,) * 2)
                self.assertEqual(eventfd_read(a.own), 0)
                os.write(a.peer, struct.pack("<Q", 1))
                self.assertEqual(eventfd_read(b.own), 1)


class TestFiles(VshmdTest):
    def bound(self, path, kind=socket.SOCK_STREAM):
        sock = socket.socket(socket.AF_UNIX, kind)
        self.addCleanup(sock.close)
        sock.bind(path)
        return sock

    def test_mode(self):
        """sockets have mode 0600, or that of -m, whatever the umask"""
        for options, mode in (([], 0o600), (["-m", "0666"], 0o666),
                              (["--mode=20"], 0o020)):
            with self.subTest(options=options):
                proc = self.start(options=options,
                                  preexec_fn=lambda: os.umask(0o177))
                self.assertEqual(stat.S_IMODE(os.stat(self.a).st_mode), mode)
                self.stop(proc)

    def test_clean_exit(self):
        """SIGTERM, SIGINT and SIGHUP: exit 0, sockets and pid file gone"""
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(signum=signum):
                proc = self.start(options=["-p", "pid"])
                with open(os.path.join(self.dir, "pid"), encoding="ascii") as pid:
                    self.assertEqual(pid.read(), f"{proc.pid}\n")
                self.pair()
                self.assertEqual(self.stop(proc, signum), 0)
                self.assertEqual([f for f in os.listdir(self.dir)
                                  if not f.startswith("log")], [])

    def test_foreign_file_stays(self):
        """a file that took the place of the socket is not removed at exit"""
        proc = self.start()
        os.unlink(self.a)
        with open(self.a, "w", encoding="ascii"):
            pass
        self.assertEqual(self.stop(proc), 0)
        self.assertTrue(os.path.exists(self.a))
        self.assertFalse(os.path.exists(self.b))

    def test_stale(self):
        """the sockets of a killed vshmd are replaced, the memory is new"""
        proc = self.start(options=["-p", "pid"])
        a = self.connect(self.a, 3, 4)
        self.stop(proc, signal.SIGKILL)
        self.assertTrue(os.path.exists(self.a))
        self.start(options=["-p", "pid"])
        again = self.connect(self.a, 3, 4)
        self.assertNotEqual(os.fstat(a.memfd).st_ino, os.fstat(again.memfd).st_ino)

    def test_in_use_by_vshmd(self):
        """a socket that another vshmd serves is refused and not disturbed"""
        self.start()
        a = self.connect(self.a, 3, 4)
        self.fail_to_start(["-l", self.link], self.a, "in use")
        self.fail_to_start(["-l", f"3={self.dir}/c,4={self.b}"], self.b, "in use")
        self.assertFalse(os.path.exists(f"{self.dir}/c"))
        self.assertTrue(a.quiet())
        self.connect(self.b, 4, 3)

    def test_in_use_by_others(self):
        """sockets of other programs are refused: listening, bound, datagram"""
        self.bound(self.a).listen()
        self.fail_to_start(["-l", self.link], self.a, "in use")
        os.unlink(self.a)
        self.bound(self.a)
        self.fail_to_start(["-l", self.link], self.a, "in use")
        os.unlink(self.a)
        self.bound(self.a, socket.SOCK_DGRAM)
        self.fail_to_start(["-l", self.link], self.a, "in use")
        self.assertTrue(os.path.exists(self.a))

    def test_not_a_socket(self):
        """a file, a directory or a symbolic link is refused and stays"""
        with open(self.a, "w", encoding="ascii") as file:
            file.write("precious")
        self.fail_to_start(["-l", self.link], self.a, "not a socket")
        with open(self.a, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")
        os.rename(self.a, self.b)
        self.fail_to_start(["-l", self.link], self.b, "not a socket")
        self.assertFalse(os.path.exists(self.a))
        os.unlink(self.b)
        os.mkdir(self.a)
        self.fail_to_start(["-l", self.link], self.a, "not a socket")
        os.rmdir(self.a)
        os.symlink("nowhere", self.a)
        self.fail_to_start(["-l", self.link], self.a, "not a socket")
        self.assertTrue(os.path.islink(self.a))

    def test_bad_paths(self):
        """paths that cannot be: too long, below nothing, below a file"""
        self.fail_to_start(["-l", f"3={'x' * 108},4={self.b}"], "too long", "107")
        self.fail_to_start(["-l", f"3={self.dir}/no/a,4={self.b}"],
                           f"{self.dir}/no/a", "directory must exist")
        with open(self.a, "w", encoding="ascii"):
            pass
        self.fail_to_start(["-l", f"3={self.a}/a,4={self.b}"], f"{self.a}/a")

    def test_pid_file(self):
        """pid files in use, of something else, or impossible are refused"""
        pid = os.path.join(self.dir, "pid")
        self.start(options=["-p", pid])
        other = ["-l", f"3={self.dir}/c,4={self.dir}/d"]
        self.fail_to_start(other + ["-p", pid], pid, "in use")
        text = os.path.join(self.dir, "text")
        with open(text, "w", encoding="ascii") as file:
            file.write("12 precious")
        self.fail_to_start(other + ["-p", text], text, "something else")
        with open(text, encoding="ascii") as file:
            self.assertEqual(file.read(), "12 precious")
        os.symlink("text", os.path.join(self.dir, "link"))
        self.fail_to_start(other + ["-p", "link"], "link")
        self.fail_to_start(other + ["-p", "/dev/null"], "/dev/null", "something else")
        self.fail_to_start(other + ["-p", self.dir], self.dir)
        self.fail_to_start(other + ["-p", "no/pid"], "no/pid")
        stale = os.path.join(self.dir, "stale")
        with open(stale, "w", encoding="ascii") as file:
            file.write("4194304\n")
        self.start(other[1], options=["-p", stale])

    def test_journal(self):
        """lines have a priority when the journal reads stderr"""
        read, write = os.pipe()
        st = os.fstat(write)
        for stream, start in ((f"{st.st_dev}:{st.st_ino}", b"<5>link 3-4 ready"),
                              (f"{st.st_dev}:{st.st_ino + 1}", b"vshmd: link 3-4")):
            proc = subprocess.Popen([VSHMD, "-l", self.link], stderr=write,
                                    env=dict(os.environ, JOURNAL_STREAM=stream))
            self.addCleanup(self.reap, proc)
            self.assertTrue(os.read(read, 4096).startswith(start))
            self.stop(proc)
        os.close(read)
        os.close(write)

    def test_descriptors(self):
        """the limit on open files is raised as far as needed, or it is said"""
        links = [f"3=a{i},4=b{i},size=1M" for i in range(30)]

        def limit(soft, hard):
            return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

        self.start(*links, preexec_fn=limit(40, 400))
        clients = [self.connect(os.path.join(self.dir, f"{s}{i}"))
                   for s in "ab" for i in range(30)]
        for client in clients:
            self.assertEqual(client.recv(), (0, None))
        args = [arg for link in links for arg in ("-l", link + "x")]
        self.fail_to_start([a.replace("sizex", "size").replace("1Mx", "1M")
                            .replace("=a", "=c").replace("=b", "=d") for a in args],
                           "30 links", "40", preexec_fn=limit(40, 40))

    def test_closed_stderr(self):
        """no socket takes the place of a closed standard descriptor"""
        proc = subprocess.Popen(
            ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", VSHMD, "-v", "-l", self.link])
        self.addCleanup(self.reap, proc)
        wait_for(lambda: os.path.exists(self.b), "socket")
        for fd in range(3):
            self.assertEqual(os.readlink(f"/proc/{proc.pid}/fd/{fd}"), "/dev/null")
        self.connect(self.a, 3, 4)


class TestDaemon(VshmdTest):
    def daemon_pid(self):
        with open(os.path.join(self.dir, "pid"), encoding="ascii") as file:
            return int(file.read())

    def test_daemon(self):
        """-d: all works when the parent exits, and nothing is left at the end"""
        proc = self.spawn(["-d", "-p", "pid", "-l", "3=a.sock,4=b.sock"])
        self.assertEqual(proc.wait(TIMEOUT), 0)
        pid = self.daemon_pid()
        try:
            self.assertEqual(self.log(proc), "")
            pair = self.pair()
            self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")
            self.assertEqual(os.getsid(pid), pid)
            for fd in range(3):
                self.assertEqual(os.readlink(f"/proc/{pid}/fd/{fd}"), "/dev/null")
            self.fail_to_start(["-d", "-p", "pid", "-l", self.link], "in use")
            os.kill(pid, signal.SIGHUP)
            for client in pair:
                client.close()
            self.pair()
        finally:
            os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not [f for f in os.listdir(self.dir)
                              if not f.startswith("log")], "files gone")

    def test_daemon_fails(self):
        """-d: errors are on stderr, in the exit status, and undone"""
        with open(self.b, "w", encoding="ascii"):
            pass
        self.fail_to_start(["-d", "-p", "pid", "-l", self.link], self.b, "not a socket")
        self.assertFalse(os.path.exists(self.a))
        self.assertFalse(os.path.exists(os.path.join(self.dir, "pid")))


class TestCommandLine(VshmdTest):
    def test_links(self):
        """wrong links"""
        a, b = f"3={self.a}", f"4={self.b}"
        for link, text in (
                ("", "neither"), (a, "fewer than two"), (f"{a},", "neither"),
                (f"{a},{b},5={self.a}2", "more than two"), ("3,4", "'3' is neither"),
                (f"{a},{b},foo", "'foo'"), (f"{a},{b},foo=1", "more than two"),
                (f"{a},foo={self.b}", "'foo'"), (f"={self.a},{b}", "CID ''"),
                (f"2={self.a},{b}", "CID '2'"), (f"65536={self.a},{b}", "65535"),
                (f"-3={self.a},{b}", "CID '-3'"), (f"+3={self.a},{b}", "CID '+3'"),
                (f" 3={self.a},{b}", "CID ' 3'"), (f"3x={self.a},{b}", "CID '3x'"),
                (f"4294967299={self.a},{b}", "4294967299"),
                (f"99999999999999999999={self.a},{b}", "99999999999999999999"),
                (f"3=,{b}", "no path"), (f"3={self.a},3={self.b}", "itself"),
                (f"3={self.a},4={self.a}", f"'{self.a}' is used twice"),
                (f"3={self.a},4=a.sock", "used twice"),
                (f"{a},{b},size=1M,size=1M", "two sizes")):
            with self.subTest(link=link):
                self.fail_to_start(["--link", link], f"'{link}'", text)
        self.fail_to_start(["-l", self.link, "-l", f"5={self.b},6={self.b}2"],
                           f"'{self.b}' is used twice")
        self.assertFalse(os.path.exists(self.a))

    def test_sizes(self):
        """wrong sizes"""
        for size in ("", "0", "1", "512K", "3M", "1048577", "128G", "1T", "1MB", "M",
                     "-1M", "+1M", " 1M", "0x100000", "1.5M", "18446744073709551615",
                     "18446744073709551616", "17179869185G", "1M "):
            with self.subTest(size=size):
                self.fail_to_start(["-s", size, "-l", self.link],
                                   f"'{size}'", "power of two", "1M", "64G")
                self.fail_to_start(["-l", f"3={self.a},4={self.b},size={size}"],
                                   f"'{size}'", "power of two")

    def test_modes(self):
        """wrong modes"""
        for mode in ("", "8", "1000", "rw", "-1", "0600x", "77777777777777777777777"):
            with self.subTest(mode=mode):
                self.fail_to_start(["-m", mode, "-l", self.link], f"'{mode}'", "octal")

    def test_usage(self):
        """no link, unknown options, arguments, missing values"""
        self.fail_to_start([], "no link", status=(64,), lines=2)
        self.fail_to_start(["-l", self.link, "foo"], "'foo'", status=(64,), lines=2)
        self.fail_to_start(["--frob"], "--frob", status=(64,), lines=2)
        self.fail_to_start(["-l"], "l", status=(64,), lines=2)
        self.fail_to_start(["-p", "", "-l", self.link], "pid file ''")

    def test_help(self):
        """--help names every option, --version the version"""
        text = subprocess.check_output([VSHMD, "--help"], text=True)
        for option in ("link", "size", "daemon", "pid-file", "mode", "verbose",
                       "help", "version"):
            self.assertIn("--" + option, text)
        self.assertRegex(subprocess.check_output([VSHMD, "--version"], text=True),
                         r"^vshmd [0-9.]+\n$")


class Qemu:
    """A QEMU without a guest, its PCI device driven through qtest.

    The machine stands still, so the test is the guest: it sets the device's
    registers up, and has MSI-X write to RAM, where it sees it.
    """
    DEVICE = 0x80002000             # bus 0, slot 4, function 0
    REGISTERS, TABLE, MEMORY = 0xe0000000, 0xe0001000, 0xd0000000
    DOORBELL = 12
    MSI_ADDRESS, MSI_DATA = 0x1000, 0xd00dbe11

    def __init__(self, path, log):
        self.log = log
        with open(log, "wb") as stderr:
            self.proc = subprocess.Popen(
                [QEMU, "-accel", "tcg", "-machine", "pc", "-nodefaults", "-m", "16",
                 "-display", "none", "-S", "-qtest", "stdio", "-qtest-log", "/dev/null",
                 "-chardev", f"socket,id=vshm0,path={path}",
                 "-device", "ivshmem-doorbell,chardev=vshm0,vectors=1,addr=4"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True)

    def __call__(self, *words):
        """Give a command to qtest; its answer as a number, if it has one."""
        line = " ".join(w if isinstance(w, str) else hex(w) for w in words)
        self.proc.stdin.write(line + "\n")
        self.proc.stdin.flush()
        answer = self.proc.stdout.readline().split()
        if not answer or answer[0] != "OK":
            with open(self.log, encoding="utf-8") as log:
                raise AssertionError(f"{line}: {answer} {log.read()}")
        return int(answer[1], 0) if len(answer) > 1 else None

    def config(self, offset, value=None):
        self("outl", 0xcf8, self.DEVICE | offset)
        return self("inl", 0xcfc) if value is None else self("outl", 0xcfc, value)

    def start(self):
        """What firmware and driver do."""
        if self.config(0) != 0x11101af4:
            raise AssertionError(f"device {self.config(0):#x}")
        for offset, value in ((0x10, self.REGISTERS), (0x14, self.TABLE),
                              (0x18, self.MEMORY), (0x1c, 0), (0x04, 6)):
            self.config(offset, value)
        for offset, value in ((0, self.MSI_ADDRESS), (4, 0), (8, self.MSI_DATA), (12, 0)):
            self("writel", self.TABLE + offset, value)
        cap = self.config(0x34) & 0xff
        while self.config(cap) & 0xff != 0x11:
            cap = self.config(cap) >> 8 & 0xff
        self.config(cap, self.config(cap) | 1 << 31)

    def cid(self):
        return self("readl", self.REGISTERS + 8)

    def ring(self, cid):
        self("writel", self.REGISTERS + self.DOORBELL, cid << 16)

    def interrupted(self):
        """True if there was an interrupt, which is taken."""
        if self("readl", self.MSI_ADDRESS) != self.MSI_DATA:
            return False
        self("writel", self.MSI_ADDRESS, 0)
        return True

    def close(self):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()
        self.proc.stdin.close()
        self.proc.stdout.close()

    def errors(self):
        with open(self.log, encoding="utf-8") as log:
            return log.read()


@unittest.skipUnless(QEMU, "no qemu-system-x86_64")
class TestQemu(VshmdTest):
    def qemu(self, path, name):
        qemu = Qemu(path, os.path.join(self.dir, "log-" + name))
        self.addCleanup(qemu.close)
        return qemu

    @staticmethod
    def ring(bell, hearer):
        """Ring, and wait until it is heard."""
        bell.ring(hearer.cid())
        wait_for(hearer.interrupted, "interrupt")

    def test_two_qemus(self):
        """two QEMUs: share, ring, die, come back thrice, outlive vshmd, complain never"""
        proc = self.start()
        a, b = self.qemu(self.a, "a"), self.qemu(self.b, "b")
        a.start()
        b.start()
        self.wait_log(proc, " connected", 2)
        self.assertEqual((a.cid(), b.cid()), (3, 4))
        self.assertEqual(b("readq", b.MEMORY), MAGIC)
        self.ring(b, a)
        self.ring(a, b)

        epoch = side_offset(0, M)
        a("writeq", a.MEMORY + epoch, 7 << 32 | 5)
        a.close()
        wait_for(b.interrupted, "interrupt")
        self.assertEqual(b("readq", b.MEMORY + epoch), 6)

        for i in range(3):
            a = self.qemu(self.a, f"again{i}")
            a.start()
            self.assertEqual(a("readq", a.MEMORY + epoch), 6)
            self.ring(b, a)
            self.ring(a, b)
            if i < 2:
                a.close()
                wait_for(b.interrupted, "interrupt")

        self.stop(proc, signal.SIGKILL)
        self.ring(b, a)
        self.ring(a, b)
        for log in os.listdir(self.dir):
            if log.startswith("log-"):
                with open(os.path.join(self.dir, log), encoding="utf-8") as file:
                    self.assertEqual(file.read(), "", log)

    def test_refused_qemu(self):
        """a second QEMU at the same socket says that it cannot start"""
        proc = self.start()
        self.connect(self.a, 3, 4)
        second = self.qemu(self.a, "second")
        self.assertEqual(second.proc.wait(TIMEOUT), 1)
        self.assertIn("server sent version -1", second.errors())
        self.wait_log(proc, "cid 3: refused")


class TapResult(unittest.TestResult):
    """One line of TAP for each test."""

    def __init__(self, *args):
        super().__init__(*args)
        self.line = None

    def startTest(self, test):
        super().startTest(test)
        self.line = ("ok", "")

    def trouble(self, test, err):
        self.line = ("not ok", "")
        for line in f"{test.id()}\n{self._exc_info_to_string(err, test)}".splitlines():
            print("#", line)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.trouble(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        if not isinstance(test, unittest.TestCase):
            self.testsRun += 1
            print(f"not ok {self.testsRun} - {test}")
        self.trouble(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.trouble(subtest, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line = ("ok", f" # SKIP {reason}")

    def stopTest(self, test):
        group = type(test).__name__.replace("Test", "").lower()
        print(f"{self.line[0]} {self.testsRun} - {group}: "
              f"{test.shortDescription()}{self.line[1]}", flush=True)
        super().stopTest(test)


def chosen(suite, names):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from chosen(test, names)
        elif not names or any(name in test.id() for name in names):
            yield test


def main():
    global VSHMD
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    VSHMD = os.path.abspath(sys.argv[1])
    if not os.access(VSHMD, os.X_OK):
        sys.exit(f"{sys.argv[1]}: {os.strerror(errno.ENOENT)}: build vshmd first")
    tests = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = TapResult()
    print("TAP version 13")
    unittest.TestSuite(chosen(tests, sys.argv[2:])).run(result)
    print(f"1..{result.testsRun}")
    sys.exit(not result.wasSuccessful())


if __name__ == "__main__":
    main()
