// SPDX-License-Identifier: GPL-2.0
/*
 * What streams and packets share of the data path: errors, space and rings.
 */
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "io.h"

/**
 * vshm_io_error() - can there be any input or output?
 * @sk: socket
 *
 * Return: 0, -ENOTCONN or the error of a failed connect, or -ECONNRESET for
 * good when the link has died.
 */
int vshm_io_error(struct sock *sk)
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

/**
 * __vshm_send_error() - why a socket cannot send
 * @sk: socket that is not connected, or whose sending direction is closed
 *
 * Return: an errno; a pending error of the socket is taken.
 */
int __vshm_send_error(struct sock *sk)
{
	int err = vshm_io_error(sk) ?: sock_error(sk);

	return err ?: -EPIPE;
}

/**
 * vshm_io_violation() - what the peer wrote is impossible: reset the connection
 * @vsk: socket
 * @conn: its connection
 * @lock: tx_lock or rx_lock, held; dropped meanwhile
 * @what: what it was, for the log
 */
void vshm_io_violation(struct vshm_sock *vsk, struct vshm_conn *conn,
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
	mem.offset = virt_load_acquire(&s->mem.ring->next);
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
 * @need: bytes wanted at least; a larger ring is used to get them
 *
 * Context: tx_lock held.
 * Return: bytes, or -EPROTO.
 */
s64 vshm_send_space(struct sock *sk, struct vshm_conn *conn, u64 need)
{
	struct vshm_sender *s = &conn->tx;
	u64 limit = vshm_send_limit(sk);
	u64 space;
	int err;

	if (vshm_sender_sync(s))
		return -EPROTO;
	space = vshm_sender_space(s, limit);
	if (space >= need || limit <= s->mask + 1)
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
 * Return: true for a ring that is smaller than the send queue may be, once until
 * the answer has come; but the receiver may have been short of memory and have
 * more now, so again a second later.
 */
bool vshm_send_wants_more(struct sock *sk, struct vshm_conn *conn)
{
	if (vshm_send_limit(sk) <= conn->tx.mask + 1)
		return false;
	if (test_and_set_bit(VSHM_CONN_GROW_ASKED, &conn->flags) &&
	    time_before(jiffies, conn->grow_asked + HZ))
		return false;
	conn->grow_asked = jiffies;
	return true;
}

/**
 * vshm_send_want() - come back when there is room for so much
 * @sk: socket
 * @conn: its connection, whose ring has no room
 * @need: bytes wanted
 * @wq: runs vshm_send_retry()
 *
 * To a program, poll(2) is to say POLLOUT then, and not before. Should the larger
 * ring that this takes not come, for want of memory there, the socket's
 * sk_write_space() is called after a second nevertheless, to ask again.
 * Context: tx_lock held.
 */
void vshm_send_want(struct sock *sk, struct vshm_conn *conn, u64 need,
		    struct workqueue_struct *wq)
{
	if (need == 1)
		return;
	WRITE_ONCE(conn->want, need);
	if (need <= conn->tx.mask + 1)
		return;
	sock_hold(sk);
	if (mod_delayed_work(wq, &vshm_sk(sk)->connect_work, HZ + 1))
		sock_put(sk);
}

/**
 * vshm_send_retry() - let a program that waits for a larger ring ask again
 * @vsk: socket
 *
 * Context: process context.
 */
void vshm_send_retry(struct vshm_sock *vsk)
{
	struct vshm_conn *conn = vshm_conn_get(&vsk->conn);

	if (!conn)
		return;
	if (READ_ONCE(conn->want)) {
		WRITE_ONCE(conn->want, 0);
		vshm_wake_writers(&vsk->sk);
	}
	vshm_conn_put(conn);
}

/**
 * vshm_fault_in() - bring in pages of the program's buffer that a copy found missing
 * @lock: of the direction
 * @iter: the rest of the buffer
 * @n: bytes of it that were to be copied
 * @need: how many of them must come, the first ones
 *
 * Who takes pages away again and again can keep a call at this, but not from being
 * killed.
 * Context: @lock is held, dropped, and held again on return.
 * Return: 0 to try again, -EFAULT, or -EINTR when the process is to die.
 */
int vshm_fault_in(struct mutex *lock, struct iov_iter *iter, size_t n,
		  size_t need)
{
	size_t missing;

	mutex_unlock(lock);
	if (iov_iter_rw(iter) == WRITE)
		missing = fault_in_iov_iter_readable(iter, n);
	else
		missing = fault_in_iov_iter_writeable(iter, n);
	cond_resched();
	mutex_lock(lock);
	if (n - missing < need)
		return -EFAULT;
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/**
 * vshm_io_turn() - let others go on, between two pieces of a long call
 * @lock: of the direction
 * @done: bytes that the call has moved
 * @last: what this returned before, at first 0
 *
 * After each piece the lock is dropped for who waits for it: to take the link away,
 * or to offer a larger ring.
 * Context: @lock is held, and held again on return.
 * Return: how many bytes were moved when the lock was dropped last.
 */
size_t vshm_io_turn(struct mutex *lock, size_t done, size_t last)
{
	if (done - last < VSHM_PIECE) {
		cond_resched();
		return last;
	}
	mutex_unlock(lock);
	cond_resched();
	mutex_lock(lock);
	return done;
}

/**
 * vshm_send_full() - the ring is full: ask for a larger one, or wait
 * @sk: socket
 * @conn: its connection
 * @need: bytes wanted at least
 * @timeo: jiffies left; updated
 *
 * Context: tx_lock is held, dropped, and held again on return.
 * Return: 0 to look again, -EAGAIN when @timeo is 0, or the errno of a signal.
 */
int vshm_send_full(struct sock *sk, struct vshm_conn *conn, u64 need,
		   long *timeo)
{
	struct vshm_sock *vsk = vshm_sk(sk);
	long nap, left;
	int err;

	if (vshm_send_wants_more(sk, conn)) {
		refcount_inc(&conn->refs);
		mutex_unlock(&vsk->tx_lock);
		vshm_conn_post(conn, VSHM_OP_GROW);
		vshm_conn_put(conn);
		mutex_lock(&vsk->tx_lock);
		return 0;
	}
	if (likely(need <= conn->tx.mask + 1 || !*timeo)) {
		err = vshm_wait_space(sk, conn, need, timeo);
		if (err == -EAGAIN)
			vshm_send_want(sk, conn, need, system_percpu_wq);
		return err;
	}

	/* a larger ring must come; if memory is short there, ask again */
	if (signal_pending(current))
		return sock_intr_errno(*timeo);
	nap = min_t(long, *timeo, HZ / 10);
	left = nap;
	err = vshm_wait_space(sk, conn, need, &left);
	if (*timeo != MAX_SCHEDULE_TIMEOUT)
		*timeo -= nap - left;
	/* it may have ended, and be freed, while the lock was dropped */
	if (!left && rcu_access_pointer(vsk->conn) == conn)
		clear_bit(VSHM_CONN_GROW_ASKED, &conn->flags);
	return err;
}

/* The ring was left: whoever watches for edges may have asked on that one. */
static void vshm_recv_rearm(struct vshm_conn *conn)
{
	if (vshm_watched(vshm_sk(conn->sk)))
		vshm_receiver_watch(&conn->rx);
}

/**
 * vshm_recv_follow() - follow the sender to its next ring
 * @conn: connection that has found its ring empty
 *
 * The ring that is left is freed.
 * Context: rx_lock held.
 * Return: true when there is another ring to look at now.
 */
bool vshm_recv_follow(struct vshm_conn *conn)
{
	struct vshm_ring_mem old;
	bool moved;

	spin_lock_irq(&conn->event_lock);
	moved = vshm_receiver_move(&conn->rx, &old);
	if (moved)
		vshm_recv_rearm(conn);
	spin_unlock_irq(&conn->event_lock);
	if (moved)
		vshm_link_ring_free(conn->link, vshm_sk(conn->sk), &old);
	return moved;
}

/**
 * vshm_recv_carry() - take what is unread along to the sender's next ring
 * @conn: connection that has been peeked at up to the end of its ring
 *
 * Context: rx_lock held.
 * Return: true when there is another ring to look at now.
 */
bool vshm_recv_carry(struct vshm_conn *conn)
{
	struct vshm_ring_mem old;

	if (!conn->rx.mem.ring || !vshm_receiver_carry(&conn->rx))
		return false;
	spin_lock_irq(&conn->event_lock);
	vshm_receiver_shift(&conn->rx, &old);
	vshm_recv_rearm(conn);
	spin_unlock_irq(&conn->event_lock);
	vshm_link_ring_free(conn->link, vshm_sk(conn->sk), &old);
	return true;
}
