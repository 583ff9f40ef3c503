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
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "js.h"
#include "log.h"

static int max_priority = LOG_NOTICE;
static enum log_format log_format;
static struct error *captured;
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
 * log_init - choose what is logged, and how
 * @verbose: also log what is of interest for finding faults only
 * @format: how the lines look
 */
void log_init(bool verbose, enum log_format format)
{
	if (verbose)
		max_priority = LOG_DEBUG;
	log_format = format;
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
 * log_capture - keep the latest error for somebody who asked
 * @err: where to, from now on; NULL: nowhere
 *
 * Errors are logged all the same.
 */
void log_capture(struct error *err)
{
	captured = err;
}

static const char *level_name(int priority)
{
	static const char * const names[] = {
		[LOG_EMERG]	= "emergency",
		[LOG_ALERT]	= "alert",
		[LOG_CRIT]	= "critical",
		[LOG_ERR]	= "error",
		[LOG_WARNING]	= "warning",
		[LOG_NOTICE]	= "notice",
		[LOG_INFO]	= "info",
		[LOG_DEBUG]	= "debug",
	};

	return names[priority];
}

static void put_string(FILE *out, const char *key, const char *value)
{
	if (!value)
		return;
	fprintf(out, " %s=", key);
	if (*value && !strpbrk(value, " \t\"=\\")) {
		fputs(value, out);
		return;
	}
	putc('"', out);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			putc('\\', out);
		putc(*value, out);
	}
	putc('"', out);
}

static void put_number(FILE *out, const char *key, uintmax_t value)
{
	if (value)
		fprintf(out, " %s=%ju", key, value);
}

/* One line of text; what does not fit is cut off. */
static void format_text(char *line, size_t size, const char *message,
			const struct log_fields *f)
{
	FILE *out = fmemopen(line, size, "w");

	if (!out) {
		snprintf(line, size, "%s", message);
		return;
	}
	fputs(message, out);
	put_string(out, "event", f->event);
	put_string(out, "link", f->link);
	put_number(out, "cid", f->cid);
	put_number(out, "pid", (uintmax_t)f->pid);
	put_string(out, "path", f->path);
	put_number(out, "size", f->size);
	fclose(out);
	line[size - 1] = '\0';
}

static bool add_string(struct json_object *obj, const char *key,
		       const char *value)
{
	return !value || js_add(obj, key, js_string(value));
}

static bool add_number(struct json_object *obj, const char *key, uint64_t value)
{
	return !value || js_add(obj, key, json_object_new_uint64(value));
}

static const char *timestamp(char *buf, size_t size)
{
	struct timespec now;
	struct tm tm;
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	len = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + len, size - len, ".%03ldZ", now.tv_nsec / 1000000);
	return buf;
}

/* A JSON object, or NULL if memory is short. */
static struct json_object *format_json(int priority, const char *message,
				       const struct log_fields *f)
{
	struct json_object *obj = json_object_new_object();
	char time[64];

	if (add_string(obj, "time", timestamp(time, sizeof(time))) &&
	    js_add(obj, "priority", json_object_new_int(priority)) &&
	    add_string(obj, "level", level_name(priority)) &&
	    add_string(obj, "program", "vshmd") &&
	    add_string(obj, "message", message) &&
	    add_string(obj, "event", f->event) &&
	    add_string(obj, "link", f->link) &&
	    add_number(obj, "cid", f->cid) &&
	    add_number(obj, "pid", (uint64_t)f->pid) &&
	    add_string(obj, "path", f->path) &&
	    add_number(obj, "size", f->size))
		return obj;
	json_object_put(obj);
	return NULL;
}

/* Messages quote what others wrote, and a line must stay a line. */
static void hide_controls(char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = '?';
	}
}

static void log_line(int priority, const char *message,
		     const struct log_fields *fields)
{
	struct json_object *obj = NULL;
	const char *line, *name = "vshmd: ";
	char text[2048];

	if (log_format == LOG_FORMAT_JSON)
		obj = format_json(priority, message, fields);
	if (obj) {
		line = json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN |
						      JSON_C_TO_STRING_NOSLASHESCAPE);
		name = "";
	} else {
		format_text(text, sizeof(text), message, fields);
		line = text;
	}

	if (!line)
		line = message;
	if (use_syslog)
		syslog(priority, "%s", line);
	else if (use_prefix)
		fprintf(stderr, "<%d>%s\n", priority, line);
	else
		fprintf(stderr, "%s%s\n", name, line);
	json_object_put(obj);
}

static __printf(3, 0) void log_va(int priority, const struct log_fields *fields,
				  const char *fmt, va_list ap)
{
	int saved_errno = errno;
	char message[1024];

	if (priority > max_priority)
		return;
	vsnprintf(message, sizeof(message), fmt, ap);
	hide_controls(message);
	if (captured && priority <= LOG_ERR)
		error_set(captured, "%s", message);
	log_line(priority, message, fields);
	errno = saved_errno;
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
	static const struct log_fields none;
	va_list ap;

	va_start(ap, fmt);
	log_va(priority, &none, fmt, ap);
	va_end(ap);
}

/**
 * log_event - log one line, and what it is about
 * @priority: LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO or LOG_DEBUG
 * @fields: what it is about
 * @fmt: as for printf(), without a newline
 *
 * Keeps errno.
 */
void log_event(int priority, const struct log_fields *fields,
	       const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_va(priority, fields, fmt, ap);
	va_end(ap);
}
