#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Servers for clients.py, on AF_VSOCK, with nothing but Python's own library."""

import asyncio
import http.server
import os
import socket
import socketserver
import threading

from ports import ASYNC, DATAGRAM, HTTP, PACKET, STREAM


def listener(kind, port):
    s = socket.socket(socket.AF_VSOCK, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((socket.VMADDR_CID_ANY, port))
    s.listen(16)
    return s


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)


class EchoServer(socketserver.ThreadingTCPServer):
    address_family = socket.AF_VSOCK
    daemon_threads = True


def packets(s):
    """Answers each packet with its length, sender and content."""
    while True:
        c, (cid, _) = s.accept()
        with c:
            while data := c.recv(1 << 17):
                c.send(b"%d %d " % (len(data), cid) + data[:1000])


def datagrams():
    """Answers each datagram with the same backwards."""
    s = socket.socket(socket.AF_VSOCK, socket.SOCK_DGRAM)
    s.bind((socket.VMADDR_CID_ANY, DATAGRAM))
    while True:
        data, sender = s.recvfrom(1 << 16)
        s.sendto(data[::-1], sender)


class Files(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        left = int(self.headers["Content-Length"])
        with open(self.translate_path(self.path), "wb") as f:
            while left:
                data = self.rfile.read(min(left, 1 << 16))
                left -= len(data)
                f.write(data)
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class WebServer(http.server.ThreadingHTTPServer):
    address_family = socket.AF_VSOCK

    def server_bind(self):
        # the base class asks DNS for the name of an Internet address
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "vsock", self.server_address[1]


async def reverse(reader, writer):
    """Answers each line with the same backwards."""
    while line := await reader.readline():
        writer.write(line.rstrip(b"\n")[::-1] + b"\n")
        await writer.drain()
    writer.close()


async def lines():
    server = await asyncio.start_server(
        reverse, sock=listener(socket.SOCK_STREAM, ASYNC), limit=1 << 20)
    print("serving", flush=True)
    await server.serve_forever()


def main():
    os.makedirs("/tmp/www", exist_ok=True)
    os.chdir("/tmp/www")
    everyone = socket.VMADDR_CID_ANY
    for run in (EchoServer((everyone, STREAM), Echo).serve_forever,
                WebServer((everyone, HTTP), Files).serve_forever,
                datagrams,
                lambda: packets(listener(socket.SOCK_SEQPACKET, PACKET))):
        threading.Thread(target=run, daemon=True).start()
    asyncio.run(lines())


main()
