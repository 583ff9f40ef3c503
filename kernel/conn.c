// SPDX-License-Identifier: GPL-2.0
/*
 * A connection, seen from one end: the two rings, the slot on the link, and
 * what events do to the socket.
 *
 * Life: vshm_conn_alloc() takes a slot and a ring; the socket attaches it, and
 * later detaches it. Meanwhile or afterwards each side says its last word, a
 * reset. When both are said and it is detached, the connection is over and
 * leaves its slot; with its last reference the ring goes back. A link that dies
 * says the last word for both.
 */
#include <linux/log2.h>
#include <linux/slab.h>

#include "trace.h"
#include "vshm.h"

static struct kmem_cache *vshm_conn_cache;

/**
 * vshm_conn_alloc() - make a connection
 * @link: through which it goes
 * @sk: its socket
 *
 * Context: process context, may sleep.
 * Return: the connection with two references, the slot's and the caller's, or
 * an ERR_PTR(): -EHOSTUNREACH when the link is down, -ENOBUFS when it has no
 * slot or no memory left, -ENOMEM.
 */
struct vshm_conn *vshm_conn_alloc(struct vshm_link *link, struct sock *sk)
{
	struct vshm_ring_mem mem = { .order = VSHM_RING_ORDER_MIN };
	struct vshm_conn *conn;
	bool up;
	int err;

	conn = kmem_cache_zalloc(vshm_conn_cache, VSHM_GFP);
	if (!conn)
		return ERR_PTR(-ENOMEM);
	err = vshm_link_ring_alloc(link, vshm_sk(sk), &mem);
	if (err)
		goto err_free;
	vshm_ring_init(&mem, 0);
	vshm_receiver_init(&conn->rx, &mem);
	refcount_set(&conn->refs, 2);
	spin_lock_init(&conn->event_lock);
	vshm_scm_queue_init(&conn->scm, false);
	conn->local = vshm_link_is_loopback(link);
	INIT_LIST_HEAD(&conn->post_node);
	conn->link = link;
	conn->sk = sk;

	vshm_table_hold(vshm_sk(sk));
	refcount_inc(&link->refs);
	atomic_inc(&link->nr_conns);

	xa_lock(&link->slots);
	conn->gen = link->next_gen++;
	err = __xa_alloc(&link->slots, &conn->slot, conn,
			 XA_LIMIT(1, link->max_slots - 1), GFP_KERNEL);
	/* looked at last: the allocation may have dropped the lock */
	up = link->up;
	xa_unlock(&link->slots);
	if (!err && up)
		return conn;
	if (!err) {
		/* who kills the link may have found it, and refer to it */
		vshm_conn_abandon(conn);
		vshm_conn_put(conn);
		return ERR_PTR(-EHOSTUNREACH);
	}
	/* in no slot */
	refcount_set(&conn->refs, 1);
	vshm_conn_put(conn);
	return ERR_PTR(err == -EBUSY ? -ENOBUFS : err);

err_free:
	kmem_cache_free(vshm_conn_cache, conn);
	return ERR_PTR(err);
}

static void vshm_conn_free_rcu(struct rcu_head *rcu)
{
	kmem_cache_free(vshm_conn_cache,
			container_of(rcu, struct vshm_conn, rcu));
}

/**
 * vshm_conn_put() - drop a reference
 * @conn: connection
 *
 * Context: process context.
 */
void vshm_conn_put(struct vshm_conn *conn)
{
	struct vshm_sock *vsk = vshm_sk(conn->sk);
	struct vshm_link *link = conn->link;
	u32 i;

	if (!refcount_dec_and_test(&conn->refs))
		return;
	for (i = 0; i < conn->rx.nr_next; i++)
		vshm_link_ring_free(link, vsk, &conn->rx.next[i]);
	vshm_link_ring_free(link, vsk, &conn->rx.mem);
	vshm_pending_unmark(conn);
	vshm_scm_queue_purge(&conn->scm, true);
	vshm_writer_forget(&conn->writer);
	vshm_table_put(vsk);
	atomic_dec(&link->nr_conns);
	call_rcu(&conn->rcu, vshm_conn_free_rcu);
	vshm_link_put(link);
}

/**
 * vshm_conn_find() - the connection that a record speaks of
 * @link: link it came from
 * @slot: slot, not checked yet
 * @gen: generation of the slot
 *
 * Return: the connection with a reference, or NULL.
 */
struct vshm_conn *vshm_conn_find(struct vshm_link *link, u32 slot, u32 gen)
{
	struct vshm_conn *conn;

	rcu_read_lock();
	conn = xa_load(&link->slots, slot);
	if (conn && (conn->gen != gen || !refcount_inc_not_zero(&conn->refs)))
		conn = NULL;
	rcu_read_unlock();
	return conn;
}

/**
 * vshm_conn_adopt() - learn the peer's slot, so that records can be sent to it
 * @conn: connection
 * @slot: the peer's slot, checked
 * @gen: generation of that slot
 *
 * Context: process context; once for each connection.
 */
void vshm_conn_adopt(struct vshm_conn *conn, u32 slot, u32 gen)
{
	conn->peer_slot = slot;
	conn->peer_gen = gen;
	smp_mb__before_atomic(); /* the slot is there before the bit */
	set_bit(VSHM_CONN_PEER_KNOWN, &conn->flags);
	smp_mb__after_atomic(); /* pairs with the one in vshm_record_pick() */
}

/**
 * vshm_conn_attach() - give a socket its connection
 * @vsk: socket without one
 * @conn: connection; the socket takes the caller's reference
 *
 * Context: vshm_lock() held, or nobody else knows of the socket.
 */
void vshm_conn_attach(struct vshm_sock *vsk, struct vshm_conn *conn)
{
	mutex_lock(&vsk->tx_lock);
	mutex_lock(&vsk->rx_lock);
	rcu_assign_pointer(vsk->conn, conn);
	mutex_unlock(&vsk->rx_lock);
	mutex_unlock(&vsk->tx_lock);
}

/* Nothing is written to the peer's ring once this returns. */
static void vshm_conn_stop_sending(struct vshm_sock *vsk,
				   struct vshm_conn *conn)
{
	mutex_lock(&vsk->tx_lock);
	spin_lock_irq(&conn->event_lock);
	conn->tx.mem.ring = NULL;
	spin_unlock_irq(&conn->event_lock);
	mutex_unlock(&vsk->tx_lock);
}

/**
 * vshm_conn_detach() - take the connection of a socket away
 * @vsk: socket
 *
 * No ring is touched on behalf of the socket once this returns, and what lay in
 * the receive queue is lost. The socket's reference is dropped.
 * Context: vshm_lock() held.
 */
void vshm_conn_detach(struct vshm_sock *vsk)
{
	struct vshm_conn *conn;

	conn = rcu_dereference_protected(vsk->conn,
					 vshm_is_locked(&vsk->sk));
	if (!conn)
		return;
	vshm_conn_stop_sending(vsk, conn);
	mutex_lock(&vsk->tx_lock);
	mutex_lock(&vsk->rx_lock);
	spin_lock_irq(&conn->event_lock);
	conn->rx.mem.ring = NULL;
	spin_unlock_irq(&conn->event_lock);
	RCU_INIT_POINTER(vsk->conn, NULL);
	mutex_unlock(&vsk->rx_lock);
	mutex_unlock(&vsk->tx_lock);
	vshm_scm_queue_purge(&conn->scm, true);
	set_bit(VSHM_CONN_DETACHED, &conn->flags);
	vshm_conn_finish(conn);
	vshm_conn_put(conn);
}

/**
 * vshm_conn_post() - send a control record for a connection
 * @conn: connection
 * @op: what to say; vshm_conn.how and reason are set by the caller
 *
 * The record goes out now or when the control ring has room, in the order of
 * &enum vshm_op.
 * Context: process context; no vshm_lock(), tx_lock or rx_lock is held.
 */
void vshm_conn_post(struct vshm_conn *conn, enum vshm_op op)
{
	smp_mb__before_atomic(); /* the op's arguments are there before it */
	set_bit(op, &conn->posts);
	conn->link->ops->post(conn);
}

/**
 * vshm_conn_reset() - say our last word
 * @conn: connection that the socket sends through no more
 * @reason: 0 for an orderly close, or an errno
 *
 * Context: as vshm_conn_post().
 */
void vshm_conn_reset(struct vshm_conn *conn, int reason)
{
	/* the first reason counts */
	trace_vshm_reset(vshm_sk(conn->sk), reason, true);
	if (!test_bit(VSHM_OP_RESET, &conn->posts))
		WRITE_ONCE(conn->reason, reason);
	vshm_conn_post(conn, VSHM_OP_RESET);
}

/**
 * vshm_conn_finish() - leave the slot if nothing more is to come
 * @conn: connection; the caller has a reference of its own
 *
 * Context: process context.
 */
void vshm_conn_finish(struct vshm_conn *conn)
{
	if (!test_bit(VSHM_CONN_RESET_SENT, &conn->flags) ||
	    !test_bit(VSHM_CONN_RESET_GOT, &conn->flags) ||
	    !test_bit(VSHM_CONN_DETACHED, &conn->flags) ||
	    test_and_set_bit(VSHM_CONN_OVER, &conn->flags))
		return;
	xa_erase(&conn->link->slots, conn->slot);
	vshm_conn_put(conn);
}

/**
 * vshm_conn_abandon() - end a connection of which the peer knows nothing more
 * @conn: connection; the caller has a reference of its own
 *
 * Context: process context.
 */
void vshm_conn_abandon(struct vshm_conn *conn)
{
	set_bit(VSHM_CONN_RESET_SENT, &conn->flags);
	set_bit(VSHM_CONN_RESET_GOT, &conn->flags);
	set_bit(VSHM_CONN_DETACHED, &conn->flags);
	vshm_conn_finish(conn);
}

/**
 * vshm_conn_notify() - tell the peer that there is something to look at
 * @conn: connection
 * @kind: VSHM_NEWS_DATA or VSHM_NEWS_SPACE
 *
 * Context: process context, tx_lock or rx_lock may be held.
 */
void vshm_conn_notify(struct vshm_conn *conn, unsigned int kind)
{
	struct vshm_sock *vsk = vshm_sk(conn->sk);

	WRITE_ONCE(vsk->remote.event, kind == VSHM_NEWS_DATA ?
		   EPOLLIN | EPOLLRDNORM : EPOLLOUT | EPOLLWRNORM);
	if (!test_bit(VSHM_CONN_PEER_KNOWN, &conn->flags))
		return;
	smp_rmb(); /* pairs with the barrier in vshm_conn_adopt() */
	conn->link->ops->notify(conn, kind);
}

/**
 * vshm_conn_news() - the peer says that there is something to look at
 * @conn: connection
 * @kind: VSHM_NEWS_DATA or VSHM_NEWS_SPACE
 *
 * While somebody may wait for edges (epoll), each notification asks for the
 * next one, before it wakes, so that none is missed between the two. Bytes that
 * overtake the new event index are found by vshm_rearm_data().
 * Context: any, RCU read side.
 */
void vshm_conn_news(struct vshm_conn *conn, unsigned int kind)
{
	struct sock *sk = conn->sk;
	struct vshm_sock *vsk = vshm_sk(sk);
	unsigned long flags;

	if (kind == VSHM_NEWS_SPACE) {
		vshm_wake_writers(sk);
		return;
	}
	if (vshm_watched(vsk)) {
		spin_lock_irqsave(&conn->event_lock, flags);
		if (conn->rx.mem.ring) {
			if (skwq_has_sleeper(rcu_dereference(sk->sk_wq)) ||
			    sock_flag(sk, SOCK_FASYNC))
				vshm_receiver_watch(&conn->rx);
			else
				WRITE_ONCE(vsk->polled, false);
		}
		spin_unlock_irqrestore(&conn->event_lock, flags);
	}
	vshm_wake_readers(sk);
}

/**
 * vshm_conn_sendq() - bytes in the send queue
 * @vsk: socket
 *
 * Return: what the peer has not consumed yet, as in SIOCOUTQ; of packets, their
 * data.
 */
u64 vshm_conn_sendq(struct vshm_sock *vsk)
{
	const struct vshm_ring *ring;
	struct vshm_conn *conn;
	u64 n = 0, max = 0;

	rcu_read_lock();
	conn = rcu_dereference(vsk->conn);
	if (conn) {
		spin_lock_irq(&conn->event_lock);
		ring = conn->tx.mem.ring;
		if (ring) {
			max = READ_ONCE(conn->tx.head) - READ_ONCE(ring->tail);
			n = max;
		}
		if (ring && vsk->sk.sk_type == SOCK_SEQPACKET)
			n = READ_ONCE(conn->tx.data) -
			    READ_ONCE(ring->packet_tail);
		/* more than that while a packet is being sent, or the peer lies */
		n = max > VSHM_BUFFER_MAX ? 0 : min(n, max);
		spin_unlock_irq(&conn->event_lock);
	}
	rcu_read_unlock();
	return n;
}

static u64 vshm_conn_queued(struct vshm_sock *vsk,
			    u64 (*queued)(const struct vshm_receiver *r))
{
	struct vshm_conn *conn;
	u64 n = 0;

	rcu_read_lock();
	conn = rcu_dereference(vsk->conn);
	if (conn) {
		spin_lock_irq(&conn->event_lock);
		if (conn->rx.mem.ring)
			n = queued(&conn->rx);
		spin_unlock_irq(&conn->event_lock);
	}
	rcu_read_unlock();
	return n;
}

/**
 * vshm_conn_recvq() - bytes in the receive queue
 * @vsk: socket
 *
 * Return: what can be received, as in SIOCINQ; of packets, their data.
 */
u64 vshm_conn_recvq(struct vshm_sock *vsk)
{
	return vshm_conn_queued(vsk, vsk->sk.sk_type == SOCK_SEQPACKET ?
				vshm_receiver_data : vshm_receiver_queued);
}

/**
 * vshm_conn_unread() - space that is taken in the receive queue
 * @vsk: socket
 *
 * Return: bytes, with the headers of packets.
 */
u64 vshm_conn_unread(struct vshm_sock *vsk)
{
	return vshm_conn_queued(vsk, vshm_receiver_queued);
}

/**
 * vshm_conn_info() - tell of the connection of a socket, for display
 * @vsk: socket
 * @info: filled in when there is a connection
 *
 * Context: any but interrupts.
 */
void vshm_conn_info(struct vshm_sock *vsk, struct vshm_conn_info *info)
{
	struct vshm_conn *conn;

	rcu_read_lock();
	conn = rcu_dereference(vsk->conn);
	if (!conn)
		goto out;
	spin_lock_irq(&conn->event_lock);
	/* not detached yet, so the link is there */
	if (conn->rx.mem.ring) {
		info->kind = conn->link->ops->name;
		info->local_cid = conn->link->local_cid;
		info->peer_cid = conn->link->peer_cid;
		info->up = READ_ONCE(conn->link->up);
		info->slot = conn->slot;
		if (test_bit(VSHM_CONN_PEER_KNOWN, &conn->flags))
			info->peer_slot = READ_ONCE(conn->peer_slot);
		if (conn->tx.mem.ring)
			info->tx_ring = conn->tx.mask + 1;
		info->rx_ring = conn->rx.mask + 1;
		info->rx_rings = conn->rx.nr_next + 1;
	}
	spin_unlock_irq(&conn->event_lock);
out:
	rcu_read_unlock();
}

/**
 * vshm_sock_shutdown() - close directions of a connection, on behalf of either side
 * @vsk: connected socket
 * @mask: RCV_SHUTDOWN, SEND_SHUTDOWN or both, as this end sees them
 *
 * Context: vshm_lock() held.
 */
void vshm_sock_shutdown(struct vshm_sock *vsk, int mask)
{
	struct sock *sk = &vsk->sk;
	int old = sk->sk_shutdown, new = old | mask;

	if (new == old)
		return;
	/* pairs with the acquire of whoever finds the receive queue empty */
	smp_store_release(&sk->sk_shutdown, new);
	vshm_set_state(vsk, new == SHUTDOWN_MASK ? VSHM_DISCONNECTED :
						   VSHM_SHUTDOWN);
	vshm_wake_all(sk);
}

/**
 * vshm_sock_reset() - the peer has said its last word
 * @vsk: connecting or connected socket
 * @reason: 0, or the errno for the socket
 *
 * What lies in the receive queue can still be read.
 * Context: vshm_lock() held.
 */
void vshm_sock_reset(struct vshm_sock *vsk, int reason)
{
	struct sock *sk = &vsk->sk;
	struct vshm_conn *conn;

	if (vsk->state == VSHM_CONNECTING) {
		vshm_connect_failed(vsk, reason ? reason : ECONNRESET);
		return;
	}
	conn = rcu_dereference_protected(vsk->conn, vshm_is_locked(sk));
	if (reason && vsk->state != VSHM_DISCONNECTED)
		WRITE_ONCE(sk->sk_err, reason);
	/* whoever watches is told, even if both directions were closed */
	if (sk->sk_shutdown == SHUTDOWN_MASK)
		vshm_wake_all(sk);
	vshm_sock_shutdown(vsk, SHUTDOWN_MASK);
	/* senders find the shutdown before they miss the ring */
	vshm_conn_stop_sending(vsk, conn);
}

/**
 * vshm_sock_violation() - the peer wrote what no honest peer writes
 * @vsk: its socket
 * @conn: connection, referenced
 * @what: what it was, for the log
 *
 * Resets that one connection, with EPROTO for both ends.
 * Context: process context, none of the socket's locks held.
 */
void vshm_sock_violation(struct vshm_sock *vsk, struct vshm_conn *conn,
			 const char *what)
{
	struct sock *sk = &vsk->sk;

	vshm_link_violation(conn->link, what);
	vshm_lock(sk);
	if (rcu_access_pointer(vsk->conn) == conn) {
		vshm_sock_reset(vsk, EPROTO);
		vshm_conn_detach(vsk);
	}
	vshm_unlock(sk);
	vshm_conn_reset(conn, EPROTO);
}

/**
 * vshm_conn_init() - make the cache of connections
 *
 * Return: 0 or -ENOMEM.
 */
int __init vshm_conn_init(void)
{
	vshm_conn_cache = KMEM_CACHE(vshm_conn, SLAB_HWCACHE_ALIGN |
						SLAB_ACCOUNT);
	return vshm_conn_cache ? 0 : -ENOMEM;
}

/**
 * vshm_conn_exit() - free the cache, once RCU has returned every connection
 */
void vshm_conn_exit(void)
{
	rcu_barrier();
	kmem_cache_destroy(vshm_conn_cache);
}
