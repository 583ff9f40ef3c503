// SPDX-License-Identifier: GPL-2.0
/*
 * Calls whose requests for memory fail, one after the other, and whose copies
 * from and to the program fail: each call is made once to count what may fail
 * in it, then again with the first failing, the second, and so on. It has to
 * give an errno that makes sense, or to do without; what it was made on must
 * work afterwards, and nothing may be left.
 *
 * Without fault injection in the kernel, all of it is skipped.
 */
#include "vshm_bed.h"
#include "vshm_fault.h"
#include "vshm_pair.h"
#include "vshm_proc.h"

#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <linux/time_types.h>

#define FAR		1000000	/* more chances than any call has */
#define PLACES		120	/* that are tried in one call, the last ones */
#define SAMPLES		30	/* and some of those before */
#define BULK		100000
#define SMALL		5000

/* Before the first test, and before there is any output. */
static void __attribute__((constructor)) faults_require(void)
{
	if (!vshm_fault_prepare())
		ksft_exit_skip("no fault injection\n");
}

/**
 * struct state - what a call is made on
 * @nth: file to arm faults with
 * @listener: listening socket
 * @port: where it listens
 * @fd: socket or other file that the call is about
 * @peer: the other end
 * @old: namespace
 * @bed: link
 */
struct state {
	int nth;
	int listener;
	uint32_t port;
	int fd;
	int peer;
	int old;
	struct vshm_bed bed;
};

/**
 * struct step - a call
 * @set: makes ready; 0, or -1 with errno
 * @call: what is tried: 0, or -1 with errno
 * @undo: takes back what was made ready, and what the call did, if it did
 *
 * One of @set and @undo for each call.
 */
struct step {
	int (*set)(struct state *s);
	int (*call)(struct state *s);
	int (*undo)(struct state *s, bool done);
};

/* Makes the call with one fault; returns how far away the fault was, or -1. */
static int with_fault(struct state *s, const struct step *step, int nth)
{
	int ret, err, left;

	if (step->set && step->set(s)) {
		printf("# not ready: %s\n", strerror(errno));
		return -1;
	}
	vshm_fault_arm(s->nth, nth);
	ret = step->call(s);
	err = errno;
	left = vshm_fault_disarm(s->nth);
	if (ret && (left || !vshm_fault_errno(err))) {
		printf("# request %d%s: %s\n", nth, left ? " not reached" : "",
		       strerror(err));
		return -1;
	}
	if (step->undo && step->undo(s, !ret)) {
		printf("# after request %d failed, with %s: %s\n", nth,
		       ret ? strerror(err) : "success", strerror(errno));
		return -1;
	}
	return left;
}

/* Returns how many faults there were, or -1. */
static int each_fault(struct state *s, const struct step *step)
{
	int left, places, first, nth, hits = 0;

	/* twice: the first call may fill caches */
	if (with_fault(s, step, FAR) < 0)
		return -1;
	left = with_fault(s, step, FAR);
	if (left < 0)
		return -1;
	places = FAR - left;
	first = places > PLACES ? places - PLACES : 0;
	for (nth = 1; nth <= places + 2;
	     nth += nth < first ? 1 + first / SAMPLES : 1) {
		left = with_fault(s, step, nth);
		if (left < 0)
			return -1;
		hits += !left;
	}
	printf("# %d of %d requests failed\n", hits, places);
	return hits;
}

FIXTURE(faults) {
	struct state s;
	int sockets;
	long taint;
};

static int sockets_now(void)
{
	struct vshm_table t;
	int n;

	if (vshm_table_load(&t))
		return -1;
	n = t.rows;
	vshm_table_free(&t);
	return n;
}

FIXTURE_SETUP(faults)
{
	self->taint = vshm_taint();
	self->sockets = sockets_now();
	self->s.nth = open(VSHM_FAULT_NTH, O_RDWR);
	ASSERT_LE(0, self->s.nth);
	self->s.listener = vshm_listener(8);
	ASSERT_LE(0, self->s.listener);
	self->s.port = vshm_port(self->s.listener);
	self->s.fd = -1;
	self->s.peer = -1;
}

FIXTURE_TEARDOWN(faults)
{
	uint64_t end = vshm_now_ms() + VSHM_WAIT_MS;

	close(self->s.listener);
	close(self->s.nth);
	while (sockets_now() != self->sockets && vshm_now_ms() < end)
		usleep(1000);
	EXPECT_EQ(self->sockets, sockets_now());
	EXPECT_EQ(self->taint, vshm_taint());
}

static int undo_close(struct state *s, bool done)
{
	if (s->fd >= 0)
		close(s->fd);
	if (s->peer >= 0)
		close(s->peer);
	s->fd = -1;
	s->peer = -1;
	return 0;
}

static int set_socket(struct state *s)
{
	s->fd = vshm_socket(0);
	return s->fd < 0 ? -1 : 0;
}

static int call_socket(struct state *s)
{
	return set_socket(s);
}

TEST_F(faults, socket)
{
	static const struct step step = {
		.call = call_socket, .undo = undo_close,
	};

	EXPECT_LT(2, each_fault(&self->s, &step));
}

static int call_dgram(struct state *s)
{
	s->fd = socket(vshm_family(), SOCK_DGRAM, 0);
	return s->fd < 0 ? -1 : 0;
}

TEST_F(faults, dgram)
{
	static const struct step step = {
		.call = call_dgram, .undo = undo_close,
	};

	EXPECT_LT(3, each_fault(&self->s, &step));
}

static int call_socketpair(struct state *s)
{
	int fd[2];

	if (socketpair(vshm_family(), SOCK_STREAM, 0, fd))
		return -1;
	s->fd = fd[0];
	s->peer = fd[1];
	return 0;
}

TEST_F(faults, socketpair)
{
	static const struct step step = {
		.call = call_socketpair, .undo = undo_close,
	};

	EXPECT_LT(6, each_fault(&self->s, &step));
}

static int call_bind(struct state *s)
{
	return vshm_bind(s->fd, VSHM_CID_ANY, VSHM_PORT_ANY);
}

/* What failed can be repeated. */
static int undo_bind(struct state *s, bool done)
{
	int ret = done ? 0 : call_bind(s);

	if (!ret && vshm_port(s->fd) == VSHM_PORT_ANY) {
		errno = EADDRNOTAVAIL;
		ret = -1;
	}
	undo_close(s, done);
	return ret;
}

TEST_F(faults, bind)
{
	static const struct step step = {
		.set = set_socket, .call = call_bind, .undo = undo_bind,
	};

	EXPECT_LT(0, each_fault(&self->s, &step));
}

static int undo_talk(struct state *s, bool done)
{
	int ret = done ? 0 : call_socketpair(s);

	ret = ret ?: vshm_talk(s->fd, s->peer);
	undo_close(s, done);
	return ret;
}

static int call_connect(struct state *s)
{
	return vshm_connect(s->fd, VSHM_CID_LOCAL, s->port);
}

static int undo_connect(struct state *s, bool done)
{
	int ret = done ? 0 : call_connect(s);

	if (!ret) {
		s->peer = accept(s->listener, NULL, NULL);
		ret = s->peer < 0 ? -1 : vshm_talk(s->fd, s->peer);
	}
	/* nobody else is in the queue */
	if (!ret && (vshm_poll(s->listener, POLLIN, 0) & POLLIN)) {
		errno = EISCONN;
		ret = -1;
	}
	undo_close(s, done);
	return ret;
}

TEST_F(faults, connect)
{
	static const struct step step = {
		.set = set_socket, .call = call_connect, .undo = undo_connect,
	};

	EXPECT_LT(6, each_fault(&self->s, &step));
}

/*
 * With limits that leave room for just this: had a call that failed kept any of
 * it, the next one would not find enough.
 */
TEST_F(faults, at_the_limits)
{
	static const char * const limits[][2] = {
		{ "max_sockets", "3" },
		{ "max_user_sockets", "3" },
		{ "max_pending", "1" },
		{ "max_link_pending", "1" },
		{ "max_memory_kb", "72" },
		{ "max_user_memory_kb", "72" },
	};
	static const struct step pair = {
		.call = call_socketpair, .undo = undo_talk,
	};
	static const struct step step = {
		.set = set_socket, .call = call_connect, .undo = undo_connect,
	};
	int old = self->s.listener, fd[3];

	self->s.old = open("/proc/thread-self/ns/net", O_RDONLY);
	ASSERT_EQ(0, vshm_ns_enter(vshm_ns_new()));
	self->s.listener = vshm_listener(8);
	self->s.port = vshm_port(self->s.listener);
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
		ASSERT_EQ(0, vshm_limit_set(limits[i][0], limits[i][1]));
	EXPECT_LT(6, each_fault(&self->s, &pair));
	EXPECT_LT(6, each_fault(&self->s, &step));
	/* and what is beyond is refused */
	for (int i = 0; i < 3; i++)
		fd[i] = vshm_socket(0);
	EXPECT_EQ(-1, fd[2]);
	EXPECT_EQ(ENOBUFS, errno);
	close(fd[0]);
	close(fd[1]);
	close(self->s.listener);
	self->s.listener = old;
	EXPECT_EQ(0, vshm_ns_enter(self->s.old));
	close(self->s.old);
}

static int set_client(struct state *s)
{
	s->fd = vshm_client(s->listener);
	return s->fd < 0 ? -1 : 0;
}

static int call_accept(struct state *s)
{
	s->peer = accept(s->listener, NULL, NULL);
	return s->peer < 0 ? -1 : 0;
}

static int undo_accept(struct state *s, bool done)
{
	int ret = done ? 0 : call_accept(s);

	if (!ret)
		ret = vshm_talk(s->fd, s->peer);
	undo_close(s, done);
	return ret;
}

TEST_F(faults, accept)
{
	static const struct step step = {
		.set = set_client, .call = call_accept, .undo = undo_accept,
	};

	EXPECT_LT(2, each_fault(&self->s, &step));
}

static int set_pair(struct state *s)
{
	int fd[2];

	if (vshm_pair_open(fd))
		return -1;
	s->fd = fd[0];
	s->peer = fd[1];
	return 0;
}

static uint8_t bulk[BULK];
static ssize_t moved;

/* On a new pair, so that its ring has to grow. */
static int call_send(struct state *s)
{
	moved = send(s->fd, bulk, sizeof(bulk), MSG_DONTWAIT);
	return moved < 0 ? -1 : 0;
}

/* What was sent arrives, no more and no less. */
static int undo_send(struct state *s, bool done)
{
	int ret = done ? vshm_recv_all(s->peer, moved, SMALL, 0, 1) : 0;

	if (!ret && vshm_inq(s->peer)) {
		errno = EOVERFLOW;
		ret = -1;
	}
	ret = ret ?: vshm_talk(s->fd, s->peer);
	undo_close(s, done);
	return ret;
}

TEST_F(faults, send)
{
	static const struct step step = {
		.set = set_pair, .call = call_send, .undo = undo_send,
	};

	vshm_fill(bulk, sizeof(bulk), 0, 1);
	EXPECT_LT(2, each_fault(&self->s, &step));
}

static int set_queued(struct state *s)
{
	if (set_pair(s))
		return -1;
	moved = vshm_send_all(s->peer, BULK, SMALL, 0, 1);
	return moved;
}

static int call_recv(struct state *s)
{
	moved = recv(s->fd, bulk, sizeof(bulk), 0);
	return moved < 0 ? -1 : 0;
}

/* What was not received is still there. */
static int undo_recv(struct state *s, bool done)
{
	int ret = 0;

	if (!done)
		moved = 0;
	if (vshm_check(bulk, moved, 0, 1) != (size_t)moved) {
		errno = EILSEQ;
		ret = -1;
	}
	ret = ret ?: vshm_recv_all(s->fd, BULK - moved, SMALL, moved, 1);
	undo_close(s, done);
	return ret;
}

TEST_F(faults, recv)
{
	static const struct step step = {
		.set = set_queued, .call = call_recv, .undo = undo_recv,
	};

	EXPECT_LT(1, each_fault(&self->s, &step));
}

/* One packet in many pieces. */
static struct msghdr *pieces(void)
{
	static struct iovec iov[50];
	static struct msghdr msg;

	for (int i = 0; i < 50; i++)
		iov[i] = (struct iovec) { bulk + SMALL / 50 * i, SMALL / 50 };
	msg = (struct msghdr) { .msg_iov = iov, .msg_iovlen = 50 };
	return &msg;
}

static int set_packets(struct state *s)
{
	int fd[2];

	if (socketpair(vshm_family(), SOCK_SEQPACKET, 0, fd))
		return -1;
	s->fd = fd[0];
	s->peer = fd[1];
	return 0;
}

static int call_packet(struct state *s)
{
	return sendmsg(s->fd, pieces(), 0) == SMALL ? 0 : -1;
}

/* A packet arrives as a whole or not at all. */
static int undo_packet(struct state *s, bool done)
{
	uint8_t got[SMALL + 1];
	int ret = done ? 0 : call_packet(s);

	if (!ret && (recv(s->peer, got, sizeof(got), 0) != SMALL ||
		     vshm_check(got, SMALL, 0, 1) != SMALL ||
		     recv(s->peer, got, 1, MSG_DONTWAIT) >= 0)) {
		errno = EILSEQ;
		ret = -1;
	}
	undo_close(s, done);
	return ret;
}

TEST_F(faults, packet)
{
	static const struct step step = {
		.set = set_packets, .call = call_packet, .undo = undo_packet,
	};

	vshm_fill(bulk, sizeof(bulk), 0, 1);
	EXPECT_LT(2, each_fault(&self->s, &step));
}

static int call_options(struct state *s)
{
	struct __kernel_sock_timeval tv = { 1, 0 };
	socklen_t len = sizeof(tv);
	uint64_t size = 1 << 16;

	if (setsockopt(s->fd, vshm_family(), SO_VSHM_BUFFER_SIZE, &size,
		       sizeof(size)) ||
	    setsockopt(s->fd, vshm_family(), SO_VSHM_CONNECT_TIMEOUT_NEW, &tv,
		       sizeof(tv)))
		return -1;
	return getsockopt(s->fd, vshm_family(), SO_VSHM_CONNECT_TIMEOUT_NEW,
			  &tv, &len);
}

static int undo_options(struct state *s, bool done)
{
	int ret = call_options(s);

	undo_close(s, done);
	return ret;
}

TEST_F(faults, options)
{
	static const struct step step = {
		.set = set_socket, .call = call_options, .undo = undo_options,
	};

	EXPECT_LT(2, each_fault(&self->s, &step));
}

static int call_watch(struct state *s)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	return epoll_ctl(s->old, EPOLL_CTL_ADD, s->peer, &event);
}

static int undo_watch(struct state *s, bool done)
{
	struct epoll_event event;
	int ret = done ? 0 : call_watch(s);

	if (!ret && (send(s->fd, "x", 1, 0) != 1 ||
		     epoll_wait(s->old, &event, 1, VSHM_WAIT_MS) != 1)) {
		errno = ETIMEDOUT;
		ret = -1;
	}
	undo_close(s, done);
	return ret;
}

TEST_F(faults, epoll)
{
	static const struct step step = {
		.set = set_pair, .call = call_watch, .undo = undo_watch,
	};

	self->s.old = epoll_create1(0);
	EXPECT_LT(1, each_fault(&self->s, &step));
	close(self->s.old);
}

static int call_read(struct state *s)
{
	char text[4096];

	s->fd = open(VSHM_PROC_PATH, O_RDONLY);
	return s->fd < 0 || read(s->fd, text, sizeof(text)) <= 0 ? -1 : 0;
}

TEST_F(faults, table)
{
	static const struct step step = {
		.call = call_read, .undo = undo_close,
	};

	EXPECT_LT(2, each_fault(&self->s, &step));
}

/*
 * Much else is made for a namespace, and says what it likes when that fails:
 * EINVAL of a device without a name, ENOSPC of the count of namespaces. What is
 * made for this family says ENOMEM.
 */
static int call_namespace(struct state *s)
{
	static const int others[] = {
		EINVAL, EEXIST, ENODEV, EAFNOSUPPORT, ENOSPC,
	};
	int ret = unshare(CLONE_NEWNET);

	for (unsigned int i = 0; ret && i < sizeof(others) / sizeof(*others); i++)
		if (errno == others[i])
			errno = ENOMEM;
	return ret;
}

static int undo_namespace(struct state *s, bool done)
{
	int ret = done ? set_socket(s) : 0;

	undo_close(s, done);
	return ret ?: vshm_ns_enter(s->old);
}

/* Each has a table of its own, which is made last. */
TEST_F_TIMEOUT(faults, namespace, 120)
{
	static const struct step step = {
		.call = call_namespace, .undo = undo_namespace,
	};

	self->s.old = open("/proc/thread-self/ns/net", O_RDONLY);
	ASSERT_LE(0, self->s.old);
	EXPECT_LT(10, each_fault(&self->s, &step));
	close(self->s.old);
}

static int set_device(struct state *s)
{
	s->fd = open(VSHM_DEVICE, O_RDWR);
	return s->fd < 0 ? -1 : 0;
}

static int call_attach(struct state *s)
{
	struct vshm_attach args = vshm_bed_args(&s->bed, 0);

	return ioctl(s->fd, VSHM_IOC_ATTACH, &args);
}

/* Only what is attached is locked, and what failed can be repeated. */
static int undo_attach(struct state *s, bool done)
{
	int ret = 0;

	if (!done && vshm_locked_kb()) {
		errno = EOVERFLOW;
		ret = -1;
	}
	if (!done && !ret)
		ret = call_attach(s);
	undo_close(s, done);
	if (!ret && vshm_locked_kb()) {
		errno = EOVERFLOW;
		ret = -1;
	}
	return ret;
}

TEST_F_TIMEOUT(faults, attach, 120)
{
	static const struct step step = {
		.set = set_device, .call = call_attach, .undo = undo_attach,
	};
	int ns = open("/proc/thread-self/ns/net", O_RDONLY);
	struct vshm_bed *bed = &self->s.bed;

	ASSERT_EQ(0, vshm_bed_make(bed, ns, VSHM_CID_HOST, ns, 60000));
	/* its pages are there already */
	memset((char *)bed->base + VSHM_PAGE, 0, bed->size - VSHM_PAGE);
	EXPECT_LT(6, each_fault(&self->s, &step));
	vshm_bed_free(bed);
	close(ns);
}

static int call_open(struct state *s)
{
	struct vshm_policy policy = { sizeof(policy), 60001, 60002, 0 };

	if (set_device(s))
		return -1;
	return ioctl(s->fd, VSHM_IOC_POLICY, &policy);
}

TEST_F(faults, device)
{
	static const struct step step = {
		.call = call_open, .undo = undo_close,
	};

	EXPECT_LT(2, each_fault(&self->s, &step));
}

TEST_HARNESS_MAIN
