#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""clients.py CID OWN-CID [TEST...]: Python's socket.AF_VSOCK against serve.py."""

import asyncio
import errno
import fcntl
import hashlib
import http.client
import os
import select
import socket
import struct
import sys
import threading
import unittest

from ports import ASYNC, DATAGRAM, HTTP, PACKET, STREAM

CID, OWN = int(sys.argv.pop(1)), int(sys.argv.pop(1))


def connected(kind, port):
    s = socket.socket(socket.AF_VSOCK, kind)
    s.settimeout(20)
    s.connect((CID, port))
    return s


class Stream(unittest.TestCase):
    def setUp(self):
        self.s = connected(socket.SOCK_STREAM, STREAM)
        self.addCleanup(self.s.close)

    def test_names(self):
        self.assertEqual((CID, STREAM), self.s.getpeername())
        cid, port = self.s.getsockname()
        self.assertEqual(CID if CID == 1 else OWN, cid)
        self.assertGreater(port, 1023)

    def test_echo_of_much(self):
        data = os.urandom(1 << 20) * 4
        sender = threading.Thread(target=self.s.sendall, args=(data,))
        sender.start()
        got = bytearray()
        while len(got) < len(data):
            piece = self.s.recv(1 << 16)
            self.assertTrue(piece)
            got += piece
        sender.join()
        self.assertEqual(data, bytes(got))

    def test_makefile(self):
        with self.s.makefile("rw") as f:
            f.write("a line\n")
            f.flush()
            self.assertEqual("a line\n", f.readline())

    def test_half_close(self):
        self.s.sendall(b"last words")
        self.s.shutdown(socket.SHUT_WR)
        with self.s.makefile("rb") as f:
            self.assertEqual(b"last words", f.read())

    def test_poll(self):
        p = select.poll()
        p.register(self.s, select.POLLIN)
        self.assertEqual([], p.poll(0))
        self.s.sendall(b"x")
        self.assertEqual([(self.s.fileno(), select.POLLIN)], p.poll(10000))

    def test_sendfile(self):
        data = os.urandom(300000)
        with open("/tmp/file", "wb") as f:
            f.write(data)
        with open("/tmp/file", "rb") as f:
            sender = threading.Thread(target=self.s.sendfile, args=(f,))
            sender.start()
            got = b""
            while len(got) < len(data):
                got += self.s.recv(1 << 16)
            sender.join()
        self.assertEqual(data, got)

    def test_buffer_options(self):
        for size in (8192, 65536):
            self.s.setsockopt(socket.AF_VSOCK,
                              socket.SO_VM_SOCKETS_BUFFER_SIZE,
                              size)
            self.assertEqual(size, self.s.getsockopt(
                socket.AF_VSOCK, socket.SO_VM_SOCKETS_BUFFER_SIZE))


class Packets(unittest.TestCase):
    def test_boundaries(self):
        with connected(socket.SOCK_SEQPACKET, PACKET) as s:
            for n in (1, 999, 40000):
                s.send(b"p" * n)
            for n in (1, 999, 40000):
                head = b"%d %d " % (n, 1 if CID == 1 else OWN)
                self.assertEqual(head + b"p" * min(n, 1000), s.recv(1 << 17))


class Datagrams(unittest.TestCase):
    def test_there_and_back(self):
        with socket.socket(socket.AF_VSOCK, socket.SOCK_DGRAM) as s:
            s.settimeout(20)
            s.bind((socket.VMADDR_CID_ANY, socket.VMADDR_PORT_ANY))
            for n in (0, 1, 1000, 8000):
                data = os.urandom(n)
                s.sendto(data, (CID, DATAGRAM))
                self.assertEqual((data[::-1], (CID, DATAGRAM)),
                                 s.recvfrom(1 << 16))
            s.connect((CID, DATAGRAM))
            s.send(b"abc")
            self.assertEqual(b"cba", s.recv(10))


class Asyncio(unittest.IsolatedAsyncioTestCase):
    async def line(self, i):
        s = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
        s.setblocking(False)
        await asyncio.get_running_loop().sock_connect(s, (CID, ASYNC))
        reader, writer = await asyncio.open_connection(sock=s, limit=1 << 20)
        line = b"%d " % i * (1 + i * 500)
        writer.write(line + b"\n")
        await writer.drain()
        answer = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return answer == line[::-1] + b"\n"

    async def test_streams_at_once(self):
        done = await asyncio.wait_for(
            asyncio.gather(*(self.line(i) for i in range(30))), 60)
        self.assertEqual([True] * 30, done)


class Http(unittest.TestCase):
    def test_put_and_get(self):
        data = os.urandom(2000000)
        c = http.client.HTTPConnection("vsock")
        c.sock = connected(socket.SOCK_STREAM, HTTP)
        self.addCleanup(c.close)
        # one connection, kept alive
        c.request("PUT", "/%d" % OWN, data)
        r = c.getresponse()
        self.assertEqual(201, r.status)
        r.read()
        c.request("GET", "/%d" % OWN)
        r = c.getresponse()
        self.assertEqual(200, r.status)
        self.assertEqual(hashlib.sha256(data).digest(),
                         hashlib.sha256(r.read()).digest())
        c.request("GET", "/nothing")
        self.assertEqual(404, c.getresponse().status)


class Machine(unittest.TestCase):
    def test_local_cid(self):
        with open("/dev/vsock", "rb") as f:
            r = fcntl.ioctl(f, socket.IOCTL_VM_SOCKETS_GET_LOCAL_CID, b"    ")
        self.assertEqual(OWN, struct.unpack("I", r)[0])

    def test_errors(self):
        for address, error in (((CID, 9), errno.ECONNRESET),
                               ((4321, 9), errno.ENODEV),
                               ((CID, socket.VMADDR_PORT_ANY), errno.EINVAL)):
            with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as s:
                self.assertEqual(error, s.connect_ex(address))
        with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as s:
            with self.assertRaises(OSError) as caught:
                s.bind((4321, 9000))
            self.assertEqual(errno.EADDRNOTAVAIL, caught.exception.errno)
            with self.assertRaises(OSError) as caught:
                s.send(b"x")
            self.assertEqual(errno.ENOTCONN, caught.exception.errno)


unittest.main(verbosity=2)
