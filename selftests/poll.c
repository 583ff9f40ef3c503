// SPDX-License-Identifier: GPL-2.0
/*
 * What poll(), select() and epoll say in each state, and when they wake, over
 * loopback and over a link.
 */
#include "vshm_place.h"
#include "vshm_proc.h"
#include <kselftest_harness.h>

#include <sys/epoll.h>
#include <sys/select.h>

#define ALL_EVENTS	(EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI)

/* What is asked for, and what always shows. */
#define SHOWN		(ALL_EVENTS | EPOLLHUP | EPOLLERR)

VSHM_PLACE_FIXTURE(pair)
VSHM_PLACE_STREAMS(pair)

static unsigned int now(int fd)
{
	return vshm_poll(fd, ALL_EVENTS, 0) & SHOWN;
}

/*
 * The same, but of @want only, once all of that is there: what the other end
 * did shows at once, or when its record has come.
 */
static unsigned int soon(int fd, unsigned int want, unsigned int of)
{
	uint64_t end = vshm_now_ms() + VSHM_WAIT_MS;
	unsigned int is;

	while (((is = now(fd)) & want) != want && vshm_now_ms() < end)
		usleep(1000);
	return is & of;
}

TEST(unconnected)
{
	int fd = vshm_socket(0);

	/* HUP and OUT as in other families, or not; never IN nor ERR */
	EXPECT_EQ(0U, now(fd) & (EPOLLIN | EPOLLERR | EPOLLPRI));
	ASSERT_EQ(0, vshm_bind(fd, VSHM_CID_ANY, VSHM_PORT_ANY));
	EXPECT_EQ(0U, now(fd) & (EPOLLIN | EPOLLERR | EPOLLPRI));
	close(fd);
}

FIXTURE(place) { struct vshm_place p; };
FIXTURE_VARIANT(place) { int type; int side; };

VSHM_PLACE_CONNECTIONS(place)

FIXTURE_SETUP(place)
{
	ASSERT_EQ(0, vshm_place_make(&self->p, variant->type, variant->side));
}

FIXTURE_TEARDOWN(place)
{
	EXPECT_TRUE(vshm_place_close(&self->p));
}

TEST_F(place, listening)
{
	int fd = vshm_place_listener(&self->p, 2);
	int c, s;

	EXPECT_EQ(0U, now(fd));
	c = vshm_place_client(&self->p, fd);
	EXPECT_EQ((unsigned int)EPOLLIN, soon(fd, EPOLLIN, ~0));
	s = accept(fd, NULL, NULL);
	EXPECT_EQ(0U, now(fd));
	close(c);
	close(s);
	close(fd);
}

TEST_F(place, refused)
{
	uint32_t port = vshm_place_unused_port(&self->p);
	int fd = vshm_place_socket(&self->p);

	ASSERT_EQ(0, vshm_nonblock(fd));
	ASSERT_EQ(-1, vshm_connect(fd, self->p.cid, port));
	if (errno == EINPROGRESS) {
		EXPECT_NE(0, vshm_poll(fd, POLLOUT, VSHM_WAIT_MS) & POLLERR);
		EXPECT_EQ(VSHM_REFUSED, vshm_so_error(fd));
	} else {
		EXPECT_EQ(VSHM_REFUSED, errno);
	}
	/* asked for or returned: the error is gone */
	EXPECT_EQ(0U, now(fd) & (EPOLLERR | EPOLLIN));
	close(fd);
}

TEST_F(pair, connected)
{
	char buf[1];

	EXPECT_EQ((unsigned int)EPOLLOUT, now(self->p.c));
	EXPECT_EQ((unsigned int)EPOLLOUT, now(self->p.s));
	ASSERT_EQ(2, send(self->p.c, "ab", 2, 0));
	EXPECT_EQ((unsigned int)(EPOLLIN | EPOLLOUT), now(self->p.s));
	EXPECT_EQ((unsigned int)EPOLLOUT, now(self->p.c));
	ASSERT_EQ(1, recv(self->p.s, buf, 1, 0));
	EXPECT_EQ((unsigned int)(EPOLLIN | EPOLLOUT), now(self->p.s));
	ASSERT_EQ(1, recv(self->p.s, buf, 1, 0));
	EXPECT_EQ((unsigned int)EPOLLOUT, now(self->p.s));
}

TEST_F(pair, full)
{
	ssize_t n = vshm_fill_up(self->p.c, 0);

	ASSERT_LT(0, n);
	EXPECT_EQ(0U, now(self->p.c));
	EXPECT_EQ((unsigned int)(EPOLLIN | EPOLLOUT), now(self->p.s));
	ASSERT_EQ(0, vshm_recv_all(self->p.s, n, 4096, 0, 0));
	EXPECT_EQ((unsigned int)EPOLLOUT, now(self->p.c));
}

/* More than half of the ring that a connection starts with is not half of all. */
TEST_F(pair, room_to_grow)
{
	char buf[1500] = "";

	ASSERT_EQ(1500, send(self->p.c, buf, sizeof(buf), 0));
	EXPECT_EQ((unsigned int)EPOLLOUT, now(self->p.c));
}

TEST_F(pair, peer_writes_no_more)
{
	ASSERT_EQ(0, shutdown(self->p.c, SHUT_WR));
	EXPECT_EQ((unsigned int)(EPOLLIN | EPOLLOUT | EPOLLRDHUP),
		  soon(self->p.s, EPOLLRDHUP, ~0));
	/* what it can still do is read */
	EXPECT_EQ(0U, now(self->p.c) & (EPOLLIN | EPOLLRDHUP | EPOLLHUP));
	ASSERT_EQ(1, send(self->p.s, "x", 1, 0));
	EXPECT_EQ((unsigned int)EPOLLIN,
		  now(self->p.c) & (EPOLLIN | EPOLLRDHUP | EPOLLHUP));
}

TEST_F(pair, both_write_no_more)
{
	unsigned int want = EPOLLIN | EPOLLRDHUP | EPOLLHUP;

	ASSERT_EQ(0, shutdown(self->p.c, SHUT_WR));
	ASSERT_EQ(0, shutdown(self->p.s, SHUT_WR));
	EXPECT_EQ(want, soon(self->p.s, want, ~EPOLLOUT));
	EXPECT_EQ(want, soon(self->p.c, want, ~EPOLLOUT));
}

TEST_F(pair, peer_closed)
{
	close(self->p.c);
	self->p.c = -1;
	EXPECT_EQ((unsigned int)(EPOLLIN | EPOLLRDHUP | EPOLLHUP),
		  soon(self->p.s, EPOLLHUP, ~EPOLLOUT));
}

TEST_F(pair, reset)
{
	ASSERT_EQ(1, send(self->p.s, "x", 1, 0));
	close(self->p.c);
	self->p.c = -1;
	EXPECT_EQ((unsigned int)(EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR),
		  soon(self->p.s, EPOLLERR | EPOLLHUP, ~EPOLLOUT));
	EXPECT_EQ(ECONNRESET, vshm_so_error(self->p.s));
	EXPECT_EQ((unsigned int)(EPOLLIN | EPOLLRDHUP | EPOLLHUP),
		  now(self->p.s) & ~EPOLLOUT);
}

TEST_F(pair, select)
{
	struct timeval tv = { 0 };
	fd_set rd, wr;
	int max = (self->p.c > self->p.s ? self->p.c : self->p.s) + 1;

	ASSERT_EQ(1, send(self->p.c, "x", 1, 0));
	FD_ZERO(&rd);
	FD_ZERO(&wr);
	FD_SET(self->p.c, &rd);
	FD_SET(self->p.s, &rd);
	FD_SET(self->p.c, &wr);
	EXPECT_EQ(2, select(max, &rd, &wr, NULL, &tv));
	EXPECT_TRUE(FD_ISSET(self->p.s, &rd));
	EXPECT_FALSE(FD_ISSET(self->p.c, &rd));
	EXPECT_TRUE(FD_ISSET(self->p.c, &wr));
}

TEST_F(pair, low_water_mark)
{
	char buf[100] = "";
	int mark = 100;

	ASSERT_EQ(0, setsockopt(self->p.s, SOL_SOCKET, SO_RCVLOWAT, &mark,
				sizeof(mark)));
	ASSERT_EQ(99, send(self->p.c, buf, 99, 0));
	EXPECT_EQ(0U, now(self->p.s) & EPOLLIN);
	ASSERT_EQ(1, send(self->p.c, buf, 1, 0));
	EXPECT_EQ((unsigned int)EPOLLIN, now(self->p.s) & EPOLLIN);
	EXPECT_EQ(100, recv(self->p.s, buf, sizeof(buf), 0));
	EXPECT_EQ(0U, now(self->p.s) & EPOLLIN);
}

/* A call that waits in poll() until something happens. */
static long call_poll(struct vshm_call *call)
{
	return vshm_poll(call->fd, call->flags, VSHM_WAIT_MS);
}

FIXTURE(wait) {
	struct vshm_place p;
	int fd[2];
	struct vshm_call call;
};

enum wake_by { BY_DATA, BY_SPACE, BY_SHUT_WR, BY_CLOSE, BY_RESET };

FIXTURE_VARIANT(wait) {
	int side;
	enum wake_by by;
	int events;
	int want;
};

#define WAKE(name, ...)							\
	FIXTURE_VARIANT_ADD(wait, loopback_##name) { -1, __VA_ARGS__ };	\
	FIXTURE_VARIANT_ADD(wait, host_##name) { 0, __VA_ARGS__ };	\
	FIXTURE_VARIANT_ADD(wait, guest_##name) { 1, __VA_ARGS__ }

WAKE(data, BY_DATA, POLLIN, POLLIN);
WAKE(space, BY_SPACE, POLLOUT, POLLOUT);
WAKE(shut_wr, BY_SHUT_WR, POLLIN, POLLIN);
WAKE(shut_wr_rdhup, BY_SHUT_WR, POLLRDHUP, POLLRDHUP);
WAKE(close_rdhup, BY_CLOSE, POLLRDHUP, POLLRDHUP | POLLHUP);
WAKE(close_hup, BY_CLOSE, 0, POLLHUP);
WAKE(reset, BY_RESET, 0, POLLERR | POLLHUP);

FIXTURE_SETUP(wait)
{
	ASSERT_EQ(0, vshm_place_open(&self->p, SOCK_STREAM, variant->side));
	self->fd[0] = self->p.c;
	self->fd[1] = self->p.s;
	self->call = (struct vshm_call) {
		.fn = call_poll,
		.fd = self->fd[0],
		.flags = variant->events,
	};
}

FIXTURE_TEARDOWN(wait)
{
	self->p.s = self->fd[1];
	EXPECT_TRUE(vshm_place_close(&self->p));
}

TEST_F(wait, poll)
{
	ssize_t full = 0;

	if (variant->by == BY_SPACE)
		full = vshm_fill_up(self->fd[0], 0);
	if (variant->by == BY_RESET) {
		ASSERT_EQ(1, send(self->fd[0], "x", 1, 0));
	}
	ASSERT_LE(0, full);
	ASSERT_EQ(0, vshm_call_start(&self->call));
	EXPECT_TRUE(vshm_call_blocks(&self->call));
	switch (variant->by) {
	case BY_DATA:
		EXPECT_EQ(1, send(self->fd[1], "x", 1, 0));
		break;
	case BY_SPACE:
		EXPECT_EQ(0, vshm_recv_all(self->fd[1], full, 65536, 0, 0));
		break;
	case BY_SHUT_WR:
		EXPECT_EQ(0, shutdown(self->fd[1], SHUT_WR));
		break;
	case BY_CLOSE:
	case BY_RESET:
		close(self->fd[1]);
		self->fd[1] = -1;
		break;
	}
	EXPECT_EQ(variant->want, vshm_call_end(&self->call));
}

/* Two waiters for different things, each woken by its own. */
TEST_F(pair, reader_and_writer_wait)
{
	struct vshm_call in = { .fn = call_poll, .flags = POLLIN };
	struct vshm_call out = { .fn = call_poll, .flags = POLLOUT };
	ssize_t full = vshm_fill_up(self->p.c, 0);

	ASSERT_LT(0, full);
	in.fd = self->p.c;
	out.fd = self->p.c;
	ASSERT_EQ(0, vshm_call_start(&in));
	ASSERT_EQ(0, vshm_call_start(&out));
	EXPECT_TRUE(vshm_call_blocks(&in));
	EXPECT_TRUE(vshm_call_blocks(&out));
	EXPECT_EQ(0, vshm_recv_all(self->p.s, full, 65536, 0, 0));
	EXPECT_EQ(POLLOUT, vshm_call_end(&out));
	EXPECT_FALSE(vshm_call_done(&in));
	EXPECT_EQ(1, send(self->p.s, "x", 1, 0));
	EXPECT_EQ(POLLIN, vshm_call_end(&in));
}

/* epoll over one socket of a pair. */
FIXTURE(epoll) {
	struct vshm_place p;
	int ep;
};

FIXTURE_VARIANT(epoll) { int type; int side; };

VSHM_PLACE_STREAMS(epoll)

FIXTURE_SETUP(epoll)
{
	ASSERT_EQ(0, vshm_place_open(&self->p, variant->type, variant->side));
	self->ep = epoll_create1(0);
	ASSERT_LE(0, self->ep);
}

FIXTURE_TEARDOWN(epoll)
{
	close(self->ep);
	EXPECT_TRUE(vshm_place_close(&self->p));
}

static int watch(int ep, int fd, unsigned int events)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
}

/* The events of the one that is ready, or 0. */
static unsigned int next_event(int ep, int ms)
{
	struct epoll_event ev;

	return epoll_wait(ep, &ev, 1, ms) == 1 ? ev.events : 0;
}

TEST_F(epoll, level)
{
	char b;

	ASSERT_EQ(0, watch(self->ep, self->p.s, EPOLLIN | EPOLLRDHUP));
	EXPECT_EQ(0U, next_event(self->ep, 0));
	ASSERT_EQ(2, send(self->p.c, "ab", 2, 0));
	EXPECT_EQ((unsigned int)EPOLLIN, next_event(self->ep, VSHM_WAIT_MS));
	EXPECT_EQ((unsigned int)EPOLLIN, next_event(self->ep, 0));
	ASSERT_EQ(1, recv(self->p.s, &b, 1, 0));
	EXPECT_EQ((unsigned int)EPOLLIN, next_event(self->ep, 0));
	ASSERT_EQ(1, recv(self->p.s, &b, 1, 0));
	EXPECT_EQ(0U, next_event(self->ep, 0));
	ASSERT_EQ(0, shutdown(self->p.c, SHUT_WR));
	EXPECT_EQ((unsigned int)(EPOLLIN | EPOLLRDHUP),
		  next_event(self->ep, VSHM_WAIT_MS));
}

TEST_F(epoll, edge_in)
{
	char b;

	ASSERT_EQ(0, watch(self->ep, self->p.s, EPOLLIN | EPOLLET));
	for (int i = 0; i < 20; i++) {
		/* each arrival is news, although the last was not read up */
		ASSERT_EQ(2, send(self->p.c, "ab", 2, 0));
		EXPECT_EQ((unsigned int)EPOLLIN,
			  next_event(self->ep, VSHM_WAIT_MS));
		EXPECT_EQ(0U, next_event(self->ep, 0));
		ASSERT_EQ(1, recv(self->p.s, &b, 1, 0));
		EXPECT_EQ(0U, next_event(self->ep, 0));
	}
}

/* Read up to EAGAIN, and the next byte must wake again. */
TEST_F(epoll, edge_in_drained)
{
	char buf[16];

	ASSERT_EQ(0, watch(self->ep, self->p.s, EPOLLIN | EPOLLET));
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(2, send(self->p.c, "ab", 2, 0));
		EXPECT_EQ((unsigned int)EPOLLIN,
			  next_event(self->ep, VSHM_WAIT_MS));
		EXPECT_EQ(2, recv(self->p.s, buf, sizeof(buf), MSG_DONTWAIT));
		EXPECT_EQ(-1, recv(self->p.s, buf, sizeof(buf), MSG_DONTWAIT));
	}
}

/*
 * A burst may make the queue larger; what comes after it must still wake, in
 * either mode. Bursts of any size, each read up before the next.
 */
static void bursts(struct __test_metadata *_metadata, int ep, int c, int s)
{
	static char buf[200000];
	ssize_t n, r, got;

	for (int len = 1; len < (int)sizeof(buf); len = len * 5 / 2 + 1) {
		n = send(c, buf, len, MSG_DONTWAIT);
		ASSERT_LT(0, n);
		for (got = 0; got < n; got += r) {
			ASSERT_EQ((unsigned int)EPOLLIN,
				  next_event(ep, VSHM_WAIT_MS)) {
				TH_LOG("not told of %zd bytes", n - got);
			}
			do {
				r = recv(s, buf, sizeof(buf), MSG_DONTWAIT);
				got += r > 0 ? r : 0;
			} while (r > 0);
			ASSERT_EQ(EAGAIN, errno);
			r = 0;
		}
		EXPECT_EQ(0U, next_event(ep, 0));
	}
}

TEST_F(epoll, level_bursts)
{
	ASSERT_EQ(0, watch(self->ep, self->p.s, EPOLLIN));
	bursts(_metadata, self->ep, self->p.c, self->p.s);
}

TEST_F(epoll, edge_bursts)
{
	ASSERT_EQ(0, watch(self->ep, self->p.s, EPOLLIN | EPOLLET));
	bursts(_metadata, self->ep, self->p.c, self->p.s);
}

/* The same for a sender that waits for space. */
TEST_F(epoll, level_refill)
{
	ssize_t full;

	ASSERT_EQ(0, watch(self->ep, self->p.c, EPOLLOUT));
	for (int i = 0; i < 5; i++) {
		EXPECT_EQ((unsigned int)EPOLLOUT,
			  next_event(self->ep, VSHM_WAIT_MS));
		full = vshm_fill_up(self->p.c, 0);
		ASSERT_LT(0, full);
		EXPECT_EQ(0U, next_event(self->ep, 0));
		ASSERT_EQ(0, vshm_recv_all(self->p.s, full, 1000, 0, 0));
	}
}

TEST_F(epoll, edge_out)
{
	ssize_t full;

	ASSERT_EQ(0, watch(self->ep, self->p.c, EPOLLOUT | EPOLLET));
	EXPECT_EQ((unsigned int)EPOLLOUT, next_event(self->ep, 0));
	EXPECT_EQ(0U, next_event(self->ep, 0));
	for (int i = 0; i < 5; i++) {
		full = vshm_fill_up(self->p.c, 0);
		ASSERT_LT(0, full);
		/* an edge is for who was told that there is no space */
		EXPECT_EQ(-1, send(self->p.c, "x", 1, MSG_DONTWAIT));
		next_event(self->ep, 0);
		EXPECT_EQ(0U, next_event(self->ep, 0));
		ASSERT_EQ(0, vshm_recv_all(self->p.s, full, 65536, 0, 0));
		EXPECT_EQ((unsigned int)EPOLLOUT,
			  next_event(self->ep, VSHM_WAIT_MS));
	}
}

TEST_F(epoll, edge_rdhup)
{
	ASSERT_EQ(0, watch(self->ep, self->p.s,
			   EPOLLIN | EPOLLRDHUP | EPOLLET));
	ASSERT_EQ(1, send(self->p.c, "x", 1, 0));
	EXPECT_EQ((unsigned int)EPOLLIN, next_event(self->ep, VSHM_WAIT_MS));
	ASSERT_EQ(0, shutdown(self->p.c, SHUT_WR));
	EXPECT_EQ((unsigned int)(EPOLLIN | EPOLLRDHUP),
		  next_event(self->ep, VSHM_WAIT_MS));
	close(self->p.c);
	self->p.c = -1;
	EXPECT_NE(0U, next_event(self->ep, VSHM_WAIT_MS) & EPOLLHUP);
}

TEST_F(epoll, oneshot)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLONESHOT };
	char b;

	ASSERT_EQ(0, watch(self->ep, self->p.s, EPOLLIN | EPOLLONESHOT));
	ASSERT_EQ(2, send(self->p.c, "ab", 2, 0));
	EXPECT_EQ((unsigned int)EPOLLIN, next_event(self->ep, VSHM_WAIT_MS));
	ASSERT_EQ(1, recv(self->p.s, &b, 1, 0));
	EXPECT_EQ(0U, next_event(self->ep, 0));
	ASSERT_EQ(0, epoll_ctl(self->ep, EPOLL_CTL_MOD, self->p.s, &ev));
	EXPECT_EQ((unsigned int)EPOLLIN, next_event(self->ep, VSHM_WAIT_MS));
}

TEST_F(place, edge_of_listener)
{
	int fd = vshm_place_listener(&self->p, 4);
	int ep = epoll_create1(0);
	int c[3];

	ASSERT_EQ(0, watch(ep, fd, EPOLLIN | EPOLLET));
	EXPECT_EQ(0U, next_event(ep, 0));
	for (int i = 0; i < 3; i++) {
		c[i] = vshm_place_client(&self->p, fd);
		EXPECT_EQ((unsigned int)EPOLLIN, next_event(ep, VSHM_WAIT_MS));
		EXPECT_EQ(0U, next_event(ep, 0));
	}
	for (int i = 0; i < 3; i++)
		close(c[i]);
	close(ep);
	close(fd);
}

static uint64_t table_num(int ns, int fd, const char *column)
{
	return vshm_ns_enter(ns) ? UINT64_MAX : vshm_proc_num(fd, column);
}

/* The table says what a socket was last told: data have come. */
TEST_F(pair, data_in_table)
{
	struct vshm_call call = {
		.fn = call_poll, .fd = self->p.s, .flags = POLLIN,
	};

	VSHM_NEEDS_TABLE();
	EXPECT_EQ(0U, table_num(self->p.from, self->p.c, "r.event"));
	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_TRUE(vshm_call_blocks(&call));
	ASSERT_EQ(1, send(self->p.c, "x", 1, 0));
	EXPECT_EQ(POLLIN, vshm_call_end(&call));
	EXPECT_NE(0U, table_num(self->p.to, self->p.s, "l.event") & EPOLLIN);
	/* and what it told its peer */
	EXPECT_EQ((uint64_t)(EPOLLIN | EPOLLRDNORM),
		  table_num(self->p.from, self->p.c, "r.event"));
	EXPECT_EQ(0U, table_num(self->p.to, self->p.s, "r.event"));
}

/* The same of space. */
TEST_F(pair, space_in_table)
{
	ssize_t full = vshm_fill_up(self->p.c, 0);
	struct vshm_call call = {
		.fn = call_poll, .fd = self->p.c, .flags = POLLOUT,
	};

	VSHM_NEEDS_TABLE();
	ASSERT_LT(0, full);
	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_TRUE(vshm_call_blocks(&call));
	ASSERT_EQ(0, vshm_recv_all(self->p.s, full, 65536, 0, 0));
	EXPECT_EQ(POLLOUT, vshm_call_end(&call));
	EXPECT_NE(0U, table_num(self->p.from, self->p.c, "l.event") & EPOLLOUT);
	EXPECT_EQ((uint64_t)(EPOLLOUT | EPOLLWRNORM),
		  table_num(self->p.to, self->p.s, "r.event"));
}

TEST_HARNESS_MAIN
