/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What streams and packets share of the data path.
 *
 * Copies are made with page faults disabled. One that faults stops short; the
 * page is brought in with the lock dropped. After each piece the lock is dropped as
 * well. So it is held as long as a copy of one piece takes and no longer, whatever
 * lies behind the program's buffer and however much a call moves, and a link can be
 * taken away in bounded time.
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

/* Large enough to cost little per byte, small enough to overlap. */
#define VSHM_PIECE	(64 * 1024)

int vshm_io_error(struct sock *sk);
int __vshm_send_error(struct sock *sk);
void vshm_io_violation(struct vshm_sock *vsk, struct vshm_conn *conn,
		       struct mutex *lock, const char *what);
int vshm_fault_in(struct mutex *lock, struct iov_iter *iter, size_t n,
		  size_t need);
size_t vshm_io_turn(struct mutex *lock, size_t done, size_t last);
void vshm_send_want(struct sock *sk, struct vshm_conn *conn, u64 need,
		    struct workqueue_struct *wq);
int vshm_send_full(struct sock *sk, struct vshm_conn *conn, u64 need,
		   long *timeo);

/* ancillary.c */
void __vshm_recv_timestamp(struct sock *sk, struct msghdr *msg, ktime_t when);

/*
 * A peek passes over a packet: after some of them other work gets its turn, since
 * a peer may have sent nothing but empty ones.
 */
static inline void vshm_peek_past(unsigned int *passed)
{
	if (!(++*passed % 1024))
		cond_resched();
}

/**
 * struct vshm_beside - what a call that sends has beside its data
 * @who: credentials of the sender; VSHM_WHO_SCM as long as there is @scm to be
 *	sent; NULL when that has said whose the rest is
 * @scm: descriptors and credentials, or NULL
 * @done: completion for MSG_ZEROCOPY, or NULL
 * @any: there may be any of it
 */
struct vshm_beside {
	const struct cred	*who;
	struct vshm_scm		*scm;
	struct sk_buff		*done;
	bool			any;
};

/* Nobody's credentials. */
#define VSHM_WHO_SCM	((const struct cred *)ERR_PTR(-EINVAL))

int __vshm_beside_begin(struct socket *sock, struct msghdr *msg, size_t len,
			struct vshm_beside *beside);
void __vshm_beside_end(struct sock *sk, struct vshm_beside *beside, bool sent);

/* Take what goes beside the data: 0 or an errno, with nothing to end. */
static inline int vshm_beside_begin(struct socket *sock, struct msghdr *msg,
				    size_t len, struct vshm_beside *beside)
{
	beside->who = current_cred();
	beside->scm = NULL;
	beside->done = NULL;
	beside->any = false;
	if (likely(!msg->msg_controllen &&
		   !(msg->msg_flags & (MSG_ZEROCOPY | MSG_OOB))))
		return 0;
	return __vshm_beside_begin(sock, msg, len, beside);
}

/* The call is over; context: no lock held. */
static inline void vshm_beside_end(struct sock *sk, struct vshm_beside *beside,
				   bool sent)
{
	if (unlikely(beside->any))
		__vshm_beside_end(sk, beside, sent);
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

/*
 * Is there anything to be sent beside the data, or may the other end take
 * somebody else for the sender? tx_lock is held.
 */
static inline bool vshm_beside_due(const struct vshm_conn *conn,
				   const struct vshm_beside *beside)
{
	return conn->writer.cred != beside->who && (conn->local || beside->scm);
}

/* Make it ready: 0 or an errno. tx_lock is held. */
static inline int vshm_beside_prepare(struct vshm_conn *conn,
				      struct vshm_beside *beside)
{
	beside->any = true;
	return vshm_scm_prepare(conn, &beside->scm);
}

/*
 * Send it with the @bytes that were copied to the head of the ring, and are
 * published next: 0 or an errno. tx_lock is held.
 */
static inline int vshm_beside_attach(struct vshm_conn *conn,
				     struct vshm_beside *beside, u64 bytes)
{
	if (!beside->scm)
		return 0;
	return vshm_scm_attach(conn, &beside->scm, bytes, &beside->who);
}

/* Is there more to receive than data, or has the program asked who sent it? */
static inline bool vshm_scm_pending(const struct sock *sk,
				    const struct vshm_scm_queue *q)
{
	return READ_ONCE(q->filled) || vshm_passcred(sk);
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
	if (unlikely(first < n) && done == first)
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
	if (unlikely(first < n) && done == first)
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
