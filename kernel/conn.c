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
 *
 * On loopback, which does not die while there are sockets, nobody looks for a
 * slot: each end has a pointer to the other, and the place of its socket in the
 * table for a slot. The last word needs no answer there.
 *
 * A connection on loopback is freed at once, and its memory (SLAB_TYPESAFE_BY_RCU)
 * may be another's while somebody still looks at it. That is safe because
 *
 * - only two pointers lead to a connection without a reference, vshm_sock.conn of
 *   another's socket and vshm_conn.peer, and vshm_conn_get() alone follows them. It
 *   takes a reference, which memory in use by nobody does not give, and looks at the
 *   pointer again: each is cleared before the last reference can go. So what the
 *   pointer still names with the reference taken is not another's.
 * - vshm_conn_alloc() leaves the count alone until all else is made. Who comes late
 *   touches nothing else before it has looked again, but to drop the reference.
 * - the ends are joined while neither can be over: by the connecting thread, before
 *   the new socket has its connection and with the request not answered; or before
 *   the sockets of a pair have theirs. The first end that is over clears both
 *   pointers, each in an end that it refers to; when both are at once, both do, and
 *   neither gives its own reference up before it is done.
 * - the ring that the peer writes goes with the connection. It is over once it is
 *   detached and both last words are said; who delivers either of them refers to
 *   both ends, and stops the receiver's sending before it returns, if the receiver
 *   was not detached before it said its own.
 *
 * A connection over a region, which an interrupt finds by its slot and uses without
 * a reference, stays with its socket for a grace period.
 */
#include <linux/log2.h>
#include <linux/slab.h>

#include "trace.h"
#include "vshm.h"

/* By vshm_conn.local: those on loopback have their first ring with them. */
static struct kmem_cache *vshm_conn_caches[2];

/*
 * Return: 0; -EHOSTUNREACH with a slot, but on a link that is down; another errno
 * without a slot.
 */
static int vshm_conn_take_slot(struct vshm_conn *conn)
{
	struct vshm_link *link = conn->link;
	int err;

	if (conn->local) {
		conn->slot = vshm_table_place(vshm_sk(conn->sk)->local.id);
		return 0;
	}
	xa_lock(&link->slots);
	conn->gen = link->next_gen++;
	err = __xa_alloc(&link->slots, &conn->slot, conn,
			 XA_LIMIT(1, link->max_slots - 1), GFP_KERNEL);
	/* looked at last: the allocation may have dropped the lock */
	if (!err && !link->up)
		err = -EHOSTUNREACH;
	xa_unlock(&link->slots);
	return err == -EBUSY ? -ENOBUFS : err;
}

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
	bool local = vshm_link_is_loopback(link);
	struct vshm_conn *conn;
	int err;

	conn = kmem_cache_alloc(vshm_conn_caches[local], VSHM_GFP);
	if (!conn)
		return ERR_PTR(-ENOMEM);
	memset_after(conn, 0, refs);
	conn->local = local;
	conn->link = link;
	conn->sk = sk;
	err = vshm_link_ring_alloc(conn, &mem);
	if (err)
		goto err_free;
	vshm_ring_init(&mem, 0);
	vshm_receiver_init(&conn->rx, &mem);
	spin_lock_init(&conn->event_lock);
	vshm_scm_queue_init(&conn->scm, false);
	INIT_LIST_HEAD(&conn->post_node);

	vshm_table_hold(vshm_sk(sk));
	refcount_inc(&link->refs);
	atomic_inc(&link->nr_conns);
	smp_wmb(); /* made before it is referenced; pairs with vshm_conn_get() */
	refcount_set(&conn->refs, 2);

	err = vshm_conn_take_slot(conn);
	if (!err)
		return conn;
	if (err == -EHOSTUNREACH) {
		/* who kills the link may have found it, or an interrupt */
		spin_lock_irq(&conn->event_lock);
		conn->rx.mem.ring = NULL;
		spin_unlock_irq(&conn->event_lock);
		vshm_conn_abandon(conn);
	} else {
		/* in no slot */
		vshm_conn_put(conn);
	}
	vshm_conn_put(conn);
	return ERR_PTR(err);

err_free:
	kmem_cache_free(vshm_conn_caches[local], conn);
	return ERR_PTR(err);
}

static void vshm_conn_free(struct rcu_head *rcu)
{
	struct vshm_conn *conn = container_of(rcu, struct vshm_conn, rcu);
	struct sock *sk = conn->sk;

	kmem_cache_free(vshm_conn_caches[conn->local], conn);
	sock_put(sk);
}

/**
 * vshm_conn_put() - drop a reference
 * @conn: connection
 *
 * Context: process context, may not sleep: release_sock() holds a spinlock.
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
	vshm_writer_forget(&conn->writer);
	vshm_table_leave(vsk);
	atomic_dec(&link->nr_conns);
	if (conn->local)
		vshm_conn_free(&conn->rcu);
	else
		call_rcu(&conn->rcu, vshm_conn_free);
	vshm_link_put(link);
}

/**
 * vshm_conn_get() - take a reference to the connection that a pointer names
 * @where: vshm_sock.conn or vshm_conn.peer
 *
 * Context: process context; whoever has @where is referenced, no lock is needed.
 * Return: the connection, or NULL when there is none.
 */
struct vshm_conn *vshm_conn_get(struct vshm_conn __rcu **where)
{
	struct vshm_conn *conn;
	bool same;

	rcu_read_lock();
	conn = rcu_dereference(*where);
	if (!conn || !refcount_inc_not_zero(&conn->refs)) {
		rcu_read_unlock();
		return NULL;
	}
	smp_acquire__after_ctrl_dep(); /* pairs with vshm_conn_alloc() */
	same = rcu_access_pointer(*where) == conn;
	rcu_read_unlock();
	if (same)
		return conn;
	/* it was freed meanwhile, and made again for another */
	vshm_conn_put(conn);
	return NULL;
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
 * vshm_conn_join() - let the two ends of a connection on loopback find each other
 * @a: one end
 * @b: the other
 *
 * Context: process context; neither is over, nor will be before it hears of the
 * other.
 */
void vshm_conn_join(struct vshm_conn *a, struct vshm_conn *b)
{
	rcu_assign_pointer(a->peer, b);
	rcu_assign_pointer(b->peer, a);
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
	mutex_lock(&vsk->tx_lock);
	mutex_lock(&vsk->rx_lock);
	spin_lock_irq(&conn->event_lock);
	conn->tx.mem.ring = NULL;
	conn->rx.mem.ring = NULL;
	spin_unlock_irq(&conn->event_lock);
	RCU_INIT_POINTER(vsk->conn, NULL);
	mutex_unlock(&vsk->rx_lock);
	mutex_unlock(&vsk->tx_lock);
	vshm_scm_queue_purge(&conn->scm);
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
	if (!test_bit(VSHM_CONN_RESET_SENT, &conn->flags))
		trace_vshm_reset(vshm_sk(conn->sk), reason, true);
	if (!test_bit(VSHM_OP_RESET, &conn->posts))
		WRITE_ONCE(conn->reason, reason);
	vshm_conn_post(conn, VSHM_OP_RESET);
}

/*
 * Neither end of loopback may find the other any more: who finds this one late, with
 * a record in hand, must not find what uses the memory next. So the pointer of this
 * end goes as well, while a reference keeps the other from being freed.
 */
static void vshm_conn_leave_slot(struct vshm_conn *conn)
{
	struct vshm_conn *peer;

	if (!conn->local) {
		xa_erase(&conn->link->slots, conn->slot);
		return;
	}
	peer = vshm_conn_get(&conn->peer);
	if (!peer)
		return;
	RCU_INIT_POINTER(peer->peer, NULL);
	RCU_INIT_POINTER(conn->peer, NULL);
	vshm_conn_put(peer);
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
	vshm_conn_leave_slot(conn);
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
 * Context: any; with a reference, or on the RCU read side if it is over a region.
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
		rcu_read_lock();
		spin_lock_irqsave(&conn->event_lock, flags);
		if (conn->rx.mem.ring) {
			if (skwq_has_sleeper(rcu_dereference(sk->sk_wq)) ||
			    sock_flag(sk, SOCK_FASYNC))
				vshm_receiver_watch(&conn->rx);
			else
				WRITE_ONCE(vsk->polled, false);
		}
		spin_unlock_irqrestore(&conn->event_lock, flags);
		rcu_read_unlock();
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

	conn = vshm_conn_get(&vsk->conn);
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
		vshm_conn_put(conn);
	}
	return n;
}

static u64 vshm_conn_queued(struct vshm_conn *conn,
			    u64 (*queued)(const struct vshm_receiver *r))
{
	u64 n = 0;

	spin_lock_irq(&conn->event_lock);
	if (conn->rx.mem.ring)
		n = queued(&conn->rx);
	spin_unlock_irq(&conn->event_lock);
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
	struct vshm_conn *conn = vshm_conn_get(&vsk->conn);
	u64 n;

	if (!conn)
		return 0;
	n = vshm_conn_queued(conn, vsk->sk.sk_type == SOCK_SEQPACKET ?
				   vshm_receiver_data : vshm_receiver_queued);
	vshm_conn_put(conn);
	return n;
}

/**
 * vshm_conn_unread() - space that is taken in the receive queue
 * @conn: connection
 *
 * Return: bytes, with the headers of packets.
 */
u64 vshm_conn_unread(struct vshm_conn *conn)
{
	return vshm_conn_queued(conn, vshm_receiver_queued);
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

	conn = vshm_conn_get(&vsk->conn);
	if (!conn)
		return;
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
	vshm_conn_put(conn);
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

static struct kmem_cache *vshm_conn_cache(const char *name, unsigned int more)
{
	return kmem_cache_create(name, sizeof(struct vshm_conn) + more, 0,
				 SLAB_HWCACHE_ALIGN | SLAB_ACCOUNT |
				 SLAB_TYPESAFE_BY_RCU, NULL);
}

/**
 * vshm_conn_init() - make the caches of connections
 *
 * Return: 0 or -ENOMEM.
 */
int __init vshm_conn_init(void)
{
	vshm_conn_caches[false] = vshm_conn_cache("vshm_conn", 0);
	vshm_conn_caches[true] =
		vshm_conn_cache("vshm_conn_loopback",
				sizeof(struct vshm_first_ring));
	if (vshm_conn_caches[false] && vshm_conn_caches[true])
		return 0;
	vshm_conn_exit();
	return -ENOMEM;
}

/**
 * vshm_conn_exit() - free the caches, once RCU has returned every connection
 */
void vshm_conn_exit(void)
{
	rcu_barrier();
	kmem_cache_destroy(vshm_conn_caches[false]);
	kmem_cache_destroy(vshm_conn_caches[true]);
}
