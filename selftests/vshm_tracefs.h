/* SPDX-License-Identifier: GPL-2.0 */
/* A trace buffer of the test's own, so that nobody else's is disturbed. */
#ifndef VSHM_TRACEFS_H
#define VSHM_TRACEFS_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define VSHM_TRACEFS	"/sys/kernel/tracing"
#define VSHM_TRACE	VSHM_TRACEFS "/instances/vshm"
#define VSHM_EVENTS	VSHM_TRACE "/events/vshm"

/* Writes to a file of tracefs; 0 or -1. */
static inline int vshm_trace_put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_TRUNC);
	ssize_t n = fd < 0 ? -1 : write(fd, value, strlen(value));

	close(fd);
	return n == (ssize_t)strlen(value) ? 0 : -1;
}

/*
 * Traces an event, or all of the family, from now on; false when there is none.
 * @event: such as "/vshm_state", or ""
 */
static inline bool vshm_trace_on(const char *event)
{
	char path[128];

	if (access(VSHM_TRACEFS "/instances", F_OK))
		mount("tracefs", VSHM_TRACEFS, "tracefs", 0, NULL);
	/*
	 * The names of processes are not looked at. What records them changes the
	 * code of the scheduler, and one of QEMU's emulated CPUs may then meet a
	 * breakpoint that is gone, for ever.
	 */
	vshm_trace_put(VSHM_TRACEFS "/options/record-cmd", "0");
	if (mkdir(VSHM_TRACE, 0700) && errno != EEXIST)
		return false;
	snprintf(path, sizeof(path), VSHM_EVENTS "%s/enable", event);
	return !vshm_trace_put(VSHM_TRACE "/trace", "\n") &&
	       !vshm_trace_put(path, "1");
}

/* No more is traced; what was can still be read. */
static inline void vshm_trace_off(void)
{
	vshm_trace_put(VSHM_EVENTS "/enable", "0");
}

static inline void vshm_trace_free(void)
{
	vshm_trace_off();
	rmdir(VSHM_TRACE);
}

#endif
