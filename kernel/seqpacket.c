// SPDX-License-Identifier: GPL-2.0
/*
 * SOCK_SEQPACKET: sending and receiving packets.
 *
 * A packet lies in the ring behind a header with its length, as a whole, and is
 * published at once. So a receiver sees it all or not at all, and what does not
 * fit a program's buffer is skipped.
 */
#include "io.h"
#include "trace.h"
#include "vshm.h"

/**
 * vshm_seqpacket_next() - a packet in the receive queue
 * @conn: connection
 * @at: where it starts, before the head
 * @packet: takes its header
 *
 * Context: rx_lock held.
 * Return: bytes that the packet takes in the ring, or -EPROTO.
 */
s64 vshm_seqpacket_next(struct vshm_conn *conn, u64 at,
			struct vshm_packet *packet)
{
	const struct vshm_packet *shared;
	u64 avail = conn->rx.head - at;
	u64 bytes;

	if (avail < sizeof(*packet))
		return -EPROTO;
	/* aligned, so in one piece; loaded once */
	shared = (void *)vshm_receiver_at(&conn->rx, at);
	packet->len = READ_ONCE(shared->len);
	packet->flags = READ_ONCE(shared->flags);
	bytes = VSHM_PACKET_BYTES(packet->len);
	if (bytes > conn->rx.mask + 1)
		return -EPROTO;
	/* it was published as a whole, and lies in one ring */
	return bytes <= avail ? bytes : -EPROTO;
}

/* Largest packet that both ends have room for. */
static u64 vshm_seqpacket_max(struct sock *sk, const struct vshm_conn *conn)
{
	u64 limit = min(vshm_send_limit(sk), 1ULL << conn->peer_limit);

	return round_down(limit, VSHM_PACKET_BYTES(0)) -
	       VSHM_PACKET_BYTES(0);
}

/*
 * Send the packet, or wait for space. tx_lock is held, and may be dropped
 * meanwhile. Returns 1 when it is sent, 0 to try again, or an errno.
 */
static int vshm_seqpacket_send(struct sock *sk, struct msghdr *msg, size_t len,
			       struct vshm_beside *beside, long *timeo)
{
	struct vshm_sock *vsk = vshm_sk(sk);
	struct vshm_packet *packet;
	struct vshm_conn *conn;
	struct vshm_sender *s;
	u64 bytes;
	size_t n;
	s64 space;
	int err;

	err = vshm_send_error(sk);
	if (unlikely(err))
		return err;
	conn = rcu_dereference_protected(vsk->conn,
					 lockdep_is_held(&vsk->tx_lock));
	if (unlikely(!conn || !conn->tx.mem.ring))
		return -EPIPE;
	if (len > vshm_seqpacket_max(sk, conn))
		return -EMSGSIZE;

	s = &conn->tx;
	bytes = VSHM_PACKET_BYTES(len);
	if (unlikely(!vshm_sender_fits(s, vshm_send_limit(sk), bytes))) {
		space = vshm_send_space(sk, conn, bytes);
		if (space < 0) {
			vshm_io_violation(vsk, conn, &vsk->tx_lock,
					  "index of a receiver");
			return 0;
		}
		if (space < bytes)
			return vshm_send_full(sk, conn, bytes, timeo);
		WRITE_ONCE(conn->want, 0);
	}

	if (unlikely(vshm_beside_due(conn, beside))) {
		err = vshm_beside_prepare(conn, beside);
		if (err)
			return err;
	}
	packet = (void *)vshm_sender_at(s, s->head);
	packet->len = len;
	packet->flags = msg->msg_flags & MSG_EOR ? VSHM_PACKET_EOR : 0;
	n = vshm_copy_in(s, s->head + sizeof(*packet), &msg->msg_iter, len);
	if (likely(n == len)) {
		if (unlikely(beside->any)) {
			err = vshm_beside_attach(conn, beside, bytes);
			if (err)
				return err;
		}
		vshm_sender_count(s, len);
		if (vshm_sender_publish(s, bytes))
			vshm_conn_notify(conn, VSHM_NEWS_DATA);
		vshm_count_tx(conn, len);
		return 1;
	}

	/* nothing is published yet: from the start, with the pages there */
	iov_iter_revert(&msg->msg_iter, n);
	return vshm_fault_in(&vsk->tx_lock, &msg->msg_iter, len, len);
}

/**
 * vshm_seqpacket_sendmsg() - send(2) and its kin on a seqpacket socket
 * @sock: socket
 * @msg: packet and flags
 * @len: bytes of the packet
 *
 * Return: @len, or an errno; -EMSGSIZE for a packet larger than SO_SNDBUF or
 * the peer's SO_RCVBUF allows.
 */
int vshm_seqpacket_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	struct sock *sk = sock->sk;
	struct vshm_sock *vsk = vshm_sk(sk);
	struct vshm_beside beside;
	long timeo;
	int ret;

	if (unlikely(msg->msg_namelen))
		return sock->state == SS_CONNECTED ? -EISCONN : -EOPNOTSUPP;
	timeo = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT);
	ret = vshm_beside_begin(sock, msg, len, &beside);
	if (unlikely(ret))
		return ret;

	mutex_lock(&vsk->tx_lock);
	vsk->senders++;
	do {
		ret = vshm_seqpacket_send(sk, msg, len, &beside, &timeo);
	} while (!ret);
	if (likely(ret > 0)) {
		vsk->tx.bytes += len;
		vsk->tx.calls++;
	}
	vsk->senders--;
	mutex_unlock(&vsk->tx_lock);
	vshm_beside_end(sk, &beside, ret > 0);
	trace_vshm_send(vsk, len, ret > 0 ? len : ret);
	if (likely(ret > 0))
		return len;
	/* no SIGPIPE, as from AF_UNIX and AF_VSOCK: that is for streams */
	return sk_stream_error(sk, msg->msg_flags | MSG_NOSIGNAL, ret);
}

/* One call of recvmsg(2). */
struct vshm_seqpacket_recv {
	struct msghdr	*msg;
	size_t		len;
	int		flags;
	long		timeo;
	u64		at;
	u32		skip;
	size_t		done;
	bool		taken;
	struct vshm_scm_recv *scm;
};

/*
 * Find the packet to be received, past what SO_PEEK_OFF passes over. Returns 1
 * when there is one, 0, or -EPROTO.
 */
static int vshm_seqpacket_find(struct vshm_sock *vsk, struct vshm_conn *conn,
			       struct vshm_seqpacket_recv *rv,
			       struct vshm_packet *packet)
{
	const struct vshm_receiver *r = &conn->rx;
	unsigned int passed = 0;
	int off = -1;
	s64 bytes;

	if (unlikely(rv->flags & MSG_PEEK))
		off = READ_ONCE(vsk->sk.sk_peek_off);
	for (rv->at = r->tail; rv->at != r->head; rv->at += bytes) {
		bytes = vshm_seqpacket_next(conn, rv->at, packet);
		if (unlikely(bytes < 0))
			return bytes;
		rv->skip = max(off, 0);
		/* an empty one is passed over once it was seen */
		if (likely(off < 0 || rv->skip < packet->len ||
			   (!off && (s64)(vsk->peeked - rv->at) <= 0)))
			return 1;
		off -= packet->len;
		vshm_peek_past(&passed);
	}
	return 0;
}

/* Copy a packet out; returns 1 when that is done, 0 to try again, -EFAULT. */
static int vshm_seqpacket_copy(struct vshm_sock *vsk, struct vshm_conn *conn,
			       struct vshm_seqpacket_recv *rv,
			       const struct vshm_packet *packet)
{
	size_t len = packet->len - rv->skip, want = min(len, rv->len), n;
	u64 bytes = VSHM_PACKET_BYTES(packet->len);
	struct msghdr *msg = rv->msg;

	if (unlikely(vshm_scm_pending(&vsk->sk, &conn->scm) &&
		     vshm_scm_begin(&rv->scm)))
		return -ENOMEM;
	if (unlikely(rv->scm))
		vshm_scm_limit(&vsk->sk, &conn->scm, rv->scm, rv->at, bytes);
	n = vshm_copy_out(&conn->rx, rv->at + sizeof(*packet) + rv->skip,
			  &msg->msg_iter, want);
	if (unlikely(n != want)) {
		iov_iter_revert(&msg->msg_iter, n);
		return vshm_fault_in(&vsk->rx_lock, &msg->msg_iter, want, want);
	}
	if (unlikely(rv->scm))
		vshm_scm_take(&conn->scm, rv->scm, rv->at,
			      rv->flags & MSG_PEEK);
	if (unlikely(rv->flags & MSG_PEEK)) {
		vsk->peeked = rv->at + bytes;
		sk_peek_offset_fwd(&vsk->sk, want);
	} else {
		vshm_receiver_count(&conn->rx, packet->len);
		if (vshm_receiver_consume(&conn->rx, bytes))
			vshm_conn_notify(conn, VSHM_NEWS_SPACE);
		vshm_count_rx(conn, packet->len);
		sk_peek_offset_bwd(&vsk->sk, packet->len);
	}
	if (want < len)
		msg->msg_flags |= MSG_TRUNC;
	if (packet->flags & VSHM_PACKET_EOR)
		msg->msg_flags |= MSG_EOR;
	rv->done = rv->flags & MSG_TRUNC ? len : want;
	rv->taken = true;
	return 1;
}

/*
 * Receive a packet, or wait for one. rx_lock is held, and may be dropped
 * meanwhile. Returns 1 when the call is done, 0 to try again, or an errno.
 */
static int vshm_seqpacket_recv(struct sock *sk, struct vshm_seqpacket_recv *rv)
{
	struct vshm_sock *vsk = vshm_sk(sk);
	struct vshm_packet packet;
	struct vshm_conn *conn;
	int pending = 0, err, found = 0;
	u8 shut = 0;
	s64 avail;

	if (unlikely(READ_ONCE(vsk->state) < VSHM_CONNECTED))
		return vshm_io_error(sk);
	conn = rcu_dereference_protected(vsk->conn,
					 lockdep_is_held(&vsk->rx_lock));
	avail = conn ? vshm_recv_avail(conn) : 0;
	if (unlikely(!avail || rv->flags & MSG_PEEK)) {
		/* once more: packets that came before the end are seen */
		shut = smp_load_acquire(&sk->sk_shutdown);
		pending = READ_ONCE(sk->sk_err);
		smp_rmb(); /* pairs with the release in vshm_sock_shutdown() */
		avail = conn ? vshm_recv_avail(conn) : 0;
	}
	if (avail > 0)
		found = vshm_seqpacket_find(vsk, conn, rv, &packet);
	if (unlikely(avail < 0 || found < 0)) {
		vshm_io_violation(vsk, conn, &vsk->rx_lock, "packet");
		return 0;
	}
	if (likely(found))
		return vshm_seqpacket_copy(vsk, conn, rv, &packet);
	/* all of this ring was peeked at */
	if (avail && conn->rx.nr_next && vshm_recv_carry(conn))
		return 0;

	err = vshm_io_error(sk);
	if (err)
		return err;
	if (pending)
		return sock_error(sk);
	if (!conn || (shut & RCV_SHUTDOWN))
		return 1;
	return vshm_wait_data(sk, conn, avail, &rv->timeo);
}

/**
 * vshm_seqpacket_recvmsg() - recv(2) and its kin on a seqpacket socket
 * @sock: socket
 * @msg: takes the packet
 * @len: room for it
 * @flags: MSG_*
 *
 * Return: bytes received, with MSG_TRUNC the length of the packet, 0 at the end
 * or for an empty packet, or an errno.
 */
int vshm_seqpacket_recvmsg(struct socket *sock, struct msghdr *msg, size_t len,
			   int flags)
{
	struct sock *sk = sock->sk;
	struct vshm_sock *vsk = vshm_sk(sk);
	struct vshm_seqpacket_recv rv = {
		.msg = msg,
		.len = len,
		.flags = flags,
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
	do {
		ret = vshm_seqpacket_recv(sk, &rv);
	} while (!ret);
	if (ret > 0 && !(flags & MSG_PEEK)) {
		vsk->rx.bytes += rv.done;
		vsk->rx.calls++;
	}
	conn = rcu_dereference_protected(vsk->conn,
					 lockdep_is_held(&vsk->rx_lock));
	if (unlikely(conn && vshm_watched(vsk)))
		vshm_rearm_data(sk, conn);
	vsk->receivers--;
	mutex_unlock(&vsk->rx_lock);
	if (ret > 0 && rv.taken)
		vshm_recv_timestamp(sk, msg, 0);
	if (unlikely(rv.scm))
		vshm_scm_finish(sock, msg, rv.scm, flags);
	trace_vshm_recv(vsk, len, ret > 0 ? rv.done : ret);
	return ret > 0 ? rv.done : ret;
}
