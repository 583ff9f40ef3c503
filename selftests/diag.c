// SPDX-License-Identifier: GPL-2.0
/*
 * sock_diag and events: every part of an entry, as /proc/net/vshm shows it, in
 * every status; requests, good and bad; ending sockets.
 */
#include "vshm_bed.h"
#include "vshm_diag.h"
#include "vshm_pair.h"
#include "vshm_proc.h"

#include <linux/sock_diag.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/time.h>

static const char * const states[VSHM_NR_STATES] = {
	"UNCONNECTED", "BOUND", "LISTENING", "CONNECTING", "CONNECTED",
	"SHUTDOWN", "DISCONNECTED", "TERMINATED",
};

static const char * const activities[] = { "-", "S", "R", "SR" };

/* A cell of the table as sock_diag says it. */
static uint64_t cell_number(const char *cell)
{
	if (!strcmp(cell, "*"))
		return UINT32_MAX;
	if (!strcmp(cell, "block"))
		return 0;
	if (!strcmp(cell, "nonblock"))
		return 1;
	return strtoull(cell, NULL, 0);
}

#define EXPECT_DIAG(fd, column, value)					\
	EXPECT_EQ((uint64_t)(value), vshm_diag_num(fd, column))

#define EXPECT_STATE(fd, st) do {					\
	EXPECT_DIAG(fd, "state", st);					\
	EXPECT_STREQ(states[st], vshm_proc_get(fd, "state"));		\
} while (0)

#define EXPECT_ACTIVITY(fd, act) do {					\
	EXPECT_TRUE(vshm_diag_wait(fd, "activity", act));		\
	EXPECT_STREQ(activities[act], vshm_proc_get(fd, "activity"));	\
} while (0)

/* Both ways to look show the same, which no test but this may assume. */
#define EXPECT_SAME(fd) do {						\
	const char * const *c_;						\
									\
	for (c_ = vshm_diag_columns; *c_; c_++) {			\
		EXPECT_EQ(cell_number(vshm_proc_get(fd, *c_)),		\
			  vshm_diag_num(fd, *c_)) {			\
			TH_LOG("%s", *c_);				\
		}							\
	}								\
} while (0)

/* A namespace with nothing in it. */
FIXTURE(quiet) {
	int ns;
	uint64_t id;	/* what is to be ended */
	int ended;
};

FIXTURE_SETUP(quiet)
{
	self->ns = vshm_ns_new();
	ASSERT_EQ(0, vshm_ns_enter(self->ns));
}

FIXTURE_TEARDOWN(quiet)
{
	close(self->ns);
}

TEST(unconnected)
{
	int fd = vshm_socket(0);

	EXPECT_STATE(fd, VSHM_UNCONNECTED);
	EXPECT_ACTIVITY(fd, 0);
	EXPECT_SAME(fd);
	EXPECT_DIAG(fd, "l.type", SOCK_STREAM);
	EXPECT_DIAG(fd, "l.cid", VSHM_CID_ANY);
	EXPECT_DIAG(fd, "l.port", VSHM_PORT_ANY);
	EXPECT_DIAG(fd, "l.family", vshm_family());
	EXPECT_DIAG(fd, "tx.limit", 512 * 1024);
	EXPECT_DIAG(fd, "rx.limit", 512 * 1024);
	EXPECT_DIAG(fd, "tx.ring", 0);
	EXPECT_DIAG(fd, "rx.ring", 0);
	EXPECT_DIAG(fd, "buffer_min", 2048);
	EXPECT_DIAG(fd, "buffer_max", 512 * 1024);
	EXPECT_DIAG(fd, "connect_timeout", 2000);
	/* no link yet */
	EXPECT_DIAG(fd, "link.local", UINT64_MAX);
	close(fd);
}

TEST(bound_and_listening)
{
	int fd = vshm_socket(0);
	int c[3];

	ASSERT_EQ(0, vshm_bind(fd, VSHM_CID_LOCAL, VSHM_PORT_ANY));
	EXPECT_STATE(fd, VSHM_BOUND);
	EXPECT_SAME(fd);
	EXPECT_DIAG(fd, "l.cid", VSHM_CID_LOCAL);
	EXPECT_DIAG(fd, "l.port", vshm_port(fd));
	ASSERT_EQ(0, listen(fd, 5));
	for (int i = 0; i < 3; i++)
		c[i] = vshm_client(fd);
	EXPECT_STATE(fd, VSHM_LISTENING);
	EXPECT_DIAG(fd, "connq", 3);
	EXPECT_DIAG(fd, "connlim", 5);
	EXPECT_SAME(fd);
	for (int i = 0; i < 3; i++)
		close(c[i]);
	close(fd);
}

/* A peer that never answers. */
FIXTURE(mute) {
	struct vshm_bed bed;
	int ns;
	int fd;
};

FIXTURE_SETUP(mute)
{
	self->ns = vshm_ns_new();
	ASSERT_EQ(0, vshm_bed_make(&self->bed, self->ns, 5, vshm_ns_new(), 6));
	ASSERT_EQ(0, vshm_bed_attach(&self->bed, 0));
	ASSERT_EQ(0, vshm_bed_fake(&self->bed, 1));
	ASSERT_EQ(0, vshm_ns_enter(self->ns));
	self->fd = vshm_socket(SOCK_NONBLOCK);
	ASSERT_EQ(-1, vshm_connect(self->fd, 6, 1234));
	ASSERT_EQ(EINPROGRESS, errno);
}

FIXTURE_TEARDOWN(mute)
{
	if (self->fd >= 0)
		close(self->fd);
	vshm_bed_free(&self->bed);
}

TEST_F(mute, connecting)
{
	EXPECT_STATE(self->fd, VSHM_CONNECTING);
	EXPECT_SAME(self->fd);
	EXPECT_DIAG(self->fd, "r.cid", 6);
	EXPECT_DIAG(self->fd, "r.port", 1234);
	EXPECT_DIAG(self->fd, "l.block", 1);
	EXPECT_DIAG(self->fd, "link.local", 5);
	EXPECT_DIAG(self->fd, "link.peer", 6);
	EXPECT_DIAG(self->fd, "link.up", 1);
	EXPECT_DIAG(self->fd, "link.peer_slot", 0);
	EXPECT_LT(0, vshm_diag_num(self->fd, "link.slot"));
}

/* Closed, with an answer still owed: the entry is there, the inode is not. */
TEST_F(mute, terminated)
{
	uint64_t id = vshm_diag_num(self->fd, "id");
	struct vshm_diag_query q;
	struct vshm_table t;
	char text[24];

	close(self->fd);
	self->fd = -1;
	vshm_diag_init(&q, SOCK_DIAG_BY_FAMILY, 0);
	vshm_diag_add_id(&q, id);
	vshm_diag_add_u32(&q, VSHM_DIAG_REQ_STATES, 1 << VSHM_TERMINATED);
	EXPECT_EQ(1, vshm_diag_count(&q));
	snprintf(text, sizeof(text), "%llu", (unsigned long long)id);
	ASSERT_EQ(0, vshm_table_load(&t));
	EXPECT_EQ(1, vshm_table_count(&t, "id", text));
	EXPECT_EQ(1, vshm_table_count(&t, "state", "TERMINATED"));
	vshm_table_free(&t);
	/* there is nothing to end */
	EXPECT_EQ(-EOPNOTSUPP, vshm_diag_destroy(id));
}

TEST_F(pair, connected)
{
	char buf[700];

	EXPECT_STATE(self->c, VSHM_CONNECTED);
	ASSERT_EQ(0, vshm_send_all(self->c, 1000, 1000, 0, 0));
	EXPECT_EQ(700, recv(self->s, buf, sizeof(buf), 0));
	EXPECT_DIAG(self->c, "sendq", 300);
	EXPECT_DIAG(self->s, "recvq", 300);
	EXPECT_DIAG(self->c, "tx.bytes", 1000);
	EXPECT_DIAG(self->c, "tx.calls", 1);
	EXPECT_DIAG(self->s, "rx.bytes", 700);
	EXPECT_DIAG(self->s, "rx.calls", 1);
	EXPECT_DIAG(self->c, "r.id", vshm_diag_num(self->s, "id"));
	EXPECT_DIAG(self->s, "r.id", vshm_diag_num(self->c, "id"));
	EXPECT_DIAG(self->c, "tx.ring", 2048);
	EXPECT_DIAG(self->c, "rx.rings", 1);
	EXPECT_DIAG(self->c, "link.local", VSHM_CID_LOCAL);
	EXPECT_DIAG(self->c, "link.peer_slot",
		    vshm_diag_num(self->s, "link.slot"));
	EXPECT_SAME(self->c);
	EXPECT_SAME(self->s);
}

/* The ring grows as the queue fills, up to the limit. */
TEST_F(pair, ring_size)
{
	ASSERT_LT(0, vshm_send_full(self->c, 0));
	EXPECT_DIAG(self->c, "tx.ring", 512 * 1024);
	/* the first is read before the last is */
	EXPECT_DIAG(self->s, "rx.ring", 2048);
	EXPECT_LT(1, vshm_diag_num(self->s, "rx.rings"));
	EXPECT_SAME(self->c);
	EXPECT_SAME(self->s);
}

/* Both activities, while calls are blocked. */
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

	ASSERT_LT(0, full);
	ASSERT_EQ(0, vshm_call_start(&rx));
	EXPECT_ACTIVITY(self->c, VSHM_RECEIVING);
	EXPECT_DIAG(self->c, "rx.threads", 1);
	EXPECT_DIAG(self->c, "tx.threads", 0);
	ASSERT_TRUE(vshm_call_blocks(&rx));
	EXPECT_SAME(self->c);
	ASSERT_EQ(0, vshm_call_start(&tx));
	EXPECT_ACTIVITY(self->c, VSHM_SENDING | VSHM_RECEIVING);
	ASSERT_TRUE(vshm_call_blocks(&tx));
	EXPECT_SAME(self->c);
	ASSERT_EQ(1, send(self->s, "x", 1, 0));
	EXPECT_EQ(1, vshm_call_end(&rx));
	EXPECT_ACTIVITY(self->c, VSHM_SENDING);
	EXPECT_LE(1, vshm_diag_num(self->c, "rx.waits"));
	EXPECT_LE(1, vshm_diag_num(self->c, "rx.wakeups"));
	ASSERT_EQ(0, vshm_recv_all(self->s, full, 65536, 0, 0));
	EXPECT_EQ(1, vshm_call_end(&tx));
	EXPECT_ACTIVITY(self->c, 0);
	EXPECT_LE(1, vshm_diag_num(self->c, "tx.waits"));
	EXPECT_LE(1, vshm_diag_num(self->c, "tx.wakeups"));
	EXPECT_SAME(self->c);
}

TEST_F(pair, shutdown_and_disconnected)
{
	ASSERT_EQ(0, shutdown(self->c, SHUT_WR));
	EXPECT_STATE(self->c, VSHM_SHUTDOWN);
	EXPECT_STATE(self->s, VSHM_SHUTDOWN);
	EXPECT_DIAG(self->c, "shutdown", 2);
	EXPECT_DIAG(self->s, "shutdown", 1);
	EXPECT_SAME(self->c);
	ASSERT_EQ(1, send(self->s, "x", 1, 0));
	close(self->c);
	self->c = -1;
	EXPECT_STATE(self->s, VSHM_DISCONNECTED);
	EXPECT_DIAG(self->s, "shutdown", 3);
	EXPECT_DIAG(self->s, "error", ECONNRESET);
	EXPECT_SAME(self->s);
}

TEST_F(pair, options_and_age)
{
	int one = 1;
	uint64_t age;

	ASSERT_EQ(0, setsockopt(self->c, SOL_SOCKET, SO_KEEPALIVE, &one,
				sizeof(one)));
	ASSERT_EQ(0, vshm_nonblock(self->c));
	EXPECT_DIAG(self->c, "l.opts", VSHM_OPT_KEEPALIVE);
	EXPECT_DIAG(self->c, "l.block", 1);
	EXPECT_SAME(self->c);
	age = vshm_diag_num(self->c, "age");
	usleep(50000);
	EXPECT_LE(age + 50, vshm_diag_num(self->c, "age") + 4);
	ASSERT_EQ(0, shutdown(self->c, SHUT_WR));
	EXPECT_GT(age + 50, vshm_diag_num(self->c, "age"));
}

/* Filters: each finds the one socket that it fits. */
TEST_F(pair, filters)
{
	uint32_t port = vshm_port(self->c);
	const struct {
		int attr;
		uint32_t value;
		int found;
	} cases[] = {
		{ VSHM_DIAG_REQ_STATES, 1 << VSHM_CONNECTED, 1 },
		{ VSHM_DIAG_REQ_STATES, 1 << VSHM_BOUND, 0 },
		{ VSHM_DIAG_REQ_TYPES, 1 << SOCK_STREAM, 1 },
		{ VSHM_DIAG_REQ_TYPES, 1 << SOCK_SEQPACKET, 0 },
		{ VSHM_DIAG_REQ_LOCAL_CID, VSHM_CID_LOCAL, 1 },
		{ VSHM_DIAG_REQ_LOCAL_CID, 2, 0 },
		{ VSHM_DIAG_REQ_REMOTE_CID, VSHM_CID_LOCAL, 1 },
		{ VSHM_DIAG_REQ_REMOTE_CID, 2, 0 },
		{ VSHM_DIAG_REQ_REMOTE_PORT, vshm_port(self->s), 1 },
		{ VSHM_DIAG_REQ_REMOTE_PORT, vshm_port(self->s) + 1, 0 },
		{ VSHM_DIAG_REQ_UID, geteuid(), 1 },
		{ VSHM_DIAG_REQ_UID, geteuid() + 1, 0 },
		{ VSHM_DIAG_REQ_ACTIVITY, VSHM_RECEIVING, 1 },
		{ VSHM_DIAG_REQ_ACTIVITY, VSHM_SENDING, 0 },
	};
	char b;
	struct vshm_call rx = {
		.fn = vshm_call_recv, .fd = self->c, .buf = &b, .len = 1,
	};
	struct vshm_diag_query q;
	struct stat st;

	ASSERT_EQ(0, vshm_call_start(&rx));
	ASSERT_TRUE(vshm_diag_wait(self->c, "activity", VSHM_RECEIVING));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		vshm_diag_init(&q, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
		vshm_diag_add_u32(&q, VSHM_DIAG_REQ_LOCAL_PORT, port);
		vshm_diag_add_u32(&q, cases[i].attr, cases[i].value);
		EXPECT_EQ(cases[i].found, vshm_diag_count(&q)) {
			TH_LOG("attribute %d value %u", cases[i].attr,
			       cases[i].value);
		}
	}
	ASSERT_EQ(0, fstat(self->c, &st));
	vshm_diag_init(&q, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
	q.req.vdiag_ino = st.st_ino;
	EXPECT_EQ(1, vshm_diag_count(&q));
	/* TCP_ESTABLISHED, as AF_VSOCK's requests say it */
	q.req.vdiag_states = 1 << 1;
	EXPECT_EQ(1, vshm_diag_count(&q));
	q.req.vdiag_states = ~(1 << 1);
	EXPECT_EQ(0, vshm_diag_count(&q));
	/* one by its ID, in either way */
	vshm_diag_init(&q, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
	vshm_diag_add_id(&q, vshm_diag_num(self->c, "id"));
	EXPECT_EQ(1, vshm_diag_count(&q));
	q.nlh.nlmsg_flags = NLM_F_REQUEST;
	EXPECT_EQ(1, vshm_diag_count(&q));
	ASSERT_EQ(1, send(self->s, "x", 1, 0));
	EXPECT_EQ(1, vshm_call_end(&rx));
}

static void count_attrs(const struct vshm_diag_sock *sock, void *arg)
{
	for (int i = 0; i < VSHM_DIAG_ATTRS; i++)
		*(int *)arg += !!sock->attr[i];
}

/* A request shows what it asks for, and no more. */
TEST_F(pair, show)
{
	static const int attrs[] = { 8, 1, 1, 4, 2, 3, 1 };
	struct vshm_diag_query q;

	for (size_t i = 0; i <= ARRAY_SIZE(attrs); i++) {
		int n = 0;

		vshm_diag_init(&q, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
		vshm_diag_add_id(&q, vshm_diag_num(self->c, "id"));
		q.req.vdiag_show = i < ARRAY_SIZE(attrs) ? 1 << i : 0;
		EXPECT_EQ(1, vshm_diag_run(&q, count_attrs, &n));
		EXPECT_EQ(i < ARRAY_SIZE(attrs) ? attrs[i] : 0, n);
	}
}

static void take_msg(const struct vshm_diag_sock *sock, void *arg)
{
	*(struct vshm_diag_msg *)arg = sock->msg;
}

/* The fixed part, which programs for AF_VSOCK read. */
TEST_F(pair, message)
{
	struct vshm_diag_msg msg = { };
	struct vshm_diag_query q;
	socklen_t len = 8;
	uint64_t cookie;
	struct stat st;

	ASSERT_EQ(0, fstat(self->c, &st));
	ASSERT_EQ(0, getsockopt(self->c, SOL_SOCKET, SO_COOKIE, &cookie, &len));
	vshm_diag_init(&q, SOCK_DIAG_BY_FAMILY, 0);
	vshm_diag_add_id(&q, vshm_diag_num(self->c, "id"));
	memcpy(q.req.vdiag_cookie, &cookie, sizeof(cookie));
	ASSERT_EQ(1, vshm_diag_run(&q, take_msg, &msg));
	EXPECT_EQ(vshm_family(), msg.vdiag_family);
	EXPECT_EQ(SOCK_STREAM, msg.vdiag_type);
	EXPECT_EQ(1, msg.vdiag_state);
	EXPECT_EQ(0, msg.vdiag_shutdown);
	EXPECT_EQ(VSHM_CID_LOCAL, msg.vdiag_src_cid);
	EXPECT_EQ(vshm_port(self->c), msg.vdiag_src_port);
	EXPECT_EQ(VSHM_CID_LOCAL, msg.vdiag_dst_cid);
	EXPECT_EQ(vshm_port(self->s), msg.vdiag_dst_port);
	EXPECT_EQ(st.st_ino, msg.vdiag_ino);
	EXPECT_EQ(0, memcmp(&cookie, msg.vdiag_cookie, sizeof(cookie)));
	/* another's cookie */
	q.req.vdiag_cookie[0]++;
	EXPECT_EQ(-ESTALE, vshm_diag_count(&q));
}

/* Requests that are wrong, with the errno that each gets. */
TEST(malformed)
{
	struct vshm_diag_query q;
	uint16_t half = 1;

	/* too short for the request */
	for (int dump = 0; dump <= NLM_F_DUMP; dump += NLM_F_DUMP) {
		vshm_diag_init(&q, SOCK_DIAG_BY_FAMILY, dump);
		q.nlh.nlmsg_len = NLMSG_LENGTH(sizeof(q.req) - 4);
		EXPECT_EQ(-EINVAL, vshm_diag_count(&q));
		vshm_diag_init(&q, SOCK_DIAG_BY_FAMILY, dump);
		q.req.sdiag_protocol = 1;
		EXPECT_EQ(-EINVAL, vshm_diag_count(&q));
		vshm_diag_init(&q, SOCK_DIAG_BY_FAMILY, dump);
		q.req.pad = 1;
		EXPECT_EQ(-EINVAL, vshm_diag_count(&q));
		/* a number that is too short, and one that is too long */
		vshm_diag_init(&q, SOCK_DIAG_BY_FAMILY, dump);
		vshm_diag_add(&q, VSHM_DIAG_REQ_UID, &half, sizeof(half));
		EXPECT_GT(0, vshm_diag_count(&q));
		vshm_diag_init(&q, SOCK_DIAG_BY_FAMILY, dump);
		vshm_diag_add(&q, VSHM_DIAG_REQ_UID, "12345678", 8);
		EXPECT_GT(0, vshm_diag_count(&q));
		/* an attribute that nobody knows, and none */
		vshm_diag_init(&q, SOCK_DIAG_BY_FAMILY, dump);
		vshm_diag_add_u32(&q, VSHM_DIAG_REQ_MAX + 1, 0);
		EXPECT_EQ(-EINVAL, vshm_diag_count(&q));
		vshm_diag_init(&q, SOCK_DIAG_BY_FAMILY, dump);
		vshm_diag_add_u32(&q, 0, 0);
		EXPECT_EQ(-EINVAL, vshm_diag_count(&q));
		/* an attribute that says it is longer than the message */
		vshm_diag_init(&q, SOCK_DIAG_BY_FAMILY, dump);
		vshm_diag_add_u32(&q, VSHM_DIAG_REQ_UID, 0);
		((struct nlattr *)q.attrs)->nla_len = 200;
		EXPECT_EQ(-EINVAL, vshm_diag_count(&q));
	}
	/* one socket, but not which */
	vshm_diag_init(&q, SOCK_DIAG_BY_FAMILY, 0);
	EXPECT_EQ(-EINVAL, vshm_diag_count(&q));
	vshm_diag_init(&q, SOCK_DESTROY, 0);
	EXPECT_EQ(-EINVAL, vshm_diag_count(&q));
	/* one that is not there */
	vshm_diag_init(&q, SOCK_DIAG_BY_FAMILY, 0);
	vshm_diag_add_id(&q, 0);
	EXPECT_EQ(-ENOENT, vshm_diag_count(&q));
	EXPECT_EQ(-ENOENT, vshm_diag_destroy(UINT64_MAX));
}

/* Each part of a long answer says what it answers, whatever comes after that. */
TEST(long_answer)
{
	struct vshm_diag_query q;
	int fd[200];

	for (int i = 0; i < 200; i++) {
		fd[i] = vshm_socket(0);
		ASSERT_LE(0, fd[i]);
	}
	vshm_diag_init(&q, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
	/* too short for a message */
	q.more = NLMSG_HDRLEN - 4;
	memset(q.attrs, 0xff, q.more);
	EXPECT_LE(200, vshm_diag_count(&q));
	for (int i = 0; i < 200; i++)
		close(fd[i]);
}

/* Ending a connection: both programs learn of it. */
TEST_F(pair, destroy)
{
	struct pollfd pfd = { .fd = self->s, .events = POLLIN };
	char b;
	struct vshm_call rx = {
		.fn = vshm_call_recv, .fd = self->c, .buf = &b, .len = 1,
	};

	ASSERT_EQ(0, vshm_call_start(&rx));
	ASSERT_TRUE(vshm_call_blocks(&rx));
	ASSERT_EQ(0, vshm_diag_destroy(vshm_diag_num(self->c, "id")));
	EXPECT_EQ(-1, vshm_call_end(&rx));
	EXPECT_EQ(ECONNABORTED, rx.err);
	EXPECT_EQ(1, poll(&pfd, 1, VSHM_WAIT_MS));
	EXPECT_EQ(-1, recv(self->s, &b, 1, 0));
	EXPECT_EQ(ECONNRESET, errno);
	EXPECT_STATE(self->c, VSHM_DISCONNECTED);
	EXPECT_EQ(-1, send(self->c, "x", 1, MSG_NOSIGNAL));
	EXPECT_EQ(EPIPE, errno);
	EXPECT_EQ(0, recv(self->c, &b, 1, 0));
	/* not twice */
	EXPECT_EQ(-EOPNOTSUPP,
		  vshm_diag_destroy(vshm_diag_num(self->c, "id")));
}

TEST(destroy_listener)
{
	int fd = vshm_listener(4);
	int c = vshm_client(fd), again = vshm_socket(0);
	uint32_t port = vshm_port(fd);
	struct vshm_call call = { .fn = vshm_call_accept, .fd = fd };
	char b;

	close(accept(fd, NULL, NULL));
	ASSERT_EQ(0, vshm_call_start(&call));
	ASSERT_TRUE(vshm_call_blocks(&call));
	ASSERT_EQ(0, vshm_diag_destroy(vshm_diag_num(fd, "id")));
	EXPECT_EQ(-1, vshm_call_end(&call));
	EXPECT_EQ(ECONNABORTED, call.err);
	EXPECT_STATE(fd, VSHM_DISCONNECTED);
	EXPECT_EQ(0, recv(c, &b, 1, 0));
	/* its port is free, and it is good for nothing */
	EXPECT_EQ(-1, accept(fd, NULL, NULL));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, listen(fd, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, vshm_connect(fd, VSHM_CID_LOCAL, port));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, vshm_connect(again, VSHM_CID_LOCAL, port));
	EXPECT_EQ(ECONNREFUSED, errno);
	close(again);
	again = vshm_socket(0);
	EXPECT_EQ(0, vshm_bind(again, VSHM_CID_ANY, port));
	close(again);
	close(c);
	close(fd);
}

/* Connections that wait in the queue of an ended listener are reset. */
TEST(destroy_listener_with_queue)
{
	int fd = vshm_listener(4);
	int c = vshm_client(fd);
	char b;

	ASSERT_EQ(0, vshm_diag_destroy(vshm_diag_num(fd, "id")));
	EXPECT_EQ(-1, recv(c, &b, 1, 0));
	EXPECT_EQ(ECONNRESET, errno);
	EXPECT_DIAG(fd, "connq", 0);
	close(c);
	close(fd);
}

TEST_F(mute, destroy)
{
	ASSERT_EQ(0, vshm_diag_destroy(vshm_diag_num(self->fd, "id")));
	EXPECT_STATE(self->fd, VSHM_BOUND);
	EXPECT_EQ(ECONNABORTED, vshm_so_error(self->fd));
	/* a bound socket has nothing to end */
	EXPECT_EQ(-EOPNOTSUPP,
		  vshm_diag_destroy(vshm_diag_num(self->fd, "id")));
}

#define PLACE_BITS	22	/* of an ID; the others count sockets */

/* Ends the one socket that it is told of, as soon as that is there. */
static long call_destroy(struct vshm_call *call)
{
	FIXTURE_DATA(quiet) *self = call->buf;
	int fd = vshm_diag_open();

	while (!__atomic_load_n(&call->flags, __ATOMIC_RELAXED)) {
		uint64_t id = __atomic_load_n(&self->id, __ATOMIC_RELAXED);

		if (!vshm_diag_destroy_on(fd, id))
			__atomic_fetch_add(&self->ended, 1, __ATOMIC_RELAXED);
	}
	close(fd);
	return 0;
}

/* What a listener gets may be ended before the kernel has answered for it. */
TEST_F_TIMEOUT(quiet, destroy_while_connecting, 120)
{
	struct vshm_call call = { .fn = call_destroy, .buf = self };
	uint64_t end = vshm_now_ms() + 60000, place, id;
	int listener = vshm_listener(4), c, s, good = 0, fd[2];
	char b;

	c = vshm_client(listener);
	s = accept(listener, NULL, NULL);
	place = vshm_diag_num(s, "id") & ((1 << PLACE_BITS) - 1);
	close(c);
	close(s);
	ASSERT_EQ(0, vshm_nonblock(listener));
	ASSERT_EQ(0, vshm_call_start(&call));
	/* where two threads do not run at once, it takes many attempts */
	for (int i = 0; i < 500 || (vshm_now_ms() < end &&
	     !__atomic_load_n(&self->ended, __ATOMIC_RELAXED)); i++) {
		c = vshm_socket(0);
		/* the next socket that there will be */
		id = (vshm_diag_num(c, "id") >> PLACE_BITS) + 1;
		__atomic_store_n(&self->id, id << PLACE_BITS | place,
				 __ATOMIC_RELAXED);
		if (!vshm_connect(c, VSHM_CID_LOCAL, vshm_port(listener)))
			good++;
		else
			EXPECT_NE(EPROTO, errno);
		s = accept(listener, NULL, NULL);
		close(s);
		/* connections that use the memory next hear nothing of it */
		ASSERT_EQ(0, vshm_pair_open(fd));
		close(c);
		EXPECT_EQ(1, send(fd[0], "x", 1, MSG_NOSIGNAL));
		EXPECT_EQ(1, recv(fd[1], &b, 1, 0));
		close(fd[0]);
		close(fd[1]);
	}
	__atomic_store_n(&call.flags, 1, __ATOMIC_RELAXED);
	vshm_call_end(&call);
	TH_LOG("%d connected, %d ended", good, self->ended);
	EXPECT_LT(0, self->ended);
	c = vshm_client(listener);
	EXPECT_LE(0, c);
	close(c);
	close(listener);
	EXPECT_TRUE(vshm_ns_empty(self->ns));
}

static long call_send_large(struct vshm_call *call)
{
	return send(call->fd, call->buf, call->len, MSG_NOSIGNAL);
}

/*
 * A sender that waits for a larger ring, which there is no memory for, gets a CPU
 * only long after its connection was ended and freed.
 */
TEST_F(quiet, destroy_while_growing)
{
	static char packet[30000];
	struct vshm_call call = {
		.fn = call_send_large, .buf = packet, .len = sizeof(packet),
	};
	struct sched_param first = { .sched_priority = 1 };
	uint64_t end;
	cpu_set_t cpu;
	int fd[2];

	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	ASSERT_EQ(0, vshm_limit_set("max_memory_kb", "0"));
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(cpu), &cpu));
	if (socketpair(vshm_family(), SOCK_SEQPACKET, 0, fd)) {
		ASSERT_EQ(EOPNOTSUPP, errno);
		SKIP(return, "no socketpair");
	}
	call.fd = fd[0];
	ASSERT_EQ(0, vshm_call_start(&call));
	ASSERT_TRUE(vshm_call_blocks(&call));
	if (sched_setscheduler(0, SCHED_FIFO, &first))
		SKIP(return, "no real time");
	ASSERT_EQ(0, vshm_diag_destroy(vshm_diag_num(fd[0], "id")));
	end = vshm_now_ms() + 200;
	while (vshm_now_ms() < end)
		;
	first.sched_priority = 0;
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_OTHER, &first));
	EXPECT_EQ(-1, vshm_call_end(&call));
	EXPECT_EQ(ECONNABORTED, call.err);
	close(fd[0]);
	close(fd[1]);
}

/* One socket of a pair may be ended before the other is connected. */
TEST_F_TIMEOUT(quiet, destroy_while_pairing, 120)
{
	struct vshm_call call = { .fn = call_destroy, .buf = self };
	int c = vshm_socket(0), fd[2];
	uint64_t place, id;
	char b;

	if (socketpair(vshm_family(), SOCK_STREAM, 0, fd)) {
		ASSERT_EQ(EOPNOTSUPP, errno);
		SKIP(return, "no socketpair");
	}
	place = vshm_diag_num(fd[0], "id") & ((1 << PLACE_BITS) - 1);
	close(fd[0]);
	close(fd[1]);
	close(c);
	ASSERT_EQ(0, vshm_call_start(&call));
	for (int i = 0; i < 300; i++) {
		struct pollfd pfd = { .events = POLLIN };

		c = vshm_socket(0);
		/* the next socket that there will be */
		id = (vshm_diag_num(c, "id") >> PLACE_BITS) + 1;
		id = id << PLACE_BITS | place;
		__atomic_store_n(&self->id, id, __ATOMIC_RELAXED);
		ASSERT_EQ(0, socketpair(vshm_family(), SOCK_STREAM, 0, fd));
		/* ended by now, the other learns of it */
		vshm_diag_destroy(vshm_diag_num(fd[0], "id"));
		pfd.fd = fd[1];
		ASSERT_EQ(1, poll(&pfd, 1, VSHM_WAIT_MS));
		EXPECT_EQ(-1, recv(fd[1], &b, 1, 0));
		EXPECT_EQ(ECONNRESET, errno);
		close(fd[0]);
		close(fd[1]);
		close(c);
	}
	__atomic_store_n(&call.flags, 1, __ATOMIC_RELAXED);
	vshm_call_end(&call);
	TH_LOG("%d ended in time", self->ended);
	EXPECT_TRUE(vshm_ns_empty(self->ns));
}

TEST_F(pair, destroy_takes_a_capability)
{
	uint64_t id = vshm_diag_num(self->c, "id");

	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, setresuid(65534, 65534, 65534));
	EXPECT_EQ(-EPERM, vshm_diag_destroy(id));
	/* but anybody may look */
	EXPECT_DIAG(self->c, "state", VSHM_CONNECTED);
}

/* What one namespace has, another neither sees nor ends. */
TEST(namespaces)
{
	int fd = vshm_listener(1);
	uint64_t id = vshm_diag_num(fd, "id");
	struct vshm_diag_query q;

	ASSERT_EQ(0, vshm_ns_enter(vshm_ns_new()));
	vshm_diag_init(&q, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
	EXPECT_EQ(0, vshm_diag_count(&q));
	vshm_diag_init(&q, SOCK_DIAG_BY_FAMILY, 0);
	vshm_diag_add_id(&q, id);
	EXPECT_EQ(-ENOENT, vshm_diag_count(&q));
	EXPECT_EQ(-ENOENT, vshm_diag_destroy(id));
	close(fd);
}

/* The events of a socket's life, in order. */
TEST(events)
{
	static const int want[][3] = {
		{ VSHM_EVENT_NEW, VSHM_UNCONNECTED, 0 },
		{ VSHM_EVENT_STATE, VSHM_BOUND, VSHM_UNCONNECTED },
		{ VSHM_EVENT_STATE, VSHM_LISTENING, VSHM_BOUND },
		{ VSHM_EVENT_STATE, VSHM_TERMINATED, VSHM_LISTENING },
		{ VSHM_EVENT_GONE, VSHM_TERMINATED, 0 },
	};
	int ev = vshm_event_open(VSHM_GENL_SOCKETS);
	struct vshm_diag_sock sock;
	uint32_t port;
	char buf[4096];
	int fd;

	ASSERT_LE(0, ev);
	fd = vshm_listener(3);
	port = vshm_port(fd);
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		ASSERT_EQ(want[i][0], vshm_event_read(ev, &sock, buf,
						      sizeof(buf)));
		EXPECT_EQ((uint64_t)want[i][1],
			  vshm_diag_column(&sock, "state"));
		if (want[i][0] == VSHM_EVENT_STATE) {
			EXPECT_EQ((uint64_t)want[i][2],
				  vshm_diag_column(&sock, "old_state"));
		}
		if (i) {
			EXPECT_EQ(port, vshm_diag_column(&sock, "l.port"));
		}
	}
	close(ev);
}

/* The last event of a socket has its counters. */
TEST_F(pair, last_counters)
{
	int ev = vshm_event_open(VSHM_GENL_SOCKETS);
	uint64_t id = vshm_diag_num(self->c, "id");
	struct vshm_diag_sock sock;
	char buf[4096];
	int event;

	ASSERT_LE(0, ev);
	ASSERT_EQ(3, send(self->c, "abc", 3, 0));
	close(self->c);
	self->c = -1;
	do {
		event = vshm_event_read(ev, &sock, buf, sizeof(buf));
		ASSERT_LT(0, event);
	} while (event != VSHM_EVENT_GONE ||
		 vshm_diag_column(&sock, "id") != id);
	EXPECT_EQ(3U, vshm_diag_column(&sock, "tx.bytes"));
	EXPECT_EQ(1U, vshm_diag_column(&sock, "tx.calls"));
	close(ev);
}

/* Events of links, in their namespace only. */
TEST(link_events)
{
	static const int want[] = {
		VSHM_EVENT_LINK_NEW, VSHM_EVENT_LINK_UP,
		VSHM_EVENT_LINK_DOWN, VSHM_EVENT_LINK_GONE,
	};
	struct vshm_diag_sock sock;
	bool seen[ARRAY_SIZE(want)] = { };
	struct vshm_bed bed;
	char buf[4096];
	int ns = vshm_ns_new();
	int here = vshm_event_open(VSHM_GENL_LINKS), there;

	ASSERT_LE(0, here);
	ASSERT_EQ(0, vshm_ns_enter(ns));
	there = vshm_event_open(VSHM_GENL_LINKS);
	ASSERT_LE(0, there);
	ASSERT_EQ(0, vshm_bed_link(&bed, ns, 5, vshm_ns_new(), 6));
	vshm_bed_free(&bed);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		int event = vshm_event_read(there, &sock, buf, sizeof(buf));

		for (size_t j = 0; j < ARRAY_SIZE(want); j++)
			seen[j] |= event == want[j];
		EXPECT_EQ(5U, vshm_diag_column(&sock, "link.local"));
		EXPECT_EQ(6U, vshm_diag_column(&sock, "link.peer"));
	}
	for (size_t j = 0; j < ARRAY_SIZE(want); j++) {
		EXPECT_TRUE(seen[j]) {
			TH_LOG("event %d", want[j]);
		}
	}
	EXPECT_EQ(-1, recv(here, buf, sizeof(buf), MSG_DONTWAIT));
	close(here);
	close(there);
}

TEST_HARNESS_MAIN
