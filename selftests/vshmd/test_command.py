# SPDX-License-Identifier: GPL-2.0
"""The command vshm where there is no module: messages, words, tables, JSON."""
import fcntl
import json
import os
import pty
import pwd
import re
import select
import shutil
import socket
import struct
import subprocess
import termios
import time

import harness
import schema
from harness import TIMEOUT, ConfigTest, VshmdTest
from test_control import LINKS, SOCKETS, SOCKSTAT

COMMANDS = ("cat", "guest", "kill", "link", "monitor", "perf", "policy", "socket",
            "stat")

# What is wrong with some words, and what has to be in the message.
WRONG = (
    ("cat", "no address"), ("cat 3", "no CID"), ("cat any 5", "no CID"),
    ("cat x 5", "'x' is no CID"), ("cat 3 x", "'x' is no port"),
    ("cat 3 4 5", "'5' is too much"), ("cat 4294967296:5", "no CID"),
    ("cat 3 4294967295", "no port"), ("cat 3 -k 5", "give -l"),
    ("cat -l -b 3:5 6", "-b"), ("cat -r -x 3 5", "nothing to do"),
    ("cat -t frob 3 5", "'frob'"), ("cat -s 0 3 5", "'0'"),
    ("cat -s 17M 3 5", "'17M'"), ("cat -s 1KB 3 5", "'1KB'"),
    ("cat -W x 3 5", "'x'"), ("cat -i -1 3 5", "'-1'"), ("cat -b x 3 5", "bind: "),
    ("cat -l -k -t dgram 5", "datagrams"),
    ("perf", "no address"), ("perf 5", "no CID"), ("perf frob 3 5", "'5' is too much"),
    ("perf -l rtt 5", "'rtt' is for clients"), ("perf -t dgram 3 5", "'dgram'"),
    ("perf -P 0 3 5", "'0'"), ("perf -P 1001 3 5", "'1001'"), ("perf -T 0 3 5", "'0'"),
    ("perf -n 0 3 5", "'0'"), ("perf -i x 3 5", "'x'"), ("perf -s 1P 3 5", "'1P'"),
    ("stat 0", "'0'"), ("stat x", "'x'"), ("stat 1 0", "'0'"), ("stat 1 2 3", "'3'"),
    ("stat 1 -w", "give one"), ("stat 1e9", "'1e9'"),
    ("socket frob 1", "'frob'"), ("socket state", "no value"),
    ("socket state frob", "'frob'"), ("socket not", "'not'"),
    ("socket type raw", "'raw'"), ("socket cid x", "'x'"),
    ("socket l.port 4294967296", "l.port"), ("socket uid no-such-user", "no-such-user"),
    ("socket -w0", "watch '0'"), ("socket -o xml", "'xml'"),
    ("socket --color=pink", "'pink'"), ("link frob", "'frob'"),
    ("socket -Z", "'Z'"), ("frob", "give cat"),
    ("kill", "no condition"), ("kill frob 1", "'frob'"), ("kill state", "no value"),
    ("kill --proc /proc/1/net state bound", "nsenter"), ("monitor frob", "'frob'"),
    ("monitor socket state", "no value"), ("monitor link state", "'state' is too much"),
    ("monitor -n 0", "'0'"), ("monitor --proc /proc/1/net", "nsenter"),
)


class CommandTest(VshmdTest):
    """A directory with tables as the kernel has them."""
    vshm = ConfigTest.vshm

    def setUp(self):
        super().setUp()
        self.control = "/none"
        self.write_table("vshm", SOCKETS)
        self.write_table("vshm_links", LINKS)
        self.write_table("vshm_sockstat", SOCKSTAT)

    def write_table(self, name, text):
        with open(os.path.join(self.dir, name), "w", encoding="ascii") as file:
            file.write(text)

    def run_vshm(self, *args, status=0):
        return self.vshm("--proc", self.dir, *args, status=status)

    def json(self, name, *args):
        """Output as JSON, that fits the schema."""
        values = list(schema.values(self.run_vshm("-j", *args)))
        if schema.available():
            for value in values:
                schema.check(name, value)
        return values


class TestWords(CommandTest):
    def test_wrong(self):
        """what is wrong is named, with what would be right, and status 2"""
        for words, text in WRONG:
            with self.subTest(words=words):
                error = self.vshm(*words.split(), status=2)
                self.assertIn(text, error)
                self.assertRegex(error, r"\Avshm: .*\nTry 'vshm[ a-z]*-h'\.\n\Z")

    def test_help(self):
        """-h and --help of every command, without a module"""
        for command in COMMANDS:
            for option in ("-h", "--help"):
                self.assertTrue(self.vshm(command, option)
                                .startswith(f"Usage: vshm {command}"))
            self.assertIn(f"\n  {command} ", self.vshm("-h"))

    def test_no_module(self):
        """without the module it is said what to load"""
        if os.path.exists("/sys/module/vshm"):
            self.skipTest("the module is loaded here")
        for words in ("cat 3 5", "cat -l 5", "perf 3 5", "perf -l 5", "socket", "link",
                      "stat", "stat 1", "monitor", "monitor link", "kill state bound"):
            with self.subTest(words=words):
                self.assertIn("modprobe vshm", self.vshm(*words.split(), status=1))


class TestFilters(CommandTest):
    def inodes(self, words):
        return [sock["inode"] for sock in self.json("socket", "socket", *words.split())[0]]

    def test_filters(self):
        """socket: one condition, several, alternatives, negation"""
        me = pwd.getpwuid(0).pw_name
        for words, inodes in (
                ("", [100, 101, 102]), ("list", [100, 101, 102]),
                ("state connected", [101]), ("state LISTENING", [100]),
                ("state sending", [101]), ("state receiving state bound", [101, 102]),
                ("not state bound", [100, 101]), ("type stream", [100, 101]),
                ("type stream not state listening", [101]), ("type dgram", []),
                ("cid 4", [101]), ("l.cid 4", []), ("r.cid 4", [101]),
                ("cid any", [100, 102]), ("l.cid *", [100]), ("cid 3", [101, 102]),
                ("port 80", [100, 101]), ("l.port 1025", []), ("r.port 01025", [101]),
                ("l.port 80 l.port 81", [100, 101, 102]), ("uid 1000", [101]),
                (f"uid {me}", [100, 102]), ("inode 102", [102]), ("id 7", [101]),
                ("not id 7 not id 8", [100]), ("uid 0 port 81", [102])):
            with self.subTest(words=words):
                self.assertEqual(self.inodes(words), inodes)


class TestProcesses(CommandTest):
    def test_processes(self):
        """socket -p: the processes that have a socket"""
        with socket.socket(socket.AF_UNIX) as mine:
            inode = os.fstat(mine.fileno()).st_ino
            self.write_table("vshm", SOCKETS.replace(" 101 ", f" {inode} "))
            name = open("/proc/self/comm", encoding="ascii").read().strip()
            owner = f"{name}[{os.getpid()}]:{mine.fileno()}"
            lines = self.run_vshm("socket", "-p").splitlines()
            self.assertTrue(lines[0].endswith("PROCESS"))
            self.assertTrue(lines[2].endswith(owner), lines)
            self.assertTrue(lines[1].rstrip().endswith("-"), lines)
            listed = self.json("socket", "socket", "-p")[0]
            self.assertEqual([s["processes"] for s in listed],
                             [[], [{"name": name, "pid": os.getpid(),
                                    "fd": mine.fileno()}], []])
            other = os.dup(mine.fileno())
            self.assertIn(f"{owner},{name}[{os.getpid()}]:{other}",
                          self.run_vshm("socket", "-p"))
            os.close(other)

    def test_name(self):
        """socket -p: what a process calls itself does not reach the terminal"""
        with socket.socket(socket.AF_UNIX) as mine, open("/proc/self/comm", "r+b", 0) as comm:
            inode = os.fstat(mine.fileno()).st_ino
            self.write_table("vshm", SOCKETS.replace(" 101 ", f" {inode} "))
            name = comm.read()
            comm.write(b"a \x1b[2J\x7f\x9b\xc2\x9bz~")
            try:
                text = self.run_vshm("socket", "-p")
            finally:
                comm.write(name.rstrip(b"\n"))
            self.assertIn(f" a ?[2J????z~[{os.getpid()}]:{mine.fileno()}\n", text)


class TestJson(CommandTest):
    def test_schemas(self):
        """JSON of tables and rates fits the schemas"""
        if not schema.available():
            self.skipTest("python3-jsonschema is missing")
        self.assertEqual(len(self.json("link", "link")[0]), 2)
        self.assertEqual(len(self.json("socket", "socket")[0]), 3)
        self.write_table("vshm_policy", "src dst verdict\n* * deny\n3 4 allow\n")
        self.assertEqual(len(self.json("policy", "policy")[0]), 2)
        total, = self.json("stat", "stat")
        self.assertEqual((total["sockets"]["total"], total["sockets"]["states"]["bound"]),
                         (3, 1))
        self.assertNotIn("recvq", total["sockets"])
        total, = self.json("stat", "stat", "-e")
        self.assertEqual((total["sockets"]["total"], total["sockets"]["recvq"]), (3, 20))
        rates = self.json("stat", "stat", "0.05", "2")
        self.assertEqual([r["links"][1]["per_second"]["rung"] for r in rates], [0, 0])
        self.assertEqual(self.run_vshm("-o", "json", "link"), self.run_vshm("link", "-j"))

    def test_schemas_refuse(self):
        """what does not fit a schema is found"""
        if not schema.available():
            self.skipTest("python3-jsonschema is missing")
        for name, value in (("socket", [{"id": 1}]), ("link", {}), ("stat", {}),
                            ("perf", {"mode": "rtt"}), ("policy", [{}]), ("guest", [1]), ("args", {}),
                            ("kill", [{}]), ("monitor", {"event": "new"})):
            with self.assertRaises(Exception):
                schema.check(name, value)

    def test_rates(self):
        """stat: what was counted since, per second"""
        proc = subprocess.Popen([harness.VSHM, "--proc", self.dir, "-j", "stat", "0.4"],
                                stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.reap, proc)
        first = json.loads(proc.stdout.readline())
        self.assertEqual(first["links"][1]["per_second"]["heard"], 0)
        self.write_table("vshm_links", LINKS.replace(" 1 2 3 0 0", " 1 1002 3 0 0"))
        heard = 0
        for _ in range(3):
            line = json.loads(proc.stdout.readline())
            heard += line["links"][1]["per_second"]["heard"] * line["seconds"]
        self.assertAlmostEqual(heard, 1000, delta=2)
        proc.terminate()
        self.assertEqual(proc.wait(TIMEOUT), 0)
        proc.stdout.close()


class TestTerminal(CommandTest):
    def screen(self, columns, *args, env=None, until=None):
        """What a command writes to a terminal so wide."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        env = {**os.environ, "NO_COLOR": "", "TERM": "xterm", **(env or {})}
        proc = subprocess.Popen([harness.VSHM, "--proc", self.dir, *args], stdout=slave,
                                stderr=slave, env=env)
        os.close(slave)
        self.addCleanup(self.reap, proc)
        text = b""
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            if not select.select([master], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            text += data
            if until and text.count(until) >= 2:
                proc.terminate()
                until = None
        self.assertEqual(proc.wait(TIMEOUT), 0)
        os.close(master)
        return text.decode().replace("\r\n", "\n")

    def test_width(self):
        """no line is longer than the terminal, and nothing is lost in a narrow one"""
        wide = self.screen(1000, "socket", "-e", "-p", "--color=never")
        self.assertEqual(len(wide.splitlines()), 4)
        for columns in (60, 80, 120):
            text = self.screen(columns, "socket", "-e", "-p", "--color=never")
            self.assertLessEqual(max(map(len, text.splitlines())), columns)
            self.assertEqual(text.count("rx.bytes=6"), 1)
        text = self.screen(80, "socket", "--color=never")
        self.assertEqual(len(text.splitlines()), 4)

    def test_colour(self):
        """colour on a terminal alone; NO_COLOR, TERM=dumb, --color"""
        green = "\033[32mCONNECTED\033[0m"
        self.assertIn(green, self.screen(80, "socket"))
        self.assertNotIn("\033", self.screen(80, "socket", env={"NO_COLOR": "1"}))
        self.assertIn(green, self.screen(80, "socket", env={"NO_COLOR": ""}))
        self.assertNotIn("\033", self.screen(80, "socket", env={"TERM": "dumb"}))
        self.assertNotIn("\033", self.screen(80, "socket", "--color=never"))
        self.assertNotIn("\033", self.run_vshm("socket"))
        self.assertIn(green, self.run_vshm("socket", "--color=always"))
        self.assertNotIn("\033", self.screen(80, "socket", "-j"))

    def test_watch(self):
        """-w paints over on a terminal, and leaves it as it was"""
        text = self.screen(80, "socket", "-w0.1", until=b"\033[H")
        self.assertTrue(text.startswith("\033[?1049h"))
        self.assertTrue(text.endswith("\033[?1049l"))
        self.assertIn("CONNECTED", text)
        proc = subprocess.Popen([harness.VSHM, "--proc", self.dir, "link", "-w0.1"],
                                stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.reap, proc)
        lines = [proc.stdout.readline() for _ in range(8)]
        self.assertEqual(lines[:4], lines[4:])
        proc.terminate()
        self.assertEqual(proc.wait(TIMEOUT), 0)
        proc.stdout.close()

    def test_watch_error(self):
        """-w ends with an error when the module goes, and it can be read"""
        with self.assertRaises(AssertionError):
            os.unlink(os.path.join(self.dir, "vshm"))
            self.screen(80, "socket", "-w0.1")
        self.assertIn("modprobe", self.run_vshm("socket", "-w0.1", status=1))


class TestCompletion(CommandTest):
    def complete(self, line):
        """What bash offers for the end of a line."""
        script = os.path.join(os.path.dirname(harness.VSHM), "completion/vshm")
        words = line.split(" ")
        done = subprocess.run(
            ["bash", "-c", 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
             'COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; _vshm; printf "%s\\n" "${COMPREPLY[@]}"',
             script, *words], text=True, capture_output=True, check=False, timeout=TIMEOUT)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return sorted(done.stdout.split())

    def test_completion(self):
        """bash completes commands, options, words and values"""
        if not shutil.which("bash"):
            self.skipTest("bash is missing")
        self.assertEqual(self.complete("vshm s"), ["socket", "stat"])
        self.assertLessEqual(set(COMMANDS), set(self.complete("vshm ")))
        self.assertEqual(self.complete("vshm socket state conn"), ["connected",
                                                                      "connecting"])
        self.assertIn("r.port", self.complete("vshm -j socket "))
        self.assertEqual(self.complete("vshm socket not ty"), ["type"])
        self.assertEqual(self.complete("vshm cat -t s"), ["seqpacket", "stream"])
        self.assertEqual(self.complete("vshm perf r"), ["receive", "rtt"])
        self.assertIn("--parallel", self.complete("vshm perf --p"))
        self.assertEqual(self.complete("vshm guest r"), ["reload", "remove"])
        self.assertEqual(self.complete("vshm kill -n type d"), ["dgram"])
        self.assertEqual(self.complete("vshm monitor l"), ["link"])
        self.assertEqual(self.complete("vshm monitor -n 3 socket l."), ["l.cid", "l.port"])

    def test_all_options(self):
        """completion knows every option that -h knows"""
        for command in COMMANDS:
            offered = self.complete(f"vshm {command} --")
            for option in re.findall(r"(--[a-z-]+)", self.vshm(command, "-h")):
                self.assertIn(option, offered, command)
