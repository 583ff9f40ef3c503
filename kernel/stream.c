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

/* One call of sendmsg(2). */
struct vshm_send {
	struct msghdr		*msg;
	long			timeo;
	struct vshm_beside	beside;
};

/*
 * Send some bytes, or wait for space. tx_lock is held, and may be dropped
 * meanwhile. Returns bytes sent, 0 to try again, or an errno.
 */
static ssize_t vshm_send_some(struct sock *sk, struct vshm_send *call)
{
	struct msghdr *msg = call->msg;
	size_t n = min_t(size_t, msg_data_left(msg), VSHM_PIECE), done;
	struct vshm_sock *vsk = vshm_sk(sk);
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

	if (unlikely(!vshm_sender_fits(&conn->tx, vshm_send_limit(sk), n))) {
		space = vshm_send_space(sk, conn, 1);
		if (!space)
			return vshm_send_full(sk, conn, 1, &call->timeo);
		if (space < 0) {
			vshm_io_violation(vsk, conn, &vsk->tx_lock,
					  "index of a receiver");
			return 0;
		}
		n = min_t(size_t, n, space);
	}

	if (unlikely(vshm_beside_due(conn, &call->beside))) {
		ret = vshm_beside_prepare(conn, &call->beside);
		if (ret)
			return ret;
	}
	done = vshm_copy_in(&conn->tx, conn->tx.head, &msg->msg_iter, n);
	if (unlikely(!done))
		return vshm_fault_in(&vsk->tx_lock, &msg->msg_iter, n, 1);
	if (unlikely(call->beside.any)) {
		ret = vshm_beside_attach(conn, &call->beside, done);
		if (ret) {
			iov_iter_revert(&msg->msg_iter, done);
			return ret;
		}
	}
	if (vshm_sender_publish(&conn->tx, done))
		vshm_conn_notify(conn, VSHM_NEWS_DATA);
	vshm_count_tx(conn, done);
	/* bytes that were sent come first, an error with the next call */
	if (unlikely(done < n))
		vshm_fault_in(&vsk->tx_lock, &msg->msg_iter, n - done, 1);
	return done;
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
	struct vshm_send call = {
		.msg = msg,
		.timeo = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT),
	};
	size_t sent = 0, turn = 0;
	ssize_t ret;

	if (unlikely(msg->msg_namelen))
		return sock->state == SS_CONNECTED ? -EISCONN : -EOPNOTSUPP;
	ret = vshm_beside_begin(sock, msg, len, &call.beside);
	if (unlikely(ret))
		return ret;

	mutex_lock(&vsk->tx_lock);
	vsk->senders++;
	if (unlikely(!len))
		ret = vshm_send_error(sk);
	while (sent < len) {
		/* what was sent comes first, an error with the next call */
		if (sent && (READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN))
			break;
		ret = vshm_send_some(sk, &call);
		if (unlikely(ret < 0))
			break;
		sent += ret;
		if (sent < len)
			turn = vshm_io_turn(&vsk->tx_lock, sent, turn);
	}
	if (likely(sent)) {
		vsk->tx.bytes += sent;
		vsk->tx.calls++;
		ret = sent;
	}
	vsk->senders--;
	mutex_unlock(&vsk->tx_lock);
	vshm_beside_end(sk, &call.beside, ret > 0);
	trace_vshm_send(vsk, len, ret);
	if (likely(ret >= 0))
		return ret;
	return sk_stream_error(sk, msg->msg_flags, ret);
}

/* One call of recvmsg(2). */
struct vshm_recv {
	struct msghdr	*msg;
	size_t		len;
	size_t		done;
	u64		skip;
	long		timeo;
	int		flags;
	int		err;
	struct vshm_scm_recv *scm;
	u8		shut;
	bool		peek;
	bool		odd;	/* @peek, or @scm is there */
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

/*
 * Copy what there is. rx_lock is held, and may be dropped meanwhile. @odd is
 * known when this is compiled, once for each. Returns as vshm_recv_some().
 */
static __always_inline int vshm_recv_copy(struct vshm_sock *vsk,
					  struct vshm_conn *conn,
					  struct vshm_recv *rv, u64 at,
					  u64 avail, const bool odd)
{
	struct vshm_receiver *r = &conn->rx;
	size_t n, done;

	n = min_t(u64, min_t(u64, avail, rv->len - rv->done), VSHM_PIECE);
	done = vshm_copy_out(r, at, &rv->msg->msg_iter, n);
	if (unlikely(!done))
		return vshm_fault_in(&vsk->rx_lock, &rv->msg->msg_iter, n, 1);
	if (!odd || !rv->peek) {
		if (vshm_receiver_consume(r, done))
			vshm_conn_notify(conn, VSHM_NEWS_SPACE);
		vshm_count_rx(conn, done);
	}
	if (odd && rv->scm)
		vshm_scm_take(&conn->scm, rv->scm, at, rv->peek);
	rv->done += done;
	/* bytes that were received come first, an error with the next call */
	if (unlikely(done < n))
		vshm_fault_in(&vsk->rx_lock, &rv->msg->msg_iter, n - done, 1);
	return rv->done == rv->len;
}

/* Peeked bytes stay where they are: does the peer wait for that to change? */
static bool vshm_peek_ends(struct vshm_conn *conn, const struct vshm_recv *rv)
{
	return rv->peek && rv->done && vshm_recv_ends(conn, rv->skip + rv->done);
}

/*
 * There are no bytes to be received, or none that were not peeked at: wait.
 * Returns as vshm_recv_some().
 */
static int vshm_recv_none(struct sock *sk, struct vshm_conn *conn,
			  struct vshm_recv *rv)
{
	size_t target = sock_rcvlowat(sk, rv->flags & MSG_WAITALL, rv->len);

	if (rv->scm && rv->scm->cookie.fp)
		return 1;
	if (rv->peek && conn && conn->rx.nr_next && vshm_recv_carry(conn))
		return 0;
	if (rv->done >= target || (conn && vshm_peek_ends(conn, rv)))
		return 1;
	return vshm_recv_wait(sk, conn, rv);
}

/*
 * What most calls do not meet: no data, bytes that are only peeked at, and more
 * to receive than data. Returns as vshm_recv_some().
 */
static noinline int vshm_recv_odd(struct sock *sk, struct vshm_conn *conn,
				  struct vshm_recv *rv)
{
	struct vshm_sock *vsk = vshm_sk(sk);
	s64 avail;
	u64 at;

	/* before the ring: bytes that came before the end are seen */
	rv->shut = smp_load_acquire(&sk->sk_shutdown);
	rv->err = READ_ONCE(sk->sk_err);
	smp_rmb(); /* pairs with the release in vshm_sock_shutdown() */
	avail = conn ? vshm_recv_avail(conn) : 0;
	if (unlikely(avail < 0)) {
		vshm_io_violation(vsk, conn, &vsk->rx_lock,
				  "index of a sender");
		return 0;
	}
	if (rv->peek)
		avail = max_t(s64, avail - rv->skip - rv->done, 0);
	if (!avail)
		return vshm_recv_none(sk, conn, rv);

	at = conn->rx.tail + (rv->peek ? rv->skip + rv->done : 0);
	if (vshm_scm_pending(sk, &conn->scm)) {
		if (vshm_scm_begin(&rv->scm))
			return -ENOMEM;
		rv->odd = true;
	}
	if (rv->scm) {
		avail = vshm_scm_limit(sk, &conn->scm, rv->scm, at, avail);
		if (!avail)
			return 1;
	}
	return vshm_recv_copy(vsk, conn, rv, at, avail, true);
}

/*
 * Receive some bytes, or wait for them. rx_lock is held, and may be dropped
 * meanwhile. Returns 0 to go on, 1 when the call is done, or an errno.
 */
static int vshm_recv_some(struct sock *sk, struct vshm_recv *rv)
{
	struct vshm_sock *vsk = vshm_sk(sk);
	struct vshm_conn *conn;
	s64 avail;

	if (unlikely(READ_ONCE(vsk->state) < VSHM_CONNECTED))
		return vshm_io_error(sk);
	conn = rcu_dereference_protected(vsk->conn,
					 lockdep_is_held(&vsk->rx_lock));
	avail = conn ? vshm_recv_avail(conn) : 0;
	if (unlikely(avail <= 0 || rv->odd || vshm_scm_pending(sk, &conn->scm)))
		return vshm_recv_odd(sk, conn, rv);
	return vshm_recv_copy(vsk, conn, rv, conn->rx.tail, avail, false);
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
		.flags = flags,
		.peek = flags & MSG_PEEK,
		.odd = flags & MSG_PEEK,
		.timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT),
	};
	struct vshm_conn *conn;
	size_t turn = 0;
	int ret;

	if (unlikely(flags & MSG_OOB))
		return -EOPNOTSUPP;
	if (unlikely(flags & MSG_ERRQUEUE))
		return sock_recv_errqueue(sk, msg, len, SOL_VSHM, VSHM_RECVERR);
	msg->msg_namelen = 0;

	mutex_lock(&vsk->rx_lock);
	vsk->receivers++;
	if (unlikely(flags & MSG_PEEK))
		rv.skip = max(sk_peek_offset(sk, flags), 0);
	ret = likely(len) ? 0 : vshm_io_error(sk) ?: 1;
	while (!ret) {
		ret = vshm_recv_some(sk, &rv);
		if (!ret)
			turn = vshm_io_turn(&vsk->rx_lock, rv.done, turn);
	}
	if (likely(rv.done && !rv.peek)) {
		vsk->rx.bytes += rv.done;
		vsk->rx.calls++;
		sk_peek_offset_bwd(sk, rv.done);
	} else if (rv.done) {
		sk_peek_offset_fwd(sk, rv.done);
	}
	if (likely(rv.done))
		ret = rv.done;
	else if (ret > 0)
		ret = 0;
	conn = rcu_dereference_protected(vsk->conn,
					 lockdep_is_held(&vsk->rx_lock));
	if (unlikely(vshm_watched(vsk)) && conn)
		vshm_rearm_data(sk, conn);
	vsk->receivers--;
	mutex_unlock(&vsk->rx_lock);
	if (likely(ret > 0))
		vshm_recv_timestamp(sk, msg, 0);
	if (unlikely(rv.scm))
		vshm_scm_finish(sock, msg, rv.scm, flags);
	trace_vshm_recv(vsk, len, ret);
	return ret;
}
