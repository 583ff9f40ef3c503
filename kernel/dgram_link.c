// SPDX-License-Identifier: GPL-2.0
/*
 * Datagrams over a link: one ring in each direction for all sockets.
 *
 * Senders write into the peer's ring one after the other, each for as long as
 * its copy takes: a copy that would have to wait for a page is given up, with
 * nothing published. The receiver never waits: it moves each datagram to its
 * socket, forwards it, or drops it, so a ring that is full is soon empty again.
 *
 * Who finds the ring full and wants to know when there is space is put on a
 * list first, then asks the peer for a notification, and then looks once more.
 * Whoever takes it off the list wakes its socket.
 */
#include <linux/log2.h>

#include "dgram.h"
#include "io.h"
#include "queue.h"
#include "trace.h"

/* Datagrams received before other work gets its turn. */
#define VSHM_DATAGRAMS_BUDGET	256

/* The largest ring that is made: some milliseconds of small datagrams. */
#define VSHM_DATAGRAMS_ORDER	18

/**
 * vshm_datagrams_order() - size of the datagram ring of a side
 * @size: bytes in the region
 *
 * Return: log2 of the size of its data area; a sixteenth of the region, within
 * limits.
 */
u32 vshm_datagrams_order(u64 size)
{
	return clamp_t(u32, ilog2(size) - 4, VSHM_DATAGRAM_ORDER_MIN,
		       VSHM_DATAGRAMS_ORDER);
}

/**
 * vshm_datagrams_clean() - make the own ring empty
 * @link: link that is down
 * @mem: the ring; nobody writes to it
 *
 * Context: no record of the link is being received.
 */
void vshm_datagrams_clean(struct vshm_link *link,
			  const struct vshm_ring_mem *mem)
{
	vshm_ring_init(mem, 0);
	memset(mem->data, 0, 1UL << mem->order);
	vshm_receiver_init(&link->datagrams.rx, mem);
	vshm_receiver_arm(&link->datagrams.rx, 0);
}

/**
 * vshm_datagrams_up() - let datagrams be sent
 * @link: link whose peer is there
 * @mem: the peer's ring, as offset and order that it told
 *
 * Context: process context, may sleep.
 * Return: 0 or -EPROTO.
 */
int vshm_datagrams_up(struct vshm_link *link, struct vshm_ring_mem *mem)
{
	struct vshm_datagrams *d = &link->datagrams;

	if (mem->order < VSHM_DATAGRAM_ORDER_MIN ||
	    mem->order > VSHM_RING_ORDER_MAX ||
	    link->ops->peer_ring(link, mem))
		return -EPROTO;
	mutex_lock(&d->lock);
	vshm_sender_init(&d->tx, mem);
	mutex_unlock(&d->lock);
	return 0;
}

/**
 * vshm_datagrams_down() - let no more datagrams be sent
 * @link: link
 *
 * No copy to the peer's ring is in flight once this returns.
 * Context: process context, may sleep.
 */
void vshm_datagrams_down(struct vshm_link *link)
{
	struct vshm_datagrams *d = &link->datagrams;

	mutex_lock(&d->lock);
	d->tx.mem.ring = NULL;
	mutex_unlock(&d->lock);
	vshm_datagrams_space(link);
}

/**
 * vshm_datagrams_space() - the peer's ring has space, or is gone: wake
 * @link: link
 *
 * Context: process context.
 */
void vshm_datagrams_space(struct vshm_link *link)
{
	struct vshm_net *vnet = link->vnet;
	struct vshm_space *space;
	LIST_HEAD(waiters);
	struct sock *sk;

	spin_lock(&vnet->space_lock);
	list_splice_init(&link->datagrams.waiters, &waiters);
	while ((space = list_first_entry_or_null(&waiters, struct vshm_space,
						 node))) {
		sk = space->sk;
		sock_hold(sk);
		list_del_init(&space->node);
		spin_unlock(&vnet->space_lock);
		vshm_wake_writers(sk);
		sock_put(sk);
		spin_lock(&vnet->space_lock);
	}
	spin_unlock(&vnet->space_lock);
}

static void vshm_space_want(struct vshm_link *link, struct vshm_space *space)
{
	spin_lock(&link->vnet->space_lock);
	list_move_tail(&space->node, &link->datagrams.waiters);
	spin_unlock(&link->vnet->space_lock);
}

/**
 * vshm_space_forget() - wait for space no more
 * @vnet: namespace of the socket
 * @space: what may be on the list of a link
 *
 * Context: process context.
 */
void vshm_space_forget(struct vshm_net *vnet, struct vshm_space *space)
{
	spin_lock(&vnet->space_lock);
	list_del_init(&space->node);
	spin_unlock(&vnet->space_lock);
}

/**
 * vshm_space_ready() - is nothing waited for any more?
 * @arg: &struct vshm_space
 *
 * Context: any.
 * Return: true when it is on no list.
 */
bool vshm_space_ready(const void *arg)
{
	const struct vshm_space *space = arg;

	return list_empty_careful(&space->node);
}

/* Space in the peer's ring, or -EPROTO. The lock is held. */
static s64 vshm_datagrams_room(struct vshm_sender *s, u64 bytes)
{
	s64 space = vshm_sender_space(s, s->mask + 1);

	if (likely(space >= bytes))
		return space;
	if (vshm_sender_sync(s) ||
	    s->tail % sizeof(struct vshm_datagram))
		return -EPROTO;
	return vshm_sender_space(s, s->mask + 1);
}

/* No room: ask to be told of it, and look once more. The lock is held. */
static s64 vshm_datagrams_await(struct vshm_link *link, u64 bytes,
				struct vshm_space *space)
{
	struct vshm_sender *s = &link->datagrams.tx;
	s64 room;

	vshm_space_want(link, space);
	vshm_sender_arm(s, max(bytes, (s->mask + 1) / 2));
	room = vshm_datagrams_room(s, bytes);
	/* then the notification may not come */
	if (room >= (s64)bytes)
		vshm_space_forget(link->vnet, space);
	return room;
}

/* The header goes first, and all is published at once. The lock is held. */
static void vshm_datagrams_publish(struct vshm_link *link,
				   const struct vshm_datagram *dgram)
{
	struct vshm_sender *s = &link->datagrams.tx;

	*(struct vshm_datagram *)vshm_sender_at(s, s->head) = *dgram;
	this_cpu_add(link->stats->tx_bytes, dgram->len);
	if (vshm_sender_publish(s, VSHM_DATAGRAM_BYTES(dgram->len)))
		link->ops->notify_datagrams(link, VSHM_NEWS_DATA);
}

/**
 * vshm_datagrams_send() - send a datagram of a program to the peer
 * @link: link
 * @dgram: its header
 * @from: its data; advanced when 1 is returned
 * @space: who wants to know when there is space
 *
 * Context: process context, may sleep.
 * Return: 1; 0 when the pages of @from must be brought in; -EAGAIN when there
 * is no room and @space waits for it; -EHOSTUNREACH when the link is down.
 */
int vshm_datagrams_send(struct vshm_link *link,
			const struct vshm_datagram *dgram,
			struct iov_iter *from, struct vshm_space *space)
{
	u64 bytes = VSHM_DATAGRAM_BYTES(dgram->len);
	struct vshm_datagrams *d = &link->datagrams;
	struct vshm_sender *s = &d->tx;
	int ret = -EHOSTUNREACH;
	s64 room;
	size_t n;

	mutex_lock(&d->lock);
	if (!s->mem.ring)
		goto out;
	room = vshm_datagrams_room(s, bytes);
	if (unlikely(room >= 0 && room < bytes))
		room = vshm_datagrams_await(link, bytes, space);
	if (unlikely(room < 0)) {
		vshm_link_violation(link, "index of a datagram ring");
		link->ops->restart(link);
		goto out;
	}
	ret = -EAGAIN;
	if (unlikely(room < bytes))
		goto out;
	n = vshm_copy_in(s, s->head + sizeof(*dgram), from, dgram->len);
	if (likely(n == dgram->len)) {
		vshm_datagrams_publish(link, dgram);
		ret = 1;
	} else {
		iov_iter_revert(from, n);
		ret = 0;
	}
out:
	mutex_unlock(&d->lock);
	return ret;
}

/* Pass a datagram of one guest on to another, if there is room at once. */
static bool vshm_datagrams_forward(struct vshm_link *from,
				   const struct vshm_datagram *dgram)
{
	u64 bytes = VSHM_DATAGRAM_BYTES(dgram->len);
	enum vshm_drop why = VSHM_DROP_POLICY;
	struct vshm_link *to;
	struct vshm_sender *s;
	bool done = false;
	s64 room;

	if (from->local_cid != VSHM_CID_HOST ||
	    dgram->dst_cid < VSHM_CID_GUEST_MIN ||
	    dgram->dst_cid > VSHM_CID_GUEST_MAX ||
	    !vshm_policy_allows(from->vnet, dgram->src_cid, dgram->dst_cid))
		goto drop;
	why = VSHM_DROP_LINK;
	to = vshm_link_find_direct(from->vnet, dgram->dst_cid);
	if (!to)
		goto drop;
	s = &to->datagrams.tx;
	mutex_lock(&to->datagrams.lock);
	room = s->mem.ring ? vshm_datagrams_room(s, bytes) : 0;
	if (room < 0) {
		vshm_link_violation(to, "index of a datagram ring");
		to->ops->restart(to);
	} else if (room >= bytes) {
		vshm_ring_copy(s, &from->datagrams.rx, bytes);
		vshm_datagrams_publish(to, dgram);
		done = true;
	}
	why = s->mem.ring ? VSHM_DROP_QUEUE : VSHM_DROP_LINK;
	mutex_unlock(&to->datagrams.lock);
	vshm_link_put(to);
	if (done)
		return true;
drop:
	trace_vshm_drop_datagram(dgram, why);
	return false;
}

/* Hand a datagram to its socket. */
static bool vshm_datagrams_deliver(struct vshm_link *link,
				   const struct vshm_datagram *dgram)
{
	struct vshm_sock *to;
	bool done;

	to = vshm_table_find_bound(link->vnet, SOCK_DGRAM, dgram->dst_cid,
				   dgram->dst_port);
	if (!to) {
		trace_vshm_drop_datagram(dgram, VSHM_DROP_LISTENER);
		return false;
	}
	done = vshm_queue_move(to, dgram, &link->datagrams.rx) > 0;
	sock_put(&to->sk);
	return done;
}

/* Look at the datagram at the tail; its bytes in the ring, or -EPROTO. */
static s64 vshm_datagrams_next(struct vshm_receiver *r,
			       struct vshm_datagram *dgram)
{
	const struct vshm_datagram *shared;
	u64 bytes;

	if ((r->head - r->tail) % sizeof(*dgram))
		return -EPROTO;
	/* aligned, so in one piece; loaded once */
	shared = (void *)vshm_receiver_at(r, r->tail);
	*dgram = (struct vshm_datagram) {
		.len		= READ_ONCE(shared->len),
		.src_cid	= READ_ONCE(shared->src_cid),
		.src_port	= READ_ONCE(shared->src_port),
		.dst_cid	= READ_ONCE(shared->dst_cid),
		.dst_port	= READ_ONCE(shared->dst_port),
	};
	if (dgram->len > VSHM_DATAGRAM_MAX)
		return -EPROTO;
	bytes = VSHM_DATAGRAM_BYTES(dgram->len);
	/* it was published as a whole */
	return bytes <= r->head - r->tail ? bytes : -EPROTO;
}

static void vshm_datagrams_handle(struct vshm_link *link,
				  const struct vshm_datagram *dgram)
{
	bool done = false;

	if (!vshm_link_source_valid(link, dgram->src_cid))
		vshm_link_violation(link, "source of a datagram");
	else if (dgram->dst_cid != link->local_cid)
		done = vshm_datagrams_forward(link, dgram);
	else
		done = vshm_datagrams_deliver(link, dgram);
	if (done)
		this_cpu_add(link->stats->rx_bytes, dgram->len);
	else
		atomic_long_inc(&link->datagrams.drops);
}

/**
 * vshm_datagrams_receive() - empty the own ring, within a budget
 * @link: link that is up
 *
 * Context: as vshm_record_receive().
 * Return: 0 when the ring is empty and the peer will notify of more, 1 when
 * there is more, or -EPROTO when the ring cannot be read on.
 */
int vshm_datagrams_receive(struct vshm_link *link)
{
	struct vshm_receiver *r = &link->datagrams.rx;
	struct vshm_datagram dgram;
	int budget;
	s64 bytes;

	for (budget = VSHM_DATAGRAMS_BUDGET; budget; budget--) {
		if (vshm_receiver_sync(r))
			return -EPROTO;
		if (r->head == r->tail) {
			vshm_receiver_arm(r, r->tail);
			if (vshm_receiver_pending(r))
				continue;
			return 0;
		}
		bytes = vshm_datagrams_next(r, &dgram);
		if (bytes < 0)
			return bytes;
		vshm_datagrams_handle(link, &dgram);
		if (vshm_receiver_consume(r, bytes))
			link->ops->notify_datagrams(link, VSHM_NEWS_SPACE);
		cond_resched();
	}
	return 1;
}
