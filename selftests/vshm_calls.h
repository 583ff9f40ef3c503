/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of calls and flags share. */
#ifndef VSHM_CALLS_H
#define VSHM_CALLS_H

#include "vshm_test.h"

#include <sys/sendfile.h>

static inline int vshm_peek_from(int fd, int off)
{
	return setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off));
}

/* A file of the pattern, open at its start. */
static inline int vshm_pattern_file(size_t len)
{
	char *buf = malloc(len);
	int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);

	vshm_fill(buf, len, 0, 1);
	if (write(fd, buf, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET)) {
		close(fd);
		fd = -1;
	}
	free(buf);
	return fd;
}

static inline long vshm_call_sendfile(struct vshm_call *call)
{
	size_t left = call->len;
	ssize_t n = 1;

	while (left && n > 0) {
		n = sendfile(call->fd, call->flags, NULL, left);
		left -= n > 0 ? n : 0;
	}
	return left;
}

/* Moves all it can from one end to the other; what is left. */
static inline size_t vshm_move(int from, int to, size_t len)
{
	ssize_t n = 1;

	while (len && n > 0) {
		n = splice(from, NULL, to, NULL, len, 0);
		len -= n > 0 ? n : 0;
	}
	return len;
}

static volatile sig_atomic_t vshm_pipes;

static inline void vshm_on_pipe(int sig)
{
	vshm_pipes++;
}

static inline int vshm_connect_nobody(int fd)
{
	struct sockaddr addr = { .sa_family = AF_UNSPEC };

	return connect(fd, &addr, sizeof(addr));
}

#define VSHM_THREADS	3
#define VSHM_ROUNDS	400

static inline long vshm_call_send_many(struct vshm_call *call)
{
	char buf[700];

	memset(buf, call->flags, sizeof(buf));
	for (int i = 0; i < VSHM_ROUNDS; i++) {
		size_t n = 0;

		while (n < sizeof(buf)) {
			ssize_t r = send(call->fd, buf + n, sizeof(buf) - n, 0);

			if (r < 0)
				return -1;
			n += r;
		}
	}
	return 0;
}

#endif /* VSHM_CALLS_H */
