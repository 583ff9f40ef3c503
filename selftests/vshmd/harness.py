# SPDX-License-Identifier: GPL-2.0
"""What the tests of vshmd share: a client that is to vshmd what QEMU is, a test
case that starts the daemon, and TAP."""
import json
import mmap
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

# Set by test_vshmd.py.
VSHMD = None
VSHM = None

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


def dial(path):
    """A socket connected to path.

    Python's timeouts make a socket non-blocking, and connect() then fails
    with EAGAIN when the backlog is full; the kernel's timeout does not.
    """
    sock = socket.socket(socket.AF_UNIX)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", TIMEOUT, 0))
    try:
        sock.connect(path)
    except OSError:
        sock.close()
        raise
    sock.settimeout(TIMEOUT)
    return sock


class Client:
    """What QEMU is to vshmd."""

    def __init__(self, path):
        self.sock = dial(path)
        self.fds = []
        self.memfd = self.own = self.peer = self.echo = self.mem = None

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
        got = [self.recv() for _ in range(7)]
        want = [(0, False), (cid, False), (-1, True), (peer, True), (cid, True),
                (peer, True), (cid, True)]
        shape = [m and (m[0], m[1] is not None) for m in got]
        if shape != want:
            raise AssertionError(f"setup is {shape}, not {want}")
        self.memfd = got[2][1]
        self.peer, self.own = got[3][1], got[4][1]
        self.echo = got[5][1], got[6][1]
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
            program = kwargs.pop("program", VSHMD)
            kwargs["env"] = dict(kwargs.get("env", os.environ), VSHMD=VSHMD)
            proc = subprocess.Popen([program] + args, stdin=subprocess.DEVNULL,
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


class NotifySocket:
    """What systemd is to its services: takes messages, and holds descriptors."""

    def __init__(self, path):
        self.path = path
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(path)
        self.messages = []
        self.held = []
        self.running = True
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while self.running:
            if not select.select([self.sock], [], [], 0.1)[0]:
                continue
            data, fds, _, _ = socket.recv_fds(self.sock, 4096, 4)
            for fd in fds:
                os.set_inheritable(fd, False)
            lines = dict(line.split("=", 1) for line in data.decode().split("\n"))
            if "FDSTORE" in lines:
                self.held += [(lines["FDNAME"], fd) for fd in fds]
            else:
                for fd in fds:
                    os.close(fd)
            if "FDSTOREREMOVE" in lines:
                self.drop(lambda name: name == lines["FDNAME"])
            self.messages.append(data.decode())

    def drop(self, condition):
        for name, fd in list(self.held):
            if condition(name):
                os.close(fd)
                self.held.remove((name, fd))

    def text(self):
        return "\n\n".join(self.messages)

    def names(self):
        return sorted(name for name, _ in self.held)

    def close(self):
        self.running = False
        self.thread.join()
        self.drop(lambda name: True)
        self.sock.close()


class ConfigTest(VshmdTest):
    """vshmd with a configuration that has one link, and a control socket."""

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.dir, "vshmd.conf")
        self.control = os.path.join(self.dir, "control")
        self.config = {"host": False, "control": self.control, "size": "1M",
                       "links": [{"cids": [3, 4], "sockets": [self.a, self.b]}]}

    def write(self, config):
        """Write the configuration, text or an object, and return its path."""
        if not isinstance(config, str):
            config = json.dumps(config)
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(config)
        return self.path

    def serve(self, *options, **kwargs):
        """Start vshmd with self.config, and wait until it is ready."""
        self.write(self.config)
        proc = self.spawn(["-v", "-c", self.path, *options], **kwargs)
        wait_for(lambda: proc.poll() is not None or self.answers(), "control socket")
        self.assertIsNone(proc.poll(), self.log(proc))
        return proc

    def answers(self):
        try:
            return self.ask(op="list")["ok"]
        except OSError:
            return False

    def ask(self, **request):
        """Send a request, and return the answer."""
        return self.ask_line(json.dumps(request))

    def ask_line(self, line):
        with dial(self.control) as sock:
            try:
                sock.send(line.encode() + b"\n")
            except BrokenPipeError:
                pass        # refused, and told so
            with sock.makefile() as file:
                return json.loads(file.readline())

    def vshm(self, *args, status=0):
        """Run vshm; its output, or its error message if it shall fail."""
        if not os.access(VSHM, os.X_OK):
            self.skipTest("vshm is not built")
        done = subprocess.run([VSHM, "--control", self.control, *args], text=True,
                              capture_output=True, check=False, cwd=self.dir,
                              timeout=TIMEOUT)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stderr if status else done.stdout

    def notify_socket(self):
        bus = NotifySocket(os.path.join(self.dir, "notify"))
        self.addCleanup(bus.close)
        return bus


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
