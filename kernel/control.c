// SPDX-License-Identifier: GPL-2.0
/*
 * The control protocol: making records, and doing what received ones say.
 *
 * A received record is a private copy: a link copies it out of shared memory
 * before it hands it over, and everything in it is checked here. Records of
 * one link are received one at a time, except on loopback, where the sender's
 * thread receives, the sender is trusted, and it knows whose record it is.
 */
#include <linux/log2.h>
#include <linux/sched/mm.h>

#include "compat.h"
#include "trace.h"
#include "vshm.h"

/* log2 of the largest ring to offer; a packet's size is agreed on at first. */
static u32 vshm_ring_limit(const struct vshm_conn *conn)
{
	const struct vshm_limits *limits = &conn->link->vnet->limits;
	u32 max = min_t(u32, ilog2(READ_ONCE(limits->buffer_max)),
			conn->link->ring_order);
	u32 order = ilog2(READ_ONCE(conn->sk->sk_rcvbuf));

	if (conn->hello.ring_limit && conn->sk->sk_type == SOCK_SEQPACKET)
		return conn->hello.ring_limit;
	return clamp_t(u32, order, VSHM_RING_ORDER_MIN, max);
}

/**
 * vshm_record_hello() - prepare the request or response of a connection
 * @conn: connection whose socket has both its addresses
 * @op: VSHM_OP_REQUEST or VSHM_OP_RESPONSE
 *
 * Context: vshm_lock() held, or nobody else knows of the socket.
 */
void vshm_record_hello(struct vshm_conn *conn, enum vshm_op op)
{
	const struct vshm_sock *vsk = vshm_sk(conn->sk);

	conn->hello = (struct vshm_record) {
		.op		= op,
		.src_cid	= vsk->local.cid,
		.src_port	= vsk->local.port,
		.dst_cid	= vsk->remote.cid,
		.dst_port	= vsk->remote.port,
		.ring		= conn->rx.mem.offset,
		.ring_order	= conn->rx.mem.order,
		.flags		= vsk->local.nonblock ? VSHM_RECORD_NONBLOCK : 0,
		.socket_id	= vsk->local.id,
		.type		= vsk->local.type,
		.protocol	= vsk->local.protocol,
		.family		= vsk->local.family,
		.ring_limit	= vshm_ring_limit(conn),
		.options	= vshm_options(vsk),
	};
}

/* Which of the posted records is next? */
static enum vshm_op vshm_record_pick(struct vshm_conn *conn)
{
	unsigned long posts = READ_ONCE(conn->posts);

	if (posts & BIT(VSHM_OP_REQUEST)) {
		if (!(posts & BIT(VSHM_OP_RESET)))
			return VSHM_OP_REQUEST;
		/* given up before it was sent: nobody knows of it */
		if (test_and_clear_bit(VSHM_OP_REQUEST, &conn->posts)) {
			set_bit(VSHM_CONN_RESET_SENT, &conn->flags);
			set_bit(VSHM_CONN_RESET_GOT, &conn->flags);
		}
		return 0;
	}
	/* a request that was given up waits for its answer */
	smp_mb(); /* pairs with the one in vshm_conn_adopt() */
	if (!posts || !test_bit(VSHM_CONN_PEER_KNOWN, &conn->flags))
		return 0;
	return __ffs(posts);
}

/**
 * vshm_record_compose() - make the next record that a connection has to send
 * @conn: connection
 * @rec: takes the record
 *
 * The caller sends the record, and calls vshm_conn_finish() afterwards, also
 * when there was none.
 * Context: any but interrupts.
 * Return: false when there is nothing to send.
 */
bool vshm_record_compose(struct vshm_conn *conn, struct vshm_record *rec)
{
	enum vshm_op op;

	for (;;) {
		op = vshm_record_pick(conn);
		if (!op)
			return false;
		if (!test_and_clear_bit(op, &conn->posts))
			continue;
		/* a last word is the last */
		if (test_bit(VSHM_CONN_RESET_SENT, &conn->flags))
			continue;
		break;
	}

	if (op == VSHM_OP_REQUEST || op == VSHM_OP_RESPONSE)
		*rec = conn->hello;
	else
		*rec = (struct vshm_record) { .op = op };
	rec->src_slot = conn->slot;
	rec->src_gen = conn->gen;
	if (op != VSHM_OP_REQUEST) {
		rec->dst_slot = conn->peer_slot;
		rec->dst_gen = conn->peer_gen;
	}
	if (op == VSHM_OP_SHUTDOWN)
		rec->how = READ_ONCE(conn->how);
	if (op == VSHM_OP_RESET) {
		rec->reason = READ_ONCE(conn->reason);
		set_bit(VSHM_CONN_RESET_SENT, &conn->flags);
	}
	return true;
}

/**
 * vshm_record_refuse() - make the reset that answers a record
 * @to: request, or a response to a connection that is gone
 * @err: errno for the peer's socket
 * @rec: takes the record
 */
void vshm_record_refuse(const struct vshm_record *to, int err,
			struct vshm_record *rec)
{
	*rec = (struct vshm_record) {
		.op		= VSHM_OP_RESET,
		.reason		= err,
		.dst_slot	= to->src_slot,
		.dst_gen	= to->src_gen,
	};
}

/* Learn the peer's slot, so that records can be sent to it. */
static void vshm_record_adopt(struct vshm_conn *conn,
			      const struct vshm_record *rec)
{
	conn->peer_limit = clamp_t(u32, rec->ring_limit, VSHM_RING_ORDER_MIN,
				   VSHM_RING_ORDER_MAX);
	vshm_conn_adopt(conn, rec->src_slot, rec->src_gen);
}

/* What the peer tells of its socket, but the address. */
static void vshm_record_remote(struct vshm_sock *vsk,
			       const struct vshm_record *rec)
{
	vsk->remote.id = rec->socket_id;
	vsk->remote.options = rec->options;
	vsk->remote.type = rec->type;
	vsk->remote.protocol = rec->protocol;
	vsk->remote.family = rec->family;
	vsk->remote.nonblock = rec->flags & VSHM_RECORD_NONBLOCK;
}

/* The ring that the sender of a request or response offers. */
static int vshm_record_ring(struct vshm_link *link,
			    const struct vshm_record *rec,
			    struct vshm_ring_mem *mem)
{
	if (rec->ring_order < VSHM_RING_ORDER_MIN ||
	    rec->ring_order > VSHM_RING_ORDER_MAX)
		return -EPROTO;
	mem->offset = rec->ring;
	mem->order = rec->ring_order;
	return link->ops->peer_ring(link, mem);
}

/**
 * vshm_record_accept() - connect a new socket to the sender of a request
 * @link: link that it came through
 * @vsk: socket that no program has; its caller closes it on failure
 * @rec: the request
 * @mem: the ring that it offers, checked
 * @from: the connection that asks, if it is in this kernel
 *
 * The response is prepared, but not sent.
 * Return: the connection with a reference, or an ERR_PTR() for the refusal.
 */
struct vshm_conn *vshm_record_accept(struct vshm_link *link,
				     struct vshm_sock *vsk,
				     const struct vshm_record *rec,
				     const struct vshm_ring_mem *mem,
				     struct vshm_conn *from)
{
	struct vshm_conn *conn;

	vsk->local.cid = rec->dst_cid;
	vsk->local.port = rec->dst_port;
	vsk->remote.cid = rec->src_cid;
	vsk->remote.port = rec->src_port;
	vsk->to_host = !vshm_link_is_loopback(link) &&
		       rec->src_cid != link->peer_cid;
	vshm_record_remote(vsk, rec);

	conn = vshm_conn_alloc(link, &vsk->sk);
	if (IS_ERR(conn))
		return conn;
	refcount_inc(&conn->refs);
	vshm_sender_init(&conn->tx, mem);
	vshm_record_adopt(conn, rec);
	if (from)
		vshm_conn_join(from, conn);
	/* whoever looks at the table knows of it, and may end it */
	vshm_lock(&vsk->sk);
	vshm_conn_attach(vsk, conn);
	vshm_set_state(vsk, VSHM_CONNECTED);
	vshm_record_hello(conn, VSHM_OP_RESPONSE);
	vshm_unlock(&vsk->sk);
	return conn;
}

/* A connected socket for the connection queue of a listener: its connection. */
static struct vshm_conn *vshm_record_child(struct vshm_link *link, struct sock *sk,
					   const struct vshm_record *rec,
					   const struct vshm_ring_mem *mem,
					   struct vshm_conn *from)
{
	struct vshm_sock *listener = vshm_sk(sk), *vsk;
	struct vshm_conn *conn;
	struct sock *child;

	child = vshm_sock_alloc(sock_net(sk), NULL, rec->type, sk->sk_uid, 0);
	if (!child)
		return ERR_PTR(-ENOBUFS);
	vsk = vshm_sk(child);
	security_sk_clone(sk, child);
	vshm_sock_memcg_inherit(child, sk);
	child->sk_uid = sk->sk_uid;
	child->sk_sndbuf = sk->sk_sndbuf;
	child->sk_rcvbuf = sk->sk_rcvbuf;
	child->sk_userlocks = sk->sk_userlocks;
	child->sk_sndtimeo = sk->sk_sndtimeo;
	child->sk_rcvtimeo = sk->sk_rcvtimeo;
	child->sk_rcvlowat = sk->sk_rcvlowat;
	child->sk_priority = sk->sk_priority;
	vsk->buffer_min = listener->buffer_min;
	vsk->buffer_max = listener->buffer_max;
	vsk->connect_timeout = listener->connect_timeout;
	vsk->local.protocol = listener->local.protocol;
	vsk->local.nonblock = vshm_nonblock(sk);

	conn = vshm_record_accept(link, vsk, rec, mem, from);
	if (IS_ERR(conn))
		vshm_sock_close(vsk);
	else
		vshm_pending_mark(conn);
	return conn;
}

/* Take a place in the connection queue, so that it cannot overflow. */
static bool vshm_listener_reserve(struct sock *sk, struct vshm_link *link)
{
	bool ok;

	vshm_lock(sk);
	ok = vshm_sk(sk)->state == VSHM_LISTENING &&
	     !sk_acceptq_is_full(sk) &&
	     vshm_pending_get(link);
	if (ok)
		sk_acceptq_added(sk);
	vshm_unlock(sk);
	return ok;
}

/* Errnos that a peer may hand to a socket. */
static int vshm_record_reason(const struct vshm_record *rec)
{
	switch (rec->reason) {
	case ENOMEM:
		/* it is not this end's memory that was short */
		return ENOBUFS;
	case 0:
	case ECONNREFUSED:
	case ENOBUFS:
	case EPROTO:
	case EACCES:
	case EHOSTUNREACH:
	case ETIMEDOUT:
		return rec->reason;
	default:
		return ECONNRESET;
	}
}

static void vshm_record_reset(struct vshm_conn *conn,
			      const struct vshm_record *rec)
{
	struct vshm_sock *vsk = vshm_sk(conn->sk);
	struct sock *sk = conn->sk;

	if (test_and_set_bit(VSHM_CONN_RESET_GOT, &conn->flags))
		return;
	trace_vshm_reset(vsk, vshm_record_reason(rec), false);
	/* in one kernel it needs no answer, and may overtake the response */
	if (!conn->local && rec->src_slot &&
	    rec->src_slot < conn->link->ops->max_slots &&
	    !test_bit(VSHM_CONN_PEER_KNOWN, &conn->flags))
		vshm_record_adopt(conn, rec);

	vshm_lock(sk);
	if (rcu_access_pointer(vsk->conn) == conn)
		vshm_sock_reset(vsk, vshm_record_reason(rec));
	vshm_unlock(sk);

	/* the answer; a refusal has none, and who is in this kernel needs none */
	if (test_bit(VSHM_CONN_PEER_KNOWN, &conn->flags) && !conn->local)
		vshm_conn_reset(conn, 0);
	else
		set_bit(VSHM_CONN_RESET_SENT, &conn->flags);
	vshm_conn_finish(conn);
}

/* What connects to this kernel's own gets no answer but that. */
static void vshm_record_refused(struct vshm_conn *from, int err)
{
	struct vshm_record rec = { .op = VSHM_OP_RESET, .reason = err };

	vshm_record_reset(from, &rec);
}

/* @from is the connection that asks, if it is in this kernel. */
static void vshm_record_request(struct vshm_link *link,
				const struct vshm_record *rec,
				struct vshm_conn *from)
{
	struct vshm_sock *listener;
	struct vshm_ring_mem mem;
	struct mem_cgroup *memcg;
	struct vshm_conn *conn;
	struct sock *sk, *child;
	enum vshm_drop why = VSHM_DROP_LISTENER;
	int err = ECONNREFUSED;
	bool queued;

	if (!rec->src_slot || rec->src_slot >= link->ops->max_slots ||
	    (rec->type != SOCK_STREAM && rec->type != SOCK_SEQPACKET) ||
	    !vshm_link_source_valid(link, rec->src_cid) ||
	    vshm_record_ring(link, rec, &mem)) {
		vshm_link_violation(link, "request");
		if (link->ops->restart)
			link->ops->restart(link);
		return;
	}
	if (!vshm_link_is_loopback(link) && rec->dst_cid != link->local_cid) {
		if (link->local_cid != VSHM_CID_HOST)
			goto refuse;
		vshm_forward_request(link, rec, &mem);
		return;
	}
	listener = vshm_table_find_bound(link->vnet, rec->type, rec->dst_cid,
					 rec->dst_port);
	if (!listener)
		goto refuse;
	sk = &listener->sk;
	if (rec->type != sk->sk_type) {
		why = VSHM_DROP_TYPE;
		goto refuse_put;
	}
	if (!vshm_listener_reserve(sk, link)) {
		if (READ_ONCE(listener->state) == VSHM_LISTENING)
			why = VSHM_DROP_QUEUE;
		goto refuse_put;
	}

	/* as all that peers make a listener have, it is its owner's */
	memcg = set_active_memcg(vshm_sock_memcg(sk));
	conn = vshm_record_child(link, sk, rec, &mem, from);
	set_active_memcg(memcg);
	if (IS_ERR(conn)) {
		err = -PTR_ERR(conn);
		why = VSHM_DROP_MEMORY;
		vshm_lock(sk);
		sk_acceptq_removed(sk);
		vshm_unlock(sk);
		vshm_pending_put(link);
		goto refuse_put;
	}
	child = conn->sk;

	/* both ends are of this kernel, and the caller is who connects */
	if (from) {
		vshm_cred_current(child);
		vshm_lock(from->sk);
		if (rcu_access_pointer(vshm_sk(from->sk)->conn) == from)
			vshm_cred_copy(from->sk, sk);
		vshm_unlock(from->sk);
	}
	/* answered before it is queued: its user's last word must come later */
	vshm_conn_post(conn, VSHM_OP_RESPONSE);

	vshm_lock(sk);
	queued = listener->state == VSHM_LISTENING;
	if (queued)
		list_add_tail(&vshm_sk(child)->accept_node,
			      &listener->accept_queue);
	else
		sk_acceptq_removed(sk);
	vshm_unlock(sk);
	if (queued)
		vshm_wake_readers(sk);
	else
		vshm_sock_abandon(vshm_sk(child));
	vshm_conn_put(conn);
	sock_put(sk);
	return;

refuse_put:
	sock_put(sk);
refuse:
	trace_vshm_drop(link, rec, why);
	if (from)
		vshm_record_refused(from, err);
	else
		link->ops->refuse(link, rec, err);
}

static void vshm_record_response(struct vshm_link *link, struct vshm_conn *conn,
				 const struct vshm_record *rec)
{
	struct vshm_sock *vsk = vshm_sk(conn->sk);
	struct vshm_ring_mem mem;
	struct sock *sk = conn->sk;

	if (test_bit(VSHM_CONN_PEER_KNOWN, &conn->flags) || !rec->src_slot ||
	    rec->src_slot >= link->ops->max_slots) {
		vshm_sock_violation(vsk, conn, "response");
		return;
	}
	vshm_record_adopt(conn, rec);
	if (vshm_record_ring(link, rec, &mem)) {
		vshm_sock_violation(vsk, conn, "ring of a response");
		return;
	}

	vshm_lock(sk);
	if (rcu_access_pointer(vsk->conn) == conn &&
	    vsk->state == VSHM_CONNECTING) {
		mutex_lock(&vsk->tx_lock);
		spin_lock_irq(&conn->event_lock);
		vshm_sender_init(&conn->tx, &mem);
		spin_unlock_irq(&conn->event_lock);
		mutex_unlock(&vsk->tx_lock);
		vshm_record_remote(vsk, rec);
		vshm_set_state(vsk, VSHM_CONNECTED);
		if (sk->sk_socket)
			sk->sk_socket->state = SS_CONNECTED;
		vshm_wake_all(sk);
	}
	vshm_unlock(sk);
	/* given up meanwhile: now the last word can go out */
	if (test_bit(VSHM_OP_RESET, &conn->posts))
		link->ops->post(conn);
}

static void vshm_record_shutdown(struct vshm_conn *conn,
				 const struct vshm_record *rec)
{
	struct vshm_sock *vsk = vshm_sk(conn->sk);
	struct sock *sk = conn->sk;
	int mask = 0;

	if (rec->how & VSHM_HOW_SEND)
		mask |= RCV_SHUTDOWN;
	if (rec->how & VSHM_HOW_RECEIVE)
		mask |= SEND_SHUTDOWN;
	vshm_lock(sk);
	if (rcu_access_pointer(vsk->conn) == conn &&
	    vsk->state != VSHM_CONNECTING)
		vshm_sock_shutdown(vsk, mask);
	vshm_unlock(sk);
}

static void vshm_record_deliver(struct vshm_conn *conn,
				const struct vshm_record *rec)
{
	struct vshm_link *link = conn->link;

	switch (rec->op) {
	case VSHM_OP_RESPONSE:
		vshm_record_response(link, conn, rec);
		break;
	case VSHM_OP_GROW:
		vshm_conn_grow(conn);
		break;
	case VSHM_OP_SHUTDOWN:
		vshm_record_shutdown(conn, rec);
		break;
	case VSHM_OP_RESET:
		vshm_record_reset(conn, rec);
		break;
	default:
		vshm_link_violation(link, "unknown record");
		if (link->ops->restart)
			link->ops->restart(link);
	}
}

/**
 * vshm_record_receive() - do what a control record says
 * @link: link that it came through, to another kernel
 * @rec: private copy of the record
 *
 * Context: process context, may sleep; no lock of a socket is held.
 */
void vshm_record_receive(struct vshm_link *link, const struct vshm_record *rec)
{
	struct vshm_conn *conn;

	if (rec->op == VSHM_OP_REQUEST) {
		vshm_record_request(link, rec, NULL);
		return;
	}
	conn = vshm_conn_find(link, rec->dst_slot, rec->dst_gen);
	if (!conn) {
		/* late, for a connection that is over */
		trace_vshm_drop(link, rec, VSHM_DROP_STALE);
		if (rec->op == VSHM_OP_RESPONSE)
			link->ops->refuse(link, rec, ECONNRESET);
		return;
	}
	vshm_record_deliver(conn, rec);
	vshm_conn_put(conn);
}

/**
 * vshm_record_pass() - do what a control record says, at the other end in this
 * kernel
 * @conn: connection that sends it
 * @rec: the record
 *
 * Context: process context, may sleep; no lock of a socket is held.
 */
void vshm_record_pass(struct vshm_conn *conn, const struct vshm_record *rec)
{
	struct vshm_conn *peer;

	if (rec->op == VSHM_OP_REQUEST) {
		vshm_record_request(conn->link, rec, conn);
		return;
	}
	peer = vshm_conn_get(&conn->peer);
	if (peer) {
		vshm_record_deliver(peer, rec);
		vshm_conn_put(peer);
	} else {
		trace_vshm_drop(conn->link, rec, VSHM_DROP_STALE);
	}
	/* now the peer neither writes to the ring any more nor says anything */
	if (rec->op == VSHM_OP_RESET)
		set_bit(VSHM_CONN_RESET_GOT, &conn->flags);
}

/* Steps of 16: idle connections stay small, busy ones get large soon. */
static u32 vshm_conn_next_order(struct vshm_conn *conn, u32 order)
{
	return min(order + 4, vshm_ring_limit(conn));
}

/**
 * vshm_conn_grow() - offer the peer a larger ring
 * @conn: connection whose ring the peer found full
 *
 * There is none when the ring is as large as SO_RCVBUF allows. When memory is
 * short the new ring is smaller than it would be, or there is none.
 * Context: process context, may sleep; no lock of a socket is held.
 */
void vshm_conn_grow(struct vshm_conn *conn)
{
	struct vshm_sock *vsk = vshm_sk(conn->sk);
	struct vshm_link *link = conn->link;
	struct vshm_ring_mem mem = { };
	bool done = false;
	u32 order;

	mutex_lock(&vsk->rx_lock);
	order = conn->rx.mem.ring ? vshm_receiver_order(&conn->rx) : U32_MAX;
	mutex_unlock(&vsk->rx_lock);
	if (order < VSHM_RING_ORDER_MAX)
		mem.order = vshm_conn_next_order(conn, order);
	while (mem.order > order && vshm_link_ring_alloc(conn, &mem))
		mem.order--;
	if (mem.order <= order) {
		/* whoever waits for more than lies there waits in vain */
		set_bit(VSHM_CONN_GROW_REFUSED, &conn->flags);
		vshm_wake_readers(&vsk->sk);
		return;
	}

	mutex_lock(&vsk->rx_lock);
	spin_lock_irq(&conn->event_lock);
	if (conn->rx.mem.ring && vshm_receiver_order(&conn->rx) == order) {
		vshm_receiver_announce(&conn->rx, &mem);
		clear_bit(VSHM_CONN_GROW_REFUSED, &conn->flags);
		done = true;
	}
	spin_unlock_irq(&conn->event_lock);
	mutex_unlock(&vsk->rx_lock);
	if (done)
		vshm_conn_notify(conn, VSHM_NEWS_SPACE);
	else
		vshm_link_ring_free(link, vsk, &mem);
}
