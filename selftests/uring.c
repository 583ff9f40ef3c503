// SPDX-License-Identifier: GPL-2.0
/*
 * io_uring: connecting, accepting, sending and receiving, once and again and
 * again, with all types, over loopback and over a link.
 */
#include "vshm_place.h"
#include <kselftest_harness.h>

#include <liburing.h>

#define ENTRIES	64

VSHM_PLACE_FIXTURE(uring)
VSHM_PLACE_CONNECTIONS(uring)
VSHM_PLACE_FIXTURE(any)
VSHM_PLACE_ALL(any)

/* What a request came to, in time; its mark in @mark and flags in @flags. */
static int result(struct io_uring *ring, uint64_t *mark, unsigned int *flags)
{
	struct __kernel_timespec wait = { VSHM_WAIT_MS / 1000, 0 };
	struct io_uring_cqe *cqe;
	int ret = io_uring_wait_cqe_timeout(ring, &cqe, &wait);

	if (ret)
		return ret;
	ret = cqe->res;
	*mark = cqe->user_data;
	*flags = cqe->flags;
	io_uring_cqe_seen(ring, cqe);
	return ret;
}

static struct io_uring_sqe *request(struct io_uring *ring, uint64_t mark)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_sqe_set_data64(sqe, mark);
	return sqe;
}

/* In the order in which they are asked for, each waits for the other side. */
TEST_F(uring, connect_accept_send_receive)
{
	int listener = vshm_place_listener(&self->p, 8);
	struct sockaddr_vshm to = vshm_addr(self->p.cid, vshm_port(listener));
	int c = vshm_place_socket(&self->p), s = -1;
	struct io_uring ring;
	unsigned int flags;
	char buf[100];
	uint64_t mark;

	if (io_uring_queue_init(ENTRIES, &ring, 0))
		SKIP(return, "no io_uring");
	io_uring_prep_accept(request(&ring, 1), listener, NULL, NULL, 0);
	ASSERT_EQ(1, io_uring_submit(&ring));
	io_uring_prep_connect(request(&ring, 2), c, (struct sockaddr *)&to,
			      sizeof(to));
	ASSERT_EQ(1, io_uring_submit(&ring));
	for (int i = 0; i < 2; i++) {
		int ret = result(&ring, &mark, &flags);

		ASSERT_LE(0, ret);
		if (mark == 1)
			s = ret;
	}
	ASSERT_LE(0, s);
	for (int i = 0; i < 20; i++) {
		io_uring_prep_recv(request(&ring, 3), s, buf, 100, 0);
		ASSERT_EQ(1, io_uring_submit(&ring));
		io_uring_prep_send(request(&ring, 4), c, "hello", 5, 0);
		ASSERT_EQ(1, io_uring_submit(&ring));
		EXPECT_EQ(5, result(&ring, &mark, &flags));
		EXPECT_EQ(5, result(&ring, &mark, &flags));
		EXPECT_EQ(0, memcmp(buf, "hello", 5));
	}
	/* the end wakes a request as well */
	io_uring_prep_recv(request(&ring, 5), s, buf, 100, 0);
	io_uring_prep_shutdown(request(&ring, 6), c, SHUT_WR);
	ASSERT_EQ(2, io_uring_submit(&ring));
	EXPECT_EQ(0, result(&ring, &mark, &flags));
	EXPECT_EQ(0, result(&ring, &mark, &flags));
	close(c);
	close(s);
	close(listener);
	io_uring_queue_exit(&ring);
}

TEST_F(uring, connect_refused)
{
	int listener = vshm_place_listener(&self->p, 1);
	struct sockaddr_vshm to = vshm_addr(self->p.cid, vshm_port(listener));
	int c = vshm_place_socket(&self->p);
	struct io_uring ring;
	unsigned int flags;
	uint64_t mark;

	if (io_uring_queue_init(ENTRIES, &ring, 0))
		SKIP(return, "no io_uring");
	close(listener);
	io_uring_prep_connect(request(&ring, 1), c, (struct sockaddr *)&to,
			      sizeof(to));
	ASSERT_EQ(1, io_uring_submit(&ring));
	EXPECT_EQ(-VSHM_REFUSED, result(&ring, &mark, &flags));
	close(c);
	io_uring_queue_exit(&ring);
}

/* One request accepts all that come. */
TEST_F(uring, accept_multishot)
{
	int listener = vshm_place_listener(&self->p, 8), c[5], s;
	struct io_uring ring;
	unsigned int flags;
	uint64_t mark;

	if (io_uring_queue_init(ENTRIES, &ring, 0))
		SKIP(return, "no io_uring");
	io_uring_prep_multishot_accept(request(&ring, 1), listener, NULL, NULL,
				       0);
	ASSERT_EQ(1, io_uring_submit(&ring));
	for (int i = 0; i < 5; i++) {
		c[i] = vshm_place_socket(&self->p);
		ASSERT_EQ(0, vshm_connect(c[i], self->p.cid,
					  vshm_port(listener))) {
			TH_LOG("connection %d: %s", i, strerror(errno));
		}
		s = result(&ring, &mark, &flags);
		ASSERT_LE(0, s);
		EXPECT_NE(0, flags & IORING_CQE_F_MORE);
		EXPECT_EQ(vshm_port(c[i]), vshm_peer(s).svs_port);
		close(s);
	}
	for (int i = 0; i < 5; i++)
		close(c[i]);
	io_uring_queue_exit(&ring);
	close(listener);
}

TEST_F(any, send_receive)
{
	struct io_uring ring;
	unsigned int flags;
	uint64_t mark;
	char buf[100];

	if (io_uring_queue_init(ENTRIES, &ring, 0))
		SKIP(return, "no io_uring");
	for (int i = 0; i < 20; i++) {
		io_uring_prep_recv(request(&ring, 3), self->p.s, buf, 100, 0);
		ASSERT_EQ(1, io_uring_submit(&ring));
		io_uring_prep_send(request(&ring, 4), self->p.c, "hello", 5,
				   0);
		ASSERT_EQ(1, io_uring_submit(&ring));
		EXPECT_EQ(5, result(&ring, &mark, &flags));
		EXPECT_EQ(5, result(&ring, &mark, &flags));
		EXPECT_EQ(0, memcmp(buf, "hello", 5));
	}
	io_uring_queue_exit(&ring);
}

/* One request receives all that comes, into buffers that it picks. */
TEST_F(any, receive_multishot)
{
	static char buf[8][1000];
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	unsigned int flags;
	uint64_t mark;

	if (io_uring_queue_init(ENTRIES, &ring, 0))
		SKIP(return, "no io_uring");
	io_uring_prep_provide_buffers(request(&ring, 1), buf, 1000, 8, 1, 0);
	ASSERT_EQ(1, io_uring_submit(&ring));
	ASSERT_LE(0, result(&ring, &mark, &flags));
	sqe = request(&ring, 2);
	io_uring_prep_recv_multishot(sqe, self->p.s, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = 1;
	ASSERT_EQ(1, io_uring_submit(&ring));
	for (int i = 0; i < 6; i++) {
		char msg[100];

		vshm_fill(msg, 100, i, 5);
		ASSERT_EQ(100, send(self->p.c, msg, 100, 0));
		ASSERT_EQ(100, result(&ring, &mark, &flags));
		ASSERT_NE(0, flags & IORING_CQE_F_BUFFER);
		EXPECT_NE(0, flags & IORING_CQE_F_MORE);
		EXPECT_EQ(100, vshm_check(buf[flags >> IORING_CQE_BUFFER_SHIFT],
					  100, i, 5));
	}
	/* a datagram socket knows of no end but its own */
	ASSERT_EQ(0, self->p.type == SOCK_DGRAM ?
		     shutdown(self->p.s, SHUT_RD) :
		     shutdown(self->p.c, SHUT_WR));
	EXPECT_EQ(0, result(&ring, &mark, &flags));
	EXPECT_EQ(0, flags & IORING_CQE_F_MORE);
	io_uring_queue_exit(&ring);
}

/* A request that is given up lets go of the socket. */
TEST_F(any, cancel)
{
	struct io_uring ring;
	unsigned int flags;
	uint64_t mark;
	char b;
	int a, c;

	if (io_uring_queue_init(ENTRIES, &ring, 0))
		SKIP(return, "no io_uring");
	io_uring_prep_recv(request(&ring, 1), self->p.s, &b, 1, 0);
	ASSERT_EQ(1, io_uring_submit(&ring));
	io_uring_prep_cancel64(request(&ring, 2), 1, 0);
	ASSERT_EQ(1, io_uring_submit(&ring));
	a = result(&ring, &mark, &flags);
	c = result(&ring, &mark, &flags);
	EXPECT_EQ(-ECANCELED, a < c ? a : c);
	EXPECT_EQ(0, a < c ? c : a);
	ASSERT_EQ(1, send(self->p.c, "x", 1, 0));
	EXPECT_EQ(1, recv(self->p.s, &b, 1, 0));
	io_uring_queue_exit(&ring);
}

TEST_HARNESS_MAIN
