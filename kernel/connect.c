// SPDX-License-Identifier: GPL-2.0
/*
 * connect(2), listen(2) and accept(2).
 *
 * Connecting sends a request with no lock held and waits for the socket to
 * leave the state connecting. Whoever ends an attempt, the peer's answer, the
 * timer, a signal or a close, does it under vshm_lock() with the state checked,
 * so that there is one who does.
 */
#include <linux/log2.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "trace.h"
#include "vshm.h"

/**
 * vshm_connect_failed() - end an attempt to connect
 * @vsk: connecting socket; it is bound afterwards
 * @err: errno that the program gets
 *
 * A caller who gives up, rather than being refused, resets the connection.
 * Context: vshm_lock() held.
 */
void vshm_connect_failed(struct vshm_sock *vsk, int err)
{
	struct sock *sk = &vsk->sk;

	vshm_conn_detach(vsk);
	vsk->local.cid = vsk->bound_cid;
	vsk->remote = (struct vshm_endpoint) {
		.cid = VSHM_CID_ANY,
		.port = VSHM_PORT_ANY,
	};
	vshm_set_state(vsk, VSHM_BOUND);
	WRITE_ONCE(sk->sk_err, vshm_vsock_errno(err));
	if (sk->sk_socket)
		sk->sk_socket->state = SS_UNCONNECTED;
	vshm_wake_all(sk);
}

/* Give up if the socket is still connecting, with a timer's leave if @timed. */
static void vshm_connect_abort(struct vshm_sock *vsk, int err, bool timed)
{
	struct sock *sk = &vsk->sk;
	struct vshm_conn *conn = NULL;

	vshm_lock(sk);
	if (vsk->state == VSHM_CONNECTING &&
	    !(timed && time_before(jiffies, vsk->connect_deadline))) {
		conn = vshm_sock_conn_get(vsk);
		vshm_connect_failed(vsk, err);
	}
	vshm_unlock(sk);
	if (conn) {
		vshm_conn_reset(conn, 0);
		vshm_conn_put(conn);
	}
}

/**
 * vshm_connect_timeout() - a non-blocking connect, or call that sends, waits for
 * an answer of the peer for too long
 * @work: vshm_sock.connect_work; it holds a reference to the socket
 */
void vshm_connect_timeout(struct work_struct *work)
{
	struct vshm_sock *vsk = container_of(to_delayed_work(work),
					     struct vshm_sock, connect_work);

	/* of the attempt under way, or of one before it? */
	vshm_connect_abort(vsk, ETIMEDOUT, true);
	vshm_send_retry(vsk);
	sock_put(&vsk->sk);
}

/**
 * vshm_connect_timeout_default() - how long an attempt may take by default
 * @sk: socket
 *
 * Return: jiffies.
 */
long vshm_connect_timeout_default(const struct sock *sk)
{
	const struct vshm_limits *limits = &vshm_sk(sk)->vnet->limits;

	return msecs_to_jiffies(READ_ONCE(limits->connect_timeout_ms));
}

/**
 * vshm_source_cid() - the CID that a peer sees of a socket
 * @vsk: socket
 * @link: link to the peer
 * @dst_cid: CID of the peer
 *
 * Return: the CID, or VSHM_CID_ANY when the socket is bound to one that is not
 * the own end of @link.
 */
u32 vshm_source_cid(const struct vshm_sock *vsk, const struct vshm_link *link,
		    u32 dst_cid)
{
	bool loopback = vshm_link_is_loopback(link);
	u32 cid = loopback ? dst_cid : link->local_cid;

	if (vsk->bound_cid == VSHM_CID_ANY)
		return cid;
	return loopback || vsk->bound_cid == cid ? vsk->bound_cid :
						   VSHM_CID_ANY;
}

/* Go from bound to connecting; returns the connection, with a reference. */
static struct vshm_conn *vshm_connect_start(struct vshm_sock *vsk,
					    const struct sockaddr_vshm *to,
					    bool nonblock)
{
	struct vshm_net *vnet = vsk->vnet;
	struct vshm_conn *conn;
	struct vshm_link *link;
	u32 cid;
	int err;

	vsk->to_host = to->svs_flags & VSHM_FLAG_TO_HOST;
	link = vshm_link_find(vnet, to->svs_cid, vsk->to_host);
	if (!link)
		return ERR_PTR(-EHOSTUNREACH);
	err = -EADDRNOTAVAIL;
	cid = vshm_source_cid(vsk, link, to->svs_cid);
	if (cid == VSHM_CID_ANY)
		goto err_link;
	vsk->local.cid = cid;
	vsk->remote.cid = to->svs_cid;
	vsk->remote.port = to->svs_port;
	vsk->local.nonblock = nonblock;
	vsk->connect_deadline = jiffies + vsk->connect_timeout;
	conn = vshm_conn_alloc(link, &vsk->sk);
	if (IS_ERR(conn)) {
		err = PTR_ERR(conn);
		goto err_address;
	}
	vshm_link_put(link);
	vshm_conn_attach(vsk, conn);
	vshm_record_hello(conn, VSHM_OP_REQUEST);
	vshm_set_state(vsk, VSHM_CONNECTING);
	refcount_inc(&conn->refs);
	return conn;

err_address:
	vsk->local.cid = vsk->bound_cid;
	vsk->remote.cid = VSHM_CID_ANY;
	vsk->remote.port = VSHM_PORT_ANY;
err_link:
	vshm_link_put(link);
	return ERR_PTR(err);
}

/* Jiffies that the attempt under way may still take. */
static long vshm_connect_left(const struct vshm_sock *vsk)
{
	return max_t(long, vsk->connect_deadline - jiffies, 0);
}

/* Let a timer end the attempt, when nobody waits for it. */
static void vshm_connect_arm(struct vshm_sock *vsk)
{
	sock_hold(&vsk->sk);
	if (mod_delayed_work(system_percpu_wq, &vsk->connect_work,
			     vshm_connect_left(vsk)))
		sock_put(&vsk->sk);
}

/**
 * vshm_connect_disarm() - the timer of an attempt, or of a call that sends, has
 * nothing to end any more
 * @vsk: socket
 *
 * Context: vshm_lock() held, and nobody sends.
 */
void vshm_connect_disarm(struct vshm_sock *vsk)
{
	if (delayed_work_pending(&vsk->connect_work) &&
	    cancel_delayed_work(&vsk->connect_work))
		sock_put(&vsk->sk);
}

/*
 * Wait for the answer; vshm_lock() is held but while waiting.
 *
 * What interrupts may be no signal, but work that the kernel does on the way out
 * of the call, io_uring's for one. Then the call is made again, and must find the
 * attempt as it left it.
 */
static int vshm_connect_wait(struct sock *sk, long timeo)
{
	struct vshm_sock *vsk = vshm_sk(sk);
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	int err = 0;

	add_wait_queue(sk_sleep(sk), &wait);
	while (vsk->state == VSHM_CONNECTING) {
		if (signal_pending(current) && !task_sigpending(current)) {
			vshm_connect_arm(vsk);
			err = -ERESTARTSYS;
			break;
		}
		if (signal_pending(current))
			err = sock_intr_errno(timeo);
		else if (!timeo)
			err = -ETIMEDOUT;
		vshm_unlock(sk);
		if (err) {
			vshm_connect_abort(vsk, -err, false);
		} else {
			trace_vshm_wait_begin(vsk, VSHM_FOR_CONNECT);
			timeo = wait_woken(&wait, TASK_INTERRUPTIBLE, timeo);
			trace_vshm_wait_end(vsk, VSHM_FOR_CONNECT);
		}
		vshm_lock(sk);
		if (err && sk->sk_socket->state != SS_CONNECTED) {
			sk->sk_err = 0;
			break;
		}
		err = 0;
	}
	remove_wait_queue(sk_sleep(sk), &wait);
	return err;
}

/* connect(2) to AF_UNSPEC: give up what is under way. */
static int vshm_connect_nobody(struct vshm_sock *vsk)
{
	switch (READ_ONCE(vsk->state)) {
	case VSHM_UNCONNECTED:
	case VSHM_BOUND:
		return 0;
	case VSHM_CONNECTING:
		vshm_connect_abort(vsk, ECONNABORTED, false);
		return 0;
	case VSHM_LISTENING:
		return -EINVAL;
	default:
		return -EISCONN;
	}
}

/**
 * vshm_connect() - connect(2)
 * @sock: socket
 * @addr: the peer's address, or AF_UNSPEC to give up an attempt under way
 * @len: bytes of it
 * @flags: O_NONBLOCK or 0
 *
 * Return: 0 or the errnos of connect(2); -EHOSTUNREACH when no link leads to
 * the CID or its other end is not attached.
 */
int vshm_connect(struct socket *sock, struct sockaddr_unsized *addr, int len,
		 int flags)
{
	struct sock *sk = sock->sk;
	struct vshm_sock *vsk = vshm_sk(sk);
	struct sockaddr_vshm *svs;
	struct vshm_conn *conn;
	int err;

	if (len >= (int)sizeof(addr->sa_family) &&
	    addr->sa_family == AF_UNSPEC)
		return vshm_connect_nobody(vsk);
	err = vshm_parse_address(addr, len, &svs);
	if (err)
		return err;

	vshm_lock(sk);
	switch (sock->state) {
	case SS_CONNECTED:
		err = vsk->connect_again ? 0 : -EISCONN;
		vsk->connect_again = false;
		goto out;
	case SS_CONNECTING:
		err = -EALREADY;
		if (flags & O_NONBLOCK)
			goto out;
		goto wait;
	default:
		break;
	}
	/* a listener, or what was one */
	if (vsk->state > VSHM_BOUND || svs->svs_port == VSHM_PORT_ANY) {
		err = -EINVAL;
		goto out;
	}
	err = vshm_autobind(vsk);
	if (err)
		goto out;
	/* what an earlier attempt left */
	vsk->connect_again = false;
	sk->sk_err = 0;
	vshm_connect_disarm(vsk);
	conn = vshm_connect_start(vsk, svs, flags & O_NONBLOCK);
	if (IS_ERR(conn)) {
		err = -vshm_vsock_errno(-PTR_ERR(conn));
		goto out;
	}
	sock->state = SS_CONNECTING;
	vshm_unlock(sk);
	vshm_conn_post(conn, VSHM_OP_REQUEST);
	vshm_conn_put(conn);
	vshm_lock(sk);

	if ((flags & O_NONBLOCK) && vsk->state == VSHM_CONNECTING) {
		vshm_connect_arm(vsk);
		err = -EINPROGRESS;
		goto out;
	}
wait:
	err = 0;
	if (vsk->state == VSHM_CONNECTING)
		err = vshm_connect_wait(sk, vshm_connect_left(vsk));
	vsk->connect_again = err == -ERESTARTSYS;
	/* another call may have made the attempt, and taken the error */
	if (!err && sock->state != SS_CONNECTED)
		err = sock_error(sk) ?: -ECONNABORTED;
out:
	trace_vshm_connect(vsk, svs->svs_cid, svs->svs_port, err);
	vshm_unlock(sk);
	return err;
}

/* Tell one end of a pair of the other. */
static void vshm_socketpair_end(struct vshm_sock *vsk, struct vshm_conn *conn,
				const struct vshm_sock *peer,
				const struct vshm_conn *peer_conn)
{
	vsk->local.cid = VSHM_CID_LOCAL;
	vsk->remote = peer->local;
	vsk->remote.cid = VSHM_CID_LOCAL;
	vshm_sender_init(&conn->tx, &peer_conn->rx.mem);
	conn->peer_limit = ilog2(peer->sk.sk_rcvbuf);
	vshm_conn_adopt(conn, peer_conn->slot, peer_conn->gen);
	vshm_record_hello(conn, VSHM_OP_RESPONSE);
}

/**
 * vshm_socketpair() - socketpair(2)
 * @a: new socket
 * @b: the same
 *
 * The two are connected over loopback; they have no ports.
 * Return: 0 or an errno for lack of memory.
 */
int vshm_socketpair(struct socket *a, struct socket *b)
{
	struct vshm_sock *vsk[2] = { vshm_sk(a->sk), vshm_sk(b->sk) };
	struct vshm_link *link = vshm_sk(a->sk)->vnet->loopback;
	struct vshm_conn *conn[2];
	int i;

	conn[0] = vshm_conn_alloc(link, a->sk);
	if (IS_ERR(conn[0]))
		return PTR_ERR(conn[0]);
	conn[1] = vshm_conn_alloc(link, b->sk);
	if (IS_ERR(conn[1])) {
		vshm_conn_abandon(conn[0]);
		vshm_conn_put(conn[0]);
		return PTR_ERR(conn[1]);
	}
	vshm_conn_join(conn[0], conn[1]);
	for (i = 0; i < 2; i++)
		vshm_socketpair_end(vsk[i], conn[i], vsk[!i], conn[!i]);
	/* whoever ends one of them, and knows of it by the table, ends both */
	vshm_lock(a->sk);
	mutex_lock_nested(&vsk[1]->lock, SINGLE_DEPTH_NESTING);
	for (i = 0; i < 2; i++) {
		vshm_conn_attach(vsk[i], conn[i]);
		vshm_set_state(vsk[i], VSHM_CONNECTED);
		vshm_cred_current(&vsk[i]->sk);
	}
	vshm_unlock(b->sk);
	vshm_unlock(a->sk);
	a->state = SS_CONNECTED;
	b->state = SS_CONNECTED;
	return 0;
}

/**
 * vshm_listen() - listen(2)
 * @sock: bound socket
 * @backlog: limit of the connection queue
 *
 * Return: 0 or -EINVAL.
 */
int vshm_listen(struct socket *sock, int backlog)
{
	struct sock *sk = sock->sk;
	struct vshm_sock *vsk = vshm_sk(sk);
	int err = 0;

	vshm_lock(sk);
	if (vsk->state == VSHM_BOUND)
		vshm_set_state(vsk, VSHM_LISTENING);
	else if (vsk->state != VSHM_LISTENING)
		err = -EINVAL;
	if (!err) {
		vshm_cred_current(sk);
		WRITE_ONCE(sk->sk_max_ack_backlog, backlog);
	}
	vshm_unlock(sk);
	return err;
}

static struct vshm_sock *vshm_accept_dequeue(struct vshm_sock *vsk)
{
	struct vshm_sock *child;

	child = list_first_entry_or_null(&vsk->accept_queue, struct vshm_sock,
					 accept_node);
	if (child) {
		list_del_init(&child->accept_node);
		sk_acceptq_removed(&vsk->sk);
		vshm_pending_end(child);
	}
	return child;
}

/**
 * vshm_do_accept() - accept(2)
 * @sock: listening socket
 * @newsock: takes the connection
 * @flags: O_NONBLOCK or 0
 *
 * Return: 0 or the errnos of accept(2).
 */
int vshm_do_accept(struct socket *sock, struct socket *newsock, int flags)
{
	struct sock *sk = sock->sk;
	struct vshm_sock *vsk = vshm_sk(sk), *child = NULL;
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	int err = 0;
	long timeo;

	vshm_lock(sk);
	timeo = sock_rcvtimeo(sk, flags & O_NONBLOCK);
	for (;;) {
		if (vsk->state != VSHM_LISTENING)
			err = sock_error(sk) ?: -EINVAL;
		else
			child = vshm_accept_dequeue(vsk);
		if (child || err)
			break;
		if (!timeo)
			err = -EAGAIN;
		else if (signal_pending(current))
			err = sock_intr_errno(timeo);
		if (err)
			break;
		add_wait_queue_exclusive(sk_sleep(sk), &wait);
		vshm_unlock(sk);
		trace_vshm_wait_begin(vsk, VSHM_FOR_ACCEPT);
		timeo = wait_woken(&wait, TASK_INTERRUPTIBLE, timeo);
		trace_vshm_wait_end(vsk, VSHM_FOR_ACCEPT);
		vshm_lock(sk);
		remove_wait_queue(sk_sleep(sk), &wait);
	}
	vshm_unlock(sk);
	if (err)
		return err;
	trace_vshm_accept(vsk, child);

	sk = &child->sk;
	vshm_lock(sk);
	sock_graft(sk, newsock);
	newsock->state = SS_CONNECTED;
	if (vshm_passcred(sock->sk))
		vshm_passcred_set(newsock, true);
	vshm_custom_sockopt(newsock);
	vshm_unlock(sk);
	return 0;
}
