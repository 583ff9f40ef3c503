// SPDX-License-Identifier: GPL-2.0
/*
 * Socket options, with all types, over loopback and over a link. What the options
 * of the family do to one socket is in socket_api.c.
 */
#include "vshm_place.h"
#include <kselftest_harness.h>

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <linux/userfaultfd.h>

VSHM_PLACE_FIXTURE(option)
VSHM_PLACE_ALL(option)
VSHM_PLACE_FIXTURE(conn)
VSHM_PLACE_CONNECTIONS(conn)
VSHM_PLACE_FIXTURE(datagram)
VSHM_PLACE_DATAGRAMS(datagram)
VSHM_PLACE_FIXTURE(stream)
VSHM_PLACE_STREAMS(stream)

/* Options that are kept and given back, whatever they are good for. */
TEST_F(option, kept)
{
	static const struct {
		int name;
		int value;
	} kept[] = {
		{ SO_PRIORITY, 5 }, { SO_KEEPALIVE, 1 }, { SO_REUSEADDR, 1 },
		{ SO_RCVLOWAT, 77 }, { SO_OOBINLINE, 1 }, { SO_MARK, 99 },
		{ SO_BUSY_POLL, 50 }, { SO_TIMESTAMP, 1 },
	};

	for (unsigned int i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		EXPECT_EQ(0, setsockopt(self->p.c, SOL_SOCKET, kept[i].name,
					&kept[i].value, sizeof(int)));
		EXPECT_EQ(kept[i].value, vshm_getint(self->p.c, SOL_SOCKET,
						     kept[i].name));
	}
	EXPECT_EQ(self->p.type, vshm_getint(self->p.s, SOL_SOCKET, SO_TYPE));
	EXPECT_EQ(vshm_family(), vshm_getint(self->p.s, SOL_SOCKET, SO_DOMAIN));
	EXPECT_EQ(0, vshm_getint(self->p.s, SOL_SOCKET, SO_ACCEPTCONN));
}

TEST_F(option, refused)
{
	int on = 1;

	/* of no use without an interface, a checksum, or many listeners */
	EXPECT_EQ(-1, setsockopt(self->p.c, SOL_SOCKET, SO_REUSEPORT, &on,
				 sizeof(on)));
	EXPECT_EQ(EOPNOTSUPP, errno);
	/* what is not there is no option */
	EXPECT_EQ(-1, setsockopt(self->p.c, SOL_SOCKET, 9999, &on, sizeof(on)));
	EXPECT_EQ(ENOPROTOOPT, errno);
	EXPECT_EQ(-1, setsockopt(self->p.c, SOL_SOCKET, SO_ERROR, &on,
				 sizeof(on)));
	EXPECT_EQ(ENOPROTOOPT, errno);
	EXPECT_EQ(-1, setsockopt(self->p.c, 6, 1, &on, sizeof(on)));
	EXPECT_EQ(ENOPROTOOPT, errno);
}

TEST_F(option, timeouts)
{
	struct timeval tv = { 0, 150000 };
	static char buf[5000];
	uint64_t start;

	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, setsockopt(self->p.c, SOL_SOCKET,
					i ? SO_SNDTIMEO : SO_RCVTIMEO, &tv,
					sizeof(tv)));
	start = vshm_now_ms();
	EXPECT_EQ(-1, recv(self->p.c, buf, 1, 0));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_LE(100, vshm_now_ms() - start);
	/* who sends datagrams waits for a link that nobody empties: dgram_link.c */
	if (self->p.type == SOCK_DGRAM)
		return;
	while (send(self->p.c, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	/* a ring that grows may take a little more */
	while (vshm_poll(self->p.c, POLLOUT, 200))
		if (send(self->p.c, buf, sizeof(buf), MSG_DONTWAIT) < 0)
			break;
	do {
		start = vshm_now_ms();
	} while (send(self->p.c, buf, sizeof(buf), 0) > 0);
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_LE(100, vshm_now_ms() - start);
}

/* With a time of 0, close resets; with another, it neither waits nor loses. */
TEST_F(conn, linger)
{
	struct linger reset = { .l_onoff = 1 };
	struct linger wait = { .l_onoff = 1, .l_linger = 30 };
	int c, s;
	uint64_t start;
	char buf[9];

	ASSERT_EQ(0, setsockopt(self->p.c, SOL_SOCKET, SO_LINGER, &reset,
				sizeof(reset)));
	close(self->p.c);
	self->p.c = -1;
	EXPECT_NE(0, vshm_poll(self->p.s, POLLIN, VSHM_WAIT_MS));
	EXPECT_EQ(-1, recv(self->p.s, buf, 1, 0));
	EXPECT_EQ(ECONNRESET, errno);

	ASSERT_EQ(0, vshm_place_pair(&self->p, &c, &s));
	ASSERT_EQ(0, setsockopt(c, SOL_SOCKET, SO_LINGER, &wait,
				sizeof(wait)));
	ASSERT_EQ(5, send(c, "bytes", 5, 0));
	start = vshm_now_ms();
	close(c);
	EXPECT_GT(15000, vshm_now_ms() - start);
	EXPECT_EQ(5, recv(s, buf, 9, 0));
	EXPECT_EQ(0, recv(s, buf, 9, 0));
	close(s);
}

TEST_F(conn, low_water_mark)
{
	int lowat = 100;
	char buf[200];

	ASSERT_EQ(0, setsockopt(self->p.s, SOL_SOCKET, SO_RCVLOWAT, &lowat,
				sizeof(lowat)));
	ASSERT_EQ(50, send(self->p.c, buf, 50, 0));
	EXPECT_EQ(0, vshm_poll(self->p.s, POLLIN, 100));
	ASSERT_EQ(50, send(self->p.c, buf, 50, 0));
	EXPECT_EQ(POLLIN, vshm_poll(self->p.s, POLLIN, VSHM_WAIT_MS));
	EXPECT_EQ(self->p.type == SOCK_STREAM ? 100 : 50,
		  recv(self->p.s, buf, 200, 0));
}

/*
 * The ring is full, its successor in use, and of both a part is left to be read,
 * less than the mark: what makes it enough comes to the second ring.
 */
TEST_F(stream, low_water_mark_in_two_rings)
{
	int lowat = 2000, ep = epoll_create1(0), c, s;
	static char buf[4096];

	for (int i = 0; i < 2; i++) {
		struct epoll_event ev = { .events = EPOLLIN | i * EPOLLET };

		ASSERT_EQ(0, vshm_place_pair(&self->p, &c, &s));
		ASSERT_EQ(0, setsockopt(s, SOL_SOCKET, SO_RCVLOWAT, &lowat,
					sizeof(lowat)));
		ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, s, &ev));
		ASSERT_EQ(2048, send(c, buf, 2048, 0));
		ASSERT_EQ(600, send(c, buf, 600, 0));
		ASSERT_EQ(1, epoll_wait(ep, &ev, 1, VSHM_WAIT_MS));
		ASSERT_EQ(1500, recv(s, buf, 1500, 0));
		EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 100));
		ASSERT_EQ(500, send(c, buf, 500, 0));
		EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 100));
		ASSERT_EQ(400, send(c, buf, 400, 0));
		EXPECT_EQ(1, epoll_wait(ep, &ev, 1, VSHM_WAIT_MS));
		close(c);
		close(s);
	}
	close(ep);
}

/* Not before there is so much, whatever the ring was when it came. */
TEST_F(conn, low_water_mark_of_a_large_queue)
{
	int lowat = 100000, sent = 0, takes;
	char buf[1000] = { 0 };

	takes = self->p.type == SOCK_STREAM ? 1000 : 1008;
	ASSERT_EQ(0, setsockopt(self->p.s, SOL_SOCKET, SO_RCVLOWAT, &lowat,
				sizeof(lowat)));
	for (; sent + takes < lowat; sent += takes) {
		EXPECT_EQ(0, vshm_poll(self->p.s, POLLIN, 0)) {
			TH_LOG("ready with %d bytes", sent);
		}
		ASSERT_EQ(1000, send(self->p.c, buf, 1000, 0));
	}
	EXPECT_EQ(0, vshm_poll(self->p.s, POLLIN, 100));
	ASSERT_EQ(1000, send(self->p.c, buf, 1000, 0));
	EXPECT_EQ(POLLIN, vshm_poll(self->p.s, POLLIN, VSHM_WAIT_MS));
}

static long call_send_pieces(struct vshm_call *call)
{
	return vshm_send_all(call->fd, call->len, 500, 0, call->flags);
}

/* Waits until there is enough to be received, or the sender is done. */
static bool ready_or_done(int fd, struct vshm_call *call)
{
	uint64_t end = vshm_now_ms() + VSHM_WAIT_MS;

	while (!vshm_call_done(call) && vshm_now_ms() < end)
		if (vshm_poll(fd, POLLIN, 10))
			return true;
	return vshm_call_done(call);
}

/*
 * Of more than the queue can hold, what it holds is enough: neither end waits
 * for the other for ever. Either the sender or the receiver has a small buffer.
 */
TEST_F(conn, low_water_mark_beyond_the_queue)
{
	int lowat = 1 << 20, one = 1, size = 2600, n, got;
	struct vshm_call call;
	int c, s, from, to;
	char buf[500];

	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, vshm_place_pair(&self->p, &c, &s));
		from = i & 1 ? s : c;
		to = i & 1 ? c : s;
		ASSERT_EQ(0, setsockopt(i / 2 ? to : from, SOL_SOCKET,
					i / 2 ? SO_RCVBUF : SO_SNDBUF, &size,
					sizeof(size)));
		ASSERT_EQ(0, setsockopt(to, SOL_SOCKET, SO_RCVLOWAT, &lowat,
					sizeof(lowat)));
		call = (struct vshm_call) { .fn = call_send_pieces, .fd = from,
					    .len = 50000, .flags = i };
		ASSERT_EQ(0, vshm_call_start(&call));
		for (got = 0; !vshm_call_done(&call);) {
			ASSERT_TRUE(ready_or_done(to, &call)) {
				TH_LOG("%d: both wait, after %d bytes", i, got);
			}
			while ((n = recv(to, buf, sizeof(buf), MSG_DONTWAIT)) >
			       0) {
				ASSERT_EQ(n, (int)vshm_check(buf, n, got, i));
				got += n;
			}
			ASSERT_EQ(EAGAIN, errno);
		}
		EXPECT_EQ(0, vshm_call_end(&call));
		ASSERT_EQ(0, setsockopt(to, SOL_SOCKET, SO_RCVLOWAT, &one,
					sizeof(one)));
		EXPECT_EQ(0, vshm_recv_all(to, 50000 - got, 500, got, i));
		close(c);
		close(s);
	}
}

/* The same of a look at all of it. */
TEST_F(stream, peek_beyond_the_queue)
{
	struct vshm_call call = { .fn = call_send_pieces, .fd = self->p.c,
				  .len = 50000, .flags = 3 };
	static char buf[50000];
	int size = 2600, n;

	ASSERT_EQ(0, setsockopt(self->p.c, SOL_SOCKET, SO_SNDBUF, &size,
				sizeof(size)));
	ASSERT_EQ(0, vshm_call_start(&call));
	n = recv(self->p.s, buf, sizeof(buf), MSG_PEEK | MSG_WAITALL);
	EXPECT_LE(size, n);
	EXPECT_GT((int)sizeof(buf), n);
	EXPECT_EQ(n, (int)vshm_check(buf, n, 0, 3));
	EXPECT_EQ(50000, recv(self->p.s, buf, sizeof(buf), MSG_WAITALL));
	EXPECT_EQ(50000, vshm_check(buf, 50000, 0, 3));
	EXPECT_EQ(0, vshm_call_end(&call));
}

TEST_F(option, of_the_family)
{
	uint64_t size = 8192;
	uint32_t cid = 0;
	socklen_t len = sizeof(cid);

	ASSERT_EQ(0, getsockopt(self->p.c, vshm_family(),
				SO_VSHM_PEER_HOST_VM_ID, &cid, &len));
	EXPECT_EQ(self->p.cid, cid);
	ASSERT_EQ(0, setsockopt(self->p.c, vshm_family(), SO_VSHM_BUFFER_SIZE,
				&size, sizeof(size)));
	EXPECT_EQ(8192, vshm_getint(self->p.c, SOL_SOCKET, SO_SNDBUF));
	EXPECT_EQ(8192, vshm_getint(self->p.c, SOL_SOCKET, SO_RCVBUF));
}

static struct ucred peer_cred(int fd)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		cred.pid = -1;
	return cred;
}

/* Within a kernel, who connected and who listens; else nobody. */
TEST_F(conn, peer_credentials)
{
	int listener = vshm_place_listener(&self->p, 2), s;
	struct ucred cred;
	pid_t pid;

	for (int i = 0; i < 2; i++) {
		cred = peer_cred(i ? self->p.c : self->p.s);
		EXPECT_EQ(self->p.linked ? 0 : getpid(), cred.pid);
		EXPECT_EQ(self->p.linked ? -1 : 0, (int)cred.uid);
		EXPECT_EQ(self->p.linked ? -1 : 0, (int)cred.gid);
	}
	pid = vshm_fork();
	if (!pid) {
		int fd = vshm_place_socket(&self->p);

		if (setregid(1001, 1001) || setreuid(1000, 1000) ||
		    vshm_connect(fd, self->p.cid, vshm_port(listener)))
			_exit(1);
		/* who listens is not who accepts, nor who connects */
		cred = peer_cred(fd);
		_exit(cred.pid != (self->p.linked ? 0 : getppid()) ||
		      (int)cred.uid != (self->p.linked ? -1 : 0));
	}
	s = accept(listener, NULL, NULL);
	cred = peer_cred(s);
	EXPECT_EQ(self->p.linked ? 0 : pid, cred.pid);
	EXPECT_EQ(self->p.linked ? -1 : 1000, (int)cred.uid);
	EXPECT_EQ(self->p.linked ? -1 : 1001, (int)cred.gid);
	EXPECT_EQ(0, vshm_wait(pid));
	close(s);
	close(listener);
}

/* Of who sends, each datagram can tell; of who would send, there is nobody. */
TEST_F(datagram, peer_credentials)
{
	for (int i = 0; i < 2; i++) {
		struct ucred cred = peer_cred(i ? self->p.c : self->p.s);

		EXPECT_EQ(0, cred.pid);
		EXPECT_EQ(-1, (int)cred.uid);
		EXPECT_EQ(-1, (int)cred.gid);
	}
}

/* What was sent stays so, whatever is said of the end. */
TEST_F(datagram, linger)
{
	struct linger reset = { .l_onoff = 1 };
	char b[9];

	ASSERT_EQ(0, setsockopt(self->p.c, SOL_SOCKET, SO_LINGER, &reset,
				sizeof(reset)));
	ASSERT_EQ(5, send(self->p.c, "hello", 5, 0));
	close(self->p.c);
	self->p.c = -1;
	EXPECT_EQ(5, recv(self->p.s, b, 9, 0));
	EXPECT_EQ(-1, recv(self->p.s, b, 9, MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
}

/* One datagram is enough, however short. */
TEST_F(datagram, low_water_mark)
{
	int lowat = 100;
	char b[9];

	ASSERT_EQ(0, setsockopt(self->p.s, SOL_SOCKET, SO_RCVLOWAT, &lowat,
				sizeof(lowat)));
	ASSERT_EQ(1, send(self->p.c, "x", 1, 0));
	EXPECT_EQ(POLLIN, vshm_poll(self->p.s, POLLIN, VSHM_WAIT_MS));
	EXPECT_EQ(1, recv(self->p.s, b, 9, 0));
}

/* A page that does not come before the program says so. */
static int withheld_page(char **page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	char *map;

	if (fd < 0)
		return -1;
	map = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	map[0] = 0;
	reg.range.start = (uintptr_t)map + 4096;
	reg.range.len = 4096;
	if (ioctl(fd, UFFDIO_API, &api) ||
	    ioctl(fd, UFFDIO_REGISTER, &reg))
		return -1;
	*page = map + 4096;
	return fd;
}

static long call_set_linger(struct vshm_call *call)
{
	return setsockopt(call->fd, SOL_SOCKET, SO_LINGER, call->buf,
			  sizeof(struct linger));
}

/*
 * A call that waits for a page holds up neither other sockets, nor what the
 * peer has to say to its own.
 */
TEST_F(option, value_that_never_comes)
{
	struct uffdio_zeropage zero = { 0 };
	struct vshm_call call = { .fn = call_set_linger, .fd = self->p.s };
	struct uffd_msg msg;
	bool ends = self->p.type != SOCK_DGRAM;
	char *page, b[9];
	int c, s, fd = withheld_page(&page);

	if (fd < 0)
		SKIP(return, "no userfaultfd");
	/* l_onoff in a page that is there, l_linger in one that is not */
	call.buf = page - sizeof(int);
	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_EQ(POLLIN, vshm_poll(fd, POLLIN, VSHM_WAIT_MS));
	ASSERT_EQ(sizeof(msg), read(fd, &msg, sizeof(msg)));
	EXPECT_EQ(UFFD_EVENT_PAGEFAULT, msg.event);

	ASSERT_EQ(0, vshm_place_pair(&self->p, &c, &s));
	ASSERT_EQ(1, send(c, "x", 1, 0));
	EXPECT_EQ(1, recv(s, b, 9, 0));
	close(c);
	if (ends) {
		EXPECT_EQ(0, recv(s, b, 9, 0));
	}
	close(s);
	ASSERT_EQ(4, send(self->p.c, "last", 4, 0));
	EXPECT_EQ(0, shutdown(self->p.c, SHUT_RDWR));
	EXPECT_NE(0, vshm_poll(self->p.s, ends ? POLLRDHUP : POLLIN,
			       VSHM_WAIT_MS));
	EXPECT_EQ(4, recv(self->p.s, b, 9, MSG_DONTWAIT));
	if (ends) {
		EXPECT_EQ(0, recv(self->p.s, b, 9, MSG_DONTWAIT));
	}
	EXPECT_FALSE(vshm_call_done(&call));

	zero.range.start = (uintptr_t)page;
	zero.range.len = 4096;
	EXPECT_EQ(0, ioctl(fd, UFFDIO_ZEROPAGE, &zero));
	EXPECT_EQ(0, vshm_call_end(&call));
	munmap(page - 4096, 2 * 4096);
	close(fd);
}

TEST_HARNESS_MAIN
