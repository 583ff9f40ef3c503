# SPDX-License-Identifier: GPL-2.0
"""Where serve.py listens."""

STREAM = 7001
PACKET = 7002
ASYNC = 7003
DATAGRAM = 7004
HTTP = 8080
