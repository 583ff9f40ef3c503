// SPDX-License-Identifier: GPL-2.0
/*
 * Whole messages, and the words at the start of a connection of vshm perf.
 */
#include <endian.h>
#include <errno.h>
#include <sys/socket.h>

#include "perf.h"

/**
 * perf_send - send a message
 * @fd: socket
 * @buf: message
 * @len: bytes of it
 *
 * Return: 0, or -1 with errno.
 */
int perf_send(int fd, const void *buf, size_t len)
{
	const char *at = buf;
	ssize_t n;

	while (len) {
		n = send(fd, at, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/**
 * perf_receive - receive a message
 * @fd: socket
 * @type: its type; a packet is taken for a message whatever its length
 * @buf: takes it
 * @len: bytes of it
 *
 * Return: 1, 0 at the end, or -1 with errno.
 */
int perf_receive(int fd, int type, void *buf, size_t len)
{
	size_t have = 0;
	ssize_t n;

	do {
		n = recv(fd, (char *)buf + have, len - have, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (!n)
			break;
		have += (size_t)n;
	} while (type == SOCK_STREAM && have < len);
	if (!have)
		return 0;
	if (have == len)
		return 1;
	errno = EPROTO;
	return -1;
}

/**
 * perf_count_input - receive something
 * @fd: socket
 * @buf: takes it
 * @size: bytes there
 * @bytes: takes their number
 *
 * Return: 1, 0 at the end, or -1 with errno.
 */
int perf_count_input(int fd, void *buf, size_t size, uint64_t *bytes)
{
	ssize_t n;

	do {
		n = recv(fd, buf, size, 0);
	} while (n < 0 && errno == EINTR);
	*bytes = n > 0 ? (uint64_t)n : 0;
	return n > 0 ? 1 : (int)n;
}

/**
 * perf_say_hello - begin a measurement
 * @fd: socket
 * @hello: what to measure, in the numbers of this machine
 *
 * Return: 0, or -1 with errno.
 */
int perf_say_hello(int fd, const struct perf_hello *hello)
{
	const struct perf_hello wire = {
		.magic = htole32(hello->magic),
		.version = htole16(hello->version),
		.mode = htole16(hello->mode),
		.size = htole64(hello->size),
		.number = htole64(hello->number),
		.ns = htole64(hello->ns),
	};

	return perf_send(fd, &wire, sizeof(wire));
}

/**
 * perf_hear_hello - learn what the client wants
 * @fd: socket
 * @type: its type
 * @hello: takes it, checked, in the numbers of this machine
 *
 * Return: 1, 0 if it wants nothing, or -1 with errno, EPROTO if it is no
 * vshm perf of this version.
 */
int perf_hear_hello(int fd, int type, struct perf_hello *hello)
{
	int ret = perf_receive(fd, type, hello, sizeof(*hello));

	if (ret <= 0)
		return ret;
	hello->magic = le32toh(hello->magic);
	hello->version = le16toh(hello->version);
	hello->mode = le16toh(hello->mode);
	hello->size = le64toh(hello->size);
	hello->number = le64toh(hello->number);
	hello->ns = le64toh(hello->ns);
	if (hello->magic == PERF_MAGIC && hello->version == PERF_VERSION &&
	    hello->mode <= PERF_RTT && hello->size &&
	    hello->size <= PERF_SIZE_MAX)
		return 1;
	errno = EPROTO;
	return -1;
}
