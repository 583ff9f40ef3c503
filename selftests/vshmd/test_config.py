# SPDX-License-Identifier: GPL-2.0
"""The configuration file: what is right in it, and everything that can be wrong;
and what a reload does."""
import json
import os
import pwd
import resource
import signal
import stat
import subprocess

import harness
from harness import M, TIMEOUT, ConfigTest, wait_for


class TestConfigRight(ConfigTest):
    def check(self, text):
        path = self.write(text)
        return subprocess.run([harness.VSHMD, "--check", "-c", path],
                              capture_output=True, text=True, check=False)

    def test_empty(self):
        """an empty object is right, and serves nothing"""
        done = self.check("{}")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("0 links, 0 rules", done.stdout)

    def test_comments(self):
        """comments of both kinds"""
        done = self.check('/* a */ { // b\n "host": false, /* c */ "size": "1M" }\n// end\n')
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_all_keys(self):
        """every key there is"""
        done = self.check(json.dumps({
            "host": True, "control": "/x/control", "size": "2M", "hugepages": False,
            "max_connections": 5, "owner": "root", "group": 0, "mode": "0660",
            "guests": [{"cid": 3, "host": True, "socket": "/x/3", "size": 4194304,
                        "hugepages": False, "max_connections": 4095, "owner": 0,
                        "group": "root", "mode": "600"},
                       {"cid": 65535}, {"cid": 4, "host": False}],
            "links": [{"cids": [3, 4], "sockets": ["/x/a", "/x/b"], "size": "1m",
                       "hugepages": False}, {"cids": [4, 5]}],
            "policy": [{"src": 3, "dst": "any", "allow": True},
                       {"src": "any", "dst": "any", "allow": False}]}))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("4 links, 2 rules", done.stdout)

    def test_serves(self):
        """links of the file, with defaults, sizes and the guests' permissions"""
        self.config["mode"] = "0640"
        self.config["guests"] = [{"cid": 3, "mode": "0666"}]
        self.config["links"].append({"cids": [5, 6], "size": "4M",
                                     "sockets": [self.a + "2", self.b + "2"]})
        self.serve()
        self.assertEqual(self.connect(self.a, 3, 4).size(), M)
        self.assertEqual(self.connect(self.a + "2", 5, 6).size(), 4 * M)
        for path, mode in ((self.a, 0o666), (self.b, 0o640), (self.control, 0o600)):
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), mode)

    def test_owner(self):
        """sockets belong to the guest's user and group"""
        if os.getuid():
            self.skipTest("not root")
        user = pwd.getpwnam("nobody")
        self.config["guests"] = [{"cid": 3, "owner": "nobody", "group": 12345}]
        self.serve()
        st = os.stat(self.a)
        self.assertEqual((st.st_uid, st.st_gid), (user.pw_uid, 12345))
        self.assertEqual(os.stat(self.b).st_uid, 0)

    def test_unprivileged_client(self):
        """who may connect is a matter of the socket's group and mode"""
        if os.getuid():
            self.skipTest("not root")
        os.chmod(self.dir, 0o755)
        self.config["guests"] = [{"cid": 3, "group": 12345, "mode": "0660"},
                                 {"cid": 4, "mode": "0600"}]
        self.serve()

        def attempt(path, gid):
            pid = os.fork()
            if not pid:
                status = 2
                try:
                    os.setgroups([])
                    os.setgid(gid)
                    os.setuid(54321)
                    harness.Client(path).setup(3, 4)
                    status = 0
                except PermissionError:
                    status = 1
                finally:
                    os._exit(status)
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

        self.assertEqual(attempt(self.a, 54321), 1)
        self.assertEqual(attempt(self.b, 12345), 1)
        self.assertEqual(attempt(self.control, 12345), 1)
        self.assertEqual(attempt(self.a, 12345), 0)

    def test_options_too(self):
        """links of the command line and of the file together"""
        self.serve("-l", f"7={self.a}7,8={self.a}8,size=1M")
        self.connect(self.a, 3, 4)
        self.connect(self.a + "7", 7, 8)

    def test_without_device(self):
        """a guest needs the device, and it is said how to do without"""
        if os.path.exists("/dev/vshm"):
            self.skipTest("/dev/vshm is there")
        for config in ({"guests": [{"cid": 3, "socket": self.a}]},
                       {"policy": [{"src": 3, "dst": 4, "allow": True}]}):
            self.fail_to_start(["-c", self.write(config)], "/dev/vshm", "vshm_host",
                               '"host" to false')
        self.fail_to_start(["-g", f"3={self.a}"], "/dev/vshm", "vshm_host")
        self.assertFalse(os.path.exists(self.a))


class TestConfigWrong(ConfigTest):
    def wrong(self, config, *texts):
        path = self.write(config)
        with self.subTest(config=config):
            self.fail_to_start(["-c", path], path, *texts)

    def test_files(self):
        """files that are not there, not readable, too long, no files"""
        self.fail_to_start(["-c", "/no/file"], "/no/file", "No such file")
        self.fail_to_start(["-c", self.dir], self.dir, "is not a file")
        self.fail_to_start(["-c", ""], "configuration file ''")
        path = self.write(" " * (5 << 20) + "{}")
        self.fail_to_start(["-c", path], path, "is not a file of at most 4M")
        self.fail_to_start(["--check", "-l", self.link], "nothing to check",
                           status=(64,), lines=2)

    def test_syntax(self):
        """what is no JSON, with the line"""
        for text, line in (("", 1), ("{", 1), ('{"size": }', 1), ("{}\n\n{}", 3),
                           ('{\n"host":\nfalse,\n"mode" "0600" }', 4), ("{} x", 1),
                           ('{"a": "b', 1), ("/* {}", 1)):
            self.wrong(text, f"line {line}: ")
        for text in ("[]", "3", '"x"', "null", "true"):
            self.wrong(text, text, "is not an object", "give {")

    def test_top(self):
        """wrong values at the top"""
        for key, value, text in (
                ("frob", 1, "is not known"), ("host", 1, "true nor false"),
                ("host", "yes", "true nor false"), ("control", "x", "starts with /"),
                ("control", None, "starts with /"), ("guests", {}, "not an array"),
                ("links", 3, "not an array"), ("policy", "x", "not an array"),
                ("size", "3M", "power of two"), ("size", -1, "power of two"),
                ("size", "", "power of two"), ("size", None, "power of two"),
                ("size", 1.5, "power of two"), ("size", "512K", "1M to 64G"),
                ("size", "128G", "1M to 64G"), ("size", "1MB", "power of two"),
                ("hugepages", 3, "size of huge pages"), ("hugepages", "x", "huge pages"),
                ("hugepages", "3M", "/sys/kernel/mm/hugepages"),
                ("max_connections", -1, "0 to 4095"), ("max_connections", 4096, "4095"),
                ("max_connections", "7", "4095"), ("max_connections", True, "4095"),
                ("owner", "no such user", "no user"), ("owner", None, "no user"),
                ("owner", -5, "no user"), ("group", "no such group", "no group"),
                ("group", 4294967295, "no group"), ("mode", "8", "octal"),
                ("mode", 384, "octal"), ("mode", "01000", "octal"), ("mode", "", "octal")):
            self.wrong({key: value}, f"{key}: {json.dumps(value)}", text)

    def test_guests(self):
        """wrong guests"""
        for guest, key, text in (
                ({}, "cid: null", "3 to 65535"), ({"cid": 2}, "cid: 2", "3 to 65535"),
                ({"cid": 65536}, "cid: 65536", "65535"), ({"cid": "3"}, 'cid: "3"', "CID"),
                ({"cid": 3.0}, "cid: 3.0", "CID"), ({"cid": -1}, "cid: -1", "CID"),
                ({"cid": 3, "sockets": []}, "sockets: []", "keys are"),
                ({"cid": 3, "socket": "x"}, 'socket: "x"', "starts with /"),
                ({"cid": 3, "socket": 3}, "socket: 3", "starts with /"),
                ({"cid": 3, "size": "5M"}, 'size: "5M"', "power of two"),
                ({"cid": 3, "mode": 0}, "mode: 0", "octal"),
                ({"cid": 3, "host": 0}, "host: 0", "true nor false"),
                ({"cid": 3, "owner": "-"}, 'owner: "-"', "no user")):
            self.wrong({"guests": [{"cid": 9}, guest]}, f"guests[1].{key}", text)
        for guest in (3, [], None, "x"):
            self.wrong({"guests": [guest]}, f"guests[0]: {json.dumps(guest)}", "object")
        self.wrong({"guests": [{"cid": 3}, {"cid": 3}]}, "guests[1].cid: 3",
                   "guests[0] already")
        self.wrong({"guests": [{"cid": 3, "socket": "/x"}, {"cid": 4, "socket": "/x"}]},
                   "guests[1]", "'/x' is used twice")

    def test_links(self):
        """wrong links"""
        for link, key, text in (
                ({}, "cids: null", "array of two"), ({"cids": 3}, "cids: 3", "array of two"),
                ({"cids": [3]}, "cids: [3]", "array of two"),
                ({"cids": [3, 4, 5]}, "cids: [3,4,5]", "array of two"),
                ({"cids": [2, 4]}, "cids[0]: 2", "3 to 65535"),
                ({"cids": [3, "4"]}, 'cids[1]: "4"', "3 to 65535"),
                ({"cids": [3, 3]}, "cids[1]: 3", "two different"),
                ({"cids": [3, 4], "sockets": "/x"}, 'sockets: "/x"', "array of two"),
                ({"cids": [3, 4], "sockets": ["/x", 3]}, "sockets[1]: 3", "starts with /"),
                ({"cids": [3, 4], "sockets": ["x", "/y"]}, 'sockets[0]: "x"', "with /"),
                ({"cids": [3, 4], "sockets": ["/x", "/x"]}, 'sockets[1]: "/x"', "its own"),
                ({"cids": [3, 4], "size": 5}, "size: 5", "power of two"),
                ({"cids": [3, 4], "mode": "0600"}, 'mode: "0600"', "keys are"),
                ({"cids": [3, 4], "max_connections": 3}, "max_connections: 3", "keys")):
            self.wrong({"links": [{"cids": [8, 9]}, link]}, f"links[1].{key}", text)
        self.wrong({"links": [{"cids": [3, 4]}, {"cids": [4, 3]}]}, "links[1]",
                   "joined already")
        self.wrong({"links": [3]}, "links[0]: 3", "object")

    def test_policy(self):
        """wrong rules"""
        good = {"src": 3, "dst": 4, "allow": True}
        for change, text in (({"src": 2}, "src: 2"), ({"dst": "all"}, 'dst: "all"'),
                             ({"dst": None}, "dst: null"), ({"allow": 1}, "allow: 1"),
                             ({"x": 1}, "x: 1")):
            self.wrong({"policy": [{**good, **change}]}, f"policy[0].{text}")
        self.wrong({"policy": [{"src": 3, "dst": 4}]}, "policy[0].allow", "true nor false")
        self.wrong({"policy": [good, good]}, "policy[1]", "policy[0]")

    def test_huge(self):
        """huge pages that are larger than the link, or not in the pool"""
        if os.path.exists("/sys/kernel/mm/hugepages/hugepages-2048kB"):
            self.wrong({"size": "1M", "hugepages": "2M"}, 'size: "1M"', "huge page")
            with open("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages",
                      encoding="ascii") as file:
                free = int(file.read())
            if free < 32:
                self.config["links"][0].update(size="64M", hugepages="2M")
                self.fail_to_start(["-c", self.write(self.config)], "32 huge pages",
                                   f"{free} are free", "nr_hugepages")
        else:
            self.skipTest("no huge pages of 2M")


class TestReload(ConfigTest):
    def setUp(self):
        super().setUp()
        self.config["links"].append({"cids": [5, 6], "size": "1M",
                                     "sockets": [self.a + "2", self.b + "2"]})

    def reload(self, proc, config, count=1):
        self.write(config)
        proc.send_signal(signal.SIGHUP)
        self.wait_log(proc, "the configuration ", count)

    def test_unchanged(self):
        """links that stay notice nothing"""
        proc = self.serve()
        a, b = self.pair()
        inode = os.stat(self.a).st_ino
        self.reload(proc, self.config)
        self.assertTrue(a.quiet() and b.quiet())
        self.assertEqual(os.stat(self.a).st_ino, inode)
        b.set_epoch(1, 1, 1)
        b.close()
        self.hear(a)

    def test_add_remove(self):
        """new links come, old ones go, their guests are told and sockets removed"""
        proc = self.serve()
        stay = self.connect(self.a, 3, 4)
        gone = self.connect(self.a + "2", 5, 6)
        gone.set_epoch(0, 1, 3)
        gone.set_epoch(1, 3, 1)
        self.config["links"][1] = {"cids": [7, 8], "sockets": [self.a + "3", self.b + "3"],
                                   "size": "2M"}
        self.reload(proc, self.config)
        self.assertIsNone(gone.recv())
        self.assertEqual((gone.epoch(0), gone.epoch(1)), (2, 4))
        self.assertEqual([os.path.exists(p + "2") for p in (self.a, self.b)], [False] * 2)
        self.assertEqual(self.connect(self.a + "3", 7, 8).size(), 2 * M)
        self.assertTrue(stay.quiet())

    def test_change(self):
        """a link that is changed gets new memory at the same paths"""
        proc = self.serve()
        old = self.connect(self.a, 3, 4)
        self.config["links"][0]["size"] = "8M"
        self.reload(proc, self.config)
        self.assertIsNone(old.recv())
        self.assertEqual(self.connect(self.a, 3, 4).size(), 8 * M)

    def test_swap(self):
        """two links that swap their paths"""
        proc = self.serve()
        links = self.config["links"]
        links[0]["sockets"], links[1]["sockets"] = links[1]["sockets"], links[0]["sockets"]
        self.reload(proc, self.config)
        self.connect(self.a, 5, 6)
        self.connect(self.a + "2", 3, 4)

    def test_descriptors(self):
        """the limit on open files is raised for links that end and links that begin"""
        def write(size):
            self.config["links"] = [
                {"cids": [2 * i + 3, 2 * i + 4], "size": size,
                 "sockets": [f"{self.a}{i}", f"{self.b}{i}"]} for i in range(40)]
            self.write(self.config)

        write("1M")
        proc = self.serve(preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_NOFILE, (64, 1024)))
        for path in self.a, self.b:
            for i in range(40):
                client = self.connect(f"{path}{i}")
                for _ in range(7):
                    client.recv()
                while client.fds:
                    os.close(client.fds.pop())
        self.wait_log(proc, "event=client_connected", 80)
        write("2M")
        self.assertEqual(self.ask(op="reload"), {"ok": True})
        self.assertEqual(self.connect(self.b + "7", 18, 17).size(), 2 * M)

    def test_access(self):
        """permissions change without the link noticing"""
        proc = self.serve()
        a = self.connect(self.a, 3, 4)
        self.config["guests"] = [{"cid": 3, "mode": "0666"}]
        self.reload(proc, self.config)
        self.assertEqual(stat.S_IMODE(os.stat(self.a).st_mode), 0o666)
        if not os.getuid():
            self.config["guests"] = [{"cid": 3, "group": 12345, "mode": "0620"}]
            self.reload(proc, self.config, 2)
            st = os.stat(self.a)
            self.assertEqual((st.st_uid, st.st_gid), (0, 12345))
            self.assertEqual(stat.S_IMODE(st.st_mode), 0o620)
        self.assertTrue(a.quiet())

    def test_access_elsewhere(self):
        """what is at the path in place of the socket keeps its permissions"""
        proc = self.serve()
        other = os.path.join(self.dir, "other")
        with open(other, "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), 0o640)
        os.unlink(self.a)
        os.symlink(other, self.a)
        os.unlink(self.b)
        self.config["mode"] = "0666"
        self.reload(proc, self.config)
        self.assertEqual(stat.S_IMODE(os.stat(other).st_mode), 0o640)

    def test_wrong(self):
        """a wrong configuration changes nothing, and it is said"""
        proc = self.serve()
        a = self.connect(self.a, 3, 4)
        self.reload(proc, {"links": [{"cids": [3, 3]}]})
        self.assertIn("stays as it was", self.log(proc))
        os.unlink(self.path)
        proc.send_signal(signal.SIGHUP)
        self.wait_log(proc, "stays as it was", 2)
        self.assertTrue(a.quiet())
        self.connect(self.a + "2", 5, 6)
        self.reload(proc, self.config, 3)
        self.assertIn("in force", self.log(proc))

    def test_in_part(self):
        """a link that cannot be started does not keep the others from it"""
        proc = self.serve()
        with open(self.a + "9", "w", encoding="ascii"):
            pass
        self.config["links"] += [
            {"cids": [9, 10], "sockets": [self.a + "9", self.b + "9"], "size": "1M"},
            {"cids": [11, 12], "sockets": [self.a + "11", self.b + "11"], "size": "1M"}]
        self.reload(proc, self.config)
        self.assertIn("in part", self.log(proc))
        self.connect(self.a + "11", 11, 12)
        os.unlink(self.a + "9")
        self.reload(proc, self.config, 2)
        self.connect(self.a + "9", 9, 10)

    def test_without_config(self):
        """SIGHUP still ends a vshmd that has no configuration"""
        proc = self.start()
        self.assertEqual(self.stop(proc, signal.SIGHUP), 0)

    def test_no_leaks(self):
        """links that come and go leave no descriptor behind"""
        proc = self.serve()
        before = len(os.listdir(f"/proc/{proc.pid}/fd"))
        for i in range(10):
            self.config["links"][1]["size"] = f"{1 << i % 2}M"
            self.reload(proc, self.config, i + 1)
        self.config["links"][1]["size"] = "1M"
        self.reload(proc, self.config, 11)
        self.assertLessEqual(len(os.listdir(f"/proc/{proc.pid}/fd")), before)


class TestLog(ConfigTest):
    def test_text(self):
        """key=value pairs follow the sentence"""
        proc = self.serve()
        a = self.connect(self.a, 3, 4)
        a.close()
        self.wait_log(proc, f"event=client_left link=3-4 cid=3 pid={os.getpid()}")
        self.assertIn("event=link_ready link=3-4 size=1048576", self.log(proc))

    def test_json(self):
        """JSON objects, one on a line"""
        proc = self.serve("--log-format=json")
        a = self.connect(self.a, 3, 4)
        a.close()
        self.wait_log(proc, "client_left")
        lines = [json.loads(line) for line in self.log(proc).splitlines()]
        ready = lines[0]
        self.assertEqual((ready["event"], ready["link"], ready["size"], ready["level"],
                          ready["priority"]), ("link_ready", "3-4", M, "notice", 5))
        self.assertRegex(ready["time"], r"^\d{4}-\d\d-\d\dT[\d:.]+Z$")
        self.assertEqual(lines[-1]["cid"], 3)

    def test_wrong(self):
        """a format that is not known"""
        self.fail_to_start(["--log-format=xml", "-l", self.link], "'xml'", "text or json")


class TestNotify(ConfigTest):
    def test_systemd(self):
        """readiness, status, reloading, watchdog and stopping"""
        bus = self.notify_socket()
        env = dict(os.environ, NOTIFY_SOCKET=bus.path, WATCHDOG_USEC="100000")
        proc = self.serve(env=env)
        wait_for(lambda: "STATUS=1 links, 0 of them to the host" in bus.text(), "status")
        self.assertIn("READY=1", bus.text())
        wait_for(lambda: bus.text().count("WATCHDOG=1") >= 3, "watchdog")
        proc.send_signal(signal.SIGHUP)
        wait_for(lambda: bus.text().count("READY=1") == 2, "ready again")
        self.assertIn("RELOADING=1\nMONOTONIC_USEC=", bus.text())
        self.stop(proc)
        wait_for(lambda: "STOPPING=1" in bus.text(), "stopping")
        self.assertEqual(proc.wait(TIMEOUT), 0)
