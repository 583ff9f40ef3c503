// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors and credentials beside the data: within a kernel, of each type, and
 * what becomes of those in flight.
 */
#include "vshm_fault.h"
#include "vshm_place.h"
#include <kselftest_harness.h>

#include <sys/resource.h>
#include <sys/un.h>

#define MANY	4
#define ITEMS	30000

/* @any: all types, within a kernel; @link: all types, between kernels */
VSHM_PLACE_FIXTURE(any)
FIXTURE_VARIANT_ADD(any, stream) { SOCK_STREAM, -1 };
FIXTURE_VARIANT_ADD(any, packet) { SOCK_SEQPACKET, -1 };
FIXTURE_VARIANT_ADD(any, dgram) { SOCK_DGRAM, -1 };
VSHM_PLACE_FIXTURE(dgram)
FIXTURE_VARIANT_ADD(dgram, loopback) { SOCK_DGRAM, -1 };
VSHM_PLACE_FIXTURE(stream)
FIXTURE_VARIANT_ADD(stream, loopback) { SOCK_STREAM, -1 };
VSHM_PLACE_FIXTURE(connected)
FIXTURE_VARIANT_ADD(connected, stream) { SOCK_STREAM, -1 };
FIXTURE_VARIANT_ADD(connected, packet) { SOCK_SEQPACKET, -1 };
VSHM_PLACE_FIXTURE(link)
FIXTURE_VARIANT_ADD(link, stream_host) { SOCK_STREAM, 0 };
FIXTURE_VARIANT_ADD(link, stream_guest) { SOCK_STREAM, 1 };
FIXTURE_VARIANT_ADD(link, packet_host) { SOCK_SEQPACKET, 0 };
FIXTURE_VARIANT_ADD(link, packet_guest) { SOCK_SEQPACKET, 1 };
FIXTURE_VARIANT_ADD(link, dgram_host) { SOCK_DGRAM, 0 };
FIXTURE_VARIANT_ADD(link, dgram_guest) { SOCK_DGRAM, 1 };

/**
 * struct got - what came with a message
 * @len: bytes of data, or -1
 * @flags: msg_flags
 * @nr_fds: descriptors in @fd
 * @has_cred: @cred is there
 */
struct got {
	ssize_t len;
	int flags;
	int nr_fds;
	int fd[MANY];
	bool has_cred;
	struct ucred cred;
};

union control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(MANY * sizeof(int)) +
		 CMSG_SPACE(sizeof(struct ucred))];
};

static ssize_t send_fds(int via, const void *data, size_t len, const int *fd,
			int n)
{
	return vshm_send_with(via, data, len, SCM_RIGHTS, fd, n * sizeof(int));
}

static struct got receive(int fd, void *data, size_t len, int flags,
			  size_t room)
{
	union control control;
	struct iovec iov = { data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = room ? &control : NULL,
			      .msg_controllen = room };
	struct got got = { .len = recvmsg(fd, &msg, flags) };
	struct cmsghdr *c;

	if (got.len < 0)
		return got;
	got.flags = msg.msg_flags;
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		size_t bytes = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_type == SCM_RIGHTS) {
			got.nr_fds = bytes / sizeof(int);
			memcpy(got.fd, CMSG_DATA(c), bytes);
		} else if (c->cmsg_type == SCM_CREDENTIALS) {
			got.has_cred = true;
			memcpy(&got.cred, CMSG_DATA(c), sizeof(got.cred));
		}
	}
	return got;
}

static struct got receive_all(int fd, void *data, size_t len, int flags)
{
	return receive(fd, data, len, flags, sizeof(union control));
}

/* A pipe whose end to write to is in flight only: is there none any more? */
static bool gone(int pipe_end)
{
	char b;

	return vshm_poll(pipe_end, POLLIN, VSHM_WAIT_MS) == POLLHUP &&
	       read(pipe_end, &b, 1) == 0;
}

/* Sends the end of a new pipe to write to, and keeps the other one. */
static int send_pipe(int via, const char *data, size_t len)
{
	int end[2];

	if (pipe(end))
		return -1;
	if (send_fds(via, data, len, &end[1], 1) != (ssize_t)len) {
		close(end[0]);
		end[0] = -1;
	}
	close(end[1]);
	return end[0];
}

static int passcred(int fd, int on)
{
	return setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
}

TEST_F(any, descriptors)
{
	int end[MANY][2], fd[MANY];
	char buf[9] = "", b;
	struct got got;

	for (int i = 0; i < MANY; i++) {
		ASSERT_EQ(0, pipe(end[i]));
		fd[i] = end[i][1];
	}
	ASSERT_EQ(4, send_fds(self->p.c, "data", 4, fd, MANY));
	for (int i = 0; i < MANY; i++)
		close(fd[i]);
	got = receive_all(self->p.s, buf, sizeof(buf), MSG_CMSG_CLOEXEC);
	ASSERT_EQ(4, got.len);
	EXPECT_STREQ("data", buf);
	EXPECT_EQ(0, got.flags & MSG_CTRUNC);
	ASSERT_EQ(MANY, got.nr_fds);
	for (int i = 0; i < MANY; i++) {
		EXPECT_EQ(FD_CLOEXEC, fcntl(got.fd[i], F_GETFD));
		ASSERT_EQ(1, write(got.fd[i], "0123" + i, 1));
		close(got.fd[i]);
		EXPECT_EQ(1, read(end[i][0], &b, 1));
		EXPECT_EQ('0' + i, b);
		EXPECT_TRUE(gone(end[i][0]));
		close(end[i][0]);
	}
	/* nothing of it sticks to what comes next */
	ASSERT_EQ(1, send(self->p.c, "x", 1, 0));
	got = receive_all(self->p.s, buf, sizeof(buf), 0);
	EXPECT_EQ(1, got.len);
	EXPECT_EQ(0, got.nr_fds);
}

TEST_F(any, descriptors_back)
{
	int end = send_pipe(self->p.s, "x", 1);
	struct got got;
	char b;

	ASSERT_LE(0, end);
	got = receive_all(self->p.c, &b, 1, 0);
	ASSERT_EQ(1, got.nr_fds);
	EXPECT_EQ(0, fcntl(got.fd[0], F_GETFD));
	close(got.fd[0]);
	EXPECT_TRUE(gone(end));
	close(end);
}

/* What came before is received with the message, what comes after is not. */
TEST_F(stream, barrier)
{
	char buf[20] = "";
	struct got got;
	int end[2];

	ASSERT_EQ(4, send(self->p.c, "aaaa", 4, 0));
	for (int i = 0; i < 2; i++) {
		end[i] = send_pipe(self->p.c, "bbb", 3);
		ASSERT_LE(0, end[i]);
	}
	ASSERT_EQ(4, send(self->p.c, "cccc", 4, 0));
	got = receive_all(self->p.s, buf, sizeof(buf), MSG_WAITALL);
	EXPECT_EQ(7, got.len);
	EXPECT_STREQ("aaaabbb", buf);
	ASSERT_EQ(1, got.nr_fds);
	close(got.fd[0]);
	EXPECT_TRUE(gone(end[0]));
	got = receive_all(self->p.s, buf, sizeof(buf), 0);
	EXPECT_EQ(3, got.len);
	ASSERT_EQ(1, got.nr_fds);
	close(got.fd[0]);
	EXPECT_TRUE(gone(end[1]));
	got = receive_all(self->p.s, buf, sizeof(buf), 0);
	EXPECT_EQ(4, got.len);
	EXPECT_EQ(0, got.nr_fds);
	for (int i = 0; i < 2; i++)
		close(end[i]);
}

/* They come with the first byte of the message, even if that is all. */
TEST_F(stream, with_the_first_byte)
{
	int end = send_pipe(self->p.c, "abc", 3);
	char buf[20];
	struct got got;

	ASSERT_LE(0, end);
	got = receive_all(self->p.s, buf, 1, 0);
	EXPECT_EQ(1, got.len);
	ASSERT_EQ(1, got.nr_fds);
	close(got.fd[0]);
	ASSERT_EQ(1, send(self->p.c, "d", 1, 0));
	got = receive_all(self->p.s, buf, sizeof(buf), 0);
	EXPECT_EQ(3, got.len);
	EXPECT_EQ(0, got.nr_fds);
	close(end);
}

/* A large message is no barrier within, and has its descriptors once. */
TEST_F(connected, large)
{
	static char out[200000], in[200000];
	struct vshm_call call = { .fn = vshm_call_recv_all, .fd = self->p.s,
				  .len = sizeof(out) - 1000, .flags = 3 };
	struct got got;
	int end, size = 1 << 20;

	ASSERT_EQ(0, setsockopt(self->p.c, SOL_SOCKET, SO_SNDBUF, &size,
				sizeof(size)));
	vshm_fill(out, sizeof(out), 0, 3);
	end = send_pipe(self->p.c, out, sizeof(out));
	ASSERT_LE(0, end);
	if (self->p.type == SOCK_SEQPACKET) {
		got = receive_all(self->p.s, in, sizeof(in), 0);
		EXPECT_EQ(sizeof(in), got.len);
	} else {
		got = receive_all(self->p.s, in, 1000, 0);
		EXPECT_EQ(1000, got.len);
		call.buf = NULL;
		EXPECT_EQ(0, vshm_recv_all(self->p.s, sizeof(out) - 1000,
					   sizeof(out), 1000, 3));
	}
	EXPECT_EQ(got.len, vshm_check(in, got.len, 0, 3));
	ASSERT_EQ(1, got.nr_fds);
	close(got.fd[0]);
	EXPECT_TRUE(gone(end));
	close(end);
}

TEST_F(any, empty_message)
{
	int end = send_pipe(self->p.c, "", 0);
	struct got got;
	char b;

	ASSERT_LE(0, end);
	if (self->p.type == SOCK_STREAM) {
		/* no data, so nothing to go with */
		EXPECT_TRUE(gone(end));
	} else {
		got = receive_all(self->p.s, &b, 1, 0);
		EXPECT_EQ(0, got.len);
		ASSERT_EQ(1, got.nr_fds);
		close(got.fd[0]);
		EXPECT_TRUE(gone(end));
	}
	close(end);
}

TEST_F(any, peek)
{
	int end = send_pipe(self->p.c, "abc", 3);
	struct got got;
	char buf[9];

	ASSERT_LE(0, end);
	for (int i = 0; i < 3; i++) {
		got = receive_all(self->p.s, buf, 9, i < 2 ? MSG_PEEK : 0);
		EXPECT_EQ(3, got.len);
		ASSERT_EQ(1, got.nr_fds);
		ASSERT_EQ(1, write(got.fd[0], "x", 1));
		ASSERT_EQ(1, read(end, buf, 1));
		close(got.fd[0]);
	}
	EXPECT_TRUE(gone(end));
	close(end);
}

/* Without room for all, those that fit are there, and the others closed. */
TEST_F(any, room)
{
	static const size_t room[] = {
		0, CMSG_LEN(0), CMSG_LEN(sizeof(int)),
		CMSG_LEN(2 * sizeof(int)),
	};
	static const int fit[] = { 0, 0, 1, 2 };
	struct got got;
	int end[3][2];
	char b;

	for (unsigned int i = 0; i < 4; i++) {
		int fd[3];

		for (int k = 0; k < 3; k++) {
			ASSERT_EQ(0, pipe(end[k]));
			fd[k] = end[k][1];
		}
		ASSERT_EQ(1, send_fds(self->p.c, "x", 1, fd, 3));
		for (int k = 0; k < 3; k++)
			close(fd[k]);
		got = receive(self->p.s, &b, 1, 0, room[i]);
		EXPECT_EQ(1, got.len);
		EXPECT_EQ(MSG_CTRUNC, got.flags & MSG_CTRUNC);
		ASSERT_EQ(fit[i], got.nr_fds);
		for (int k = 0; k < got.nr_fds; k++)
			close(got.fd[k]);
		for (int k = 0; k < 3; k++) {
			EXPECT_TRUE(gone(end[k][0]));
			close(end[k][0]);
		}
	}
	/* read() has no room at all */
	end[0][0] = send_pipe(self->p.c, "x", 1);
	ASSERT_EQ(1, read(self->p.s, &b, 1));
	EXPECT_TRUE(gone(end[0][0]));
	close(end[0][0]);
}

/* What nobody received ends with the socket that it lies in. */
TEST_F(any, closed)
{
	int end[3];

	for (int i = 0; i < 3; i++) {
		end[i] = send_pipe(self->p.c, "data", 4);
		ASSERT_LE(0, end[i]);
	}
	close(self->p.s);
	self->p.s = -1;
	for (int i = 0; i < 3; i++) {
		EXPECT_TRUE(gone(end[i]));
		close(end[i]);
	}
	/* nor does it stay with one that cannot be sent to */
	EXPECT_EQ(-1, send_pipe(self->p.c, "data", 4));
}

TEST_F(connected, reset)
{
	struct linger reset = { .l_onoff = 1 };
	int end = send_pipe(self->p.c, "data", 4);
	struct got got;
	char buf[9];

	ASSERT_EQ(0, setsockopt(self->p.c, SOL_SOCKET, SO_LINGER, &reset,
				sizeof(reset)));
	close(self->p.c);
	self->p.c = -1;
	/* as its data, they can be received after the end */
	got = receive_all(self->p.s, buf, sizeof(buf), 0);
	EXPECT_EQ(4, got.len);
	ASSERT_EQ(1, got.nr_fds);
	close(got.fd[0]);
	EXPECT_TRUE(gone(end));
	close(end);
}

TEST_F(connected, never_accepted)
{
	int listener = vshm_place_listener(&self->p, 1);
	int fd = vshm_place_socket(&self->p), end;

	ASSERT_EQ(0, vshm_connect(fd, self->p.cid, vshm_port(listener)));
	end = send_pipe(fd, "data", 4);
	ASSERT_LE(0, end);
	close(listener);
	EXPECT_TRUE(gone(end));
	close(end);
	close(fd);
}

/* What is dropped for want of room takes its descriptors with it. */
TEST_F(dgram, dropped)
{
	static const char buf[8000];
	int end;

	/* some large ones, and small ones where these leave a gap */
	for (int i = 0; i < 100; i++)
		ASSERT_EQ(8000, send(self->p.c, buf, 8000, 0));
	for (int i = 0; i < 200; i++)
		ASSERT_EQ(4, send(self->p.c, buf, 4, 0));
	end = send_pipe(self->p.c, "data", 4);
	ASSERT_LE(0, end);
	EXPECT_TRUE(gone(end));
	close(end);
}

/* Sockets that could be part of a cycle are not sent. */
TEST_F(any, refused)
{
	int un[2], fd;
	char b;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, un));
	fd = vshm_socket(0);
	for (int i = 0; i < 4; i++) {
		int pass = (int[]) { un[0], fd, self->p.c, -1 }[i];

		EXPECT_EQ(-1, send_fds(self->p.c, "x", 1, &pass, 1));
		EXPECT_EQ(i == 3 ? EBADF : EINVAL, errno);
	}
	EXPECT_EQ(-1, recv(self->p.s, &b, 1, MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	/* nor is what makes no sense */
	EXPECT_EQ(-1, vshm_send_with(self->p.c, "x", 1, SCM_CREDENTIALS, &fd,
				     4));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, vshm_send_with(self->p.c, "x", 1, 77, &fd, 4));
	EXPECT_EQ(EINVAL, errno);
	for (int i = 0; i < 2; i++)
		close(un[i]);
	close(fd);
}

/* As many as a user may have open can be in flight, and a message more. */
TEST_F(any, in_flight)
{
	struct rlimit limit = { 64, 64 };
	int fd[MANY], n = 0;
	pid_t pid;

	pid = vshm_fork();
	if (!pid) {
		if (setrlimit(RLIMIT_NOFILE, &limit) ||
		    setregid(1001, 1001) || setreuid(1000, 1000))
			_exit(100);
		for (int i = 0; i < MANY; i++)
			fd[i] = open("/dev/null", O_RDONLY);
		while (n < 100 && send_fds(self->p.c, "x", 1, fd, MANY) == 1)
			n++;
		_exit(errno == ETOOMANYREFS ? n : 101);
	}
	n = vshm_wait(pid);
	EXPECT_EQ(64 / MANY + 1, n);
	/* what is received is in flight no more */
	for (int i = 0; i < n; i++) {
		char b;
		struct got got = receive_all(self->p.s, &b, 1, 0);

		ASSERT_EQ(MANY, got.nr_fds);
		for (int k = 0; k < MANY; k++)
			close(got.fd[k]);
	}
	pid = vshm_fork();
	if (!pid) {
		if (setrlimit(RLIMIT_NOFILE, &limit) ||
		    setregid(1001, 1001) || setreuid(1000, 1000))
			_exit(100);
		fd[0] = open("/dev/null", O_RDONLY);
		_exit(send_fds(self->p.c, "x", 1, fd, 1) != 1);
	}
	EXPECT_EQ(0, vshm_wait(pid));
}

/* A child that sends as another user. */
static pid_t send_as(int via, uid_t uid, const char *data)
{
	pid_t pid = vshm_fork();

	if (!pid) {
		if (uid && (setregid(uid, uid) || setreuid(uid, uid)))
			_exit(1);
		_exit(send(via, data, strlen(data), 0) !=
		      (ssize_t)strlen(data));
	}
	return pid;
}

/* Each request for memory fails in turn: a descriptor arrives, or is let go. */
TEST_F(any, memory_is_short)
{
	int nth, end[2], left, err, i;
	char buf[9];
	ssize_t sent;
	struct got got;

	if (!vshm_fault_prepare())
		SKIP(return, "no fault injection");
	nth = open(VSHM_FAULT_NTH, O_RDWR);
	ASSERT_LE(0, nth);
	for (i = 1, left = 0; !left; i++) {
		ASSERT_EQ(0, pipe(end));
		vshm_fault_arm(nth, i);
		sent = send_fds(self->p.c, "x", 1, &end[1], 1);
		err = errno;
		left = vshm_fault_disarm(nth);
		close(end[1]);
		if (sent == 1) {
			got = receive_all(self->p.s, buf, sizeof(buf), 0);
			ASSERT_EQ(1, got.len);
			ASSERT_EQ(1, got.nr_fds);
			close(got.fd[0]);
		} else {
			EXPECT_TRUE(err == ENOMEM || err == ENOBUFS ||
				    err == EFAULT) {
				TH_LOG("request %d: %s", i, strerror(err));
			}
		}
		EXPECT_TRUE(gone(end[0]));
		close(end[0]);
	}
	EXPECT_LT(4, i);
	close(nth);
}

TEST_F(any, credentials)
{
	char buf[9];
	struct got got;
	pid_t pid;

	ASSERT_EQ(2, send(self->p.c, "no", 2, 0));
	got = receive_all(self->p.s, buf, 9, 0);
	EXPECT_FALSE(got.has_cred);

	ASSERT_EQ(0, passcred(self->p.s, 1));
	ASSERT_EQ(3, send(self->p.c, "yes", 3, 0));
	got = receive_all(self->p.s, buf, 9, MSG_PEEK);
	ASSERT_TRUE(got.has_cred);
	EXPECT_EQ(getpid(), got.cred.pid);
	got = receive_all(self->p.s, buf, 9, 0);
	EXPECT_EQ(3, got.len);
	ASSERT_TRUE(got.has_cred);
	EXPECT_EQ(getpid(), got.cred.pid);
	EXPECT_EQ(0, (int)got.cred.uid);
	EXPECT_EQ(0, (int)got.cred.gid);

	/* who sends is not who connected */
	pid = send_as(self->p.c, 1000, "child");
	EXPECT_EQ(0, vshm_wait(pid));
	ASSERT_EQ(2, send(self->p.c, "me", 2, 0));
	got = receive_all(self->p.s, buf, 9, MSG_PEEK);
	EXPECT_EQ(5, got.len);
	EXPECT_EQ(pid, got.cred.pid);
	got = receive_all(self->p.s, buf, 9, 0);
	EXPECT_EQ(5, got.len);
	ASSERT_TRUE(got.has_cred);
	EXPECT_EQ(pid, got.cred.pid);
	EXPECT_EQ(1000, (int)got.cred.uid);
	EXPECT_EQ(1000, (int)got.cred.gid);
	got = receive_all(self->p.s, buf, 9, 0);
	EXPECT_EQ(2, got.len);
	EXPECT_EQ(getpid(), got.cred.pid);

	/* the option without room for what it gives */
	ASSERT_EQ(1, send(self->p.c, "x", 1, 0));
	got = receive(self->p.s, buf, 9, 0, 0);
	EXPECT_EQ(1, got.len);
	EXPECT_EQ(MSG_CTRUNC, got.flags & MSG_CTRUNC);
	ASSERT_EQ(0, passcred(self->p.s, 0));
	ASSERT_EQ(1, send(self->p.c, "x", 1, 0));
	got = receive_all(self->p.s, buf, 9, 0);
	EXPECT_FALSE(got.has_cred);
}

/* It can be asked for when the data are there, and of each byte. */
TEST_F(connected, credentials_later)
{
	char buf[9];
	struct got got;
	pid_t pid[2];

	for (int i = 0; i < 2; i++) {
		pid[i] = send_as(self->p.c, 1000 + i, "ab");
		EXPECT_EQ(0, vshm_wait(pid[i]));
	}
	/* not asked for: a stream is one piece */
	if (self->p.type == SOCK_STREAM) {
		EXPECT_EQ(1, recv(self->p.s, buf, 1, 0));
		EXPECT_EQ(3, recv(self->p.s, buf, 9, MSG_PEEK));
	}
	ASSERT_EQ(0, passcred(self->p.s, 1));
	for (int i = 0; i < 2; i++) {
		got = receive_all(self->p.s, buf, 9, 0);
		EXPECT_EQ(!i && self->p.type == SOCK_STREAM ? 1 : 2, got.len);
		ASSERT_TRUE(got.has_cred);
		EXPECT_EQ(pid[i], got.cred.pid);
		EXPECT_EQ(1000 + i, (int)got.cred.uid);
	}
}

/* An accepted socket has the option of its listener, as with AF_UNIX. */
TEST_F(connected, credentials_of_a_listener)
{
	int listener = vshm_place_listener(&self->p, 1), s;
	int fd = vshm_place_socket(&self->p);
	struct got got;
	char b;

	ASSERT_EQ(0, passcred(listener, 1));
	ASSERT_EQ(0, vshm_connect(fd, self->p.cid, vshm_port(listener)));
	ASSERT_EQ(1, send(fd, "x", 1, 0));
	s = accept(listener, NULL, NULL);
	got = receive_all(s, &b, 1, 0);
	ASSERT_TRUE(got.has_cred);
	EXPECT_EQ(getpid(), got.cred.pid);
	close(fd);
	close(s);
	close(listener);
}

TEST_F(any, credentials_given)
{
	struct ucred cred = { .pid = 1, .uid = 1234, .gid = 1235 };
	struct got got;
	char b[9];
	pid_t pid;

	ASSERT_EQ(0, passcred(self->p.s, 1));
	ASSERT_EQ(1, vshm_send_with(self->p.c, "x", 1, SCM_CREDENTIALS, &cred,
				    sizeof(cred)));
	ASSERT_EQ(1, send(self->p.c, "y", 1, 0));
	got = receive_all(self->p.s, b, 9, 0);
	EXPECT_EQ(1, got.len);
	ASSERT_TRUE(got.has_cred);
	EXPECT_EQ(1, got.cred.pid);
	EXPECT_EQ(1234, (int)got.cred.uid);
	EXPECT_EQ(1235, (int)got.cred.gid);
	got = receive_all(self->p.s, b, 9, 0);
	EXPECT_EQ(1, got.len);
	EXPECT_EQ(getpid(), got.cred.pid);
	EXPECT_EQ(0, (int)got.cred.uid);
	/* who may not be another is refused */
	pid = vshm_fork();
	if (!pid) {
		if (setregid(1000, 1000) || setreuid(1000, 1000) ||
		    vshm_send_with(self->p.c, "x", 1, SCM_CREDENTIALS, &cred,
				   sizeof(cred)) != -1 || errno != EPERM)
			_exit(1);
		cred = (struct ucred) { getpid(), 1000, 1000 };
		_exit(vshm_send_with(self->p.c, "x", 1, SCM_CREDENTIALS, &cred,
				     sizeof(cred)) != 1);
	}
	EXPECT_EQ(0, vshm_wait(pid));
	got = receive_all(self->p.s, b, 9, 0);
	EXPECT_EQ(1, got.len);
	EXPECT_EQ(1000, (int)got.cred.uid);
}

/* A queue has a bounded number of credentials, however little data there is. */
TEST_F(connected, credentials_too_many)
{
	struct ucred cred = { getpid(), 0, 0 };
	int n = 0, size = 8192;
	char b;

	ASSERT_EQ(0, setsockopt(self->p.s, SOL_SOCKET, SO_RCVBUF, &size,
				sizeof(size)));
	while (n < 5000 && vshm_send_with(self->p.c, "x", 1, SCM_CREDENTIALS, &cred,
					  sizeof(cred)) == 1)
		n++;
	EXPECT_EQ(ENOBUFS, errno);
	EXPECT_LT(16, n);
	EXPECT_GT(500, n);
	/* nothing was sent, and when it is received there is room for more */
	for (int i = 0; i < n; i++)
		ASSERT_EQ(1, recv(self->p.s, &b, 1, MSG_DONTWAIT));
	EXPECT_EQ(-1, recv(self->p.s, &b, 1, MSG_DONTWAIT));
	EXPECT_EQ(1, vshm_send_with(self->p.c, "x", 1, SCM_CREDENTIALS, &cred,
				    sizeof(cred)));
}

/* What a call has taken of a CPU, in microseconds. */
static long recv_cost(int fd, void *data, size_t len, int flags)
{
	struct timespec a, b;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	if (recv(fd, data, len, flags) != (ssize_t)len)
		return -1;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	return (b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000;
}

/*
 * To look ahead over many small messages takes work for each, as to receive them
 * does, and not for each two of them, which would be a hundred times as much.
 */
TEST_F(stream, credentials_of_many)
{
	struct ucred cred = { getpid(), 0, 0 };
	static char data[ITEMS];
	int size = 16 << 20, n = 0;
	long peek, taken;

	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, setsockopt(i ? self->p.s : self->p.c, SOL_SOCKET,
					i ? SO_RCVBUFFORCE : SO_SNDBUFFORCE,
					&size, sizeof(size)));
	while (n < ITEMS && vshm_send_with(self->p.c, "x", 1, SCM_CREDENTIALS,
					  &cred, sizeof(cred)) == 1)
		n++;
	ASSERT_EQ(ITEMS, n);
	peek = recv_cost(self->p.s, data, ITEMS, MSG_PEEK);
	taken = recv_cost(self->p.s, data, ITEMS, 0);
	EXPECT_LE(0, peek);
	EXPECT_LT(peek, 10 * taken) {
		TH_LOG("%ld and %ld us", peek, taken);
	}
}

/* What is sent in several pieces is from the same, but what comes next is not. */
TEST_F(stream, credentials_given_for_much)
{
	struct ucred cred = { .pid = 1, .uid = 1234, .gid = 1235 };
	static char data[200000];
	struct got got;

	ASSERT_EQ(0, passcred(self->p.s, 1));
	ASSERT_EQ(sizeof(data), vshm_send_with(self->p.c, data, sizeof(data),
					       SCM_CREDENTIALS, &cred,
					       sizeof(cred)));
	ASSERT_EQ(1, send(self->p.c, "y", 1, 0));
	for (size_t n = 0; n < sizeof(data); n += got.len) {
		got = receive_all(self->p.s, data, sizeof(data), 0);
		ASSERT_LT(0, got.len);
		EXPECT_EQ(1, got.cred.pid);
		EXPECT_EQ(1234, (int)got.cred.uid);
	}
	got = receive_all(self->p.s, data, sizeof(data), 0);
	EXPECT_EQ(1, got.len);
	EXPECT_EQ(getpid(), got.cred.pid);
}

TEST_F(link, refused)
{
	struct ucred cred = { getpid(), getuid(), getgid() };
	int fd = open("/dev/null", O_RDONLY);
	struct got got;
	char b;

	EXPECT_EQ(-1, send_fds(self->p.c, "x", 1, &fd, 1));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(-1, vshm_send_with(self->p.c, "x", 1, SCM_CREDENTIALS, &cred,
				     sizeof(cred)));
	EXPECT_EQ(EOPNOTSUPP, errno);
	close(fd);
	/* of who is in another kernel nothing is known */
	ASSERT_EQ(0, passcred(self->p.s, 1));
	ASSERT_EQ(1, send(self->p.c, "x", 1, 0));
	got = receive_all(self->p.s, &b, 1, 0);
	EXPECT_EQ(1, got.len);
	ASSERT_TRUE(got.has_cred);
	EXPECT_EQ(0, got.cred.pid);
	EXPECT_EQ(65534, (int)got.cred.uid);
	EXPECT_EQ(65534, (int)got.cred.gid);
}

/* Descriptors through @fd until it is closed or full of nothing. */
static long call_send_fds(struct vshm_call *call)
{
	int null = open("/dev/null", O_RDONLY);
	long n = 0;

	for (int i = 0; i < 300; i++)
		n += send_fds(call->fd, "abcdef", 6, &null, 1) == 6;
	close(null);
	return n;
}

static long call_receive_fds(struct vshm_call *call)
{
	long n = 0;
	char buf[4];
	struct got got;

	for (;;) {
		got = receive_all(call->fd, buf, sizeof(buf), 0);
		for (int i = 0; i < got.nr_fds; i++)
			close(got.fd[i]);
		n += got.nr_fds;
		if (got.len <= 0)
			return n;
	}
}

/* Each descriptor is received once, by whoever it is. */
TEST_F(connected, threads)
{
	struct vshm_call out[3], in[3];
	long sent = 0, got = 0;

	for (int i = 0; i < 3; i++) {
		out[i] = (struct vshm_call) { .fn = call_send_fds,
					      .fd = self->p.c };
		in[i] = (struct vshm_call) { .fn = call_receive_fds,
					     .fd = self->p.s };
		ASSERT_EQ(0, vshm_call_start(&out[i]));
		ASSERT_EQ(0, vshm_call_start(&in[i]));
	}
	for (int i = 0; i < 3; i++)
		sent += vshm_call_end(&out[i]);
	EXPECT_EQ(900, sent);
	ASSERT_EQ(0, shutdown(self->p.c, SHUT_WR));
	for (int i = 0; i < 3; i++)
		got += vshm_call_end(&in[i]);
	EXPECT_EQ(900, got);
}

/* The receiver goes away while descriptors come: none is left. */
TEST_F(connected, closed_meanwhile)
{
	int end[2], c, s;

	ASSERT_EQ(0, pipe(end));
	for (int i = 0; i < 20; i++) {
		struct vshm_call call = { .fn = call_send_fds };

		ASSERT_EQ(0, vshm_place_pair(&self->p, &c, &s));
		call.fd = c;
		ASSERT_EQ(0, vshm_call_start(&call));
		usleep(i * 500);
		ASSERT_LE(0, send_fds(c, "x", 1, &end[1], 1));
		close(s);
		vshm_call_end(&call);
		close(c);
	}
	close(end[1]);
	EXPECT_TRUE(gone(end[0]));
	close(end[0]);
}

TEST_HARNESS_MAIN
