// SPDX-License-Identifier: GPL-2.0
/*
 * The client of vshm perf: a thread for each connection measures and counts,
 * and this one adds up and reports.
 *
 * A thread that ends says so under the lock. Who wants it to end early sets
 * run.end, and shuts its socket down, which lets go of a call that waits.
 */
#include <endian.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "perf.h"

/* How long the server may take to end after its time. */
#define PATIENCE_NS	10000000000ULL

struct run;

/**
 * struct worker - one connection, or one after the other in mode connect
 * @run: what it belongs to
 * @thread: its thread
 * @started: there is such a thread
 * @fd: the connection, or -1; changed under the lock
 * @count: what it has done; others read it meanwhile
 * @failed: it could not go on
 * @err: why
 */
struct worker {
	struct run		*run;
	pthread_t		thread;
	bool			started;
	int			fd;
	struct perf_count	count;
	bool			failed;
	struct error		err;
};

/**
 * struct run - a measurement
 * @perf: what is measured
 * @worker: the connections
 * @lock: protects @running and the workers' descriptors
 * @running: workers that have not ended
 * @end: workers shall end
 * @start: when it started
 * @deadline: when it shall end, or 0
 */
struct run {
	const struct perf	*perf;
	struct worker		*worker;
	pthread_mutex_t		lock;
	unsigned int		running;
	bool			end;
	uint64_t		start;
	uint64_t		deadline;
};

static void add(uint64_t *to, uint64_t n)
{
	__atomic_store_n(to, *to + n, __ATOMIC_RELAXED);
}

static void count(struct worker *w, uint64_t bytes)
{
	add(&w->count.bytes, bytes);
	add(&w->count.messages, 1);
}

static bool shall_end(const struct run *run)
{
	return __atomic_load_n(&run->end, __ATOMIC_RELAXED);
}

static bool is_done(const struct worker *w)
{
	const struct run *run = w->run;

	return shall_end(run) ||
	       (run->perf->number && w->count.messages >= run->perf->number) ||
	       (run->deadline && now_ns() >= run->deadline);
}

static int io_error(struct worker *w, const char *what)
{
	return error_set(&w->err, "%s: %s", what,
			 errno == EPROTO ? "the peer is no vshm perf of this version" :
					   strerror(errno));
}

/* Have others know the descriptor, unless it shall end. */
static int set_fd(struct worker *w, int fd)
{
	pthread_mutex_lock(&w->run->lock);
	w->fd = fd;
	if (w->run->end)
		shutdown(fd, SHUT_RDWR);
	pthread_mutex_unlock(&w->run->lock);
	return 0;
}

static void close_fd(struct worker *w)
{
	pthread_mutex_lock(&w->run->lock);
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
	pthread_mutex_unlock(&w->run->lock);
}

static int measure_send(struct worker *w, void *buf)
{
	const struct perf *perf = w->run->perf;
	struct perf_result result = { 0 };
	int ret;

	while (!is_done(w)) {
		if (perf_send(w->fd, buf, perf->size))
			return io_error(w, "send");
		count(w, perf->size);
	}
	if (shutdown(w->fd, SHUT_WR))
		return io_error(w, "close");
	ret = perf_receive(w->fd, perf->type, &result, sizeof(result));
	if (ret < 0)
		return io_error(w, "receive the result");
	if (!ret || le64toh(result.bytes) != w->count.bytes)
		return error_set(&w->err, "the server counted %llu bytes of %llu",
				 (unsigned long long)le64toh(result.bytes),
				 (unsigned long long)w->count.bytes);
	return 0;
}

static int measure_receive(struct worker *w, void *buf)
{
	const struct perf *perf = w->run->perf;
	uint64_t bytes;
	int ret;

	while ((ret = perf_count_input(w->fd, buf, perf->size, &bytes)) > 0) {
		add(&w->count.bytes, bytes);
		/* a stream has no messages but those that were sent */
		if (perf->type == SOCK_STREAM)
			bytes = w->count.bytes / perf->size - w->count.messages;
		else
			bytes = 1;
		add(&w->count.messages, bytes);
	}
	return ret ? io_error(w, "receive") : 0;
}

static int measure_rtt(struct worker *w, void *buf)
{
	const struct perf *perf = w->run->perf;
	uint64_t start;
	int ret;

	while (!is_done(w)) {
		start = now_ns();
		if (perf_send(w->fd, buf, perf->size))
			return io_error(w, "send");
		ret = perf_receive(w->fd, perf->type, buf, perf->size);
		if (!ret)
			return error_set(&w->err, "the server closed the connection");
		if (ret < 0)
			return io_error(w, "receive");
		latency_add(&w->count.latency, now_ns() - start);
		count(w, perf->size);
	}
	return 0;
}

/* Connect, and wait until the server has accepted and closed. */
static int measure_connect(struct worker *w)
{
	const struct perf *perf = w->run->perf;
	uint64_t start, bytes;
	char byte;
	int fd, ret;

	while (!is_done(w)) {
		start = now_ns();
		fd = endpoint_connect(perf->type, &perf->to, NULL,
				      w->count.messages ? 0 : perf->wait, &w->err);
		if (fd < 0)
			return -1;
		latency_add(&w->count.latency, now_ns() - start);
		set_fd(w, fd);
		shutdown(fd, SHUT_WR);
		ret = perf_count_input(fd, &byte, 1, &bytes);
		close_fd(w);
		if (ret)
			return error_set(&w->err, "the peer is no vshm perf");
		count(w, 0);
	}
	return 0;
}

static int say_hello(struct worker *w)
{
	const struct perf *perf = w->run->perf;
	const struct perf_hello hello = {
		.magic = PERF_MAGIC,
		.version = PERF_VERSION,
		.mode = (uint16_t)perf->mode,
		.size = perf->size,
		.number = perf->number,
		.ns = (uint64_t)(perf->seconds * 1e9),
	};

	return perf_say_hello(w->fd, &hello) ? io_error(w, "send") : 0;
}

static int measure(struct worker *w)
{
	const struct perf *perf = w->run->perf;
	void *buf;
	int ret;

	if (perf->mode == PERF_CONNECT)
		return measure_connect(w);
	buf = calloc(1, perf->size);
	if (!buf)
		return error_set(&w->err, "out of memory");
	ret = say_hello(w);
	if (!ret && perf->mode == PERF_SEND)
		ret = measure_send(w, buf);
	else if (!ret && perf->mode == PERF_RECEIVE)
		ret = measure_receive(w, buf);
	else if (!ret)
		ret = measure_rtt(w, buf);
	free(buf);
	close_fd(w);
	return ret;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	w->failed = measure(w);
	pthread_mutex_lock(&w->run->lock);
	w->run->running--;
	pthread_mutex_unlock(&w->run->lock);
	return NULL;
}

static unsigned int running(struct run *run)
{
	unsigned int n;

	pthread_mutex_lock(&run->lock);
	n = run->running;
	pthread_mutex_unlock(&run->lock);
	return n;
}

/* Have all workers end, also those that wait for the peer. */
static void end_all(struct run *run)
{
	unsigned int i;

	pthread_mutex_lock(&run->lock);
	__atomic_store_n(&run->end, true, __ATOMIC_RELAXED);
	for (i = 0; i < run->perf->connections; i++) {
		if (run->worker[i].fd >= 0)
			shutdown(run->worker[i].fd, SHUT_RDWR);
	}
	pthread_mutex_unlock(&run->lock);
}

static void sum(const struct run *run, struct perf_count *total)
{
	const struct perf_count *one;
	unsigned int i;

	memset(total, 0, sizeof(*total));
	for (i = 0; i < run->perf->connections; i++) {
		one = &run->worker[i].count;
		total->messages += __atomic_load_n(&one->messages, __ATOMIC_RELAXED);
		total->bytes += __atomic_load_n(&one->bytes, __ATOMIC_RELAXED);
		latency_merge(&total->latency, &one->latency);
	}
}

static double seconds_since(uint64_t start)
{
	return (double)(now_ns() - start) / 1e9;
}

/* Report until all workers have ended. */
static int wait_for_all(struct run *run, struct perf_report *report,
			struct perf_count *total)
{
	const double step = run->perf->interval;
	uint64_t next = tick_after(run->start, step), now;
	bool ending = false;
	int ret = 0;

	while (running(run)) {
		/* short enough for the end not to be late */
		now = now_ns();
		pause_until(step > 0 && next < now + 10000000 ? next : now + 10000000);
		now = now_ns();
		if (step > 0 && now >= next && !stopped()) {
			sum(run, total);
			ret = report_interval(report, seconds_since(run->start),
					      total);
			next = tick_after(next, step);
		}
		if (!ending && (ret || stopped() ||
				(run->deadline && now > run->deadline + PATIENCE_NS))) {
			ending = true;
			end_all(run);
		}
		if (stopped() && running(run))
			usleep(1000);
	}
	return ret;
}

static int start_workers(struct run *run, struct error *err)
{
	const struct perf *perf = run->perf;
	unsigned int i;
	int error;

	for (i = 0; i < perf->connections; i++)
		run->worker[i] = (struct worker){ .run = run, .fd = -1 };
	for (i = 0; perf->mode != PERF_CONNECT && i < perf->connections; i++) {
		run->worker[i].fd = endpoint_connect(perf->type, &perf->to, NULL,
						     perf->wait, err);
		if (run->worker[i].fd < 0)
			return -1;
	}
	run->start = now_ns();
	if (perf->seconds)
		run->deadline = run->start + (uint64_t)(perf->seconds * 1e9);
	for (i = 0; i < perf->connections; i++) {
		struct worker *w = &run->worker[i];

		pthread_mutex_lock(&run->lock);
		run->running++;
		pthread_mutex_unlock(&run->lock);
		error = pthread_create(&w->thread, NULL, work, w);
		if (error) {
			pthread_mutex_lock(&run->lock);
			run->running--;
			pthread_mutex_unlock(&run->lock);
			return error_set(err, "thread: %s", strerror(error));
		}
		w->started = true;
	}
	return 0;
}

/* Wait for the threads; the first thing that went wrong, unless it was us. */
static int join_all(struct run *run, struct error *err)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < run->perf->connections; i++) {
		struct worker *w = &run->worker[i];

		if (w->started)
			pthread_join(w->thread, NULL);
		close_fd(w);
		if (!w->failed || ret || stopped())
			continue;
		ret = run->end ? error_set(err, "the server does not end, %llu s after its time",
					   PATIENCE_NS / 1000000000) :
				 error_set(err, "%s", w->err.text);
	}
	return ret;
}

static int measure_all(struct run *run, struct perf_report *report,
		       struct perf_count *total, struct error *err)
{
	struct error failed;
	double seconds;
	int ret;

	ret = start_workers(run, err);
	if (ret)
		end_all(run);
	if (wait_for_all(run, report, total) && !ret)
		ret = error_set(err, "out of memory");
	seconds = seconds_since(run->start);
	if (join_all(run, &failed) && !ret)
		ret = error_set(err, "%s", failed.text);
	if (ret)
		return ret;
	sum(run, total);
	if (report_end(report, seconds, total))
		return error_set(err, "out of memory");
	return 0;
}

/**
 * perf_measure - be the client
 * @perf: what to measure
 *
 * Return: exit status.
 */
int perf_measure(const struct perf *perf)
{
	struct run run = { .perf = perf, .lock = PTHREAD_MUTEX_INITIALIZER };
	struct perf_report *report = report_start(perf);
	struct perf_count *total = calloc(1, sizeof(*total));
	struct error err = { .text = "out of memory" };
	int ret = -1;

	run.worker = calloc(perf->connections, sizeof(*run.worker));
	if (run.worker && report && total) {
		stop_on_signals();
		ret = measure_all(&run, report, total, &err);
	}
	free(run.worker);
	free(total);
	report_free(report);
	return ret ? fail(&err) : EXIT_SUCCESS;
}
