// SPDX-License-Identifier: GPL-2.0
/*
 * The server of vshm perf: threads that each accept a connection and serve it.
 * When none of them waits for a connection, there will be one more.
 */
#include <endian.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "perf.h"

#define THREADS_MAX	1024
#define THREAD_STACK	(128U << 10)

/**
 * struct server - the server
 * @fd: socket that listens
 * @type: its type
 * @lock: protects what follows
 * @threads: how many there are
 * @idle: how many of these wait for a connection
 */
struct server {
	int		fd;
	int		type;
	pthread_mutex_t	lock;
	unsigned int	threads;
	unsigned int	idle;
};

static int serve_send(int fd, const struct perf_hello *hello, void *buf)
{
	uint64_t start = now_ns(), bytes = 0, n;
	struct perf_result result;
	int ret;

	while ((ret = perf_count_input(fd, buf, hello->size, &n)) > 0)
		bytes += n;
	if (ret)
		return -1;
	result.bytes = htole64(bytes);
	result.ns = htole64(now_ns() - start);
	return perf_send(fd, &result, sizeof(result));
}

static int serve_receive(int fd, const struct perf_hello *hello, const void *buf)
{
	uint64_t start = now_ns(), i;

	for (i = 0; !hello->number || i < hello->number; i++) {
		if (hello->ns && now_ns() - start >= hello->ns)
			break;
		if (perf_send(fd, buf, hello->size))
			return -1;
	}
	return shutdown(fd, SHUT_WR);
}

static int serve_rtt(int fd, int type, const struct perf_hello *hello, void *buf)
{
	int ret;

	while ((ret = perf_receive(fd, type, buf, hello->size)) > 0) {
		if (perf_send(fd, buf, hello->size))
			return -1;
	}
	return ret;
}

static int serve_connection(int fd, int type)
{
	struct perf_hello hello;
	int ret = perf_hear_hello(fd, type, &hello);
	void *buf;

	if (ret <= 0)
		return ret;
	buf = calloc(1, hello.size);
	if (!buf)
		return -1;
	switch (hello.mode) {
	case PERF_SEND:
		ret = serve_send(fd, &hello, buf);
		break;
	case PERF_RECEIVE:
		ret = serve_receive(fd, &hello, buf);
		break;
	default:
		ret = serve_rtt(fd, type, &hello, buf);
	}
	free(buf);
	return ret;
}

static void *run(void *arg);

/* One more thread; @server->lock is held. */
static int add_thread(struct server *server)
{
	pthread_attr_t attr;
	pthread_t thread;
	int error;

	error = pthread_attr_init(&attr);
	if (error)
		return error;
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	error = pthread_create(&thread, &attr, run, server);
	pthread_attr_destroy(&attr);
	if (!error) {
		server->threads++;
		server->idle++;
	}
	return error;
}

/* A thread goes to serve a connection; others shall wait for the next. */
static void leave_idle(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	if (!--server->idle && server->threads < THREADS_MAX)
		add_thread(server);
	pthread_mutex_unlock(&server->lock);
}

static void enter_idle(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	server->idle++;
	pthread_mutex_unlock(&server->lock);
}

static void *run(void *arg)
{
	struct server *server = arg;
	struct endpoint peer;
	char text[ENDPOINT_TEXT];
	struct error err;
	int fd;

	for (;;) {
		fd = endpoint_accept(server->fd, &peer, &err);
		if (fd < 0) {
			/* too many open files, for one; they will be closed */
			fail(&err);
			pause_until(now_ns() + 100000000);
			continue;
		}
		leave_idle(server);
		if (serve_connection(fd, server->type))
			fprintf(stderr, "vshm: connection of %s: %s\n",
				endpoint_text(&peer, text), strerror(errno));
		close(fd);
		enter_idle(server);
	}
	return NULL;
}

/**
 * perf_serve - be the server, until there is a signal
 * @type: type of the socket
 * @at: its address
 *
 * Return: exit status.
 */
int perf_serve(int type, const struct endpoint *at)
{
	/* threads use it until the process ends */
	static struct server server = { .lock = PTHREAD_MUTEX_INITIALIZER };
	sigset_t all, old;
	struct error err;
	int error;

	server.type = type;
	server.fd = endpoint_listen(type, at, &err);
	if (server.fd < 0)
		return fail(&err);
	stop_on_signals();
	/* signals are for this thread alone */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	pthread_mutex_lock(&server.lock);
	error = add_thread(&server);
	pthread_mutex_unlock(&server.lock);
	if (error) {
		error_set(&err, "thread: %s", strerror(error));
		return fail(&err);
	}
	while (!stopped())
		sigsuspend(&old);
	return EXIT_SUCCESS;
}
