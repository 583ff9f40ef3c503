// SPDX-License-Identifier: GPL-2.0
/* Moving data over a connected stream, over loopback and over a link. */
#include "vshm_place.h"
#include <kselftest_harness.h>

#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>

#define MIB	(1U << 20)

VSHM_PLACE_FIXTURE(pair)
VSHM_PLACE_STREAMS(pair)

TEST_F(pair, send_recv)
{
	char buf[16];

	EXPECT_EQ(5, send(self->p.c, "hello", 5, 0));
	EXPECT_EQ(5, recv(self->p.s, buf, sizeof(buf), 0));
	EXPECT_EQ(0, memcmp("hello", buf, 5));
	EXPECT_EQ(3, write(self->p.s, "bye", 3));
	EXPECT_EQ(3, read(self->p.c, buf, sizeof(buf)));
	EXPECT_EQ(0, memcmp("bye", buf, 3));
}

TEST_F(pair, sendto_address)
{
	struct sockaddr_vshm addr = vshm_peer(self->p.c);

	EXPECT_EQ(-1, sendto(self->p.c, "x", 1, 0, (struct sockaddr *)&addr,
			     sizeof(addr)));
	EXPECT_EQ(EISCONN, errno);
	EXPECT_EQ(1, sendto(self->p.c, "x", 1, 0, NULL, 0));
}

TEST(not_connected)
{
	char b = 0;

	for (int step = 0; step < 3; step++) {
		int fd = vshm_socket(0);

		if (step > 0) {
			ASSERT_EQ(0, vshm_bind(fd, VSHM_CID_ANY,
					       VSHM_PORT_ANY));
		}
		if (step > 1) {
			ASSERT_EQ(0, listen(fd, 1));
		}
		EXPECT_EQ(-1, send(fd, &b, 1, MSG_NOSIGNAL));
		EXPECT_EQ(ENOTCONN, errno);
		EXPECT_EQ(-1, recv(fd, &b, 1, 0));
		EXPECT_EQ(ENOTCONN, errno);
		close(fd);
	}
}

TEST_F(pair, no_out_of_band)
{
	char b;

	EXPECT_EQ(-1, send(self->p.c, "x", 1, MSG_OOB));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(-1, recv(self->p.s, &b, 1, MSG_OOB));
	EXPECT_EQ(EOPNOTSUPP, errno);
}

TEST_F(pair, dontwait_empty)
{
	char b;

	EXPECT_EQ(-1, recv(self->p.c, &b, 1, MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(0, vshm_nonblock(self->p.s));
	EXPECT_EQ(-1, read(self->p.s, &b, 1));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F(pair, dontwait_full)
{
	ssize_t n = vshm_fill_up(self->p.c, 1);

	ASSERT_LT(0, n);
	EXPECT_EQ(-1, send(self->p.c, "x", 1, MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(0, vshm_recv_all(self->p.s, n, 4096, 0, 1));
	EXPECT_EQ(0, vshm_inq(self->p.s));
	EXPECT_EQ(1, send(self->p.c, "x", 1, MSG_DONTWAIT));
}

/* A non-blocking send of more than there is room for takes a part. */
TEST_F(pair, dontwait_part)
{
	size_t len = 64 * MIB;
	char *buf = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ssize_t n;

	ASSERT_NE(MAP_FAILED, buf);
	n = send(self->p.c, buf, len, MSG_DONTWAIT);
	EXPECT_LT(0, n);
	EXPECT_GT((ssize_t)len, n);
	EXPECT_EQ(n, vshm_inq(self->p.s));
	munmap(buf, len);
}

TEST_F(pair, timeouts)
{
	struct timeval tv = { .tv_usec = 50000 };
	uint64_t start;
	char b;

	ASSERT_EQ(0, setsockopt(self->p.c, SOL_SOCKET, SO_RCVTIMEO, &tv,
				sizeof(tv)));
	ASSERT_EQ(0, setsockopt(self->p.c, SOL_SOCKET, SO_SNDTIMEO, &tv,
				sizeof(tv)));
	/*
	 * measured in jiffies, the first of which may have begun, and which come
	 * late to a machine that is short of time
	 */
	start = vshm_now_ms();
	EXPECT_EQ(-1, recv(self->p.c, &b, 1, 0));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_LE(39U / vshm_slow(), vshm_now_ms() - start);
	ASSERT_LT(0, vshm_fill_up(self->p.c, 0));
	start = vshm_now_ms();
	EXPECT_EQ(-1, send(self->p.c, "x", 1, 0));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_LE(39U / vshm_slow(), vshm_now_ms() - start);
}

TEST_F(pair, peek)
{
	char a[8] = "", b[8] = "";

	ASSERT_EQ(6, send(self->p.c, "abcdef", 6, 0));
	EXPECT_EQ(4, recv(self->p.s, a, 4, MSG_PEEK));
	EXPECT_EQ(6, vshm_inq(self->p.s));
	EXPECT_EQ(6, recv(self->p.s, b, sizeof(b), MSG_PEEK));
	EXPECT_EQ(0, memcmp("abcd", a, 4));
	EXPECT_EQ(0, memcmp("abcdef", b, 6));
	EXPECT_EQ(6, recv(self->p.s, a, sizeof(a), 0));
	EXPECT_EQ(0, memcmp("abcdef", a, 6));
	EXPECT_EQ(-1, recv(self->p.s, a, 1, MSG_PEEK | MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F(pair, waitall)
{
	struct vshm_call call;
	char buf[100];

	call = (struct vshm_call) {
		.fn = vshm_call_recv,
		.fd = self->p.s,
		.buf = buf,
		.len = sizeof(buf),
		.flags = MSG_WAITALL,
	};
	ASSERT_EQ(0, vshm_send_all(self->p.c, 60, 60, 0, 3));
	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_TRUE(vshm_call_blocks(&call));
	ASSERT_EQ(0, vshm_send_all(self->p.c, 40, 7, 60, 3));
	EXPECT_EQ(100, vshm_call_end(&call));
	EXPECT_EQ(100U, vshm_check(buf, sizeof(buf), 0, 3));
}

/* MSG_WAITALL of more than the queue can hold. */
TEST_F(pair, waitall_large)
{
	struct vshm_call call = {
		.fn = vshm_call_recv,
		.fd = self->p.s,
		.len = 3 * MIB,
		.flags = MSG_WAITALL,
	};

	call.buf = malloc(call.len);
	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_EQ(0, vshm_send_all(self->p.c, call.len, 65536, 0, 4));
	EXPECT_EQ((long)call.len, vshm_call_end(&call));
	EXPECT_EQ(call.len, vshm_check(call.buf, call.len, 0, 4));
	free(call.buf);
}

TEST_F(pair, waitall_end)
{
	char buf[100];

	ASSERT_EQ(0, vshm_send_all(self->p.c, 60, 60, 0, 3));
	ASSERT_EQ(0, shutdown(self->p.c, SHUT_WR));
	EXPECT_EQ(60, recv(self->p.s, buf, sizeof(buf), MSG_WAITALL));
	EXPECT_EQ(0, recv(self->p.s, buf, sizeof(buf), MSG_WAITALL));
}

TEST_F(pair, scatter_gather)
{
	uint8_t in[3000], out[3000];
	struct iovec iov_in[] = {
		{ in, 1 }, { in + 1, 0 }, { in + 1, 999 }, { in + 1000, 2000 },
	};
	struct iovec iov_out[] = {
		{ out, 1500 }, { out + 1500, 7 }, { out + 1507, 1493 },
	};

	vshm_fill(in, sizeof(in), 0, 5);
	EXPECT_EQ(3000, writev(self->p.c, iov_in, 4));
	EXPECT_EQ(3000, readv(self->p.s, iov_out, 3));
	EXPECT_EQ(sizeof(out), vshm_check(out, sizeof(out), 0, 5));
}

TEST_F(pair, sendmsg_recvmsg)
{
	uint8_t in[100], out[200];
	struct iovec iov_in[] = { { in, 30 }, { in + 30, 70 } };
	struct iovec iov_out[] = { { out, 99 }, { out + 99, 101 } };
	struct sockaddr_vshm addr;
	struct msghdr tx = { .msg_iov = iov_in, .msg_iovlen = 2 };
	struct msghdr rx = {
		.msg_name = &addr,
		.msg_namelen = sizeof(addr),
		.msg_iov = iov_out,
		.msg_iovlen = 2,
	};

	vshm_fill(in, sizeof(in), 0, 6);
	EXPECT_EQ(100, sendmsg(self->p.c, &tx, 0));
	EXPECT_EQ(100, recvmsg(self->p.s, &rx, 0));
	EXPECT_EQ(100U, vshm_check(out, 100, 0, 6));
	EXPECT_EQ(0, rx.msg_flags);
	EXPECT_EQ(0U, rx.msg_namelen);
}

TEST_F(pair, zero_length)
{
	char buf[4];

	EXPECT_EQ(0, send(self->p.c, buf, 0, 0));
	EXPECT_EQ(0, vshm_inq(self->p.s));
	EXPECT_EQ(-1, recv(self->p.s, buf, 1, MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(2, send(self->p.c, "ab", 2, 0));
	EXPECT_EQ(0, recv(self->p.s, buf, 0, 0));
	EXPECT_EQ(2, recv(self->p.s, buf, sizeof(buf), 0));
}

TEST_F(pair, fault)
{
	void *bad = (void *)8;
	char b;

	EXPECT_EQ(-1, send(self->p.c, bad, 100, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, vshm_inq(self->p.s));
	ASSERT_EQ(1, send(self->p.c, "x", 1, 0));
	EXPECT_EQ(-1, recv(self->p.s, bad, 100, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(1, recv(self->p.s, &b, 1, 0));
	EXPECT_EQ('x', b);
}

/* Two pages of memory, and a third that is none. */
static uint8_t *pages_before_hole(void)
{
	uint8_t *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED || munmap(p + 2 * 4096, 4096) ? NULL : p;
}

/* What such a call says it sent is what arrives, not a byte more or less. */
TEST_F(pair, fault_send_part)
{
	uint8_t *p = pages_before_hole();
	ssize_t n;

	ASSERT_NE(NULL, p);
	vshm_fill(p, 2 * 4096, 0, 7);
	n = send(self->p.c, p, 3 * 4096, 0);
	if (n < 0) {
		EXPECT_EQ(EFAULT, errno);
		n = 0;
	}
	EXPECT_GE(2 * 4096, n);
	EXPECT_EQ(n, vshm_inq(self->p.s));
	EXPECT_EQ(0, vshm_recv_all(self->p.s, n, 4096, 0, 7));
	ASSERT_EQ(0, vshm_send_all(self->p.c, 100, 100, n, 7));
	EXPECT_EQ(0, vshm_recv_all(self->p.s, 100, 100, n, 7));
}

TEST_F(pair, fault_recv_part)
{
	uint8_t *p = pages_before_hole();
	ssize_t n;

	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, vshm_send_all(self->p.c, 3 * 4096, 4096, 0, 8));
	n = recv(self->p.s, p, 3 * 4096, 0);
	if (n < 0) {
		EXPECT_EQ(EFAULT, errno);
		n = 0;
	}
	EXPECT_GE(2 * 4096, n);
	EXPECT_EQ((size_t)n, vshm_check(p, n, 0, 8));
	EXPECT_EQ(3 * 4096 - n, vshm_inq(self->p.s));
	EXPECT_EQ(0, vshm_recv_all(self->p.s, 3 * 4096 - n, 4096, n, 8));
}

TEST_F(pair, reader_woken)
{
	char b = 0;
	struct vshm_call call = {
		.fn = vshm_call_recv, .fd = self->p.s, .buf = &b, .len = 1,
	};

	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_TRUE(vshm_call_blocks(&call));
	EXPECT_EQ(1, send(self->p.c, "w", 1, 0));
	EXPECT_EQ(1, vshm_call_end(&call));
	EXPECT_EQ('w', b);
}

TEST_F(pair, writer_woken)
{
	ssize_t full = vshm_fill_up(self->p.c, 9);
	uint8_t more[100];
	struct vshm_call call = {
		.fn = vshm_call_send,
		.fd = self->p.c,
		.buf = more,
		.len = sizeof(more),
	};

	ASSERT_LT(0, full);
	vshm_fill(more, sizeof(more), full, 9);
	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_TRUE(vshm_call_blocks(&call));
	EXPECT_EQ(0, vshm_recv_all(self->p.s, full, 65536, 0, 9));
	EXPECT_EQ((long)sizeof(more), vshm_call_end(&call));
	EXPECT_EQ(0, vshm_recv_all(self->p.s, sizeof(more), 65536, full, 9));
}

TEST_F(pair, interrupted)
{
	char buf[10];
	struct vshm_call call = {
		.fn = vshm_call_recv, .fd = self->p.c, .buf = buf, .len = 10,
	};

	ASSERT_EQ(0, vshm_catch_usr1());
	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_TRUE(vshm_call_blocks(&call));
	pthread_kill(call.thread, SIGUSR1);
	EXPECT_EQ(-1, vshm_call_end(&call));
	EXPECT_EQ(EINTR, errno);

	ASSERT_LT(0, vshm_fill_up(self->p.c, 0));
	call.fn = vshm_call_send;
	ASSERT_EQ(0, vshm_call_start(&call));
	EXPECT_TRUE(vshm_call_blocks(&call));
	pthread_kill(call.thread, SIGUSR1);
	EXPECT_EQ(-1, vshm_call_end(&call));
	EXPECT_EQ(EINTR, errno);
}

/* What a queue holds, whether or not its reader has read anything yet. */
TEST_F(pair, queue_capacity)
{
	uint64_t size = 0;
	socklen_t len = sizeof(size);

	ASSERT_EQ(0, getsockopt(self->p.c, vshm_family(), SO_VSHM_BUFFER_SIZE,
				&size, &len));
	for (int round = 0; round < 3; round++) {
		ssize_t n = vshm_fill_up(self->p.c, 0);

		EXPECT_LE((ssize_t)size, n);
		EXPECT_GE((ssize_t)(2 * size), n);
		ASSERT_EQ(0, vshm_recv_all(self->p.s, n, 65536, 0, 0));
	}
}

/* FIONREAD and SIOCOUTQ count to the byte, at both ends. */
TEST_F(pair, queue_lengths)
{
	static const int sizes[] = { 1, 63, 4095, 4097, 60000 };
	int total = 0;

	EXPECT_EQ(0, vshm_inq(self->p.s));
	EXPECT_EQ(0, vshm_outq(self->p.c));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		ASSERT_EQ(0, vshm_send_all(self->p.c, sizes[i], sizes[i],
					   total, 2));
		total += sizes[i];
		EXPECT_EQ(total, vshm_inq(self->p.s));
		EXPECT_EQ(total, vshm_outq(self->p.c));
	}
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char buf[60000];

		EXPECT_EQ(sizes[i], recv(self->p.s, buf, sizes[i], 0));
		total -= sizes[i];
		EXPECT_EQ(total, vshm_inq(self->p.s));
		EXPECT_EQ(total, vshm_outq(self->p.c));
	}
	EXPECT_EQ(0, vshm_inq(self->p.c));
	EXPECT_EQ(0, vshm_outq(self->p.s));
}

TEST(queue_length_of_listener)
{
	int fd = vshm_listener(1);
	int n;

	EXPECT_EQ(-1, ioctl(fd, FIONREAD, &n));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(fd, SIOCOUTQ, &n));
	EXPECT_EQ(EINVAL, errno);
	close(fd);
}

/* A long stream through all ways of cutting it. */
FIXTURE(transfer) {
	struct vshm_place p;
	int fd[2];
};

FIXTURE_VARIANT(transfer) {
	int side;
	size_t total;
	size_t send;
	size_t recv;
};

#define TRANSFER(name, ...)						\
	FIXTURE_VARIANT_ADD(transfer, name##_loopback) { -1, __VA_ARGS__ }; \
	FIXTURE_VARIANT_ADD(transfer, name##_host) { 0, __VA_ARGS__ };	\
	FIXTURE_VARIANT_ADD(transfer, name##_guest) { 1, __VA_ARGS__ }

TRANSFER(bytes, 20000, 1, 1);
TRANSFER(one_to_many, 30000, 1, 4096);
TRANSFER(many_to_one, 30000, 4096, 1);
TRANSFER(odd, 2 * MIB, 1021, 997);
TRANSFER(page, 4 * MIB, 4096, 4096);
TRANSFER(page_and_one, 4 * MIB, 4097, 65536);
TRANSFER(page_less_one, 4 * MIB, 65536, 4095);
TRANSFER(large, 8 * MIB, 262144, 262144);
TRANSFER(larger_than_queue, 8 * MIB, MIB + 3, MIB / 2 + 1);
TRANSFER(at_once, 8 * MIB, 8 * MIB, 8 * MIB);

FIXTURE_SETUP(transfer)
{
	ASSERT_EQ(0, vshm_place_open(&self->p, SOCK_STREAM, variant->side));
	self->fd[0] = self->p.c;
	self->fd[1] = self->p.s;
}

FIXTURE_TEARDOWN(transfer)
{
	EXPECT_TRUE(vshm_place_close(&self->p));
}

/* In these two, @flags is the stream's seed, and @buf says how to cut it. */
static long send_stream(struct vshm_call *call)
{
	return vshm_send_all(call->fd, call->len, (size_t)call->buf, 0,
			     call->flags);
}

static long recv_stream(struct vshm_call *call)
{
	return vshm_recv_all(call->fd, call->len, (size_t)call->buf, 0,
			     call->flags);
}

static struct vshm_call stream_call(long (*fn)(struct vshm_call *), int fd,
				    size_t len, size_t chunk, int seed)
{
	return (struct vshm_call) {
		.fn = fn,
		.fd = fd,
		.len = len,
		.buf = (void *)chunk,
		.flags = seed,
	};
}

TEST_F_TIMEOUT(transfer, one_way, 120)
{
	for (int from = 0; from < 2; from++) {
		struct vshm_call tx = stream_call(send_stream, self->fd[from],
						  variant->total,
						  variant->send, from);

		ASSERT_EQ(0, vshm_call_start(&tx));
		EXPECT_EQ(0, vshm_recv_all(self->fd[!from], variant->total,
					   variant->recv, 0, from));
		EXPECT_EQ(0, vshm_call_end(&tx));
	}
	EXPECT_EQ(0, vshm_inq(self->fd[0]));
	EXPECT_EQ(0, vshm_inq(self->fd[1]));
}

TEST_F_TIMEOUT(transfer, full_duplex, 120)
{
	struct vshm_call call[4];

	for (int i = 0; i < 2; i++) {
		call[i] = stream_call(send_stream, self->fd[i], variant->total,
				      variant->send, i);
		call[2 + i] = stream_call(recv_stream, self->fd[!i],
					  variant->total, variant->recv, i);
	}
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, vshm_call_start(&call[i]));
	}
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(0, vshm_call_end(&call[i]));
	}
}

/* Several threads send on one socket: every byte arrives, each once. */
#define SHARERS		2
#define SHARED_BYTES	(MIB / 2)

static long send_letter(struct vshm_call *call)
{
	char buf[1500];
	size_t sent = 0;
	ssize_t n;

	memset(buf, call->flags, sizeof(buf));
	while (sent < call->len) {
		n = call->len - sent;
		if (n > (ssize_t)sizeof(buf))
			n = sizeof(buf);
		n = send(call->fd, buf, n, MSG_NOSIGNAL);
		if (n < 0)
			return -1;
		sent += n;
	}
	return 0;
}

TEST_F(pair, shared_senders)
{
	struct vshm_call call[SHARERS];
	size_t seen[256] = { 0 };
	uint8_t buf[4096];
	ssize_t n;

	for (int i = 0; i < SHARERS; i++) {
		call[i] = (struct vshm_call) {
			.fn = send_letter,
			.fd = self->p.c,
			.len = SHARED_BYTES,
			.flags = 'a' + i,
		};
		ASSERT_EQ(0, vshm_call_start(&call[i]));
	}
	for (size_t got = 0; got < SHARERS * SHARED_BYTES; got += n) {
		n = recv(self->p.s, buf, sizeof(buf), 0);
		ASSERT_LT(0, n);
		for (ssize_t i = 0; i < n; i++)
			seen[buf[i]]++;
	}
	for (int i = 0; i < SHARERS; i++) {
		EXPECT_EQ(0, vshm_call_end(&call[i]));
		EXPECT_EQ(SHARED_BYTES, seen['a' + i]);
	}
	EXPECT_EQ(0, vshm_inq(self->p.s));
}

static long recv_until_end(struct vshm_call *call)
{
	char buf[1500];
	long sum = 0;
	ssize_t n;

	while ((n = recv(call->fd, buf, sizeof(buf), 0)) > 0)
		sum += n;
	return n < 0 ? -1 : sum;
}

TEST_F(pair, shared_receivers)
{
	struct vshm_call call[SHARERS];
	long sum = 0;

	for (int i = 0; i < SHARERS; i++) {
		call[i] = (struct vshm_call) {
			.fn = recv_until_end, .fd = self->p.s,
		};
		ASSERT_EQ(0, vshm_call_start(&call[i]));
	}
	EXPECT_EQ(0, vshm_send_all(self->p.c, SHARED_BYTES, 3001, 0, 0));
	EXPECT_EQ(0, shutdown(self->p.c, SHUT_WR));
	for (int i = 0; i < SHARERS; i++)
		sum += vshm_call_end(&call[i]);
	EXPECT_EQ((long)SHARED_BYTES, sum);
}

TEST_HARNESS_MAIN
