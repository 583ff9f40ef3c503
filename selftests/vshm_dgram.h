/* SPDX-License-Identifier: GPL-2.0 */
/* Datagram sockets of the tests. */
#ifndef VSHM_DGRAM_H
#define VSHM_DGRAM_H

#include "vshm_test.h"

/* The largest datagram. */
#define VSHM_DGRAM_MAX	(65536 - 32)

/* What a datagram takes in a queue. */
#define VSHM_DGRAM_TAKES(len)	(((len) + 32 + 31) / 32 * 32)

static inline int vshm_dgram(void)
{
	return socket(vshm_family(), SOCK_DGRAM, 0);
}

/* A datagram socket with a port of every local CID. */
static inline int vshm_dgram_bound(void)
{
	int fd = vshm_dgram();

	if (fd >= 0 && vshm_bind(fd, VSHM_CID_ANY, VSHM_PORT_ANY)) {
		close(fd);
		return -1;
	}
	return fd;
}

static inline ssize_t vshm_sendto(int fd, const void *buf, size_t len,
				  int flags, uint32_t cid, uint32_t port)
{
	struct sockaddr_vshm to = vshm_addr(cid, port);

	return sendto(fd, buf, len, flags, (void *)&to, sizeof(to));
}

/* Receives, and says from where; the address is all zero when none is told. */
static inline ssize_t vshm_recvfrom(int fd, void *buf, size_t len, int flags,
				    struct sockaddr_vshm *from)
{
	socklen_t size = sizeof(*from);

	memset(from, 0, sizeof(*from));
	return recvfrom(fd, buf, len, flags, (void *)from, &size);
}

/* Connected to nobody any more. */
static inline int vshm_dissolve(int fd)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	return connect(fd, &none, sizeof(none));
}

/* Waits for a datagram, but not for ever. */
static inline int vshm_dgram_wait(int fd)
{
	return vshm_poll(fd, POLLIN, VSHM_WAIT_MS) & POLLIN ? 0 : -1;
}

#endif /* VSHM_DGRAM_H */
