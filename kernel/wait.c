// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for data and for space, and being woken: poll(2) and blocked calls.
 *
 * Whoever waits first joins the socket's wait queue, then asks the other end
 * for a notification by an event index (under event_lock, since several may
 * ask), then looks at the ring once more, and only then sleeps. The other end
 * publishes, and then looks at the event index.
 */
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <net/busy_poll.h>

#include "io.h"
#include "trace.h"
#include "vshm.h"

/* A waiter that is woken by its own kind of event only. */
struct vshm_waiter {
	wait_queue_entry_t	wait;
	__poll_t		events;
};

static int vshm_waiter_wake(wait_queue_entry_t *wait, unsigned int mode,
			    int sync, void *key)
{
	struct vshm_waiter *waiter = container_of(wait, struct vshm_waiter,
						  wait);

	if (key && !(key_to_poll(key) & (waiter->events | EPOLLERR | EPOLLHUP)))
		return 0;
	return woken_wake_function(wait, mode, sync, key);
}

/* What may remain in the send queue when it is worth waking up: half. */
static u64 vshm_space_rest(u64 limit, u64 need)
{
	return min(limit / 2, limit - min(need, limit));
}

/* The same conditions as in vshm_send_space(), or waiting would not end. */
static bool vshm_space_ready(const struct sock *sk,
			     const struct vshm_conn *conn, u64 limit, u64 need)
{
	const struct vshm_sender *s = &conn->tx;
	u64 used = READ_ONCE(s->head) - READ_ONCE(s->mem.ring->tail);

	return (need <= limit && used <= vshm_space_rest(limit, need)) ||
	       (vshm_send_limit(sk) > s->mask + 1 &&
		(READ_ONCE(s->mem.ring->next) ||
		 !test_bit(VSHM_CONN_GROW_ASKED, &conn->flags)));
}

/*
 * Ask for a notification of space, as vshm_arm_space(). @tell is set when the
 * receiver is to be notified.
 */
static bool __vshm_arm_space(struct sock *sk, struct vshm_conn *conn, u64 need,
			     bool *tell)
{
	struct vshm_sender *s = &conn->tx;
	bool ready = true;
	u64 limit, want;

	spin_lock_irq(&conn->event_lock);
	if (s->mem.ring) {
		limit = min(vshm_send_limit(sk), s->mask + 1);
		ready = vshm_space_ready(sk, conn, limit, need);
		if (!ready) {
			want = s->mask + 1 - vshm_space_rest(limit, need);
			*tell = vshm_sender_wait(s, want, vshm_send_limit(sk) >
							  s->mask + 1);
			ready = vshm_space_ready(sk, conn, limit, need);
		}
	}
	spin_unlock_irq(&conn->event_lock);
	return ready;
}

/**
 * vshm_arm_space() - ask for a notification of space
 * @sk: socket
 * @conn: its connection
 * @need: bytes wanted at least
 *
 * A receiver that waits for more than there is learns that it will not come.
 * Context: process context; the caller has a reference, or tx_lock.
 * Return: true when there is no need to wait: there is space, or a larger ring,
 * or one to be asked for.
 */
bool vshm_arm_space(struct sock *sk, struct vshm_conn *conn, u64 need)
{
	bool tell = false, ready = __vshm_arm_space(sk, conn, need, &tell);

	if (tell)
		vshm_conn_notify(conn, VSHM_NEWS_DATA);
	return ready;
}

/**
 * vshm_arm_data() - ask for a notification of data
 * @conn: connection
 * @seen: bytes that lie in the ring and do not count
 *
 * Context: process context.
 * Return: true when there is no need to wait for it.
 */
bool vshm_arm_data(struct vshm_conn *conn, u64 seen)
{
	struct vshm_receiver *r = &conn->rx;
	bool ready = true;

	spin_lock_irq(&conn->event_lock);
	if (r->mem.ring) {
		vshm_receiver_arm(r, READ_ONCE(r->tail) + seen);
		ready = vshm_receiver_pending(r) > seen;
	}
	spin_unlock_irq(&conn->event_lock);
	return ready;
}

static void vshm_waiter_join(struct sock *sk, struct vshm_waiter *waiter,
			     __poll_t events)
{
	init_waitqueue_func_entry(&waiter->wait, vshm_waiter_wake);
	waiter->wait.private = current;
	waiter->wait.flags = 0;
	waiter->events = events;
	add_wait_queue(sk_sleep(sk), &waiter->wait);
}

/* Sleep unless the socket has changed for good. */
static long vshm_sleep(struct sock *sk, struct vshm_waiter *waiter, int mask,
		       long timeo)
{
	enum vshm_why why = waiter->events & EPOLLIN ? VSHM_FOR_DATA :
						       VSHM_FOR_SPACE;

	if (READ_ONCE(sk->sk_err) || (READ_ONCE(sk->sk_shutdown) & mask))
		return timeo;
	trace_vshm_wait_begin(vshm_sk(sk), why);
	timeo = wait_woken(&waiter->wait, TASK_INTERRUPTIBLE, timeo);
	trace_vshm_wait_end(vshm_sk(sk), why);
	return timeo;
}

/*
 * An honest peer's index says what it said when it was looked at before, or
 * more, so who is told not to wait goes on, if not in this ring then in one of
 * those that follow. Does the peer keep the caller busy with nothing?
 */
static bool vshm_spins(struct vshm_spin *spin, u64 position)
{
	if (spin->position != position) {
		spin->position = position;
		spin->rounds = 0;
	}
	return ++spin->rounds > VSHM_RING_SUCCESSORS + 4;
}

/**
 * vshm_wait_space() - let go of the sending direction until there is space
 * @sk: socket
 * @conn: its connection
 * @need: bytes wanted at least
 * @timeo: jiffies left; updated
 *
 * Whether it waits or not, the peer is asked for a notification: a program that
 * gets -EAGAIN may wait for an edge.
 * Context: tx_lock is held, dropped, and held again on return.
 * Return: 0 to look again, -EAGAIN when @timeo is 0, or the errno of a signal.
 */
int vshm_wait_space(struct sock *sk, struct vshm_conn *conn, u64 need,
		    long *timeo)
{
	struct vshm_sock *vsk = vshm_sk(sk);
	struct vshm_waiter waiter;
	bool ready;

	if (!*timeo) {
		/* for SIGIO, which comes of space that was missed */
		sk_set_bit(SOCKWQ_ASYNC_NOSPACE, sk);
		ready = vshm_arm_space(sk, conn, need);
		if (!ready)
			return -EAGAIN;
	} else {
		if (signal_pending(current))
			return sock_intr_errno(*timeo);
		vsk->tx.waits++;
		vshm_waiter_join(sk, &waiter, EPOLLOUT);
		ready = vshm_arm_space(sk, conn, need);
		if (!ready) {
			conn->tx_spin.rounds = 0;
			mutex_unlock(&vsk->tx_lock);
			*timeo = vshm_sleep(sk, &waiter, SEND_SHUTDOWN, *timeo);
			mutex_lock(&vsk->tx_lock);
		}
		remove_wait_queue(sk_sleep(sk), &waiter.wait);
	}
	if (ready && vshm_spins(&conn->tx_spin, conn->tx.head))
		vshm_io_violation(vsk, conn, &vsk->tx_lock, "space that is none");
	return 0;
}

/* What lies in the receive queue, or that it is gone. */
static bool vshm_data_ready(struct vshm_conn *conn, u64 seen)
{
	bool ready;

	spin_lock_irq(&conn->event_lock);
	ready = !conn->rx.mem.ring || vshm_receiver_pending(&conn->rx) > seen;
	spin_unlock_irq(&conn->event_lock);
	return ready;
}

/*
 * Look for data again and again, for as long as SO_BUSY_POLL says. rx_lock is
 * held, dropped, and held again. Returns true when it is worth another look, or
 * the connection is gone.
 */
static bool vshm_busy_wait(struct sock *sk, struct vshm_conn *conn, u64 seen)
{
	struct vshm_sock *vsk = vshm_sk(sk);
	unsigned long start;
	bool ready;

	refcount_inc(&conn->refs);
	mutex_unlock(&vsk->rx_lock);
	start = busy_loop_current_time();
	do {
		cond_resched();
		cpu_relax();
		ready = vshm_data_ready(conn, seen) || READ_ONCE(sk->sk_err) ||
			(READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN);
	} while (!ready && sk_can_busy_loop(sk) &&
		 !sk_busy_loop_timeout(sk, start));
	vshm_conn_put(conn);
	mutex_lock(&vsk->rx_lock);
	return ready || rcu_access_pointer(vsk->conn) != conn;
}

/* Sleep, unless there are data by then: true when there was no need to. */
static bool vshm_sleep_data(struct sock *sk, struct vshm_conn *conn, u64 seen,
			    long *timeo)
{
	struct vshm_sock *vsk = vshm_sk(sk);
	struct vshm_waiter waiter;
	bool ready;

	vsk->rx.waits++;
	vshm_waiter_join(sk, &waiter, EPOLLIN);
	ready = vshm_arm_data(conn, seen);
	if (!ready) {
		conn->rx_spin.rounds = 0;
		mutex_unlock(&vsk->rx_lock);
		*timeo = vshm_sleep(sk, &waiter, RCV_SHUTDOWN, *timeo);
		mutex_lock(&vsk->rx_lock);
	}
	remove_wait_queue(sk_sleep(sk), &waiter.wait);
	return ready;
}

/**
 * vshm_wait_data() - let go of the receiving direction until there is data
 * @sk: socket
 * @conn: its connection
 * @seen: bytes that lie in the ring and are not enough
 * @timeo: jiffies left; updated
 *
 * Whether it waits or not, the peer is asked for a notification, as in
 * vshm_wait_space().
 * Context: rx_lock is held, dropped, and held again on return.
 * Return: 0 to look again, -EAGAIN when @timeo is 0, or the errno of a signal.
 */
int vshm_wait_data(struct sock *sk, struct vshm_conn *conn, u64 seen,
		   long *timeo)
{
	struct vshm_sock *vsk = vshm_sk(sk);
	bool ready;

	if (!*timeo) {
		ready = vshm_arm_data(conn, seen);
		if (!ready)
			return -EAGAIN;
	} else {
		if (signal_pending(current))
			return sock_intr_errno(*timeo);
		ready = sk_can_busy_loop(sk) && vshm_busy_wait(sk, conn, seen);
		/* the connection may be another, or gone, after that */
		if (ready && rcu_access_pointer(vsk->conn) != conn)
			return 0;
		if (!ready)
			ready = vshm_sleep_data(sk, conn, seen, timeo);
	}
	if (ready && vshm_spins(&conn->rx_spin, conn->rx.tail + seen))
		vshm_io_violation(vsk, conn, &vsk->rx_lock,
				  "data that are none");
	return 0;
}

/**
 * vshm_wait_woken() - let go of a direction until something has changed
 * @sk: socket
 * @lock: tx_lock or rx_lock
 * @events: EPOLLIN or EPOLLOUT: what wakes
 * @ready: is there no need to wait?
 * @arg: for @ready
 * @timeo: jiffies left, or 0
 *
 * For what needs no notification to be asked for. Whoever makes @ready true
 * executes a full barrier, and then wakes.
 * Context: @lock is held, dropped, and held again on return.
 * Return: jiffies left when it is worth to look again, -EAGAIN when @timeo is
 * 0, or the errno of a signal.
 */
long vshm_wait_woken(struct sock *sk, struct mutex *lock, __poll_t events,
		     bool (*ready)(const void *arg), const void *arg,
		     long timeo)
{
	struct vshm_waiter waiter;

	if (!timeo) {
		if (events == EPOLLOUT)
			sk_set_bit(SOCKWQ_ASYNC_NOSPACE, sk);
		return -EAGAIN;
	}
	if (signal_pending(current))
		return sock_intr_errno(timeo);
	vshm_waiter_join(sk, &waiter, events);
	smp_mb(); /* join before @ready; the waker's is before it wakes */
	if (!ready(arg)) {
		mutex_unlock(lock);
		timeo = vshm_sleep(sk, &waiter, events == EPOLLIN ?
				   RCV_SHUTDOWN : SEND_SHUTDOWN, timeo);
		mutex_lock(lock);
	}
	remove_wait_queue(sk_sleep(sk), &waiter.wait);
	return timeo;
}

/**
 * vshm_recv_ends() - is there all that can be, before anything is received?
 * @conn: connection
 * @seen: unread bytes that the caller knows of, or U64_MAX for whatever there is
 *
 * What came since the caller looked is more than it knows, and with that in its
 * ring the peer may have begun to wait: so this looks again.
 * Context: process context.
 * Return: true when no more than @seen is there, and the peer waits for space,
 * or would if it had more to send, and gets no larger ring.
 */
bool vshm_recv_ends(struct vshm_conn *conn, u64 seen)
{
	struct vshm_receiver *r = &conn->rx;
	bool all = true;

	spin_lock_irq(&conn->event_lock);
	if (r->mem.ring) {
		all = vshm_receiver_awaited(r, test_bit(VSHM_CONN_GROW_REFUSED,
							&conn->flags));
		virt_rmb(); /* pairs with that in vshm_sender_publish() */
		all = all && vshm_receiver_pending(r) <= seen;
	}
	spin_unlock_irq(&conn->event_lock);
	return all;
}

/* Is there what SO_RCVLOWAT asks for, or as much of it as there can be? */
static bool vshm_recv_ready(struct sock *sk, struct vshm_conn *conn)
{
	u64 n = vshm_conn_unread(conn);

	return n && (n >= READ_ONCE(sk->sk_rcvlowat) ||
		     vshm_recv_ends(conn, U64_MAX));
}

/**
 * vshm_rearm_data() - a call that received leaves the socket to watchers
 * @sk: socket that is watched
 * @conn: its connection
 *
 * An event index that a notification set may be overtaken by bytes that came
 * meanwhile; once these are read, only a new one brings the next edge. With
 * SO_RCVLOWAT, that may be before all are read.
 * Context: rx_lock held.
 */
void vshm_rearm_data(struct sock *sk, struct vshm_conn *conn)
{
	struct vshm_receiver *r = &conn->rx;

	if (!r->mem.ring ||
	    (r->head != r->tail && READ_ONCE(sk->sk_rcvlowat) <= 1))
		return;
	spin_lock_irq(&conn->event_lock);
	vshm_receiver_watch(r);
	spin_unlock_irq(&conn->event_lock);
	if (vshm_recv_ready(sk, conn))
		vshm_wake_readers(sk);
}

/**
 * vshm_wake_readers() - there is something to receive or to accept
 * @sk: socket
 *
 * Context: any, with a reference to @sk, or on the RCU read side of what holds it.
 */
void vshm_wake_readers(struct sock *sk)
{
	trace_vshm_wakeup(vshm_sk(sk), VSHM_FOR_DATA);
	atomic64_inc(&vshm_sk(sk)->rx.wakeups);
	WRITE_ONCE(vshm_sk(sk)->local.event, EPOLLIN | EPOLLRDNORM);
	sk->sk_data_ready(sk);
}

/**
 * vshm_wake_writers() - there is space
 * @sk: socket
 *
 * Context: as vshm_wake_readers().
 */
void vshm_wake_writers(struct sock *sk)
{
	trace_vshm_wakeup(vshm_sk(sk), VSHM_FOR_SPACE);
	atomic64_inc(&vshm_sk(sk)->tx.wakeups);
	WRITE_ONCE(vshm_sk(sk)->local.event, EPOLLOUT | EPOLLWRNORM);
	sk->sk_write_space(sk);
}

/**
 * vshm_write_space() - sk_write_space of a socket that a program has
 * @sk: socket
 *
 * Context: any.
 */
void vshm_write_space(struct sock *sk)
{
	struct socket_wq *wq;

	rcu_read_lock();
	wq = rcu_dereference(sk->sk_wq);
	if (skwq_has_sleeper(wq))
		wake_up_interruptible_sync_poll(&wq->wait, EPOLLOUT |
						EPOLLWRNORM | EPOLLWRBAND);
	sk_wake_async(sk, SOCK_WAKE_SPACE, POLL_OUT);
	rcu_read_unlock();
}

/**
 * vshm_wake_all() - the status of the socket has changed
 * @sk: socket
 *
 * Context: process context, with a reference to @sk.
 */
void vshm_wake_all(struct sock *sk)
{
	__poll_t events = EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM;
	u8 shut = READ_ONCE(sk->sk_shutdown);

	/* not every caller has the socket's lock */
	if (shut & RCV_SHUTDOWN)
		events |= EPOLLRDHUP;
	if (shut == SHUTDOWN_MASK)
		events |= EPOLLHUP;
	if (READ_ONCE(sk->sk_err))
		events |= EPOLLERR;
	trace_vshm_wakeup(vshm_sk(sk), VSHM_FOR_CHANGE);
	WRITE_ONCE(vshm_sk(sk)->local.event, events);
	sk->sk_state_change(sk);
}

/**
 * vshm_state_change() - sk_state_change of a socket that a program has
 * @sk: socket
 *
 * Context: process context.
 */
void vshm_state_change(struct sock *sk)
{
	u8 shut = READ_ONCE(sk->sk_shutdown);
	int band = shut ? POLL_IN : POLL_OUT;
	struct socket_wq *wq;

	if (shut == SHUTDOWN_MASK)
		band = POLL_HUP;
	if (READ_ONCE(sk->sk_err))
		band = POLL_ERR;

	rcu_read_lock();
	wq = rcu_dereference(sk->sk_wq);
	if (skwq_has_sleeper(wq))
		wake_up_interruptible_all(&wq->wait);
	sk_wake_async(sk, SOCK_WAKE_WAITD, band);
	rcu_read_unlock();
}

/**
 * vshm_release_cb() - the generic layer gives back the lock of a socket
 * @sk: socket
 *
 * It does so at the end of fcntl(2) with O_ASYNC, of which the family hears
 * nothing else. From then on what comes is to be notified, and each notification
 * asks for the next one.
 * Context: the socket's spinlock held.
 */
void vshm_release_cb(struct sock *sk)
{
	struct vshm_conn *conn;
	unsigned long flags;

	if (likely(!sock_flag(sk, SOCK_FASYNC)))
		return;
	conn = vshm_conn_get(&vshm_sk(sk)->conn);
	if (!conn)
		return;
	spin_lock_irqsave(&conn->event_lock, flags);
	if (conn->rx.mem.ring)
		vshm_receiver_watch(&conn->rx);
	spin_unlock_irqrestore(&conn->event_lock, flags);
	vshm_conn_put(conn);
}

/* Data and space of a connected socket. */
static __poll_t vshm_poll_rings(struct sock *sk, bool arm)
{
	struct vshm_sock *vsk = vshm_sk(sk);
	struct vshm_conn *conn;
	__poll_t mask = 0;
	bool tell = false;

	conn = vshm_conn_get(&vsk->conn);
	if (!conn)
		return 0;
	if (arm || !vshm_recv_ready(sk, conn)) {
		spin_lock_irq(&conn->event_lock);
		WRITE_ONCE(vsk->polled, true);
		if (conn->rx.mem.ring)
			vshm_receiver_watch(&conn->rx);
		spin_unlock_irq(&conn->event_lock);
	}
	if (vshm_recv_ready(sk, conn))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (__vshm_arm_space(sk, conn, max(READ_ONCE(conn->want), 1ULL), &tell))
		mask |= EPOLLOUT | EPOLLWRNORM;
	if (unlikely(tell))
		vshm_conn_notify(conn, VSHM_NEWS_DATA);
	vshm_conn_put(conn);
	return mask;
}

/**
 * vshm_poll() - poll(2), select(2), epoll(7)
 * @file: of the socket
 * @sock: socket
 * @wait: what to join, or NULL
 *
 * Return: the events that hold.
 */
__poll_t vshm_poll(struct file *file, struct socket *sock, poll_table *wait)
{
	struct sock *sk = sock->sk;
	struct vshm_sock *vsk = vshm_sk(sk);
	__poll_t mask = 0;
	u8 state, shut;

	sock_poll_wait(file, sock, wait);
	/* also of a socket that will be connected later */
	if (vshm_poll_waits(wait))
		WRITE_ONCE(vsk->polled, true);
	state = READ_ONCE(vsk->state);
	/* before the rings: bytes that came before the end are seen */
	shut = smp_load_acquire(&sk->sk_shutdown);

	switch (state) {
	case VSHM_UNCONNECTED:
	case VSHM_BOUND:
		mask |= EPOLLOUT | EPOLLWRNORM | EPOLLHUP;
		break;
	case VSHM_LISTENING:
		if (!list_empty_careful(&vsk->accept_queue))
			mask |= EPOLLIN | EPOLLRDNORM;
		break;
	case VSHM_CONNECTED:
	case VSHM_SHUTDOWN:
	case VSHM_DISCONNECTED:
		mask |= vshm_poll_rings(sk, vshm_poll_waits(wait));
		break;
	}
	if (shut & SEND_SHUTDOWN)
		mask |= EPOLLOUT | EPOLLWRNORM;
	if (shut & RCV_SHUTDOWN)
		mask |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	if (shut == SHUTDOWN_MASK)
		mask |= EPOLLHUP;
	if (READ_ONCE(sk->sk_err) || READ_ONCE(vsk->gone) ||
	    !skb_queue_empty_lockless(&sk->sk_error_queue))
		mask |= EPOLLERR;
	return mask;
}
