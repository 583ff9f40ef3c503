// SPDX-License-Identifier: GPL-2.0
/* A host that joins two guests which have no link of their own. */
#include "vshm_bed.h"
#include "vshm_echo.h"
#include "vshm_proc.h"
#include "vshm_test.h"
#include <kselftest_harness.h>

#include <linux/time_types.h>

#define MB	(1 << 20)
#define BUFFER	(512 * 1024)	/* SO_SNDBUF and SO_RCVBUF by default */

/* One guest connects, the other accepts. */
struct guest {
	int ns;
	uint32_t cid;
	struct vshm_bed bed;	/* the host is side 0 */
};

FIXTURE(forward) {
	int host;
	struct guest a;		/* connects */
	struct guest b;		/* accepts */
	int fd[2];		/* of pair(): [0] connected, [1] was accepted */
};

FIXTURE_VARIANT(forward) {
	uint32_t from;
};

FIXTURE_VARIANT_ADD(forward, first) { 3 };
FIXTURE_VARIANT_ADD(forward, second) { 4 };

static int guest_make(struct guest *g, int host, uint32_t cid)
{
	g->ns = vshm_ns_new();
	g->cid = cid;
	return vshm_bed_link(&g->bed, host, VSHM_CID_HOST, g->ns, cid);
}

FIXTURE_SETUP(forward)
{
	self->host = vshm_ns_new();
	ASSERT_LE(0, self->host);
	ASSERT_EQ(0, guest_make(&self->a, self->host, variant->from));
	ASSERT_EQ(0, guest_make(&self->b, self->host, 7 - variant->from));
	self->fd[0] = -1;
	self->fd[1] = -1;
}

FIXTURE_TEARDOWN(forward)
{
	close(self->fd[0]);
	close(self->fd[1]);
	if (self->a.bed.end[0].dev >= 0 && self->a.bed.end[1].dev >= 0) {
		EXPECT_TRUE(vshm_bed_idle(&self->a.bed));
	}
	if (self->b.bed.end[0].dev >= 0 && self->b.bed.end[1].dev >= 0) {
		EXPECT_TRUE(vshm_bed_idle(&self->b.bed));
	}
	EXPECT_TRUE(vshm_ns_empty(self->a.ns));
	EXPECT_TRUE(vshm_ns_empty(self->b.ns));
	EXPECT_TRUE(vshm_ns_empty(self->host));
	vshm_bed_free(&self->a.bed);
	vshm_bed_free(&self->b.bed);
	EXPECT_EQ(0, vshm_locked_kb());
}

static int allow(FIXTURE_DATA(forward) *self)
{
	return vshm_ns_policy(self->host, self->a.cid, self->b.cid, 1);
}

static int pair(FIXTURE_DATA(forward) *self)
{
	if (allow(self))
		return -1;
	return vshm_ns_pair(self->a.ns, self->b.ns, self->b.cid, self->fd);
}

static void end_close(int *fd)
{
	close(*fd);
	*fd = -1;
}

static int stream(struct vshm_call *call, long (*fn)(struct vshm_call *call),
		  int fd, size_t len, int seed)
{
	*call = (struct vshm_call) {
		.fn = fn, .fd = fd, .len = len, .flags = seed,
	};
	return vshm_call_start(call);
}

/* What a guest's attempt to connect to another ends with: 0 or errno. */
static int try_connect(const struct guest *from, const struct guest *to)
{
	int listener = vshm_ns_listener(to->ns, 1);
	int fd = vshm_ns_connect(from->ns, to->cid, vshm_port(listener));
	int ret = fd < 0 ? errno : 0;

	close(fd);
	close(listener);
	return ret;
}

TEST_F(forward, denied_by_default)
{
	EXPECT_EQ(EACCES, try_connect(&self->a, &self->b));
	EXPECT_EQ(EACCES, try_connect(&self->b, &self->a));
}

TEST_F(forward, allowed_one_way)
{
	ASSERT_EQ(0, allow(self));
	EXPECT_EQ(0, try_connect(&self->a, &self->b));
	EXPECT_EQ(EACCES, try_connect(&self->b, &self->a));
	ASSERT_EQ(0, vshm_ns_policy(self->host, self->a.cid, self->b.cid, 0));
	EXPECT_EQ(EACCES, try_connect(&self->a, &self->b));
}

/* The more a rule says, the more it counts. */
TEST_F(forward, precedence)
{
	const uint32_t any = VSHM_CID_ANY, a = self->a.cid, b = self->b.cid;
	struct {
		uint32_t src, dst, verdict;
		int there, back;
	} steps[] = {
		{ any, any, 1, 0, 0 },
		{ any, b, 0, EACCES, 0 },
		{ a, any, 1, 0, 0 },
		{ a, b, 0, EACCES, 0 },
		{ any, any, 0, EACCES, EACCES },
		{ any, a, 1, EACCES, 0 },
		{ b, any, 0, EACCES, EACCES },
		{ b, a, 1, EACCES, 0 },
		{ a, b, 1, 0, 0 },
		/* without a rule, the next one decides */
		{ a, b, 2, 0, 0 },
		{ a, any, 2, EACCES, 0 },
		{ any, b, 2, EACCES, 0 },
		{ b, a, 2, EACCES, EACCES },
		{ b, any, 2, EACCES, 0 },
		{ any, a, 2, EACCES, EACCES },
		{ any, any, 2, EACCES, EACCES },
	};

	for (unsigned int i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		ASSERT_EQ(0, vshm_ns_policy(self->host, steps[i].src,
					    steps[i].dst, steps[i].verdict));
		EXPECT_EQ(steps[i].there, try_connect(&self->a, &self->b)) {
			TH_LOG("there, step %u", i);
		}
		EXPECT_EQ(steps[i].back, try_connect(&self->b, &self->a)) {
			TH_LOG("back, step %u", i);
		}
	}
}

/* Policy is for guests: hosts and guests talk as they like. */
TEST_F(forward, host_itself)
{
	ASSERT_EQ(0, vshm_ns_policy(self->host, -1, -1, 0));
	ASSERT_EQ(0, vshm_ns_pair(self->a.ns, self->host, VSHM_CID_HOST,
				  self->fd));
	EXPECT_EQ(0, vshm_send_all(self->fd[0], 9, 9, 0, 0));
	EXPECT_EQ(0, vshm_recv_all(self->fd[1], 9, 9, 0, 0));
}

TEST_F(forward, another_namespace)
{
	ASSERT_EQ(0, vshm_ns_policy(self->a.ns, -1, -1, 1));
	ASSERT_EQ(0, vshm_ns_policy(self->b.ns, -1, -1, 1));
	EXPECT_EQ(EACCES, try_connect(&self->a, &self->b));
}

/* A connection that is there stays. */
TEST_F(forward, denied_later)
{
	ASSERT_EQ(0, pair(self));
	ASSERT_EQ(0, vshm_ns_policy(self->host, self->a.cid, self->b.cid, 0));
	EXPECT_EQ(0, vshm_send_all(self->fd[0], 9, 9, 0, 0));
	EXPECT_EQ(0, vshm_recv_all(self->fd[1], 9, 9, 0, 0));
	EXPECT_EQ(EACCES, try_connect(&self->a, &self->b));
}

TEST_F(forward, names)
{
	struct sockaddr_vshm name, peer;

	ASSERT_EQ(0, pair(self));
	for (int i = 0; i < 2; i++) {
		name = vshm_name(self->fd[i]);
		peer = vshm_peer(self->fd[!i]);
		/* who accepts is told how to reach the other */
		EXPECT_EQ(i ? 0 : VSHM_FLAG_TO_HOST, peer.svs_flags);
		peer.svs_flags = 0;
		EXPECT_EQ(0, memcmp(&name, &peer, sizeof(name)));
		EXPECT_EQ(i ? self->b.cid : self->a.cid, name.svs_cid);
	}
	EXPECT_EQ(2, vshm_ns_sockets(self->host));
	EXPECT_EQ(1, vshm_ns_sockets(self->a.ns));
	EXPECT_EQ(1, vshm_ns_sockets(self->b.ns));
}

TEST_F(forward, refused)
{
	uint32_t port;

	ASSERT_EQ(0, allow(self));
	ASSERT_EQ(0, vshm_ns_enter(self->b.ns));
	port = vshm_unused_port();
	for (int i = 0; i < 20; i++) {
		EXPECT_EQ(-1, vshm_ns_connect(self->a.ns, self->b.cid, port));
		EXPECT_EQ(VSHM_REFUSED, errno);
	}
}

TEST_F(forward, nobody_there)
{
	ASSERT_EQ(0, vshm_ns_policy(self->host, -1, -1, 1));
	EXPECT_EQ(-1, vshm_ns_connect(self->a.ns, 9, 5000));
	EXPECT_EQ(VSHM_UNREACHABLE, errno);
	vshm_bed_detach(&self->b.bed, 1);
	ASSERT_TRUE(vshm_bed_wait(&self->b.bed, 0, "state", "down"));
	EXPECT_EQ(-1, vshm_ns_connect(self->a.ns, self->b.cid, 5000));
	EXPECT_EQ(VSHM_UNREACHABLE, errno);
	vshm_bed_detach(&self->b.bed, 0);
	EXPECT_EQ(-1, vshm_ns_connect(self->a.ns, self->b.cid, 5000));
	EXPECT_EQ(VSHM_UNREACHABLE, errno);
	ASSERT_EQ(0, vshm_bed_up(&self->b.bed));
	EXPECT_EQ(0, try_connect(&self->a, &self->b));
}

/* The other guest is there and never answers. */
TEST_F(forward, no_answer)
{
	struct __kernel_old_timeval tv = { 0, 300000 };
	int fd;

	ASSERT_EQ(0, allow(self));
	vshm_bed_detach(&self->b.bed, 1);
	ASSERT_TRUE(vshm_bed_wait(&self->b.bed, 0, "state", "down"));
	ASSERT_EQ(0, vshm_bed_fake(&self->b.bed, 1));
	ASSERT_EQ(0, vshm_ns_enter(self->a.ns));
	fd = vshm_socket(0);
	ASSERT_EQ(0, setsockopt(fd, vshm_family(), SO_VSHM_CONNECT_TIMEOUT_OLD,
				&tv, sizeof(tv)));
	EXPECT_EQ(-1, vshm_connect(fd, self->b.cid, 5000));
	EXPECT_EQ(ETIMEDOUT, errno);
	close(fd);
	/* a guest that answers takes its place: nothing is left of it */
	EXPECT_EQ(0, vshm_bed_up(&self->b.bed));
	EXPECT_EQ(0, try_connect(&self->a, &self->b));
}

TEST_F(forward, transfer)
{
	struct vshm_call call;

	ASSERT_EQ(0, pair(self));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, stream(&call, vshm_call_send_all, self->fd[i],
				    8 * MB, i));
		EXPECT_EQ(0, vshm_recv_all(self->fd[!i], 8 * MB, 70001, 0,
					   i));
		EXPECT_EQ(0, vshm_call_end(&call));
	}
}

TEST_F(forward, full_duplex)
{
	struct vshm_call call[4];

	ASSERT_EQ(0, pair(self));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, stream(&call[i], vshm_call_send_all,
				    self->fd[i], 4 * MB, i));
		ASSERT_EQ(0, stream(&call[2 + i], vshm_call_recv_all,
				    self->fd[!i], 4 * MB, i));
	}
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, vshm_call_end(&call[i]));
}

TEST_F(forward, ping_pong)
{
	struct vshm_call call;

	ASSERT_EQ(0, pair(self));
	for (int i = 0; i < 200; i++) {
		ASSERT_EQ(0, stream(&call, vshm_call_recv_all,
				    self->fd[i & 1], 100, i));
		ASSERT_EQ(0, vshm_send_all(self->fd[~i & 1], 100, 100, 0, i));
		ASSERT_EQ(0, vshm_call_end(&call));
	}
}

/* Sends the pattern until nothing moves any more; how much it was. */
static ssize_t fill_path(int fd)
{
	ssize_t n, total = 0;
	uint8_t buf[8192];
	int idle = 0;

	/* a little space is no event: look again without one */
	while (idle < 3) {
		vshm_fill(buf, sizeof(buf), total, 1);
		n = send(fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			total += n;
			idle = 0;
		} else if (!vshm_poll(fd, POLLOUT, 100)) {
			idle++;
		}
	}
	return total;
}

/* Two buffers lie between writer and reader, and no more than fits there. */
TEST_F(forward, back_pressure)
{
	ASSERT_EQ(0, pair(self));
	EXPECT_EQ(2 * BUFFER, fill_path(self->fd[0]));
	EXPECT_EQ(BUFFER, vshm_inq(self->fd[1]));
	EXPECT_EQ(BUFFER, vshm_outq(self->fd[0]));
	/* the other direction does not care */
	EXPECT_EQ(0, vshm_send_all(self->fd[1], 9, 9, 0, 2));
	EXPECT_EQ(0, vshm_recv_all(self->fd[0], 9, 9, 0, 2));
	EXPECT_EQ(0, vshm_recv_all(self->fd[1], 2 * BUFFER, 9999,
				   0, 1));
	EXPECT_NE(0, vshm_poll(self->fd[0], POLLOUT, VSHM_WAIT_MS) & POLLOUT);
	EXPECT_EQ(0, vshm_inq(self->fd[1]));
}

/* Who waits for more than that gets what there can be. */
TEST_F(forward, low_water_mark)
{
	int lowat = 8 * BUFFER, one = 1;
	struct vshm_call call;

	ASSERT_EQ(0, pair(self));
	ASSERT_EQ(0, setsockopt(self->fd[1], SOL_SOCKET, SO_RCVLOWAT, &lowat,
				sizeof(lowat)));
	ASSERT_EQ(0, stream(&call, vshm_call_send_all, self->fd[0], 4 * BUFFER,
			    1));
	EXPECT_EQ(POLLIN, vshm_poll(self->fd[1], POLLIN, VSHM_WAIT_MS));
	EXPECT_EQ(BUFFER, vshm_inq(self->fd[1]));
	EXPECT_FALSE(vshm_call_done(&call));
	ASSERT_EQ(0, setsockopt(self->fd[1], SOL_SOCKET, SO_RCVLOWAT, &one,
				sizeof(one)));
	EXPECT_EQ(0, vshm_recv_all(self->fd[1], 4 * BUFFER, 50000, 0, 1));
	EXPECT_EQ(0, vshm_call_end(&call));
}

/* As pair(), of packets. */
static int packets(FIXTURE_DATA(forward) *self)
{
	int listener, fd;

	if (allow(self) || vshm_ns_enter(self->b.ns))
		return -1;
	listener = socket(vshm_family(), SOCK_SEQPACKET, 0);
	if (vshm_bind(listener, VSHM_CID_ANY, VSHM_PORT_ANY) ||
	    listen(listener, 1) || vshm_ns_enter(self->a.ns))
		return -1;
	fd = socket(vshm_family(), SOCK_SEQPACKET, 0);
	if (!vshm_connect(fd, self->b.cid, vshm_port(listener))) {
		self->fd[0] = fd;
		self->fd[1] = accept(listener, NULL, NULL);
	}
	close(listener);
	return self->fd[1] < 0 ? -1 : 0;
}

/*
 * A packet takes a larger ring than the destination has memory for: the host asks
 * again, until there is some.
 */
TEST_F_TIMEOUT(forward, no_memory_for_a_larger_ring, 120)
{
	static uint8_t buf[100000];
	int fd[64][2], n = 0;

	ASSERT_EQ(0, packets(self));
	do {
		ASSERT_EQ(0, vshm_ns_pair(self->host, self->b.ns, self->b.cid,
					  fd[n]));
	} while (fill_path(fd[n++][0]) > (ssize_t)sizeof(buf) && n < 64);
	ASSERT_GT(64, n);
	ASSERT_EQ(sizeof(buf), send(self->fd[0], buf, sizeof(buf), 0));
	EXPECT_EQ(0, vshm_poll(self->fd[1], POLLIN, 500));
	for (int i = 0; i < n; i++) {
		close(fd[i][0]);
		close(fd[i][1]);
	}
	EXPECT_EQ(POLLIN, vshm_poll(self->fd[1], POLLIN, VSHM_WAIT_MS));
	EXPECT_EQ(sizeof(buf), recv(self->fd[1], buf, sizeof(buf),
				    MSG_DONTWAIT));
}

TEST_F(forward, half_close)
{
	char b;

	ASSERT_EQ(0, pair(self));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, vshm_send_all(self->fd[i], 200000, 20000, 0, i));
		EXPECT_EQ(0, shutdown(self->fd[i], SHUT_WR));
		EXPECT_EQ(0, vshm_recv_all(self->fd[!i], 200000, 333, 0, i));
		EXPECT_EQ(0, recv(self->fd[!i], &b, 1, 0));
	}
	EXPECT_EQ(0, vshm_so_error(self->fd[0]));
	EXPECT_EQ(0, vshm_so_error(self->fd[1]));
}

/* A reader that reads no more stops the writer, however far away. */
TEST_F(forward, read_half)
{
	char buf[1000] = { 0 };
	ssize_t n;

	ASSERT_EQ(0, pair(self));
	EXPECT_EQ(0, shutdown(self->fd[1], SHUT_RD));
	do {
		n = send(self->fd[0], buf, sizeof(buf), MSG_NOSIGNAL);
	} while (n > 0);
	EXPECT_EQ(-1, n);
	EXPECT_EQ(EPIPE, errno);
	EXPECT_EQ(0, vshm_send_all(self->fd[1], 9, 9, 0, 0));
	EXPECT_EQ(0, vshm_recv_all(self->fd[0], 9, 9, 0, 0));
}

/* Bytes arrive though their sender has closed, more than the host moves. */
TEST_F(forward, close_when_sent)
{
	char b;

	ASSERT_EQ(0, pair(self));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, vshm_send_all(self->fd[0], 400000, 9999, 0, 1));
		end_close(&self->fd[0]);
		EXPECT_EQ(0, vshm_recv_all(self->fd[1], 400000, 333, 0, 1));
		EXPECT_EQ(0, recv(self->fd[1], &b, 1, 0));
		EXPECT_EQ(0, vshm_so_error(self->fd[1]));
		end_close(&self->fd[1]);
		ASSERT_EQ(0, pair(self));
	}
}

FIXTURE_VARIANT(ends) {
	bool linger;	/* resets by itself, not by leaving bytes unread */
	int who;	/* end that resets */
};

FIXTURE(ends) {
	FIXTURE_DATA(forward) f;
};

FIXTURE_VARIANT_ADD(ends, linger_source) { true, 0 };
FIXTURE_VARIANT_ADD(ends, linger_destination) { true, 1 };
FIXTURE_VARIANT_ADD(ends, unread_source) { false, 0 };
FIXTURE_VARIANT_ADD(ends, unread_destination) { false, 1 };

FIXTURE_SETUP(ends)
{
	forward_setup(_metadata, &self->f, &_forward_first_variant);
	ASSERT_EQ(0, pair(&self->f));
}

FIXTURE_TEARDOWN(ends)
{
	forward_teardown(_metadata, &self->f, &_forward_first_variant);
}

TEST_F(ends, by_reset)
{
	int *who = &self->f.fd[variant->who];
	int other = self->f.fd[!variant->who];
	struct linger linger = { .l_onoff = 1 };
	struct vshm_call call = {
		.fn = vshm_call_recv, .fd = other, .buf = &(char){0}, .len = 1,
	};

	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_TRUE(vshm_call_blocks(&call));
	if (variant->linger) {
		ASSERT_EQ(0, setsockopt(*who, SOL_SOCKET, SO_LINGER, &linger,
					sizeof(linger)));
	} else {
		ASSERT_EQ(1, send(other, "x", 1, 0));
		ASSERT_EQ(POLLIN, vshm_poll(*who, POLLIN, VSHM_WAIT_MS));
	}
	end_close(who);
	EXPECT_EQ(-1, vshm_call_end(&call));
	EXPECT_EQ(ECONNRESET, errno);
	EXPECT_EQ(-1, send(other, "x", 1, MSG_NOSIGNAL));
	EXPECT_EQ(EPIPE, errno);
}

/* The link of one guest ends: which guest, and which end of its link. */
FIXTURE(death) {
	FIXTURE_DATA(forward) f;
};

FIXTURE_VARIANT(death) {
	int who;
	int side;
};

FIXTURE_VARIANT_ADD(death, source_guest) { 0, 1 };
FIXTURE_VARIANT_ADD(death, source_host) { 0, 0 };
FIXTURE_VARIANT_ADD(death, destination_guest) { 1, 1 };
FIXTURE_VARIANT_ADD(death, destination_host) { 1, 0 };

FIXTURE_SETUP(death)
{
	forward_setup(_metadata, &self->f, &_forward_first_variant);
	ASSERT_EQ(0, pair(&self->f));
}

FIXTURE_TEARDOWN(death)
{
	forward_teardown(_metadata, &self->f, &_forward_first_variant);
}

TEST_F(death, of_a_link)
{
	struct vshm_bed *bed = variant->who ? &self->f.b.bed : &self->f.a.bed;
	struct vshm_call call[2];

	/* all that lies between the two is full */
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(2 * BUFFER, fill_path(self->f.fd[i]));
		call[i] = (struct vshm_call) {
			.fn = vshm_call_send, .fd = self->f.fd[i], .buf = "x",
			.len = 1,
		};
		ASSERT_EQ(0, vshm_call_start(&call[i]));
		EXPECT_TRUE(vshm_call_blocks(&call[i]));
	}
	vshm_bed_detach(bed, variant->side);
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(-1, vshm_call_end(&call[i]));
		EXPECT_TRUE(errno == ECONNRESET || errno == EPIPE);
		EXPECT_NE(0, vshm_poll(self->f.fd[i], 0, VSHM_WAIT_MS) &
			  POLLHUP);
	}
	EXPECT_TRUE(vshm_ns_empty(self->f.host));
	/* and again */
	EXPECT_EQ(0, vshm_bed_up(bed));
	end_close(&self->f.fd[0]);
	end_close(&self->f.fd[1]);
	ASSERT_EQ(0, pair(&self->f));
	EXPECT_EQ(0, vshm_send_all(self->f.fd[0], 9, 9, 0, 0));
	EXPECT_EQ(0, vshm_recv_all(self->f.fd[1], 9, 9, 0, 0));
}

TEST_F(death, of_an_idle_one)
{
	struct vshm_bed *bed = variant->who ? &self->f.b.bed : &self->f.a.bed;
	struct vshm_call call[2];
	char byte[2];

	for (int i = 0; i < 2; i++) {
		call[i] = (struct vshm_call) {
			.fn = vshm_call_recv, .fd = self->f.fd[i],
			.buf = &byte[i], .len = 1,
		};
		ASSERT_EQ(0, vshm_call_start(&call[i]));
		EXPECT_TRUE(vshm_call_blocks(&call[i]));
	}
	vshm_bed_detach(bed, variant->side);
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(-1, vshm_call_end(&call[i]));
		EXPECT_EQ(ECONNRESET, errno);
	}
	EXPECT_TRUE(vshm_ns_empty(self->f.host));
}

/* A connection through the host, where there is another way. */
static int through_host(FIXTURE_DATA(forward) *self)
{
	struct sockaddr_vshm to = vshm_addr(self->b.cid, 0);
	int listener = vshm_ns_listener(self->b.ns, 1);
	int fd = vshm_ns_enter(self->a.ns) ? -1 : vshm_socket(0);

	to.svs_port = vshm_port(listener);
	to.svs_flags = VSHM_FLAG_TO_HOST;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		close(fd);
		fd = -1;
	}
	close(listener);
	return fd;
}

/* A link of their own goes before the host, whatever its policy. */
TEST_F(forward, direct_link)
{
	struct vshm_bed direct;
	int fd;

	ASSERT_EQ(0, pair(self));
	ASSERT_EQ(0, vshm_bed_link(&direct, self->a.ns, self->a.cid,
				   self->b.ns, self->b.cid));
	ASSERT_EQ(0, vshm_ns_policy(self->host, -1, -1, 0));
	ASSERT_EQ(0, vshm_ns_policy(self->host, self->a.cid, self->b.cid, 0));
	for (int i = 0; i < 2; i++) {
		int fd[2];

		ASSERT_EQ(0, vshm_ns_pair(i ? self->b.ns : self->a.ns,
					  i ? self->a.ns : self->b.ns,
					  i ? self->a.cid : self->b.cid, fd));
		EXPECT_EQ(1, vshm_bed_num(&direct, 0, "connections"));
		EXPECT_EQ(1, vshm_bed_num(&self->a.bed, 0, "connections"));
		EXPECT_EQ(0, vshm_send_all(fd[0], 1000, 9, 0, 0));
		EXPECT_EQ(0, vshm_recv_all(fd[1], 1000, 9, 0, 0));
		close(fd[0]);
		close(fd[1]);
		EXPECT_TRUE(vshm_bed_idle(&direct));
	}
	/* but for who asks for the host, which has its policy */
	EXPECT_EQ(-1, through_host(self));
	EXPECT_EQ(EACCES, errno);
	ASSERT_EQ(0, allow(self));
	fd = through_host(self);
	EXPECT_LE(0, fd);
	EXPECT_TRUE(vshm_bed_idle(&direct));
	close(fd);
	/* it is the only way, while there is one, even one that is down */
	vshm_bed_detach(&direct, 1);
	ASSERT_TRUE(vshm_bed_wait(&direct, 0, "state", "down"));
	EXPECT_EQ(VSHM_UNREACHABLE, try_connect(&self->a, &self->b));
	vshm_bed_free(&direct);
	ASSERT_EQ(0, allow(self));
	EXPECT_EQ(0, try_connect(&self->a, &self->b));
	/* who was connected through the host before all this still is */
	EXPECT_EQ(0, vshm_send_all(self->fd[0], 1000, 9, 0, 0));
	EXPECT_EQ(0, vshm_recv_all(self->fd[1], 1000, 9, 0, 0));
}

static volatile sig_atomic_t stop;

static void on_term(int sig)
{
	stop = 1;
}

TEST_F_TIMEOUT(forward, many, 120)
{
	struct sigaction sa = { .sa_handler = on_term };
	int fd = vshm_ns_listener(self->b.ns, SOMAXCONN);
	uint32_t port = vshm_port(fd);
	pid_t pid;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, allow(self));
	sigaction(SIGTERM, &sa, NULL);
	pid = vshm_fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(vshm_echo_serve(fd, &stop) ? 1 : 0);
	close(fd);
	ASSERT_EQ(0, vshm_ns_enter(self->a.ns));
	EXPECT_EQ(0, vshm_echo_sequential(self->b.cid, port, 100, 100));
	EXPECT_EQ(0, vshm_echo_parallel(self->b.cid, port, 100, 20000));
	kill(pid, SIGTERM);
	EXPECT_EQ(0, vshm_wait(pid));
}

TEST_HARNESS_MAIN
