# SPDX-License-Identifier: GPL-2.0
"""The control socket, and the command vshm."""
import json
import os
import re
import shlex
import shutil
import socket
import stat
import subprocess
import unittest
import xml.etree.ElementTree as ElementTree

import harness
import schema
from harness import M, ConfigTest, VshmdTest, dial

# what virt-xml-validate looks at
DOMAIN = os.path.join(os.environ.get("LIBVIRT_SCHEMAS", "/usr/share/libvirt/schemas"),
                      "domain.rng")
OPERATORS = os.path.join(os.path.dirname(__file__), "../../Documentation/operators.rst")

SOCKETS = """\
id state activity sendq recvq connq connlim uid inode l.id l.type l.proto l.opts \
l.cid l.port l.event l.family l.block r.id r.type r.proto r.opts r.cid r.port \
r.event r.family r.block tx.bytes rx.bytes age
1 LISTENING - 0 0 2 128 0 100 1 1 0 0x0 * 80 0x0 18 block 0 0 0 0x0 * * 0x0 0 block 0 0 9
7 CONNECTED SR 10 20 0 0 1000 101 7 1 0 0x0 3 80 0x1 18 block 8 1 0 0x0 4 1025 0x0 18 block 5 6 7
8 BOUND - 0 0 0 0 0 102 8 5 0 0x0 3 81 0x0 18 nonblock 0 0 0 0x0 * * 0x0 0 block 0 0 8
"""
SOCKSTAT = """\
VSHM: inuse 3 listening 1 connected 1 pending 0 rings 2 mem 2 unconnected 0 bound 1 \
connecting 0 shutdown 0 disconnected 0 terminated 0
"""

LINKS = """\
kind local peer state epoch peer_epoch connections size heap heap_used rung heard quiet \
resets violations
loopback 1 1 up 0 0 0 0 0 0 0 0 0 0 0
region 2 3 up 1 1 5 67108864 33517568 4096 1 2 3 0 0
"""


class TestControl(ConfigTest):
    def test_list(self):
        """list shows links, clients, and who is attached"""
        self.serve()
        a = self.connect(self.a, 3, 4)
        a.set_epoch(0, 1, 0)
        link, = self.ask(op="list")["links"]
        self.assertEqual((link["name"], link["size"], link["origin"]), ("3-4", M, "config"))
        side, other = link["sides"]
        self.assertEqual((side["cid"], side["socket"], side["client"], side["attached"]),
                         (3, self.a, os.getpid(), True))
        self.assertFalse(other["attached"] or "client" in other)

    def test_add_remove(self):
        """a link comes and goes at run time, others notice nothing"""
        self.serve()
        a = self.connect(self.a, 3, 4)
        paths = [self.a + "5", self.b + "6"]
        added = {"cids": [5, 6], "sockets": paths, "size": "2M"}
        self.assertEqual(self.ask(op="add", link=added), {"ok": True})
        new = self.connect(paths[0], 5, 6)
        self.assertEqual(new.size(), 2 * M)
        self.assertEqual(self.ask(op="remove", cids=[6, 5]), {"ok": True})
        self.assertIsNone(new.recv())
        self.assertFalse(os.path.exists(paths[0]) or os.path.exists(paths[1]))
        self.assertTrue(a.quiet())
        self.assertIn("no link", self.ask(op="remove", cids=[6, 5])["error"])

    def test_reload_keeps_added(self):
        """what was added stays in a reload, unless the configuration has it too"""
        self.serve()
        added = {"cids": [5, 6], "sockets": [self.a + "5", self.b + "6"], "size": "2M"}
        self.ask(op="add", link=added)
        a = self.connect(self.a + "5", 5, 6)
        self.assertEqual(self.ask(op="reload"), {"ok": True})
        self.assertTrue(a.quiet())
        self.config["links"].append(added)
        self.write(self.config)
        self.ask(op="reload")
        self.assertTrue(a.quiet())
        self.assertEqual([x["origin"] for x in self.ask(op="list")["links"]], ["config"] * 2)
        self.config["links"].pop()
        self.write(self.config)
        self.ask(op="reload")
        self.assertIsNone(a.recv())

    def test_removed_returns(self):
        """what is configured and was removed returns with a reload"""
        self.serve()
        self.ask(op="remove", cids=[3, 4])
        self.assertEqual(self.ask(op="list")["links"], [])
        self.ask(op="reload")
        self.connect(self.a, 3, 4)

    def test_wrong(self):
        """requests that are wrong"""
        self.serve()
        for line, text in (("", "no op"), ("x", "no op"), ("[]", "no op"), ("{}", "no op"),
                           ('{"op": 3}', "no op"), ('{"op": "frob"}', "'frob'"),
                           ('{"op": "add"}', "neither"), ('{"op": "remove"}', "cids"),
                           ('{"op": "add", "guest": 3}', "guest: 3 is not an object"),
                           ('{"op": "add", "guest": {}}', "guest.cid: null"),
                           ('{"op": "add", "guest": {"cid": 3, "host": false}}', "host"),
                           ('{"op": "add", "link": {"cids": [3]}}', "link.cids: [3]"),
                           ('{"op": "add", "link": {"cids": [4, 3]}}', "joined already"),
                           ('{"op": "remove", "cids": [3]}', "two CIDs")):
            with self.subTest(line=line):
                answer = self.ask_line(line)
                self.assertFalse(answer["ok"])
                self.assertIn(text, answer["error"])
        taken = {"cids": [5, 6], "sockets": [self.a, self.a + "6"]}
        self.assertIn("used twice", self.ask(op="add", link=taken)["error"])

    def test_failure_is_told(self):
        """why a link cannot be started, and why a reload failed"""
        self.serve()
        answer = self.ask(op="add", link={"cids": [5, 6], "size": "1M", "sockets":
                                          ["/no/dir/a", self.a + "6"]})
        self.assertIn("/no/dir/a", answer["error"])
        self.assertFalse(os.path.exists(self.a + "6"))
        if not os.path.exists("/dev/vshm"):
            answer = self.ask(op="add", guest={"cid": 5, "socket": self.a + "5"})
            self.assertIn("vshm_host", answer["error"])
        self.write("{")
        self.assertIn("ends too early", self.ask(op="reload")["error"])

    def test_lines(self):
        """several requests on one connection, and one in pieces"""
        self.serve()
        with dial(self.control) as sock:
            sock.send(b'{"op": "list"}\n{"op": "reload"}\n{"op":')
            with sock.makefile() as file:
                self.assertIn("links", json.loads(file.readline()))
                self.assertEqual(json.loads(file.readline()), {"ok": True})
                sock.send(b'"list"}\n')
                self.assertIn("links", json.loads(file.readline()))

    def test_flood(self):
        """a line without an end, and too many who ask, harm nobody"""
        self.serve()
        with dial(self.control) as sock:
            try:
                while True:
                    sock.send(bytes(4096))
            except (BrokenPipeError, ConnectionResetError):
                pass
        socks = []
        for _ in range(16):
            socks.append(socket.socket(socket.AF_UNIX))
            socks[-1].connect(self.control)
        with self.assertRaises((AssertionError, OSError, ValueError)):
            self.assertTrue(self.ask(op="list")["ok"])
        for sock in socks:
            sock.close()
        harness.wait_for(self.answers, "an answer")

    def test_users(self):
        """other users are refused, whatever the socket's mode"""
        if os.getuid():
            self.skipTest("not root")
        self.serve()
        self.assertEqual(stat.S_IMODE(os.stat(self.control).st_mode), 0o600)
        os.chmod(self.dir, 0o755)
        os.chmod(self.control, 0o666)
        pid = os.fork()
        if not pid:
            status = 1
            try:
                os.setuid(54321)
                answer = self.ask(op="list")
                status = 0 if "only root" in answer["error"] else 2
            finally:
                os._exit(status)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)

    def test_stale(self):
        """the control socket of a vshmd that was killed is replaced, one in use not"""
        proc = self.serve()
        config = self.path
        self.fail_to_start(["-c", config], "in use")
        self.stop(proc, 9)
        self.serve()


class TestGuestCommand(ConfigTest):
    def test_list(self):
        """guest list: aligned columns, all fields, JSON"""
        self.serve()
        self.connect(self.a, 3, 4)
        lines = [line.split() for line in self.vshm("guest").splitlines()]
        self.assertEqual(lines, [
            ["CID", "PEER", "STATE", "SIZE", "QEMU", "SOCKET"],
            ["3", "4", "down", "1M", str(os.getpid()), self.a],
            ["4", "3", "down", "1M", "-", self.b]])
        self.assertIn("ORIGIN", self.vshm("guest", "list", "-e"))
        links = json.loads(self.vshm("-j", "g", "l"))
        self.assertEqual(links, self.ask(op="list")["links"])
        if schema.available():
            schema.check("guest", links)

    def test_add_remove(self):
        """guest add, remove and reload"""
        self.serve()
        self.vshm("guest", "add", "5", "peer", "6", "size", "2M", "socket", "x5",
                  "peer_socket", os.path.join(self.dir, "x6"), "hugepages", "off")
        self.assertEqual(self.connect(os.path.join(self.dir, "x5"), 5, 6).size(), 2 * M)
        self.vshm("guest", "reload")
        self.assertIn("x6", self.vshm("guest"))
        self.vshm("guest", "remove", "6", "peer", "5")
        self.assertNotIn("x6", self.vshm("guest"))
        self.assertIn("no link between CIDs 7 and 2",
                      self.vshm("guest", "remove", "7", status=1))
        self.assertIn("mode", self.vshm("guest", "add", "7", "mode", "x", status=1))
        self.assertIn("frob", self.vshm("guest", "add", "7", "frob", "x", status=1))
        self.write("{")
        self.assertIn("too early", self.vshm("guest", "reload", status=1))

    def test_args(self):
        """guest args: what a shell, QEMU and libvirt take"""
        path = os.path.join(self.dir, "a, b's & <c>.sock")
        self.config["links"][0]["sockets"][0] = path
        self.config["links"].append({"cids": [9, 3], "sockets":
                                     [self.a + "9", self.a + "3"]})
        self.serve()
        words = shlex.split(self.vshm("guest", "args", "3", "qemu"))
        self.assertEqual(words, [
            "-chardev", "socket,id=vshm0,path=" + path.replace(",", ",,"),
            "-device", "ivshmem-doorbell,chardev=vshm0,vectors=2",
            "-chardev", f"socket,id=vshm1,path={self.a}3",
            "-device", "ivshmem-doorbell,chardev=vshm1,vectors=2"])
        xml = self.vshm("guest", "args", "3", "libvirt")
        shmem = ElementTree.fromstring(f"<devices>{xml}</devices>").findall("shmem")
        self.assertEqual([s.find("server").get("path") for s in shmem],
                         [path, self.a + "3"])
        self.assertEqual(shmem[0].find("model").get("type"), "ivshmem-doorbell")
        both = json.loads(self.vshm("-j", "guest", "args", "3"))
        self.assertEqual((both["qemu"], len(both["libvirt"])), (words, 2))
        self.assertEqual([s.find("msi").get("vectors") for s in shmem], ["2", "2"])
        if schema.available():
            schema.check("args", both)
        self.assertIn("CID 8", self.vshm("guest", "args", "8", status=1))

    @unittest.skipUnless(shutil.which("xmllint") and os.path.exists(DOMAIN),
                         "no schema of libvirt")
    def test_libvirt(self):
        """what libvirt is told fits its schema of domains, here and in operators.rst"""
        self.serve()
        with open(OPERATORS, encoding="utf-8") as file:
            shown = re.search("(?ms)^    <shmem.*?^    </shmem>$", file.read()).group()
        for devices in (self.vshm("guest", "args", "3", "libvirt"), shown):
            domain = os.path.join(self.dir, "domain.xml")
            with open(domain, "w", encoding="utf-8") as file:
                file.write("<domain type='kvm'><name>guest</name><memory>65536</memory>"
                           "<os><type arch='x86_64'>hvm</type></os>"
                           f"<devices>{devices}</devices></domain>")
            subprocess.run(["xmllint", "--noout", "--relaxng", DOMAIN, domain], check=True,
                           stderr=subprocess.DEVNULL)

    def test_wrong(self):
        """what is not understood, and no daemon"""
        for args in ((), ("frob",), ("guest", "frob"), ("guest", "add"),
                     ("guest", "add", "x"), ("guest", "add", "3", "size"),
                     ("guest", "add", "3", "peer"), ("guest", "add", "3", "peer", "x"),
                     ("guest", "remove"), ("guest", "remove", "3", "4"),
                     ("guest", "args"), ("guest", "args", "3", "xen"),
                     ("guest", "list", "3"), ("--frob",), ("guest", "")):
            with self.subTest(args=args):
                self.vshm(*args, status=2)
        error = self.vshm("guest", status=1)
        self.assertIn("vshmd does not run", error)
        self.assertIn(self.control, error)

    def test_permission(self):
        """who may not connect is told what to do"""
        if os.getuid():
            self.skipTest("not root")
        self.serve()
        os.chmod(self.dir, 0o755)
        pid = os.fork()
        if not pid:
            status = 1
            try:
                os.setuid(54321)
                status = "as root" not in self.vshm("guest", status=1)
            finally:
                os._exit(status)
        # A directory above the program can be closed to others as well.
        if os.waitpid(pid, 0)[1]:
            self.skipTest("other users cannot run vshm here")

    def test_help(self):
        """-h everywhere, --version"""
        for args, text in (((), "COMMAND"), (("guest",), "vshm guest add"),
                           (("link",), "vshm link"), (("policy",), "vshm policy"),
                           (("socket",), "state NAME"),
                           (("guest", "add"), "vshm guest add")):
            self.assertIn(text, self.vshm(*args, "-h"))
        self.assertRegex(self.vshm("--version"), r"^vshm [0-9.]+\n$")


class TestTables(VshmdTest):
    vshm = ConfigTest.vshm

    def setUp(self):
        super().setUp()
        self.control = "/none"
        for name, text in (("vshm", SOCKETS), ("vshm_links", LINKS),
                           ("vshm_policy", "src dst verdict\n* * deny\n3 4 allow\n")):
            with open(os.path.join(self.dir, name), "w", encoding="ascii") as file:
                file.write(text)

    def rows(self, *args):
        text = self.vshm("--proc", self.dir, *args)
        return [line.split() for line in text.splitlines()]

    def test_socket(self):
        """socket: what is shown of listeners, connections and others"""
        self.assertEqual(self.rows("socket"), [
            ["STATE", "ACT", "TYPE", "RECV-Q", "SEND-Q", "LOCAL", "PEER", "UID"],
            ["LISTENING", "-", "stream", "2", "128", "*:80", "*:*", "0"],
            ["CONNECTED", "SR", "stream", "20", "10", "3:80", "4:1025", "1000"],
            ["BOUND", "-", "seqpacket", "0", "0", "3:81", "*:*", "0"]])

    def test_socket_filters(self):
        """socket: filters, alone and together"""
        for words, inodes in (("state connected", [101]), ("state sending", [101]),
                              ("port 80", [100, 101]), ("cid 3", [101, 102]),
                              ("cid 4", [101]), ("port 1025", [101]), ("list cid 3", [101, 102]),
                              ("cid 3 port 81", [102]), ("type seqpacket", [102]),
                              ("port 80 state listening", [100]), ("cid *", [100, 102]),
                              ("port 99", [])):
            with self.subTest(words=words):
                text = self.vshm("--proc", self.dir, "-j", "socket", *words.split())
                self.assertEqual([sock["inode"] for sock in json.loads(text)], inodes)
        for words in ("state frob", "state", "cid x", "port", "frob 3", "type x", "cid 3 port"):
            self.vshm("--proc", self.dir, "socket", *words.split(), status=2)

    def test_socket_all(self):
        """socket: -e shows every field, -j as JSON"""
        rows = self.rows("socket", "-e")
        self.assertEqual(rows[0], (
            "STATE ACT TYPE RECV-Q SEND-Q LOCAL PEER UID id inode l.id l.proto l.opts "
            "l.event l.family l.block r.id r.type r.proto r.opts r.event r.family "
            "r.block tx.bytes rx.bytes age").split())
        self.assertEqual(rows[2], (
            "CONNECTED SR stream 20 10 3:80 4:1025 1000 7 101 7 0 0x0 0x1 18 block "
            "8 1 0 0x0 0x0 18 block 5 6 7").split())
        sock = json.loads(self.vshm("--proc", self.dir, "-j", "socket", "cid", "4"))[0]
        self.assertEqual((sock["state"], sock["l.port"], sock["r.opts"], len(sock)),
                         ("CONNECTED", 80, "0x0", 30))

    def test_link(self):
        """link: sizes for people, -e, -j"""
        rows = self.rows("link")
        self.assertEqual(rows[0], "KIND LOCAL PEER STATE CONNECTIONS SIZE HEAP HEAP_USED "
                                  "RESETS VIOLATIONS".split())
        self.assertEqual(rows[2], "region 2 3 up 5 64M 32732K 4K 0 0".split())
        self.assertEqual(len(self.rows("-e", "link")[0]), 15)
        link = json.loads(self.vshm("--proc", self.dir, "-j", "link"))[1]
        self.assertEqual((link["size"], link["kind"]), (64 * M, "region"))

    def test_policy(self):
        """policy: rules, as a table and as JSON"""
        self.assertEqual(self.rows("policy"), ["SRC DST VERDICT".split(), "* * deny".split(),
                                               "3 4 allow".split()])
        self.assertEqual(json.loads(self.vshm("--proc", self.dir, "-j", "policy"))[1],
                         {"src": 3, "dst": 4, "verdict": "allow"})
        self.vshm("policy", "drop", status=2)

    def test_columns(self):
        """columns that are new, missing or in another order"""
        with open(os.path.join(self.dir, "vshm_links"), "w", encoding="ascii") as file:
            file.write("state kind new\nup region 7\ndown loopback\n")
        self.assertEqual(self.rows("link"), [["KIND", "STATE"], ["region", "up"],
                                             ["loopback", "down"]])
        self.assertEqual(self.rows("-e", "link")[1:], [["up", "region", "7"],
                                                       ["down", "loopback", "-"]])

    def test_no_module(self):
        """without the module, it is said what to load"""
        for name in ("socket", "link", "policy"):
            error = self.vshm("--proc", "/no/proc", name, status=1)
            self.assertIn("modprobe vshm", error)
