// SPDX-License-Identifier: GPL-2.0
/*
 * What Documentation/vshm.rst says of the differences from AF_VSOCK and AF_UNIX:
 * each test is a row of that table, asked of each family. What AF_VSOCK does is
 * that of Linux 6.1, and differs in later ones.
 */
#include "vshm_test.h"
#include <kselftest_harness.h>

#include <sched.h>
#include <stddef.h>
#include <sys/un.h>
#include <sys/utsname.h>

union name {
	struct sockaddr sa;
	struct sockaddr_un un;
	struct sockaddr_vshm vshm;
};

/* @s accepted @c, which is a stream. */
FIXTURE(family) {
	int number;
	union name name;
	socklen_t len;
	int listener;
	int c;
	int s;
};

FIXTURE_VARIANT(family) { int number; };

FIXTURE_VARIANT_ADD(family, vshm) { AF_VSHM };
FIXTURE_VARIANT_ADD(family, vsock) { AF_VSOCK };
FIXTURE_VARIANT_ADD(family, unix) { AF_UNIX };

/* What the table says of the family. */
#define SAYS(of_vshm, of_vsock, of_unix)				\
	(variant->number == AF_UNIX ? (of_unix) :			\
	 variant->number == AF_VSOCK ? (of_vsock) : (of_vshm))

/* An address that a socket of this test alone has. */
static void set_name(FIXTURE_DATA(family) *self, uint32_t port)
{
	memset(&self->name, 0, sizeof(self->name));
	self->name.sa.sa_family = self->number;
	if (self->number != AF_UNIX) {
		self->name.vshm.svs_cid = VSHM_CID_LOCAL;
		self->name.vshm.svs_port = port;
		self->len = sizeof(self->name.vshm);
		return;
	}
	self->len = offsetof(struct sockaddr_un, sun_path) + 1 +
		    sprintf(self->name.un.sun_path + 1, "vshm %u", port);
}

static int make(FIXTURE_DATA(family) *self, int type)
{
	return socket(self->number, type, 0);
}

static int listen_at(FIXTURE_DATA(family) *self, int type, int backlog)
{
	int fd = make(self, type);

	if (bind(fd, &self->name.sa, self->len) || listen(fd, backlog)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* AF_VSOCK was not there, and goes again: whoever tests loading wants it so. */
static bool brought;

static void __attribute__((constructor)) bring_vsock(void)
{
	if (vshm_family() != AF_VSOCK && access("/sys/module/vsock", F_OK))
		brought = !system("modprobe -q vsock_loopback 2>/dev/null");
}

static void __attribute__((destructor)) take_vsock(void)
{
	/* it keeps closed sockets for 8 seconds */
	for (int i = 0; brought && i < 100; i++) {
		if (system("for m in vsock_loopback "
			   "vmw_vsock_virtio_transport_common vsock; do "
			   "rmmod $m 2>/dev/null; done; [ ! -d /sys/module/vsock ]"))
			usleep(200000);
		else
			brought = false;
	}
}

static bool is_there(int family)
{
	struct utsname uts;

	return family != AF_VSOCK || (vshm_family() != AF_VSOCK &&
	       !access("/sys/module/vsock_loopback", F_OK) && !uname(&uts) &&
	       !strncmp(uts.release, "6.1.", 4));
}

/* SKIP() in FIXTURE_SETUP() does not keep the test from running. */
#define NEEDS_FAMILY()							\
	do {								\
		if (self->listener < 0)					\
			SKIP(return, "no AF_VSOCK of Linux 6.1");	\
	} while (0)

FIXTURE_SETUP(family)
{
	self->number = variant->number == AF_VSHM ? vshm_family() :
						    variant->number;
	self->listener = -1;
	self->c = -1;
	self->s = -1;
	if (!is_there(variant->number))
		return;
	set_name(self, 7000 + getpid());
	self->listener = listen_at(self, SOCK_STREAM, 2);
	ASSERT_LE(0, self->listener);
	self->c = make(self, SOCK_STREAM);
	ASSERT_EQ(0, connect(self->c, &self->name.sa, self->len));
	self->s = accept(self->listener, NULL, NULL);
	ASSERT_LE(0, self->s);
}

FIXTURE_TEARDOWN(family)
{
	close(self->c);
	close(self->s);
	close(self->listener);
}

/* 0, or the errno. */
static int err(long ret)
{
	return ret < 0 ? errno : 0;
}

TEST_F(family, types)
{
	int fd[2];

	NEEDS_FAMILY();
	EXPECT_LE(0, make(self, SOCK_SEQPACKET));
	EXPECT_EQ(SAYS(0, ENODEV, 0), err(make(self, SOCK_DGRAM)));
	EXPECT_EQ(SAYS(0, EOPNOTSUPP, 0),
		  err(socketpair(self->number, SOCK_STREAM, 0, fd)));
}

TEST_F(family, network_namespaces)
{
	NEEDS_FAMILY();
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	EXPECT_EQ(SAYS(0, EADDRINUSE, 0),
		  err(bind(make(self, SOCK_STREAM), &self->name.sa,
			   self->len)));
}

TEST_F(family, nobody_listens)
{
	NEEDS_FAMILY();
	set_name(self, 60000 + getpid());
	EXPECT_EQ(SAYS(VSHM_REFUSED, ECONNRESET, ECONNREFUSED),
		  err(connect(make(self, SOCK_STREAM), &self->name.sa,
			      self->len)));
}

TEST_F(family, queue_is_full)
{
	int fd, is = 0;

	NEEDS_FAMILY();
	for (int i = 0; i < 9 && (!is || is == EINPROGRESS); i++) {
		fd = make(self, SOCK_STREAM | SOCK_NONBLOCK);
		is = err(connect(fd, &self->name.sa, self->len));
		if (is == EINPROGRESS && vshm_poll(fd, POLLOUT, VSHM_WAIT_MS))
			is = vshm_so_error(fd);
	}
	EXPECT_EQ(SAYS(VSHM_REFUSED, ECONNRESET, EAGAIN), is);
}

TEST_F(family, datagram_without_room)
{
	static char buf[1000];
	int fd[2], is = 0;

	NEEDS_FAMILY();
	if (variant->number == AF_VSOCK)
		SKIP(return, "no datagrams");
	ASSERT_EQ(0, socketpair(self->number, SOCK_DGRAM, 0, fd));
	for (int i = 0; i < 2000 && !is; i++)
		is = err(send(fd[0], buf, sizeof(buf), MSG_DONTWAIT));
	EXPECT_EQ(SAYS(0, 0, EAGAIN), is);
}

/* Sends all it can; whether that was more than 100 KB. */
static bool takes_much(int fd)
{
	static char buf[4096];
	int n, sum = 0;

	while ((n = send(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		sum += n;
	return sum > 100000;
}

TEST_F(family, buffer_limits)
{
	int small = 4096;

	NEEDS_FAMILY();
	EXPECT_TRUE(takes_much(self->c));
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, setsockopt(self->s, SOL_SOCKET,
					i ? SO_RCVBUF : SO_SNDBUF, &small,
					sizeof(small)));
	EXPECT_EQ(SAYS(false, true, false), takes_much(self->s));
}

TEST_F(family, buffer_bounds)
{
	uint64_t size[] = { 1, 1ULL << 30 };
	socklen_t len = sizeof(uint64_t);

	NEEDS_FAMILY();
	if (variant->number == AF_UNIX)
		SKIP(return, "no such option");
	ASSERT_EQ(0, setsockopt(self->c, self->number, SO_VSHM_BUFFER_MIN_SIZE,
				&size[0], len));
	ASSERT_EQ(0, setsockopt(self->c, self->number, SO_VSHM_BUFFER_MAX_SIZE,
				&size[1], len));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, setsockopt(self->c, self->number,
					SO_VSHM_BUFFER_SIZE, &size[i], len));
		ASSERT_EQ(0, getsockopt(self->c, self->number,
					SO_VSHM_BUFFER_SIZE, &size[i], &len));
	}
	EXPECT_EQ(SAYS(2048, 1, 0), size[0]);
	EXPECT_EQ(SAYS(16U << 20, 1U << 30, 0), size[1]);
}

TEST_F(family, listener_shut_down)
{
	struct vshm_call call = { .fn = vshm_call_accept,
				  .fd = self->listener };

	NEEDS_FAMILY();
	ASSERT_EQ(0, vshm_catch_usr1());
	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_TRUE(vshm_call_blocks(&call));
	EXPECT_EQ(SAYS(0, ENOTCONN, 0), err(shutdown(self->listener, SHUT_RD)));
	if (variant->number == AF_VSOCK)
		pthread_kill(call.thread, SIGUSR1);
	EXPECT_EQ(-1, vshm_call_end(&call));
	EXPECT_EQ(SAYS(EINVAL, EINTR, EINVAL), errno);
}

TEST_F(family, unread_at_close)
{
	char b;

	NEEDS_FAMILY();
	ASSERT_EQ(1, send(self->c, "x", 1, 0));
	EXPECT_EQ(POLLIN, vshm_poll(self->s, POLLIN, VSHM_WAIT_MS));
	close(self->s);
	self->s = -1;
	EXPECT_EQ(SAYS(ECONNRESET, 0, ECONNRESET),
		  err(recv(self->c, &b, 1, 0)));
}

TEST_F(family, queue_lengths)
{
	int n;

	NEEDS_FAMILY();
	EXPECT_EQ(SAYS(0, EOPNOTSUPP, 0), err(ioctl(self->s, SIOCINQ, &n)));
	EXPECT_EQ(SAYS(0, EOPNOTSUPP, 0), err(ioctl(self->c, SIOCOUTQ, &n)));
}

TEST_F(family, out_of_band)
{
	NEEDS_FAMILY();
	EXPECT_EQ(SAYS(EOPNOTSUPP, EOPNOTSUPP, 0),
		  err(send(self->c, "x", 1, MSG_OOB)));
}

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
	signals++;
}

/* A stream whose end was said. */
TEST_F(family, signal)
{
	NEEDS_FAMILY();
	signals = 0;
	ASSERT_NE(SIG_ERR, signal(SIGPIPE, on_signal));
	ASSERT_EQ(0, shutdown(self->c, SHUT_WR));
	EXPECT_EQ(EPIPE, err(send(self->c, "x", 1, MSG_NOSIGNAL)));
	EXPECT_EQ(0, signals);
	EXPECT_EQ(EPIPE, err(send(self->c, "x", 1, 0)));
	EXPECT_EQ(SAYS(1, 0, 1), signals);
}

TEST_F(family, peek_offset)
{
	int zero = 0;

	NEEDS_FAMILY();
	EXPECT_EQ(SAYS(0, EOPNOTSUPP, 0),
		  err(setsockopt(self->c, SOL_SOCKET, SO_PEEK_OFF, &zero,
				 sizeof(zero))));
}

TEST_F(family, end_of_record)
{
	struct iovec iov = { &(char[1]){ 'x' }, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int listener, c;

	NEEDS_FAMILY();
	set_name(self, 60000 + getpid());
	listener = listen_at(self, SOCK_SEQPACKET, 1);
	c = make(self, SOCK_SEQPACKET);
	ASSERT_EQ(0, connect(c, &self->name.sa, self->len));
	ASSERT_EQ(1, sendmsg(c, &msg, MSG_EOR));
	ASSERT_EQ(1, recvmsg(accept(listener, NULL, NULL), &msg, 0));
	EXPECT_EQ(SAYS(MSG_EOR, MSG_EOR, 0), msg.msg_flags & MSG_EOR);
}

TEST_F(family, peer_credentials)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);

	NEEDS_FAMILY();
	ASSERT_EQ(0, getsockopt(self->s, SOL_SOCKET, SO_PEERCRED, &cred, &len));
	EXPECT_EQ(SAYS(getpid(), 0, getpid()), cred.pid);
}

/* What comes beside a byte of @type at SOL_SOCKET, when @fd is passed. */
static bool beside(int from, int to, int type, int fd)
{
	char control[256] = "", b = 'x';
	struct iovec iov = { &b, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (fd >= 0) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(sizeof(fd));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	if (sendmsg(from, &msg, 0) != 1)
		return false;
	msg.msg_control = control;
	msg.msg_controllen = sizeof(control);
	memset(control, 0, sizeof(control));
	if (recvmsg(to, &msg, 0) != 1)
		return false;
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == type)
			return true;
	return false;
}

TEST_F(family, passing)
{
	int fd[2], on = 1;

	NEEDS_FAMILY();
	ASSERT_EQ(0, pipe(fd));
	EXPECT_EQ(SAYS(true, false, true),
		  beside(self->c, self->s, SCM_RIGHTS, fd[0]));
	/* not known of families other than AF_UNIX, or not kept, later */
	setsockopt(self->s, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	EXPECT_EQ(SAYS(true, false, true),
		  beside(self->c, self->s, SCM_CREDENTIALS, -1));
	/* sockets of its own */
	EXPECT_EQ(SAYS(false, false, true),
		  beside(self->c, self->s, SCM_RIGHTS, self->listener));
}

TEST_F(family, timestamp)
{
	int on = 1, fd[2];

	NEEDS_FAMILY();
	ASSERT_EQ(0, setsockopt(self->s, SOL_SOCKET, SO_TIMESTAMP, &on,
				sizeof(on)));
	EXPECT_EQ(SAYS(true, false, false),
		  beside(self->c, self->s, SCM_TIMESTAMP, -1));
	if (variant->number == AF_VSOCK)
		return;
	ASSERT_EQ(0, socketpair(self->number, SOCK_DGRAM, 0, fd));
	ASSERT_EQ(0, setsockopt(fd[1], SOL_SOCKET, SO_TIMESTAMP, &on,
				sizeof(on)));
	EXPECT_TRUE(beside(fd[0], fd[1], SCM_TIMESTAMP, -1));
}

TEST_F(family, zero_copy)
{
	struct msghdr msg = { 0 };
	int on = 1;

	NEEDS_FAMILY();
	if (variant->number == AF_VSHM) {
		ASSERT_EQ(0, setsockopt(self->c, self->number,
					SO_VSHM_ZEROCOPY, &on, sizeof(on)));
	} else {
		EXPECT_EQ(-1, setsockopt(self->c, SOL_SOCKET, SO_ZEROCOPY, &on,
					 sizeof(on)));
	}
	ASSERT_EQ(1, send(self->c, "x", 1, MSG_ZEROCOPY));
	/* where there is no such queue, the flag is none or not known */
	if (variant->number != AF_UNIX) {
		EXPECT_EQ(SAYS(0, EAGAIN, 0),
			  err(recvmsg(self->c, &msg,
				      MSG_ERRQUEUE | MSG_DONTWAIT)));
	}
}

TEST_F(family, connect_to_nobody)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	NEEDS_FAMILY();
	/* no attempt is under way, so there is nothing to be given up */
	EXPECT_EQ(SAYS(0, EINVAL, EINVAL),
		  err(connect(make(self, SOCK_STREAM), &none, sizeof(none))));
}

TEST_HARNESS_MAIN
