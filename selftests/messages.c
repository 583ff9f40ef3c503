// SPDX-License-Identifier: GPL-2.0
/*
 * Calls and flags with what keeps its boundaries, packets and datagrams, over
 * loopback and over a link. What streams have as well is in calls.c.
 */
#include "vshm_calls.h"
#include "vshm_place.h"
#include <kselftest_harness.h>

#include <sys/epoll.h>

/* @message: both types; @linked: packets, only over a link */
VSHM_PLACE_FIXTURE(message)
VSHM_PLACE_PACKETS(message)
VSHM_PLACE_DATAGRAMS(message)
VSHM_PLACE_FIXTURE(packet)
VSHM_PLACE_PACKETS(packet)
VSHM_PLACE_FIXTURE(datagram)
VSHM_PLACE_DATAGRAMS(datagram)
VSHM_PLACE_FIXTURE(linked)
FIXTURE_VARIANT_ADD(linked, packet_host) { SOCK_SEQPACKET, 0 };
FIXTURE_VARIANT_ADD(linked, packet_guest) { SOCK_SEQPACKET, 1 };

/* From one to the next, and never past one, as AF_UNIX does. */
TEST_F(message, peek_offset)
{
	char buf[8];

	ASSERT_EQ(0, vshm_peek_from(self->p.s, 0));
	ASSERT_EQ(4, send(self->p.c, "abcd", 4, 0));
	ASSERT_EQ(0, send(self->p.c, "", 0, 0));
	ASSERT_EQ(2, send(self->p.c, "ef", 2, 0));
	EXPECT_EQ(3, recv(self->p.s, buf, 3, MSG_PEEK));
	EXPECT_EQ(1, recv(self->p.s, buf, 8, MSG_PEEK));
	EXPECT_EQ('d', buf[0]);
	EXPECT_EQ(0, recv(self->p.s, buf, 8, MSG_PEEK));
	EXPECT_EQ(2, recv(self->p.s, buf, 1, MSG_PEEK | MSG_TRUNC));
	EXPECT_EQ('e', buf[0]);
	EXPECT_EQ(1, recv(self->p.s, buf, 8, MSG_PEEK));
	EXPECT_EQ('f', buf[0]);
	EXPECT_EQ(-1, recv(self->p.s, buf, 8, MSG_PEEK | MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(4, recv(self->p.s, buf, 8, 0));
	EXPECT_EQ(2, vshm_getint(self->p.s, SOL_SOCKET, SO_PEEK_OFF));
	EXPECT_EQ(0, recv(self->p.s, buf, 8, 0));
	EXPECT_EQ(2, recv(self->p.s, buf, 8, 0));
	EXPECT_EQ(0, vshm_getint(self->p.s, SOL_SOCKET, SO_PEEK_OFF));
}

/* Receives @len bytes of the pattern, in messages; how many, or -1. */
static int recv_messages(int fd, size_t len, unsigned int seed)
{
	static uint8_t buf[VSHM_DATAGRAM_MAX];
	size_t pos = 0;
	int n = 0;

	for (; pos < len; n++) {
		ssize_t r = recv(fd, buf, sizeof(buf), 0);

		if (r <= 0 || vshm_check(buf, r, pos, seed) != (size_t)r)
			return -1;
		pos += r;
	}
	return pos == len ? n : -1;
}

/* Each piece that the kernel moves at once is a message, none cut or lost. */
TEST_F(message, sendfile)
{
	int file = vshm_pattern_file(20000);

	ASSERT_LE(0, file);
	for (int i = 0; i < 2; i++) {
		int fd[2] = { self->p.c, self->p.s };
		struct vshm_call call = { .fn = vshm_call_sendfile, .fd = fd[i],
					  .flags = file, .len = 20000 };

		ASSERT_EQ(0, lseek(file, 0, SEEK_SET));
		ASSERT_EQ(0, vshm_call_start(&call));
		EXPECT_LE(1, recv_messages(fd[!i], 20000, 1));
		EXPECT_EQ(0, vshm_call_end(&call));
	}
	close(file);
}

/* Into a pipe, message by message; tee, and from a pipe. */
TEST_F(message, splice)
{
	char buf[3000];
	int a[2], b[2];

	ASSERT_EQ(0, pipe(a));
	ASSERT_EQ(0, pipe(b));
	ASSERT_EQ(0, vshm_send_all(self->p.c, 3000, 1000, 0, 1));
	ASSERT_EQ(0, vshm_move(self->p.s, a[1], 3000));
	ASSERT_EQ(3000, tee(a[0], b[1], 3000, 0));
	ASSERT_EQ(3000, read(a[0], buf, 3000));
	EXPECT_EQ(3000, vshm_check(buf, 3000, 0, 1));
	ASSERT_EQ(0, vshm_move(b[0], self->p.c, 3000));
	EXPECT_LE(1, recv_messages(self->p.s, 3000, 1));
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
}

/* Sends as soon as POLLOUT says that it can; how often it was wrong, or -1. */
static int send_when_told(int fd, const void *buf, size_t len, int ep)
{
	struct epoll_event ev = { .events = EPOLLOUT | EPOLLET };
	int wrong = -1;
	ssize_t n;

	if (ep >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
		return -1;
	do {
		if ((ep < 0 ? vshm_poll(fd, POLLOUT, VSHM_WAIT_MS) != POLLOUT :
		     epoll_wait(ep, &ev, 1, VSHM_WAIT_MS) != 1))
			return -1;
		n = send(fd, buf, len, MSG_DONTWAIT);
		wrong++;
	} while (n < 0 && errno == EAGAIN);
	return n == (ssize_t)len ? wrong : -1;
}

/*
 * A packet that is larger than the ring of the moment: POLLOUT is no news
 * before a larger one has come, and then it is.
 */
TEST_F(packet, larger_than_the_ring)
{
	static uint8_t buf[100000], in[100000];
	int c, s, ep = epoll_create1(0), wrong;

	vshm_fill(buf, sizeof(buf), 0, 3);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, vshm_place_pair(&self->p, &c, &s));
		wrong = send_when_told(c, buf, sizeof(buf), i ? ep : -1);
		EXPECT_LE(0, wrong);
		/* one for each ring, and one a second should the peer be slow */
		EXPECT_GT(40, wrong);
		EXPECT_EQ(sizeof(in), recv(s, in, sizeof(in), 0));
		EXPECT_EQ(sizeof(in), vshm_check(in, sizeof(in), 0, 3));
		close(c);
		close(s);
	}
	close(ep);
}

/* Nor is it while most of the ring is free, but not as much as it takes. */
TEST_F(packet, larger_than_the_space)
{
	static uint8_t buf[400000];

	ASSERT_EQ(200000, send(self->p.c, buf, 200000, 0));
	EXPECT_EQ(POLLOUT, vshm_poll(self->p.c, POLLOUT, 0));
	EXPECT_EQ(-1, send(self->p.c, buf, 400000, MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(0, vshm_poll(self->p.c, POLLOUT, 100));
	/* a small one has room */
	EXPECT_EQ(9, send(self->p.c, buf, 9, MSG_DONTWAIT));
	EXPECT_EQ(200000, recv(self->p.s, buf, sizeof(buf), 0));
	EXPECT_EQ(9, recv(self->p.s, buf, sizeof(buf), 0));
	EXPECT_EQ(POLLOUT, vshm_poll(self->p.c, POLLOUT, VSHM_WAIT_MS));
	EXPECT_EQ(400000, send(self->p.c, buf, 400000, MSG_DONTWAIT));
}

/*
 * A larger ring does not come, for want of memory there: the program is neither
 * kept busy nor forgotten, and goes on once there is some.
 */
TEST_F_TIMEOUT(linked, no_memory_for_a_larger_ring, 120)
{
	static uint8_t buf[100000];
	int c[64], s[64], n, wrong;
	uint64_t start;

	for (n = 0; n < 64; n++) {
		ASSERT_EQ(0, vshm_place_pair(&self->p, &c[n], &s[n]));
		start = vshm_now_ms();
		for (wrong = 0; wrong < 6; wrong++) {
			if (send(c[n], buf, sizeof(buf), MSG_DONTWAIT) > 0)
				break;
			ASSERT_EQ(EAGAIN, errno);
			ASSERT_EQ(POLLOUT, vshm_poll(c[n], POLLOUT,
						     VSHM_WAIT_MS));
		}
		if (wrong == 6)
			break;
	}
	ASSERT_GT(64, n);
	EXPECT_LE(1500, vshm_now_ms() - start);
	for (int i = 0; i < n; i++) {
		close(c[i]);
		close(s[i]);
	}
	EXPECT_LE(0, send_when_told(c[n], buf, sizeof(buf), -1));
	EXPECT_EQ(sizeof(buf), recv(s[n], buf, sizeof(buf), 0));
	close(c[n]);
	close(s[n]);
}

TEST_F(packet, end_of_record)
{
	char b[9];
	struct iovec iov = { b, 9 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	ASSERT_EQ(1, send(self->p.c, "a", 1, 0));
	ASSERT_EQ(1, send(self->p.c, "b", 1, MSG_EOR));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(1, recvmsg(self->p.s, &msg, 0));
		EXPECT_EQ(i ? MSG_EOR : 0, msg.msg_flags & MSG_EOR);
	}
}

/* What no queue can hold is refused at once. */
TEST_F(message, too_large)
{
	int room = vshm_getint(self->p.c, SOL_SOCKET, SO_SNDBUF);
	ssize_t max = self->p.type == SOCK_DGRAM ? (int)VSHM_DATAGRAM_MAX :
						   room - 8;
	uint8_t *buf = calloc(1, max + 1);

	EXPECT_EQ(-1, send(self->p.c, buf, max + 1, 0));
	EXPECT_EQ(EMSGSIZE, errno);
	EXPECT_EQ(max, send(self->p.c, buf, max, 0));
	EXPECT_EQ(max, recv(self->p.s, buf, max + 1, 0));
	free(buf);
}

/* SIOCINQ tells the length of the next, and nothing that was sent is queued. */
TEST_F(datagram, lengths_of_queues)
{
	char b[9];

	EXPECT_EQ(0, vshm_inq(self->p.s));
	ASSERT_EQ(5, send(self->p.c, "first", 5, 0));
	ASSERT_EQ(3, send(self->p.c, "2nd", 3, 0));
	for (int len = 5; len >= 3; len -= 2) {
		EXPECT_NE(0, vshm_poll(self->p.s, POLLIN, VSHM_WAIT_MS));
		EXPECT_EQ(len, vshm_inq(self->p.s));
		EXPECT_EQ(0, vshm_outq(self->p.c));
		EXPECT_EQ(len, recv(self->p.s, b, 9, 0));
	}
	EXPECT_EQ(0, vshm_inq(self->p.s));
}

TEST_F(datagram, dont_wait)
{
	char b;

	EXPECT_EQ(-1, recv(self->p.s, &b, 1, MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(1, send(self->p.c, "x", 1, MSG_DONTWAIT));
	EXPECT_NE(0, vshm_poll(self->p.s, POLLIN, VSHM_WAIT_MS));
	EXPECT_EQ(1, recv(self->p.s, &b, 1, MSG_DONTWAIT));
}

/* A room that is too small takes a part, and the call tells the whole. */
TEST_F(message, truncated)
{
	char b[9] = "";
	struct iovec iov = { b, 2 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	for (int i = 0; i < 3; i++)
		ASSERT_EQ(5, send(self->p.c, "hello", 5, 0));
	EXPECT_EQ(2, recvmsg(self->p.s, &msg, 0));
	EXPECT_EQ(MSG_TRUNC, msg.msg_flags & MSG_TRUNC);
	EXPECT_STREQ("he", b);
	EXPECT_EQ(5, recv(self->p.s, b, 2, MSG_TRUNC));
	/* MSG_WAITALL waits for no second one */
	EXPECT_EQ(5, recv(self->p.s, b, 9, MSG_WAITALL));
}

/* An error, but no signal, as with UDP. */
TEST_F(datagram, no_signal)
{
	vshm_pipes = 0;
	signal(SIGPIPE, vshm_on_pipe);
	ASSERT_EQ(0, shutdown(self->p.c, SHUT_WR));
	EXPECT_EQ(-1, send(self->p.c, "x", 1, 0));
	EXPECT_EQ(EPIPE, errno);
	EXPECT_EQ(0, vshm_pipes);
}

/* None is lost as long as they all fit the queue. */
TEST_F(datagram, threads)
{
	struct vshm_call out[VSHM_THREADS];
	int count[VSHM_THREADS] = { 0 };
	uint8_t buf[1000];

	for (int i = 0; i < VSHM_THREADS; i++) {
		out[i] = (struct vshm_call) { .fn = vshm_call_send_many,
					      .fd = self->p.c, .flags = i };
		ASSERT_EQ(0, vshm_call_start(&out[i]));
		/* what the queue has room for */
		for (int n = 0; n < VSHM_ROUNDS; n++) {
			ASSERT_EQ(700, recv(self->p.s, buf, sizeof(buf), 0));
			ASSERT_GT(VSHM_THREADS, buf[0]);
			count[buf[0]]++;
		}
	}
	for (int i = 0; i < VSHM_THREADS; i++) {
		EXPECT_EQ(0, vshm_call_end(&out[i]));
		EXPECT_EQ(VSHM_ROUNDS, count[i]);
	}
}

/* The other way round: who is connected to nobody, sends to all. */
TEST_F(datagram, connect_to_nobody)
{
	struct sockaddr_vshm to = vshm_addr(self->p.cid, vshm_port(self->p.s));
	char b[9];

	EXPECT_EQ(-1, vshm_connect(self->p.c, to.svs_cid, VSHM_PORT_ANY));
	ASSERT_EQ(0, vshm_connect_nobody(self->p.c));
	EXPECT_EQ(-1, send(self->p.c, "x", 1, 0));
	EXPECT_EQ(EDESTADDRREQ, errno);
	EXPECT_EQ(3, sendto(self->p.c, "one", 3, 0, (void *)&to, sizeof(to)));
	EXPECT_EQ(3, recv(self->p.s, b, 9, 0));
	ASSERT_EQ(0, vshm_connect(self->p.c, to.svs_cid, to.svs_port));
	EXPECT_EQ(3, send(self->p.c, "two", 3, 0));
	EXPECT_EQ(3, recv(self->p.s, b, 9, 0));
}

TEST_HARNESS_MAIN
