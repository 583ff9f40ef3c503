// SPDX-License-Identifier: GPL-2.0
/* SOCK_DGRAM over loopback, over a link, and as a pair. */
#include "vshm_dgram.h"
#include "vshm_place.h"
#include "vshm_proc.h"
#include <kselftest_harness.h>

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/uio.h>

#define FULL	(512 * 1024)	/* SO_RCVBUF by default */

/* @c has no address yet, @s has one. */
FIXTURE(dgram) {
	struct vshm_place p;
	int c;
	int s;
	uint32_t port;
};

FIXTURE_VARIANT(dgram) { int type; int side; };

VSHM_PLACE_DATAGRAMS(dgram)

FIXTURE_SETUP(dgram)
{
	ASSERT_EQ(0, vshm_place_make(&self->p, variant->type, variant->side));
	self->c = vshm_place_socket(&self->p);
	ASSERT_EQ(0, vshm_ns_enter(self->p.to));
	self->s = vshm_dgram_bound();
	ASSERT_LE(0, self->c);
	ASSERT_LE(0, self->s);
	self->port = vshm_port(self->s);
}

FIXTURE_TEARDOWN(dgram)
{
	self->p.c = self->c;
	self->p.s = self->s;
	EXPECT_TRUE(vshm_place_close(&self->p));
}

static ssize_t to_s(FIXTURE_DATA(dgram) *self, const void *buf, size_t len)
{
	return vshm_sendto(self->c, buf, len, 0, self->p.cid, self->port);
}

static ssize_t to_c(FIXTURE_DATA(dgram) *self, int fd, const void *buf,
		    size_t len)
{
	return vshm_sendto(fd, buf, len, 0, self->p.own, vshm_port(self->c));
}

static int join(FIXTURE_DATA(dgram) *self)
{
	return vshm_connect(self->c, self->p.cid, self->port);
}

/* Nobody receives it: who sends learns of that within the namespace only. */
static bool unheard(FIXTURE_DATA(dgram) *self, ssize_t sent)
{
	return self->p.linked ? sent >= 0 : sent < 0 && errno == ECONNREFUSED;
}

static const char *word(FIXTURE_DATA(dgram) *self, int fd, const char *column)
{
	if (vshm_ns_enter(fd == self->c ? self->p.from : self->p.to))
		return "no namespace";
	return vshm_proc_get(fd, column);
}

static uint64_t num(FIXTURE_DATA(dgram) *self, int fd, const char *column)
{
	if (vshm_ns_enter(fd == self->c ? self->p.from : self->p.to))
		return UINT64_MAX;
	return vshm_proc_num(fd, column);
}

/* Waits until all that was sent is there, or was dropped. */
static bool comes_to(FIXTURE_DATA(dgram) *self, const char *column,
		     uint64_t value)
{
	uint64_t end = vshm_now_ms() + VSHM_WAIT_MS, is;

	while ((is = num(self, self->s, column)) != value &&
	       vshm_now_ms() < end)
		usleep(1000);
	if (is != value)
		printf("# %s is %llu\n", column, (unsigned long long)is);
	return is == value;
}

TEST_F(dgram, type)
{
	EXPECT_EQ(SOCK_DGRAM, vshm_getint(self->c, SOL_SOCKET, SO_TYPE));
	EXPECT_EQ(-1, listen(self->s, 1));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(-1, accept(self->s, NULL, NULL));
	EXPECT_EQ(EOPNOTSUPP, errno);
}

/* There and back between sockets of which neither is connected. */
TEST_F(dgram, addresses)
{
	struct sockaddr_vshm from;
	char b[8] = "";

	EXPECT_EQ((uint32_t)VSHM_PORT_ANY, vshm_port(self->c));
	ASSERT_EQ(2, to_s(self, "hi", 2));
	/* the first datagram gave it a port */
	EXPECT_NE((uint32_t)VSHM_PORT_ANY, vshm_port(self->c));
	ASSERT_EQ(2, vshm_recvfrom(self->s, b, sizeof(b), 0, &from));
	EXPECT_STREQ("hi", b);
	EXPECT_EQ(vshm_family(), from.svs_family);
	EXPECT_EQ(self->p.own, from.svs_cid);
	EXPECT_EQ(vshm_port(self->c), from.svs_port);
	EXPECT_EQ(3, sendto(self->s, "you", 3, 0, (void *)&from,
			    sizeof(from)));
	EXPECT_EQ(3, vshm_recvfrom(self->c, b, sizeof(b), 0, &from));
	EXPECT_STREQ("you", b);
	EXPECT_EQ(self->port, from.svs_port);
}

TEST_F(dgram, to_itself)
{
	char b;

	EXPECT_EQ(1, vshm_sendto(self->s, "x", 1, 0, VSHM_CID_LOCAL,
				 self->port));
	EXPECT_EQ(1, recv(self->s, &b, 1, 0));
	EXPECT_EQ(0, vshm_connect(self->s, VSHM_CID_LOCAL, self->port));
	EXPECT_EQ(1, send(self->s, "y", 1, 0));
	EXPECT_EQ(1, recv(self->s, &b, 1, 0));
	EXPECT_EQ('y', b);
}

/* A port of datagrams and one of streams have nothing to do with each other. */
TEST_F(dgram, ports_of_their_own)
{
	int fd = vshm_socket(0), other = vshm_dgram();

	EXPECT_EQ(0, vshm_bind(fd, VSHM_CID_ANY, self->port));
	EXPECT_EQ(-1, vshm_bind(other, VSHM_CID_ANY, self->port));
	EXPECT_EQ(EADDRINUSE, errno);
	ASSERT_EQ(0, listen(fd, 1));
	close(self->s);
	EXPECT_TRUE(unheard(self, to_s(self, "x", 1)));
	EXPECT_EQ(0, vshm_bind(other, self->p.cid, self->port));
	EXPECT_EQ(1, to_s(self, "x", 1));
	close(fd);
	close(other);
}

TEST_F(dgram, connected)
{
	struct sockaddr_vshm from;
	char b[4];

	EXPECT_EQ(-1, send(self->c, "x", 1, 0));
	EXPECT_EQ(EDESTADDRREQ, errno);
	EXPECT_EQ(0, vshm_peer(self->c).svs_family);
	ASSERT_EQ(0, join(self));
	EXPECT_EQ(self->port, vshm_peer(self->c).svs_port);
	EXPECT_EQ(self->p.cid, vshm_peer(self->c).svs_cid);
	EXPECT_EQ(self->p.own, vshm_name(self->c).svs_cid);
	EXPECT_EQ(1, send(self->c, "a", 1, 0));
	EXPECT_EQ(1, write(self->c, "b", 1));
	EXPECT_EQ(1, vshm_recvfrom(self->s, b, 4, 0, &from));
	EXPECT_EQ(vshm_port(self->c), from.svs_port);
	EXPECT_EQ(1, read(self->s, b, 4));
	EXPECT_EQ('b', b[0]);
}

/* A connected socket hears its peer only, and can speak to anybody. */
TEST_F(dgram, filter)
{
	int other = vshm_dgram_bound();
	char b[4];

	ASSERT_EQ(0, join(self));
	ASSERT_EQ(0, vshm_connect(other, self->p.own, vshm_port(self->c)));
	EXPECT_TRUE(unheard(self, send(other, "x", 1, 0)));
	EXPECT_EQ(1, to_c(self, self->s, "y", 1));
	EXPECT_EQ(1, recv(self->c, b, 4, 0));
	EXPECT_EQ('y', b[0]);
	EXPECT_EQ(1, to_s(self, "z", 1));
	/* another peer, then none */
	ASSERT_EQ(0, vshm_connect(self->c, self->p.cid, vshm_port(other)));
	EXPECT_EQ(1, send(other, "x", 1, 0));
	EXPECT_EQ(1, recv(self->c, b, 4, 0));
	EXPECT_EQ('x', b[0]);
	EXPECT_EQ(8, send(self->c, "to other", 8, 0));
	EXPECT_EQ(4, recv(other, b, 4, 0));
	EXPECT_TRUE(unheard(self, to_c(self, self->s, "n", 1)));
	EXPECT_EQ(1, send(other, "l", 1, 0));
	EXPECT_EQ(1, recv(self->c, b, 4, 0));
	EXPECT_EQ('l', b[0]);
	ASSERT_EQ(0, vshm_dissolve(self->c));
	EXPECT_EQ((uint32_t)VSHM_CID_ANY, vshm_name(self->c).svs_cid);
	EXPECT_EQ(0, vshm_peer(self->c).svs_family);
	EXPECT_EQ(1, to_c(self, self->s, "y", 1));
	EXPECT_EQ(1, recv(self->c, b, 4, 0));
	EXPECT_EQ('y', b[0]);
	EXPECT_EQ(-1, send(self->c, "x", 1, 0));
	EXPECT_EQ(EDESTADDRREQ, errno);
	EXPECT_EQ(0, vshm_dissolve(self->c));
	close(other);
}

TEST_F(dgram, states)
{
	VSHM_NEEDS_TABLE();
	EXPECT_STREQ("UNCONNECTED", word(self, self->c, "state"));
	EXPECT_STREQ("BOUND", word(self, self->s, "state"));
	ASSERT_EQ(0, join(self));
	EXPECT_STREQ("CONNECTED", word(self, self->c, "state"));
	EXPECT_STREQ("2", word(self, self->c, "r.type"));
	EXPECT_STREQ("2", word(self, self->c, "l.type"));
	EXPECT_EQ(self->port, num(self, self->c, "r.port"));
	ASSERT_EQ(0, vshm_dissolve(self->c));
	EXPECT_STREQ("BOUND", word(self, self->c, "state"));
	EXPECT_STREQ("*", word(self, self->c, "r.port"));
	ASSERT_EQ(0, join(self));
	ASSERT_EQ(0, shutdown(self->c, SHUT_WR));
	EXPECT_STREQ("SHUTDOWN", word(self, self->c, "state"));
	EXPECT_EQ(-1, join(self));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(0, shutdown(self->c, SHUT_RD));
	EXPECT_STREQ("DISCONNECTED", word(self, self->c, "state"));
}

TEST_F(dgram, table)
{
	VSHM_NEEDS_TABLE();
	ASSERT_EQ(0, join(self));
	ASSERT_EQ(5, send(self->c, "12345", 5, 0));
	ASSERT_EQ(0, send(self->c, "", 0, 0));
	EXPECT_TRUE(comes_to(self, "recvq", 5));
	EXPECT_EQ(5, num(self, self->c, "tx.bytes"));
	EXPECT_EQ(0, num(self, self->c, "sendq"));
	EXPECT_NE(0, num(self, self->s, "l.event"));
	ASSERT_EQ(5, recv(self->s, &(char[8]){ 0 }, 8, 0));
	EXPECT_EQ(0, num(self, self->s, "recvq"));
	EXPECT_EQ(5, num(self, self->s, "rx.bytes"));
}

TEST_F(dgram, errors)
{
	struct sockaddr_vshm to = vshm_addr(self->p.cid, self->port);
	uint32_t unused;

	EXPECT_EQ(-1, sendto(self->c, "x", 1, 0, (void *)&to, sizeof(to) - 1));
	EXPECT_EQ(EINVAL, errno);
	to.svs_family = AF_INET;
	EXPECT_EQ(-1, sendto(self->c, "x", 1, 0, (void *)&to, sizeof(to)));
	EXPECT_EQ(EAFNOSUPPORT, errno);
	EXPECT_EQ(-1, vshm_sendto(self->c, "x", 1, 0, self->p.cid,
				  VSHM_PORT_ANY));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, vshm_connect(self->c, self->p.cid, VSHM_PORT_ANY));
	EXPECT_EQ(EINVAL, errno);
	/* not another guest, to which the host may lead */
	EXPECT_EQ(-1, vshm_sendto(self->c, "x", 1, 0, 1 << 20, self->port));
	EXPECT_EQ(EHOSTUNREACH, errno);
	EXPECT_EQ(-1, vshm_connect(self->c, 1 << 20, self->port));
	EXPECT_EQ(EHOSTUNREACH, errno);
	EXPECT_EQ(-1, vshm_sendto(self->c, "x", 1, MSG_OOB, self->p.cid,
				  self->port));
	EXPECT_EQ(EOPNOTSUPP, errno);
	unused = vshm_port(self->s);
	close(self->s);
	EXPECT_TRUE(unheard(self, to_s(self, "x", 1)));
	/* that nobody is there yet is no reason not to connect */
	EXPECT_EQ(0, vshm_connect(self->c, self->p.cid, unused));
	EXPECT_TRUE(unheard(self, send(self->c, "x", 1, 0)));
	EXPECT_EQ(0, vshm_so_error(self->c));
	ASSERT_EQ(0, vshm_ns_enter(self->p.to));
	self->s = vshm_dgram();
	ASSERT_EQ(0, vshm_bind(self->s, VSHM_CID_ANY, unused));
	EXPECT_EQ(1, send(self->c, "x", 1, 0));
}

TEST_F(dgram, sizes)
{
	static const int sizes[] = { 1, 0, 31, 32, 33, 2015, 2016, 2017, 0,
				     4096, 65504, 0, 65503, 7 };
	static uint8_t in[70000], out[70000];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		vshm_fill(out, sizes[i], i, 1);
		ASSERT_EQ(sizes[i], to_s(self, out, sizes[i]));
	}
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		ASSERT_EQ(0, vshm_dgram_wait(self->s));
		EXPECT_EQ(sizes[i], vshm_inq(self->s));
		ASSERT_EQ(sizes[i], recv(self->s, in, sizeof(in), 0));
		EXPECT_EQ((size_t)sizes[i], vshm_check(in, sizes[i], i, 1));
	}
	EXPECT_EQ(0, vshm_inq(self->s));
	EXPECT_EQ(0, vshm_outq(self->c));
	EXPECT_EQ(-1, recv(self->s, in, 1, MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F(dgram, too_large)
{
	static uint8_t buf[VSHM_DGRAM_MAX + 1];
	int size = 2048;

	EXPECT_EQ(-1, to_s(self, buf, VSHM_DGRAM_MAX + 1));
	EXPECT_EQ(EMSGSIZE, errno);
	ASSERT_EQ(0, setsockopt(self->c, SOL_SOCKET, SO_SNDBUF, &size,
				sizeof(size)));
	size = vshm_getint(self->c, SOL_SOCKET, SO_SNDBUF) / 32 * 32 - 32;
	EXPECT_EQ(-1, to_s(self, buf, size + 1));
	EXPECT_EQ(EMSGSIZE, errno);
	EXPECT_EQ(size, to_s(self, buf, size));
}

TEST_F(dgram, truncated)
{
	char b[8] = "";
	struct iovec iov = { b, 3 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	for (int i = 0; i < 3; i++)
		ASSERT_EQ(6, to_s(self, "abcdef", 6));
	ASSERT_EQ(1, to_s(self, "z", 1));
	EXPECT_EQ(6, recvmsg(self->s, &msg, MSG_PEEK | MSG_TRUNC));
	EXPECT_EQ(MSG_TRUNC, msg.msg_flags);
	EXPECT_EQ(3, recvmsg(self->s, &msg, 0));
	EXPECT_EQ(MSG_TRUNC, msg.msg_flags);
	EXPECT_STREQ("abc", b);
	EXPECT_EQ(6, recv(self->s, NULL, 0, MSG_TRUNC));
	EXPECT_EQ(0, recv(self->s, NULL, 0, 0));
	EXPECT_EQ(1, recvmsg(self->s, &msg, 0));
	EXPECT_EQ(0, msg.msg_flags);
	EXPECT_EQ('z', b[0]);
}

TEST_F(dgram, peek)
{
	struct sockaddr_vshm from;
	char b[8];

	ASSERT_EQ(2, to_s(self, "ab", 2));
	ASSERT_EQ(1, to_s(self, "c", 1));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(2, vshm_recvfrom(self->s, b, 8, MSG_PEEK, &from));
		EXPECT_EQ(vshm_port(self->c), from.svs_port);
		EXPECT_EQ(2, vshm_inq(self->s));
	}
	EXPECT_EQ(2, recv(self->s, b, 8, 0));
	EXPECT_EQ(1, recv(self->s, b, 8, MSG_PEEK));
	EXPECT_EQ('c', b[0]);
}

/* As AF_UNIX does: from datagram to datagram, and never past one. */
TEST_F(dgram, peek_offset)
{
	int off = 0;
	char b[8];

	EXPECT_EQ(-1, vshm_getint(self->s, SOL_SOCKET, SO_PEEK_OFF));
	ASSERT_EQ(0, setsockopt(self->s, SOL_SOCKET, SO_PEEK_OFF, &off,
				sizeof(off)));
	ASSERT_EQ(4, to_s(self, "abcd", 4));
	ASSERT_EQ(0, to_s(self, "", 0));
	ASSERT_EQ(2, to_s(self, "ef", 2));
	EXPECT_EQ(3, recv(self->s, b, 3, MSG_PEEK));
	EXPECT_EQ(1, recv(self->s, b, 3, MSG_PEEK));
	EXPECT_EQ('d', b[0]);
	EXPECT_EQ(0, recv(self->s, b, 3, MSG_PEEK));
	EXPECT_EQ(2, recv(self->s, b, 3, MSG_PEEK));
	EXPECT_EQ('e', b[0]);
	EXPECT_EQ(6, vshm_getint(self->s, SOL_SOCKET, SO_PEEK_OFF));
	EXPECT_EQ(-1, recv(self->s, b, 3, MSG_PEEK | MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(4, recv(self->s, b, 8, 0));
	EXPECT_EQ(2, vshm_getint(self->s, SOL_SOCKET, SO_PEEK_OFF));
	EXPECT_EQ(0, recv(self->s, b, 8, 0));
	ASSERT_EQ(1, to_s(self, "g", 1));
	EXPECT_EQ(1, recv(self->s, b, 8, MSG_PEEK));
	EXPECT_EQ('g', b[0]);
}

/* What there is no room for is dropped, counted, and nobody waits. */
TEST_F(dgram, overflow)
{
	const int room = FULL / VSHM_DGRAM_TAKES(1000);
	char b[1000];

	VSHM_NEEDS_TABLE();
	for (int i = 0; i < room + 50; i++) {
		memset(b, i, sizeof(b));
		ASSERT_EQ((ssize_t)sizeof(b), to_s(self, b, sizeof(b)));
	}
	EXPECT_TRUE(comes_to(self, "drops", 50));
	EXPECT_EQ((uint64_t)room * 1000, num(self, self->s, "recvq"));
	for (int i = 0; i < room; i++) {
		ASSERT_EQ((ssize_t)sizeof(b), recv(self->s, b, sizeof(b), 0));
		EXPECT_EQ((char)i, b[999]);
	}
	EXPECT_EQ(-1, recv(self->s, b, sizeof(b), MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(1, to_s(self, "x", 1));
	EXPECT_EQ(1, recv(self->s, b, sizeof(b), 0));
}

TEST_F(dgram, drops_told)
{
	struct {
		struct cmsghdr hdr;
		uint32_t drops;
		uint32_t pad;
	} control;
	char b[1000];
	struct iovec iov = { b, sizeof(b) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	const int room = FULL / VSHM_DGRAM_TAKES(1000);
	int one = 1;

	ASSERT_EQ(0, setsockopt(self->s, SOL_SOCKET, SO_RXQ_OVFL, &one,
				sizeof(one)));
	for (int i = 0; i < room + 7; i++)
		ASSERT_EQ((ssize_t)sizeof(b), to_s(self, b, sizeof(b)));
	EXPECT_TRUE(comes_to(self, "drops", 7));
	for (int i = 0; i < room; i++)
		ASSERT_EQ((ssize_t)sizeof(b), recvmsg(self->s, &msg, 0));
	EXPECT_EQ(0, control.drops);
	ASSERT_EQ(1, to_s(self, "x", 1));
	ASSERT_EQ(1, recvmsg(self->s, &msg, 0));
	EXPECT_EQ(SO_RXQ_OVFL, control.hdr.cmsg_type);
	EXPECT_EQ(7, control.drops);
}

/* When it came, not when it was received. */
TEST_F(dgram, timestamp)
{
	char control[64], b[4];
	struct iovec iov = { b, sizeof(b) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct timespec before, after, stamp;
	struct cmsghdr *cmsg;
	int one = 1;

	ASSERT_EQ(0, setsockopt(self->s, SOL_SOCKET, SO_TIMESTAMPNS, &one,
				sizeof(one)));
	clock_gettime(CLOCK_REALTIME, &before);
	ASSERT_EQ(1, to_s(self, "x", 1));
	ASSERT_EQ(0, vshm_dgram_wait(self->s));
	clock_gettime(CLOCK_REALTIME, &after);
	usleep(50000);
	ASSERT_EQ(1, recvmsg(self->s, &msg, 0));
	cmsg = CMSG_FIRSTHDR(&msg);
	ASSERT_NE(NULL, cmsg);
	EXPECT_EQ(SCM_TIMESTAMPNS, cmsg->cmsg_type);
	memcpy(&stamp, CMSG_DATA(cmsg), sizeof(stamp));
	EXPECT_LE(before.tv_sec * 1000000000 + before.tv_nsec,
		  stamp.tv_sec * 1000000000 + stamp.tv_nsec);
	EXPECT_GE(after.tv_sec * 1000000000 + after.tv_nsec,
		  stamp.tv_sec * 1000000000 + stamp.tv_nsec);
}

/* A smaller and a larger buffer; a datagram that never fits is dropped. */
TEST_F(dgram, buffer_size)
{
	const int room = (1 << 20) / VSHM_DGRAM_TAKES(60000);
	static uint8_t buf[60000];
	uint64_t size = 16384;

	VSHM_NEEDS_TABLE();
	ASSERT_EQ(0, setsockopt(self->s, vshm_family(), SO_VSHM_BUFFER_SIZE,
				&size, sizeof(size)));
	ASSERT_EQ(16384 - 32, to_s(self, buf, 16384 - 32));
	ASSERT_EQ(0, to_s(self, buf, 0));
	EXPECT_TRUE(comes_to(self, "drops", 1));
	EXPECT_EQ(16384 - 32, recv(self->s, buf, sizeof(buf), 0));
	ASSERT_EQ(16384 - 31, to_s(self, buf, 16384 - 31));
	EXPECT_TRUE(comes_to(self, "drops", 2));
	size = 1 << 20;
	ASSERT_EQ(0, setsockopt(self->s, vshm_family(), SO_VSHM_BUFFER_MAX_SIZE,
				&size, sizeof(size)));
	ASSERT_EQ(0, setsockopt(self->s, vshm_family(), SO_VSHM_BUFFER_SIZE,
				&size, sizeof(size)));
	for (int i = 0; i < room; i++)
		ASSERT_EQ((ssize_t)sizeof(buf), to_s(self, buf, sizeof(buf)));
	EXPECT_TRUE(comes_to(self, "recvq", room * 60000));
	EXPECT_EQ(2, num(self, self->s, "drops"));
	ASSERT_EQ((ssize_t)sizeof(buf), to_s(self, buf, sizeof(buf)));
	EXPECT_TRUE(comes_to(self, "drops", 3));
}

TEST_F(dgram, blocking)
{
	struct timeval tv = { 0, 100000 };
	char b[4];
	struct vshm_call call = {
		.fn = vshm_call_recv, .fd = self->s, .buf = b, .len = 4,
	};
	uint64_t start;

	ASSERT_EQ(0, vshm_call_start(&call));
	ASSERT_TRUE(vshm_call_blocks(&call));
	EXPECT_STREQ("R", word(self, self->s, "activity"));
	ASSERT_EQ(2, to_s(self, "hi", 2));
	EXPECT_EQ(2, vshm_call_end(&call));

	ASSERT_EQ(0, setsockopt(self->s, SOL_SOCKET, SO_RCVTIMEO, &tv,
				sizeof(tv)));
	start = vshm_now_ms();
	EXPECT_EQ(-1, recv(self->s, b, 4, 0));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_LE(start + 90, vshm_now_ms());
	ASSERT_EQ(0, vshm_nonblock(self->s));
	EXPECT_EQ(-1, recv(self->s, b, 4, 0));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F(dgram, interrupted)
{
	char b[4];
	struct vshm_call call = {
		.fn = vshm_call_recv, .fd = self->s, .buf = b, .len = 4,
	};

	ASSERT_EQ(0, vshm_catch_usr1());
	ASSERT_EQ(0, vshm_call_start(&call));
	ASSERT_TRUE(vshm_call_blocks(&call));
	pthread_kill(call.thread, SIGUSR1);
	EXPECT_EQ(-1, vshm_call_end(&call));
	EXPECT_EQ(EINTR, errno);
}

TEST_F(dgram, shut_down)
{
	char b[4];
	struct vshm_call call = {
		.fn = vshm_call_recv, .fd = self->s, .buf = b, .len = 4,
	};

	/* not connected: an error, and yet it wakes */
	ASSERT_EQ(0, vshm_call_start(&call));
	ASSERT_TRUE(vshm_call_blocks(&call));
	EXPECT_EQ(-1, shutdown(self->s, SHUT_RD));
	EXPECT_EQ(ENOTCONN, errno);
	EXPECT_EQ(0, vshm_call_end(&call));
	EXPECT_EQ(1, to_s(self, "x", 1));
	EXPECT_EQ(0, recv(self->s, b, 4, 0));
	EXPECT_TRUE(comes_to(self, "drops", 1));
	EXPECT_EQ(POLLIN | POLLRDHUP,
		  vshm_poll(self->s, POLLIN | POLLRDHUP, 0));

	ASSERT_EQ(0, join(self));
	EXPECT_EQ(-1, shutdown(self->c, 3));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(1, to_c(self, self->s, "y", 1));
	ASSERT_EQ(0, vshm_dgram_wait(self->c));
	EXPECT_EQ(0, shutdown(self->c, SHUT_RDWR));
	/* what came before can be received; no SIGPIPE */
	EXPECT_EQ(1, recv(self->c, b, 4, 0));
	EXPECT_EQ(0, recv(self->c, b, 4, 0));
	EXPECT_EQ(-1, send(self->c, "x", 1, 0));
	EXPECT_EQ(EPIPE, errno);
	EXPECT_NE(0, vshm_poll(self->c, 0, 0) & POLLHUP);
}

TEST_F(dgram, many_at_once)
{
	enum { COUNT = 20 };
	struct sockaddr_vshm to = vshm_addr(self->p.cid, self->port);
	struct sockaddr_vshm from[COUNT];
	struct mmsghdr out[COUNT] = { 0 }, in[COUNT] = { 0 };
	struct iovec iov_out[COUNT][2], iov_in[COUNT];
	char data[COUNT][20], buf[COUNT][20];
	uint64_t sum = 0;

	for (int i = 0; i < COUNT; i++) {
		memset(data[i], 'a' + i, sizeof(data[i]));
		iov_out[i][0] = (struct iovec){ data[i], 3 };
		iov_out[i][1] = (struct iovec){ data[i] + 3, i % 17 };
		out[i].msg_hdr.msg_iov = iov_out[i];
		out[i].msg_hdr.msg_iovlen = 2;
		out[i].msg_hdr.msg_name = &to;
		out[i].msg_hdr.msg_namelen = sizeof(to);
		iov_in[i] = (struct iovec){ buf[i], sizeof(buf[i]) };
		in[i].msg_hdr.msg_iov = &iov_in[i];
		in[i].msg_hdr.msg_iovlen = 1;
		in[i].msg_hdr.msg_name = &from[i];
		in[i].msg_hdr.msg_namelen = sizeof(from[i]);
		sum += 3 + i % 17;
	}
	ASSERT_EQ(COUNT, sendmmsg(self->c, out, COUNT, 0));
	EXPECT_TRUE(comes_to(self, "recvq", sum));
	ASSERT_EQ(COUNT - 5, recvmmsg(self->s, in, COUNT - 5, 0, NULL));
	ASSERT_EQ(5, recvmmsg(self->s, in + COUNT - 5, COUNT, MSG_WAITFORONE,
			      NULL));
	for (int i = 0; i < COUNT; i++) {
		EXPECT_EQ(3u + i % 17, out[i].msg_len);
		EXPECT_EQ(3u + i % 17, in[i].msg_len);
		EXPECT_EQ(0, memcmp(buf[i], data[i], in[i].msg_len));
		EXPECT_EQ(vshm_port(self->c), from[i].svs_port);
		EXPECT_EQ(sizeof(from[i]), in[i].msg_hdr.msg_namelen);
	}
}

TEST_F(dgram, poll)
{
	char b[4];

	EXPECT_EQ(POLLOUT, vshm_poll(self->s, POLLIN | POLLOUT, 0));
	ASSERT_EQ(0, to_s(self, "", 0));
	ASSERT_EQ(0, vshm_dgram_wait(self->s));
	EXPECT_EQ(POLLIN | POLLOUT, vshm_poll(self->s, POLLIN | POLLOUT, 0));
	EXPECT_EQ(0, recv(self->s, b, 4, 0));
	EXPECT_EQ(0, vshm_poll(self->s, POLLIN, 0));
}

/* An edge for each datagram, whether or not the one before was received. */
TEST_F(dgram, edges)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(0);
	char b[4];

	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->s, &ev));
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(1, to_s(self, "x", 1));
		ASSERT_EQ(1, epoll_wait(ep, &ev, 1, VSHM_WAIT_MS));
		EXPECT_EQ(EPOLLIN, ev.events);
		EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
		if (i % 3) {
			ASSERT_EQ(1, recv(self->s, b, 4, 0));
		}
	}
	close(ep);
}

/* A buffer that is not there costs neither side a datagram. */
TEST_F(dgram, bad_buffer)
{
	long page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char buf[64];

	ASSERT_NE(MAP_FAILED, map);
	/* pages that are not there yet */
	EXPECT_EQ(2 * page - 8, to_s(self, map + 8, 2 * page - 8));
	ASSERT_EQ(0, madvise(map, 2 * page, MADV_DONTNEED));
	EXPECT_EQ(2 * page - 8, recv(self->s, map, 2 * page, 0));
	ASSERT_EQ(0, munmap(map + page, page));
	EXPECT_EQ(-1, to_s(self, map + page - 8, 16));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(16, to_s(self, "0123456789abcdef", 16));
	EXPECT_EQ(-1, recv(self->s, map + page - 8, 16, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(16, recv(self->s, buf, sizeof(buf), 0));
	EXPECT_EQ(0, memcmp(buf, "0123456789abcdef", 16));
	munmap(map, page);
}

/* One sender: its own socket, numbered datagrams of all sizes. */
static long call_flood(struct vshm_call *call)
{
	const FIXTURE_DATA(dgram) *self = call->buf;
	int fd = vshm_place_socket(&self->p);
	uint8_t buf[3000];

	if (fd < 0 || vshm_connect(fd, self->p.cid, self->port))
		return -1;
	for (uint32_t i = 0; i < 2000; i++) {
		size_t len = 8 + i * 37 % 2900;

		memcpy(buf, &i, 4);
		memcpy(buf + 4, &call->flags, 4);
		vshm_fill(buf + 8, len - 8, i, call->flags);
		if (send(fd, buf, len, 0) != (ssize_t)len)
			return -1;
	}
	close(fd);
	return 0;
}

/* Several senders at once: each one's datagrams in order, whole or not at all. */
TEST_F(dgram, senders_at_once)
{
	enum { SENDERS = 4 };
	uint32_t next[SENDERS] = { 0 }, seq, who, got = 0;
	struct vshm_call call[SENDERS];
	struct timeval tv = { 1, 0 };
	uint8_t buf[3000];
	ssize_t n;

	VSHM_NEEDS_TABLE();
	for (int i = 0; i < SENDERS; i++) {
		call[i] = (struct vshm_call) {
			.fn = call_flood, .buf = self, .flags = i,
		};
		ASSERT_EQ(0, vshm_call_start(&call[i]));
	}
	ASSERT_EQ(0, setsockopt(self->s, SOL_SOCKET, SO_RCVTIMEO, &tv,
				sizeof(tv)));
	while ((n = recv(self->s, buf, sizeof(buf), 0)) > 0) {
		memcpy(&seq, buf, 4);
		memcpy(&who, buf + 4, 4);
		ASSERT_GT(SENDERS, who);
		ASSERT_LE(next[who], seq);
		next[who] = seq + 1;
		ASSERT_EQ(8 + seq * 37 % 2900, n);
		ASSERT_EQ((size_t)n - 8, vshm_check(buf + 8, n - 8, seq, who));
		got++;
	}
	for (int i = 0; i < SENDERS; i++)
		EXPECT_EQ(0, vshm_call_end(&call[i]));
	EXPECT_EQ(SENDERS * 2000, got + num(self, self->s, "drops"));
	EXPECT_LT(100, got);
}

TEST(pair)
{
	struct sockaddr_vshm from;
	int fd[2], other;
	char b[4];

	ASSERT_EQ(0, socketpair(vshm_family(), SOCK_DGRAM, 0, fd));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(1, send(fd[i], "a", 1, 0));
		ASSERT_EQ(0, send(fd[i], "", 0, 0));
		EXPECT_EQ(1, vshm_recvfrom(fd[!i], b, 4, 0, &from));
		EXPECT_EQ(VSHM_CID_LOCAL, from.svs_cid);
		EXPECT_EQ((uint32_t)VSHM_PORT_ANY, from.svs_port);
		EXPECT_EQ(0, recv(fd[!i], b, 4, 0));
		EXPECT_STREQ("CONNECTED", vshm_proc_get(fd[i], "state"));
	}
	other = vshm_dgram_bound();
	EXPECT_EQ(-1, vshm_sendto(fd[0], "x", 1, 0, VSHM_CID_LOCAL,
				  vshm_port(other)));
	EXPECT_EQ(EISCONN, errno);
	EXPECT_EQ(-1, vshm_dissolve(fd[0]));
	EXPECT_EQ(EISCONN, errno);
	close(other);
	ASSERT_EQ(1, send(fd[0], "b", 1, 0));
	close(fd[0]);
	EXPECT_EQ(1, recv(fd[1], b, 4, 0));
	EXPECT_EQ(-1, send(fd[1], "x", 1, 0));
	EXPECT_EQ(ECONNREFUSED, errno);
	close(fd[1]);
}

TEST_HARNESS_MAIN
