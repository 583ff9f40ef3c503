// SPDX-License-Identifier: GPL-2.0
/*
 * A thousand connections one by one, two hundred at once, and nothing left; ends that
 * are closed at once.
 */
#include "vshm_echo.h"
#include "vshm_proc.h"
#include "vshm_test.h"
#include <kselftest_harness.h>

static volatile sig_atomic_t stop;

static void on_term(int sig)
{
	stop = 1;
}

/* A server in a process of its own. */
FIXTURE(server) {
	pid_t pid;
	uint32_t port;
};

FIXTURE_SETUP(server)
{
	struct sigaction sa = { .sa_handler = on_term };
	int fd = vshm_listener(SOMAXCONN);

	ASSERT_LE(0, fd);
	self->port = vshm_port(fd);
	ASSERT_EQ(0, sigaction(SIGTERM, &sa, NULL));
	self->pid = vshm_fork();
	ASSERT_LE(0, self->pid);
	if (!self->pid)
		_exit(vshm_echo_serve(fd, &stop) ? 1 : 0);
	close(fd);
}

/* Lines with the server's port, once that is @want or after a while. */
static int lines_left(uint32_t port, int want)
{
	uint64_t end = vshm_now_ms() + VSHM_WAIT_MS;
	int n;

	do {
		n = vshm_proc_port_lines(port);
		if (n == want)
			break;
		usleep(10000);
	} while (vshm_now_ms() < end);
	return n;
}

FIXTURE_TEARDOWN(server)
{
	bool table = !access(VSHM_PROC_PATH, R_OK);

	/* all that is left is the listener; then nothing */
	if (table) {
		EXPECT_EQ(1, lines_left(self->port, 1));
	}
	kill(self->pid, SIGTERM);
	EXPECT_EQ(0, vshm_wait(self->pid));
	if (table) {
		EXPECT_EQ(0, lines_left(self->port, 0));
	}
}

TEST_F_TIMEOUT(server, sequential, 120)
{
	EXPECT_EQ(0, vshm_echo_sequential(VSHM_CID_LOCAL, self->port, 1000,
					  100));
}

TEST_F_TIMEOUT(server, parallel, 120)
{
	EXPECT_EQ(0, vshm_echo_parallel(VSHM_CID_LOCAL, self->port, 200,
					20000));
}

/* Clients that leave in the middle. */
TEST_F_TIMEOUT(server, abandoned, 120)
{
	for (int i = 0; i < 100; i++) {
		int fd = vshm_socket(0);

		ASSERT_EQ(0, vshm_connect(fd, VSHM_CID_LOCAL, self->port));
		if (i & 1) {
			ASSERT_EQ(0, vshm_send_all(fd, 150 * i, 5000, 0, 0));
		}
		close(fd);
	}
	EXPECT_EQ(0, vshm_echo_sequential(VSHM_CID_LOCAL, self->port, 1, 100));
}

/* A thread that closes the other end at the same moment, round after round. */
FIXTURE(closer) {
	pthread_barrier_t round;
	pthread_t thread;
	bool stop;
	int fd;
};

static void *close_other(void *arg)
{
	FIXTURE_DATA(closer) *self = arg;

	for (;;) {
		pthread_barrier_wait(&self->round);
		if (self->stop)
			return NULL;
		close(self->fd);
		pthread_barrier_wait(&self->round);
	}
}

FIXTURE_SETUP(closer)
{
	ASSERT_EQ(0, pthread_barrier_init(&self->round, NULL, 2));
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, close_other, self));
}

FIXTURE_TEARDOWN(closer)
{
	self->stop = true;
	pthread_barrier_wait(&self->round);
	pthread_join(self->thread, NULL);
}

/*
 * Both ends have last words for each other; a connection that is made of the same
 * memory meanwhile must not hear them.
 */
TEST_F_TIMEOUT(closer, both_ends_at_once, 120)
{
	int fd[2];
	char b;

	for (int i = 0; i < 3000; i++) {
		if (socketpair(vshm_family(), SOCK_STREAM, 0, fd)) {
			ASSERT_EQ(EOPNOTSUPP, errno);
			SKIP(return, "no socketpair");
		}
		self->fd = fd[1];
		pthread_barrier_wait(&self->round);
		close(fd[0]);
		for (int k = 0; k < 4; k++) {
			ASSERT_EQ(0, socketpair(vshm_family(), SOCK_STREAM, 0, fd));
			for (int end = 0; end < 2; end++) {
				EXPECT_EQ(1, send(fd[end], "x", 1, MSG_NOSIGNAL));
				EXPECT_EQ(1, recv(fd[!end], &b, 1, 0));
			}
			close(fd[0]);
			close(fd[1]);
		}
		pthread_barrier_wait(&self->round);
	}
}

TEST_HARNESS_MAIN
