// SPDX-License-Identifier: GPL-2.0
/* Sockets that are shared: over fork(), dup(), exec() and SCM_RIGHTS. */
#include "vshm_place.h"
#include <kselftest_harness.h>

/* @any: all types; @conn: those that have an end */
VSHM_PLACE_FIXTURE(any)
VSHM_PLACE_ALL(any)
VSHM_PLACE_FIXTURE(conn)
VSHM_PLACE_CONNECTIONS(conn)

TEST_F(any, fork_shares)
{
	char buf[4] = "";
	pid_t pid;

	pid = vshm_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(self->p.c);
		if (recv(self->p.s, buf, 2, MSG_WAITALL) != 2)
			_exit(1);
		_exit(send(self->p.s, "cd", 2, 0) != 2);
	}
	ASSERT_EQ(2, send(self->p.c, "ab", 2, 0));
	EXPECT_EQ(0, vshm_wait(pid));
	EXPECT_EQ(2, recv(self->p.c, buf, 2, MSG_WAITALL));
	EXPECT_EQ(0, memcmp("cd", buf, 2));
	/* the child's end closed the descriptor, not the connection */
	EXPECT_EQ(-1, recv(self->p.c, buf, 1, MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(1, send(self->p.s, "e", 1, 0));
	EXPECT_EQ(1, recv(self->p.c, buf, 1, 0));
}

TEST_F(any, dup_shares)
{
	int fd = dup(self->p.s);
	char b;

	ASSERT_LE(0, fd);
	close(self->p.s);
	self->p.s = -1;
	EXPECT_EQ(1, send(fd, "x", 1, 0));
	EXPECT_EQ(1, recv(self->p.c, &b, 1, 0));
	EXPECT_EQ(-1, recv(self->p.c, &b, 1, MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	close(fd);
	if (self->p.type != SOCK_DGRAM) {
		EXPECT_EQ(0, recv(self->p.c, &b, 1, 0));
	}
}

/* Sends a descriptor, or receives one when @fd is -1. */
static int pass(int via, int fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char b = 0;
	struct iovec iov = { &b, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	if (fd < 0) {
		if (recvmsg(via, &msg, 0) != 1)
			return -1;
		c = CMSG_FIRSTHDR(&msg);
		if (!c || c->cmsg_type != SCM_RIGHTS)
			return -1;
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
		return fd;
	}
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(via, &msg, 0) == 1 ? 0 : -1;
}

TEST_F(any, passed_over_unix)
{
	int via[2];
	pid_t pid;
	char b;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, via));
	pid = vshm_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int fd;

		close(self->p.c);
		close(self->p.s);
		fd = pass(via[1], -1);
		if (fd < 0 || recv(fd, &b, 1, 0) != 1)
			_exit(1);
		_exit(send(fd, "2", 1, 0) != 1);
	}
	ASSERT_EQ(1, send(self->p.c, "1", 1, 0));
	ASSERT_EQ(0, pass(via[0], self->p.s));
	close(self->p.s);
	self->p.s = -1;
	EXPECT_EQ(1, recv(self->p.c, &b, 1, 0));
	EXPECT_EQ('2', b);
	EXPECT_EQ(0, vshm_wait(pid));
	if (self->p.type != SOCK_DGRAM) {
		EXPECT_EQ(0, recv(self->p.c, &b, 1, 0));
	}
	close(via[0]);
	close(via[1]);
}

/* Not over a socket of the family itself, which would keep itself alive. */
TEST_F(conn, passes_none)
{
	int fd;

	fd = pass(self->p.c, self->p.s) ? -1 : pass(self->p.s, -1);
	EXPECT_EQ(-1, fd);
}

/* Runs itself with "hold": exists until its standard input ends. */
static int hold(void)
{
	char b;

	while (read(0, &b, 1) > 0)
		;
	return 0;
}

static pid_t exec_hold(int in)
{
	pid_t pid = vshm_fork();

	if (!pid) {
		dup2(in, 0);
		execl("/proc/self/exe", "stream_pass", "hold", NULL);
		_exit(1);
	}
	return pid;
}

TEST_F(conn, close_on_exec)
{
	int in[2];
	pid_t pid;
	char b;

	ASSERT_EQ(0, pipe2(in, O_CLOEXEC));
	ASSERT_EQ(0, fcntl(self->p.s, F_SETFD, FD_CLOEXEC));
	ASSERT_EQ(0, fcntl(self->p.c, F_SETFD, FD_CLOEXEC));
	pid = exec_hold(in[0]);
	ASSERT_LE(0, pid);
	close(self->p.s);
	self->p.s = -1;
	/* the end comes although the child lives */
	EXPECT_EQ(0, recv(self->p.c, &b, 1, 0));
	EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
	close(in[1]);
	EXPECT_EQ(0, vshm_wait(pid));
	close(in[0]);
}

TEST_F(conn, kept_over_exec)
{
	int in[2];
	pid_t pid;
	char b;

	ASSERT_EQ(0, pipe2(in, O_CLOEXEC));
	ASSERT_EQ(0, fcntl(self->p.c, F_SETFD, FD_CLOEXEC));
	pid = exec_hold(in[0]);
	ASSERT_LE(0, pid);
	close(self->p.s);
	self->p.s = -1;
	EXPECT_EQ(-1, recv(self->p.c, &b, 1, MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	close(in[1]);
	EXPECT_EQ(0, vshm_wait(pid));
	EXPECT_EQ(0, recv(self->p.c, &b, 1, 0));
	close(in[0]);
}

static void __attribute__((constructor)) maybe_hold(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "hold"))
		_exit(hold());
}

TEST_HARNESS_MAIN
