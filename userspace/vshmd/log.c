// SPDX-License-Identifier: GPL-2.0
/*
 * Messages: to stderr, or to syslog once vshmd is in the background. When the
 * journal reads stderr, each line starts with its priority.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vshmd.h"

static int max_priority = LOG_NOTICE;
static bool use_syslog;
static bool use_prefix;

/* Is stderr the stream that JOURNAL_STREAM=device:inode names? */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st))
		return false;
	snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)st.st_dev,
		 (uintmax_t)st.st_ino);
	return !strcmp(stream, ours);
}

/**
 * log_init - choose what is logged to stderr
 * @verbose: also log what is of interest for finding faults only
 */
void log_init(bool verbose)
{
	if (verbose)
		max_priority = LOG_DEBUG;
	use_prefix = stderr_is_journal();
}

/**
 * log_to_syslog - from now on, log to syslog
 */
void log_to_syslog(void)
{
	openlog("vshmd", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	use_syslog = true;
}

/**
 * log_msg - log one line
 * @priority: LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO or LOG_DEBUG
 * @fmt: as for printf(), without a newline
 *
 * Keeps errno.
 */
void log_msg(int priority, const char *fmt, ...)
{
	int saved_errno = errno;
	char line[1024];
	va_list ap;

	if (priority > max_priority)
		return;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);

	if (use_syslog)
		syslog(priority, "%s", line);
	else if (use_prefix)
		fprintf(stderr, "<%d>%s\n", priority, line);
	else
		fprintf(stderr, "vshmd: %s\n", line);
	errno = saved_errno;
}
