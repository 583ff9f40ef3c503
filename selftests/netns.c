// SPDX-License-Identifier: GPL-2.0
/* Each network namespace has a socket table and a loopback of its own. */
#include "vshm_proc.h"
#include "vshm_test.h"
#include <kselftest_harness.h>

#include <sched.h>

/* A listener outside, and the test inside a new namespace. */
FIXTURE(netns) {
	int outside;
	uint32_t port;
};

FIXTURE_SETUP(netns)
{
	self->outside = vshm_listener(4);
	ASSERT_LE(0, self->outside);
	self->port = vshm_port(self->outside);
	if (unshare(CLONE_NEWNET))
		SKIP(return, "no new namespace: %s", strerror(errno));
}

FIXTURE_TEARDOWN(netns)
{
	close(self->outside);
}

TEST_F(netns, same_port)
{
	int fd = vshm_socket(0);

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, vshm_bind(fd, VSHM_CID_ANY, self->port));
	close(fd);
}

TEST_F(netns, connect_stays_inside)
{
	int fd = vshm_socket(0);
	int inside, s;
	char b;

	EXPECT_EQ(-1, vshm_connect(fd, VSHM_CID_LOCAL, self->port));
	EXPECT_EQ(VSHM_REFUSED, errno);
	inside = vshm_socket(0);
	ASSERT_EQ(0, vshm_bind(inside, VSHM_CID_ANY, self->port));
	ASSERT_EQ(0, listen(inside, 1));
	ASSERT_EQ(0, vshm_connect(fd, VSHM_CID_LOCAL, self->port));
	s = accept(inside, NULL, NULL);
	ASSERT_LE(0, s);
	EXPECT_EQ(1, send(fd, "x", 1, 0));
	EXPECT_EQ(1, recv(s, &b, 1, 0));
	EXPECT_EQ(0, vshm_poll(self->outside, POLLIN, 0));
	close(fd);
	close(s);
	close(inside);
}

TEST_F(netns, table)
{
	struct vshm_table t;
	int fd;

	VSHM_NEEDS_TABLE();
	ASSERT_EQ(0, vshm_table_load(&t));
	EXPECT_EQ(0, t.rows);
	vshm_table_free(&t);
	EXPECT_STREQ("absent", vshm_proc_get(self->outside, "state"));
	fd = vshm_listener(1);
	ASSERT_LE(0, fd);
	EXPECT_STREQ("LISTENING", vshm_proc_get(fd, "state"));
	ASSERT_EQ(0, vshm_table_load(&t));
	EXPECT_EQ(1, t.rows);
	vshm_table_free(&t);
	close(fd);
}

/* A socket stays in the namespace where it was made. */
TEST_F(netns, moved_process)
{
	int fd = vshm_listener(1);
	uint32_t port = vshm_port(fd);
	pid_t pid;
	char b;
	int s;

	pid = vshm_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int c = vshm_socket(0);
		int other;

		if (unshare(CLONE_NEWNET))
			_exit(1);
		other = vshm_socket(0);
		if (!vshm_connect(other, VSHM_CID_LOCAL, port))
			_exit(2);
		if (vshm_connect(c, VSHM_CID_LOCAL, port))
			_exit(3);
		_exit(send(c, "y", 1, 0) != 1);
	}
	EXPECT_EQ(0, vshm_wait(pid));
	ASSERT_EQ(POLLIN, vshm_poll(fd, POLLIN, 0));
	s = accept(fd, NULL, NULL);
	ASSERT_LE(0, s);
	EXPECT_EQ(1, recv(s, &b, 1, 0));
	EXPECT_EQ(0, recv(s, &b, 1, 0));
	close(s);
	close(fd);
}

/* A namespace that ends takes its connections with it. */
TEST_F(netns, ends_with_sockets)
{
	pid_t pid;

	for (int i = 0; i < 10; i++) {
		pid = vshm_fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			int fd[2];

			if (unshare(CLONE_NEWNET) || vshm_pair_open(fd))
				_exit(1);
			_exit(vshm_send_full(fd[0], 0) < 0);
		}
		EXPECT_EQ(0, vshm_wait(pid));
	}
}

TEST_HARNESS_MAIN
