/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages: one line each, a sentence for people, then what it is about for
 * programs.
 */
#ifndef _VSHMD_LOG_H
#define _VSHMD_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <syslog.h>

#include "error.h"

/**
 * enum log_format - how a line looks
 * @LOG_FORMAT_TEXT: the sentence, then key=value pairs
 * @LOG_FORMAT_JSON: one JSON object
 */
enum log_format {
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON,
};

/**
 * struct log_fields - what a message is about; what is NULL or 0 is left out
 * @event: what happened, in one word
 * @link: name of the link
 * @cid: context ID of the guest
 * @pid: process at the other end of a socket
 * @path: file
 * @size: bytes of shared memory
 */
struct log_fields {
	const char	*event;
	const char	*link;
	uint32_t	cid;
	pid_t		pid;
	const char	*path;
	uint64_t	size;
};

void log_init(bool verbose, enum log_format format);
void log_to_syslog(void);
void log_capture(struct error *err);
void log_msg(int priority, const char *fmt, ...) __printf(2, 3);
void log_event(int priority, const struct log_fields *fields,
	       const char *fmt, ...) __printf(3, 4);

#endif /* _VSHMD_LOG_H */
