# SPDX-License-Identifier: GPL-2.0
"""A link: its memory, the protocol, and the end of a side."""
import fcntl
import mmap
import os
import signal
import socket
import struct
from harness import G, M, MAGIC, REGION, Client, VshmdTest, eventfd_read, wait_for


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
        """a connects first, then b: each gets seven messages, and no more"""
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

    def test_echo(self):
        """the peer's second eventfd rings oneself, and is nobody else's"""
        self.start()
        a, b = self.pair()
        for client, other in ((a, b), (b, a)):
            os.write(client.echo[0], struct.pack("<Q", 1))
            self.assertEqual(eventfd_read(other.echo[1]), 0)
            self.assertEqual(eventfd_read(client.echo[1]), 1)
            self.assertEqual((eventfd_read(a.own), eventfd_read(b.own)), (0, 0))
        old = b.echo[1]
        b.fds.remove(old)
        b.close()
        self.hear(a)
        b = self.connect(self.b, 4, 3)
        os.write(b.echo[0], struct.pack("<Q", 1))
        self.assertEqual(eventfd_read(old), 0)
        self.assertEqual(eventfd_read(b.echo[1]), 1)
        os.close(old)

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
