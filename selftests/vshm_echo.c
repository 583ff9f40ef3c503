// SPDX-License-Identifier: GPL-2.0
#include "vshm_echo.h"
#include "vshm_test.h"

#include <sys/epoll.h>
#include <sys/resource.h>

#define EVENTS		64
#define CHUNK		16384

/* One connection, of the server or of a client. */
struct echo {
	int fd;
	unsigned int events;	/* waited for */
	uint64_t sent;
	uint64_t received;
	size_t start;		/* server: what of buf is to be sent back */
	size_t end;
	uint8_t *buf;
};

static int complain(const char *what)
{
	fprintf(stderr, "vshm echo: %s: %s\n", what, strerror(errno));
	return -1;
}

static int watch(int ep, int op, struct echo *e, unsigned int events)
{
	struct epoll_event ev = { .events = events, .data.ptr = e };

	if (op == EPOLL_CTL_MOD && e->events == events)
		return 0;
	e->events = events;
	return epoll_ctl(ep, op, e->fd, &ev);
}

static void echo_free(struct echo *e)
{
	close(e->fd);
	free(e->buf);
	free(e);
}

static void raise_fd_limit(void)
{
	struct rlimit lim;

	if (!getrlimit(RLIMIT_NOFILE, &lim)) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
}

static int server_accept(int ep, int listener)
{
	struct echo *e;
	int fd;

	for (;;) {
		fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
		if (fd < 0)
			return errno == EAGAIN || errno == EINTR ?
			       0 : complain("accept");
		e = calloc(1, sizeof(*e));
		if (!e)
			return complain("accept");
		e->fd = fd;
		e->buf = malloc(CHUNK);
		if (!e->buf || watch(ep, EPOLL_CTL_ADD, e, EPOLLIN))
			return complain("accept");
	}
}

/* Sends back what is there; then reads more. False at the end. */
static bool server_step(int ep, struct echo *e)
{
	ssize_t n;

	for (;;) {
		while (e->start < e->end) {
			n = send(e->fd, e->buf + e->start, e->end - e->start,
				 MSG_NOSIGNAL);
			if (n < 0 && errno == EAGAIN)
				return !watch(ep, EPOLL_CTL_MOD, e, EPOLLOUT);
			if (n < 0)
				return false;
			e->start += n;
		}
		n = recv(e->fd, e->buf, CHUNK, 0);
		if (n < 0 && errno == EAGAIN)
			return !watch(ep, EPOLL_CTL_MOD, e, EPOLLIN);
		if (n <= 0)
			return false;
		e->start = 0;
		e->end = n;
	}
}

/**
 * vshm_echo_serve - send back what any number of connections send
 * @listener: socket that listens
 * @stop: ends the server once it is not 0; set by a signal handler
 *
 * Return: 0, or -1 after a message.
 */
int vshm_echo_serve(int listener, volatile sig_atomic_t *stop)
{
	struct epoll_event ev[EVENTS];
	struct echo accepting = { .fd = listener };
	int ep = epoll_create1(0);
	int n;

	raise_fd_limit();
	if (ep < 0 || vshm_nonblock(listener) ||
	    watch(ep, EPOLL_CTL_ADD, &accepting, EPOLLIN))
		return complain("epoll");
	while (!*stop) {
		/* the timeout covers a signal just before the call */
		n = epoll_wait(ep, ev, EVENTS, 500);
		if (n < 0 && errno != EINTR)
			return complain("epoll_wait");
		for (int i = 0; i < n; i++) {
			struct echo *e = ev[i].data.ptr;

			if (e == &accepting) {
				if (server_accept(ep, listener))
					return -1;
			} else if (!server_step(ep, e)) {
				echo_free(e);
			}
		}
	}
	close(ep);
	return 0;
}

static int client_connect(uint32_t cid, uint32_t port)
{
	int fd = vshm_socket(0);

	if (fd < 0)
		return complain("socket");
	if (vshm_connect(fd, cid, port)) {
		complain("connect");
		close(fd);
		return -1;
	}
	return fd;
}

/* Sends and receives what it can at once; 1 when all came back. */
static int client_step(struct echo *e, size_t bytes, unsigned int seed)
{
	size_t n;
	ssize_t r;

	while (e->sent < bytes) {
		n = bytes - e->sent < CHUNK ? bytes - e->sent : CHUNK;
		vshm_fill(e->buf, n, e->sent, seed);
		r = send(e->fd, e->buf, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (r < 0 && errno == EAGAIN)
			break;
		if (r < 0)
			return complain("send");
		e->sent += r;
	}
	while (e->received < bytes) {
		r = recv(e->fd, e->buf, CHUNK, MSG_DONTWAIT);
		if (r < 0 && errno == EAGAIN)
			return 0;
		if (!r)
			errno = ENODATA;
		if (r <= 0)
			return complain("recv");
		if (vshm_check(e->buf, r, e->received, seed) != (size_t)r) {
			errno = EILSEQ;
			return complain("wrong byte");
		}
		e->received += r;
	}
	return 1;
}

static int client_run(struct echo *e, size_t bytes, unsigned int seed)
{
	short events;
	int r;

	for (;;) {
		r = client_step(e, bytes, seed);
		if (r)
			return r < 0 ? -1 : 0;
		events = POLLIN | (e->sent < bytes ? POLLOUT : 0);
		if (!vshm_poll(e->fd, events, 10 * VSHM_WAIT_MS)) {
			errno = ETIMEDOUT;
			return complain("poll");
		}
	}
}

/**
 * vshm_echo_sequential - one connection after the other
 * @cid: the server's CID
 * @port: the server's port
 * @count: how many
 * @bytes: what each sends, and wants back
 *
 * Return: 0, or -1 after a message.
 */
int vshm_echo_sequential(uint32_t cid, uint32_t port, int count, size_t bytes)
{
	struct echo e = { .buf = malloc(CHUNK) };
	int ret = 0;

	for (int i = 0; i < count && !ret; i++) {
		e.sent = 0;
		e.received = 0;
		e.fd = client_connect(cid, port);
		if (e.fd < 0)
			ret = -1;
		else
			ret = client_run(&e, bytes, i);
		close(e.fd);
	}
	free(e.buf);
	return ret;
}

/* Lets each connection do what it can until all are done. */
static int parallel_run(int ep, struct echo *all, int count, size_t bytes)
{
	struct epoll_event ev[EVENTS];
	int left = count;
	int n, r;

	while (left) {
		n = epoll_wait(ep, ev, EVENTS, 10 * VSHM_WAIT_MS);
		if (!n)
			errno = ETIMEDOUT;
		if (n < 1)
			return complain("epoll_wait");
		for (int i = 0; i < n; i++) {
			struct echo *e = ev[i].data.ptr;

			r = client_step(e, bytes, e - all);
			if (r < 0)
				return -1;
			if (r) {
				left--;
				r = watch(ep, EPOLL_CTL_DEL, e, 0);
			} else {
				r = watch(ep, EPOLL_CTL_MOD, e, EPOLLIN |
					  (e->sent < bytes ? EPOLLOUT : 0));
			}
			if (r)
				return complain("epoll_ctl");
		}
	}
	return 0;
}

/**
 * vshm_echo_parallel - many connections at once
 * @cid: the server's CID
 * @port: the server's port
 * @count: how many
 * @bytes: what each sends, and wants back
 *
 * Return: 0, or -1 after a message.
 */
int vshm_echo_parallel(uint32_t cid, uint32_t port, int count, size_t bytes)
{
	struct echo *all = calloc(count, sizeof(*all));
	uint8_t *buf = malloc(CHUNK);
	int ep = epoll_create1(0);
	int ret = -1;
	int n;

	raise_fd_limit();
	for (n = 0; n < count; n++) {
		all[n].buf = buf;
		all[n].fd = client_connect(cid, port);
		if (all[n].fd < 0 || watch(ep, EPOLL_CTL_ADD, &all[n],
					   EPOLLIN | EPOLLOUT))
			goto out;
	}
	ret = parallel_run(ep, all, count, bytes);
out:
	while (n--)
		close(all[n].fd);
	close(ep);
	free(buf);
	free(all);
	return ret;
}
