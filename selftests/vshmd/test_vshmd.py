#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of vshmd and vshm: python3 test_vshmd.py PATH_TO_VSHMD [NAME...]

Each test starts the real daemon and talks to it as QEMU does, with numbers and
file descriptors over UNIX sockets:

    Client(cid 3) ---- a.sock --.
                                 vshmd ---- memfd, 2 eventfds
    Client(cid 4) ---- b.sock --'

Some put real QEMUs in the clients' places, if there is one to run. The command
vshm is looked for beside the directory of vshmd; its tests are skipped if it is
not built.

Prints TAP. A NAME chooses the tests whose method has it in its name.
"""
import os
import sys
import unittest

sys.dont_write_bytecode = True

import harness  # noqa: E402

MODULES = ["test_link", "test_files", "test_config", "test_control", "test_keep", "test_hostile",
           "test_command", "test_qemu"]


def chosen(suite, names):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from chosen(test, names)
        elif not names or any(name in test.id() for name in names):
            yield test


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    harness.VSHMD = os.path.abspath(sys.argv[1])
    harness.VSHM = os.path.join(os.path.dirname(harness.VSHMD), "../vshm/vshm")
    if not os.access(harness.VSHMD, os.X_OK):
        sys.exit(f"{sys.argv[1]} is not there: build vshmd first")
    tests = unittest.defaultTestLoader.loadTestsFromNames(MODULES)
    result = harness.TapResult()
    print("TAP version 13")
    unittest.TestSuite(chosen(tests, sys.argv[2:])).run(result)
    print(f"1..{result.testsRun}")
    sys.exit(not result.wasSuccessful())


if __name__ == "__main__":
    main()
