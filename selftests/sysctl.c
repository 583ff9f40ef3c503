// SPDX-License-Identifier: GPL-2.0
/* /proc/sys/net/vshm: ranges, namespaces, and that the values count. */
#include "vshm_bed.h"
#include "vshm_dgram.h"
#include "vshm_diag.h"
#include "vshm_test.h"
#include <kselftest_harness.h>

#define SYSCTL	"/proc/sys/net/vshm/"
#define DAY_MS	86400000

static const struct {
	const char *name;
	long initial;	/* -N: an Nth of memory */
	long min;
	long max;
} knobs[] = {
	{ "buffer_min", 2048, 2048, 524288 },
	{ "buffer_default", 524288, 2048, 16777216 },
	{ "buffer_max", 16777216, 524288, 16777216 },
	{ "connect_timeout_ms", 2000, 1, DAY_MS },
	{ "max_sockets", 1048576, 1, 4194303 },
	{ "max_user_sockets", 1048576, 1, 4194303 },
	{ "max_pending", 65536, 1, 4194303 },
	{ "max_link_pending", 16384, 1, 4194303 },
	{ "max_memory_kb", -4, 0, UINT32_MAX },
	{ "max_user_memory_kb", -8, 0, UINT32_MAX },
};

static int set_num(const char *name, long value)
{
	char text[24];

	snprintf(text, sizeof(text), "%ld", value);
	return vshm_limit_set(name, text);
}

static long get(const char *name)
{
	char path[64];
	long value = -1;
	FILE *f;

	snprintf(path, sizeof(path), SYSCTL "%s", name);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%ld", &value) != 1)
		value = -1;
	if (f)
		fclose(f);
	return value;
}

static long memory_kb(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	long kb = 0;

	if (!f || fscanf(f, "MemTotal: %ld", &kb) != 1)
		kb = 0;
	if (f)
		fclose(f);
	return kb;
}

/* A namespace of its own, which goes with the test. */
FIXTURE(limits) {
};

FIXTURE_SETUP(limits)
{
	ASSERT_EQ(0, vshm_ns_enter(vshm_ns_new()));
}

FIXTURE_TEARDOWN(limits)
{
}

TEST_F(limits, ranges)
{
	for (size_t i = 0; i < ARRAY_SIZE(knobs); i++) {
		const char *name = knobs[i].name;
		long initial = knobs[i].initial;

		if (initial < 0)
			initial = memory_kb() / -initial;
		EXPECT_LT(0, initial);
		EXPECT_EQ(initial, get(name)) {
			TH_LOG("%s", name);
		}
		EXPECT_EQ(-EINVAL, set_num(name, knobs[i].min - 1));
		EXPECT_EQ(-EINVAL, set_num(name, knobs[i].max + 1));
		EXPECT_EQ(-EINVAL, vshm_limit_set(name, "-1"));
		EXPECT_EQ(-EINVAL, vshm_limit_set(name, "much"));
		EXPECT_EQ(-EINVAL, vshm_limit_set(name, "99999999999"));
		EXPECT_EQ(initial, get(name));
		EXPECT_EQ(0, set_num(name, knobs[i].max));
		EXPECT_EQ(knobs[i].max, get(name));
		EXPECT_EQ(0, set_num(name, knobs[i].min));
		EXPECT_EQ(knobs[i].min, get(name));
		EXPECT_EQ(0, set_num(name, initial));
	}
}

/* The least, the default and the most stay in order. */
TEST_F(limits, order)
{
	ASSERT_EQ(0, set_num("buffer_default", 8192));
	EXPECT_EQ(-EINVAL, set_num("buffer_min", 8193));
	ASSERT_EQ(0, set_num("buffer_min", 8192));
	EXPECT_EQ(-EINVAL, set_num("buffer_default", 8191));
	ASSERT_EQ(0, set_num("buffer_max", 8192));
	EXPECT_EQ(-EINVAL, set_num("buffer_default", 8193));
}

TEST_F(limits, another_namespace)
{
	ASSERT_EQ(0, set_num("connect_timeout_ms", 777));
	ASSERT_EQ(0, vshm_ns_enter(vshm_ns_new()));
	EXPECT_EQ(2000, get("connect_timeout_ms"));
}

TEST_F(limits, buffers)
{
	uint64_t size = 1 << 20;
	int fd;

	ASSERT_EQ(0, set_num("buffer_default", 65536));
	ASSERT_EQ(0, set_num("buffer_min", 4096));
	ASSERT_EQ(0, set_num("buffer_max", 131072));
	fd = vshm_socket(0);
	EXPECT_EQ(65536U, vshm_diag_num(fd, "tx.limit"));
	EXPECT_EQ(65536U, vshm_diag_num(fd, "rx.limit"));
	EXPECT_EQ(4096U, vshm_diag_num(fd, "buffer_min"));
	EXPECT_EQ(131072U, vshm_diag_num(fd, "buffer_max"));
	ASSERT_EQ(0, setsockopt(fd, vshm_family(), SO_VSHM_BUFFER_MAX_SIZE,
				&size, sizeof(size)));
	EXPECT_EQ(131072U, vshm_diag_num(fd, "buffer_max"));
	size = 1;
	ASSERT_EQ(0, setsockopt(fd, vshm_family(), SO_VSHM_BUFFER_MIN_SIZE,
				&size, sizeof(size)));
	EXPECT_EQ(4096U, vshm_diag_num(fd, "buffer_min"));
	close(fd);
}

/* A generic option may ask for more, and gets no larger ring. */
TEST_F(limits, ring)
{
	int fd[2], size = 200000;

	ASSERT_EQ(0, set_num("buffer_default", 8192));
	ASSERT_EQ(0, set_num("buffer_max", 16384));
	ASSERT_EQ(0, vshm_pair_open(fd));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, setsockopt(fd[i], SOL_SOCKET, SO_RCVBUF, &size,
					sizeof(size)));
		ASSERT_EQ(0, setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &size,
					sizeof(size)));
	}
	EXPECT_EQ(16384, vshm_send_full(fd[0], 0));
	EXPECT_EQ(16384U, vshm_diag_num(fd[0], "tx.ring"));
	close(fd[0]);
	close(fd[1]);
}

/* No answer comes from the other end of this link. */
TEST_F(limits, connect_timeout)
{
	struct vshm_bed bed;
	uint64_t start;
	int ns, fd;

	ns = vshm_ns_new();
	ASSERT_EQ(0, vshm_bed_make(&bed, ns, 5, vshm_ns_new(), 6));
	ASSERT_EQ(0, vshm_bed_attach(&bed, 0));
	ASSERT_EQ(0, vshm_bed_fake(&bed, 1));
	ASSERT_EQ(0, vshm_ns_enter(ns));
	ASSERT_EQ(0, set_num("connect_timeout_ms", 300));
	fd = vshm_socket(0);
	EXPECT_EQ(300U, vshm_diag_num(fd, "connect_timeout"));
	start = vshm_now_ms();
	EXPECT_EQ(-1, vshm_connect(fd, 6, 1234));
	EXPECT_EQ(ETIMEDOUT, errno);
	EXPECT_LE(290U, vshm_now_ms() - start);
	EXPECT_GT(1900U, vshm_now_ms() - start);
	close(fd);
	vshm_bed_free(&bed);
}

TEST_F(limits, sockets)
{
	int listener, c, fd;

	listener = vshm_listener(4);
	c = vshm_socket(0);
	ASSERT_EQ(0, set_num("max_sockets", 2));
	EXPECT_EQ(-1, vshm_socket(0));
	EXPECT_EQ(ENOBUFS, errno);
	/* nor may a peer cause one */
	EXPECT_EQ(-1, vshm_connect(c, VSHM_CID_LOCAL, vshm_port(listener)));
	EXPECT_EQ(ENOBUFS, errno);
	ASSERT_EQ(0, set_num("max_sockets", 3));
	EXPECT_EQ(0, vshm_connect(c, VSHM_CID_LOCAL, vshm_port(listener)));
	close(c);
	close(listener);
	fd = vshm_socket(0);
	EXPECT_LE(0, fd);
	close(fd);
}

/* The limit is that of all queues together. */
TEST_F(limits, pending)
{
	int l[2] = { vshm_listener(8), vshm_listener(8) };
	int c[2], fd = vshm_socket(0);

	ASSERT_EQ(0, set_num("max_pending", 2));
	for (int i = 0; i < 2; i++)
		c[i] = vshm_client(l[i]);
	EXPECT_EQ(-1, vshm_connect(fd, VSHM_CID_LOCAL, vshm_port(l[0])));
	EXPECT_EQ(ECONNREFUSED, errno);
	close(accept(l[1], NULL, NULL));
	EXPECT_EQ(0, vshm_connect(fd, VSHM_CID_LOCAL, vshm_port(l[0])));
	for (int i = 0; i < 2; i++) {
		close(c[i]);
		close(l[i]);
	}
	close(fd);
}

/* Who connects has one of his own; what waits is the listener's owner's. */
TEST_F(limits, user_sockets)
{
	int root[2], other[2];
	uint32_t port;

	ASSERT_EQ(0, set_num("max_user_sockets", 2));
	for (int i = 0; i < 2; i++)
		root[i] = vshm_socket(0);
	EXPECT_EQ(-1, vshm_socket(0));
	EXPECT_EQ(ENOBUFS, errno);
	ASSERT_EQ(0, seteuid(65534));
	other[0] = vshm_listener(4);
	other[1] = vshm_socket(0);
	port = vshm_port(other[0]);
	EXPECT_LE(0, other[1]);
	EXPECT_EQ(-1, vshm_socket(0));
	EXPECT_EQ(ENOBUFS, errno);
	ASSERT_EQ(0, seteuid(0));
	EXPECT_EQ(-1, vshm_connect(root[0], VSHM_CID_LOCAL, port));
	EXPECT_EQ(ENOBUFS, errno);
	close(other[1]);
	EXPECT_EQ(0, vshm_connect(root[0], VSHM_CID_LOCAL, port));
	close(root[1]);
	root[1] = vshm_socket(0);
	EXPECT_LE(0, root[1]);
	for (int i = 0; i < 2; i++)
		close(root[i]);
	close(other[0]);
}

/* The connections of one link leave room for those of another. */
TEST_F(limits, link_pending)
{
	int host = vshm_ns_new(), guest[2] = { vshm_ns_new(), vshm_ns_new() };
	struct vshm_bed bed[2];
	int listener, fd[3];
	uint32_t port;

	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, vshm_bed_link(&bed[i], host, 2, guest[i], 3 + i));
	listener = vshm_ns_listener(host, 8);
	port = vshm_port(listener);
	ASSERT_EQ(0, vshm_ns_enter(host));
	ASSERT_EQ(0, set_num("max_link_pending", 1));
	fd[0] = vshm_ns_connect(guest[0], 2, port);
	ASSERT_LE(0, fd[0]);
	EXPECT_TRUE(vshm_bed_wait(&bed[0], 0, "pending", "1"));
	EXPECT_EQ(-1, vshm_ns_connect(guest[0], 2, port));
	EXPECT_EQ(ECONNREFUSED, errno);
	fd[1] = vshm_ns_connect(guest[1], 2, port);
	EXPECT_LE(0, fd[1]);
	/* accepted: another may come */
	close(accept(listener, NULL, NULL));
	EXPECT_TRUE(vshm_bed_wait(&bed[0], 0, "pending", "0"));
	fd[2] = vshm_ns_connect(guest[0], 2, port);
	EXPECT_LE(0, fd[2]);
	EXPECT_TRUE(vshm_bed_wait(&bed[0], 0, "pending", "1"));
	close(listener);
	for (int i = 0; i < 2; i++)
		EXPECT_TRUE(vshm_bed_wait(&bed[i], 0, "pending", "0"));
	for (int i = 0; i < 3; i++)
		close(fd[i]);
	for (int i = 0; i < 2; i++)
		vshm_bed_free(&bed[i]);
}

/* A queue stays as small as the first ring when nothing larger may be had. */
TEST_F(limits, memory)
{
	int fd[2], more[2];

	ASSERT_EQ(0, set_num("max_memory_kb", 64));
	ASSERT_EQ(0, vshm_pair_open(fd));
	ASSERT_LT(0, vshm_send_full(fd[0], 0));
	EXPECT_EQ(32768U, vshm_diag_num(fd[0], "tx.ring"));
	ASSERT_EQ(0, vshm_pair_open(more));
	ASSERT_LT(0, vshm_send_full(more[0], 0));
	EXPECT_EQ(16384U, vshm_diag_num(more[0], "tx.ring"));
	/* what was given back can be had again */
	for (int i = 0; i < 2; i++) {
		close(fd[i]);
		close(more[i]);
	}
	ASSERT_EQ(0, vshm_pair_open(fd));
	ASSERT_LT(0, vshm_send_full(fd[0], 0));
	EXPECT_EQ(32768U, vshm_diag_num(fd[0], "tx.ring"));
	close(fd[0]);
	close(fd[1]);
	ASSERT_EQ(0, set_num("max_memory_kb", 0));
	ASSERT_EQ(0, vshm_pair_open(fd));
	EXPECT_EQ(2048, vshm_send_full(fd[0], 0));
	close(fd[0]);
	close(fd[1]);
}

/* What lies in the region of a link is not memory of this kernel. */
TEST_F(limits, memory_of_links)
{
	int host = vshm_ns_new(), guest = vshm_ns_new(), pair[2];
	struct vshm_bed bed;

	ASSERT_EQ(0, vshm_bed_link(&bed, host, 2, guest, 3));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, vshm_ns_enter(i ? guest : host));
		ASSERT_EQ(0, set_num("max_memory_kb", 0));
	}
	ASSERT_EQ(0, vshm_ns_pair(host, guest, 3, pair));
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(vshm_getint(pair[i], SOL_SOCKET, SO_SNDBUF),
			  vshm_fill_up(pair[i], 0));
	close(pair[0]);
	close(pair[1]);
	vshm_bed_free(&bed);
}

/* Each user has as much, whatever others have. */
TEST_F(limits, user_memory)
{
	static const uid_t users[] = { 0, 65534, 0 };
	static const unsigned int rings[] = { 32768, 32768, 16384 };
	int fd[3][2];

	ASSERT_EQ(0, set_num("max_user_memory_kb", 64));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, seteuid(users[i]));
		ASSERT_EQ(0, vshm_pair_open(fd[i]));
		ASSERT_LT(0, vshm_send_full(fd[i][0], 0));
		EXPECT_EQ(rings[i], vshm_diag_num(fd[i][0], "tx.ring"));
		ASSERT_EQ(0, seteuid(0));
	}
	for (int i = 0; i < 3; i++) {
		close(fd[i][0]);
		close(fd[i][1]);
	}
}

/* A packet that needs a larger ring waits for it; EAGAIN who does not wait. */
TEST_F(limits, memory_of_packets)
{
	char buf[8000] = "";
	int fd[2];

	ASSERT_EQ(0, set_num("max_memory_kb", 0));
	ASSERT_EQ(0, socketpair(vshm_family(), SOCK_SEQPACKET, 0, fd));
	EXPECT_EQ(-1, send(fd[0], buf, sizeof(buf), MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(1000, send(fd[0], buf, 1000, 0));
	ASSERT_EQ(0, set_num("max_memory_kb", 1024));
	EXPECT_EQ(8000, send(fd[0], buf, sizeof(buf), 0));
	EXPECT_EQ(1000, recv(fd[1], buf, sizeof(buf), 0));
	EXPECT_EQ(8000, recv(fd[1], buf, sizeof(buf), 0));
	close(fd[0]);
	close(fd[1]);
}

TEST_F(limits, memory_of_datagrams)
{
	int a = vshm_dgram_bound(), b = vshm_dgram_bound();
	uint32_t port = vshm_port(b);
	char buf[100] = "";

	ASSERT_EQ(0, set_num("max_memory_kb", 0));
	EXPECT_EQ(100, vshm_sendto(a, buf, 100, 0, VSHM_CID_LOCAL, port));
	EXPECT_EQ(1U, vshm_diag_num(b, "drops"));
	ASSERT_EQ(0, set_num("max_memory_kb", 16));
	EXPECT_EQ(100, vshm_sendto(a, buf, 100, 0, VSHM_CID_LOCAL, port));
	EXPECT_EQ(100, recv(b, buf, sizeof(buf), MSG_DONTWAIT));
	EXPECT_EQ(1U, vshm_diag_num(b, "drops"));
	close(a);
	close(b);
}

/* Who sent a byte takes memory as well, but for the first few of a queue. */
TEST_F(limits, memory_of_credentials)
{
	struct ucred cred = { getpid(), 0, 0 };
	int fd[2], n = 0;

	ASSERT_EQ(0, set_num("max_user_memory_kb", 0));
	ASSERT_EQ(0, vshm_pair_open(fd));
	while (n < 100 && vshm_send_with(fd[0], "x", 1, SCM_CREDENTIALS, &cred,
					 sizeof(cred)) == 1)
		n++;
	EXPECT_EQ(ENOBUFS, errno);
	EXPECT_EQ(16, n);
	ASSERT_EQ(0, set_num("max_user_memory_kb", 64));
	EXPECT_EQ(1, vshm_send_with(fd[0], "x", 1, SCM_CREDENTIALS, &cred,
				    sizeof(cred)));
	close(fd[0]);
	close(fd[1]);
}

TEST_HARNESS_MAIN
