// SPDX-License-Identifier: GPL-2.0
/*
 * The receive queue of a datagram socket.
 *
 * It is a ring as those of connections are, but in private memory, so its
 * indices are believed. Any number of senders add to it, one after the other,
 * and none waits for the receiver: a datagram that finds no room is dropped.
 *
 * The data area is made larger by whoever finds it full; it is charged to the
 * memory cgroup of the socket, whoever that is.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "compat.h"
#include "io.h"
#include "queue.h"
#include "trace.h"

/* log2 of the largest data area that is tried as often as it is wanted. */
#define VSHM_QUEUE_CHEAP	16

/**
 * vshm_queue_alloc() - make an empty queue that has no memory yet
 *
 * Context: process context, may sleep.
 * Return: the queue, to be given to kfree(), or NULL when memory is short.
 */
struct vshm_queue *vshm_queue_alloc(void)
{
	struct vshm_queue *q = kzalloc(sizeof(*q), VSHM_GFP | __GFP_ACCOUNT);
	struct vshm_ring_mem mem = { };

	BUILD_BUG_ON(sizeof(struct vshm_queued) !=
		     sizeof(struct vshm_datagram));
	if (!q)
		return NULL;
	mutex_init(&q->lock);
	vshm_scm_queue_init(&q->scm, true);
	q->from_cid = VSHM_CID_ANY;
	mem.ring = &q->ring;
	vshm_ring_init(&mem, 0);
	vshm_sender_init(&q->in, &mem);
	vshm_receiver_init(&q->out, &mem);
	return q;
}

/* Both ends of the queue get another data area. */
static void vshm_queue_use(struct vshm_queue *q, u8 *data, u32 order)
{
	q->in.mem.data = data;
	q->in.mem.order = order;
	q->in.mask = (1ULL << order) - 1;
	q->out.mem = q->in.mem;
	q->out.mask = q->in.mask;
}

/* Allocate a data area, within the limits. */
static u8 *vshm_queue_memory(struct vshm_sock *vsk, u32 order)
{
	struct mem_cgroup *old;
	u8 *data;

	if (!vshm_memory_charge(vsk, 1UL << order))
		return NULL;
	old = set_active_memcg(vshm_sock_memcg(&vsk->sk));
	data = kvmalloc(1UL << order, VSHM_GFP_QUEUE);
	set_active_memcg(old);
	if (!data)
		vshm_memory_uncharge(vsk, 1UL << order);
	return data;
}

static void vshm_queue_free(struct vshm_sock *vsk, u8 *data, u32 order)
{
	if (!data)
		return;
	kvfree(data);
	vshm_memory_uncharge(vsk, 1UL << order);
}

/**
 * vshm_queue_empty() - drop all datagrams and give the memory back
 * @vsk: datagram socket that is closed for receiving
 *
 * Context: process context.
 */
void vshm_queue_empty(struct vshm_sock *vsk)
{
	struct vshm_queue *q = vsk->queue;

	mutex_lock(&q->lock);
	mutex_lock(&vsk->rx_lock);
	vshm_receiver_sync(&q->out);
	vshm_receiver_consume(&q->out, q->out.head - q->out.tail);
	q->bytes_out = q->bytes_in;
	vshm_queue_free(vsk, q->in.mem.data, q->in.mem.order);
	vshm_queue_use(q, NULL, 0);
	vshm_scm_queue_purge(&q->scm);
	mutex_unlock(&vsk->rx_lock);
	mutex_unlock(&q->lock);
}

/**
 * vshm_queue_filter() - take the datagrams of one sender only
 * @q: queue
 * @cid: sender, or VSHM_CID_ANY to take those of all
 * @port: sender
 *
 * What lies in the queue stays there.
 * Context: process context.
 */
void vshm_queue_filter(struct vshm_queue *q, u32 cid, u32 port)
{
	mutex_lock(&q->lock);
	q->from_cid = cid;
	q->from_port = port;
	mutex_unlock(&q->lock);
}

/*
 * Most of a large data area may be there before the last page is not: that is not
 * to be found out for each datagram that somebody sends.
 */
static bool vshm_queue_may_grow(const struct vshm_queue *q, u32 order)
{
	return order <= VSHM_QUEUE_CHEAP || !q->short_of ||
	       !time_before(jiffies, q->short_since + HZ / 4);
}

/* Get a larger data area, with room for some more bytes; the lock is held. */
static bool vshm_queue_grow(struct vshm_sock *vsk, u64 bytes, u64 limit)
{
	struct vshm_queue *q = vsk->queue;
	u64 used = q->in.head - q->in.tail;
	u32 max, order = q->in.mem.order;
	struct vshm_sender larger = { };
	const struct vshm_ring_mem old = q->in.mem;

	max = clamp_t(u32, order_base_2(limit), VSHM_RING_ORDER_MIN,
		      VSHM_RING_ORDER_MAX);
	order = clamp_t(u32, max(order + 4, (u32)order_base_2(used + bytes)),
			VSHM_RING_ORDER_MIN, max);
	if (order <= q->in.mem.order || used + bytes > limit ||
	    used + bytes > 1ULL << order || !vshm_queue_may_grow(q, order))
		return false;
	larger.mem.data = vshm_queue_memory(vsk, order);
	q->short_of = !larger.mem.data;
	if (q->short_of) {
		q->short_since = jiffies;
		return false;
	}
	larger.mask = (1ULL << order) - 1;
	mutex_lock(&vsk->rx_lock);
	vshm_sender_sync(&q->in);
	larger.head = q->in.tail;
	vshm_ring_copy(&larger, &q->out, q->in.head - q->in.tail);
	vshm_queue_use(q, larger.mem.data, order);
	mutex_unlock(&vsk->rx_lock);
	vshm_queue_free(vsk, old.data, old.order);
	return true;
}

static void vshm_queue_drop(struct vshm_sock *to,
			    const struct vshm_datagram *dgram)
{
	trace_vshm_drop_datagram(dgram, VSHM_DROP_QUEUE);
	atomic_inc(&to->sk.sk_drops);
}

/* There is no room that is known of: look, or get a larger data area. */
static int vshm_queue_full(struct vshm_sock *to,
			   const struct vshm_datagram *dgram, u64 bytes)
{
	struct vshm_queue *q = to->queue;
	struct sock *sk = &to->sk;
	u64 limit = READ_ONCE(sk->sk_rcvbuf);

	if (READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN)
		goto drop;
	vshm_sender_sync(&q->in);
	if (vshm_sender_fits(&q->in, limit, bytes) ||
	    vshm_queue_grow(to, bytes, limit))
		return 0;
drop:
	vshm_queue_drop(to, dgram);
	return -ENOBUFS;
}

/* May a datagram be added? 0, -ECONNREFUSED, or -ENOBUFS. The lock is held. */
static inline int vshm_queue_admit(struct vshm_sock *to,
				   const struct vshm_datagram *dgram, u64 bytes)
{
	struct vshm_queue *q = to->queue;
	struct sock *sk = &to->sk;

	if (unlikely(q->from_cid != VSHM_CID_ANY &&
		     (q->from_cid != dgram->src_cid ||
		      q->from_port != dgram->src_port))) {
		trace_vshm_drop_datagram(dgram, VSHM_DROP_LISTENER);
		return -ECONNREFUSED;
	}
	if (unlikely((READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN) ||
		     !vshm_sender_fits(&q->in, READ_ONCE(sk->sk_rcvbuf), bytes)))
		return vshm_queue_full(to, dgram, bytes);
	return 0;
}

/*
 * The data are there: let the receiver have them. Returns true when it is to be
 * woken: it waits, or it was polled once, and edges may be waited for. The lock
 * is held.
 */
static inline bool vshm_queue_publish(struct vshm_sock *to,
				      const struct vshm_datagram *dgram,
				      u64 bytes)
{
	struct vshm_queue *q = to->queue;
	struct vshm_queued *queued = (void *)vshm_sender_at(&q->in, q->in.head);

	*queued = (struct vshm_queued) {
		.len	= dgram->len,
		.cid	= dgram->src_cid,
		.port	= dgram->src_port,
		.drops	= atomic_read(&to->sk.sk_drops),
	};
	if (vshm_wants_timestamps(&to->sk))
		queued->stamp = ktime_get_real();
	WRITE_ONCE(q->bytes_in, q->bytes_in + dgram->len);
	return vshm_sender_publish(&q->in, bytes) || vshm_watched(to);
}

/**
 * vshm_queue_add() - add a datagram that a program sends
 * @to: socket that receives it
 * @dgram: its header
 * @from: its data; advanced when 1 is returned
 * @beside: what goes beside the data
 *
 * Context: process context, may sleep.
 * Return: 1; 0 when the pages of @from must be brought in; -ECONNREFUSED when
 * the socket is connected to somebody else; -ENOBUFS when it was dropped;
 * -ENOMEM.
 */
int vshm_queue_add(struct vshm_sock *to, const struct vshm_datagram *dgram,
		   struct iov_iter *from, struct vshm_beside *beside)
{
	u64 bytes = VSHM_DATAGRAM_BYTES(dgram->len);
	struct vshm_queue *q = to->queue;
	bool wake = false;
	size_t n;
	int ret;

	mutex_lock(&q->lock);
	ret = vshm_queue_admit(to, dgram, bytes);
	if (unlikely(ret))
		goto out;
	/*
	 * its struct socket stays as long as the lock is held:
	 * vshm_queue_empty() takes it after sk_socket was set to NULL
	 */
	if (unlikely(beside->scm || vshm_passcred(&to->sk))) {
		beside->any = true;
		ret = vshm_scm_current(&beside->scm);
		if (ret)
			goto out;
	}
	n = vshm_copy_in(&q->in, q->in.head + sizeof(struct vshm_queued), from,
			 dgram->len);
	if (unlikely(n != dgram->len)) {
		iov_iter_revert(from, n);
		goto out;
	}
	if (unlikely(beside->scm)) {
		ret = vshm_scm_add(to, &q->scm, &beside->scm, q->in.head,
				   bytes);
		if (ret) {
			vshm_queue_drop(to, dgram);
			goto out;
		}
	}
	wake = vshm_queue_publish(to, dgram, bytes);
	ret = 1;
out:
	mutex_unlock(&q->lock);
	if (wake)
		vshm_wake_readers(&to->sk);
	return ret;
}

/**
 * vshm_queue_move() - add a datagram that lies in the ring of a link
 * @to: socket that receives it
 * @dgram: its header, checked
 * @from: the ring, with the datagram at its tail
 *
 * Context: process context; the caller owns @from.
 * Return: 1, or -ECONNREFUSED or -ENOBUFS as vshm_queue_add().
 */
int vshm_queue_move(struct vshm_sock *to, const struct vshm_datagram *dgram,
		    const struct vshm_receiver *from)
{
	u64 bytes = VSHM_DATAGRAM_BYTES(dgram->len);
	struct vshm_queue *q = to->queue;
	bool wake = false;
	int ret;

	mutex_lock(&q->lock);
	ret = vshm_queue_admit(to, dgram, bytes);
	if (!ret) {
		vshm_ring_copy(&q->in, from, bytes);
		wake = vshm_queue_publish(to, dgram, bytes);
		ret = 1;
	}
	mutex_unlock(&q->lock);
	if (wake)
		vshm_wake_readers(&to->sk);
	return ret;
}

/**
 * vshm_queue_peek() - the datagram to be peeked at next
 * @q: queue
 * @peek_off: in: bytes of data to skip; out: those of them that belong to the
 *	datagram that is returned. Negative: none, and never mind.
 *
 * Context: rx_lock held.
 * Return: the datagram, whose data follow, or NULL.
 */
struct vshm_queued *vshm_queue_peek(struct vshm_queue *q, int *peek_off)
{
	struct vshm_receiver *r = &q->out;
	struct vshm_queued *dgram;
	unsigned int passed = 0;
	u64 at = r->tail;

	vshm_receiver_sync(r);
	for (; at != r->head; at += VSHM_DATAGRAM_BYTES(dgram->len)) {
		dgram = (void *)vshm_receiver_at(r, at);
		if (*peek_off < 0 || (u32)*peek_off < dgram->len ||
		    !(*peek_off || dgram->flags & VSHM_QUEUED_PEEKED))
			return dgram;
		*peek_off -= dgram->len;
		vshm_peek_past(&passed);
	}
	return NULL;
}

/**
 * vshm_queue_arm() - ask to be woken by the next datagram
 * @arg: queue, in which the caller has found none, or none to be peeked at
 *
 * Context: rx_lock held; the caller is in the socket's wait queue.
 * Return: true when there is one more.
 */
bool vshm_queue_arm(const void *arg)
{
	struct vshm_queue *q = (struct vshm_queue *)arg;

	vshm_receiver_arm(&q->out, q->out.head);
	return READ_ONCE(q->ring.head) != q->out.head;
}

/**
 * vshm_queue_bytes() - bytes of data in a queue
 * @q: queue
 *
 * Context: any.
 * Return: the number.
 */
u64 vshm_queue_bytes(const struct vshm_queue *q)
{
	u64 out = READ_ONCE(q->bytes_out);

	return READ_ONCE(q->bytes_in) - out;
}

/**
 * vshm_queue_first() - length of the datagram to be received next
 * @vsk: datagram socket
 *
 * Context: process context, may sleep.
 * Return: bytes, 0 also when there is none.
 */
u32 vshm_queue_first(struct vshm_sock *vsk)
{
	const struct vshm_queued *dgram;
	u32 len = 0;

	mutex_lock(&vsk->rx_lock);
	dgram = vshm_queue_next(vsk->queue);
	if (dgram)
		len = dgram->len;
	mutex_unlock(&vsk->rx_lock);
	return len;
}
