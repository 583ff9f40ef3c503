# SPDX-License-Identifier: GPL-2.0
"""Real QEMUs in the clients' places."""
import os
import shutil
import signal
import subprocess
import unittest
from harness import M, MAGIC, TIMEOUT, VshmdTest, side_offset, wait_for

QEMU = shutil.which("qemu-system-x86_64")


class Qemu:
    """A QEMU without a guest, its PCI device driven through qtest.

    The machine stands still, so the test is the guest: it sets the device's
    registers up, and has MSI-X write to RAM, where it sees it.
    """
    DEVICE = 0x80002000             # bus 0, slot 4, function 0
    REGISTERS, TABLE, MEMORY = 0xe0000000, 0xe0001000, 0xd0000000
    DOORBELL = 12
    NEWS, ECHO = 0, 1
    MSI_ADDRESS, MSI_DATA = 0x1000, 0xd00dbe11    # of vector 0; 8 bytes for each

    def __init__(self, path, log):
        self.log = log
        with open(log, "wb") as stderr:
            self.proc = subprocess.Popen(
                [QEMU, "-accel", "tcg", "-machine", "pc", "-nodefaults", "-m", "16",
                 "-display", "none", "-S", "-qtest", "stdio", "-qtest-log", "/dev/null",
                 "-chardev", f"socket,id=vshm0,path={path}",
                 "-device", "ivshmem-doorbell,chardev=vshm0,vectors=2,addr=4"],
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
        for vector in (self.NEWS, self.ECHO):
            for offset, value in ((0, self.MSI_ADDRESS + 8 * vector), (4, 0),
                                  (8, self.MSI_DATA), (12, 0)):
                self("writel", self.TABLE + 16 * vector + offset, value)
        cap = self.config(0x34) & 0xff
        while self.config(cap) & 0xff != 0x11:
            cap = self.config(cap) >> 8 & 0xff
        self.config(cap, self.config(cap) | 1 << 31)

    def cid(self):
        return self("readl", self.REGISTERS + 8)

    def ring(self, cid, vector=NEWS):
        self("writel", self.REGISTERS + self.DOORBELL, cid << 16 | vector)

    def interrupted(self, vector=NEWS):
        """True if there was an interrupt, which is taken."""
        address = self.MSI_ADDRESS + 8 * vector
        if self("readl", address) != self.MSI_DATA:
            return False
        self("writel", address, 0)
        return True

    def answers(self):
        """True if the device said that the CID asked for is its peer's."""
        return self.interrupted(self.ECHO)

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

    def test_who_is_there(self):
        """a QEMU asks its device who is at the other end: 4, not 2 or 5"""
        proc = self.start()
        a, b = self.qemu(self.a, "a"), self.qemu(self.b, "b")
        a.start()
        b.start()
        self.wait_log(proc, " connected", 2)
        # what comes after them has come by then
        for wrong in (2, 5):
            a.ring(wrong, a.ECHO)
            self.ring(b, a)
            self.ring(a, b)
            self.assertFalse(a.answers())
        a.ring(b.cid(), a.ECHO)
        wait_for(a.answers, "echo")
        self.assertFalse(b.answers())

    def test_refused_qemu(self):
        """a second QEMU at the same socket says that it cannot start"""
        proc = self.start()
        self.connect(self.a, 3, 4)
        second = self.qemu(self.a, "second")
        self.assertEqual(second.proc.wait(TIMEOUT), 1)
        self.assertIn("server sent version -1", second.errors())
        self.wait_log(proc, "cid 3: refused")

    def test_live_migration(self):
        """a QEMU with the device refuses to migrate, as operators.rst says"""
        proc = self.start()
        stay = subprocess.run(
            [QEMU, "-accel", "tcg", "-machine", "pc", "-nodefaults", "-m", "16",
             "-display", "none", "-S", "-monitor", "stdio",
             "-chardev", f"socket,id=vshm0,path={self.a}",
             "-device", "ivshmem-doorbell,chardev=vshm0,vectors=2"],
            input="migrate exec:cat>/dev/null\ninfo migrate_parameters\nquit\n",
            capture_output=True, text=True, timeout=TIMEOUT, check=True)
        self.wait_log(proc, " connected", 1)
        self.assertRegex(stay.stdout, "(?i)migration is disabled.*ivshmem")
