// SPDX-License-Identifier: GPL-2.0
/*
 * The client's side: gives orders to a server, and takes times.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#include "bench.h"

#define PING	64

double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

/* Enough for a steady state, little enough for an emulated machine. */
uint64_t messages(size_t size)
{
	uint64_t n = (32 << 20) / size;

	if (n > 16384)
		n = 16384;
	n *= plan.scale;
	return n < 16 ? 16 : n;
}

static struct order stream_order(size_t size)
{
	uint64_t count = messages(size);

	return (struct order) {
		.kind = ORDER_STREAM,
		.size = size,
		.warm = count / 8 + 1,
		.count = count,
	};
}

static void connect_or_die(const struct peer *p, struct channel *c,
			   const struct order *o)
{
	if (peer_connect(p, c, o))
		die(p->name);
}

/* Messages one way; datagrams only as many at once as the other end can hold. */
static void send_messages(const struct channel *c, const struct order *o,
			  const char *buf, uint64_t count)
{
	char byte;

	for (uint64_t i = 0; i < count; i++) {
		write_all(c, buf, o->size);
		if (o->window && i % o->window == o->window - 1)
			read_total(c, &byte, 1, 1);
	}
}

/**
 * measure_stream() - one direction, messages of one size
 * @p: whom
 * @size: bytes of a message
 *
 * The clock stops when the server has read all.
 * Return: MB/s, or 0 when messages cannot be that large.
 */
double measure_stream(const struct peer *p, size_t size)
{
	struct order o = stream_order(size);
	char *buf, byte;
	struct channel c;
	double start;

	/* a packet must fit the queue */
	if ((p->type == SOCK_SEQPACKET && size > 128 * 1024) ||
	    (p->type == SOCK_DGRAM && size > 32 * 1024))
		return 0;
	if (p->type == SOCK_DGRAM)
		o.window = size < 1024 ? 64 : 64 * 1024 / size;
	buf = calloc(1, size);
	connect_or_die(p, &c, &o);
	send_messages(&c, &o, buf, o.warm);
	read_total(&c, &byte, 1, 1);
	start = now_us();
	send_messages(&c, &o, buf, o.count);
	read_total(&c, &byte, 1, 1);
	start = now_us() - start;
	channel_close(&c);
	free(buf);
	return o.count * size / start;
}

static struct channel copies_channel(void)
{
	int fd = memfd_create("copies", 0);

	return (struct channel) { .in = fd, .out = fd };
}

static void copy_messages(int fd, char *buf, size_t size, uint64_t count)
{
	while (count--)
		if (pwrite(fd, buf, size, 0) != (ssize_t)size ||
		    pread(fd, buf, size, 0) != (ssize_t)size)
			die("copies");
}

/**
 * measure_copies() - the ceiling: each message copied twice, in one process
 * @size: bytes of a message
 *
 * pwrite(2) into a memfd and pread(2) out of it.
 * Return: MB/s.
 */
double measure_copies(size_t size)
{
	uint64_t count = messages(size);
	char *buf = calloc(1, size);
	int fd = copies_channel().out;
	double start;

	copy_messages(fd, buf, size, 1);
	start = now_us();
	copy_messages(fd, buf, size, count);
	start = now_us() - start;
	close(fd);
	free(buf);
	return count * size / start;
}

struct job {
	struct channel c;
	size_t size;
	uint64_t count;
	int cpu;
};

static void *write_job(void *data)
{
	const struct job *job = data;
	char *buf = calloc(1, job->size), byte;

	pin_to(job->cpu);
	for (uint64_t i = 0; i < job->count; i++)
		write_all(&job->c, buf, job->size);
	/* of a stream order the server confirms both halves */
	if (job->c.in >= 0)
		read_total(&job->c, &byte, 1, 2);
	free(buf);
	return NULL;
}

static void *copy_job(void *data)
{
	const struct job *job = data;
	char *buf = calloc(1, job->size);

	pin_to(job->cpu);
	copy_messages(job->c.out, buf, job->size, job->count);
	free(buf);
	return NULL;
}

/**
 * measure_duplex() - both directions of one connection at once
 * @p: whom
 * @size: bytes of a message
 *
 * Return: MB/s of both directions together.
 */
double measure_duplex(const struct peer *p, size_t size)
{
	struct order o = stream_order(size);
	struct job job = { .size = size, .count = o.count };
	char *buf = calloc(1, size);
	struct channel c;
	pthread_t thread;
	double start;

	o.kind = ORDER_DUPLEX;
	connect_or_die(p, &c, &o);
	job.c = (struct channel) { .in = -1, .out = c.out };
	start = now_us();
	pthread_create(&thread, NULL, write_job, &job);
	read_total(&c, buf, size, o.count * size);
	pthread_join(thread, NULL);
	start = now_us() - start;
	channel_close(&c);
	free(buf);
	return 2 * o.count * size / start;
}

/**
 * measure_parallel() - several connections at once, one direction
 * @p: whom
 * @size: bytes of a message
 * @pairs: how many
 *
 * With --pin, each has both its ends on one CPU, the next one on the next. The
 * two copies have a memfd each, so nothing but the machine limits them.
 * Return: MB/s of all together.
 */
double measure_parallel(const struct peer *p, size_t size, int pairs)
{
	struct order o = stream_order(size);
	pthread_t threads[pairs];
	struct job jobs[pairs];
	double start;

	for (int i = 0; i < pairs; i++) {
		jobs[i].size = size;
		jobs[i].count = o.warm + o.count;
		jobs[i].cpu = i % get_nprocs();
		o.cpu = jobs[i].cpu + 1;
		if (p == &peers[COPIES])
			jobs[i].c = copies_channel();
		else
			connect_or_die(p, &jobs[i].c, &o);
	}
	start = now_us();
	for (int i = 0; i < pairs; i++)
		pthread_create(&threads[i], NULL, p == &peers[COPIES] ?
			       copy_job : write_job, &jobs[i]);
	for (int i = 0; i < pairs; i++)
		pthread_join(threads[i], NULL);
	start = now_us() - start;
	for (int i = 0; i < pairs; i++)
		channel_close(&jobs[i].c);
	return (o.warm + o.count) * size * pairs / start;
}

/**
 * compare_doubles() - the order of two numbers, for qsort(3)
 * @a: points to one
 * @b: points to the other
 *
 * Return: below, equal to or above 0.
 */
int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Round trips one by one; each takes the price of looking at the clock, too. */
static void percentiles(const struct channel *c, uint64_t count,
			struct latency *l)
{
	double *times = calloc(count, sizeof(*times));
	char buf[PING] = "";

	for (uint64_t i = 0; i < count; i++) {
		times[i] = now_us();
		write_all(c, buf, PING);
		read_total(c, buf, PING, PING);
		times[i] = now_us() - times[i];
	}
	qsort(times, count, sizeof(*times), compare_doubles);
	l->p50 = times[count / 2];
	l->p99 = times[count * 99 / 100];
	l->p999 = times[count * 999 / 1000];
	free(times);
}

/**
 * measure_latency() - 64 bytes there and back
 * @p: whom
 * @busy_poll: SO_BUSY_POLL of both ends, microseconds
 *
 * Return: the times, in microseconds.
 */
struct latency measure_latency(const struct peer *p, unsigned int busy_poll)
{
	uint64_t count = 4000 * plan.scale + 1, warm = count / 8 + 1;
	struct order o = {
		.kind = ORDER_ECHO,
		.busy_poll = busy_poll,
		.size = PING,
		.warm = warm,
		.count = 2 * count,
	};
	struct latency l = { };
	char buf[PING] = "";
	struct channel c;

	connect_or_die(p, &c, &o);
	for (uint64_t i = 0; i < warm + count; i++) {
		if (i == warm)
			l.mean = now_us();
		write_all(&c, buf, PING);
		read_total(&c, buf, PING, PING);
	}
	l.mean = (now_us() - l.mean) / count;
	percentiles(&c, count, &l);
	channel_close(&c);
	return l;
}

/**
 * measure_connect() - connect and close here, accept and close there
 * @p: whom
 *
 * Return: microseconds for one such cycle.
 */
double measure_connect(const struct peer *p)
{
	uint64_t count = 2000 * plan.scale + 1, warm = count / 8 + 1;
	struct order o = { .kind = ORDER_CYCLE, .warm = warm, .count = count };
	struct address addr = { };
	struct channel c;
	double start = 0;
	char byte;

	p->address(&addr);
	connect_or_die(p, &c, &o);
	for (uint64_t i = 0; i < warm + count; i++) {
		int fd;

		if (i == warm)
			start = now_us();
		/* a full queue: let the other process accept */
		while ((fd = peer_dial(p, &addr)) < 0) {
			if (errno != ECONNREFUSED && errno != ECONNRESET)
				die("connect");
			sched_yield();
		}
		close(fd);
	}
	/* the server closes when it has accepted all */
	if (recv(c.in, &byte, 1, 0) > 0)
		die("the end of a cycle");
	start = now_us() - start;
	channel_close(&c);
	return start / count;
}
