// SPDX-License-Identifier: GPL-2.0
/* Links that go and come back, idle and under traffic. */
#include "vshm_bed.h"
#include "vshm_test.h"
#include "vshm_traffic.h"
#include <kselftest_harness.h>

#include <sys/epoll.h>

/* One link; the host is side 0. */
FIXTURE(life) {
	int ns[2];
	struct vshm_bed bed;
	long taint;
};

FIXTURE_SETUP(life)
{
	self->taint = vshm_taint();
	for (int i = 0; i < 2; i++) {
		self->ns[i] = vshm_ns_new();
		ASSERT_LE(0, self->ns[i]);
	}
	ASSERT_EQ(0, vshm_bed_link(&self->bed, self->ns[0], VSHM_CID_HOST,
				   self->ns[1], 3));
}

FIXTURE_TEARDOWN(life)
{
	EXPECT_TRUE(vshm_bed_idle(&self->bed));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0, vshm_bed_num(&self->bed, i, "violations"));
		EXPECT_TRUE(vshm_ns_empty(self->ns[i]));
	}
	vshm_bed_free(&self->bed);
	EXPECT_EQ(0, vshm_locked_kb());
	EXPECT_EQ(self->taint, vshm_taint());
}

static int try_send(int fd)
{
	return send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? errno : 0;
}

static int try_recv(int fd)
{
	char b;

	return recv(fd, &b, 1, MSG_DONTWAIT) < 0 ? errno : 0;
}

/* A connection from side @from works. */
static bool talks(const struct vshm_bed *bed, int from)
{
	bool ok = false;
	int fd[2];

	if (vshm_ns_pair(bed->end[from].ns, bed->end[!from].ns,
			 bed->end[!from].cid, fd))
		return false;
	ok = !vshm_send_all(fd[0], 5000, 5000, 0, 1) &&
	     !vshm_recv_all(fd[1], 5000, 5000, 0, 1) &&
	     !vshm_send_all(fd[1], 5000, 5000, 0, 2) &&
	     !vshm_recv_all(fd[0], 5000, 5000, 0, 2);
	close(fd[0]);
	close(fd[1]);
	return ok;
}

/* Which end goes, seen from the ends of a connection that the host made. */
FIXTURE(dead) {
	FIXTURE_DATA(life) life;
	int fd[2];
};

FIXTURE_VARIANT(dead) {
	int side;
};

FIXTURE_VARIANT_ADD(dead, host) { 0 };
FIXTURE_VARIANT_ADD(dead, guest) { 1 };

FIXTURE_SETUP(dead)
{
	life_setup(_metadata, &self->life, NULL);
	ASSERT_EQ(0, vshm_ns_pair(self->life.ns[0], self->life.ns[1], 3,
				  self->fd));
}

FIXTURE_TEARDOWN(dead)
{
	close(self->fd[0]);
	close(self->fd[1]);
	EXPECT_EQ(0, vshm_bed_up(&self->life.bed));
	life_teardown(_metadata, &self->life, NULL);
}

TEST_F(dead, blocked_senders)
{
	struct vshm_call call[2];

	for (int i = 0; i < 2; i++) {
		ASSERT_LT(0, vshm_fill_up(self->fd[i], 0));
		call[i] = (struct vshm_call) {
			.fn = vshm_call_send, .fd = self->fd[i], .buf = "x",
			.len = 1,
		};
		ASSERT_EQ(0, vshm_call_start(&call[i]));
		ASSERT_TRUE(vshm_call_blocks(&call[i]));
	}
	vshm_bed_detach(&self->life.bed, variant->side);
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(-1, vshm_call_end(&call[i]));
		EXPECT_EQ(ECONNRESET, errno);
	}
}

TEST_F(dead, blocked_receivers)
{
	struct vshm_call call[2];
	char byte[2];

	for (int i = 0; i < 2; i++) {
		call[i] = (struct vshm_call) {
			.fn = vshm_call_recv, .fd = self->fd[i],
			.buf = &byte[i], .len = 1,
		};
		ASSERT_EQ(0, vshm_call_start(&call[i]));
		ASSERT_TRUE(vshm_call_blocks(&call[i]));
	}
	vshm_bed_detach(&self->life.bed, variant->side);
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(-1, vshm_call_end(&call[i]));
		EXPECT_EQ(ECONNRESET, errno);
	}
}

/* What every later call says, now and when the link is back. */
TEST_F(dead, later_calls)
{
	/* bytes that are there are gone with the memory that they lie in */
	ASSERT_EQ(0, try_send(self->fd[0]));
	ASSERT_EQ(0, try_send(self->fd[1]));
	vshm_bed_detach(&self->life.bed, variant->side);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 2; i++) {
			int fd = self->fd[i];

			EXPECT_EQ(POLLERR, vshm_poll(fd, 0, VSHM_WAIT_MS) &
				  POLLERR);
			EXPECT_EQ(POLLIN | POLLOUT | POLLHUP | POLLERR,
				  vshm_poll(fd, POLLIN | POLLOUT, 0));
			EXPECT_EQ(ECONNRESET, try_recv(fd));
			EXPECT_EQ(ECONNRESET, try_recv(fd));
			EXPECT_EQ(ECONNRESET, try_send(fd));
			EXPECT_EQ(ECONNRESET, try_send(fd));
			EXPECT_STREQ("DISCONNECTED",
				     vshm_ns_state(self->life.ns[i], fd));
			EXPECT_EQ(0, vshm_inq(fd));
			EXPECT_EQ(0, vshm_outq(fd));
			EXPECT_EQ(0, shutdown(fd, SHUT_RDWR));
		}
		ASSERT_EQ(0, vshm_bed_up(&self->life.bed));
	}
}

TEST_F(dead, error_by_option)
{
	vshm_bed_detach(&self->life.bed, variant->side);
	for (int i = 0; i < 2; i++) {
		EXPECT_NE(0, vshm_poll(self->fd[i], POLLIN, VSHM_WAIT_MS));
		EXPECT_EQ(ECONNRESET, vshm_so_error(self->fd[i]));
		EXPECT_EQ(0, vshm_so_error(self->fd[i]));
	}
}

/* Whoever waits for an edge gets one. */
TEST_F(dead, edge)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(0);

	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd[0], &ev));
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	vshm_bed_detach(&self->life.bed, variant->side);
	ASSERT_EQ(1, epoll_wait(ep, &ev, 1, VSHM_WAIT_MS));
	EXPECT_EQ(EPOLLHUP | EPOLLERR, ev.events & (EPOLLHUP | EPOLLERR));
	close(ep);
}

/* A connection that was over before: the end, or that even that is gone. */
TEST_F(dead, after_the_end)
{
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, shutdown(self->fd[i], SHUT_WR));
	for (int i = 0; i < 2; i++)
		EXPECT_NE(0, vshm_poll(self->fd[i], 0, VSHM_WAIT_MS) & POLLHUP);
	vshm_bed_detach(&self->life.bed, variant->side);
	for (int i = 0; i < 2; i++) {
		int err = try_recv(self->fd[i]);

		EXPECT_TRUE(!err || err == ECONNRESET);
		err = try_send(self->fd[i]);
		EXPECT_TRUE(err == EPIPE || err == ECONNRESET);
		EXPECT_NE(0, vshm_poll(self->fd[i], 0, 0) & POLLHUP);
		EXPECT_STREQ("DISCONNECTED",
			     vshm_ns_state(self->life.ns[i], self->fd[i]));
	}
}

/* Bytes of a peer that has closed go with the memory that they lie in. */
TEST_F(dead, last_bytes)
{
	ASSERT_EQ(0, vshm_send_all(self->fd[1], 5000, 5000, 0, 1));
	close(self->fd[1]);
	self->fd[1] = -1;
	EXPECT_NE(0, vshm_poll(self->fd[0], 0, VSHM_WAIT_MS) & POLLHUP);
	EXPECT_EQ(0, vshm_recv_all(self->fd[0], 1000, 1000, 0, 1));
	vshm_bed_detach(&self->life.bed, variant->side);
	EXPECT_TRUE(vshm_bed_wait(&self->life.bed, !variant->side, "state",
				  "down"));
	EXPECT_EQ(ECONNRESET, try_recv(self->fd[0]));
	EXPECT_EQ(ECONNRESET, try_recv(self->fd[0]));
	EXPECT_EQ(0, vshm_inq(self->fd[0]));
}

/* A listener outlives the link, with who was not accepted yet. */
TEST_F(dead, listener)
{
	struct vshm_call call = { .fn = vshm_call_accept };
	int listener = vshm_ns_listener(self->life.ns[1], 5);
	uint32_t port = vshm_port(listener);
	int c, s;

	c = vshm_ns_connect(self->life.ns[0], 3, port);
	ASSERT_LE(0, c);
	vshm_bed_detach(&self->life.bed, variant->side);
	EXPECT_NE(0, vshm_poll(c, POLLIN, VSHM_WAIT_MS) & POLLHUP);
	ASSERT_TRUE(!variant->side ||
		    vshm_bed_wait(&self->life.bed, 0, "state", "down"));
	EXPECT_EQ(-1, vshm_ns_connect(self->life.ns[0], 3, port));
	EXPECT_EQ(EHOSTUNREACH, errno);
	ASSERT_EQ(0, vshm_bed_up(&self->life.bed));
	s = accept(listener, NULL, NULL);
	ASSERT_LE(0, s);
	EXPECT_EQ(ECONNRESET, try_recv(s));
	close(s);
	close(c);

	call.fd = listener;
	ASSERT_EQ(0, vshm_call_start(&call));
	ASSERT_TRUE(vshm_call_blocks(&call));
	c = vshm_ns_connect(self->life.ns[0], 3, port);
	EXPECT_LE(0, c);
	s = vshm_call_end(&call);
	EXPECT_LE(0, s);
	EXPECT_EQ(0, try_send(c));
	EXPECT_EQ(POLLIN, vshm_poll(s, POLLIN, VSHM_WAIT_MS));
	close(c);
	close(s);
	close(listener);
}

/* The process that attached an end is killed. */
TEST_F(dead, by_a_kill)
{
	struct vshm_bed *bed = &self->life.bed;
	pid_t pid;

	vshm_bed_detach(bed, variant->side);
	pid = vshm_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		/* not with the other end in hand, too */
		close(bed->end[!variant->side].dev);
		if (vshm_bed_attach(bed, variant->side))
			_exit(1);
		for (;;)
			pause();
	}
	ASSERT_TRUE(vshm_bed_wait(bed, 0, "state", "up"));
	ASSERT_TRUE(vshm_bed_wait(bed, 1, "state", "up"));
	EXPECT_TRUE(talks(bed, variant->side));
	EXPECT_TRUE(vshm_bed_idle(bed));
	kill(pid, SIGKILL);
	EXPECT_EQ(-1, vshm_wait(pid));
	EXPECT_TRUE(vshm_bed_wait(bed, variant->side, "state", "absent"));
	EXPECT_TRUE(vshm_bed_wait(bed, !variant->side, "state", "down"));
}

/* Connects to the peer again and again, whether the link is up or not. */
static long call_connect(struct vshm_call *call)
{
	const struct vshm_bed *bed = call->buf;
	long strange = 0;
	int fd;

	if (vshm_ns_enter(bed->end[0].ns))
		return -1;
	while (!__atomic_load_n(&call->flags, __ATOMIC_RELAXED)) {
		fd = vshm_socket(0);
		/* nobody listens */
		if (!vshm_connect(fd, bed->end[1].cid, 1234) ||
		    (errno != ECONNREFUSED && errno != EHOSTUNREACH &&
		     errno != ECONNRESET && errno != ETIMEDOUT))
			strange++;
		close(fd);
	}
	return strange;
}

/* A link goes down just when a connection is being made. */
TEST_F_TIMEOUT(life, connects_meanwhile, 120)
{
	struct vshm_call call[2];

	for (int i = 0; i < 2; i++) {
		call[i] = (struct vshm_call) {
			.fn = call_connect, .buf = &self->bed,
		};
		ASSERT_EQ(0, vshm_call_start(&call[i]));
	}
	for (int i = 0; i < 200; i++) {
		vshm_bed_detach(&self->bed, 1);
		ASSERT_EQ(0, vshm_bed_up(&self->bed));
	}
	for (int i = 0; i < 2; i++)
		__atomic_store_n(&call[i].flags, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(0, vshm_call_end(&call[i]));
}

/* Epochs go on, by odd numbers. */
TEST_F(life, epochs)
{
	uint64_t epoch[2], now;

	for (int i = 0; i < 2; i++)
		epoch[i] = vshm_bed_num(&self->bed, i, "epoch");
	for (int round = 0; round < 10; round++) {
		int side = round & 1;

		vshm_bed_detach(&self->bed, side);
		ASSERT_EQ(0, vshm_bed_up(&self->bed));
		now = vshm_bed_num(&self->bed, side, "epoch");
		EXPECT_NE(epoch[side], now);
		EXPECT_EQ(1, now & 1);
		EXPECT_EQ(now, vshm_bed_num(&self->bed, !side, "peer_epoch"));
		epoch[side] = now;
	}
}

/* What the last owner left behind, of any kind, is no obstacle. */
TEST_F(life, garbage_left)
{
	struct vshm_side *side;

	for (int round = 0; round < 8; round++) {
		vshm_bed_detach(&self->bed, 0);
		vshm_bed_detach(&self->bed, 1);
		for (int i = 0; i < 2; i++) {
			side = vshm_bed_side(&self->bed, i);
			memset(side, round & (1 << i) ? 0xff : 0x55,
			       sizeof(*side));
			if (round & 4)
				side->epoch = VSHM_EPOCH(-1, 7);
		}
		ASSERT_EQ(0, vshm_bed_up(&self->bed));
		EXPECT_TRUE(talks(&self->bed, round & 1));
	}
}

/* Servers on both sides, and clients of each. */
FIXTURE(traffic) {
	FIXTURE_DATA(life) life;
	struct vshm_traffic from[2];
};

FIXTURE_VARIANT(traffic) {
	bool goes[2];	/* which ends */
	bool together;	/* at the same time, by two threads */
	size_t bytes;	/* of a conversation */
	int rounds;
};

FIXTURE_VARIANT_ADD(traffic, host_goes) { { true, false }, false, 20000, 20 };
FIXTURE_VARIANT_ADD(traffic, guest_goes) {
	{ false, true }, false, 20000, 20 };
FIXTURE_VARIANT_ADD(traffic, both_go) { { true, true }, false, 20000, 20 };
FIXTURE_VARIANT_ADD(traffic, both_at_once) { { true, true }, true, 20000, 8 };
/* connected and closed, all the time */
FIXTURE_VARIANT_ADD(traffic, short_words) { { true, true }, true, 0, 8 };

FIXTURE_SETUP(traffic)
{
	life_setup(_metadata, &self->life, NULL);
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, vshm_traffic_start(&self->from[i],
						&self->life.bed, i,
						variant->bytes ? 2 : 4,
						variant->bytes));
}

FIXTURE_TEARDOWN(traffic)
{
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(0, vshm_traffic_stop(&self->from[i]));
	life_teardown(_metadata, &self->life, NULL);
}

/* One end goes and comes back, once or more; @len is a seed. */
static long call_bounce(struct vshm_call *call)
{
	struct vshm_bed *bed = call->buf;
	unsigned int seed = call->len;
	int times = 1 + rand_r(&seed) % 4;

	while (times--) {
		vshm_bed_detach(bed, call->flags);
		usleep(rand_r(&seed) % 3000);
		if (vshm_bed_attach(bed, call->flags))
			return -1;
		usleep(rand_r(&seed) % 3000);
	}
	return 0;
}

static int bounce_in_turn(struct vshm_bed *bed, const bool goes[2],
			  unsigned int *seed)
{
	int first = rand_r(seed) & 1, second = rand_r(seed) & 1;

	for (int i = 0; i < 2; i++)
		if (goes[i ^ first])
			vshm_bed_detach(bed, i ^ first);
	usleep(rand_r(seed) % 3000);
	for (int i = 0; i < 2; i++)
		if (goes[i ^ second] && vshm_bed_attach(bed, i ^ second))
			return -1;
	return 0;
}

static int bounce_at_once(struct vshm_bed *bed, unsigned int *seed)
{
	struct vshm_call call[2];
	int ret = 0;

	for (int i = 0; i < 2; i++) {
		call[i] = (struct vshm_call) {
			.fn = call_bounce, .buf = bed, .len = rand_r(seed),
			.flags = i,
		};
		if (vshm_call_start(&call[i]))
			return -1;
	}
	for (int i = 0; i < 2; i++)
		ret |= vshm_call_end(&call[i]);
	return ret;
}

TEST_F_TIMEOUT(traffic, survives, 120)
{
	struct vshm_bed *bed = &self->life.bed;
	unsigned int seed = vshm_seed();

	for (int round = 0; round < variant->rounds; round++) {
		for (int i = 0; i < 2; i++)
			ASSERT_TRUE(vshm_traffic_flows(&self->from[i])) {
				TH_LOG("round %d", round);
			}
		if (variant->together) {
			ASSERT_EQ(0, bounce_at_once(bed, &seed));
		} else {
			ASSERT_EQ(0, bounce_in_turn(bed, variant->goes,
						    &seed)) {
				TH_LOG("%s", strerror(errno));
			}
		}
		ASSERT_EQ(0, vshm_bed_up(bed)) {
			TH_LOG("round %d", round);
		}
	}
	for (int i = 0; i < 2; i++) {
		EXPECT_TRUE(vshm_traffic_flows(&self->from[i]));
		EXPECT_EQ(0, self->from[i].score->error) {
			TH_LOG("%s", strerror(self->from[i].score->error));
		}
	}
	EXPECT_LT(0, self->from[0].score->lost + self->from[1].score->lost);
}

TEST_HARNESS_MAIN
