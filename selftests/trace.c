// SPDX-License-Identifier: GPL-2.0
/* Tracepoints: each fires for what it is about, with the right fields. */
#include "vshm_bed.h"
#include "vshm_dgram.h"
#include "vshm_diag.h"
#include "vshm_pair.h"
#include "vshm_tracefs.h"

/* How many lines of the trace are of an event and have all these words. */
static int __attribute__((format(printf, 2, 3)))
traced(const char *event, const char *format, ...)
{
	char words[256], line[1024], name[64], *rest;
	va_list args;
	int n = 0;
	FILE *f;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	snprintf(name, sizeof(name), ": %s: ", event);
	f = fopen(VSHM_TRACE "/trace", "r");
	while (f && fgets(line, sizeof(line), f)) {
		rest = line[0] == '#' ? NULL : strstr(line, name);
		n += rest && strstr(rest, words);
	}
	if (f)
		fclose(f);
	return n;
}

static unsigned long long id_of(int fd)
{
	return vshm_diag_num(fd, "id");
}

#define TRACE_OR_SKIP() do {						\
	if (!vshm_trace_on(""))					\
		SKIP(return, "no tracepoints of vshm");			\
} while (0)

FIXTURE(trace) {
};

FIXTURE_SETUP(trace)
{
}

FIXTURE_TEARDOWN(trace)
{
	vshm_trace_free();
}

TEST_F(trace, connect_and_accept)
{
	int listener = vshm_listener(1);
	unsigned int port = vshm_port(listener);
	int c, s, none = vshm_socket(0);
	unsigned int unused = vshm_unused_port();

	TRACE_OR_SKIP();
	c = vshm_client(listener);
	s = accept(listener, NULL, NULL);
	EXPECT_EQ(-1, vshm_connect(none, VSHM_CID_LOCAL, unused));
	EXPECT_EQ(1, traced("vshm_connect", "id=%llu src=1:%u dst=1:%u err=0",
			    id_of(c), vshm_port(c), port));
	EXPECT_EQ(1, traced("vshm_connect", "dst=1:%u err=-%d", unused,
			    ECONNREFUSED));
	EXPECT_EQ(1, traced("vshm_accept",
			    "listener=%llu id=%llu peer=%llu src=1:%u dst=1:%u queued=0 ",
			    id_of(listener), id_of(s), id_of(c), vshm_port(c),
			    port));
	EXPECT_EQ(1, traced("vshm_drop", "dst=1:%u op=1 why=listener", unused));
	close(c);
	close(s);
	close(none);
	close(listener);
}

/* Requests that are refused, each for its own reason. */
TEST_F(trace, drops)
{
	int listener = vshm_listener(0), fd[3];
	unsigned int port = vshm_port(listener);

	TRACE_OR_SKIP();
	for (int i = 0; i < 2; i++)
		fd[i] = vshm_socket(0);
	fd[2] = socket(vshm_family(), SOCK_SEQPACKET, 0);
	EXPECT_EQ(0, vshm_connect(fd[0], VSHM_CID_LOCAL, port));
	EXPECT_EQ(-1, vshm_connect(fd[1], VSHM_CID_LOCAL, port));
	EXPECT_EQ(-1, vshm_connect(fd[2], VSHM_CID_LOCAL, port));
	EXPECT_EQ(1, traced("vshm_drop", "dst=1:%u op=1 why=queue", port));
	EXPECT_EQ(1, traced("vshm_drop", "dst=1:%u op=1 why=type", port));
	for (int i = 0; i < 3; i++)
		close(fd[i]);
	close(listener);
}

/* Who waits for whom, and who wakes him. */
TEST_F(trace, transfer_and_waits)
{
	int fd[2];
	char b;
	struct vshm_call rx = { .fn = vshm_call_recv, .buf = &b, .len = 1 };
	unsigned long long c, s;
	ssize_t full;

	TRACE_OR_SKIP();
	ASSERT_EQ(0, vshm_pair_open(fd));
	c = id_of(fd[0]);
	s = id_of(fd[1]);
	rx.fd = fd[1];
	ASSERT_EQ(0, vshm_call_start(&rx));
	ASSERT_TRUE(vshm_call_blocks(&rx));
	ASSERT_EQ(3, send(fd[0], "abc", 3, 0));
	EXPECT_EQ(1, vshm_call_end(&rx));
	EXPECT_LE(1, traced("vshm_wait_begin", "id=%llu peer=%llu for=data", s,
			    c));
	EXPECT_LE(1, traced("vshm_wakeup", "id=%llu peer=%llu for=data", s, c));
	EXPECT_LE(1, traced("vshm_wait_end", "id=%llu peer=%llu for=data", s,
			    c));
	EXPECT_EQ(1, traced("vshm_send", "id=%llu peer=%llu len=3 ret=3", c,
			    s));
	EXPECT_EQ(1, traced("vshm_recv", "id=%llu peer=%llu len=1 ret=1", s,
			    c));
	ASSERT_EQ(2, recv(fd[1], &(char[2]){ }, 2, 0));
	EXPECT_EQ(-1, recv(fd[1], &b, 1, MSG_DONTWAIT));
	EXPECT_EQ(1, traced("vshm_recv", "id=%llu peer=%llu len=1 ret=-%d", s,
			    c, EAGAIN));
	full = vshm_send_full(fd[0], 0);
	rx = (struct vshm_call){ .fn = vshm_call_send, .fd = fd[0], .buf = &b,
				 .len = 1 };
	ASSERT_EQ(0, vshm_call_start(&rx));
	ASSERT_TRUE(vshm_call_blocks(&rx));
	ASSERT_EQ(0, vshm_recv_all(fd[1], full, 65536, 0, 0));
	EXPECT_EQ(1, vshm_call_end(&rx));
	EXPECT_LE(1, traced("vshm_wait_begin", "id=%llu peer=%llu for=space", c,
			    s));
	EXPECT_LE(1, traced("vshm_wakeup", "id=%llu peer=%llu for=space", c,
			    s));
	close(fd[0]);
	close(fd[1]);
	EXPECT_LE(1, traced("vshm_reset", "id=%llu peer=%llu reason=", c, s));
	EXPECT_LE(1, traced("vshm_reset", "id=%llu peer=%llu reason=", s, c));
}

TEST_F(trace, datagrams)
{
	int a = vshm_dgram_bound(), b = vshm_dgram_bound();
	unsigned int from = vshm_port(a), to = vshm_port(b);
	int size = 2048, sent = 0;
	char buf[100];

	TRACE_OR_SKIP();
	ASSERT_EQ(100, vshm_sendto(a, buf, 100, 0, VSHM_CID_LOCAL, to));
	ASSERT_EQ(100, recv(b, buf, sizeof(buf), 0));
	EXPECT_EQ(1, traced("vshm_send", "id=%llu peer=0 len=100 ret=100",
			    id_of(a)));
	EXPECT_EQ(1, traced("vshm_recv", "id=%llu peer=0 len=100 ret=100",
			    id_of(b)));
	/* more than there is room for, and one to nobody */
	ASSERT_EQ(0, setsockopt(b, SOL_SOCKET, SO_RCVBUF, &size,
				sizeof(size)));
	while (!vshm_diag_num(b, "drops") && sent++ < 1000)
		ASSERT_EQ(100, vshm_sendto(a, buf, 100, 0, VSHM_CID_LOCAL, to));
	EXPECT_EQ(1, traced("vshm_drop_datagram",
			    "src=1:%u dst=1:%u len=100 why=queue", from, to));
	close(b);
	EXPECT_EQ(-1, vshm_sendto(a, buf, 100, 0, VSHM_CID_LOCAL, to));
	EXPECT_EQ(1, traced("vshm_drop_datagram",
			    "src=1:%u dst=1:%u len=100 why=listener", from,
			    to));
	close(a);
}

/* A link: up, doorbells, a peer that breaks the protocol, down. */
TEST_F(trace, link)
{
	int ns[2] = { vshm_ns_new(), vshm_ns_new() };
	struct vshm_bed bed;
	int fd[2];
	char b;

	TRACE_OR_SKIP();
	ASSERT_EQ(0, vshm_bed_link(&bed, ns[0], 5, ns[1], 6));
	EXPECT_EQ(1, traced("vshm_link_up", "link=5-6 connections=0"));
	EXPECT_EQ(1, traced("vshm_link_up", "link=6-5 connections=0"));
	ASSERT_EQ(0, vshm_ns_pair(ns[0], ns[1], 6, fd));
	ASSERT_EQ(1, send(fd[0], "x", 1, 0));
	ASSERT_EQ(1, recv(fd[1], &b, 1, 0));
	EXPECT_LE(1, traced("vshm_doorbell", "link=5-6 slot=0 kind=data"));
	EXPECT_LE(1, traced("vshm_doorbell", "sent=1"));
	EXPECT_LE(1, traced("vshm_interrupt", "link=6-5"));
	/* an index that cannot be, in the control ring that 5 reads */
	vshm_bed_side(&bed, 0)->control.head += 1;
	vshm_bed_side(&bed, 0)->news[0] |= 1;
	vshm_bed_side(&bed, 0)->summary[0] |= 1;
	vshm_bed_ring(&bed, 0);
	EXPECT_TRUE(vshm_bed_wait(&bed, 0, "violations", "1"));
	EXPECT_EQ(1, traced("vshm_violation",
			    "link=5-6 what=\"ring of the link\""));
	EXPECT_LE(1, traced("vshm_link_down", "link=5-6"));
	close(fd[0]);
	close(fd[1]);
	vshm_bed_free(&bed);
}

/* What programs that parse formats need: no name of the kernel's is left. */
TEST_F(trace, formats)
{
	static const char * const events[] = {
		"state", "connect", "accept", "send", "recv", "wait_begin",
		"wait_end", "wakeup", "doorbell", "interrupt", "reset",
		"link_up", "link_down", "violation", "drop", "drop_datagram",
	};
	char path[128], text[4096];
	size_t n;
	FILE *f;

	TRACE_OR_SKIP();
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		snprintf(path, sizeof(path), VSHM_EVENTS "/vshm_%s/format",
			 events[i]);
		f = fopen(path, "r");
		ASSERT_NE(NULL, f) {
			TH_LOG("no event %s", events[i]);
		}
		n = fread(text, 1, sizeof(text) - 1, f);
		text[n] = '\0';
		fclose(f);
		EXPECT_NE(NULL, strstr(text, "print fmt"));
		EXPECT_EQ(NULL, strstr(text, "VSHM_"));
	}
}

TEST_HARNESS_MAIN
