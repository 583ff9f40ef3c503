// SPDX-License-Identifier: GPL-2.0
/*
 * Addresses and sockets of the family. What goes wrong is said with the address
 * and with what can be done about it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "endpoint.h"
#include "vshm.h"

#define FAMILY_FILE	"/sys/module/vshm/parameters/family"

/* How often somebody is asked who does not listen yet. */
#define RETRY_NS	50000000ULL

/**
 * endpoint_family - number of the family
 *
 * Return: the module's parameter, or the default without a module.
 */
sa_family_t endpoint_family(void)
{
	static sa_family_t number;
	unsigned short read;
	FILE *file;

	if (number)
		return number;
	number = AF_VSHM;
	file = fopen(FAMILY_FILE, "re");
	if (file) {
		if (fscanf(file, "%hu", &read) == 1)
			number = read;
		fclose(file);
	}
	return number;
}

static int parse_cid(const char *s, uint32_t *cid)
{
	static const struct {
		const char	*name;
		uint32_t	cid;
	} names[] = {
		{ "any", VSHM_CID_ANY },
		{ "*", VSHM_CID_ANY },
		{ "local", VSHM_CID_LOCAL },
		{ "host", VSHM_CID_HOST },
	};
	uint64_t number;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(s, names[i].name)) {
			*cid = names[i].cid;
			return 0;
		}
	}
	if (number_parse(s, UINT32_MAX, &number))
		return -1;
	*cid = (uint32_t)number;
	return 0;
}

/**
 * endpoint_parse - read an address
 * @at: takes it
 * @word: CID PORT, CID:PORT or PORT
 * @nr: how many words there are
 * @cid: the CID if only a port is given
 * @err: what is wrong
 *
 * Return: 0 or -1.
 */
int endpoint_parse(struct endpoint *at, const char * const *word, size_t nr,
		   uint32_t cid, struct error *err)
{
	const char *port, *colon;
	char text[16] = "";
	uint64_t number;

	if (!nr)
		return error_set(err, "no address: give CID and PORT");
	if (nr > 2)
		return error_set(err, "'%s' is too much: give CID and PORT", word[2]);
	port = word[nr - 1];
	colon = strchr(port, ':');
	if (nr == 2)
		snprintf(text, sizeof(text), "%s", word[0]);
	else if (colon)
		snprintf(text, sizeof(text), "%.*s", (int)(colon - port), port);
	if (nr == 1 && colon)
		port = colon + 1;
	at->cid = cid;
	if (*text && parse_cid(text, &at->cid))
		return error_set(err, "'%s' is no CID: give a number, local, host or any",
				 text);
	if (number_parse(port, UINT32_MAX - 1, &number))
		return error_set(err, "'%s' is no port: give a number", port);
	at->port = (uint32_t)number;
	return 0;
}

/**
 * type_parse - read a socket type
 * @name: stream, seqpacket or dgram, or the start of it
 * @type: takes the number
 *
 * Return: 0, or -1 if it is no such name.
 */
int type_parse(const char *name, int *type)
{
	if (word_is(name, "stream"))
		*type = SOCK_STREAM;
	else if (word_is(name, "seqpacket"))
		*type = SOCK_SEQPACKET;
	else if (word_is(name, "dgram"))
		*type = SOCK_DGRAM;
	else
		return -1;
	return 0;
}

/**
 * endpoint_text - an address as vshm socket shows it
 * @at: address
 * @buf: where it goes, ENDPOINT_TEXT bytes
 *
 * Return: @buf.
 */
const char *endpoint_text(const struct endpoint *at, char *buf)
{
	char cid[12] = "*", port[12] = "*";

	if (at->cid != VSHM_CID_ANY)
		snprintf(cid, sizeof(cid), "%u", at->cid);
	if (at->port != VSHM_PORT_ANY)
		snprintf(port, sizeof(port), "%u", at->port);
	snprintf(buf, ENDPOINT_TEXT, "%s:%s", cid, port);
	return buf;
}

/**
 * endpoint_get - take the address that a call has returned
 * @at: takes it
 * @svs: as the call left it
 */
void endpoint_get(struct endpoint *at, const struct sockaddr_vshm *svs)
{
	at->cid = svs->svs_cid;
	at->port = svs->svs_port;
}

static struct sockaddr_vshm address_of(const struct endpoint *at)
{
	return (struct sockaddr_vshm){
		.svs_family = endpoint_family(),
		.svs_cid = at->cid,
		.svs_port = at->port,
	};
}

/**
 * endpoint_socket - make a socket
 * @type: type
 * @err: what is wrong
 *
 * Return: descriptor or -1.
 */
int endpoint_socket(int type, struct error *err)
{
	int fd = socket(endpoint_family(), type | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		return fd;
	switch (errno) {
	case EAFNOSUPPORT:
		return error_set(err, "socket: %s: load the module vshm: modprobe vshm",
				 strerror(errno));
	case ESOCKTNOSUPPORT:
		return error_set(err, "socket: %s: the module vshm that is loaded has no such type",
				 strerror(errno));
	default:
		return error_set(err, "socket: %s", strerror(errno));
	}
}

/**
 * endpoint_bind - give a socket its address
 * @fd: socket
 * @at: address
 * @err: what is wrong
 *
 * Return: 0 or -1.
 */
int endpoint_bind(int fd, const struct endpoint *at, struct error *err)
{
	const struct sockaddr_vshm svs = address_of(at);
	char text[ENDPOINT_TEXT];
	const char *why = "";

	if (!bind(fd, (const struct sockaddr *)&svs, sizeof(svs)))
		return 0;
	switch (errno) {
	case EACCES:
		why = ": ports below 1024 take root";
		break;
	case EADDRINUSE:
		why = ": see who has it with 'vshm socket -p', or take another port";
		break;
	case EADDRNOTAVAIL:
		why = ": the CID is of no link here, see 'vshm link'";
		break;
	}
	return error_set(err, "bind to %s: %s%s", endpoint_text(at, text),
			 strerror(errno), why);
}

/**
 * endpoint_listen - make a socket that takes connections, or datagrams
 * @type: its type
 * @at: its address
 * @err: what is wrong
 *
 * Return: descriptor or -1.
 */
int endpoint_listen(int type, const struct endpoint *at, struct error *err)
{
	char text[ENDPOINT_TEXT];
	int fd;

	fd = endpoint_socket(type, err);
	if (fd < 0)
		return -1;
	if (endpoint_bind(fd, at, err))
		goto out;
	if (type != SOCK_DGRAM && listen(fd, SOMAXCONN)) {
		error_set(err, "listen at %s: %s", endpoint_text(at, text),
			  strerror(errno));
		goto out;
	}
	return fd;
out:
	close(fd);
	return -1;
}

static int connect_error(const struct endpoint *to, int error, struct error *err)
{
	char text[ENDPOINT_TEXT];
	const char *why = "";

	switch (error) {
	case ECONNREFUSED:
		why = ": nobody listens there, or with another type, or too many ask";
		break;
	case EHOSTUNREACH:
		why = ": no link leads there, or its other end is down, see 'vshm link'";
		break;
	case EACCES:
		why = ": the policy of the host between forbids it, see vshmd.conf(5)";
		break;
	case ENOBUFS:
		why = ": the link has no room for another connection, see 'vshm link'";
		break;
	case EADDRNOTAVAIL:
		why = ": it was bound to another link's CID, or no port is free";
		break;
	}
	return error_set(err, "connect to %s: %s%s", endpoint_text(to, text),
			 strerror(error), why);
}

/* One attempt: a descriptor, or a negative errno; -1 with @err set. */
static int connect_once(int type, const struct endpoint *to,
			const struct endpoint *from, struct error *err,
			int *error)
{
	const struct sockaddr_vshm svs = address_of(to);
	int fd = endpoint_socket(type, err);

	*error = 0;
	if (fd < 0)
		return -1;
	if (from && endpoint_bind(fd, from, err))
		goto out;
	if (!connect(fd, (const struct sockaddr *)&svs, sizeof(svs)))
		return fd;
	*error = errno;
	connect_error(to, errno, err);
out:
	close(fd);
	return -1;
}

/**
 * endpoint_connect - make a socket that is connected
 * @type: its type
 * @to: whom to
 * @from: own address, or NULL to take any
 * @patience: how many seconds to try again for, while nobody listens there, or
 *	the link is down
 * @err: what is wrong
 *
 * Return: descriptor or -1.
 */
int endpoint_connect(int type, const struct endpoint *to,
		     const struct endpoint *from, double patience,
		     struct error *err)
{
	uint64_t end = now_ns() + (uint64_t)(patience * 1e9);
	int fd, error;

	for (;;) {
		fd = connect_once(type, to, from, err, &error);
		if (fd >= 0 || stopped() || now_ns() + RETRY_NS > end)
			return fd;
		if (error != ECONNREFUSED && error != EHOSTUNREACH &&
		    error != ECONNRESET && error != ETIMEDOUT)
			return -1;
		pause_until(now_ns() + RETRY_NS);
	}
}

/**
 * endpoint_accept - take a connection
 * @fd: socket that listens
 * @peer: takes the peer's address
 * @err: what is wrong
 *
 * Return: descriptor, or -1, also when stopped().
 */
int endpoint_accept(int fd, struct endpoint *peer, struct error *err)
{
	struct sockaddr_vshm svs = { 0 };
	socklen_t len = sizeof(svs);
	int conn;

	conn = accept4(fd, (struct sockaddr *)&svs, &len, SOCK_CLOEXEC);
	if (conn < 0)
		return error_set(err, "accept: %s", strerror(errno));
	endpoint_get(peer, &svs);
	return conn;
}
