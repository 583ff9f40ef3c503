// SPDX-License-Identifier: GPL-2.0
/* Half close, close and reset. */
#include "vshm_place.h"
#include <kselftest_harness.h>

/* Every test once begun by the socket that connected, once by the other. */
FIXTURE(end) {
	struct vshm_place p;
	int a;	/* shuts down or closes */
	int b;	/* sees it */
};

FIXTURE_VARIANT(end) {
	int type;
	int side;
	bool server;
};

#define END(place, ...)							\
	FIXTURE_VARIANT_ADD(end, place##_client) { __VA_ARGS__, false }; \
	FIXTURE_VARIANT_ADD(end, place##_server) { __VA_ARGS__, true }

END(stream_loopback, SOCK_STREAM, -1);
END(stream_host, SOCK_STREAM, 0);
END(stream_guest, SOCK_STREAM, 1);
END(packet_loopback, SOCK_SEQPACKET, -1);
END(packet_host, SOCK_SEQPACKET, 0);
END(packet_guest, SOCK_SEQPACKET, 1);

FIXTURE_SETUP(end)
{
	ASSERT_EQ(0, vshm_place_open(&self->p, variant->type, variant->side));
	self->a = variant->server ? self->p.s : self->p.c;
	self->b = variant->server ? self->p.c : self->p.s;
}

FIXTURE_TEARDOWN(end)
{
	self->p.c = self->a;
	self->p.s = self->b;
	EXPECT_TRUE(vshm_place_close(&self->p));
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

/* What the other end did shows at once, or when its record has come. */
static ssize_t recv_soon(int fd)
{
	vshm_poll(fd, POLLIN | POLLRDHUP, VSHM_WAIT_MS);
	return try_recv(fd);
}

static ssize_t send_soon(int fd)
{
	uint64_t end = vshm_now_ms() + VSHM_WAIT_MS;
	ssize_t n;

	while ((n = try_send(fd)) == 1 && vshm_now_ms() < end)
		usleep(1000);
	return n;
}

TEST_F(end, write_half)
{
	ASSERT_EQ(0, vshm_send_all(self->a, 10000, 500, 0, 1));
	EXPECT_EQ(0, shutdown(self->a, SHUT_WR));
	EXPECT_EQ(-1, try_send(self->a));
	EXPECT_EQ(EPIPE, errno);
	EXPECT_EQ(0, vshm_recv_all(self->b, 10000, 500, 0, 1));
	EXPECT_EQ(0, recv_soon(self->b));
	EXPECT_EQ(0, try_recv(self->b));
	/* the other direction still works */
	EXPECT_EQ(0, vshm_send_all(self->b, 10000, 500, 0, 2));
	EXPECT_EQ(0, vshm_recv_all(self->a, 10000, 500, 0, 2));
	EXPECT_EQ(0, vshm_so_error(self->a));
	EXPECT_EQ(0, vshm_so_error(self->b));
}

TEST_F(end, read_half)
{
	EXPECT_EQ(0, shutdown(self->a, SHUT_RD));
	EXPECT_EQ(0, try_recv(self->a));
	EXPECT_EQ(-1, send_soon(self->b));
	EXPECT_EQ(EPIPE, errno);
	/* the other direction still works */
	EXPECT_EQ(0, vshm_send_all(self->a, 10000, 500, 0, 2));
	EXPECT_EQ(0, vshm_recv_all(self->b, 10000, 500, 0, 2));
}

TEST_F(end, both_halves)
{
	EXPECT_EQ(0, shutdown(self->a, SHUT_RDWR));
	EXPECT_EQ(-1, try_send(self->a));
	EXPECT_EQ(EPIPE, errno);
	EXPECT_EQ(0, try_recv(self->a));
	EXPECT_EQ(0, recv_soon(self->b));
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
	EXPECT_EQ(0, recv_soon(self->a));
	EXPECT_EQ(0, recv_soon(self->b));
	EXPECT_EQ(0, vshm_so_error(self->a));
	EXPECT_EQ(0, vshm_so_error(self->b));
}

TEST_F(end, repeated)
{
	EXPECT_EQ(0, shutdown(self->a, SHUT_WR));
	EXPECT_EQ(0, shutdown(self->a, SHUT_WR));
	EXPECT_EQ(0, recv_soon(self->b));
	EXPECT_EQ(1, try_send(self->b));
	EXPECT_EQ(1, try_recv(self->a));
}

/* What lies in the queue can be received after the own end of receiving. */
TEST_F(end, read_half_with_data)
{
	char buf[500];

	ASSERT_EQ(0, vshm_send_all(self->b, 1000, 500, 0, 1));
	ASSERT_EQ(0, shutdown(self->a, SHUT_RD));
	EXPECT_EQ(0, shutdown(self->a, SHUT_RD));
	EXPECT_EQ(-1, send_soon(self->b));
	EXPECT_EQ(EPIPE, errno);
	EXPECT_EQ(0, vshm_recv_all(self->a, 1000, 500, 0, 1));
	while (recv(self->a, buf, sizeof(buf), 0) > 0)
		;
	EXPECT_EQ(0, try_recv(self->a));
	EXPECT_EQ(0, vshm_so_error(self->a));
	EXPECT_EQ(0, vshm_so_error(self->b));
}

/* One half after the other is the same as both. */
TEST_F(end, halves_in_turn)
{
	ASSERT_EQ(0, vshm_send_all(self->a, 1000, 500, 0, 1));
	EXPECT_EQ(0, shutdown(self->a, SHUT_RD));
	EXPECT_EQ(0, shutdown(self->a, SHUT_WR));
	EXPECT_EQ(0, shutdown(self->a, SHUT_RDWR));
	EXPECT_EQ(0, vshm_recv_all(self->b, 1000, 500, 0, 1));
	EXPECT_EQ(0, recv_soon(self->b));
	EXPECT_NE(0, vshm_poll(self->b, 0, VSHM_WAIT_MS) & POLLHUP);
	EXPECT_EQ(-1, try_send(self->b));
	EXPECT_EQ(EPIPE, errno);
	EXPECT_EQ(0, shutdown(self->b, SHUT_RDWR));
	EXPECT_EQ(0, vshm_so_error(self->a));
	EXPECT_EQ(0, vshm_so_error(self->b));
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
	int unused;
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
}

FIXTURE_TEARDOWN(blocked)
{
}

/* As what the fixture says, of both types, at each place. */
static void blocked_at(struct __test_metadata *_metadata,
		       const FIXTURE_VARIANT(blocked) *variant, int type,
		       int side)
{
	struct vshm_call call;
	struct vshm_place p;
	int *fd[2];
	char byte;

	ASSERT_EQ(0, vshm_place_open(&p, type, side));
	fd[0] = &p.c;
	fd[1] = &p.s;
	call = (struct vshm_call) {
		.fn = variant->sends ? vshm_call_send : vshm_call_recv,
		.fd = p.c, .buf = &byte, .len = 1,
	};
	if (variant->sends) {
		ASSERT_LT(0, vshm_place_fill(&p, p.c, 0));
	}
	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_TRUE(vshm_call_blocks(&call));
	if (variant->how >= 0) {
		EXPECT_EQ(0, shutdown(*fd[variant->end], variant->how));
	} else {
		end_close(fd[variant->end]);
	}
	EXPECT_EQ(variant->ret, vshm_call_end(&call));
	/* a reset may show as either */
	if (errno != EPIPE || variant->error != ECONNRESET) {
		EXPECT_EQ(variant->error, errno);
	}
	EXPECT_TRUE(vshm_place_close(&p));
}

TEST_F(blocked, ends)
{
	for (int side = -1; side < 2; side++) {
		blocked_at(_metadata, variant, SOCK_STREAM, side);
		blocked_at(_metadata, variant, SOCK_SEQPACKET, side);
	}
}

/* The peer has read everything: an orderly end. */
TEST_F(end, close_when_drained)
{
	ASSERT_EQ(0, vshm_send_all(self->a, 5000, 500, 0, 1));
	ASSERT_EQ(0, vshm_send_all(self->b, 50, 50, 0, 2));
	ASSERT_EQ(0, vshm_recv_all(self->a, 50, 50, 0, 2));
	end_close(&self->a);
	EXPECT_EQ(0, vshm_recv_all(self->b, 5000, 500, 0, 1));
	EXPECT_EQ(0, recv_soon(self->b));
	EXPECT_EQ(0, vshm_so_error(self->b));
	EXPECT_EQ(-1, try_send(self->b));
	EXPECT_EQ(EPIPE, errno);
	EXPECT_EQ(0, try_recv(self->b));
}

/* Bytes that nobody will read: the peer must hear of it. */
TEST_F(end, close_with_unread_data)
{
	ASSERT_EQ(0, vshm_send_all(self->b, 50, 50, 0, 2));
	ASSERT_EQ(0, vshm_send_all(self->a, 5000, 500, 0, 1));
	end_close(&self->a);
	EXPECT_EQ(0, vshm_recv_all(self->b, 5000, 500, 0, 1));
	EXPECT_EQ(-1, recv_soon(self->b));
	EXPECT_EQ(ECONNRESET, errno);
	EXPECT_EQ(0, try_recv(self->b));
}

TEST_F(end, reset_seen_by_so_error)
{
	ASSERT_EQ(1, try_send(self->b));
	end_close(&self->a);
	EXPECT_NE(0, vshm_poll(self->b, 0, VSHM_WAIT_MS) & POLLERR);
	EXPECT_EQ(ECONNRESET, vshm_so_error(self->b));
	EXPECT_EQ(0, vshm_so_error(self->b));
	EXPECT_EQ(0, try_recv(self->b));
}

TEST_F(end, reset_seen_by_send)
{
	ASSERT_EQ(1, try_send(self->b));
	end_close(&self->a);
	EXPECT_EQ(-1, send_soon(self->b));
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
	EXPECT_EQ(1, recv_soon(self->b));
	EXPECT_EQ(-1, try_recv(self->b));
	EXPECT_EQ(EAGAIN, errno);
	kill(pid, SIGKILL);
	EXPECT_EQ(-1, vshm_wait(pid));
	EXPECT_NE(0, vshm_poll(self->b, POLLIN, VSHM_WAIT_MS) & POLLHUP);
	EXPECT_EQ(0, try_recv(self->b));
}

/* Those who were not accepted hear of it. */
TEST(listener_closes)
{
	struct vshm_place p;
	int listener, c[3];
	char b;

	for (int i = 0; i < 6; i++) {
		ASSERT_EQ(0, vshm_place_make(&p, i & 1 ? SOCK_STREAM :
						 SOCK_SEQPACKET, i / 2 - 1));
		listener = vshm_place_listener(&p, 4);
		for (int j = 0; j < 3; j++) {
			c[j] = vshm_place_client(&p, listener);
			ASSERT_LE(0, c[j]);
		}
		ASSERT_EQ(1, try_send(c[1]));
		close(listener);
		for (int j = 0; j < 3; j++) {
			EXPECT_EQ(-1, recv(c[j], &b, 1, 0));
			EXPECT_EQ(ECONNRESET, errno);
			EXPECT_EQ(-1, try_send(c[j]));
			close(c[j]);
		}
		EXPECT_TRUE(vshm_place_close(&p));
	}
}

/* A listener that is shut down is over, for those who wait at either side. */
TEST(listener_shut_down)
{
	struct vshm_call call = { .fn = vshm_call_accept };
	struct vshm_place p;
	int listener, c;
	char b;

	if (vshm_family() == AF_VSOCK)
		SKIP(return, "has no effect in the place of AF_VSOCK");
	for (int i = 0; i < 6; i++) {
		ASSERT_EQ(0, vshm_place_make(&p, i & 1 ? SOCK_STREAM :
						 SOCK_SEQPACKET, i / 2 - 1));
		/* nothing to be sent, nothing changes */
		listener = vshm_place_listener(&p, 4);
		EXPECT_EQ(0, shutdown(listener, SHUT_WR));
		call.fd = listener;
		ASSERT_EQ(0, vshm_call_start(&call));
		EXPECT_TRUE(vshm_call_blocks(&call));
		EXPECT_EQ(0, shutdown(listener, SHUT_RD));
		EXPECT_EQ(-1, vshm_call_end(&call));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_NE(0, vshm_poll(listener, 0, 0) & POLLHUP);
		EXPECT_EQ(-1, vshm_place_client(&p, listener));
		EXPECT_EQ(ECONNREFUSED, errno);
		EXPECT_EQ(-1, listen(listener, 1));
		EXPECT_EQ(EINVAL, errno);
		close(listener);

		listener = vshm_place_listener(&p, 4);
		c = vshm_place_client(&p, listener);
		ASSERT_LE(0, c);
		EXPECT_EQ(0, shutdown(listener, SHUT_RDWR));
		EXPECT_EQ(-1, recv(c, &b, 1, 0));
		EXPECT_EQ(ECONNRESET, errno);
		EXPECT_EQ(-1, accept(listener, NULL, NULL));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(0, shutdown(listener, SHUT_RDWR));
		close(c);
		close(listener);
		EXPECT_TRUE(vshm_place_close(&p));
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
	struct vshm_place p;

	for (int side = -1; side < 2; side++) {
		ASSERT_EQ(0, vshm_place_make(&p, SOCK_STREAM, side));
		for (int i = 0; i < 20; i++) {
			ASSERT_EQ(0, vshm_place_pair(&p, &p.c, &p.s));
			if (i & 1) {
				int c = p.c;

				p.c = p.s;
				p.s = c;
			}
			ASSERT_EQ(0, vshm_send_all(p.c, 20000, 20000, 0, i));
			end_close(&p.c);
			ASSERT_EQ(0, vshm_recv_all(p.s, 20000, 4096, 0, i));
			ASSERT_EQ(0, recv_soon(p.s));
			end_close(&p.s);
		}
		EXPECT_TRUE(vshm_place_close(&p));
	}
}

TEST_HARNESS_MAIN
