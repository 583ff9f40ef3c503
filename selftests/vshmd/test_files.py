# SPDX-License-Identifier: GPL-2.0
"""Sockets and other files, going to the background, and the command line."""
import os
import resource
import signal
import socket
import stat
import subprocess

import harness
from harness import TIMEOUT, VshmdTest, wait_for


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
            proc = subprocess.Popen([harness.VSHMD, "-l", self.link], stderr=write,
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
            ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", harness.VSHMD, "-v", "-l", self.link])
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
        text = subprocess.check_output([harness.VSHMD, "--help"], text=True)
        for option in ("link", "size", "daemon", "pid-file", "mode", "verbose",
                       "help", "version"):
            self.assertIn("--" + option, text)
        self.assertRegex(subprocess.check_output([harness.VSHMD, "--version"], text=True),
                         r"^vshmd [0-9.]+\n$")
