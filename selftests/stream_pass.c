// SPDX-License-Identifier: GPL-2.0
/* Sockets that are shared: over fork(), dup(), exec() and SCM_RIGHTS. */
#include "vshm_pair.h"

TEST_F(pair, fork_shares)
{
	char buf[4] = "";
	pid_t pid;

	pid = vshm_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(self->c);
		if (recv(self->s, buf, 2, MSG_WAITALL) != 2)
			_exit(1);
		_exit(send(self->s, "cd", 2, 0) != 2);
	}
	ASSERT_EQ(2, send(self->c, "ab", 2, 0));
	EXPECT_EQ(0, vshm_wait(pid));
	EXPECT_EQ(2, recv(self->c, buf, 2, MSG_WAITALL));
	EXPECT_EQ(0, memcmp("cd", buf, 2));
	/* the child's end closed the descriptor, not the connection */
	EXPECT_EQ(-1, recv(self->c, buf, 1, MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(1, send(self->s, "e", 1, 0));
	EXPECT_EQ(1, recv(self->c, buf, 1, 0));
}

TEST_F(pair, dup_shares)
{
	int fd = dup(self->s);
	char b;

	ASSERT_LE(0, fd);
	close(self->s);
	self->s = -1;
	EXPECT_EQ(1, send(fd, "x", 1, 0));
	EXPECT_EQ(1, recv(self->c, &b, 1, 0));
	EXPECT_EQ(-1, recv(self->c, &b, 1, MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	close(fd);
	EXPECT_EQ(0, recv(self->c, &b, 1, 0));
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

TEST_F(pair, passed_over_unix)
{
	int via[2];
	pid_t pid;
	char b;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, via));
	pid = vshm_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int fd;

		close(self->c);
		close(self->s);
		fd = pass(via[1], -1);
		if (fd < 0 || recv(fd, &b, 1, 0) != 1)
			_exit(1);
		_exit(send(fd, "2", 1, 0) != 1);
	}
	ASSERT_EQ(1, send(self->c, "1", 1, 0));
	ASSERT_EQ(0, pass(via[0], self->s));
	close(self->s);
	self->s = -1;
	EXPECT_EQ(1, recv(self->c, &b, 1, 0));
	EXPECT_EQ('2', b);
	EXPECT_EQ(0, vshm_wait(pid));
	EXPECT_EQ(0, recv(self->c, &b, 1, 0));
	close(via[0]);
	close(via[1]);
}

/* A stream of this family carries no descriptors itself. */
TEST_F(pair, passes_none)
{
	int fd;

	fd = pass(self->c, self->s) ? -1 : pass(self->s, -1);
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

TEST_F(pair, close_on_exec)
{
	int in[2];
	pid_t pid;
	char b;

	ASSERT_EQ(0, pipe2(in, O_CLOEXEC));
	ASSERT_EQ(0, fcntl(self->s, F_SETFD, FD_CLOEXEC));
	ASSERT_EQ(0, fcntl(self->c, F_SETFD, FD_CLOEXEC));
	pid = exec_hold(in[0]);
	ASSERT_LE(0, pid);
	close(self->s);
	self->s = -1;
	/* the end comes although the child lives */
	EXPECT_EQ(0, recv(self->c, &b, 1, 0));
	EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
	close(in[1]);
	EXPECT_EQ(0, vshm_wait(pid));
	close(in[0]);
}

TEST_F(pair, kept_over_exec)
{
	int in[2];
	pid_t pid;
	char b;

	ASSERT_EQ(0, pipe2(in, O_CLOEXEC));
	ASSERT_EQ(0, fcntl(self->c, F_SETFD, FD_CLOEXEC));
	pid = exec_hold(in[0]);
	ASSERT_LE(0, pid);
	close(self->s);
	self->s = -1;
	EXPECT_EQ(-1, recv(self->c, &b, 1, MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	close(in[1]);
	EXPECT_EQ(0, vshm_wait(pid));
	EXPECT_EQ(0, recv(self->c, &b, 1, 0));
	close(in[0]);
}

static void __attribute__((constructor)) maybe_hold(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "hold"))
		_exit(hold());
}

TEST_HARNESS_MAIN
