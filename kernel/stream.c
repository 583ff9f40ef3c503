// SPDX-License-Identifier: GPL-2.0
/*
 * Sending and receiving bytes: the data path.
 *
 * A sender copies from the program's buffer straight into the ring that the
 * peer owns, a receiver from its own ring to the program's buffer. Each has a
 * lock of its own, so both run at once, and long transfers are published in
 * pieces, so that the two ends copy at the same time.
 *
 * Copies are made with page faults disabled. One that faults stops short; the
 * page is brought in with the lock dropped. So a lock is held as long as a copy
 * of one piece takes and no longer, whatever lies behind the program's buffer,
 * and a link can be taken away in bounded time.
 */
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "vshm.h"

/* Large enough to cost little per byte, small enough to overlap. */
#define VSHM_PIECE	(64 * 1024)

/* Copy up to @n bytes to the head; returns how many were copied. */
static size_t vshm_copy_in(struct vshm_sender *s, struct iov_iter *from,
			   size_t n)
{
	size_t first = vshm_ring_piece(s->mask, s->head, n), done;

	pagefault_disable();
	done = copy_from_iter(vshm_sender_at(s, s->head), first, from);
	if (done == first && first < n)
		done += copy_from_iter(s->mem.data, n - first, from);
	pagefault_enable();
	return done;
}

/* Copy up to @n bytes from position @at; returns how many were copied. */
static size_t vshm_copy_out(struct vshm_receiver *r, u64 at,
			    struct iov_iter *to, size_t n)
{
	size_t first = vshm_ring_piece(r->mask, at, n), done;

	pagefault_disable();
	done = copy_to_iter(vshm_receiver_at(r, at), first, to);
	if (done == first && first < n)
		done += copy_to_iter(r->mem.data, n - first, to);
	pagefault_enable();
	return done;
}

/* A socket that is not connected, or whose link died: errno, or 0. */
static int vshm_io_error(struct sock *sk)
{
	struct vshm_sock *vsk = vshm_sk(sk);

	if (READ_ONCE(vsk->state) < VSHM_CONNECTED)
		return READ_ONCE(sk->sk_err) ? sock_error(sk) : -ENOTCONN;
	if (READ_ONCE(vsk->gone)) {
		sock_error(sk);
		return -ECONNRESET;
	}
	return 0;
}

static int vshm_send_error(struct sock *sk)
{
	int err;

	if (likely(!(READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN) &&
		   READ_ONCE(vshm_sk(sk)->state) >= VSHM_CONNECTED))
		return 0;
	err = vshm_io_error(sk) ?: sock_error(sk);
	return err ?: -EPIPE;
}

/* The peer's index is impossible: reset the connection; @lock is held. */
static void vshm_io_violation(struct vshm_sock *vsk, struct vshm_conn *conn,
			      struct mutex *lock, const char *what)
{
	refcount_inc(&conn->refs);
	mutex_unlock(lock);
	vshm_sock_violation(vsk, conn, what);
	vshm_conn_put(conn);
	mutex_lock(lock);
}

/* Go on in the larger ring that the peer announced, if it did. */
static int vshm_send_follow(struct vshm_conn *conn)
{
	struct vshm_sender *s = &conn->tx;
	struct vshm_ring_mem mem = { };

	/* pairs with the release in vshm_receiver_announce() */
	mem.offset = smp_load_acquire(&s->mem.ring->next);
	if (!mem.offset)
		return 0;
	mem.order = READ_ONCE(s->mem.ring->next_order);
	if (mem.order <= s->mem.order || mem.order > VSHM_RING_ORDER_MAX ||
	    conn->link->ops->peer_ring(conn->link, &mem))
		return -EPROTO;
	spin_lock_irq(&conn->event_lock);
	vshm_sender_move(s, &mem);
	spin_unlock_irq(&conn->event_lock);
	clear_bit(VSHM_CONN_GROW_ASKED, &conn->flags);
	return 1;
}

/**
 * vshm_send_space() - look for space that was freed or that a larger ring has
 * @sk: socket
 * @conn: its connection, whose rings are attached
 *
 * Context: tx_lock held.
 * Return: bytes, or -EPROTO.
 */
s64 vshm_send_space(struct sock *sk, struct vshm_conn *conn)
{
	struct vshm_sender *s = &conn->tx;
	u64 limit = vshm_send_limit(sk);
	u64 space;
	int err;

	if (vshm_sender_sync(s))
		return -EPROTO;
	space = vshm_sender_space(s, limit);
	if (space || limit <= s->mask + 1)
		return space;
	err = vshm_send_follow(conn);
	if (err < 0 || vshm_sender_sync(s))
		return -EPROTO;
	return vshm_sender_space(s, limit);
}

/**
 * vshm_send_wants_more() - should a larger ring be asked for?
 * @sk: socket
 * @conn: its connection, whose ring is full
 *
 * Context: tx_lock held.
 * Return: true once for each ring that is smaller than the send queue may be.
 */
bool vshm_send_wants_more(struct sock *sk, struct vshm_conn *conn)
{
	return vshm_send_limit(sk) > conn->tx.mask + 1 &&
	       !test_and_set_bit(VSHM_CONN_GROW_ASKED, &conn->flags);
}

/* The ring is full: ask for a larger one, once, then wait. */
static int vshm_send_full(struct sock *sk, struct vshm_conn *conn, long *timeo)
{
	struct vshm_sock *vsk = vshm_sk(sk);

	if (vshm_send_wants_more(sk, conn)) {
		refcount_inc(&conn->refs);
		mutex_unlock(&vsk->tx_lock);
		vshm_conn_post(conn, VSHM_OP_GROW);
		vshm_conn_put(conn);
		mutex_lock(&vsk->tx_lock);
		return 0;
	}
	return vshm_wait_space(sk, conn, timeo);
}

/*
 * Send some bytes, or wait for space. tx_lock is held, and may be dropped
 * meanwhile. Returns bytes sent, 0 to try again, or an errno.
 */
static ssize_t vshm_send_some(struct sock *sk, struct msghdr *msg, long *timeo)
{
	struct vshm_sock *vsk = vshm_sk(sk);
	size_t left = msg_data_left(msg), n, done;
	struct vshm_conn *conn;
	ssize_t ret;
	s64 space;

	ret = vshm_send_error(sk);
	if (unlikely(ret))
		return ret;
	conn = rcu_dereference_protected(vsk->conn,
					 lockdep_is_held(&vsk->tx_lock));
	if (unlikely(!conn || !conn->tx.mem.ring))
		return -EPIPE;

	n = min_t(size_t, left, VSHM_PIECE);
	space = vshm_sender_space(&conn->tx, vshm_send_limit(sk));
	if (unlikely(space < n)) {
		space = vshm_send_space(sk, conn);
		if (!space)
			return vshm_send_full(sk, conn, timeo);
		if (space < 0) {
			vshm_io_violation(vsk, conn, &vsk->tx_lock,
					  "index of a receiver");
			return 0;
		}
		n = min_t(size_t, n, space);
	}

	done = vshm_copy_in(&conn->tx, &msg->msg_iter, n);
	if (likely(done) && vshm_sender_publish(&conn->tx, done))
		vshm_conn_notify(conn, VSHM_NEWS_DATA);
	if (likely(done == n))
		return done;

	mutex_unlock(&vsk->tx_lock);
	n -= done;
	if (fault_in_iov_iter_readable(&msg->msg_iter, n) == n)
		ret = -EFAULT;
	mutex_lock(&vsk->tx_lock);
	return done ? done : ret;
}

/**
 * vshm_stream_sendmsg() - send(2) and its kin on a stream
 * @sock: socket
 * @msg: data and flags
 * @len: bytes of data
 *
 * Return: bytes sent, or an errno; -EPIPE comes with SIGPIPE unless
 * MSG_NOSIGNAL is given.
 */
int vshm_stream_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	struct sock *sk = sock->sk;
	struct vshm_sock *vsk = vshm_sk(sk);
	size_t sent = 0;
	ssize_t ret = 0;
	long timeo;

	if (unlikely(msg->msg_flags & MSG_OOB))
		return -EOPNOTSUPP;
	if (unlikely(msg->msg_namelen))
		return sock->state == SS_CONNECTED ? -EISCONN : -EOPNOTSUPP;
	timeo = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT);

	mutex_lock(&vsk->tx_lock);
	vsk->senders++;
	if (!len)
		ret = vshm_send_error(sk);
	while (sent < len) {
		ret = vshm_send_some(sk, msg, &timeo);
		if (ret < 0)
			break;
		sent += ret;
	}
	if (sent) {
		vsk->tx.bytes += sent;
		vsk->tx.calls++;
	}
	vsk->senders--;
	mutex_unlock(&vsk->tx_lock);
	if (sent || !ret)
		return sent;
	return sk_stream_error(sk, msg->msg_flags, ret);
}

/* Follow the sender to its next ring, and free the one that is left. */
static bool vshm_recv_follow(struct vshm_conn *conn)
{
	struct vshm_receiver *r = &conn->rx;
	struct vshm_ring_mem old;
	bool moved;

	spin_lock_irq(&conn->event_lock);
	moved = vshm_receiver_move(r, &old);
	/* whoever watches for edges asked on the old ring */
	if (moved && READ_ONCE(vshm_sk(conn->sk)->polled))
		vshm_receiver_arm(r, READ_ONCE(r->mem.ring->head));
	spin_unlock_irq(&conn->event_lock);
	if (moved)
		conn->link->ops->free(conn->link, &old);
	return moved;
}

/**
 * vshm_recv_avail() - bytes that can be received now
 * @conn: connection
 *
 * Context: rx_lock held.
 * Return: bytes, in the ring that is read at present, or -EPROTO.
 */
s64 vshm_recv_avail(struct vshm_conn *conn)
{
	struct vshm_receiver *r = &conn->rx;

	if (unlikely(!r->mem.ring))
		return 0;
	do {
		if (vshm_receiver_sync(r))
			return -EPROTO;
	} while (unlikely(r->head == r->tail && r->nr_next) &&
		 vshm_recv_follow(conn));
	return r->head - r->tail;
}

/* One call of recvmsg(2). */
struct vshm_recv {
	struct msghdr	*msg;
	size_t		len;
	size_t		target;
	size_t		done;
	long		timeo;
	bool		peek;
	u8		shut;
	int		err;
};

/* Nothing more to receive: returns 1 at the end, 0 to try again, or an errno. */
static int vshm_recv_wait(struct sock *sk, struct vshm_conn *conn,
			  struct vshm_recv *rv)
{
	int err;

	err = vshm_io_error(sk);
	if (err)
		return err;
	if (rv->err)
		return sock_error(sk);
	if (!conn || (rv->shut & RCV_SHUTDOWN))
		return 1;
	return vshm_wait_data(sk, conn, rv->peek ? rv->done : 0, &rv->timeo);
}

/* Copy what there is; returns bytes, or -EFAULT. */
static ssize_t vshm_recv_copy(struct vshm_sock *vsk, struct vshm_conn *conn,
			      struct vshm_recv *rv, u64 avail)
{
	struct vshm_receiver *r = &conn->rx;
	size_t n, done;
	u64 at = r->tail;

	if (rv->peek)
		at += rv->done;
	n = min_t(u64, min_t(u64, avail, rv->len - rv->done), VSHM_PIECE);
	done = vshm_copy_out(r, at, &rv->msg->msg_iter, n);
	if (!rv->peek && done && vshm_receiver_consume(r, done))
		vshm_conn_notify(conn, VSHM_NEWS_SPACE);
	if (likely(done == n))
		return done;

	mutex_unlock(&vsk->rx_lock);
	n -= done;
	if (fault_in_iov_iter_writeable(&rv->msg->msg_iter, n) == n && !done)
		done = -EFAULT;
	mutex_lock(&vsk->rx_lock);
	return done;
}

/* Peeked bytes stay where they are: can more of them be seen? */
static bool vshm_peek_ends(const struct vshm_conn *conn,
			   const struct vshm_recv *rv)
{
	const struct vshm_receiver *r = &conn->rx;

	return rv->peek && rv->done &&
	       (rv->done > r->mask || r->nr_next || !r->mem.ring);
}

/*
 * Receive some bytes, or wait for them. rx_lock is held, and may be dropped
 * meanwhile. Returns 0 to go on, 1 when the call is done, or an errno.
 */
static int vshm_recv_some(struct sock *sk, struct vshm_recv *rv)
{
	struct vshm_sock *vsk = vshm_sk(sk);
	struct vshm_conn *conn;
	ssize_t n;
	s64 avail;

	/* before the ring: bytes that came before the end are seen */
	rv->shut = smp_load_acquire(&sk->sk_shutdown);
	rv->err = READ_ONCE(sk->sk_err);
	smp_rmb();
	conn = rcu_dereference_protected(vsk->conn,
					 lockdep_is_held(&vsk->rx_lock));
	avail = conn ? vshm_recv_avail(conn) : 0;
	if (unlikely(avail < 0)) {
		vshm_io_violation(vsk, conn, &vsk->rx_lock,
				  "index of a sender");
		return 0;
	}
	if (rv->peek)
		avail = max_t(s64, avail - rv->done, 0);
	if (likely(avail)) {
		n = vshm_recv_copy(vsk, conn, rv, avail);
		if (n < 0)
			return n;
		rv->done += n;
		return rv->done == rv->len;
	}
	if (rv->done >= rv->target || (conn && vshm_peek_ends(conn, rv)))
		return 1;
	return vshm_recv_wait(sk, conn, rv);
}

/**
 * vshm_stream_recvmsg() - recv(2) and its kin on a stream
 * @sock: socket
 * @msg: takes the data
 * @len: room for it
 * @flags: MSG_*
 *
 * Return: bytes received, 0 at the end of file, or an errno.
 */
int vshm_stream_recvmsg(struct socket *sock, struct msghdr *msg, size_t len,
			int flags)
{
	struct sock *sk = sock->sk;
	struct vshm_sock *vsk = vshm_sk(sk);
	struct vshm_recv rv = {
		.msg = msg,
		.len = len,
		.target = sock_rcvlowat(sk, flags & MSG_WAITALL, len),
		.peek = flags & MSG_PEEK,
		.timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT),
	};
	int ret;

	if (unlikely(flags & MSG_OOB))
		return -EOPNOTSUPP;
	msg->msg_namelen = 0;

	mutex_lock(&vsk->rx_lock);
	vsk->receivers++;
	ret = len ? 0 : vshm_io_error(sk) ?: 1;
	while (!ret)
		ret = vshm_recv_some(sk, &rv);
	if (rv.done && !rv.peek) {
		vsk->rx.bytes += rv.done;
		vsk->rx.calls++;
	}
	vsk->receivers--;
	mutex_unlock(&vsk->rx_lock);
	if (rv.done || ret > 0)
		return rv.done;
	return ret;
}
