// SPDX-License-Identifier: GPL-2.0
/* Datagrams between a host and its guests, over links of their own. */
#include "vshm_bed.h"
#include "vshm_dgram.h"
#include "vshm_proc.h"
#include <kselftest_harness.h>

#include <sys/epoll.h>

/* Of the ring of a link in VSHM_BED_SIZE, and of a socket's queue by default. */
#define RING	(256 * 1024)
#define FULL	(512 * 1024)

/* Everything once sent by the host, which is side 0, once by the guest. */
FIXTURE(dgram_link) {
	int ns[2];
	struct vshm_bed bed;
	int side;	/* who sends */
	int tx;		/* sends, no address yet */
	int rx;		/* has a port */
	uint32_t cid;	/* of who receives */
	uint32_t port;
};

FIXTURE_VARIANT(dgram_link) {
	int side;
};

FIXTURE_VARIANT_ADD(dgram_link, host) { 0 };
FIXTURE_VARIANT_ADD(dgram_link, guest) { 1 };

FIXTURE_SETUP(dgram_link)
{
	for (int i = 0; i < 2; i++) {
		self->ns[i] = vshm_ns_new();
		ASSERT_LE(0, self->ns[i]);
	}
	ASSERT_EQ(0, vshm_bed_link(&self->bed, self->ns[0], VSHM_CID_HOST,
				   self->ns[1], 3));
	self->side = variant->side;
	self->cid = self->bed.end[!self->side].cid;
	ASSERT_EQ(0, vshm_ns_enter(self->ns[!self->side]));
	self->rx = vshm_dgram_bound();
	self->port = vshm_port(self->rx);
	ASSERT_EQ(0, vshm_ns_enter(self->ns[self->side]));
	self->tx = vshm_dgram();
	ASSERT_LE(0, self->tx);
}

FIXTURE_TEARDOWN(dgram_link)
{
	close(self->tx);
	close(self->rx);
	for (int i = 0; i < 2; i++) {
		EXPECT_TRUE(vshm_ns_empty(self->ns[i]));
		if (self->bed.end[i].dev >= 0) {
			EXPECT_EQ(0, vshm_bed_num(&self->bed, i, "violations"));
		}
	}
	vshm_bed_free(&self->bed);
	EXPECT_EQ(0, vshm_locked_kb());
}

static ssize_t to_rx(FIXTURE_DATA(dgram_link) *self, const void *buf,
		     size_t len)
{
	return vshm_sendto(self->tx, buf, len, 0, self->cid, self->port);
}

/* One datagram that is sent and arrives. */
static int hello(FIXTURE_DATA(dgram_link) *self)
{
	char b[8];

	if (to_rx(self, "hello", 5) != 5 || vshm_dgram_wait(self->rx))
		return -1;
	return recv(self->rx, b, 8, 0) == 5 && !memcmp(b, "hello", 5) ? 0 : -1;
}

/* Lets nobody empty the receiver's ring: its end is a program that does not. */
static int play_dead(FIXTURE_DATA(dgram_link) *self)
{
	struct vshm_side *own = vshm_bed_side(&self->bed, !self->side);

	vshm_bed_detach(&self->bed, !self->side);
	if (!vshm_bed_wait(&self->bed, self->side, "state", "down") ||
	    !own->dgram_ring)
		return -1;
	memset((char *)self->bed.base + own->dgram_ring, 0,
	       sizeof(struct vshm_ring));
	return vshm_bed_fake(&self->bed, !self->side);
}

static struct vshm_ring *ring_of(FIXTURE_DATA(dgram_link) *self)
{
	struct vshm_side *own = vshm_bed_side(&self->bed, !self->side);

	return (void *)((char *)self->bed.base + own->dgram_ring);
}

/* Empties the ring in the place of who plays dead. */
static void empty(FIXTURE_DATA(dgram_link) *self)
{
	struct vshm_ring *ring = ring_of(self);
	struct vshm_side *to = vshm_bed_side(&self->bed, self->side);

	__atomic_store_n(&ring->tail, __atomic_load_n(&ring->head,
						      __ATOMIC_ACQUIRE),
			 __ATOMIC_RELEASE);
	__atomic_fetch_or(&to->news[0], 1ULL << VSHM_NEWS_SPACE,
			  __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&to->summary[0], 1, __ATOMIC_SEQ_CST);
	vshm_bed_ring(&self->bed, self->side);
}

TEST_F(dgram_link, addresses)
{
	struct sockaddr_vshm from;
	char b[8] = "";

	ASSERT_EQ(2, to_rx(self, "hi", 2));
	ASSERT_EQ(0, vshm_dgram_wait(self->rx));
	EXPECT_EQ(2, vshm_recvfrom(self->rx, b, 8, 0, &from));
	EXPECT_STREQ("hi", b);
	EXPECT_EQ(5 - self->cid, from.svs_cid);
	EXPECT_EQ(vshm_port(self->tx), from.svs_port);
	ASSERT_EQ(3, sendto(self->rx, "you", 3, 0, (void *)&from,
			    sizeof(from)));
	ASSERT_EQ(0, vshm_dgram_wait(self->tx));
	EXPECT_EQ(3, vshm_recvfrom(self->tx, b, 8, 0, &from));
	EXPECT_EQ(self->cid, from.svs_cid);
	EXPECT_EQ(self->port, from.svs_port);
}

TEST_F(dgram_link, connected)
{
	struct sockaddr_vshm from;
	char b[8];
	int other;

	ASSERT_EQ(0, vshm_connect(self->tx, self->cid, self->port));
	EXPECT_EQ(5 - self->cid, vshm_name(self->tx).svs_cid);
	EXPECT_EQ(self->cid, vshm_peer(self->tx).svs_cid);
	ASSERT_EQ(1, send(self->tx, "x", 1, 0));
	ASSERT_EQ(0, vshm_dgram_wait(self->rx));
	ASSERT_EQ(1, vshm_recvfrom(self->rx, b, 8, 0, &from));
	/* the same port, but over loopback: somebody else */
	other = vshm_dgram();
	EXPECT_EQ(-1, vshm_sendto(other, "y", 1, 0, VSHM_CID_LOCAL,
				  from.svs_port));
	EXPECT_EQ(ECONNREFUSED, errno);
	close(other);
	ASSERT_EQ(0, connect(self->rx, (void *)&from, sizeof(from)));
	ASSERT_EQ(1, send(self->rx, "z", 1, 0));
	ASSERT_EQ(0, vshm_dgram_wait(self->tx));
	EXPECT_EQ(1, recv(self->tx, b, 8, 0));
	EXPECT_EQ('z', b[0]);
}

TEST_F(dgram_link, bound_elsewhere)
{
	ASSERT_EQ(0, vshm_bind(self->tx, VSHM_CID_LOCAL, VSHM_PORT_ANY));
	EXPECT_EQ(-1, to_rx(self, "x", 1));
	EXPECT_EQ(EADDRNOTAVAIL, errno);
	EXPECT_EQ(-1, vshm_connect(self->tx, self->cid, self->port));
	EXPECT_EQ(EADDRNOTAVAIL, errno);
	/* a socket bound to loopback is not reached over the link */
	close(self->rx);
	ASSERT_EQ(0, vshm_ns_enter(self->ns[!self->side]));
	self->rx = vshm_dgram();
	ASSERT_EQ(0, vshm_bind(self->rx, VSHM_CID_LOCAL, self->port));
	close(self->tx);
	ASSERT_EQ(0, vshm_ns_enter(self->ns[self->side]));
	self->tx = vshm_dgram();
	EXPECT_EQ(1, to_rx(self, "x", 1));
	EXPECT_TRUE(vshm_bed_wait(&self->bed, !self->side, "drops", "1"));
	EXPECT_EQ(0, vshm_inq(self->rx));
}

/* All sizes, numbered: whole, in order, and none lost while there is room. */
TEST_F(dgram_link, sizes)
{
	static uint8_t out[VSHM_DGRAM_MAX], in[VSHM_DGRAM_MAX + 1];

	for (int i = 0; i < 1500; i++) {
		size_t len = i % 100 ? i * 4099 % 9001 : VSHM_DGRAM_MAX - i / 100;

		vshm_fill(out, len, i, 3);
		ASSERT_EQ((ssize_t)len, to_rx(self, out, len));
		ASSERT_EQ(0, vshm_dgram_wait(self->rx));
		ASSERT_EQ((ssize_t)len, recv(self->rx, in, sizeof(in), 0));
		ASSERT_EQ(len, vshm_check(in, len, i, 3));
	}
	EXPECT_EQ(0, vshm_bed_num(&self->bed, !self->side, "drops"));
	EXPECT_EQ(-1, to_rx(self, in, VSHM_DGRAM_MAX + 1));
	EXPECT_EQ(EMSGSIZE, errno);
}

static long call_send_many(struct vshm_call *call)
{
	uint8_t buf[1000];

	for (uint32_t i = 0; i < call->len; i++) {
		memcpy(buf, &i, 4);
		vshm_fill(buf + 4, sizeof(buf) - 4, i, 1);
		if (send(call->fd, buf, sizeof(buf), 0) != sizeof(buf))
			return -1;
	}
	return 0;
}

/* More than any queue holds: what arrives is whole, what does not is counted. */
TEST_F(dgram_link, flood)
{
	struct vshm_call call = {
		.fn = call_send_many, .fd = self->tx, .len = 20000,
	};
	uint32_t seq, next = 0, got = 0;
	uint8_t buf[1000];
	struct timeval tv = { 1, 0 };

	ASSERT_EQ(0, vshm_connect(self->tx, self->cid, self->port));
	ASSERT_EQ(0, setsockopt(self->rx, SOL_SOCKET, SO_RCVTIMEO, &tv,
				sizeof(tv)));
	ASSERT_EQ(0, vshm_call_start(&call));
	while (recv(self->rx, buf, sizeof(buf), 0) == sizeof(buf)) {
		memcpy(&seq, buf, 4);
		ASSERT_LE(next, seq);
		next = seq + 1;
		ASSERT_EQ(996, vshm_check(buf + 4, 996, seq, 1));
		got++;
	}
	EXPECT_EQ(0, vshm_call_end(&call));
	ASSERT_EQ(0, vshm_ns_enter(self->ns[!self->side]));
	EXPECT_EQ(call.len - got, vshm_proc_num(self->rx, "drops"));
	EXPECT_EQ(call.len - got,
		  vshm_bed_num(&self->bed, !self->side, "drops"));
	EXPECT_LT(200, got);
}

/* A socket that nobody reads stops nobody else. */
TEST_F(dgram_link, no_head_of_line)
{
	const int room = FULL / VSHM_DGRAM_TAKES(1000);
	static char b[1000];
	char drops[16];
	uint32_t port;
	int slow;

	ASSERT_EQ(0, vshm_ns_enter(self->ns[!self->side]));
	slow = vshm_dgram_bound();
	port = vshm_port(slow);
	for (int i = 0; i < room + 500; i++)
		ASSERT_EQ((ssize_t)sizeof(b),
			  vshm_sendto(self->tx, b, sizeof(b), 0, self->cid,
				      port));
	EXPECT_EQ(0, hello(self));
	snprintf(drops, sizeof(drops), "%d", 500);
	EXPECT_TRUE(vshm_proc_wait(slow, "drops", drops));
	close(slow);
}

TEST_F(dgram_link, nobody_there)
{
	uint32_t port = self->port;

	close(self->rx);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(1, to_rx(self, "x", 1));
	EXPECT_TRUE(vshm_bed_wait(&self->bed, !self->side, "drops", "3"));
	ASSERT_EQ(0, vshm_ns_enter(self->ns[!self->side]));
	self->rx = vshm_dgram();
	ASSERT_EQ(0, vshm_bind(self->rx, VSHM_CID_ANY, port));
	EXPECT_EQ(0, hello(self));
}

/* A ring that is full: EAGAIN, an edge when there is space, blocked calls. */
TEST_F(dgram_link, ring_full)
{
	struct epoll_event ev = { .events = EPOLLOUT | EPOLLET };
	struct timeval tv = { 0, 100000 };
	struct vshm_call call = {
		.fn = vshm_call_send, .fd = self->tx, .len = 1000,
	};
	int n, ep = epoll_create1(0);
	static char b[1000];

	call.buf = b;
	ASSERT_EQ(0, play_dead(self));
	ASSERT_EQ(0, vshm_connect(self->tx, self->cid, self->port));
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->tx, &ev));
	ASSERT_EQ(1, epoll_wait(ep, &ev, 1, 0));
	for (n = 0; send(self->tx, b, sizeof(b), MSG_DONTWAIT) > 0; n++)
		;
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(RING / VSHM_DGRAM_TAKES(1000), n);
	EXPECT_EQ(0, vshm_poll(self->tx, POLLOUT, 0));
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	/* without MSG_DONTWAIT: for a time, or until there is space */
	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_TRUE(vshm_call_blocks(&call));
	empty(self);
	EXPECT_EQ(1000, vshm_call_end(&call));
	EXPECT_EQ(1, epoll_wait(ep, &ev, 1, VSHM_WAIT_MS));
	EXPECT_EQ(POLLOUT, vshm_poll(self->tx, POLLOUT, 0));
	while (send(self->tx, b, sizeof(b), MSG_DONTWAIT) > 0)
		;
	ASSERT_EQ(0, setsockopt(self->tx, SOL_SOCKET, SO_SNDTIMEO, &tv,
				sizeof(tv)));
	EXPECT_EQ(-1, send(self->tx, b, sizeof(b), 0));
	EXPECT_EQ(EAGAIN, errno);
	close(ep);
}

/* What wakes a sender that waits for space, other than space. */
TEST_F(dgram_link, ring_full_ends)
{
	struct vshm_call call = {
		.fn = vshm_call_send, .fd = self->tx, .len = 1000,
	};
	static char b[1000];
	int other;

	call.buf = b;
	ASSERT_EQ(0, play_dead(self));
	ASSERT_EQ(0, vshm_catch_usr1());
	ASSERT_EQ(0, vshm_connect(self->tx, self->cid, self->port));
	while (send(self->tx, b, sizeof(b), MSG_DONTWAIT) > 0)
		;
	/* a socket that waits and is closed */
	ASSERT_EQ(0, vshm_ns_enter(self->ns[self->side]));
	other = vshm_dgram();
	EXPECT_EQ(-1, vshm_sendto(other, b, sizeof(b), MSG_DONTWAIT, self->cid,
				  self->port));
	EXPECT_EQ(EAGAIN, errno);
	close(other);

	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_TRUE(vshm_call_blocks(&call));
	pthread_kill(call.thread, SIGUSR1);
	EXPECT_EQ(-1, vshm_call_end(&call));
	EXPECT_EQ(EINTR, errno);
	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_TRUE(vshm_call_blocks(&call));
	/* the end that did not empty it goes: the link is down */
	vshm_bed_side(&self->bed, !self->side)->epoch++;
	vshm_bed_ring(&self->bed, self->side);
	EXPECT_EQ(-1, vshm_call_end(&call));
	EXPECT_EQ(EHOSTUNREACH, errno);
	EXPECT_EQ(POLLOUT, vshm_poll(self->tx, POLLOUT, 0));
	/* and comes back */
	ASSERT_EQ(0, vshm_bed_up(&self->bed));
	EXPECT_EQ(0, hello(self));
	ASSERT_EQ(0, play_dead(self));
	while (send(self->tx, b, sizeof(b), MSG_DONTWAIT) > 0)
		;
	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_TRUE(vshm_call_blocks(&call));
	EXPECT_EQ(0, shutdown(self->tx, SHUT_WR));
	EXPECT_EQ(-1, vshm_call_end(&call));
	EXPECT_EQ(EPIPE, errno);
}

/* A link that goes takes what lies in its rings along, and no socket. */
TEST_F(dgram_link, link_dies)
{
	char b[8];

	for (int i = 0; i < 2; i++) {
		int side = i ? self->side : !self->side;

		EXPECT_EQ(0, hello(self));
		ASSERT_EQ(1, to_rx(self, "k", 1));
		ASSERT_EQ(0, vshm_dgram_wait(self->rx));
		vshm_bed_detach(&self->bed, side);
		if (i) {
			EXPECT_EQ(-1, to_rx(self, "x", 1));
			EXPECT_EQ(EHOSTUNREACH, errno);
		} else {
			ASSERT_TRUE(vshm_bed_wait(&self->bed, self->side,
						  "state", "down"));
			EXPECT_EQ(-1, to_rx(self, "x", 1));
			EXPECT_EQ(EHOSTUNREACH, errno);
		}
		/* what had arrived is there */
		EXPECT_EQ(1, recv(self->rx, b, 8, MSG_DONTWAIT));
		EXPECT_EQ(0, vshm_so_error(self->rx));
		ASSERT_EQ(0, vshm_bed_up(&self->bed));
		EXPECT_EQ(0, hello(self));
	}
}

/* An end that has no datagram ring takes connections only. */
TEST_F(dgram_link, peer_without)
{
	vshm_bed_detach(&self->bed, !self->side);
	ASSERT_TRUE(vshm_bed_wait(&self->bed, self->side, "state", "down"));
	vshm_bed_side(&self->bed, !self->side)->dgram_ring = 0;
	ASSERT_EQ(0, vshm_bed_fake(&self->bed, !self->side));
	EXPECT_EQ(-1, to_rx(self, "x", 1));
	EXPECT_EQ(EHOSTUNREACH, errno);
}

/* What a ring says that no honest peer wrote ends the link, which starts anew. */
FIXTURE(broken) {
	FIXTURE_DATA(dgram_link) l;
};

FIXTURE_VARIANT(broken) {
	uint64_t head;
	uint32_t len;
	uint32_t src_cid;
	bool restarts;
};

FIXTURE_VARIANT_ADD(broken, head_too_far) { RING + 32, 1, 0, true };
FIXTURE_VARIANT_ADD(broken, head_behind) { -32, 1, 0, true };
FIXTURE_VARIANT_ADD(broken, head_odd) { 33, 1, 0, true };
FIXTURE_VARIANT_ADD(broken, length_too_large) { 65536 + 32, 65505, 0, true };
FIXTURE_VARIANT_ADD(broken, length_huge) { 64, -1, 0, true };
FIXTURE_VARIANT_ADD(broken, length_beyond) { 64, 33, 0, true };
FIXTURE_VARIANT_ADD(broken, source_foreign) { 64, 1, 9, false };
FIXTURE_VARIANT_ADD(broken, source_own) { 64, 1, 2, false };

FIXTURE_SETUP(broken)
{
	/* the host receives */
	dgram_link_setup(_metadata, &self->l, &_dgram_link_guest_variant);
}

FIXTURE_TEARDOWN(broken)
{
	vshm_bed_detach(&self->l.bed, 0);
	vshm_bed_detach(&self->l.bed, 1);
	dgram_link_teardown(_metadata, &self->l, &_dgram_link_guest_variant);
}

TEST_F(broken, receiver)
{
	struct vshm_bed *bed = &self->l.bed;
	struct vshm_side *to = vshm_bed_side(bed, 0);
	struct vshm_ring *ring = ring_of(&self->l);
	struct vshm_datagram *d = (void *)((char *)ring + VSHM_PAGE);

	*d = (struct vshm_datagram) {
		.len = variant->len,
		.src_cid = variant->src_cid ? variant->src_cid : 3,
		.src_port = 4000,
		.dst_cid = VSHM_CID_HOST,
		.dst_port = self->l.port,
	};
	__atomic_store_n(&ring->head, variant->head, __ATOMIC_RELEASE);
	__atomic_fetch_or(&to->news[0], 1ULL << VSHM_NEWS_DATA,
			  __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&to->summary[0], 1, __ATOMIC_SEQ_CST);
	vshm_bed_ring(bed, 0);
	ASSERT_TRUE(vshm_bed_wait(bed, 0, "violations", "1"));
	if (variant->restarts) {
		ASSERT_TRUE(vshm_bed_wait(bed, 0, "resets", "1"));
	} else {
		EXPECT_EQ(0, vshm_bed_num(bed, 0, "resets"));
	}
	EXPECT_EQ(0, vshm_inq(self->l.rx));
	ASSERT_EQ(0, vshm_bed_up(bed));
	if (variant->restarts) {
		EXPECT_EQ(0, hello(&self->l));
	}
}

/* Two guests and the host between them. */
FIXTURE(dgram_forward) {
	int host;
	int ns[2];
	struct vshm_bed bed[2];
	int fd[2];
	uint32_t port[2];
};

FIXTURE_SETUP(dgram_forward)
{
	self->host = vshm_ns_new();
	for (int i = 0; i < 2; i++) {
		self->ns[i] = vshm_ns_new();
		ASSERT_EQ(0, vshm_bed_link(&self->bed[i], self->host,
					   VSHM_CID_HOST, self->ns[i], 3 + i));
		ASSERT_EQ(0, vshm_ns_enter(self->ns[i]));
		self->fd[i] = vshm_dgram_bound();
		ASSERT_LE(0, self->fd[i]);
		self->port[i] = vshm_port(self->fd[i]);
	}
}

FIXTURE_TEARDOWN(dgram_forward)
{
	for (int i = 0; i < 2; i++) {
		close(self->fd[i]);
		vshm_bed_free(&self->bed[i]);
	}
	EXPECT_EQ(0, vshm_locked_kb());
}

static ssize_t across(FIXTURE_DATA(dgram_forward) *self, int from,
		      const void *buf, size_t len)
{
	return vshm_sendto(self->fd[from], buf, len, 0, 3 + !from,
			   self->port[!from]);
}

TEST_F(dgram_forward, policy)
{
	struct sockaddr_vshm from;
	char b[8];

	/* nobody is told: whoever sends cannot know */
	EXPECT_EQ(1, across(self, 0, "x", 1));
	EXPECT_TRUE(vshm_bed_wait(&self->bed[0], 0, "drops", "1"));
	ASSERT_EQ(0, vshm_ns_policy(self->host, 3, 4, 1));
	EXPECT_EQ(2, across(self, 0, "hi", 2));
	ASSERT_EQ(0, vshm_dgram_wait(self->fd[1]));
	EXPECT_EQ(2, vshm_recvfrom(self->fd[1], b, 8, 0, &from));
	EXPECT_EQ(3, from.svs_cid);
	EXPECT_EQ(self->port[0], from.svs_port);
	/* one way only */
	EXPECT_EQ(1, across(self, 1, "x", 1));
	EXPECT_TRUE(vshm_bed_wait(&self->bed[1], 0, "drops", "1"));
	EXPECT_EQ(0, vshm_inq(self->fd[0]));
}

TEST_F(dgram_forward, sizes)
{
	static uint8_t out[VSHM_DGRAM_MAX], in[VSHM_DGRAM_MAX];

	ASSERT_EQ(0, vshm_ns_policy(self->host, -1, -1, 1));
	for (int i = 0; i < 300; i++) {
		size_t len = i % 50 ? i * 4099 % 9001 : VSHM_DGRAM_MAX - i / 50;

		vshm_fill(out, len, i, 3);
		ASSERT_EQ((ssize_t)len, across(self, i & 1, out, len));
		ASSERT_EQ(0, vshm_dgram_wait(self->fd[~i & 1]));
		ASSERT_EQ((ssize_t)len, recv(self->fd[~i & 1], in, sizeof(in),
					     0));
		ASSERT_EQ(len, vshm_check(in, len, i, 3));
	}
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(0, vshm_bed_num(&self->bed[i], 0, "drops"));
}

TEST_F(dgram_forward, no_such_guest)
{
	ASSERT_EQ(0, vshm_ns_policy(self->host, -1, -1, 1));
	EXPECT_EQ(1, vshm_sendto(self->fd[0], "x", 1, 0, 9, 5000));
	EXPECT_TRUE(vshm_bed_wait(&self->bed[0], 0, "drops", "1"));
	vshm_bed_detach(&self->bed[1], 1);
	ASSERT_TRUE(vshm_bed_wait(&self->bed[1], 0, "state", "down"));
	EXPECT_EQ(1, across(self, 0, "x", 1));
	EXPECT_TRUE(vshm_bed_wait(&self->bed[0], 0, "drops", "2"));
	ASSERT_EQ(0, vshm_bed_up(&self->bed[1]));
	EXPECT_EQ(1, across(self, 0, "y", 1));
	EXPECT_EQ(0, vshm_dgram_wait(self->fd[1]));
}

TEST_HARNESS_MAIN
