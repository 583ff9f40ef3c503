// SPDX-License-Identifier: GPL-2.0
/*
 * SOCK_SEQPACKET over loopback, over a link and as a pair; socketpair of streams.
 */
#include "vshm_place.h"
#include <kselftest_harness.h>

#include <sys/mman.h>
#include <sys/wait.h>

/* Connected packet sockets: at a place, or from socketpair(2). */
FIXTURE(packets) {
	struct vshm_place p;
	int c;
	int s;
};

FIXTURE_VARIANT(packets) {
	bool pair;
	int side;
};

FIXTURE_VARIANT_ADD(packets, loopback) { false, -1 };
FIXTURE_VARIANT_ADD(packets, host) { false, 0 };
FIXTURE_VARIANT_ADD(packets, guest) { false, 1 };
FIXTURE_VARIANT_ADD(packets, pair) { true, -1 };

FIXTURE_SETUP(packets)
{
	int fd[2];

	ASSERT_EQ(0, vshm_place_make(&self->p, SOCK_SEQPACKET, variant->side));
	if (variant->pair) {
		ASSERT_EQ(0, vshm_ns_enter(self->p.from));
		ASSERT_EQ(0, socketpair(vshm_family(), SOCK_SEQPACKET, 0, fd));
		self->p.c = fd[0];
		self->p.s = fd[1];
	} else {
		ASSERT_EQ(0, vshm_place_pair(&self->p, &self->p.c, &self->p.s));
	}
	self->c = self->p.c;
	self->s = self->p.s;
}

FIXTURE_TEARDOWN(packets)
{
	EXPECT_TRUE(vshm_place_close(&self->p));
}

TEST_F(packets, type)
{
	EXPECT_EQ(SOCK_SEQPACKET, vshm_getint(self->c, SOL_SOCKET, SO_TYPE));
	EXPECT_EQ(SOCK_SEQPACKET, vshm_getint(self->s, SOL_SOCKET, SO_TYPE));
}

TEST_F(packets, boundaries)
{
	static const int sizes[] = { 1, 0, 7, 8, 9, 100, 0, 1500 };
	char buf[2000];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		vshm_fill(buf, sizes[i], i, 1);
		ASSERT_EQ(sizes[i], send(self->c, buf, sizes[i], 0));
	}
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		ASSERT_EQ(sizes[i], recv(self->s, buf, sizeof(buf), 0));
		EXPECT_EQ((size_t)sizes[i], vshm_check(buf, sizes[i], i, 1));
	}
	EXPECT_EQ(-1, recv(self->s, buf, sizeof(buf), MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F(packets, end_of_record)
{
	char b[4];
	struct iovec iov = { b, sizeof(b) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	ASSERT_EQ(2, send(self->c, "ab", 2, MSG_EOR));
	ASSERT_EQ(2, send(self->c, "cd", 2, 0));
	ASSERT_EQ(2, recvmsg(self->s, &msg, 0));
	EXPECT_EQ(MSG_EOR, msg.msg_flags);
	ASSERT_EQ(2, recvmsg(self->s, &msg, 0));
	EXPECT_EQ(0, msg.msg_flags);
}

TEST_F(packets, truncated)
{
	char b[4] = "";
	struct iovec iov = { b, 3 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	for (int i = 0; i < 3; i++)
		ASSERT_EQ(6, send(self->c, "abcdef", 6, 0));
	ASSERT_EQ(1, send(self->c, "z", 1, 0));
	EXPECT_EQ(6, recvmsg(self->s, &msg, MSG_PEEK | MSG_TRUNC));
	EXPECT_EQ(MSG_TRUNC, msg.msg_flags);
	EXPECT_EQ(3, recvmsg(self->s, &msg, 0));
	EXPECT_EQ(MSG_TRUNC, msg.msg_flags);
	EXPECT_STREQ("abc", b);
	EXPECT_EQ(6, recv(self->s, b, 3, MSG_TRUNC));
	EXPECT_EQ(3, recv(self->s, b, 3, 0));
	EXPECT_EQ(1, recv(self->s, b, 3, 0));
	EXPECT_EQ('z', b[0]);
}

TEST_F(packets, as_large_as_the_buffer)
{
	size_t max = 524288 - 8, n;
	char *buf = malloc(max + 1), *in = malloc(max + 1);
	pid_t pid;
	int st;

	EXPECT_EQ(-1, send(self->c, buf, max + 1, 0));
	EXPECT_EQ(EMSGSIZE, errno);
	vshm_fill(buf, max, 0, 3);
	pid = fork();
	if (!pid)
		_exit(send(self->c, buf, max, 0) != (ssize_t)max ||
		      send(self->c, buf, max - 5, 0) != (ssize_t)max - 5);
	n = recv(self->s, in, max + 1, 0);
	EXPECT_EQ(max, n);
	EXPECT_EQ(max, vshm_check(in, max, 0, 3));
	n = recv(self->s, in, max + 1, 0);
	EXPECT_EQ(max - 5, n);
	EXPECT_EQ(max - 5, vshm_check(in, max - 5, 0, 3));
	ASSERT_EQ(pid, waitpid(pid, &st, 0));
	EXPECT_EQ(0, st);
	free(buf);
	free(in);
}

/* All sizes, so that each way of meeting the end of a ring occurs. */
TEST_F(packets, in_order)
{
	enum { COUNT = 3000 };
	static char buf[5000];
	pid_t pid = fork();
	int st;

	if (!pid) {
		for (int i = 0; i < COUNT; i++) {
			int n = i * 37 % 4999;

			vshm_fill(buf, n, i, 5);
			if (send(self->c, buf, n, 0) != n)
				_exit(1);
		}
		_exit(0);
	}
	for (int i = 0; i < COUNT; i++) {
		int n = i * 37 % 4999;

		ASSERT_EQ(n, recv(self->s, buf, sizeof(buf), 0));
		ASSERT_EQ((size_t)n, vshm_check(buf, n, i, 5));
	}
	ASSERT_EQ(pid, waitpid(pid, &st, 0));
	EXPECT_EQ(0, st);
}

/* A packet that is not sent as a whole is not sent. */
TEST_F(packets, all_or_nothing)
{
	static char buf[10000];
	int sent = 0, received = 0;
	ssize_t n;

	/* over a link, a larger ring takes a moment */
	do {
		while ((n = send(self->c, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
			ASSERT_EQ((ssize_t)sizeof(buf), n);
			sent++;
		}
		EXPECT_EQ(EAGAIN, errno);
	} while (sent < 21 && vshm_poll(self->c, POLLOUT, VSHM_WAIT_MS));
	EXPECT_LT(20, sent);
	while ((n = recv(self->s, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		ASSERT_EQ((ssize_t)sizeof(buf), n);
		received++;
	}
	EXPECT_EQ(sent, received);
	EXPECT_EQ(POLLOUT, vshm_poll(self->c, POLLOUT, VSHM_WAIT_MS));
}

/* A buffer that is not there costs neither side a packet. */
TEST_F(packets, bad_buffer)
{
	long page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char buf[64];

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, munmap(map + page, page));
	EXPECT_EQ(-1, send(self->c, map + page - 8, 16, 0));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(16, send(self->c, "0123456789abcdef", 16, 0));
	EXPECT_EQ(-1, recv(self->s, map + page - 8, 16, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(16, recv(self->s, buf, sizeof(buf), 0));
	EXPECT_EQ(0, memcmp(buf, "0123456789abcdef", 16));
	munmap(map, page);
}

TEST_F(packets, end)
{
	char b[4];

	ASSERT_EQ(3, send(self->c, "bye", 3, 0));
	ASSERT_EQ(0, shutdown(self->c, SHUT_WR));
	EXPECT_EQ(-1, send(self->c, "x", 1, MSG_NOSIGNAL));
	EXPECT_EQ(EPIPE, errno);
	EXPECT_EQ(3, recv(self->s, b, sizeof(b), 0));
	EXPECT_EQ(0, recv(self->s, b, sizeof(b), 0));
	ASSERT_EQ(2, send(self->s, "ok", 2, 0));
	EXPECT_EQ(2, recv(self->c, b, sizeof(b), 0));
}

TEST(types_do_not_mix)
{
	int listener = vshm_listener(1);
	int fd = socket(vshm_family(), SOCK_SEQPACKET, 0);

	EXPECT_EQ(-1, vshm_connect(fd, VSHM_CID_LOCAL, vshm_port(listener)));
	EXPECT_EQ(VSHM_REFUSED, errno);
	close(listener);
	close(fd);
}

TEST(pair_of_streams)
{
	char b[8];
	int fd[2];

	ASSERT_EQ(0, socketpair(vshm_family(), SOCK_STREAM, 0, fd));
	ASSERT_EQ(3, send(fd[0], "one", 3, 0));
	ASSERT_EQ(3, send(fd[1], "two", 3, 0));
	EXPECT_EQ(3, recv(fd[1], b, sizeof(b), 0));
	EXPECT_EQ(3, recv(fd[0], b, sizeof(b), 0));
	EXPECT_EQ(0, memcmp(b, "two", 3));
	EXPECT_EQ((uint32_t)VSHM_CID_LOCAL, vshm_peer(fd[0]).svs_cid);
	close(fd[0]);
	EXPECT_EQ(0, recv(fd[1], b, sizeof(b), 0));
	close(fd[1]);
}

TEST_HARNESS_MAIN
