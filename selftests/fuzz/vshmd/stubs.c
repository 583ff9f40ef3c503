// SPDX-License-Identifier: GPL-2.0
/*
 * What is around the parsers of vshmd: links that exist, and are not started.
 */
#include <stdarg.h>
#include <stdio.h>

#include "stubs.h"

struct vshmd stub_vshmd = {
	.opt	= { .size = 64 << 20, .mode = 0600 },
	.links	= TAILQ_HEAD_INITIALIZER(stub_vshmd.links),
};

/* Messages are made, for the sanitizers to see, and go nowhere. */
static void stub_log(const char *fmt, va_list ap)
{
	char text[256];

	vsnprintf(text, sizeof(text), fmt, ap);
}

void log_capture(struct error *err)
{
	(void)err;
}

void log_msg(int priority, const char *fmt, ...)
{
	va_list ap;

	(void)priority;
	va_start(ap, fmt);
	stub_log(fmt, ap);
	va_end(ap);
}

void log_event(int priority, const struct log_fields *fields, const char *fmt,
	       ...)
{
	va_list ap;

	(void)priority;
	(void)fields;
	va_start(ap, fmt);
	stub_log(fmt, ap);
	va_end(ap);
}

int links_start_one(struct vshmd *d, const struct spec *spec)
{
	struct link *link = link_new(spec, d->next_id++);

	if (!link)
		return -1;
	/* memory is not taken before it is touched */
	if (link_create(link)) {
		link_free(link);
		return -1;
	}
	TAILQ_INSERT_TAIL(&d->links, link, entry);
	return 0;
}

void links_stop_one(struct link *link, struct link_list *links)
{
	TAILQ_REMOVE(links, link, entry);
	link_free(link);
}

void host_detach(struct link *link)
{
	(void)link;
}

void links_detach_host(struct vshmd *d)
{
	(void)d;
}

void links_announce(struct vshmd *d)
{
	(void)d;
}

void notify_ready(const struct vshmd *d)
{
	(void)d;
}

int vshmd_reload(struct vshmd *d, struct error *err)
{
	(void)d;
	return error_set(err, "reload");
}

/**
 * stub_file - a file with some contents
 * @data: the contents
 * @size: how many bytes
 * @path: takes its name, which works until the next call
 * @room: for the name
 */
void stub_file(const void *data, size_t size, char *path, size_t room)
{
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("config", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) ||
	    pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	snprintf(path, room, "/proc/self/fd/%d", fd);
}
