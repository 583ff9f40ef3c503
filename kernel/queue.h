/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The receive queue of a datagram socket.
 */
#ifndef _VSHM_QUEUE_H
#define _VSHM_QUEUE_H

#include <linux/uio.h>

#include "vshm.h"

struct vshm_beside;

/**
 * struct vshm_queued - header of a datagram in a receive queue
 * @len: bytes of data, which follow
 * @flags: VSHM_QUEUED_*
 * @cid: address of its sender
 * @port: the same
 * @drops: what the socket had dropped when it came
 * @reserved: 0
 * @stamp: when it came, or 0 when nobody asked
 *
 * As large as that of a datagram in the ring of a link, so that the two take
 * the same space.
 */
struct vshm_queued {
	u32	len;
	u32	flags;
	u32	cid;
	u32	port;
	u32	drops;
	u32	reserved;
	ktime_t	stamp;
};

/* MSG_PEEK has shown it. */
#define VSHM_QUEUED_PEEKED	BIT(0)

/**
 * struct vshm_queue - receive queue of a datagram socket: a ring of its own
 * @lock: serialises those who add, see vshm.h
 * @from_cid: nobody else's datagrams are taken, or VSHM_CID_ANY; @lock
 * @from_port: the same
 * @ring: header of the ring, whose data area is private memory as well
 * @in: the end that adds; @lock
 * @out: the end that takes; vshm_sock.rx_lock
 * @scm: what goes beside the data
 * @bytes_in: bytes of data ever added; @lock
 * @bytes_out: bytes of data ever taken; rx_lock
 * @short_of: @short_since counts; @lock
 * @short_since: jiffies when there was no memory for a large data area; @lock
 *
 * The data area comes with the first datagram, and is replaced by larger ones
 * up to what SO_RCVBUF allows; who does that holds both locks.
 */
struct vshm_queue {
	struct mutex		lock;
	u32			from_cid;
	u32			from_port;
	struct vshm_ring	ring;
	struct vshm_sender	in;
	struct vshm_receiver	out;
	struct vshm_scm_queue	scm;
	u64			bytes_in;
	u64			bytes_out;
	bool			short_of;
	unsigned long		short_since;
};

struct vshm_queue *vshm_queue_alloc(void);
void vshm_queue_empty(struct vshm_sock *vsk);
void vshm_queue_filter(struct vshm_queue *q, u32 cid, u32 port);
int vshm_queue_add(struct vshm_sock *to, const struct vshm_datagram *dgram,
		   struct iov_iter *from, struct vshm_beside *beside);
int vshm_queue_move(struct vshm_sock *to, const struct vshm_datagram *dgram,
		    const struct vshm_receiver *from);
struct vshm_queued *vshm_queue_peek(struct vshm_queue *q, int *peek_off);
bool vshm_queue_arm(const void *arg);
u64 vshm_queue_bytes(const struct vshm_queue *q);
u32 vshm_queue_first(struct vshm_sock *vsk);

/* Position of a datagram that lies in the queue; rx_lock held. */
static inline u64 vshm_queue_at(const struct vshm_queue *q,
				const struct vshm_queued *dgram)
{
	u64 offset = (const u8 *)dgram - q->out.mem.data;

	return q->out.tail + ((offset - q->out.tail) & q->out.mask);
}

/* The datagram to be received next, whose data follow, or NULL; rx_lock held. */
static inline struct vshm_queued *vshm_queue_next(struct vshm_queue *q)
{
	struct vshm_receiver *r = &q->out;

	vshm_receiver_sync(r);
	if (r->head == r->tail)
		return NULL;
	return (struct vshm_queued *)vshm_receiver_at(r, r->tail);
}

/* Remove it; rx_lock held. */
static inline void vshm_queue_take(struct vshm_queue *q,
				   const struct vshm_queued *dgram)
{
	WRITE_ONCE(q->bytes_out, q->bytes_out + dgram->len);
	vshm_receiver_consume(&q->out, VSHM_DATAGRAM_BYTES(dgram->len));
}

/* Is there a datagram? Without locks: worth a look. */
static inline bool vshm_queue_ready(const struct vshm_queue *q)
{
	return READ_ONCE(q->ring.head) != READ_ONCE(q->ring.tail);
}

#endif /* _VSHM_QUEUE_H */
