// SPDX-License-Identifier: GPL-2.0
/*
 * vshmd: start, event loop, end.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include "vshmd.h"

/* Descriptors of a link: memory, doorbells, listeners, clients. */
#define FDS_PER_LINK	7
#define FDS_OTHER	32

#define NR_SIGNALS	3

/**
 * struct vshmd - everything that is open
 * @opt: command line, and the links
 * @base: event loop
 * @signals: SIGINT, SIGTERM, SIGHUP
 * @pid_fd: lock of the pid file, or -1
 * @ready_fd: for daemon_ready(), or -1
 */
struct vshmd {
	struct options		opt;
	struct event_base	*base;
	struct event		*signals[NR_SIGNALS];
	int			pid_fd;
	int			ready_fd;
};

static void on_signal(evutil_socket_t signum, short what, void *arg)
{
	struct vshmd *d = arg;

	(void)what;
	if (signum == SIGHUP && d->opt.daemon)
		return;
	log_msg(LOG_INFO, "SIG%s: leaving", sigabbrev_np((int)signum));
	event_base_loopbreak(d->base);
}

static void on_libevent_log(int severity, const char *msg)
{
	log_msg(severity >= EVENT_LOG_WARN ? LOG_WARNING : LOG_DEBUG,
		"libevent: %s", msg);
}

static int start_loop(struct vshmd *d)
{
	static const int signums[NR_SIGNALS] = { SIGINT, SIGTERM, SIGHUP };
	int i;

	signal(SIGPIPE, SIG_IGN);
	event_set_log_callback(on_libevent_log);
	d->base = event_base_new();
	if (!d->base)
		goto err;
	for (i = 0; i < NR_SIGNALS; i++) {
		d->signals[i] = evsignal_new(d->base, signums[i], on_signal, d);
		if (!d->signals[i] || event_add(d->signals[i], NULL))
			goto err;
	}
	return 0;

err:
	log_msg(LOG_ERR, "cannot create the event loop: %s", strerror(errno));
	return -1;
}

/* Many links need more descriptors than processes get unasked. */
static int reserve_fds(size_t nr_links)
{
	rlim_t need = FDS_OTHER + FDS_PER_LINK * (rlim_t)nr_links;
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) || lim.rlim_cur >= need)
		return 0;
	lim.rlim_cur = need;
	if (need > lim.rlim_max || setrlimit(RLIMIT_NOFILE, &lim)) {
		log_msg(LOG_ERR,
			"%zu links need %ju open files, this process may have %ju: raise the limit or give fewer links",
			nr_links, (uintmax_t)need, (uintmax_t)lim.rlim_max);
		return -1;
	}
	return 0;
}

static int start_link(struct vshmd *d, struct link *link)
{
	int i;

	if (link_create(link))
		return -1;
	for (i = 0; i < 2; i++) {
		if (listener_open(&link->side[i].listener, d->opt.mode) ||
		    server_start(&link->side[i], d->base))
			return -1;
	}
	return 0;
}

static void stop_link(struct link *link)
{
	int i;

	for (i = 0; i < 2; i++) {
		server_stop(&link->side[i]);
		listener_close(&link->side[i].listener);
	}
	link_destroy(link);
}

static void log_ready(const struct link *link)
{
	const struct endpoint *side = link->side;

	log_msg(LOG_NOTICE, "link %u-%u ready: %ju MiB, cid %u at '%s', cid %u at '%s'",
		side[0].cid, side[1].cid, (uintmax_t)link->size >> 20, side[0].cid,
		side[0].listener.path, side[1].cid, side[1].listener.path);
}

static int start(struct vshmd *d)
{
	size_t i;

	if (d->opt.daemon) {
		d->ready_fd = daemon_fork();
		if (d->ready_fd < 0)
			return -1;
	}
	if (reserve_fds(d->opt.nr_links) || start_loop(d))
		return -1;
	if (d->opt.pid_file) {
		d->pid_fd = pidfile_create(d->opt.pid_file);
		if (d->pid_fd < 0)
			return -1;
	}
	for (i = 0; i < d->opt.nr_links; i++) {
		if (start_link(d, &d->opt.links[i]))
			return -1;
	}
	if (d->ready_fd >= 0 && daemon_ready(d->ready_fd))
		return -1;
	for (i = 0; i < d->opt.nr_links; i++)
		log_ready(&d->opt.links[i]);
	return 0;
}

/* Undo start(), however far it got. */
static void stop(struct vshmd *d)
{
	size_t i;

	for (i = 0; i < d->opt.nr_links; i++)
		stop_link(&d->opt.links[i]);
	if (d->pid_fd >= 0)
		pidfile_remove(d->opt.pid_file, d->pid_fd);
	for (i = 0; i < NR_SIGNALS; i++) {
		if (d->signals[i])
			event_free(d->signals[i]);
	}
	if (d->base)
		event_base_free(d->base);
	libevent_global_shutdown();
	options_free(&d->opt);
}

int main(int argc, char **argv)
{
	struct vshmd d = { .pid_fd = -1, .ready_fd = -1 };
	int status = EXIT_FAILURE;

	if (daemon_std_fds())
		return EXIT_FAILURE;
	options_parse(&d.opt, argc, argv);
	log_init(d.opt.verbose);

	if (!start(&d)) {
		if (event_base_dispatch(d.base) < 0)
			log_msg(LOG_ERR, "the event loop failed: %s",
				strerror(errno));
		else
			status = EXIT_SUCCESS;
	}
	stop(&d);
	return status;
}
