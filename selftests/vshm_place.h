/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Places: loopback, or a link between a host and a guest, of whom either may be
 * the one that connects. What is tested at a place holds at all. The fixture is
 * two connected sockets of a type at a place; two datagram sockets are connected
 * to each other.
 */
#ifndef VSHM_PLACE_H
#define VSHM_PLACE_H

#include "vshm_bed.h"
#include "vshm_test.h"

/**
 * struct vshm_place - where two sockets are
 * @ns: network namespaces, of the host and of the guest; one for loopback
 * @bed: the link
 * @linked: there is a link
 * @type: of the sockets
 * @from: namespace that connects
 * @to: namespace that accepts
 * @cid: of @to, as @from knows it
 * @own: of @from
 * @c: socket that connected
 * @s: socket that was accepted
 */
struct vshm_place {
	int ns[2];
	struct vshm_bed bed;
	bool linked;
	int type;
	int from;
	int to;
	uint32_t cid;
	uint32_t own;
	int c;
	int s;
};

/* A socket of the place's type that listens on a free port. */
static inline int vshm_place_listener(const struct vshm_place *p, int backlog)
{
	int fd = vshm_ns_enter(p->to) ? -1 :
		 socket(vshm_family(), p->type, 0);

	if (fd < 0 || vshm_bind(fd, VSHM_CID_ANY, VSHM_PORT_ANY) ||
	    listen(fd, backlog))
		return -1;
	return fd;
}

/* A socket of the place's type, to connect with. */
static inline int vshm_place_socket(const struct vshm_place *p)
{
	return vshm_ns_enter(p->from) ? -1 : socket(vshm_family(), p->type, 0);
}

/* Another two datagram sockets that are connected to each other; 0 or -1. */
static inline int vshm_place_dgrams(const struct vshm_place *p, int *c, int *s)
{
	*c = vshm_place_socket(p);
	*s = vshm_ns_enter(p->to) ? -1 : socket(vshm_family(), p->type, 0);
	if (vshm_bind(*s, VSHM_CID_ANY, VSHM_PORT_ANY) ||
	    vshm_bind(*c, VSHM_CID_ANY, VSHM_PORT_ANY) ||
	    vshm_connect(*s, p->own, vshm_port(*c)) ||
	    vshm_connect(*c, p->cid, vshm_port(*s)))
		return -1;
	return vshm_ns_enter(p->from);
}

/* Another two connected sockets; 0 or -1. */
static inline int vshm_place_pair(const struct vshm_place *p, int *c, int *s)
{
	int listener, ret = -1;

	if (p->type == SOCK_DGRAM)
		return vshm_place_dgrams(p, c, s);
	listener = vshm_place_listener(p, 1);
	*c = vshm_place_socket(p);
	*s = -1;
	if (!vshm_connect(*c, p->cid, vshm_port(listener)))
		*s = accept(listener, NULL, NULL);
	if (*s >= 0)
		ret = 0;
	close(listener);
	return ret;
}

/* A socket that is connected to a listener at the place, or -1 with errno. */
static inline int vshm_place_client(const struct vshm_place *p, int listener)
{
	int fd = vshm_place_socket(p), err;

	if (fd >= 0 && vshm_connect(fd, p->cid, vshm_port(listener))) {
		err = errno;
		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

/* A port to which nobody listens where @to is. */
static inline uint32_t vshm_place_unused_port(const struct vshm_place *p)
{
	int fd = vshm_place_listener(p, 1);
	uint32_t port = vshm_port(fd);

	close(fd);
	return port;
}

/*
 * Fills the send queue with the pattern, in pieces that are packets where there
 * are any, and makes it small before. Returns the bytes sent, or -1.
 */
#define VSHM_PLACE_PIECE	504

static inline int vshm_place_fill(const struct vshm_place *p, int fd, int seed)
{
	int takes = VSHM_PLACE_PIECE, total, size = 2600;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)))
		return -1;
	if (p->type == SOCK_SEQPACKET)
		takes += 8;
	size = vshm_getint(fd, SOL_SOCKET, SO_SNDBUF);
	total = size / takes * VSHM_PLACE_PIECE;
	/* the rest; of packets, what its header and padding leave */
	if (p->type == SOCK_STREAM)
		total = size;
	else if (size % takes > 16)
		total += (size % takes & ~7) - 8;
	return vshm_send_all(fd, total, VSHM_PLACE_PIECE, 0, seed) ? -1 : total;
}

/*
 * The place alone: p->c and p->s are -1.
 * @side: who connects over a link, host 0 or guest 1; -1 for loopback.
 */
static inline int vshm_place_make(struct vshm_place *p, int type, int side)
{
	*p = (struct vshm_place) { .type = type, .linked = side >= 0,
				   .c = -1, .s = -1 };
	for (int i = 0; i <= p->linked; i++) {
		p->ns[i] = vshm_ns_new();
		if (p->ns[i] < 0)
			return -1;
	}
	p->from = p->ns[0];
	p->to = p->ns[0];
	p->cid = VSHM_CID_LOCAL;
	p->own = VSHM_CID_LOCAL;
	if (p->linked) {
		if (vshm_bed_link(&p->bed, p->ns[0], VSHM_CID_HOST, p->ns[1],
				  3))
			return -1;
		p->from = p->ns[side];
		p->to = p->ns[!side];
		p->cid = p->bed.end[!side].cid;
		p->own = p->bed.end[side].cid;
	}
	return 0;
}

/* The place with two connected sockets; as vshm_place_make(). */
static inline int vshm_place_open(struct vshm_place *p, int type, int side)
{
	return vshm_place_make(p, type, side) ?:
	       vshm_place_pair(p, &p->c, &p->s);
}

/* True when nothing is left behind. */
static inline bool vshm_place_close(struct vshm_place *p)
{
	bool clean = true;

	close(p->c);
	close(p->s);
	if (p->linked) {
		clean = vshm_bed_idle(&p->bed);
		for (int i = 0; i < 2; i++)
			clean &= !vshm_bed_num(&p->bed, i, "violations");
		vshm_bed_free(&p->bed);
	}
	for (int i = 0; i <= p->linked; i++)
		clean &= vshm_ns_empty(p->ns[i]);
	return clean;
}

/* FIXTURE(name) with self->p, and the places of streams, packets, datagrams. */
#define VSHM_PLACE_FIXTURE(name)					\
	FIXTURE(name) { struct vshm_place p; };				\
	FIXTURE_VARIANT(name) { int type; int side; };			\
	FIXTURE_SETUP(name)						\
	{								\
		ASSERT_EQ(0, vshm_place_open(&self->p, variant->type,	\
					     variant->side)) {		\
			TH_LOG("no connection: %s", strerror(errno));	\
		}							\
	}								\
	FIXTURE_TEARDOWN(name)						\
	{								\
		EXPECT_TRUE(vshm_place_close(&self->p));		\
	}

#define VSHM_PLACE_STREAMS(name)					\
	FIXTURE_VARIANT_ADD(name, stream_loopback) { SOCK_STREAM, -1 };	\
	FIXTURE_VARIANT_ADD(name, stream_host) { SOCK_STREAM, 0 };	\
	FIXTURE_VARIANT_ADD(name, stream_guest) { SOCK_STREAM, 1 };

#define VSHM_PLACE_PACKETS(name)					\
	FIXTURE_VARIANT_ADD(name, packet_loopback) { SOCK_SEQPACKET, -1 }; \
	FIXTURE_VARIANT_ADD(name, packet_host) { SOCK_SEQPACKET, 0 };	\
	FIXTURE_VARIANT_ADD(name, packet_guest) { SOCK_SEQPACKET, 1 };

#define VSHM_PLACE_DATAGRAMS(name)					\
	FIXTURE_VARIANT_ADD(name, dgram_loopback) { SOCK_DGRAM, -1 };	\
	FIXTURE_VARIANT_ADD(name, dgram_host) { SOCK_DGRAM, 0 };	\
	FIXTURE_VARIANT_ADD(name, dgram_guest) { SOCK_DGRAM, 1 };

#define VSHM_PLACE_CONNECTIONS(name)					\
	VSHM_PLACE_STREAMS(name)					\
	VSHM_PLACE_PACKETS(name)

#define VSHM_PLACE_ALL(name)						\
	VSHM_PLACE_CONNECTIONS(name)					\
	VSHM_PLACE_DATAGRAMS(name)

#endif /* VSHM_PLACE_H */
