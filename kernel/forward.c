// SPDX-License-Identifier: GPL-2.0
/*
 * Forwarding: a host joins two guests that have no link of their own.
 *
 * A forwarded connection is two sockets that no program has: one that the
 * source is connected to, with the destination's address, and one that is
 * connected to the destination, with the source's. Bytes go from the ring that
 * the source filled straight into the ring that the destination owns, one copy
 * more than on a direct link, and only when there is room: so a slow reader
 * stops the writer, and nothing is buffered in between but the first ring.
 *
 * One work item for each connection does everything; what happens to either
 * socket queues it. Half-close is carried over when the bytes before it are; a
 * last word by closing the other socket, with its reason.
 *
 * The sockets hold no reference to their namespace, which outlives its links;
 * its end waits for the work that the end of the links has caused.
 */
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "io.h"
#include "trace.h"
#include "vshm.h"

/* Bytes, and pieces, moved in one go before another connection's turn. */
#define VSHM_FORWARD_BUDGET	(256 * 1024)
#define VSHM_FORWARD_PIECES	1024

/* How long the destination may take to answer. */
#define VSHM_FORWARD_TIMEOUT	(10 * HZ)

static struct workqueue_struct *vshm_forward_wq;

/**
 * struct vshm_forward - a forwarded connection
 * @work: moves what there is to move
 * @free: frees it after what may still queue @work
 * @in: socket connected to the source
 * @out: socket connected, or connecting, to the destination
 * @answered: the source has its response
 * @done: the sockets are closed
 */
struct vshm_forward {
	struct work_struct	work;
	struct rcu_work		free;
	struct vshm_sock	*in;
	struct vshm_sock	*out;
	bool			answered;
	bool			done;
};

static void vshm_forward_event(struct sock *sk)
{
	struct vshm_forward *fw;

	rcu_read_lock();
	fw = rcu_dereference_sk_user_data(sk);
	if (fw)
		queue_work(vshm_forward_wq, &fw->work);
	rcu_read_unlock();
}

/* Nothing that happens to it counts before it has its user data. */
static struct vshm_sock *vshm_forward_sock(struct vshm_net *vnet, u16 type)
{
	struct sock *sk = vshm_sock_alloc(vnet->net, NULL, type, INVALID_UID, 1);

	if (!sk)
		return NULL;
	sk->sk_data_ready = vshm_forward_event;
	sk->sk_write_space = vshm_forward_event;
	sk->sk_state_change = vshm_forward_event;
	return vshm_sk(sk);
}

/* Bytes that must be moved as a whole: a packet, or any one of a stream. */
static s64 vshm_forward_unit(struct vshm_conn *src, s64 *avail,
			     struct vshm_packet *packet)
{
	*avail = vshm_recv_avail(src);
	if (*avail <= 0 || src->sk->sk_type != SOCK_SEQPACKET)
		return *avail > 0 ? 1 : *avail;
	*avail = vshm_seqpacket_next(src, src->rx.tail, packet);
	return *avail;
}

/*
 * Move bytes of a direction; returns how many, or -EPROTO. When none are moved,
 * *culprit is whose turn or fault it is, and *need the space that is wanted.
 */
static ssize_t vshm_forward_copy(struct vshm_sock *from, struct vshm_conn *src,
				 struct vshm_sock *to, struct vshm_conn *dst,
				 struct vshm_sock **culprit, s64 *need)
{
	struct vshm_packet packet;
	s64 avail, space;
	u64 n;

	*culprit = from;
	*need = vshm_forward_unit(src, &avail, &packet);
	if (*need <= 0)
		return *need;
	*culprit = to;
	space = vshm_send_space(&to->sk, dst, *need);
	if (space < *need)
		return min_t(s64, space, 0);
	n = min_t(u64, avail, space);
	vshm_ring_copy(&dst->tx, &src->rx, n);
	/* the header that was checked, whatever it is by now */
	if (src->sk->sk_type == SOCK_SEQPACKET) {
		*(struct vshm_packet *)vshm_sender_at(&dst->tx, dst->tx.head) =
			packet;
		vshm_sender_count(&dst->tx, packet.len);
		vshm_receiver_count(&src->rx, packet.len);
	}
	if (vshm_sender_publish(&dst->tx, n))
		vshm_conn_notify(dst, VSHM_NEWS_DATA);
	if (vshm_receiver_consume(&src->rx, n))
		vshm_conn_notify(src, VSHM_NEWS_SPACE);
	from->rx.bytes += n;
	to->tx.bytes += n;
	vshm_count_rx(src, n);
	vshm_count_tx(dst, n);
	return n;
}

/* How it goes on with one direction. */
enum vshm_pump {
	VSHM_PUMP_EMPTY,	/* nothing to move: an event will come */
	VSHM_PUMP_FULL,		/* no room: an event will come */
	VSHM_PUMP_MORE,		/* look again */
};

/* Nothing moves: ask for an event, or for a larger ring. */
static enum vshm_pump vshm_forward_arm(struct vshm_sock *from,
				       struct vshm_conn *src,
				       struct vshm_sock *to,
				       struct vshm_conn *dst,
				       struct vshm_sock *culprit, u64 need,
				       bool *grow)
{
	if (culprit == from)
		return vshm_arm_data(src, 0) ? VSHM_PUMP_MORE : VSHM_PUMP_EMPTY;
	*grow = vshm_send_wants_more(&to->sk, dst);
	if (*grow || vshm_arm_space(&to->sk, dst, need))
		return VSHM_PUMP_MORE;
	vshm_send_want(&to->sk, dst, need, vshm_forward_wq);
	return VSHM_PUMP_FULL;
}

/* Both connections, referenced, or false when one is gone. */
static bool vshm_forward_conns(struct vshm_sock *from, struct vshm_sock *to,
			       struct vshm_conn **src, struct vshm_conn **dst)
{
	vshm_lock(&from->sk);
	*src = vshm_sock_conn_get(from);
	vshm_unlock(&from->sk);
	vshm_lock(&to->sk);
	*dst = vshm_sock_conn_get(to);
	vshm_unlock(&to->sk);
	if (*src && *dst)
		return true;
	if (*src)
		vshm_conn_put(*src);
	if (*dst)
		vshm_conn_put(*dst);
	return false;
}

/* Move what one direction has, within the budget. */
static enum vshm_pump vshm_forward_pump(struct vshm_sock *from,
					struct vshm_sock *to)
{
	enum vshm_pump ret = VSHM_PUMP_MORE;
	struct vshm_sock *culprit = NULL;
	struct vshm_conn *src, *dst;
	ssize_t n, moved = 0;
	int pieces = VSHM_FORWARD_PIECES;
	s64 need = 0;
	bool grow = false;

	if (!vshm_forward_conns(from, to, &src, &dst))
		return VSHM_PUMP_EMPTY;

	mutex_lock(&to->tx_lock);
	mutex_lock(&from->rx_lock);
	do {
		n = 0;
		if (!src->rx.mem.ring || !dst->tx.mem.ring) {
			ret = VSHM_PUMP_EMPTY;
			break;
		}
		n = vshm_forward_copy(from, src, to, dst, &culprit,
				      &need);
		moved += n;
	} while (n > 0 && moved < VSHM_FORWARD_BUDGET && --pieces);
	if (!n && ret == VSHM_PUMP_MORE)
		ret = vshm_forward_arm(from, src, to, dst, culprit, need,
				       &grow);
	mutex_unlock(&from->rx_lock);
	mutex_unlock(&to->tx_lock);

	if (n < 0)
		vshm_sock_violation(culprit, culprit == from ? src : dst,
				    "index in a forwarded connection");
	if (grow)
		vshm_conn_post(dst, VSHM_OP_GROW);
	vshm_conn_put(src);
	vshm_conn_put(dst);
	return ret;
}

static void vshm_forward_free(struct work_struct *work)
{
	struct vshm_forward *fw = container_of(to_rcu_work(work),
					       struct vshm_forward, free);

	cancel_work_sync(&fw->work);
	kfree(fw);
}

/* Close both sockets; with an error, as by a reset. */
static void vshm_forward_end(struct vshm_forward *fw, int err)
{
	struct vshm_sock *socks[] = { fw->in, fw->out };
	struct vshm_conn *conn;
	unsigned int i;

	fw->done = true;
	for (i = 0; i < ARRAY_SIZE(socks); i++) {
		struct sock *sk = &socks[i]->sk;

		rcu_assign_sk_user_data(sk, NULL);
		if (err)
			sock_set_flag(sk, SOCK_LINGER);
	}
	/* the source still waits: this is its answer */
	if (!fw->answered) {
		vshm_lock(&fw->in->sk);
		conn = vshm_sock_conn_get(fw->in);
		vshm_unlock(&fw->in->sk);
		if (conn) {
			vshm_conn_reset(conn, err);
			vshm_conn_put(conn);
		}
	}
	vshm_sock_close(fw->in);
	vshm_sock_close(fw->out);
	INIT_RCU_WORK(&fw->free, vshm_forward_free);
	queue_rcu_work(vshm_forward_wq, &fw->free);
}

/* The peer of a socket has said its last word. */
static bool vshm_forward_over(struct vshm_sock *vsk)
{
	struct vshm_conn *conn = vshm_conn_get(&vsk->conn);
	bool over = true;

	if (conn) {
		over = test_bit(VSHM_CONN_RESET_GOT, &conn->flags);
		vshm_conn_put(conn);
	}
	return over;
}

/* Let the ends of the two halves of one direction match. */
static void vshm_forward_half(struct vshm_sock *from, struct vshm_sock *to,
			      u8 shut, enum vshm_pump pump)
{
	if ((shut & RCV_SHUTDOWN) && pump == VSHM_PUMP_EMPTY &&
	    !(READ_ONCE(to->sk.sk_shutdown) & SEND_SHUTDOWN))
		vshm_sock_half_close(to, SEND_SHUTDOWN);
	if ((READ_ONCE(to->sk.sk_shutdown) & SEND_SHUTDOWN) &&
	    !(READ_ONCE(from->sk.sk_shutdown) & RCV_SHUTDOWN))
		vshm_sock_half_close(from, RCV_SHUTDOWN);
}

/* The destination has answered, or will not. False when there is no more. */
static bool vshm_forward_answer(struct vshm_forward *fw)
{
	u8 state = READ_ONCE(fw->out->state);
	struct vshm_conn *in, *out;

	if (READ_ONCE(fw->in->state) != VSHM_CONNECTED) {
		vshm_forward_end(fw, ECONNRESET);
		return false;
	}
	if (state == VSHM_CONNECTING)
		return false;
	if (state < VSHM_CONNECTED) {
		vshm_forward_end(fw, READ_ONCE(fw->out->sk.sk_err) ?:
				     ECONNREFUSED);
		return false;
	}
	fw->answered = true;
	if (cancel_delayed_work(&fw->out->connect_work))
		sock_put(&fw->out->sk);
	if (vshm_forward_conns(fw->in, fw->out, &in, &out)) {
		in->hello.ring_limit = min_t(u32, in->hello.ring_limit,
					     out->peer_limit);
		vshm_conn_post(in, VSHM_OP_RESPONSE);
		vshm_conn_put(in);
		vshm_conn_put(out);
	}
	return true;
}

static void vshm_forward_work(struct work_struct *work)
{
	struct vshm_forward *fw = container_of(work, struct vshm_forward, work);
	struct vshm_sock *in = fw->in, *out = fw->out;
	enum vshm_pump there, back;
	bool in_over, out_over;
	u8 in_shut, out_shut;

	if (fw->done || (!fw->answered && !vshm_forward_answer(fw)))
		return;

	/* before the rings: bytes that came before the end are moved */
	in_over = vshm_forward_over(in);
	out_over = vshm_forward_over(out);
	smp_rmb(); /* and so are those before a last word */
	/* both pair with the release in vshm_sock_shutdown() */
	in_shut = smp_load_acquire(&in->sk.sk_shutdown);
	/* see above */
	out_shut = smp_load_acquire(&out->sk.sk_shutdown);
	there = vshm_forward_pump(in, out);
	back = vshm_forward_pump(out, in);

	if (READ_ONCE(in->sk.sk_err) || READ_ONCE(out->sk.sk_err)) {
		vshm_forward_end(fw, ECONNRESET);
		return;
	}
	if ((in_over && there == VSHM_PUMP_EMPTY) ||
	    (out_over && back == VSHM_PUMP_EMPTY)) {
		vshm_forward_end(fw, 0);
		return;
	}
	if (!in_over)
		vshm_forward_half(out, in, out_shut, back);
	if (!out_over)
		vshm_forward_half(in, out, in_shut, there);
	if (there == VSHM_PUMP_MORE || back == VSHM_PUMP_MORE)
		queue_work(vshm_forward_wq, &fw->work);
}

/* Ask the destination, in the name of the source. */
static int vshm_forward_connect(struct vshm_forward *fw, struct vshm_link *to,
				const struct vshm_record *rec)
{
	struct vshm_sock *out = fw->out;
	struct vshm_conn *conn;
	int err;

	vshm_lock(&out->sk);
	out->bound_cid = rec->src_cid;
	out->local.cid = rec->src_cid;
	out->local.port = rec->src_port;
	out->local.protocol = rec->protocol;
	out->remote.cid = rec->dst_cid;
	out->remote.port = rec->dst_port;
	vshm_set_state(out, VSHM_BOUND);
	conn = vshm_conn_alloc(to, &out->sk);
	if (IS_ERR(conn)) {
		err = PTR_ERR(conn);
		goto out;
	}
	vshm_conn_attach(out, conn);
	vshm_record_hello(conn, VSHM_OP_REQUEST);
	/* a packet must fit at both ends, and here */
	conn->hello.ring_limit = min(conn->hello.ring_limit, rec->ring_limit);
	vshm_set_state(out, VSHM_CONNECTING);
	refcount_inc(&conn->refs);
	sock_hold(&out->sk);
	out->connect_deadline = jiffies + VSHM_FORWARD_TIMEOUT;
	queue_delayed_work(vshm_forward_wq, &out->connect_work,
			   VSHM_FORWARD_TIMEOUT);
	vshm_unlock(&out->sk);
	vshm_conn_post(conn, VSHM_OP_REQUEST);
	vshm_conn_put(conn);
	return 0;
out:
	vshm_unlock(&out->sk);
	return err;
}

static int vshm_forward_start(struct vshm_link *link, struct vshm_link *to,
			      const struct vshm_record *rec,
			      const struct vshm_ring_mem *mem)
{
	struct vshm_forward *fw = kzalloc(sizeof(*fw), VSHM_GFP);
	struct vshm_conn *conn;
	int err = -ENOBUFS;

	if (!fw)
		return err;
	INIT_WORK(&fw->work, vshm_forward_work);
	fw->in = vshm_forward_sock(link->vnet, rec->type);
	if (!fw->in)
		goto err_free;
	fw->out = vshm_forward_sock(link->vnet, rec->type);
	if (!fw->out)
		goto err_in;
	conn = vshm_record_accept(link, fw->in, rec, mem, NULL);
	err = PTR_ERR_OR_ZERO(conn);
	if (err)
		goto err_out;
	vshm_conn_put(conn);
	err = vshm_forward_connect(fw, to, rec);
	if (err)
		WRITE_ONCE(fw->out->sk.sk_err, -err);
	/* from here on, the work ends it; it looks at what happened so far */
	rcu_assign_sk_user_data(&fw->in->sk, fw);
	rcu_assign_sk_user_data(&fw->out->sk, fw);
	queue_work(vshm_forward_wq, &fw->work);
	return 0;

err_out:
	vshm_sock_close(fw->out);
err_in:
	vshm_sock_close(fw->in);
err_free:
	kfree(fw);
	return err;
}

/**
 * vshm_forward_request() - a guest wants to connect to another
 * @link: link to the guest
 * @rec: its request; the destination is not checked yet
 * @mem: the ring that it offers, checked
 *
 * Refuses with EACCES when policy denies it, and with EHOSTUNREACH when the
 * other guest has no link that is up.
 * Context: as vshm_record_receive().
 */
void vshm_forward_request(struct vshm_link *link,
			  const struct vshm_record *rec,
			  const struct vshm_ring_mem *mem)
{
	enum vshm_drop why = VSHM_DROP_POLICY;
	struct vshm_link *to;
	int err = -EACCES;

	if (rec->dst_cid < VSHM_CID_GUEST_MIN ||
	    rec->dst_cid > VSHM_CID_GUEST_MAX)
		goto refuse;
	if (!vshm_policy_allows(link->vnet, rec->src_cid, rec->dst_cid))
		goto refuse;
	err = -EHOSTUNREACH;
	why = VSHM_DROP_LINK;
	to = vshm_link_find_direct(link->vnet, rec->dst_cid);
	if (!to)
		goto refuse;
	err = vshm_forward_start(link, to, rec, mem);
	vshm_link_put(to);
	if (!err)
		return;
	why = VSHM_DROP_MEMORY;
refuse:
	trace_vshm_drop(link, rec, why);
	link->ops->refuse(link, rec, -err);
}

/**
 * vshm_forward_flush() - finish what the end of links has caused
 *
 * Context: process context, may sleep.
 */
void vshm_forward_flush(void)
{
	flush_workqueue(vshm_forward_wq);
}

/**
 * vshm_forward_init() - make the work queue of forwarding
 *
 * Return: 0 or -ENOMEM.
 */
int __init vshm_forward_init(void)
{
	vshm_forward_wq = alloc_workqueue("vshm_forward", WQ_UNBOUND, 0);
	return vshm_forward_wq ? 0 : -ENOMEM;
}

/**
 * vshm_forward_exit() - free it; no forwarded connection is left
 */
void vshm_forward_exit(void)
{
	rcu_barrier();
	destroy_workqueue(vshm_forward_wq);
}
