#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""hello.py       waits for a connection and prints what it brings
hello.py CID   says hello to the one that waits at that CID; 1 is this kernel

Python makes sockets of any family, but addresses only of those that it knows,
so the calls that take one go to the C library."""
import ctypes
import os
import socket
import struct
import sys

AF_VSHM, VSHM_CID_ANY, PORT = 18, 0xffffffff, 5000
libc = ctypes.CDLL(None, use_errno=True)


def call(function, sock, cid):
    """bind() or connect()"""
    address = struct.pack("=HHIIB3x", AF_VSHM, 0, PORT, cid, 0)
    if function(sock.fileno(), address, len(address)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


with socket.socket(AF_VSHM, socket.SOCK_STREAM) as sock:
    if len(sys.argv) > 1:
        call(libc.connect, sock, int(sys.argv[1]))
        sock.sendall(b"hello\n")
    else:
        call(libc.bind, sock, VSHM_CID_ANY)
        sock.listen()
        with socket.socket(fileno=libc.accept(sock.fileno(), None, None)) as conn:
            while data := conn.recv(100):
                sys.stdout.write(data.decode())
