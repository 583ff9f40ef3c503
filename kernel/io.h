/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What streams and packets share of the data path.
 *
 * Copies are made with page faults disabled. One that faults stops short; the
 * page is brought in with the lock dropped. So a lock is held as long as a copy
 * of one piece takes and no longer, whatever lies behind the program's buffer,
 * and a link can be taken away in bounded time.
 *
 * The copies are the ones below hardened usercopy, which asks the page tables
 * and the slab what lies behind an address, at 150 instructions a call. A ring
 * is whole pages, or one page's half, and vshm_ring_piece() ends each copy at
 * its end: there is nothing that the check could find.
 */
#ifndef _VSHM_IO_H
#define _VSHM_IO_H

#include <linux/uaccess.h>
#include <linux/uio.h>

#include "vshm.h"

int vshm_io_error(struct sock *sk);
int __vshm_send_error(struct sock *sk);
void vshm_io_violation(struct vshm_sock *vsk, struct vshm_conn *conn,
		       struct mutex *lock, const char *what);
int vshm_send_full(struct sock *sk, struct vshm_conn *conn, u64 need,
		   long *timeo);

/* ancillary.c */
int __vshm_zerocopy_begin(struct sock *sk, struct sk_buff **done);
void __vshm_zerocopy_end(struct sock *sk, struct sk_buff *done, bool sent);
void __vshm_recv_timestamp(struct sock *sk, struct msghdr *msg, ktime_t when);

/* Prepare for what MSG_ZEROCOPY promises; 0 or -ENOBUFS. */
static inline int vshm_zerocopy_begin(struct sock *sk, const struct msghdr *msg,
				      size_t len, struct sk_buff **done)
{
	*done = NULL;
	if (likely(!(msg->msg_flags & MSG_ZEROCOPY) || !len))
		return 0;
	return __vshm_zerocopy_begin(sk, done);
}

static inline void vshm_zerocopy_end(struct sock *sk, struct sk_buff *done,
				     bool sent)
{
	if (unlikely(done))
		__vshm_zerocopy_end(sk, done, sent);
}

/* SO_TIMESTAMP, or SO_TIMESTAMPING of what is received. */
static inline bool vshm_wants_timestamps(const struct sock *sk)
{
	return sk->sk_flags & (BIT(SOCK_RCVTSTAMP) |
			       BIT(SOCK_TIMESTAMPING_RX_SOFTWARE));
}

/* Only datagrams have a time of arrival; 0 is now. */
static inline void vshm_recv_timestamp(struct sock *sk, struct msghdr *msg,
				       ktime_t when)
{
	if (unlikely(vshm_wants_timestamps(sk)))
		__vshm_recv_timestamp(sk, msg, when ?: ktime_get_real());
}

/* May the other end take somebody else for the sender? */
static inline bool vshm_writer_changed(const struct vshm_conn *conn)
{
	return conn->local && (conn->writer.cred != current_cred() ||
			       conn->writer.pid != task_tgid(current));
}

/*
 * Is there more to receive than data, or has the program asked who sent it? Then
 * *@rv is what the call receives of it, else it stays NULL. 0 or -ENOMEM.
 */
static inline int vshm_scm_pending(const struct socket *sock,
				   const struct vshm_scm_queue *q,
				   struct vshm_scm_recv **rv)
{
	if (likely((list_empty(&q->items) && !vshm_passcred(sock)) || *rv))
		return 0;
	*rv = vshm_scm_begin();
	return *rv ? 0 : -ENOMEM;
}

/* Why a socket cannot send, or 0. */
static inline int vshm_send_error(struct sock *sk)
{
	if (likely(!(READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN) &&
		   READ_ONCE(vshm_sk(sk)->state) >= VSHM_CONNECTED))
		return 0;
	return __vshm_send_error(sk);
}

/* Copy up to @n bytes to position @at; returns how many were copied. */
static inline size_t vshm_copy_in(struct vshm_sender *s, u64 at,
				  struct iov_iter *from, size_t n)
{
	size_t first = vshm_ring_piece(s->mask, at, n), done;

	pagefault_disable();
	done = _copy_from_iter(vshm_sender_at(s, at), first, from);
	if (done == first && first < n)
		done += _copy_from_iter(s->mem.data, n - first, from);
	pagefault_enable();
	return done;
}

/* Copy up to @n bytes from position @at; returns how many were copied. */
static inline size_t vshm_copy_out(struct vshm_receiver *r, u64 at,
				   struct iov_iter *to, size_t n)
{
	size_t first = vshm_ring_piece(r->mask, at, n), done;

	pagefault_disable();
	done = _copy_to_iter(vshm_receiver_at(r, at), first, to);
	if (done == first && first < n)
		done += _copy_to_iter(r->mem.data, n - first, to);
	pagefault_enable();
	return done;
}

/**
 * vshm_recv_avail() - bytes that can be received now
 * @conn: connection
 *
 * Context: rx_lock held.
 * Return: bytes, in the ring that is read at present, or -EPROTO.
 */
static inline s64 vshm_recv_avail(struct vshm_conn *conn)
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

#endif /* _VSHM_IO_H */
