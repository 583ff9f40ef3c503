// SPDX-License-Identifier: GPL-2.0
/*
 * What systemd is told, if it is there: that vshmd is ready, what it does, and
 * that it is alive.
 */
#include <systemd/sd-daemon.h>
#include <time.h>

#include <event2/event.h>

#include "vshmd.h"

static struct event *watchdog;

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	sd_notify(0, "WATCHDOG=1");
}

/**
 * notify_start - feed the watchdog if there is one
 * @base: the event loop
 */
void notify_start(struct event_base *base)
{
	struct timeval period;
	uint64_t usec;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return;
	/* Twice as often as it must be. */
	period.tv_sec = (time_t)(usec / 2 / 1000000);
	period.tv_usec = (suseconds_t)(usec / 2 % 1000000);
	watchdog = event_new(base, -1, EV_PERSIST, on_watchdog, NULL);
	if (!watchdog || event_add(watchdog, &period))
		log_msg(LOG_WARNING, "cannot feed the watchdog: out of memory");
}

/**
 * notify_ready - all that is configured runs
 * @d: everything
 */
void notify_ready(const struct vshmd *d)
{
	const struct link *link;
	unsigned int host = 0, nr = 0;

	TAILQ_FOREACH(link, &d->links, entry) {
		nr++;
		host += spec_is_host(&link->spec);
	}
	sd_notifyf(0, "READY=1\nSTATUS=%u links, %u of them to the host", nr,
		   host);
}

/**
 * notify_reloading - a new configuration is about to be put in force
 */
void notify_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%jd",
		   (intmax_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

/**
 * notify_stopping - this process ends
 */
void notify_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

/**
 * notify_stop - feed the watchdog no more
 */
void notify_stop(void)
{
	if (watchdog)
		event_free(watchdog);
	watchdog = NULL;
}
