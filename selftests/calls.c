// SPDX-License-Identifier: GPL-2.0
/*
 * Calls and flags that programs of other families use, with all types, over
 * loopback and over a link. What packets and datagrams have
 * alone is in messages.c.
 */
#include "vshm_calls.h"
#include "vshm_place.h"
#include <kselftest_harness.h>

#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>

#define MB	(1 << 20)

/* @any: all types; @conn: those that are connections */
VSHM_PLACE_FIXTURE(any)
VSHM_PLACE_ALL(any)
VSHM_PLACE_FIXTURE(conn)
VSHM_PLACE_CONNECTIONS(conn)
VSHM_PLACE_FIXTURE(stream)
VSHM_PLACE_STREAMS(stream)

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

TEST_F(stream, peek_offset)
{
	struct vshm_call call = { .fn = vshm_call_recv, .fd = self->p.s,
				  .buf = (char[8]){ 0 }, .len = 8,
				  .flags = MSG_PEEK };
	char buf[8];

	ASSERT_EQ(6, send(self->p.c, "abcdef", 6, 0));
	ASSERT_EQ(0, vshm_peek_from(self->p.s, 1));
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
	ASSERT_EQ(0, vshm_peek_from(self->p.s, -1));
	EXPECT_EQ(3, recv(self->p.s, buf, 8, MSG_PEEK));
	EXPECT_EQ(3, recv(self->p.s, buf, 8, MSG_PEEK));
	EXPECT_EQ(0, memcmp(buf, "efg", 3));
}

/* Who has peeked at all that is there waits for what comes. */
TEST_F(any, peek_waits)
{
	struct vshm_call call = { .fn = vshm_call_recv, .fd = self->p.s,
				  .buf = (char[8]){ 0 }, .len = 8,
				  .flags = MSG_PEEK };
	char buf[8];

	ASSERT_EQ(0, vshm_peek_from(self->p.s, 0));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(3, send(self->p.c, "abc", 3, 0));
		ASSERT_EQ(3, recv(self->p.s, buf, 8, MSG_PEEK));
		ASSERT_EQ(0, vshm_call_start(&call));
		EXPECT_TRUE(vshm_call_blocks(&call));
		ASSERT_EQ(2, send(self->p.c, "de", 2, 0));
		EXPECT_EQ(2, vshm_call_end(&call));
		EXPECT_EQ(0, memcmp(call.buf, "de", 2));
	}
}

/* What lies in several rings, as they grew, without a byte of it being read. */
TEST_F(any, peek_at_all)
{
	static uint8_t buf[100000];

	ASSERT_EQ(0, vshm_peek_from(self->p.s, 0));
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

TEST_F(conn, no_signal)
{
	signal(SIGPIPE, vshm_on_pipe);
	ASSERT_EQ(0, shutdown(self->p.c, SHUT_WR));
	EXPECT_EQ(-1, send(self->p.c, "x", 1, MSG_NOSIGNAL));
	EXPECT_EQ(EPIPE, errno);
	EXPECT_EQ(0, vshm_pipes);
	EXPECT_EQ(-1, send(self->p.c, "x", 1, 0));
	EXPECT_EQ(EPIPE, errno);
	EXPECT_EQ(variant->type == SOCK_STREAM, vshm_pipes);
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

TEST_F(stream, sendfile)
{
	struct vshm_call call = { .fn = vshm_call_sendfile, .len = MB };

	call.flags = vshm_pattern_file(MB);
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

static long call_splice(struct vshm_call *call)
{
	return vshm_move(call->flags, call->fd, call->len);
}

/* From a file through a pipe, the connection and a pipe to a file. */
TEST_F(stream, splice)
{
	int in[2], out[2], from = vshm_pattern_file(MB), to;
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
	EXPECT_EQ(0, vshm_move(out[0], to, MB));
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
	ASSERT_EQ(0, vshm_move(self->p.s, a[1], 2000));
	ASSERT_EQ(2000, tee(a[0], b[1], 2000, 0));
	for (int i = 0; i < 2; i++) {
		memset(buf, 0, sizeof(buf));
		EXPECT_EQ(2000, read(i ? a[0] : b[0], buf, 2000));
		EXPECT_EQ(2000, vshm_check(buf, 2000, 0, 3));
	}
	/* and the other way: a pipe that was copied into the connection */
	ASSERT_EQ(2000, write(a[1], buf, 2000));
	ASSERT_EQ(2000, tee(a[0], b[1], 2000, 0));
	ASSERT_EQ(0, vshm_move(b[0], self->p.c, 2000));
	EXPECT_EQ(0, vshm_recv_all(self->p.s, 2000, 2000, 0, 3));
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

/* Without the option, the flag says nothing; what is left leaves no trace. */
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

/* A signal comes in time; @info says what of, when F_SETSIG asked for that. */
static bool signalled_of(int sig, siginfo_t *info)
{
	struct timespec wait = { VSHM_WAIT_MS / 1000, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	return sigtimedwait(&set, info, &wait) == sig;
}

static bool signalled(int sig)
{
	return signalled_of(sig, NULL);
}

static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* SIGUSR2 for what happens to the socket, and to it alone. */
static int signal_me(int fd)
{
	return fcntl(fd, F_SETOWN, getpid()) || fcntl(fd, F_SETSIG, SIGUSR2) ||
	       fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC | O_NONBLOCK);
}

/* Those that have come so far, and count no more. */
static void forget_signals(void)
{
	struct timespec none = { 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	while (sigtimedwait(&set, NULL, &none) > 0)
		;
}

TEST_F(any, signal_of_input)
{
	char b[9];

	block_signals();
	/* also when what came before was received by calls that did not wait */
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(1, send(self->p.c, "x", 1, 0));
		ASSERT_EQ(1, recv(self->p.s, b, 9, 0));
	}
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

/* After what did not fit, space for it. */
TEST_F(conn, signal_of_space)
{
	int full = vshm_place_fill(&self->p, self->p.c, 0);
	siginfo_t info;

	block_signals();
	ASSERT_LT(0, full);
	ASSERT_EQ(0, signal_me(self->p.c));
	EXPECT_EQ(-1, send(self->p.c, "x", 1, 0));
	EXPECT_EQ(EAGAIN, errno);
	forget_signals();
	ASSERT_EQ(0, vshm_recv_all(self->p.s, full, VSHM_PLACE_PIECE, 0, 0));
	ASSERT_TRUE(signalled_of(SIGUSR2, &info));
	EXPECT_EQ(POLL_OUT, info.si_code);
	EXPECT_EQ(self->p.c, info.si_fd);
	EXPECT_EQ(1, send(self->p.c, "x", 1, 0));
}

/* A listener for which somebody came, and who came there. */
TEST_F(conn, signal_of_connection)
{
	int listener = vshm_place_listener(&self->p, 1);
	siginfo_t info;
	int c;

	block_signals();
	for (int i = 0; i < 2; i++) {
		c = vshm_place_socket(&self->p);
		forget_signals();
		ASSERT_EQ(0, fcntl(i ? listener : c, F_SETFL, 0));
		ASSERT_EQ(0, signal_me(i ? c : listener));
		if (vshm_connect(c, self->p.cid, vshm_port(listener))) {
			ASSERT_EQ(EINPROGRESS, errno);
		}
		ASSERT_TRUE(signalled_of(SIGUSR2, &info));
		EXPECT_EQ(i ? POLL_OUT : POLL_IN, info.si_code);
		EXPECT_EQ(i ? c : listener, info.si_fd);
		close(accept(listener, NULL, NULL));
		close(c);
	}
	close(listener);
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

/* Counts what it receives by value; @buf has one count for each. */
static long call_recv_count(struct vshm_call *call)
{
	long *count = call->buf;
	uint8_t buf[1000];
	ssize_t n;

	while ((n = recv(call->fd, buf, sizeof(buf), 0)) > 0)
		for (ssize_t i = 0; i < n; i++)
			count[buf[i] % VSHM_THREADS]++;
	return n;
}

TEST_F(conn, threads)
{
	struct vshm_call out[VSHM_THREADS], in[VSHM_THREADS];
	long count[VSHM_THREADS][VSHM_THREADS] = { 0 };

	for (int i = 0; i < VSHM_THREADS; i++) {
		out[i] = (struct vshm_call) { .fn = vshm_call_send_many,
					      .fd = self->p.c, .flags = i };
		in[i] = (struct vshm_call) { .fn = call_recv_count,
					     .fd = self->p.s,
					     .buf = count[i] };
		ASSERT_EQ(0, vshm_call_start(&out[i]));
		ASSERT_EQ(0, vshm_call_start(&in[i]));
	}
	for (int i = 0; i < VSHM_THREADS; i++)
		EXPECT_EQ(0, vshm_call_end(&out[i]));
	ASSERT_EQ(0, shutdown(self->p.c, SHUT_WR));
	for (int i = 0; i < VSHM_THREADS; i++)
		EXPECT_EQ(0, vshm_call_end(&in[i]));
	for (int i = 0; i < VSHM_THREADS; i++)
		EXPECT_EQ(VSHM_ROUNDS * 700, count[0][i] + count[1][i] +
			  count[2][i]);
}

TEST_F(conn, connect_to_nobody)
{
	int listener = vshm_place_listener(&self->p, 1);
	int fd = vshm_place_socket(&self->p);

	EXPECT_EQ(0, vshm_connect_nobody(fd));
	EXPECT_EQ(-1, vshm_connect_nobody(self->p.c));
	EXPECT_EQ(EISCONN, errno);
	EXPECT_EQ(-1, vshm_connect_nobody(listener));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(5, send(self->p.c, "still", 5, 0));
	EXPECT_EQ(0, vshm_connect(fd, self->p.cid, vshm_port(listener)));
	close(fd);
	close(listener);
}

/* Bytes that came through a connection which waits at the listener: 1, or -1. */
static ssize_t carry_and_close(int fd, int listener)
{
	int s = accept(listener, NULL, NULL);
	ssize_t n = send(fd, "x", 1, 0);
	char b;

	if (n == 1)
		n = recv(s, &b, 1, 0);
	close(fd);
	close(s);
	close(listener);
	return n;
}

/* The answer comes later, or was there at once. */
TEST_F(conn, connect_without_blocking)
{
	int listener = vshm_place_listener(&self->p, 1);
	int fd = vshm_place_socket(&self->p);

	ASSERT_EQ(0, vshm_nonblock(fd));
	if (vshm_connect(fd, self->p.cid, vshm_port(listener))) {
		EXPECT_EQ(EINPROGRESS, errno);
		EXPECT_NE(0, vshm_poll(fd, POLLOUT, VSHM_WAIT_MS));
		EXPECT_EQ(0, vshm_so_error(fd));
	}
	EXPECT_EQ(-1, vshm_connect(fd, self->p.cid, vshm_port(listener)));
	EXPECT_EQ(EISCONN, errno);
	EXPECT_EQ(1, carry_and_close(fd, listener));
}

TEST_F(conn, connect_again_after_failure)
{
	int listener = vshm_place_listener(&self->p, 1);
	uint32_t port = vshm_port(listener);
	int fd = vshm_place_socket(&self->p);

	close(listener);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(-1, vshm_connect(fd, self->p.cid, port));
		EXPECT_EQ(-1, vshm_connect(fd, 4321, port));
	}
	listener = vshm_place_listener(&self->p, 1);
	ASSERT_EQ(0, vshm_connect(fd, self->p.cid, vshm_port(listener)));
	EXPECT_EQ(1, carry_and_close(fd, listener));
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

TEST_HARNESS_MAIN
