#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""peer.py SOCKET CID: what a guest is to a host, without a guest.

Takes the end of a link from vshmd as QEMU does, attaches it to a network
namespace of its own through /dev/vshm, and then keeps numbered bytes going to
and fro over that link, until SIGTERM. Prints the bytes that came back and ends
with status 0 if all did, in order, on the one connection made at the start.
Takes root."""
import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Client  # noqa: E402

AF_VSHM = int(os.environ.get("VSHM_FAMILY", "18"))
CLONE_NEWNET = 0x40000000
VSHM_IOC_ATTACH = 0x4020b501
HOST, PORT, CHUNK = 2, 5000, 4096
libc = ctypes.CDLL(None, use_errno=True)


def check(result):
    """The result of a call of the C library, or its error."""
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def address(cid, port):
    """struct sockaddr_vshm"""
    return struct.pack("=HHIIB3x", AF_VSHM, 0, port, cid, 0)


class Socket:
    """A stream socket; Python knows no addresses of the family."""

    def __init__(self, fd=None):
        if fd is None:
            fd = check(libc.socket(AF_VSHM, socket.SOCK_STREAM, 0))
        self.fd = fd

    def call(self, name, *args):
        return check(getattr(libc, name)(self.fd, *args))

    def at(self, name, cid, port):
        raw = address(cid, port)
        return self.call(name, raw, len(raw))

    def recv(self, length):
        data = b""
        while len(data) < length:
            piece = os.read(self.fd, length - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def send(self, data):
        while data:
            data = data[os.write(self.fd, data):]


def serve(listener):
    """Return what comes."""
    conn = Socket(listener.call("accept", None, None))
    try:
        while True:
            conn.send(conn.recv(CHUNK))
    except (EOFError, OSError):
        pass


def attach(path, cid):
    """One end of the link, in a new namespace; Returns what keeps it there."""
    client = Client(path).setup(cid, HOST)
    check(libc.unshare(CLONE_NEWNET))
    dev = os.open("/dev/vshm", os.O_RDWR)
    fcntl.ioctl(dev, VSHM_IOC_ATTACH, struct.pack(
        "=IIiiiIII", 32, 0, client.memfd, client.own, client.peer, cid, HOST, 0))
    return client, dev


def main():
    path, cid = sys.argv[1], int(sys.argv[2])
    listener = Socket()
    listener.at("bind", 0xffffffff, PORT)
    listener.call("listen", 1)
    threading.Thread(target=serve, args=(listener,), daemon=True).start()

    # this thread plays the guest, the other one the host
    kept = attach(path, cid)
    conn = Socket()
    for _ in range(100):
        try:
            conn.at("connect", HOST, PORT)
            break
        except OSError as err:
            print("connect:", err, file=sys.stderr)
            threading.Event().wait(0.1)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    print("connected", flush=True)
    done = 0
    while not stop.is_set():
        data = struct.pack("<Q", done) * (CHUNK // 8)
        conn.send(data)
        if conn.recv(CHUNK) != data:
            raise AssertionError(f"byte {done} and following came back different")
        done += CHUNK
    print(done, "bytes came back")
    del kept


main()
