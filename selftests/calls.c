// SPDX-License-Identifier: GPL-2.0
/*
 * Calls and flags that programs of other families use, with all types, over
 * loopback and over a link.
 */
#include "vshm_place.h"
#include <kselftest_harness.h>

#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>

#define MB	(1 << 20)

/*
 * @any: all types; @conn: those that are connections; @stream: what only these
 * have, as @packet and @datagram; @message: these two
 */
VSHM_PLACE_FIXTURE(any)
VSHM_PLACE_STREAMS(any)
VSHM_PLACE_PACKETS(any)
VSHM_PLACE_DATAGRAMS(any)
VSHM_PLACE_FIXTURE(conn)
VSHM_PLACE_STREAMS(conn)
VSHM_PLACE_PACKETS(conn)
VSHM_PLACE_FIXTURE(stream)
VSHM_PLACE_STREAMS(stream)
VSHM_PLACE_FIXTURE(packet)
VSHM_PLACE_PACKETS(packet)
VSHM_PLACE_FIXTURE(linked)
FIXTURE_VARIANT_ADD(linked, packet_host) { SOCK_SEQPACKET, 0 };
FIXTURE_VARIANT_ADD(linked, packet_guest) { SOCK_SEQPACKET, 1 };
VSHM_PLACE_FIXTURE(message)
VSHM_PLACE_PACKETS(message)
VSHM_PLACE_DATAGRAMS(message)
VSHM_PLACE_FIXTURE(datagram)
VSHM_PLACE_DATAGRAMS(datagram)

TEST_F(any, scatter_gather)
{
	uint8_t out[1000], in[1000];
	struct iovec from[] = { { out, 1 }, { out + 1, 0 }, { out + 1, 600 },
				{ out + 601, 399 } };
	struct iovec to[] = { { in, 500 }, { in + 500, 7 }, { in + 507, 493 } };
	struct msghdr msg = { .msg_iov = from, .msg_iovlen = 4 };

	vshm_fill(out, 1000, 0, 1);
	for (int i = 0; i < 2; i++) {
		int fd[2] = { self->p.c, self->p.s };

		memset(in, 0, sizeof(in));
		ASSERT_EQ(1000, sendmsg(fd[i], &msg, 0));
		ASSERT_EQ(1000, readv(fd[!i], to, 3));
		EXPECT_EQ(1000, vshm_check(in, 1000, 0, 1));
	}
}

TEST_F(any, several_messages_at_once)
{
	struct mmsghdr out[3] = { 0 }, in[3] = { 0 };
	struct iovec from[3], to[3];
	char data[3][100], got[3][100];

	for (int i = 0; i < 3; i++) {
		vshm_fill(data[i], 100, i * 100, 2);
		from[i] = (struct iovec) { data[i], 100 };
		to[i] = (struct iovec) { got[i], 100 };
		out[i].msg_hdr.msg_iov = &from[i];
		out[i].msg_hdr.msg_iovlen = 1;
		in[i].msg_hdr.msg_iov = &to[i];
		in[i].msg_hdr.msg_iovlen = 1;
	}
	ASSERT_EQ(3, sendmmsg(self->p.c, out, 3, 0));
	ASSERT_EQ(3, recvmmsg(self->p.s, in, 3, 0, NULL));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(100, in[i].msg_len);
		EXPECT_EQ(100, vshm_check(got[i], 100, i * 100, 2));
	}
}

TEST_F(any, peek)
{
	char buf[100];

	ASSERT_EQ(5, send(self->p.c, "hello", 5, 0));
	for (int i = 0; i < 3; i++) {
		memset(buf, 0, sizeof(buf));
		ASSERT_EQ(5, recv(self->p.s, buf, 100, MSG_PEEK));
		EXPECT_STREQ("hello", buf);
	}
	EXPECT_EQ(3, recv(self->p.s, buf, 3, MSG_PEEK));
	EXPECT_EQ(5, recv(self->p.s, buf, 100, 0));
	EXPECT_EQ(-1, recv(self->p.s, buf, 100, MSG_PEEK | MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
}

static int peek_from(int fd, int off)
{
	return setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off));
}

TEST_F(stream, peek_offset)
{
	struct vshm_call call = { .fn = vshm_call_recv, .fd = self->p.s,
				  .buf = (char[8]){ 0 }, .len = 8,
				  .flags = MSG_PEEK };
	char buf[8];

	ASSERT_EQ(6, send(self->p.c, "abcdef", 6, 0));
	ASSERT_EQ(0, peek_from(self->p.s, 1));
	ASSERT_EQ(2, recv(self->p.s, buf, 2, MSG_PEEK));
	EXPECT_EQ(0, memcmp(buf, "bc", 2));
	ASSERT_EQ(3, recv(self->p.s, buf, 8, MSG_PEEK));
	EXPECT_EQ(0, memcmp(buf, "def", 3));
	EXPECT_EQ(6, vshm_getint(self->p.s, SOL_SOCKET, SO_PEEK_OFF));
	EXPECT_EQ(-1, recv(self->p.s, buf, 8, MSG_PEEK | MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	/* what was peeked at wakes nobody, what comes does */
	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_TRUE(vshm_call_blocks(&call));
	ASSERT_EQ(1, send(self->p.c, "g", 1, 0));
	EXPECT_EQ(1, vshm_call_end(&call));
	EXPECT_EQ(4, recv(self->p.s, buf, 4, 0));
	EXPECT_EQ(3, vshm_getint(self->p.s, SOL_SOCKET, SO_PEEK_OFF));
	ASSERT_EQ(0, peek_from(self->p.s, -1));
	EXPECT_EQ(3, recv(self->p.s, buf, 8, MSG_PEEK));
	EXPECT_EQ(3, recv(self->p.s, buf, 8, MSG_PEEK));
	EXPECT_EQ(0, memcmp(buf, "efg", 3));
}

/* From one to the next, and never past one, as AF_UNIX does. */
TEST_F(message, peek_offset)
{
	char buf[8];

	ASSERT_EQ(0, peek_from(self->p.s, 0));
	ASSERT_EQ(4, send(self->p.c, "abcd", 4, 0));
	ASSERT_EQ(0, send(self->p.c, "", 0, 0));
	ASSERT_EQ(2, send(self->p.c, "ef", 2, 0));
	EXPECT_EQ(3, recv(self->p.s, buf, 3, MSG_PEEK));
	EXPECT_EQ(1, recv(self->p.s, buf, 8, MSG_PEEK));
	EXPECT_EQ('d', buf[0]);
	EXPECT_EQ(0, recv(self->p.s, buf, 8, MSG_PEEK));
	EXPECT_EQ(2, recv(self->p.s, buf, 1, MSG_PEEK | MSG_TRUNC));
	EXPECT_EQ('e', buf[0]);
	EXPECT_EQ(1, recv(self->p.s, buf, 8, MSG_PEEK));
	EXPECT_EQ('f', buf[0]);
	EXPECT_EQ(-1, recv(self->p.s, buf, 8, MSG_PEEK | MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(4, recv(self->p.s, buf, 8, 0));
	EXPECT_EQ(2, vshm_getint(self->p.s, SOL_SOCKET, SO_PEEK_OFF));
	EXPECT_EQ(0, recv(self->p.s, buf, 8, 0));
	EXPECT_EQ(2, recv(self->p.s, buf, 8, 0));
	EXPECT_EQ(0, vshm_getint(self->p.s, SOL_SOCKET, SO_PEEK_OFF));
}

/* What lies in several rings, as they grew, without a byte of it being read. */
TEST_F(any, peek_at_all)
{
	static uint8_t buf[100000];

	ASSERT_EQ(0, peek_from(self->p.s, 0));
	ASSERT_EQ(0, vshm_send_all(self->p.c, 100000, 1000, 0, 4));
	for (int i = 0; i < 100000; i += 1000) {
		ASSERT_EQ(1000, recv(self->p.s, buf, 1000, MSG_PEEK));
		ASSERT_EQ(1000, vshm_check(buf, 1000, i, 4));
	}
	EXPECT_EQ(-1, recv(self->p.s, buf, 1, MSG_PEEK | MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(0, vshm_send_all(self->p.c, 50000, 1000, 100000, 4));
	EXPECT_EQ(0, vshm_recv_all(self->p.s, 150000, 1000, 0, 4));
}

TEST_F(stream, peek_at_all_at_once)
{
	static uint8_t buf[100000];

	ASSERT_EQ(0, vshm_send_all(self->p.c, 100000, 1000, 0, 4));
	ASSERT_EQ(100000, recv(self->p.s, buf, sizeof(buf), MSG_PEEK));
	EXPECT_EQ(100000, vshm_check(buf, 100000, 0, 4));
	EXPECT_EQ(0, vshm_recv_all(self->p.s, 100000, 777, 0, 4));
}

/* Data, whatever a packet takes beside it. */
TEST_F(conn, lengths_of_queues)
{
	ASSERT_EQ(0, vshm_send_all(self->p.c, 50000, 100, 0, 4));
	for (int left = 50000; left; left -= 10000) {
		EXPECT_EQ(left, vshm_inq(self->p.s));
		EXPECT_EQ(left, vshm_outq(self->p.c));
		ASSERT_EQ(0, vshm_recv_all(self->p.s, 10000, 100,
					   50000 - left, 4));
	}
	EXPECT_EQ(0, vshm_inq(self->p.s));
	EXPECT_EQ(0, vshm_outq(self->p.c));
	EXPECT_EQ(0, vshm_inq(self->p.c));
	EXPECT_EQ(0, vshm_outq(self->p.s));
}

TEST_F(conn, dont_wait)
{
	/* fits the ring that a connection starts with: larger ones come later */
	char buf[1000] = { 0 };
	int n = 0;

	EXPECT_EQ(-1, recv(self->p.s, buf, 1, MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	while (send(self->p.c, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		n++;
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_LT(0, n);
}

TEST_F(stream, wait_for_all)
{
	struct vshm_call call = { .fn = vshm_call_recv, .fd = self->p.s,
				  .buf = malloc(90000), .len = 90000,
				  .flags = MSG_WAITALL };

	ASSERT_EQ(0, vshm_call_start(&call));
	for (int i = 0; i < 3; i++) {
		EXPECT_TRUE(vshm_call_blocks(&call));
		ASSERT_EQ(0, vshm_send_all(self->p.c, 30000, 30000, i * 30000,
					   1));
	}
	EXPECT_EQ(90000, vshm_call_end(&call));
	EXPECT_EQ(90000, vshm_check(call.buf, 90000, 0, 1));
	free(call.buf);
}

/* What is sent with the promise of more is there at once all the same. */
TEST_F(any, more)
{
	char buf[100];

	ASSERT_EQ(3, send(self->p.c, "one", 3, MSG_MORE));
	EXPECT_NE(0, vshm_poll(self->p.s, POLLIN, VSHM_WAIT_MS));
	EXPECT_EQ(3, recv(self->p.s, buf, 100, MSG_DONTWAIT));
}

static volatile sig_atomic_t pipes;

static void on_pipe(int sig)
{
	pipes++;
}

TEST_F(conn, no_signal)
{
	signal(SIGPIPE, on_pipe);
	ASSERT_EQ(0, shutdown(self->p.c, SHUT_WR));
	EXPECT_EQ(-1, send(self->p.c, "x", 1, MSG_NOSIGNAL));
	EXPECT_EQ(EPIPE, errno);
	EXPECT_EQ(0, pipes);
	EXPECT_EQ(-1, send(self->p.c, "x", 1, 0));
	EXPECT_EQ(EPIPE, errno);
	EXPECT_EQ(1, pipes);
}

TEST_F(any, out_of_band)
{
	char b;

	EXPECT_EQ(-1, send(self->p.c, "x", 1, MSG_OOB));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(-1, recv(self->p.s, &b, 1, MSG_OOB));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(-1, recv(self->p.s, &b, 1, MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
}

/* A file of the pattern, open at its start. */
static int pattern_file(size_t len)
{
	char *buf = malloc(len);
	int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);

	vshm_fill(buf, len, 0, 1);
	if (write(fd, buf, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET)) {
		close(fd);
		fd = -1;
	}
	free(buf);
	return fd;
}

static long call_sendfile(struct vshm_call *call)
{
	size_t left = call->len;
	ssize_t n = 1;

	while (left && n > 0) {
		n = sendfile(call->fd, call->flags, NULL, left);
		left -= n > 0 ? n : 0;
	}
	return left;
}

TEST_F(stream, sendfile)
{
	struct vshm_call call = { .fn = call_sendfile, .len = MB };

	call.flags = pattern_file(MB);
	ASSERT_LE(0, call.flags);
	for (int i = 0; i < 2; i++) {
		call.fd = i ? self->p.s : self->p.c;
		ASSERT_EQ(0, lseek(call.flags, 0, SEEK_SET));
		ASSERT_EQ(0, vshm_call_start(&call));
		EXPECT_EQ(0, vshm_recv_all(i ? self->p.c : self->p.s, MB, 70000,
					   0, 1));
		EXPECT_EQ(0, vshm_call_end(&call));
	}
	close(call.flags);
}

/* Moves all it can from one end to the other; what is left. */
static size_t move(int from, int to, size_t len)
{
	ssize_t n = 1;

	while (len && n > 0) {
		n = splice(from, NULL, to, NULL, len, 0);
		len -= n > 0 ? n : 0;
	}
	return len;
}

static long call_splice(struct vshm_call *call)
{
	return move(call->flags, call->fd, call->len);
}

/* From a file through a pipe, the connection and a pipe to a file. */
TEST_F(stream, splice)
{
	int in[2], out[2], from = pattern_file(MB), to;
	struct vshm_call call[3];
	char *buf = malloc(MB);

	ASSERT_EQ(0, pipe(in));
	ASSERT_EQ(0, pipe(out));
	to = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	ASSERT_LE(0, to);
	call[0] = (struct vshm_call) { .fd = in[1], .flags = from };
	call[1] = (struct vshm_call) { .fd = self->p.c, .flags = in[0] };
	call[2] = (struct vshm_call) { .fd = out[1], .flags = self->p.s };
	for (int i = 0; i < 3; i++) {
		call[i].fn = call_splice;
		call[i].len = MB;
		ASSERT_EQ(0, vshm_call_start(&call[i]));
	}
	EXPECT_EQ(0, move(out[0], to, MB));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, vshm_call_end(&call[i]));
	EXPECT_EQ(MB, pread(to, buf, MB, 0));
	EXPECT_EQ(MB, vshm_check(buf, MB, 0, 1));
	free(buf);
	for (int i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
	}
	close(from);
	close(to);
}

/* What comes is looked at in one pipe and used from another. */
TEST_F(stream, tee)
{
	int a[2], b[2];
	char buf[2000];

	ASSERT_EQ(0, pipe(a));
	ASSERT_EQ(0, pipe(b));
	ASSERT_EQ(0, vshm_send_all(self->p.c, 2000, 2000, 0, 3));
	ASSERT_EQ(0, move(self->p.s, a[1], 2000));
	ASSERT_EQ(2000, tee(a[0], b[1], 2000, 0));
	for (int i = 0; i < 2; i++) {
		memset(buf, 0, sizeof(buf));
		EXPECT_EQ(2000, read(i ? a[0] : b[0], buf, 2000));
		EXPECT_EQ(2000, vshm_check(buf, 2000, 0, 3));
	}
	/* and the other way: a pipe that was copied into the connection */
	ASSERT_EQ(2000, write(a[1], buf, 2000));
	ASSERT_EQ(2000, tee(a[0], b[1], 2000, 0));
	ASSERT_EQ(0, move(b[0], self->p.c, 2000));
	EXPECT_EQ(0, vshm_recv_all(self->p.s, 2000, 2000, 0, 3));
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
}

/* Receives @len bytes of the pattern, in messages; how many, or -1. */
static int recv_messages(int fd, size_t len, unsigned int seed)
{
	static uint8_t buf[VSHM_DATAGRAM_MAX];
	size_t pos = 0;
	int n = 0;

	for (; pos < len; n++) {
		ssize_t r = recv(fd, buf, sizeof(buf), 0);

		if (r <= 0 || vshm_check(buf, r, pos, seed) != (size_t)r)
			return -1;
		pos += r;
	}
	return pos == len ? n : -1;
}

/* Each piece that the kernel moves at once is a message; none is cut or lost. */
TEST_F(message, sendfile)
{
	int file = pattern_file(20000);

	ASSERT_LE(0, file);
	for (int i = 0; i < 2; i++) {
		int fd[2] = { self->p.c, self->p.s };
		struct vshm_call call = { .fn = call_sendfile, .fd = fd[i],
					  .flags = file, .len = 20000 };

		ASSERT_EQ(0, lseek(file, 0, SEEK_SET));
		ASSERT_EQ(0, vshm_call_start(&call));
		EXPECT_LE(1, recv_messages(fd[!i], 20000, 1));
		EXPECT_EQ(0, vshm_call_end(&call));
	}
	close(file);
}

/* Into a pipe, message by message; tee, and from a pipe. */
TEST_F(message, splice)
{
	char buf[3000];
	int a[2], b[2];

	ASSERT_EQ(0, pipe(a));
	ASSERT_EQ(0, pipe(b));
	ASSERT_EQ(0, vshm_send_all(self->p.c, 3000, 1000, 0, 1));
	ASSERT_EQ(0, move(self->p.s, a[1], 3000));
	ASSERT_EQ(3000, tee(a[0], b[1], 3000, 0));
	ASSERT_EQ(3000, read(a[0], buf, 3000));
	EXPECT_EQ(3000, vshm_check(buf, 3000, 0, 1));
	ASSERT_EQ(0, move(b[0], self->p.c, 3000));
	EXPECT_LE(1, recv_messages(self->p.s, 3000, 1));
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
}

/* The next completion: 0, or -1 with errno. */
static int completion(int fd, uint32_t *first, uint32_t *last, int *code)
{
	char control[200], data[8];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct sock_extended_err *ee;
	struct cmsghdr *cmsg;

	if (recvmsg(fd, &msg, MSG_ERRQUEUE) < 0)
		return -1;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_level != SOL_VSHM ||
	    cmsg->cmsg_type != VSHM_RECVERR || !(msg.msg_flags & MSG_ERRQUEUE))
		return -1;
	ee = (void *)CMSG_DATA(cmsg);
	if (ee->ee_origin != SO_EE_ORIGIN_ZEROCOPY || ee->ee_errno)
		return -1;
	*first = ee->ee_info;
	*last = ee->ee_data;
	*code = ee->ee_code;
	return 0;
}

static int zerocopy(int fd, int on)
{
	return setsockopt(fd, vshm_family(), SO_VSHM_ZEROCOPY, &on, sizeof(on));
}

TEST_F(any, zero_copy)
{
	uint32_t first, last;
	char buf[3000];
	int code;

	ASSERT_EQ(0, zerocopy(self->p.c, 1));
	EXPECT_EQ(1, vshm_getint(self->p.c, vshm_family(), SO_VSHM_ZEROCOPY));
	EXPECT_EQ(-1, completion(self->p.c, &first, &last, &code));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(0, vshm_poll(self->p.c, 0, 0));
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 3; i++) {
			vshm_fill(buf, 1000, i * 1000, 1);
			ASSERT_EQ(1000, send(self->p.c, buf, 1000,
					     MSG_ZEROCOPY));
		}
		EXPECT_EQ(POLLERR, vshm_poll(self->p.c, 0, 0));
		/* one for the three, and it says that they were copied */
		ASSERT_EQ(0, completion(self->p.c, &first, &last, &code));
		EXPECT_EQ(3 * round, first);
		EXPECT_EQ(3 * round + 2, last);
		EXPECT_EQ(SO_EE_CODE_ZEROCOPY_COPIED, code);
		EXPECT_EQ(0, vshm_poll(self->p.c, 0, 0));
		EXPECT_EQ(0, vshm_recv_all(self->p.s, 3000, 1000, 0, 1));
	}
	/* neither a send that fails nor one without data is counted */
	EXPECT_EQ(0, send(self->p.c, buf, 0, MSG_ZEROCOPY));
	ASSERT_EQ(0, shutdown(self->p.c, SHUT_WR));
	EXPECT_EQ(-1, send(self->p.c, buf, 9, MSG_ZEROCOPY | MSG_NOSIGNAL));
	EXPECT_EQ(-1, completion(self->p.c, &first, &last, &code));
	EXPECT_EQ(EAGAIN, errno);
}

/* Without the option, the flag says nothing; left completions leave no trace. */
TEST_F(any, zero_copy_not_asked_for)
{
	uint32_t first, last;
	int code, on = 1;

	ASSERT_EQ(5, send(self->p.c, "hello", 5, MSG_ZEROCOPY));
	EXPECT_EQ(-1, completion(self->p.c, &first, &last, &code));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(-1, zerocopy(self->p.c, 2));
	EXPECT_EQ(EINVAL, errno);
	/* kernels before 6.7 let families have no say in the generic option */
	if (setsockopt(self->p.c, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on))) {
		EXPECT_EQ(EOPNOTSUPP, errno);
		ASSERT_EQ(0, zerocopy(self->p.c, 1));
	}
	ASSERT_EQ(5, send(self->p.c, "hello", 5, MSG_ZEROCOPY));
	EXPECT_EQ(POLLERR, vshm_poll(self->p.c, 0, 0));
}

/*
 * The time of the call that receives, or at which a datagram came, in all four
 * forms.
 */
TEST_F(any, timestamps)
{
	static const int option[] = { SO_TIMESTAMP, SO_TIMESTAMPNS, 63, 64 };
	char control[200], data[8];
	struct iovec iov = { data, sizeof(data) };
	struct timespec before, after;
	int on = 1;

	for (int i = 0; i < 4; i++) {
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
				      .msg_control = control,
				      .msg_controllen = sizeof(control) };
		struct cmsghdr *cmsg;
		int64_t value[2];

		ASSERT_EQ(0, setsockopt(self->p.s, SOL_SOCKET, option[i], &on,
					sizeof(on)));
		clock_gettime(CLOCK_REALTIME, &before);
		ASSERT_EQ(4, send(self->p.c, "time", 4, 0));
		EXPECT_NE(0, vshm_poll(self->p.s, POLLIN, VSHM_WAIT_MS));
		if (self->p.type != SOCK_DGRAM)
			clock_gettime(CLOCK_REALTIME, &before);
		ASSERT_EQ(4, recvmsg(self->p.s, &msg, 0));
		clock_gettime(CLOCK_REALTIME, &after);
		cmsg = CMSG_FIRSTHDR(&msg);
		ASSERT_NE(NULL, cmsg);
		EXPECT_EQ(SOL_SOCKET, cmsg->cmsg_level);
		EXPECT_EQ(option[i], cmsg->cmsg_type);
		memcpy(value, CMSG_DATA(cmsg), sizeof(value));
		if (!(i & 1))
			value[1] *= 1000;
		EXPECT_LE(before.tv_sec * 1000000000LL + before.tv_nsec - 999,
			  value[0] * 1000000000LL + value[1]);
		EXPECT_GE(after.tv_sec * 1000000000LL + after.tv_nsec,
			  value[0] * 1000000000LL + value[1]);
	}
}

/* What SO_TIMESTAMPING asks for of what is received is the same time. */
TEST_F(any, timestamping)
{
	int flags = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
	char control[200], data[8];
	struct iovec iov = { data, sizeof(data) };
	struct timespec before, after;

	ASSERT_EQ(0, setsockopt(self->p.s, SOL_SOCKET, SO_TIMESTAMPING, &flags,
				sizeof(flags)));
	clock_gettime(CLOCK_REALTIME, &before);
	for (int i = 0; i < 2; i++) {
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
				      .msg_control = control,
				      .msg_controllen = sizeof(control) };
		struct scm_timestamping stamps;
		struct cmsghdr *cmsg;

		ASSERT_EQ(4, send(self->p.c, "time", 4, 0));
		ASSERT_EQ(4, recvmsg(self->p.s, &msg, 0));
		clock_gettime(CLOCK_REALTIME, &after);
		cmsg = CMSG_FIRSTHDR(&msg);
		if (i) {
			EXPECT_EQ(NULL, cmsg);
			break;
		}
		ASSERT_NE(NULL, cmsg);
		EXPECT_EQ(SOL_SOCKET, cmsg->cmsg_level);
		EXPECT_EQ(SCM_TIMESTAMPING, cmsg->cmsg_type);
		memcpy(&stamps, CMSG_DATA(cmsg), sizeof(stamps));
		EXPECT_LE(before.tv_sec, stamps.ts[0].tv_sec);
		EXPECT_GE(after.tv_sec, stamps.ts[0].tv_sec);
		EXPECT_EQ(0, stamps.ts[2].tv_sec);
		/* recorded, but not asked for */
		flags = SOF_TIMESTAMPING_RX_SOFTWARE;
		ASSERT_EQ(0, setsockopt(self->p.s, SOL_SOCKET, SO_TIMESTAMPING,
					&flags, sizeof(flags)));
	}
}

static bool signalled(int sig)
{
	struct timespec wait = { VSHM_WAIT_MS / 1000, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	return sigtimedwait(&set, NULL, &wait) == sig;
}

TEST_F(any, signal_of_input)
{
	sigset_t set;
	char b[9];

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	ASSERT_EQ(0, fcntl(self->p.s, F_SETOWN, getpid()));
	ASSERT_EQ(0, fcntl(self->p.s, F_SETFL, O_ASYNC));
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(1, send(self->p.c, "x", 1, 0));
		EXPECT_TRUE(signalled(SIGIO));
		ASSERT_EQ(1, recv(self->p.s, b, 9, 0));
	}
	/* a signal of the program's choice, and at the end as well */
	ASSERT_EQ(0, fcntl(self->p.s, F_SETSIG, SIGUSR2));
	ASSERT_EQ(1, send(self->p.c, "x", 1, 0));
	EXPECT_TRUE(signalled(SIGUSR2));
	ASSERT_EQ(1, recv(self->p.s, b, 9, 0));
	/* a datagram socket knows of no end but its own */
	ASSERT_EQ(0, self->p.type == SOCK_DGRAM ?
		     shutdown(self->p.s, SHUT_RDWR) :
		     shutdown(self->p.c, SHUT_WR));
	EXPECT_TRUE(signalled(SIGUSR2));
}

/* Is the thread of a call running, each time that one looks? */
static bool spins(struct vshm_call *call)
{
	while (!call->tid)
		usleep(100);
	usleep(20000);
	for (int i = 0; i < 20; i++) {
		if (vshm_thread_state(call->tid) != 'R' || vshm_call_done(call))
			return false;
		usleep(5000);
	}
	return true;
}

TEST_F(conn, busy_poll)
{
	int usec = 60 * 1000000;
	char b;
	struct vshm_call call = { .fn = vshm_call_recv, .fd = self->p.s,
				  .buf = &b, .len = 1 };

	ASSERT_EQ(0, setsockopt(self->p.s, SOL_SOCKET, SO_BUSY_POLL, &usec,
				sizeof(usec)));
	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_TRUE(spins(&call));
	ASSERT_EQ(1, send(self->p.c, "x", 1, 0));
	EXPECT_EQ(1, vshm_call_end(&call));
	/* it ends as any wait does */
	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_TRUE(spins(&call));
	ASSERT_EQ(0, shutdown(self->p.c, SHUT_WR));
	EXPECT_EQ(0, vshm_call_end(&call));
}

TEST_F(conn, busy_poll_for_a_time)
{
	int usec = 1000;
	char b;
	struct vshm_call call = { .fn = vshm_call_recv, .fd = self->p.s,
				  .buf = &b, .len = 1 };

	ASSERT_EQ(0, setsockopt(self->p.s, SOL_SOCKET, SO_BUSY_POLL, &usec,
				sizeof(usec)));
	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_TRUE(vshm_call_blocks(&call));
	ASSERT_EQ(1, send(self->p.c, "x", 1, 0));
	EXPECT_EQ(1, vshm_call_end(&call));
}

#define THREADS	3
#define ROUNDS	400

static long call_send_many(struct vshm_call *call)
{
	char buf[700];

	memset(buf, call->flags, sizeof(buf));
	for (int i = 0; i < ROUNDS; i++) {
		size_t n = 0;

		while (n < sizeof(buf)) {
			ssize_t r = send(call->fd, buf + n, sizeof(buf) - n, 0);

			if (r < 0)
				return -1;
			n += r;
		}
	}
	return 0;
}

/* Counts what it receives by value; @buf has one count for each. */
static long call_recv_count(struct vshm_call *call)
{
	long *count = call->buf;
	uint8_t buf[1000];
	ssize_t n;

	while ((n = recv(call->fd, buf, sizeof(buf), 0)) > 0)
		for (ssize_t i = 0; i < n; i++)
			count[buf[i] % THREADS]++;
	return n;
}

TEST_F(conn, threads)
{
	struct vshm_call out[THREADS], in[THREADS];
	long count[THREADS][THREADS] = { 0 };

	for (int i = 0; i < THREADS; i++) {
		out[i] = (struct vshm_call) { .fn = call_send_many,
					      .fd = self->p.c, .flags = i };
		in[i] = (struct vshm_call) { .fn = call_recv_count,
					     .fd = self->p.s,
					     .buf = count[i] };
		ASSERT_EQ(0, vshm_call_start(&out[i]));
		ASSERT_EQ(0, vshm_call_start(&in[i]));
	}
	for (int i = 0; i < THREADS; i++)
		EXPECT_EQ(0, vshm_call_end(&out[i]));
	ASSERT_EQ(0, shutdown(self->p.c, SHUT_WR));
	for (int i = 0; i < THREADS; i++)
		EXPECT_EQ(0, vshm_call_end(&in[i]));
	for (int i = 0; i < THREADS; i++)
		EXPECT_EQ(ROUNDS * 700, count[0][i] + count[1][i] +
			  count[2][i]);
}

static int connect_nobody(int fd)
{
	struct sockaddr addr = { .sa_family = AF_UNSPEC };

	return connect(fd, &addr, sizeof(addr));
}

TEST_F(conn, connect_to_nobody)
{
	int listener = vshm_place_listener(&self->p, 1);
	int fd = vshm_place_socket(&self->p);

	EXPECT_EQ(0, connect_nobody(fd));
	EXPECT_EQ(-1, connect_nobody(self->p.c));
	EXPECT_EQ(EISCONN, errno);
	EXPECT_EQ(-1, connect_nobody(listener));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(5, send(self->p.c, "still", 5, 0));
	EXPECT_EQ(0, vshm_connect(fd, self->p.cid, vshm_port(listener)));
	close(fd);
	close(listener);
}

/* The answer comes later, or was there at once. */
TEST_F(conn, connect_without_blocking)
{
	int listener = vshm_place_listener(&self->p, 1), s;
	int fd = vshm_place_socket(&self->p);
	char b;

	ASSERT_EQ(0, vshm_nonblock(fd));
	if (vshm_connect(fd, self->p.cid, vshm_port(listener))) {
		EXPECT_EQ(EINPROGRESS, errno);
		EXPECT_NE(0, vshm_poll(fd, POLLOUT, VSHM_WAIT_MS));
		EXPECT_EQ(0, vshm_so_error(fd));
	}
	EXPECT_EQ(-1, vshm_connect(fd, self->p.cid, vshm_port(listener)));
	EXPECT_EQ(EISCONN, errno);
	s = accept(listener, NULL, NULL);
	ASSERT_EQ(1, send(fd, "x", 1, 0));
	EXPECT_EQ(1, recv(s, &b, 1, 0));
	close(fd);
	close(s);
	close(listener);
}

TEST_F(conn, connect_again_after_failure)
{
	int listener = vshm_place_listener(&self->p, 1);
	uint32_t port = vshm_port(listener);
	int fd = vshm_place_socket(&self->p), s;
	char b;

	close(listener);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(-1, vshm_connect(fd, self->p.cid, port));
		EXPECT_EQ(-1, vshm_connect(fd, 4321, port));
	}
	listener = vshm_place_listener(&self->p, 1);
	ASSERT_EQ(0, vshm_connect(fd, self->p.cid, vshm_port(listener)));
	s = accept(listener, NULL, NULL);
	ASSERT_EQ(1, send(fd, "x", 1, 0));
	EXPECT_EQ(1, recv(s, &b, 1, 0));
	close(fd);
	close(s);
	close(listener);
}

/* Sends as soon as POLLOUT says that it can; how often that was wrong, or -1. */
static int send_when_told(int fd, const void *buf, size_t len, int ep)
{
	struct epoll_event ev = { .events = EPOLLOUT | EPOLLET };
	int wrong = -1;
	ssize_t n;

	if (ep >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
		return -1;
	do {
		if ((ep < 0 ? vshm_poll(fd, POLLOUT, VSHM_WAIT_MS) != POLLOUT :
		     epoll_wait(ep, &ev, 1, VSHM_WAIT_MS) != 1))
			return -1;
		n = send(fd, buf, len, MSG_DONTWAIT);
		wrong++;
	} while (n < 0 && errno == EAGAIN);
	return n == (ssize_t)len ? wrong : -1;
}

/*
 * A packet that is larger than the ring of the moment: POLLOUT is no news before
 * a larger one has come, and then it is.
 */
TEST_F(packet, larger_than_the_ring)
{
	static uint8_t buf[100000], in[100000];
	int c, s, ep = epoll_create1(0), wrong;

	vshm_fill(buf, sizeof(buf), 0, 3);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, vshm_place_pair(&self->p, &c, &s));
		wrong = send_when_told(c, buf, sizeof(buf), i ? ep : -1);
		EXPECT_LE(0, wrong);
		/* one for each ring, and one a second should the peer be slow */
		EXPECT_GT(40, wrong);
		EXPECT_EQ(sizeof(in), recv(s, in, sizeof(in), 0));
		EXPECT_EQ(sizeof(in), vshm_check(in, sizeof(in), 0, 3));
		close(c);
		close(s);
	}
	close(ep);
}

/* Nor is it while most of the ring is free, but not as much as it takes. */
TEST_F(packet, larger_than_the_space)
{
	static uint8_t buf[400000];

	ASSERT_EQ(200000, send(self->p.c, buf, 200000, 0));
	EXPECT_EQ(POLLOUT, vshm_poll(self->p.c, POLLOUT, 0));
	EXPECT_EQ(-1, send(self->p.c, buf, 400000, MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(0, vshm_poll(self->p.c, POLLOUT, 100));
	/* a small one has room */
	EXPECT_EQ(9, send(self->p.c, buf, 9, MSG_DONTWAIT));
	EXPECT_EQ(200000, recv(self->p.s, buf, sizeof(buf), 0));
	EXPECT_EQ(9, recv(self->p.s, buf, sizeof(buf), 0));
	EXPECT_EQ(POLLOUT, vshm_poll(self->p.c, POLLOUT, VSHM_WAIT_MS));
	EXPECT_EQ(400000, send(self->p.c, buf, 400000, MSG_DONTWAIT));
}

/*
 * A larger ring does not come, for want of memory there: the program is neither
 * kept busy nor forgotten, and goes on once there is some.
 */
TEST_F_TIMEOUT(linked, no_memory_for_a_larger_ring, 120)
{
	static uint8_t buf[100000];
	int c[64], s[64], n, wrong;
	uint64_t start;

	for (n = 0; n < 64; n++) {
		ASSERT_EQ(0, vshm_place_pair(&self->p, &c[n], &s[n]));
		start = vshm_now_ms();
		for (wrong = 0; wrong < 6; wrong++) {
			if (send(c[n], buf, sizeof(buf), MSG_DONTWAIT) > 0)
				break;
			ASSERT_EQ(EAGAIN, errno);
			ASSERT_EQ(POLLOUT, vshm_poll(c[n], POLLOUT,
						     VSHM_WAIT_MS));
		}
		if (wrong == 6)
			break;
	}
	ASSERT_GT(64, n);
	EXPECT_LE(1500, vshm_now_ms() - start);
	for (int i = 0; i < n; i++) {
		close(c[i]);
		close(s[i]);
	}
	EXPECT_LE(0, send_when_told(c[n], buf, sizeof(buf), -1));
	EXPECT_EQ(sizeof(buf), recv(s[n], buf, sizeof(buf), 0));
	close(c[n]);
	close(s[n]);
}

TEST_F(packet, end_of_record)
{
	char b[9];
	struct iovec iov = { b, 9 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	ASSERT_EQ(1, send(self->p.c, "a", 1, 0));
	ASSERT_EQ(1, send(self->p.c, "b", 1, MSG_EOR));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(1, recvmsg(self->p.s, &msg, 0));
		EXPECT_EQ(i ? MSG_EOR : 0, msg.msg_flags & MSG_EOR);
	}
}

/* What no queue can hold is refused at once. */
TEST_F(message, too_large)
{
	int room = vshm_getint(self->p.c, SOL_SOCKET, SO_SNDBUF);
	ssize_t max = self->p.type == SOCK_DGRAM ? (int)VSHM_DATAGRAM_MAX :
						   room - 8;
	uint8_t *buf = calloc(1, max + 1);

	EXPECT_EQ(-1, send(self->p.c, buf, max + 1, 0));
	EXPECT_EQ(EMSGSIZE, errno);
	EXPECT_EQ(max, send(self->p.c, buf, max, 0));
	EXPECT_EQ(max, recv(self->p.s, buf, max + 1, 0));
	free(buf);
}

/* All that one can wait with; what was there is no edge. */
TEST_F(any, wait_for_input)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(0);
	fd_set set;
	char b[9];

	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->p.s, &ev));
	for (int i = 0; i < 20; i++) {
		struct timeval tv = { VSHM_WAIT_MS / 1000, 0 };

		EXPECT_EQ(0, vshm_poll(self->p.s, POLLIN, 0));
		ASSERT_EQ(1, send(self->p.c, "x", 1, 0));
		ASSERT_EQ(1, epoll_wait(ep, &ev, 1, VSHM_WAIT_MS));
		EXPECT_EQ(EPOLLIN, ev.events);
		EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
		EXPECT_EQ(POLLIN, vshm_poll(self->p.s, POLLIN, VSHM_WAIT_MS));
		FD_ZERO(&set);
		FD_SET(self->p.s, &set);
		EXPECT_EQ(1, select(self->p.s + 1, &set, NULL, NULL, &tv));
		ASSERT_EQ(1, recv(self->p.s, b, 9, 0));
	}
	close(ep);
}

/* SIOCINQ tells the length of the next, and nothing of what it sent is queued. */
TEST_F(datagram, lengths_of_queues)
{
	char b[9];

	EXPECT_EQ(0, vshm_inq(self->p.s));
	ASSERT_EQ(5, send(self->p.c, "first", 5, 0));
	ASSERT_EQ(3, send(self->p.c, "2nd", 3, 0));
	for (int len = 5; len >= 3; len -= 2) {
		EXPECT_NE(0, vshm_poll(self->p.s, POLLIN, VSHM_WAIT_MS));
		EXPECT_EQ(len, vshm_inq(self->p.s));
		EXPECT_EQ(0, vshm_outq(self->p.c));
		EXPECT_EQ(len, recv(self->p.s, b, 9, 0));
	}
	EXPECT_EQ(0, vshm_inq(self->p.s));
}

TEST_F(datagram, dont_wait)
{
	char b;

	EXPECT_EQ(-1, recv(self->p.s, &b, 1, MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(1, send(self->p.c, "x", 1, MSG_DONTWAIT));
	EXPECT_NE(0, vshm_poll(self->p.s, POLLIN, VSHM_WAIT_MS));
	EXPECT_EQ(1, recv(self->p.s, &b, 1, MSG_DONTWAIT));
}

/* A room that is too small takes a part, and the call tells the whole. */
TEST_F(message, truncated)
{
	char b[9] = "";
	struct iovec iov = { b, 2 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	for (int i = 0; i < 3; i++)
		ASSERT_EQ(5, send(self->p.c, "hello", 5, 0));
	EXPECT_EQ(2, recvmsg(self->p.s, &msg, 0));
	EXPECT_EQ(MSG_TRUNC, msg.msg_flags & MSG_TRUNC);
	EXPECT_STREQ("he", b);
	EXPECT_EQ(5, recv(self->p.s, b, 2, MSG_TRUNC));
	/* MSG_WAITALL waits for no second one */
	EXPECT_EQ(5, recv(self->p.s, b, 9, MSG_WAITALL));
}

/* An error, but no signal, as with UDP. */
TEST_F(datagram, no_signal)
{
	pipes = 0;
	signal(SIGPIPE, on_pipe);
	ASSERT_EQ(0, shutdown(self->p.c, SHUT_WR));
	EXPECT_EQ(-1, send(self->p.c, "x", 1, 0));
	EXPECT_EQ(EPIPE, errno);
	EXPECT_EQ(0, pipes);
}

/* None is lost as long as they all fit the queue. */
TEST_F(datagram, threads)
{
	struct vshm_call out[THREADS];
	int count[THREADS] = { 0 };
	uint8_t buf[1000];

	for (int i = 0; i < THREADS; i++) {
		out[i] = (struct vshm_call) { .fn = call_send_many,
					      .fd = self->p.c, .flags = i };
		ASSERT_EQ(0, vshm_call_start(&out[i]));
		/* what the queue has room for */
		for (int n = 0; n < ROUNDS; n++) {
			ASSERT_EQ(700, recv(self->p.s, buf, sizeof(buf), 0));
			ASSERT_GT(THREADS, buf[0]);
			count[buf[0]]++;
		}
	}
	for (int i = 0; i < THREADS; i++) {
		EXPECT_EQ(0, vshm_call_end(&out[i]));
		EXPECT_EQ(ROUNDS, count[i]);
	}
}

/* The other way round: who is connected to nobody, sends to all. */
TEST_F(datagram, connect_to_nobody)
{
	struct sockaddr_vshm to = vshm_addr(self->p.cid, vshm_port(self->p.s));
	char b[9];

	EXPECT_EQ(-1, vshm_connect(self->p.c, to.svs_cid, VSHM_PORT_ANY));
	ASSERT_EQ(0, connect_nobody(self->p.c));
	EXPECT_EQ(-1, send(self->p.c, "x", 1, 0));
	EXPECT_EQ(EDESTADDRREQ, errno);
	EXPECT_EQ(3, sendto(self->p.c, "one", 3, 0, (void *)&to, sizeof(to)));
	EXPECT_EQ(3, recv(self->p.s, b, 9, 0));
	ASSERT_EQ(0, vshm_connect(self->p.c, to.svs_cid, to.svs_port));
	EXPECT_EQ(3, send(self->p.c, "two", 3, 0));
	EXPECT_EQ(3, recv(self->p.s, b, 9, 0));
}

TEST_HARNESS_MAIN
