// SPDX-License-Identifier: GPL-2.0
/* The socket table: every part of an entry, shown by real traffic. */
#include "vshm_pair.h"
#include "vshm_proc.h"

#include <sys/stat.h>
#include <sys/time.h>

#define EXPECT_CELL(fd, column, value)					\
	EXPECT_STREQ(value, vshm_proc_get(fd, column))

#define EXPECT_NUM(fd, column, value)					\
	EXPECT_EQ((uint64_t)(value), vshm_proc_num(fd, column))

TEST(columns)
{
	static const char * const names[] = {
		"id", "state", "activity", "sendq", "recvq", "connq",
		"connlim", "uid", "inode",
		"l.id", "l.type", "l.proto", "l.opts", "l.cid", "l.port",
		"l.event", "l.family", "l.block",
		"r.id", "r.type", "r.proto", "r.opts", "r.cid", "r.port",
		"r.event", "r.family", "r.block",
	};
	struct vshm_table t;

	VSHM_NEEDS_TABLE();
	ASSERT_EQ(0, vshm_table_load(&t));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		EXPECT_NE(NULL, vshm_table_cell(&t, 0, names[i])) {
			TH_LOG("no column %s", names[i]);
		}
	}
	vshm_table_free(&t);
}

TEST(unconnected)
{
	int fd = vshm_socket(0);

	VSHM_NEEDS_TABLE();
	EXPECT_CELL(fd, "state", "UNCONNECTED");
	EXPECT_CELL(fd, "activity", "-");
	EXPECT_NUM(fd, "sendq", 0);
	EXPECT_NUM(fd, "recvq", 0);
	EXPECT_NUM(fd, "connq", 0);
	EXPECT_NUM(fd, "connlim", 0);
	EXPECT_NUM(fd, "uid", geteuid());
	EXPECT_NUM(fd, "l.type", SOCK_STREAM);
	EXPECT_NUM(fd, "l.proto", 0);
	EXPECT_NUM(fd, "l.family", vshm_family());
	EXPECT_CELL(fd, "l.cid", "*");
	EXPECT_CELL(fd, "l.port", "*");
	EXPECT_CELL(fd, "l.block", "block");
	EXPECT_CELL(fd, "r.cid", "*");
	EXPECT_CELL(fd, "r.port", "*");
	close(fd);
}

TEST(line_goes_with_socket)
{
	int fd = vshm_listener(1);
	uint32_t port = vshm_port(fd);

	VSHM_NEEDS_TABLE();
	EXPECT_EQ(1, vshm_proc_port_lines(port));
	close(fd);
	EXPECT_EQ(0, vshm_proc_port_lines(port));
}

TEST(owner)
{
	int fd;

	VSHM_NEEDS_TABLE();
	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, setresuid(65534, 65534, 65534));
	fd = vshm_socket(0);
	ASSERT_LE(0, fd);
	EXPECT_NUM(fd, "uid", 65534);
	close(fd);
}

TEST(ids_are_unique)
{
	int fd[20];
	uint64_t id[20];

	VSHM_NEEDS_TABLE();
	for (int i = 0; i < 20; i++) {
		fd[i] = vshm_socket(0);
		id[i] = vshm_proc_num(fd[i], "id");
		EXPECT_EQ(id[i], vshm_proc_num(fd[i], "l.id"));
		EXPECT_NE(0U, id[i]);
		EXPECT_NE(UINT64_MAX, id[i]);
		for (int j = 0; j < i; j++) {
			EXPECT_NE(id[j], id[i]);
		}
		if (i & 1)
			close(fd[i]);
	}
	for (int i = 0; i < 20; i += 2)
		close(fd[i]);
}

TEST(addresses)
{
	char port[16];
	int fd = vshm_socket(0);

	VSHM_NEEDS_TABLE();
	ASSERT_EQ(0, vshm_bind(fd, VSHM_CID_ANY, VSHM_PORT_ANY));
	snprintf(port, sizeof(port), "%u", vshm_port(fd));
	EXPECT_CELL(fd, "state", "BOUND");
	EXPECT_CELL(fd, "l.cid", "*");
	EXPECT_CELL(fd, "l.port", port);
	close(fd);
	fd = vshm_socket(0);
	ASSERT_EQ(0, vshm_bind(fd, VSHM_CID_LOCAL, VSHM_PORT_ANY));
	EXPECT_NUM(fd, "l.cid", VSHM_CID_LOCAL);
	close(fd);
}

/* The remote structure of each end says what the other's local one does. */
TEST_F(pair, remote_mirrors_local)
{
	static const char * const fields[] = {
		"id", "type", "proto", "cid", "port", "family",
	};
	char local[16], remote[16], value[64];
	int fd[2] = { self->c, self->s };

	VSHM_NEEDS_TABLE();
	for (int i = 0; i < 2; i++) {
		for (size_t f = 0; f < ARRAY_SIZE(fields); f++) {
			snprintf(local, sizeof(local), "l.%s", fields[f]);
			snprintf(remote, sizeof(remote), "r.%s", fields[f]);
			strcpy(value, vshm_proc_get(fd[i], local));
			EXPECT_CELL(fd[!i], remote, value) {
				TH_LOG("%s", remote);
			}
		}
		EXPECT_CELL(fd[i], "state", "CONNECTED");
		EXPECT_CELL(fd[i], "activity", "-");
		EXPECT_NUM(fd[i], "r.cid", VSHM_CID_LOCAL);
		EXPECT_NUM(fd[i], "r.type", SOCK_STREAM);
	}
}

TEST_F(pair, blocking)
{
	VSHM_NEEDS_TABLE();
	EXPECT_CELL(self->c, "l.block", "block");
	ASSERT_EQ(0, vshm_nonblock(self->c));
	EXPECT_CELL(self->c, "l.block", "nonblock");
	EXPECT_CELL(self->s, "l.block", "block");
}

/* The remote blocking mode and options are those of the time of connecting. */
TEST(remote_mode)
{
	int listener = vshm_listener(1);
	int c = vshm_socket(SOCK_NONBLOCK);
	int one = 1;
	int s;

	VSHM_NEEDS_TABLE();
	ASSERT_EQ(0, setsockopt(c, SOL_SOCKET, SO_KEEPALIVE, &one,
				sizeof(one)));
	if (vshm_connect(c, VSHM_CID_LOCAL, vshm_port(listener))) {
		ASSERT_EQ(EINPROGRESS, errno);
	}
	s = accept(listener, NULL, NULL);
	ASSERT_LE(0, s);
	EXPECT_CELL(s, "r.block", "nonblock");
	EXPECT_NE(0U, vshm_proc_num(s, "r.opts") & VSHM_OPT_KEEPALIVE);
	EXPECT_CELL(c, "r.block", "block");
	close(c);
	close(s);
	close(listener);
}

/* Each generic option shows as its bit, and no other does. */
FIXTURE(option) {
	int fd;
};

FIXTURE_VARIANT(option) {
	int name;
	unsigned int bit;
	union {
		int number;
		struct linger linger;
		struct timeval time;
	} val;
	socklen_t len;
};

#define OPTION(opt, member, ...)					\
	FIXTURE_VARIANT_ADD(option, opt) {				\
		.name = SO_##opt,					\
		.bit = VSHM_OPT_##opt,					\
		.val.member = __VA_ARGS__,				\
		.len = sizeof(((FIXTURE_VARIANT(option) *)0)->val.member), \
	}

OPTION(REUSEADDR, number, 1);
OPTION(KEEPALIVE, number, 1);
OPTION(LINGER, linger, { .l_onoff = 1, .l_linger = 1 });
OPTION(RCVTIMEO, time, { .tv_sec = 5 });
OPTION(SNDTIMEO, time, { .tv_sec = 5 });
OPTION(RCVLOWAT, number, 100);
OPTION(RCVBUF, number, 32768);
OPTION(SNDBUF, number, 32768);
OPTION(BUSY_POLL, number, 50);

FIXTURE_SETUP(option)
{
	self->fd = vshm_socket(0);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(option)
{
	close(self->fd);
}

TEST_F(option, shown)
{
	VSHM_NEEDS_TABLE();
	EXPECT_CELL(self->fd, "l.opts", "0x0");
	ASSERT_EQ(0, setsockopt(self->fd, SOL_SOCKET, variant->name,
				&variant->val, variant->len)) {
		TH_LOG("%s", strerror(errno));
	}
	EXPECT_NUM(self->fd, "l.opts", variant->bit);
}

/* Send queue and receive queue, to the byte, in both directions. */
TEST_F(pair, queues)
{
	int fd[2] = { self->c, self->s };
	char buf[700];

	VSHM_NEEDS_TABLE();
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, vshm_send_all(fd[i], 1000, 1000, 0, i));
		EXPECT_NUM(fd[i], "sendq", 1000);
		EXPECT_NUM(fd[!i], "recvq", 1000);
		EXPECT_EQ(700, recv(fd[!i], buf, sizeof(buf), 0));
		EXPECT_NUM(fd[i], "sendq", 300);
		EXPECT_NUM(fd[!i], "recvq", 300);
	}
	EXPECT_EQ(300, recv(self->s, buf, sizeof(buf), 0));
	EXPECT_NUM(self->c, "sendq", 0);
	EXPECT_NUM(self->s, "recvq", 0);
	EXPECT_NUM(self->c, "recvq", 300);
}

TEST_F(pair, full_queue)
{
	ssize_t n = vshm_send_full(self->c, 0);

	VSHM_NEEDS_TABLE();
	ASSERT_LT(0, n);
	EXPECT_NUM(self->c, "sendq", n);
	EXPECT_NUM(self->s, "recvq", n);
	EXPECT_EQ(0, vshm_recv_all(self->s, n, 10000, 0, 0));
	EXPECT_NUM(self->c, "sendq", 0);
	EXPECT_NUM(self->s, "recvq", 0);
}

/* Bytes that wait in a socket whose peer is gone still count. */
TEST_F(pair, queue_outlives_peer)
{
	VSHM_NEEDS_TABLE();
	ASSERT_EQ(0, vshm_send_all(self->c, 1000, 1000, 0, 0));
	close(self->c);
	self->c = -1;
	EXPECT_NUM(self->s, "recvq", 1000);
	EXPECT_EQ(0, vshm_recv_all(self->s, 1000, 1000, 0, 0));
	EXPECT_NUM(self->s, "recvq", 0);
}

TEST(connection_queue)
{
	int fd = vshm_socket(0);
	int c[3], s;

	VSHM_NEEDS_TABLE();
	ASSERT_EQ(0, vshm_bind(fd, VSHM_CID_ANY, VSHM_PORT_ANY));
	EXPECT_NUM(fd, "connlim", 0);
	ASSERT_EQ(0, listen(fd, 5));
	EXPECT_CELL(fd, "state", "LISTENING");
	EXPECT_NUM(fd, "connlim", 5);
	for (int i = 0; i < 3; i++) {
		EXPECT_NUM(fd, "connq", i);
		c[i] = vshm_client(fd);
		ASSERT_LE(0, c[i]);
	}
	for (int i = 3; i > 0; i--) {
		EXPECT_NUM(fd, "connq", i);
		s = accept(fd, NULL, NULL);
		ASSERT_LE(0, s);
		close(s);
	}
	EXPECT_NUM(fd, "connq", 0);
	ASSERT_EQ(0, listen(fd, 7));
	EXPECT_NUM(fd, "connlim", 7);
	for (int i = 0; i < 3; i++)
		close(c[i]);
	close(fd);
}

/* A queued connection has an entry before any program has its socket. */
TEST(queued_socket_has_line)
{
	int fd = vshm_listener(2);
	int c = vshm_client(fd);
	struct vshm_table t;
	char id[24];

	VSHM_NEEDS_TABLE();
	snprintf(id, sizeof(id), "%s", vshm_proc_get(c, "id"));
	ASSERT_EQ(0, vshm_table_load(&t));
	EXPECT_EQ(1, vshm_table_count(&t, "r.id", id));
	vshm_table_free(&t);
	close(c);
	close(fd);
}

/* The two activities, while calls are blocked, at either end, and both. */
TEST_F(pair, receiving)
{
	char b;
	struct vshm_call call = {
		.fn = vshm_call_recv, .fd = self->s, .buf = &b, .len = 1,
	};

	VSHM_NEEDS_TABLE();
	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_TRUE(vshm_proc_wait(self->s, "activity", "R"));
	EXPECT_CELL(self->s, "state", "CONNECTED");
	EXPECT_CELL(self->c, "activity", "-");
	ASSERT_EQ(1, send(self->c, "x", 1, 0));
	EXPECT_EQ(1, vshm_call_end(&call));
	EXPECT_CELL(self->s, "activity", "-");
}

TEST_F(pair, sending)
{
	ssize_t full = vshm_send_full(self->c, 0);
	char b = 0;
	struct vshm_call call = {
		.fn = vshm_call_send, .fd = self->c, .buf = &b, .len = 1,
	};

	VSHM_NEEDS_TABLE();
	ASSERT_LT(0, full);
	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_TRUE(vshm_proc_wait(self->c, "activity", "S"));
	EXPECT_CELL(self->c, "state", "CONNECTED");
	EXPECT_NUM(self->c, "sendq", full);
	ASSERT_EQ(0, vshm_recv_all(self->s, full, 65536, 0, 0));
	EXPECT_EQ(1, vshm_call_end(&call));
	EXPECT_CELL(self->c, "activity", "-");
}

TEST_F(pair, sending_and_receiving)
{
	ssize_t full = vshm_send_full(self->c, 0);
	char in, out = 0;
	struct vshm_call rx = {
		.fn = vshm_call_recv, .fd = self->c, .buf = &in, .len = 1,
	};
	struct vshm_call tx = {
		.fn = vshm_call_send, .fd = self->c, .buf = &out, .len = 1,
	};

	VSHM_NEEDS_TABLE();
	ASSERT_LT(0, full);
	ASSERT_EQ(0, vshm_call_start(&rx));
	ASSERT_EQ(0, vshm_call_start(&tx));
	EXPECT_TRUE(vshm_proc_wait(self->c, "activity", "SR"));
	ASSERT_EQ(1, send(self->s, "x", 1, 0));
	EXPECT_EQ(1, vshm_call_end(&rx));
	EXPECT_CELL(self->c, "activity", "S");
	ASSERT_EQ(0, vshm_recv_all(self->s, full, 65536, 0, 0));
	EXPECT_EQ(1, vshm_call_end(&tx));
	EXPECT_CELL(self->c, "activity", "-");
}

/* Reading the table while sockets come and go does no harm. */
static long read_table(struct vshm_call *call)
{
	struct vshm_table t;
	long n = 0;

	do {
		if (vshm_table_load(&t))
			return -1;
		vshm_table_free(&t);
		n++;
	} while (!__atomic_load_n((bool *)call->buf, __ATOMIC_ACQUIRE));
	return n;
}

TEST(read_while_changing)
{
	bool stop = false;
	struct vshm_call call = { .fn = read_table, .buf = &stop };
	int fd[2];

	VSHM_NEEDS_TABLE();
	ASSERT_EQ(0, vshm_call_start(&call));
	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(0, vshm_pair_open(fd));
		EXPECT_EQ(1, send(fd[0], "x", 1, 0));
		close(fd[i & 1]);
		close(fd[~i & 1]);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	EXPECT_LT(0, vshm_call_end(&call));
}

/* A line is whole even when there are more than fit one read. */
TEST(many_lines)
{
	enum { COUNT = 300 };
	struct vshm_table t;
	char inode[24];
	struct stat st;
	int fd[COUNT];

	VSHM_NEEDS_TABLE();
	for (int i = 0; i < COUNT; i++) {
		fd[i] = vshm_socket(0);
		ASSERT_LE(0, fd[i]);
	}
	ASSERT_EQ(0, vshm_table_load(&t));
	for (int i = 0; i < COUNT; i++) {
		fstat(fd[i], &st);
		snprintf(inode, sizeof(inode), "%lu", (unsigned long)st.st_ino);
		EXPECT_EQ(1, vshm_table_count(&t, "inode", inode));
		close(fd[i]);
	}
	vshm_table_free(&t);
}

TEST_HARNESS_MAIN
