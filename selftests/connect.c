// SPDX-License-Identifier: GPL-2.0
/* connect(), listen() and accept(), over loopback and over a link. */
#include "vshm_place.h"
#include <kselftest_harness.h>

#include <sys/time.h>

FIXTURE(listener) {
	struct vshm_place p;
	int fd;
	uint32_t port;
	uint32_t unused;	/* a port of the same CID where nobody listens */
};

FIXTURE_VARIANT(listener) { int type; int side; };

VSHM_PLACE_CONNECTIONS(listener)

FIXTURE_SETUP(listener)
{
	ASSERT_EQ(0, vshm_place_make(&self->p, variant->type, variant->side));
	self->fd = vshm_place_listener(&self->p, 8);
	ASSERT_LE(0, self->fd);
	self->port = vshm_port(self->fd);
	self->unused = vshm_place_unused_port(&self->p);
}

FIXTURE_TEARDOWN(listener)
{
	close(self->fd);
	EXPECT_TRUE(vshm_place_close(&self->p));
}

static int client(FIXTURE_DATA(listener) *self)
{
	return vshm_place_client(&self->p, self->fd);
}

/* A socket that connects to a port where the listener is. */
static int try(FIXTURE_DATA(listener) *self, int fd, uint32_t port)
{
	return vshm_connect(fd, self->p.cid, port);
}

TEST_F(listener, accept)
{
	struct sockaddr_vshm addr;
	socklen_t len = sizeof(addr);
	int c = client(self);
	int s;

	ASSERT_LE(0, c);
	memset(&addr, 0xff, sizeof(addr));
	s = accept(self->fd, (struct sockaddr *)&addr, &len);
	ASSERT_LE(0, s);
	EXPECT_EQ(sizeof(addr), len);
	EXPECT_EQ(vshm_family(), addr.svs_family);
	EXPECT_EQ(self->p.own, addr.svs_cid);
	EXPECT_EQ(vshm_port(c), addr.svs_port);
	EXPECT_EQ(0, addr.svs_reserved1);
	EXPECT_EQ(0, addr.svs_flags);
	close(c);
	close(s);
}

TEST_F(listener, names)
{
	struct sockaddr_vshm cl, cr, sl, sr;
	int c = client(self);
	int s = accept(self->fd, NULL, NULL);

	ASSERT_LE(0, s);
	cl = vshm_name(c);
	cr = vshm_peer(c);
	sl = vshm_name(s);
	sr = vshm_peer(s);
	EXPECT_EQ(self->p.own, cl.svs_cid);
	EXPECT_LT(VSHM_PORT_PRIVILEGED, (int64_t)cl.svs_port);
	EXPECT_EQ(self->p.cid, cr.svs_cid);
	EXPECT_EQ(self->port, cr.svs_port);
	EXPECT_EQ(0, memcmp(&cl, &sr, sizeof(cl)));
	EXPECT_EQ(0, memcmp(&cr, &sl, sizeof(cr)));
	close(c);
	close(s);
}

TEST_F(listener, connect_from_bound_port)
{
	int c = vshm_place_socket(&self->p);
	uint32_t port;
	int s;

	ASSERT_EQ(0, vshm_bind(c, self->p.own, VSHM_PORT_ANY));
	port = vshm_port(c);
	ASSERT_EQ(0, try(self, c, self->port));
	s = accept(self->fd, NULL, NULL);
	ASSERT_LE(0, s);
	EXPECT_EQ(port, vshm_port(c));
	EXPECT_EQ(port, vshm_peer(s).svs_port);
	close(c);
	close(s);
}

TEST_F(listener, accept_in_order)
{
	int c[4], s;

	for (int i = 0; i < 4; i++) {
		c[i] = client(self);
		ASSERT_LE(0, c[i]);
	}
	for (int i = 0; i < 4; i++) {
		s = accept(self->fd, NULL, NULL);
		ASSERT_LE(0, s);
		EXPECT_EQ(vshm_port(c[i]), vshm_peer(s).svs_port);
		close(s);
		close(c[i]);
	}
}

TEST_F(listener, accept4_flags)
{
	int c1 = client(self);
	int c2 = client(self);
	int s1, s2;

	/* connected is a moment before there is something to accept */
	ASSERT_EQ(0, vshm_nonblock(self->fd));
	EXPECT_EQ(POLLIN, vshm_poll(self->fd, POLLIN, VSHM_WAIT_MS));
	s1 = accept4(self->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ASSERT_LE(0, s1);
	EXPECT_NE(0, fcntl(s1, F_GETFL) & O_NONBLOCK);
	EXPECT_NE(0, fcntl(s1, F_GETFD) & FD_CLOEXEC);
	EXPECT_EQ(POLLIN, vshm_poll(self->fd, POLLIN, VSHM_WAIT_MS));
	s2 = accept(self->fd, NULL, NULL);
	ASSERT_LE(0, s2);
	EXPECT_EQ(0, fcntl(s2, F_GETFL) & O_NONBLOCK);
	EXPECT_EQ(0, fcntl(s2, F_GETFD) & FD_CLOEXEC);
	close(c1);
	close(c2);
	close(s1);
	close(s2);
}

TEST_F(listener, accept_nonblocking)
{
	int c, s;

	ASSERT_EQ(0, vshm_nonblock(self->fd));
	EXPECT_EQ(-1, accept(self->fd, NULL, NULL));
	EXPECT_EQ(EAGAIN, errno);
	c = client(self);
	ASSERT_LE(0, c);
	EXPECT_EQ(POLLIN, vshm_poll(self->fd, POLLIN, VSHM_WAIT_MS));
	s = accept(self->fd, NULL, NULL);
	EXPECT_LE(0, s);
	EXPECT_EQ(-1, accept(self->fd, NULL, NULL));
	EXPECT_EQ(EAGAIN, errno);
	close(c);
	close(s);
}

TEST_F(listener, accept_timeout)
{
	struct timeval tv = { .tv_usec = 50000 };
	uint64_t start;

	ASSERT_EQ(0, setsockopt(self->fd, SOL_SOCKET, SO_RCVTIMEO, &tv,
				sizeof(tv)));
	/* measured in jiffies, the first of which may have begun */
	start = vshm_now_ms();
	EXPECT_EQ(-1, accept(self->fd, NULL, NULL));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_LE(39U, vshm_now_ms() - start);
}

TEST_F(listener, accept_woken)
{
	struct vshm_call call = { .fn = vshm_call_accept, .fd = self->fd };
	int c;

	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_TRUE(vshm_call_blocks(&call));
	c = client(self);
	EXPECT_LE(0, c);
	EXPECT_LE(0, vshm_call_end(&call));
	close(call.ret);
	close(c);
}

TEST_F(listener, accept_interrupted)
{
	struct vshm_call call = { .fn = vshm_call_accept, .fd = self->fd };

	ASSERT_EQ(0, vshm_catch_usr1());
	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_TRUE(vshm_call_blocks(&call));
	ASSERT_EQ(0, pthread_kill(call.thread, SIGUSR1));
	EXPECT_EQ(-1, vshm_call_end(&call));
	EXPECT_EQ(EINTR, errno);
}

TEST_F(listener, accept_with_shut_client)
{
	int c = client(self);
	char b;
	int s;

	ASSERT_EQ(3, send(c, "abc", 3, 0));
	ASSERT_EQ(0, close(c));
	s = accept(self->fd, NULL, NULL);
	ASSERT_LE(0, s);
	EXPECT_EQ(1, recv(s, &b, 1, 0));
	EXPECT_EQ('a', b);
	close(s);
}

TEST_F(listener, accept_not_listening)
{
	int fd = vshm_place_socket(&self->p), pair[2];

	EXPECT_EQ(-1, accept(fd, NULL, NULL));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(0, vshm_bind(fd, VSHM_CID_ANY, VSHM_PORT_ANY));
	EXPECT_EQ(-1, accept(fd, NULL, NULL));
	EXPECT_EQ(EINVAL, errno);
	close(fd);
	/* neither accepts a connected one, nor listens */
	ASSERT_EQ(0, vshm_place_pair(&self->p, &pair[0], &pair[1]));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(-1, accept(pair[i], NULL, NULL));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(-1, listen(pair[i], 1));
		EXPECT_EQ(EINVAL, errno);
		close(pair[i]);
	}
}

TEST_F(listener, listen_again)
{
	int c;

	EXPECT_EQ(0, listen(self->fd, 3));
	c = client(self);
	EXPECT_LE(0, c);
	close(c);
}

/* Bound to the CID by which the other end knows it. */
TEST_F(listener, on_one_cid)
{
	int c, s, fd;

	ASSERT_EQ(0, vshm_ns_enter(self->p.to));
	fd = socket(vshm_family(), self->p.type, 0);
	ASSERT_EQ(0, vshm_bind(fd, self->p.cid, VSHM_PORT_ANY));
	ASSERT_EQ(0, listen(fd, 1));
	c = vshm_place_client(&self->p, fd);
	ASSERT_LE(0, c);
	s = accept(fd, NULL, NULL);
	EXPECT_LE(0, s);
	close(c);
	close(s);
	close(fd);
}

TEST_F(listener, refused)
{
	int fd = vshm_place_socket(&self->p);

	EXPECT_EQ(-1, try(self, fd, self->unused));
	EXPECT_EQ(VSHM_REFUSED, errno);
	close(fd);
}

TEST_F(listener, refused_when_bound_only)
{
	int fd = vshm_place_socket(&self->p), other;

	ASSERT_EQ(0, vshm_ns_enter(self->p.to));
	other = socket(vshm_family(), self->p.type, 0);
	ASSERT_EQ(0, vshm_bind(other, VSHM_CID_ANY, VSHM_PORT_ANY));
	EXPECT_EQ(-1, try(self, fd, vshm_port(other)));
	EXPECT_EQ(VSHM_REFUSED, errno);
	/* nor does a socket reach itself */
	EXPECT_EQ(-1, vshm_connect(other, VSHM_CID_LOCAL, vshm_port(other)));
	EXPECT_EQ(VSHM_REFUSED, errno);
	close(fd);
	close(other);
}

TEST_F(listener, refused_another_type)
{
	int types[] = { SOCK_STREAM, SOCK_SEQPACKET }, fd;

	ASSERT_EQ(0, vshm_ns_enter(self->p.from));
	fd = socket(vshm_family(), types[self->p.type == SOCK_STREAM], 0);
	EXPECT_EQ(-1, try(self, fd, self->port));
	EXPECT_EQ(VSHM_REFUSED, errno);
	close(fd);
}

TEST_F(listener, refused_then_connected)
{
	int fd = vshm_place_socket(&self->p);
	uint32_t port;

	ASSERT_EQ(-1, try(self, fd, self->unused));
	port = vshm_port(fd);
	EXPECT_NE(0U, port);
	EXPECT_NE(VSHM_PORT_ANY, port);
	EXPECT_EQ(0, vshm_so_error(fd));
	EXPECT_EQ(0, try(self, fd, self->port));
	EXPECT_EQ(port, vshm_port(fd));
	close(fd);
}

TEST_F(listener, unreachable)
{
	static const uint32_t cids[] = { 0xcafe0000, 60000, VSHM_CID_HYPERVISOR };
	int fd = vshm_place_socket(&self->p);

	for (size_t i = 0; i < ARRAY_SIZE(cids); i++) {
		EXPECT_EQ(-1, vshm_connect(fd, cids[i], self->port));
		/* of other guests, a guest asks its host, which allows none */
		EXPECT_EQ(self->p.own >= VSHM_CID_GUEST_MIN &&
			  cids[i] >= VSHM_CID_GUEST_MIN &&
			  cids[i] <= VSHM_CID_GUEST_MAX ? EACCES :
			  VSHM_UNREACHABLE, errno);
	}
	EXPECT_EQ(0, try(self, fd, self->port));
	close(fd);
}

TEST_F(listener, already_connected)
{
	int c = client(self);
	int s = accept(self->fd, NULL, NULL);

	ASSERT_LE(0, s);
	EXPECT_EQ(-1, try(self, c, self->port));
	EXPECT_EQ(EISCONN, errno);
	EXPECT_EQ(-1, vshm_connect(s, self->p.own, self->port));
	EXPECT_EQ(EISCONN, errno);
	close(c);
	close(s);
}

TEST_F(listener, listener_connects)
{
	EXPECT_EQ(-1, vshm_connect(self->fd, VSHM_CID_LOCAL, self->port));
	EXPECT_EQ(EINVAL, errno);
}

/* EINPROGRESS and an answer later, or the answer at once: both are fine. */
TEST_F(listener, nonblocking)
{
	int c = vshm_place_socket(&self->p), r, s;

	ASSERT_EQ(0, vshm_nonblock(c));
	r = try(self, c, self->port);

	if (r) {
		ASSERT_EQ(EINPROGRESS, errno);
		r = try(self, c, self->port);
		EXPECT_EQ(-1, r);
		EXPECT_TRUE(errno == EALREADY || errno == EISCONN);
	}
	EXPECT_EQ(POLLOUT, vshm_poll(c, POLLOUT, VSHM_WAIT_MS));
	EXPECT_EQ(0, vshm_so_error(c));
	s = accept(self->fd, NULL, NULL);
	EXPECT_LE(0, s);
	EXPECT_EQ(-1, try(self, c, self->port));
	EXPECT_EQ(EISCONN, errno);
	close(c);
	close(s);
}

TEST_F(listener, nonblocking_refused)
{
	int c = vshm_place_socket(&self->p);

	ASSERT_EQ(0, vshm_nonblock(c));
	ASSERT_EQ(-1, try(self, c, self->unused));
	if (errno == EINPROGRESS) {
		EXPECT_NE(0, vshm_poll(c, POLLOUT, VSHM_WAIT_MS) & POLLERR);
		EXPECT_EQ(VSHM_REFUSED, vshm_so_error(c));
	} else {
		EXPECT_EQ(VSHM_REFUSED, errno);
	}
	EXPECT_EQ(0, vshm_so_error(c));
	if (try(self, c, self->port)) {
		EXPECT_EQ(EINPROGRESS, errno);
	}
	EXPECT_EQ(POLLOUT, vshm_poll(c, POLLOUT, VSHM_WAIT_MS));
	EXPECT_EQ(0, vshm_so_error(c));
	close(c);
}

TEST_F(listener, queue_full)
{
	int listener = vshm_place_listener(&self->p, 2);
	int c[4];
	int n, s;

	/* whether a backlog of 2 admits 2 or 3 is a matter of custom */
	for (n = 0; n < 4; n++) {
		c[n] = vshm_place_client(&self->p, listener);
		if (c[n] < 0)
			break;
	}
	EXPECT_EQ(VSHM_REFUSED, errno);
	EXPECT_TRUE(n == 2 || n == 3);
	s = accept(listener, NULL, NULL);
	ASSERT_LE(0, s);
	c[n] = vshm_place_client(&self->p, listener);
	EXPECT_LE(0, c[n]);
	for (int i = 0; i <= n; i++)
		close(c[i]);
	close(s);
	close(listener);
}

TEST_F(listener, closed_clients_leave_queue_usable)
{
	int c, s, n = 0;

	for (int i = 0; i < 4; i++) {
		c = client(self);
		ASSERT_LE(0, c);
		close(c);
	}
	ASSERT_EQ(0, vshm_nonblock(self->fd));
	for (;;) {
		s = accept(self->fd, NULL, NULL);
		if (s < 0)
			break;
		close(s);
		n++;
	}
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_GE(4, n);
	c = client(self);
	EXPECT_LE(0, c);
	EXPECT_NE(0, vshm_poll(self->fd, POLLIN, VSHM_WAIT_MS));
	s = accept(self->fd, NULL, NULL);
	EXPECT_LE(0, s);
	close(c);
	close(s);
}

TEST_F(listener, refused_after_close)
{
	int fd = vshm_place_socket(&self->p);

	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(-1, try(self, fd, self->port));
	EXPECT_EQ(VSHM_REFUSED, errno);
	close(fd);
}

/* The port of a closed listener is free although its connection lives. */
TEST_F(listener, listen_beside_old_connection)
{
	int c = client(self);
	int s = accept(self->fd, NULL, NULL);
	int fd, c2, s2;
	char b;

	ASSERT_LE(0, s);
	close(self->fd);
	ASSERT_EQ(0, vshm_ns_enter(self->p.to));
	fd = socket(vshm_family(), self->p.type, 0);
	self->fd = fd;
	ASSERT_EQ(0, vshm_bind(fd, VSHM_CID_ANY, self->port));
	ASSERT_EQ(0, listen(fd, 1));
	c2 = client(self);
	ASSERT_LE(0, c2);
	s2 = accept(fd, NULL, NULL);
	ASSERT_LE(0, s2);
	ASSERT_EQ(1, send(c, "1", 1, 0));
	ASSERT_EQ(1, send(c2, "2", 1, 0));
	EXPECT_EQ(1, recv(s, &b, 1, 0));
	EXPECT_EQ('1', b);
	EXPECT_EQ(1, recv(s2, &b, 1, 0));
	EXPECT_EQ('2', b);
	close(c);
	close(s);
	close(c2);
	close(s2);
}

TEST_HARNESS_MAIN
