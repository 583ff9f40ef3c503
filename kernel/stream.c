// SPDX-License-Identifier: GPL-2.0
/*
 * Streams: sending and receiving bytes.
 *
 * A sender copies from the program's buffer straight into the ring that the
 * peer owns, a receiver from its own ring to the program's buffer. Each has a
 * lock of its own, so both run at once, and long transfers are published in
 * pieces, so that the two ends copy at the same time.
 */
#include <linux/uio.h>

#include "io.h"
#include "trace.h"
#include "vshm.h"

/* Large enough to cost little per byte, small enough to overlap. */
#define VSHM_PIECE	(64 * 1024)

/*
 * Send some bytes, or wait for space. tx_lock is held, and may be dropped
 * meanwhile. Returns bytes sent, 0 to try again, or an errno.
 */
static ssize_t vshm_send_some(struct sock *sk, struct msghdr *msg,
			      struct vshm_scm **scm, long *timeo)
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
		space = vshm_send_space(sk, conn, 1);
		if (!space)
			return vshm_send_full(sk, conn, 1, timeo);
		if (space < 0) {
			vshm_io_violation(vsk, conn, &vsk->tx_lock,
					  "index of a receiver");
			return 0;
		}
		n = min_t(size_t, n, space);
	}

	if (unlikely(*scm || vshm_writer_changed(conn))) {
		ret = vshm_scm_prepare(conn, scm);
		if (ret)
			return ret;
	}
	done = vshm_copy_in(&conn->tx, conn->tx.head, &msg->msg_iter, n);
	if (unlikely(*scm && done))
		vshm_scm_attach(conn, scm, done);
	if (likely(done) && vshm_sender_publish(&conn->tx, done))
		vshm_conn_notify(conn, VSHM_NEWS_DATA);
	vshm_count_tx(conn, done);
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
	struct vshm_scm *scm;
	struct sk_buff *done;
	size_t sent = 0;
	ssize_t ret = 0;
	long timeo;

	if (unlikely(msg->msg_flags & MSG_OOB))
		return -EOPNOTSUPP;
	if (unlikely(msg->msg_namelen))
		return sock->state == SS_CONNECTED ? -EISCONN : -EOPNOTSUPP;
	timeo = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT);
	ret = vshm_scm_send(sock, msg, &scm);
	if (unlikely(ret))
		return ret;
	ret = vshm_zerocopy_begin(sk, msg, len, &done);
	if (unlikely(ret)) {
		vshm_scm_free(scm);
		return ret;
	}

	mutex_lock(&vsk->tx_lock);
	vsk->senders++;
	if (!len)
		ret = vshm_send_error(sk);
	while (sent < len) {
		/* what was sent comes first, an error with the next call */
		if (sent && (READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN))
			break;
		ret = vshm_send_some(sk, msg, &scm, &timeo);
		if (ret < 0)
			break;
		sent += ret;
		if (sent < len)
			cond_resched();
	}
	if (sent) {
		vsk->tx.bytes += sent;
		vsk->tx.calls++;
	}
	vsk->senders--;
	mutex_unlock(&vsk->tx_lock);
	if (unlikely(scm))
		vshm_scm_free(scm);
	vshm_zerocopy_end(sk, done, sent);
	trace_vshm_send(vsk, len, sent ? sent : ret);
	if (sent || !ret)
		return sent;
	return sk_stream_error(sk, msg->msg_flags, ret);
}

/* One call of recvmsg(2). */
struct vshm_recv {
	struct msghdr	*msg;
	size_t		len;
	size_t		target;
	size_t		done;
	u64		skip;
	long		timeo;
	bool		peek;
	u8		shut;
	int		err;
	struct vshm_scm_recv *scm;
};

/* Nothing more to receive: returns 1 at the end, 0 to try again, or an errno. */
static int vshm_recv_wait(struct sock *sk, struct vshm_conn *conn,
			  struct vshm_recv *rv)
{
	int err;

	/* what was received comes first, an error with the next call */
	if (rv->done && (rv->err || !conn))
		return 1;
	err = vshm_io_error(sk);
	if (err)
		return err;
	if (rv->err)
		return sock_error(sk);
	if (!conn || (rv->shut & RCV_SHUTDOWN))
		return 1;
	return vshm_wait_data(sk, conn, rv->peek ? rv->skip + rv->done : 0,
			      &rv->timeo);
}

/* Where the next byte to be received is. */
static u64 vshm_recv_at(const struct vshm_conn *conn,
			const struct vshm_recv *rv)
{
	return conn->rx.tail + (rv->peek ? rv->skip + rv->done : 0);
}

/* Copy what there is; returns bytes, or -EFAULT. */
static ssize_t vshm_recv_copy(struct vshm_sock *vsk, struct vshm_conn *conn,
			      struct vshm_recv *rv, u64 avail)
{
	struct vshm_receiver *r = &conn->rx;
	size_t n, done;
	u64 at = vshm_recv_at(conn, rv);

	n = min_t(u64, min_t(u64, avail, rv->len - rv->done), VSHM_PIECE);
	done = vshm_copy_out(r, at, &rv->msg->msg_iter, n);
	if (!rv->peek && done) {
		if (vshm_receiver_consume(r, done))
			vshm_conn_notify(conn, VSHM_NEWS_SPACE);
		vshm_count_rx(conn, done);
	}
	if (unlikely(rv->scm && done))
		vshm_scm_take(&conn->scm, rv->scm, at, rv->peek);
	if (likely(done == n))
		return done;

	mutex_unlock(&vsk->rx_lock);
	n -= done;
	if (fault_in_iov_iter_writeable(&rv->msg->msg_iter, n) == n && !done)
		done = -EFAULT;
	mutex_lock(&vsk->rx_lock);
	return done;
}

/* Peeked bytes stay where they are: is there no room for more? */
static bool vshm_peek_ends(const struct vshm_conn *conn,
			   const struct vshm_recv *rv)
{
	const struct vshm_receiver *r = &conn->rx;

	return rv->peek && rv->done &&
	       (rv->skip + rv->done > r->mask || !r->mem.ring);
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

	if (unlikely(READ_ONCE(vsk->state) < VSHM_CONNECTED))
		return vshm_io_error(sk);
	/* before the ring: bytes that came before the end are seen */
	rv->shut = smp_load_acquire(&sk->sk_shutdown);
	rv->err = READ_ONCE(sk->sk_err);
	smp_rmb(); /* pairs with the release in vshm_sock_shutdown() */
	conn = rcu_dereference_protected(vsk->conn,
					 lockdep_is_held(&vsk->rx_lock));
	avail = conn ? vshm_recv_avail(conn) : 0;
	if (unlikely(avail < 0)) {
		vshm_io_violation(vsk, conn, &vsk->rx_lock,
				  "index of a sender");
		return 0;
	}
	if (rv->peek)
		avail = max_t(s64, avail - rv->skip - rv->done, 0);
	if (likely(avail)) {
		if (vshm_scm_pending(sk->sk_socket, &conn->scm, &rv->scm))
			return -ENOMEM;
		if (unlikely(rv->scm))
			avail = vshm_scm_limit(sk, &conn->scm, rv->scm,
					       vshm_recv_at(conn, rv), avail);
		if (unlikely(!avail))
			return 1;
		n = vshm_recv_copy(vsk, conn, rv, avail);
		if (n < 0)
			return n;
		rv->done += n;
		return rv->done == rv->len;
	}
	if (unlikely(rv->scm && rv->scm->cookie.fp))
		return 1;
	if (rv->peek && conn && conn->rx.nr_next && vshm_recv_carry(conn))
		return 0;
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
	struct vshm_conn *conn;
	int ret;

	if (unlikely(flags & MSG_OOB))
		return -EOPNOTSUPP;
	if (unlikely(flags & MSG_ERRQUEUE))
		return sock_recv_errqueue(sk, msg, len, SOL_VSHM, VSHM_RECVERR);
	msg->msg_namelen = 0;

	mutex_lock(&vsk->rx_lock);
	vsk->receivers++;
	rv.skip = max(sk_peek_offset(sk, flags), 0);
	ret = len ? 0 : vshm_io_error(sk) ?: 1;
	while (!ret) {
		ret = vshm_recv_some(sk, &rv);
		if (!ret)
			cond_resched();
	}
	if (rv.done && !rv.peek) {
		vsk->rx.bytes += rv.done;
		vsk->rx.calls++;
		sk_peek_offset_bwd(sk, rv.done);
	} else if (rv.done) {
		sk_peek_offset_fwd(sk, rv.done);
	}
	conn = rcu_dereference_protected(vsk->conn,
					 lockdep_is_held(&vsk->rx_lock));
	if (unlikely(conn && vshm_watched(vsk)))
		vshm_rearm_data(sk, conn);
	vsk->receivers--;
	mutex_unlock(&vsk->rx_lock);
	if (rv.done)
		vshm_recv_timestamp(sk, msg, 0);
	if (unlikely(rv.scm))
		vshm_scm_finish(sock, msg, rv.scm, flags);
	trace_vshm_recv(vsk, len, rv.done || ret > 0 ? rv.done : ret);
	if (rv.done || ret > 0)
		return rv.done;
	return ret;
}
