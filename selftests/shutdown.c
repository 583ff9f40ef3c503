// SPDX-License-Identifier: GPL-2.0
/* Half close, close and reset. */
#include "vshm_pair.h"

/* Every test once begun by the socket that connected, once by the other. */
FIXTURE(end) {
	int a;	/* shuts down or closes */
	int b;	/* sees it */
};

FIXTURE_VARIANT(end) {
	int first;
};

FIXTURE_VARIANT_ADD(end, client) { 0 };
FIXTURE_VARIANT_ADD(end, server) { 1 };

FIXTURE_SETUP(end)
{
	int fd[2];

	ASSERT_EQ(0, vshm_pair_open(fd));
	self->a = fd[variant->first];
	self->b = fd[!variant->first];
}

FIXTURE_TEARDOWN(end)
{
	close(self->a);
	close(self->b);
}

static void end_close(int *fd)
{
	close(*fd);
	*fd = -1;
}

static ssize_t try_send(int fd)
{
	return send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static ssize_t try_recv(int fd)
{
	char b;

	return recv(fd, &b, 1, MSG_DONTWAIT);
}

TEST_F(end, write_half)
{
	ASSERT_EQ(0, vshm_send_all(self->a, 10000, 777, 0, 1));
	EXPECT_EQ(0, shutdown(self->a, SHUT_WR));
	EXPECT_EQ(-1, try_send(self->a));
	EXPECT_EQ(EPIPE, errno);
	EXPECT_EQ(0, vshm_recv_all(self->b, 10000, 333, 0, 1));
	EXPECT_EQ(0, try_recv(self->b));
	EXPECT_EQ(0, try_recv(self->b));
	/* the other direction still works */
	EXPECT_EQ(0, vshm_send_all(self->b, 10000, 777, 0, 2));
	EXPECT_EQ(0, vshm_recv_all(self->a, 10000, 333, 0, 2));
	EXPECT_EQ(0, vshm_so_error(self->a));
	EXPECT_EQ(0, vshm_so_error(self->b));
}

TEST_F(end, read_half)
{
	EXPECT_EQ(0, shutdown(self->a, SHUT_RD));
	EXPECT_EQ(0, try_recv(self->a));
	EXPECT_EQ(-1, try_send(self->b));
	EXPECT_EQ(EPIPE, errno);
	/* the other direction still works */
	EXPECT_EQ(0, vshm_send_all(self->a, 10000, 777, 0, 2));
	EXPECT_EQ(0, vshm_recv_all(self->b, 10000, 333, 0, 2));
}

TEST_F(end, both_halves)
{
	EXPECT_EQ(0, shutdown(self->a, SHUT_RDWR));
	EXPECT_EQ(-1, try_send(self->a));
	EXPECT_EQ(EPIPE, errno);
	EXPECT_EQ(0, try_recv(self->a));
	EXPECT_EQ(0, try_recv(self->b));
	EXPECT_EQ(-1, try_send(self->b));
	EXPECT_EQ(EPIPE, errno);
}

TEST_F(end, each_writes_no_more)
{
	ASSERT_EQ(0, vshm_send_all(self->a, 100, 100, 0, 1));
	ASSERT_EQ(0, vshm_send_all(self->b, 100, 100, 0, 2));
	EXPECT_EQ(0, shutdown(self->a, SHUT_WR));
	EXPECT_EQ(0, shutdown(self->b, SHUT_WR));
	EXPECT_EQ(0, vshm_recv_all(self->b, 100, 100, 0, 1));
	EXPECT_EQ(0, vshm_recv_all(self->a, 100, 100, 0, 2));
	EXPECT_EQ(0, try_recv(self->a));
	EXPECT_EQ(0, try_recv(self->b));
	EXPECT_EQ(0, vshm_so_error(self->a));
	EXPECT_EQ(0, vshm_so_error(self->b));
}

TEST_F(end, repeated)
{
	EXPECT_EQ(0, shutdown(self->a, SHUT_WR));
	EXPECT_EQ(0, shutdown(self->a, SHUT_WR));
	EXPECT_EQ(0, try_recv(self->b));
	EXPECT_EQ(1, try_send(self->b));
	EXPECT_EQ(1, try_recv(self->a));
}

TEST_F(end, bad_how)
{
	EXPECT_EQ(-1, shutdown(self->a, 3));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(1, try_send(self->a));
}

TEST(not_connected)
{
	int fd = vshm_socket(0);

	EXPECT_EQ(-1, shutdown(fd, SHUT_RDWR));
	EXPECT_EQ(ENOTCONN, errno);
	ASSERT_EQ(0, vshm_bind(fd, VSHM_CID_ANY, VSHM_PORT_ANY));
	EXPECT_EQ(-1, shutdown(fd, SHUT_WR));
	EXPECT_EQ(ENOTCONN, errno);
	close(fd);
}

/* Blocked calls end when their direction does. */
FIXTURE(blocked) {
	int fd[2];
	struct vshm_call call;
	char byte;
};

FIXTURE_VARIANT(blocked) {
	bool sends;	/* what the call at end 0 does */
	int end;	/* who acts */
	int how;	/* shutdown(), or -1 for close() */
	int ret;
	int error;
};

#define BLOCKED(name, ...) \
	FIXTURE_VARIANT_ADD(blocked, name) { __VA_ARGS__ }

BLOCKED(recv_peer_shut_wr, false, 1, SHUT_WR, 0, 0);
BLOCKED(recv_peer_close, false, 1, -1, 0, 0);
BLOCKED(recv_own_shut_rd, false, 0, SHUT_RD, 0, 0);
BLOCKED(send_peer_shut_rd, true, 1, SHUT_RD, -1, EPIPE);
BLOCKED(send_own_shut_wr, true, 0, SHUT_WR, -1, EPIPE);
BLOCKED(send_peer_close, true, 1, -1, -1, ECONNRESET);

FIXTURE_SETUP(blocked)
{
	ASSERT_EQ(0, vshm_pair_open(self->fd));
	self->call = (struct vshm_call) {
		.fn = variant->sends ? vshm_call_send : vshm_call_recv,
		.fd = self->fd[0],
		.buf = &self->byte,
		.len = 1,
	};
	if (variant->sends) {
		ASSERT_LT(0, vshm_send_full(self->fd[0], 0));
	}
}

FIXTURE_TEARDOWN(blocked)
{
	close(self->fd[0]);
	close(self->fd[1]);
}

TEST_F(blocked, ends)
{
	ASSERT_EQ(0, vshm_call_start(&self->call));
	EXPECT_TRUE(vshm_call_blocks(&self->call));
	if (variant->how >= 0) {
		EXPECT_EQ(0, shutdown(self->fd[variant->end], variant->how));
	} else {
		end_close(&self->fd[variant->end]);
	}
	EXPECT_EQ(variant->ret, vshm_call_end(&self->call));
	/* a reset may show as either */
	if (errno != EPIPE || variant->error != ECONNRESET) {
		EXPECT_EQ(variant->error, errno);
	}
}

/* The peer has read everything: an orderly end. */
TEST_F(end, close_when_drained)
{
	ASSERT_EQ(0, vshm_send_all(self->a, 5000, 5000, 0, 1));
	ASSERT_EQ(0, vshm_send_all(self->b, 50, 50, 0, 2));
	ASSERT_EQ(0, vshm_recv_all(self->a, 50, 50, 0, 2));
	end_close(&self->a);
	EXPECT_EQ(0, vshm_recv_all(self->b, 5000, 333, 0, 1));
	EXPECT_EQ(0, try_recv(self->b));
	EXPECT_EQ(0, vshm_so_error(self->b));
	EXPECT_EQ(-1, try_send(self->b));
	EXPECT_EQ(EPIPE, errno);
	EXPECT_EQ(0, try_recv(self->b));
}

/* Bytes that nobody will read: the peer must hear of it. */
TEST_F(end, close_with_unread_data)
{
	ASSERT_EQ(0, vshm_send_all(self->b, 50, 50, 0, 2));
	ASSERT_EQ(0, vshm_send_all(self->a, 5000, 5000, 0, 1));
	end_close(&self->a);
	EXPECT_EQ(0, vshm_recv_all(self->b, 5000, 333, 0, 1));
	EXPECT_EQ(-1, try_recv(self->b));
	EXPECT_EQ(ECONNRESET, errno);
	EXPECT_EQ(0, try_recv(self->b));
}

TEST_F(end, reset_seen_by_so_error)
{
	ASSERT_EQ(1, try_send(self->b));
	end_close(&self->a);
	EXPECT_EQ(ECONNRESET, vshm_so_error(self->b));
	EXPECT_EQ(0, vshm_so_error(self->b));
	EXPECT_EQ(0, try_recv(self->b));
}

TEST_F(end, reset_seen_by_send)
{
	ASSERT_EQ(1, try_send(self->b));
	end_close(&self->a);
	EXPECT_EQ(-1, try_send(self->b));
	EXPECT_TRUE(errno == ECONNRESET || errno == EPIPE);
	EXPECT_EQ(-1, try_send(self->b));
	EXPECT_EQ(EPIPE, errno);
}

TEST_F(end, exit_closes)
{
	pid_t pid;

	ASSERT_EQ(1, try_send(self->a));
	pid = vshm_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(self->b);
		for (;;)
			pause();
	}
	end_close(&self->a);
	EXPECT_EQ(1, try_recv(self->b));
	EXPECT_EQ(-1, try_recv(self->b));
	EXPECT_EQ(EAGAIN, errno);
	kill(pid, SIGKILL);
	EXPECT_EQ(-1, vshm_wait(pid));
	EXPECT_NE(0, vshm_poll(self->b, POLLIN, VSHM_WAIT_MS) & POLLHUP);
	EXPECT_EQ(0, try_recv(self->b));
}

TEST(listener_closes)
{
	int listener = vshm_listener(4);
	int c[3];
	char b;

	for (int i = 0; i < 3; i++) {
		c[i] = vshm_client(listener);
		ASSERT_LE(0, c[i]);
	}
	ASSERT_EQ(1, try_send(c[1]));
	close(listener);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(-1, recv(c[i], &b, 1, 0));
		EXPECT_EQ(ECONNRESET, errno);
		EXPECT_EQ(-1, try_send(c[i]));
		close(c[i]);
	}
}

TEST_SIGNAL(sigpipe, SIGPIPE)
{
	int fd[2];

	ASSERT_EQ(0, vshm_pair_open(fd));
	close(fd[1]);
	send(fd[0], "x", 1, 0);
	send(fd[0], "x", 1, 0);
}

TEST_F(end, no_sigpipe_when_asked)
{
	ASSERT_EQ(0, shutdown(self->a, SHUT_WR));
	EXPECT_EQ(-1, send(self->a, "x", 1, MSG_NOSIGNAL));
	EXPECT_EQ(EPIPE, errno);
	signal(SIGPIPE, SIG_IGN);
	EXPECT_EQ(-1, write(self->a, "x", 1));
	EXPECT_EQ(EPIPE, errno);
}

/* The tail of a stream is not lost when its sender closes at once. */
TEST(last_bytes)
{
	int fd[2];

	for (int i = 0; i < 50; i++) {
		ASSERT_EQ(0, vshm_pair_open(fd));
		ASSERT_EQ(0, vshm_send_all(fd[i & 1], 20000, 20000, 0, i));
		close(fd[i & 1]);
		ASSERT_EQ(0, vshm_recv_all(fd[~i & 1], 20000, 4096, 0, i));
		ASSERT_EQ(0, try_recv(fd[~i & 1]));
		close(fd[~i & 1]);
	}
}

TEST_HARNESS_MAIN
