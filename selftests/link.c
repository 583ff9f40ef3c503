// SPDX-License-Identifier: GPL-2.0
/* Streams between a host and a guest, over a link of their own. */
#include "vshm_bed.h"
#include "vshm_echo.h"
#include "vshm_proc.h"
#include "vshm_test.h"
#include <kselftest_harness.h>

#include <sys/epoll.h>
#include <linux/time_types.h>

#define MB	(1 << 20)
#define FULL	(512 * 1024)	/* SO_SNDBUF by default */

/* Everything once begun by the host, which is side 0, once by the guest. */
FIXTURE(link) {
	int ns[2];
	struct vshm_bed bed;
	int from;	/* who connects */
	int to;
	uint32_t cid;	/* of who accepts */
	int fd[2];	/* of pair(): [0] connected, [1] was accepted */
};

FIXTURE_VARIANT(link) {
	int from;
};

FIXTURE_VARIANT_ADD(link, host) { 0 };
FIXTURE_VARIANT_ADD(link, guest) { 1 };

FIXTURE_SETUP(link)
{
	for (int i = 0; i < 2; i++) {
		self->ns[i] = vshm_ns_new();
		ASSERT_LE(0, self->ns[i]);
		self->fd[i] = -1;
	}
	ASSERT_EQ(0, vshm_bed_link(&self->bed, self->ns[0], VSHM_CID_HOST,
				   self->ns[1], 3)) {
		TH_LOG("no link: %s", strerror(errno));
	}
	self->from = self->ns[variant->from];
	self->to = self->ns[!variant->from];
	self->cid = self->bed.end[!variant->from].cid;
}

FIXTURE_TEARDOWN(link)
{
	close(self->fd[0]);
	close(self->fd[1]);
	EXPECT_TRUE(vshm_bed_idle(&self->bed));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0, vshm_bed_num(&self->bed, i, "violations"));
		EXPECT_TRUE(vshm_ns_empty(self->ns[i]));
	}
	vshm_bed_free(&self->bed);
	EXPECT_EQ(0, vshm_locked_kb());
}

static int pair(FIXTURE_DATA(link) *self)
{
	return vshm_ns_pair(self->from, self->to, self->cid, self->fd);
}

static void end_close(int *fd)
{
	close(*fd);
	*fd = -1;
}

/* Starts to send or receive the pattern. */
static int stream(struct vshm_call *call, long (*fn)(struct vshm_call *call),
		  int fd, size_t len, int seed)
{
	*call = (struct vshm_call) {
		.fn = fn, .fd = fd, .len = len, .flags = seed,
	};
	return vshm_call_start(call);
}

TEST_F(link, names)
{
	struct sockaddr_vshm name, peer;

	ASSERT_EQ(0, pair(self));
	for (int i = 0; i < 2; i++) {
		name = vshm_name(self->fd[i]);
		peer = vshm_peer(self->fd[!i]);
		EXPECT_EQ(0, memcmp(&name, &peer, sizeof(name)));
		EXPECT_EQ(i ? self->cid : 5 - self->cid, name.svs_cid);
		EXPECT_STREQ("CONNECTED", vshm_ns_state(i ? self->to :
							self->from,
							self->fd[i]));
	}
}

TEST_F(link, local_cids)
{
	int fd = vshm_ns_enter(self->from) ? -1 : vshm_socket(0);
	int listener;

	/* the own CID is an address, and leads home */
	EXPECT_EQ(-1, vshm_bind(fd, self->cid, VSHM_PORT_ANY));
	EXPECT_EQ(EADDRNOTAVAIL, errno);
	EXPECT_EQ(0, vshm_bind(fd, 5 - self->cid, VSHM_PORT_ANY));
	EXPECT_EQ(0, listen(fd, 1));
	self->fd[0] = vshm_ns_connect(self->from, 5 - self->cid,
				      vshm_port(fd));
	EXPECT_LE(0, self->fd[0]);
	close(fd);
	/* a socket bound to loopback is not reached over the link */
	listener = vshm_ns_enter(self->to) ? -1 : vshm_socket(0);
	ASSERT_EQ(0, vshm_bind(listener, VSHM_CID_LOCAL, VSHM_PORT_ANY));
	ASSERT_EQ(0, listen(listener, 1));
	EXPECT_EQ(-1, vshm_ns_connect(self->from, self->cid,
				      vshm_port(listener)));
	EXPECT_EQ(VSHM_REFUSED, errno);
	close(listener);
}

TEST_F(link, refused)
{
	uint32_t port;
	int fd;

	ASSERT_EQ(0, vshm_ns_enter(self->to));
	port = vshm_unused_port();
	for (int i = 0; i < 100; i++) {
		EXPECT_EQ(-1, vshm_ns_connect(self->from, self->cid, port));
		EXPECT_EQ(VSHM_REFUSED, errno);
	}
	/* the same socket can try again */
	fd = vshm_socket(0);
	EXPECT_EQ(-1, vshm_connect(fd, self->cid, port));
	EXPECT_EQ(-1, vshm_connect(fd, self->cid, port));
	EXPECT_EQ(VSHM_REFUSED, errno);
	close(fd);
}

TEST_F(link, queue_full)
{
	int listener = vshm_ns_listener(self->to, 1);
	int fd[3];

	for (int i = 0; i < 3; i++)
		fd[i] = vshm_ns_connect(self->from, self->cid,
					vshm_port(listener));
	EXPECT_LE(0, fd[0]);
	EXPECT_LE(0, fd[1]);
	EXPECT_EQ(-1, fd[2]);
	for (int i = 0; i < 2; i++)
		close(fd[i]);
	close(listener);
}

TEST_F(link, big_transfer)
{
	struct vshm_call call;

	ASSERT_EQ(0, pair(self));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, stream(&call, vshm_call_send_all, self->fd[i],
				    16 * MB, i));
		EXPECT_EQ(0, vshm_recv_all(self->fd[!i], 16 * MB, 70001, 0,
					   i));
		EXPECT_EQ(0, vshm_call_end(&call));
	}
	EXPECT_EQ(0, vshm_inq(self->fd[0]));
	EXPECT_EQ(0, vshm_outq(self->fd[0]));
	ASSERT_EQ(0, vshm_ns_enter(self->from));
	EXPECT_EQ(16 * MB, vshm_proc_num(self->fd[0], "tx.bytes"));
	EXPECT_EQ(16 * MB, vshm_proc_num(self->fd[0], "rx.bytes"));
}

TEST_F(link, sizes)
{
	static const size_t chunk[] = { 1, 7, 63, 2047, 2048, 4097, 65536 };
	struct vshm_call call;

	ASSERT_EQ(0, pair(self));
	for (unsigned int i = 0; i < 7; i++) {
		size_t len = chunk[i] * 300;

		ASSERT_EQ(0, stream(&call, vshm_call_recv_all, self->fd[1],
				    len, i));
		EXPECT_EQ(0, vshm_send_all(self->fd[0], len, chunk[i], 0, i));
		EXPECT_EQ(0, vshm_call_end(&call));
	}
}

TEST_F(link, full_duplex)
{
	struct vshm_call call[4];

	ASSERT_EQ(0, pair(self));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, stream(&call[i], vshm_call_send_all,
				    self->fd[i], 8 * MB, i));
		ASSERT_EQ(0, stream(&call[2 + i], vshm_call_recv_all,
				    self->fd[!i], 8 * MB, i));
	}
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, vshm_call_end(&call[i]));
}

/* Each answers when it has heard all: what sleeps must be woken. */
TEST_F(link, ping_pong)
{
	struct vshm_call call[4];

	ASSERT_EQ(0, pair(self));
	ASSERT_EQ(0, vshm_ns_enter(self->to));
	for (int i = 0; i < 500; i++) {
		ASSERT_EQ(0, stream(&call[0], vshm_call_recv_all,
				    self->fd[i & 1], 100, i));
		if (!(i % 8)) {
			ASSERT_TRUE(vshm_call_blocks(&call[0]));
		}
		ASSERT_EQ(0, vshm_send_all(self->fd[~i & 1], 100, 100, 0, i));
		ASSERT_EQ(0, vshm_call_end(&call[0]));
	}
}

TEST_F(link, half_close)
{
	char b;

	ASSERT_EQ(0, pair(self));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, vshm_send_all(self->fd[i], 20000, 20000, 0, i));
		EXPECT_EQ(0, shutdown(self->fd[i], SHUT_WR));
		EXPECT_EQ(-1, send(self->fd[i], "x", 1, MSG_NOSIGNAL));
		EXPECT_EQ(EPIPE, errno);
		EXPECT_EQ(0, vshm_recv_all(self->fd[!i], 20000, 333, 0, i));
		EXPECT_EQ(0, recv(self->fd[!i], &b, 1, 0));
	}
	EXPECT_EQ(0, vshm_so_error(self->fd[0]));
	EXPECT_EQ(0, vshm_so_error(self->fd[1]));
	EXPECT_STREQ("DISCONNECTED", vshm_ns_state(self->to, self->fd[1]));
}

TEST_F(link, read_half)
{
	struct vshm_call call = { .fn = vshm_call_send, .buf = "x", .len = 1 };

	ASSERT_EQ(0, pair(self));
	call.fd = self->fd[1];
	ASSERT_EQ(FULL, vshm_fill_up(self->fd[1], 0));
	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_TRUE(vshm_call_blocks(&call));
	EXPECT_EQ(0, shutdown(self->fd[0], SHUT_RD));
	EXPECT_EQ(-1, vshm_call_end(&call));
	EXPECT_EQ(EPIPE, errno);
	EXPECT_EQ(0, vshm_send_all(self->fd[0], 9, 9, 0, 0));
	EXPECT_EQ(0, vshm_recv_all(self->fd[1], 9, 9, 0, 0));
}

TEST_F(link, close_when_drained)
{
	char b;

	ASSERT_EQ(0, pair(self));
	ASSERT_EQ(0, vshm_send_all(self->fd[0], 20000, 20000, 0, 1));
	end_close(&self->fd[0]);
	EXPECT_EQ(0, vshm_recv_all(self->fd[1], 20000, 333, 0, 1));
	EXPECT_EQ(0, recv(self->fd[1], &b, 1, 0));
	EXPECT_EQ(0, vshm_so_error(self->fd[1]));
	EXPECT_EQ(-1, send(self->fd[1], "x", 1, MSG_NOSIGNAL));
	EXPECT_EQ(EPIPE, errno);
}

TEST_F(link, close_with_unread_data)
{
	char b;

	ASSERT_EQ(0, pair(self));
	ASSERT_EQ(0, vshm_send_all(self->fd[0], 5000, 5000, 0, 1));
	ASSERT_EQ(0, vshm_send_all(self->fd[1], 100, 100, 0, 1));
	end_close(&self->fd[1]);
	EXPECT_EQ(0, vshm_recv_all(self->fd[0], 100, 100, 0, 1));
	EXPECT_EQ(-1, recv(self->fd[0], &b, 1, 0));
	EXPECT_EQ(ECONNRESET, errno);
}

/* A reset ends calls that block, in either direction. */
TEST_F(link, reset)
{
	struct linger linger = { .l_onoff = 1 };
	struct vshm_call call[2];
	char b;

	ASSERT_EQ(0, pair(self));
	ASSERT_EQ(FULL, vshm_fill_up(self->fd[0], 0));
	for (int i = 0; i < 2; i++) {
		call[i] = (struct vshm_call) {
			.fn = i ? vshm_call_send : vshm_call_recv,
			.fd = self->fd[0], .buf = &b, .len = 1,
		};
		ASSERT_EQ(0, vshm_call_start(&call[i]));
		EXPECT_TRUE(vshm_call_blocks(&call[i]));
	}
	ASSERT_EQ(0, setsockopt(self->fd[1], SOL_SOCKET, SO_LINGER, &linger,
				sizeof(linger)));
	end_close(&self->fd[1]);
	/* one gets the error, the other may find only that it is over */
	EXPECT_GE(0, vshm_call_end(&call[0]));
	EXPECT_EQ(-1, vshm_call_end(&call[1]));
	EXPECT_TRUE(errno == ECONNRESET || errno == EPIPE);
	EXPECT_NE(0, vshm_poll(self->fd[0], POLLIN, 0) & POLLHUP);
}

/* One edge for each message, and one for the end. */
TEST_F(link, epoll)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET };
	int ep = epoll_create1(0);
	struct vshm_call call;

	ASSERT_EQ(0, pair(self));
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd[1], &ev));
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	for (int i = 0; i < 200; i++) {
		ASSERT_EQ(0, stream(&call, vshm_call_send_all, self->fd[0],
				    100, i));
		ASSERT_EQ(1, epoll_wait(ep, &ev, 1, VSHM_WAIT_MS));
		EXPECT_EQ(EPOLLIN, ev.events);
		ASSERT_EQ(0, vshm_recv_all(self->fd[1], 100, 100, 0, i));
		ASSERT_EQ(0, vshm_call_end(&call));
	}
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	end_close(&self->fd[0]);
	ASSERT_EQ(1, epoll_wait(ep, &ev, 1, VSHM_WAIT_MS));
	EXPECT_EQ(EPOLLIN | EPOLLRDHUP | EPOLLHUP, ev.events);
	close(ep);
}

/* Level-triggered, for space: a writer that never blocks. */
TEST_F(link, epoll_writer)
{
	struct epoll_event ev = { .events = EPOLLOUT };
	int ep = epoll_create1(0);
	struct vshm_call call;
	uint64_t pos = 0;
	uint8_t buf[5000];
	ssize_t n;

	ASSERT_EQ(0, pair(self));
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd[0], &ev));
	ASSERT_EQ(0, stream(&call, vshm_call_recv_all, self->fd[1], 4 * MB,
			    1));
	while (pos < 4 * MB) {
		ASSERT_EQ(1, epoll_wait(ep, &ev, 1, VSHM_WAIT_MS));
		ASSERT_EQ(EPOLLOUT, ev.events);
		n = 4 * MB - pos < 5000 ? 4 * MB - pos : 5000;
		vshm_fill(buf, n, pos, 1);
		n = send(self->fd[0], buf, n, MSG_DONTWAIT);
		if (n < 0) {
			ASSERT_EQ(EAGAIN, errno);
		} else {
			pos += n;
		}
	}
	EXPECT_EQ(0, vshm_call_end(&call));
	close(ep);
}

TEST_F(link, heap)
{
	uint64_t used[3];

	for (int i = 0; i < 2; i++)
		EXPECT_EQ(0, vshm_bed_num(&self->bed, i, "heap_used"));
	ASSERT_EQ(0, pair(self));
	for (int i = 0; i < 2; i++) {
		used[i] = vshm_bed_num(&self->bed, i, "heap_used");
		EXPECT_EQ(VSHM_RING_BYTES(VSHM_RING_ORDER_MIN), used[i]);
		EXPECT_EQ(1, vshm_bed_num(&self->bed, i, "connections"));
	}
	/* a busy ring grows in the half of who receives, only */
	ASSERT_EQ(FULL, vshm_fill_up(self->fd[variant->from], 0));
	used[2] = vshm_bed_num(&self->bed, 1, "heap_used");
	EXPECT_LT(FULL, used[2]);
	EXPECT_EQ(used[0], vshm_bed_num(&self->bed, 0, "heap_used"));
}

/*
 * When memory for rings is short, connecting fails and streams go on, with larger
 * rings once there is memory.
 */
TEST_F_TIMEOUT(link, heap_exhausted, 120)
{
	int listener = vshm_ns_listener(self->to, 4096);
	uint32_t port = vshm_port(listener);
	uint64_t end;
	int n, fd[2000];

	ASSERT_EQ(0, pair(self));
	for (n = 0; n < 2000; n++) {
		fd[n] = vshm_ns_connect(self->from, self->cid, port);
		if (fd[n] < 0)
			break;
	}
	EXPECT_EQ(ENOBUFS, errno);
	EXPECT_LT(500, n);
	EXPECT_LT(n, 2000);
	for (int i = 0; i < 2; i++) {
		struct vshm_call call;

		ASSERT_EQ(0, stream(&call, vshm_call_send_all, self->fd[i],
				    MB, 1));
		EXPECT_EQ(0, vshm_recv_all(self->fd[!i], MB, 3000, 0, 1));
		EXPECT_EQ(0, vshm_call_end(&call));
	}
	while (n--)
		close(fd[n]);
	close(listener);
	/* the memory of those that are gone is no sign */
	EXPECT_TRUE(vshm_bed_wait(&self->bed, 1, "connections", "1"));
	end = vshm_now_ms() + VSHM_WAIT_MS;
	while (vshm_bed_num(&self->bed, 1, "heap_used") < FULL &&
	       vshm_now_ms() < end) {
		struct vshm_call call;

		ASSERT_EQ(0, stream(&call, vshm_call_send_all,
				    self->fd[variant->from], 100000, 1));
		EXPECT_EQ(0, vshm_recv_all(self->fd[!variant->from], 100000,
					   3000, 0, 1));
		EXPECT_EQ(0, vshm_call_end(&call));
	}
	EXPECT_LE(FULL, vshm_bed_num(&self->bed, 1, "heap_used"));
}

/* What lay in a ring is gone when its memory is somebody else's. */
TEST_F(link, memory_is_cleared)
{
	static const char secret[] = "what nobody else may see";
	char buf[sizeof(secret)];
	const char *found;

	ASSERT_EQ(0, pair(self));
	ASSERT_EQ((ssize_t)sizeof(secret),
		  send(self->fd[0], secret, sizeof(secret), 0));
	ASSERT_EQ((ssize_t)sizeof(secret),
		  recv(self->fd[1], buf, sizeof(buf), MSG_WAITALL));
	found = memmem(self->bed.base, self->bed.size, secret, sizeof(secret));
	ASSERT_NE(NULL, found);
	end_close(&self->fd[0]);
	end_close(&self->fd[1]);
	ASSERT_TRUE(vshm_bed_idle(&self->bed));
	/* the same memory, since there is no other connection */
	ASSERT_EQ(0, pair(self));
	EXPECT_NE(0, memcmp(found, secret, sizeof(secret)));
	EXPECT_EQ(NULL, memmem(self->bed.base, self->bed.size, secret,
			       sizeof(secret)));
}

static volatile sig_atomic_t stop;

static void on_term(int sig)
{
	stop = 1;
}

/* An echo server in a process of its own. */
static pid_t serve(FIXTURE_DATA(link) *self, uint32_t *port)
{
	struct sigaction sa = { .sa_handler = on_term };
	int fd = vshm_ns_listener(self->to, SOMAXCONN);
	pid_t pid;

	*port = vshm_port(fd);
	sigaction(SIGTERM, &sa, NULL);
	pid = vshm_fork();
	if (!pid)
		_exit(vshm_echo_serve(fd, &stop) ? 1 : 0);
	close(fd);
	return pid;
}

TEST_F_TIMEOUT(link, sequential, 120)
{
	uint32_t port;
	pid_t pid = serve(self, &port);

	ASSERT_LE(0, pid);
	ASSERT_EQ(0, vshm_ns_enter(self->from));
	EXPECT_EQ(0, vshm_echo_sequential(self->cid, port, 1000, 100));
	kill(pid, SIGTERM);
	EXPECT_EQ(0, vshm_wait(pid));
}

TEST_F_TIMEOUT(link, parallel, 120)
{
	uint32_t port;
	pid_t pid = serve(self, &port);

	ASSERT_LE(0, pid);
	ASSERT_EQ(0, vshm_ns_enter(self->from));
	EXPECT_EQ(0, vshm_echo_parallel(self->cid, port, 200, 20000));
	kill(pid, SIGTERM);
	EXPECT_EQ(0, vshm_wait(pid));
}

/* Clients that leave in the middle. */
TEST_F(link, abandoned)
{
	uint32_t port;
	pid_t pid = serve(self, &port);

	ASSERT_LE(0, pid);
	for (int i = 0; i < 100; i++) {
		int fd = vshm_ns_connect(self->from, self->cid, port);

		ASSERT_LE(0, fd);
		if (i & 1) {
			ASSERT_EQ(0, vshm_send_all(fd, 150 * i, 5000, 0, 0));
		}
		close(fd);
	}
	EXPECT_EQ(0, vshm_echo_sequential(self->cid, port, 1, 100));
	kill(pid, SIGTERM);
	EXPECT_EQ(0, vshm_wait(pid));
}

TEST_F(link, foreign_cid)
{
	for (uint32_t cid = 0; cid < 2; cid++) {
		/* who is nobody's, and what is reserved */
		EXPECT_EQ(-1, vshm_ns_connect(self->ns[0], cid ? 9 : 0,
					      5000));
		EXPECT_EQ(VSHM_UNREACHABLE, errno);
	}
	EXPECT_EQ(-1, vshm_ns_connect(self->ns[0], 65536, 5000));
	EXPECT_EQ(VSHM_UNREACHABLE, errno);
	/* a guest asks its host, which allows nothing */
	EXPECT_EQ(-1, vshm_ns_connect(self->ns[1], 9, 5000));
	EXPECT_EQ(EACCES, errno);
	/* nor can it pass for another */
	EXPECT_EQ(0, vshm_ns_policy(self->ns[0], -1, -1, 1));
	EXPECT_EQ(-1, vshm_ns_connect(self->ns[1], 9, 5000));
	EXPECT_EQ(VSHM_UNREACHABLE, errno);
}

/* One end attached; the other is not, or is a program that never answers. */
FIXTURE(alone) {
	int ns[2];
	struct vshm_bed bed;
	int side;
	uint32_t cid;
	int fd;
};

FIXTURE_VARIANT(alone) {
	int side;	/* who is there */
};

FIXTURE_VARIANT_ADD(alone, host) { 0 };
FIXTURE_VARIANT_ADD(alone, guest) { 1 };

FIXTURE_SETUP(alone)
{
	for (int i = 0; i < 2; i++) {
		self->ns[i] = vshm_ns_new();
		ASSERT_LE(0, self->ns[i]);
	}
	ASSERT_EQ(0, vshm_bed_make(&self->bed, self->ns[0], VSHM_CID_HOST,
				   self->ns[1], 3));
	self->side = variant->side;
	self->cid = self->bed.end[!self->side].cid;
	ASSERT_EQ(0, vshm_bed_attach(&self->bed, self->side));
	ASSERT_EQ(0, vshm_ns_enter(self->ns[self->side]));
	self->fd = vshm_socket(0);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(alone)
{
	close(self->fd);
	vshm_bed_free(&self->bed);
	EXPECT_EQ(0, vshm_locked_kb());
	EXPECT_TRUE(vshm_ns_empty(self->ns[self->side]));
}

static int set_timeout(int fd, int ms)
{
	struct __kernel_sock_timeval tv = { ms / 1000, ms % 1000 * 1000 };

	return setsockopt(fd, vshm_family(), SO_VSHM_CONNECT_TIMEOUT_NEW, &tv,
			  sizeof(tv));
}

TEST_F(alone, unreachable)
{
	EXPECT_EQ(-1, vshm_connect(self->fd, self->cid, 5000));
	EXPECT_EQ(VSHM_UNREACHABLE, errno);
	EXPECT_TRUE(vshm_bed_wait(&self->bed, self->side, "state", "down"));
	EXPECT_TRUE(vshm_bed_wait(&self->bed, self->side, "heap_used", "0"));
	vshm_bed_detach(&self->bed, self->side);
	EXPECT_TRUE(vshm_bed_wait(&self->bed, self->side, "state", "absent"));
	EXPECT_EQ(-1, vshm_connect(self->fd, self->cid, 5000));
	EXPECT_EQ(VSHM_UNREACHABLE, errno);
}

TEST_F(alone, no_answer)
{
	uint64_t begin, took;

	ASSERT_EQ(0, vshm_bed_fake(&self->bed, !self->side));
	ASSERT_EQ(0, set_timeout(self->fd, 200));
	for (int i = 0; i < 3; i++) {
		begin = vshm_now_ms();
		EXPECT_EQ(-1, vshm_connect(self->fd, self->cid, 5000));
		EXPECT_EQ(ETIMEDOUT, errno);
		took = vshm_now_ms() - begin;
		EXPECT_LE(190, took);
		EXPECT_GE(2000, took);
	}
	/* it holds the slots until it says more, or leaves */
	EXPECT_EQ(3, vshm_bed_num(&self->bed, self->side, "connections"));
	EXPECT_STREQ("BOUND", vshm_ns_state(self->ns[self->side], self->fd));
}

TEST_F(alone, no_answer_nonblocking)
{
	ASSERT_EQ(0, vshm_bed_fake(&self->bed, !self->side));
	ASSERT_EQ(0, set_timeout(self->fd, 200));
	ASSERT_EQ(0, vshm_nonblock(self->fd));
	EXPECT_EQ(-1, vshm_connect(self->fd, self->cid, 5000));
	EXPECT_EQ(EINPROGRESS, errno);
	EXPECT_STREQ("CONNECTING", vshm_ns_state(self->ns[self->side],
						 self->fd));
	EXPECT_NE(0, vshm_poll(self->fd, POLLOUT, VSHM_WAIT_MS));
	EXPECT_EQ(ETIMEDOUT, vshm_so_error(self->fd));
}

/* connect() to AF_UNSPEC ends an attempt, and the socket can try again. */
TEST_F(alone, given_up)
{
	struct sockaddr nobody = { .sa_family = AF_UNSPEC };

	ASSERT_EQ(0, vshm_bed_fake(&self->bed, !self->side));
	ASSERT_EQ(0, vshm_nonblock(self->fd));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(-1, vshm_connect(self->fd, self->cid, 5000));
		EXPECT_EQ(EINPROGRESS, errno);
		EXPECT_EQ(0, connect(self->fd, &nobody, sizeof(nobody)));
		EXPECT_STREQ("BOUND", vshm_ns_state(self->ns[self->side],
						    self->fd));
	}
	EXPECT_EQ(ECONNABORTED, vshm_so_error(self->fd));
}

static long call_connect(struct vshm_call *call)
{
	return vshm_connect(call->fd, call->flags, 5000);
}

TEST_F(alone, interrupted)
{
	struct vshm_call call = { .fn = call_connect };

	ASSERT_EQ(0, vshm_catch_usr1());
	ASSERT_EQ(0, vshm_bed_fake(&self->bed, !self->side));
	call.fd = self->fd;
	call.flags = self->cid;
	ASSERT_EQ(0, vshm_call_start(&call));
	ASSERT_TRUE(vshm_call_blocks(&call));
	EXPECT_EQ(0, pthread_kill(call.thread, SIGUSR1));
	EXPECT_EQ(-1, vshm_call_end(&call));
	EXPECT_EQ(EINTR, errno);
	EXPECT_STREQ("BOUND", vshm_ns_state(self->ns[self->side], self->fd));
}

TEST_F(alone, closed_while_connecting)
{
	ASSERT_EQ(0, vshm_bed_fake(&self->bed, !self->side));
	ASSERT_EQ(0, vshm_nonblock(self->fd));
	EXPECT_EQ(-1, vshm_connect(self->fd, self->cid, 5000));
	EXPECT_EQ(EINPROGRESS, errno);
	close(self->fd);
	self->fd = -1;
}

/* The peer that never answers is replaced by one that does. */
TEST_F(alone, peer_comes)
{
	struct vshm_call call = { .fn = call_connect };
	int pair[2];

	ASSERT_EQ(0, vshm_bed_fake(&self->bed, !self->side));
	call.fd = self->fd;
	call.flags = self->cid;
	ASSERT_EQ(0, vshm_call_start(&call));
	ASSERT_TRUE(vshm_call_blocks(&call));
	ASSERT_EQ(0, vshm_bed_attach(&self->bed, !self->side));
	EXPECT_EQ(-1, vshm_call_end(&call));
	EXPECT_EQ(ECONNRESET, errno);
	ASSERT_EQ(0, vshm_bed_up(&self->bed));
	ASSERT_EQ(0, vshm_ns_pair(self->ns[self->side], self->ns[!self->side],
				  self->cid, pair));
	EXPECT_EQ(0, vshm_send_all(pair[1], 9, 9, 0, 0));
	EXPECT_EQ(0, vshm_recv_all(pair[0], 9, 9, 0, 0));
	close(pair[0]);
	close(pair[1]);
	EXPECT_TRUE(vshm_bed_idle(&self->bed));
}

TEST_HARNESS_MAIN
