// SPDX-License-Identifier: GPL-2.0
/*
 * Taking connections. One that cannot be taken yet stays in the queue, and
 * would wake the event loop again at once: after a shortage, nobody looks
 * there for a while.
 */
#include <errno.h>
#include <string.h>

#include <event2/event.h>

#include "vshmd.h"

/* Pause after accept() found no memory or no free descriptor. */
static const struct timeval retry_delay = { .tv_sec = 1 };

static void on_accept(evutil_socket_t listen_fd, short what, void *arg)
{
	struct acceptor *a = arg;
	int fd;

	(void)what;
	fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		a->take(fd, a->arg);
		return;
	}
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return;
	/* The client keeps waiting, and so must the loop. */
	log_msg(LOG_ERR, "'%s': cannot accept a client yet: %s", a->path,
		strerror(errno));
	event_del(a->event);
	event_add(a->retry, &retry_delay);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct acceptor *a = arg;

	(void)fd;
	(void)what;
	if (event_add(a->event, NULL))
		event_add(a->retry, &retry_delay);
}

/**
 * acceptor_start - take the connections of a listener
 * @a: the acceptor, with @take and @arg set
 * @l: the listener, open
 * @base: the event loop
 *
 * Return: 0, or -1 after logging why; then acceptor_stop() need not be called.
 */
int acceptor_start(struct acceptor *a, const struct listener *l,
		   struct event_base *base)
{
	a->path = l->path;
	a->event = event_new(base, l->fd, EV_READ | EV_PERSIST, on_accept, a);
	a->retry = event_new(base, -1, 0, on_retry, a);
	if (a->event && a->retry && !event_add(a->event, NULL))
		return 0;
	log_msg(LOG_ERR, "cannot watch '%s': out of memory", l->path);
	acceptor_stop(a);
	return -1;
}

/**
 * acceptor_stop - take no more connections
 * @a: the acceptor; need not be started
 */
void acceptor_stop(struct acceptor *a)
{
	if (a->retry)
		event_free(a->retry);
	if (a->event)
		event_free(a->event);
	a->retry = NULL;
	a->event = NULL;
}
