// SPDX-License-Identifier: GPL-2.0
/*
 * The address family: making and closing sockets, addresses, shutdown.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/sockios.h>
#include <linux/string.h>
#include <asm/ioctls.h>

#include "dgram.h"
#include "queue.h"
#include "vshm.h"

struct proto vshm_proto = {
	.name		= "VSHM",
	.owner		= THIS_MODULE,
	.obj_size	= sizeof(struct vshm_sock),
	.slab_flags	= SLAB_TYPESAFE_BY_RCU,
	.release_cb	= vshm_release_cb,
	.diag_destroy	= vshm_sock_destroy,
};

/* Completions that nobody read, and the queue of a datagram socket. */
static void vshm_sk_destruct(struct sock *sk)
{
	skb_queue_purge(&sk->sk_error_queue);
	kfree(vshm_sk(sk)->queue);
}

/**
 * vshm_sock_alloc() - make a socket and enter it in the table
 * @net: its network namespace
 * @sock: what the program sees, or NULL until it is accepted
 * @type: SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM
 * @uid: who it is counted for, or INVALID_UID
 * @kern: made by the kernel for itself: holds no reference to @net
 *
 * Return: the socket, whose entry the caller holds, or NULL when memory is short
 * or a limit is reached.
 */
struct sock *vshm_sock_alloc(struct net *net, struct socket *sock, u16 type,
			     kuid_t uid, int kern)
{
	struct vshm_net *vnet = vshm_net(net);
	const struct vshm_limits *limits = &vnet->limits;
	struct vshm_sock *vsk;
	struct sock *sk;

	sk = sk_alloc(net, vshm_family, VSHM_GFP, &vshm_proto, kern);
	if (!sk)
		return NULL;
	sock_init_data(sock, sk);
	sk->sk_type = type;
	sk->sk_sndbuf = READ_ONCE(limits->buffer_default);
	sk->sk_rcvbuf = sk->sk_sndbuf;
	sk->sk_write_space = vshm_write_space;
	sk->sk_state_change = vshm_state_change;
	sk->sk_destruct = vshm_sk_destruct;

	vsk = vshm_sk(sk);
	vsk->vnet = vnet;
	vsk->local.cid = VSHM_CID_ANY;
	vsk->local.port = VSHM_PORT_ANY;
	vsk->local.type = type;
	vsk->local.family = vshm_family;
	vsk->remote.cid = VSHM_CID_ANY;
	vsk->remote.port = VSHM_PORT_ANY;
	vsk->bound_cid = VSHM_CID_ANY;
	vsk->since = jiffies;
	INIT_LIST_HEAD(&vsk->accept_queue);
	INIT_LIST_HEAD(&vsk->accept_node);
	INIT_DELAYED_WORK(&vsk->connect_work, vshm_connect_timeout);
	vsk->connect_timeout = vshm_connect_timeout_default(sk);
	vsk->buffer_min = READ_ONCE(limits->buffer_min);
	/* a program that wants more than it gets says so first */
	vsk->buffer_max = min_t(u64, READ_ONCE(limits->buffer_max),
				max(sk->sk_rcvbuf, VSHM_BUFFER_DEFAULT));
	mutex_init(&vsk->lock);
	mutex_init(&vsk->tx_lock);
	mutex_init(&vsk->rx_lock);

	vsk->user = vshm_user_get(vnet, uid);
	if (IS_ERR(vsk->user))
		goto err;
	if (type == SOCK_DGRAM) {
		/* found by their port without a lock */
		sock_set_flag(sk, SOCK_RCU_FREE);
		if (vshm_dgram_init_sock(vsk))
			goto err_user;
	}
	if (vshm_table_add(vsk))
		goto err_user;
	return sk;

err_user:
	vshm_user_put(vnet, vsk->user);
err:
	/* who made it looks there */
	if (sock)
		sock->sk = NULL;
	sock_put(sk);
	return NULL;
}

/**
 * vshm_parse_address() - check a socket address
 * @addr: what the program gave
 * @len: bytes of it
 * @out: takes the address
 *
 * Return: 0, -EINVAL or -EAFNOSUPPORT.
 */
int vshm_parse_address(void *addr, int len, struct sockaddr_vshm **out)
{
	struct sockaddr_vshm *svs = addr;

	if (len < (int)sizeof(*svs))
		return -EINVAL;
	if (svs->svs_family != vshm_family)
		return -EAFNOSUPPORT;
	if (svs->svs_flags & ~VSHM_FLAG_TO_HOST)
		return -EINVAL;
	/* AF_VSOCK looks at neither, and programs may not have cleared them */
	if (!vshm_is_vsock() &&
	    (svs->svs_reserved1 ||
	     memchr_inv(svs->svs_zero, 0, sizeof(svs->svs_zero))))
		return -EINVAL;
	*out = svs;
	return 0;
}

/**
 * vshm_options() - generic socket options that are in force
 * @vsk: socket
 *
 * Return: mask of &enum vshm_option.
 */
u32 vshm_options(const struct vshm_sock *vsk)
{
	const struct sock *sk = &vsk->sk;
	u32 options = 0;

	if (sk->sk_reuse)
		options |= VSHM_OPT_REUSEADDR;
	if (sock_flag(sk, SOCK_KEEPOPEN))
		options |= VSHM_OPT_KEEPALIVE;
	if (sock_flag(sk, SOCK_LINGER))
		options |= VSHM_OPT_LINGER;
	if (READ_ONCE(sk->sk_rcvtimeo) != MAX_SCHEDULE_TIMEOUT)
		options |= VSHM_OPT_RCVTIMEO;
	if (READ_ONCE(sk->sk_sndtimeo) != MAX_SCHEDULE_TIMEOUT)
		options |= VSHM_OPT_SNDTIMEO;
	if (READ_ONCE(sk->sk_rcvlowat) > 1)
		options |= VSHM_OPT_RCVLOWAT;
	if (sk->sk_userlocks & SOCK_RCVBUF_LOCK)
		options |= VSHM_OPT_RCVBUF;
	if (sk->sk_userlocks & SOCK_SNDBUF_LOCK)
		options |= VSHM_OPT_SNDBUF;
#ifdef CONFIG_NET_RX_BUSY_POLL
	if (READ_ONCE(sk->sk_ll_usec))
		options |= VSHM_OPT_BUSY_POLL;
#endif
	return options;
}

/**
 * vshm_nonblock() - is the socket in non-blocking mode?
 * @sk: socket
 *
 * Return: true when its file has O_NONBLOCK; false when it has no file.
 */
bool vshm_nonblock(struct sock *sk)
{
	bool nonblock = false;

	read_lock_bh(&sk->sk_callback_lock);
	if (sk->sk_socket && sk->sk_socket->file)
		nonblock = sk->sk_socket->file->f_flags & O_NONBLOCK;
	read_unlock_bh(&sk->sk_callback_lock);
	return nonblock;
}

/**
 * vshm_activity() - what a socket is doing
 * @vsk: socket
 *
 * Return: mask of &enum vshm_activity.
 */
u32 vshm_activity(const struct vshm_sock *vsk)
{
	return (vshm_shown(vsk->senders) ? VSHM_SENDING : 0) |
	       (vshm_shown(vsk->receivers) ? VSHM_RECEIVING : 0);
}

/**
 * vshm_sock_recvq() - bytes in the receive queue
 * @vsk: socket
 *
 * Return: the number, for display.
 */
u64 vshm_sock_recvq(struct vshm_sock *vsk)
{
	return vsk->queue ? vshm_queue_bytes(vsk->queue) : vshm_conn_recvq(vsk);
}

/**
 * vshm_sock_conn_get() - the connection of a socket
 * @vsk: socket
 *
 * Context: vshm_lock() held.
 * Return: the connection with a reference, or NULL.
 */
struct vshm_conn *vshm_sock_conn_get(struct vshm_sock *vsk)
{
	struct vshm_conn *conn;

	conn = rcu_dereference_protected(vsk->conn,
					 vshm_is_locked(&vsk->sk));
	if (conn)
		refcount_inc(&conn->refs);
	return conn;
}

/* As with TCP and AF_UNIX, the peer learns when bytes were not read. */
static int vshm_close_reason(struct sock *sk, struct vshm_conn *conn)
{
	if (vshm_conn_unread(conn))
		return ECONNRESET;
	if (sock_flag(sk, SOCK_LINGER) && !sk->sk_lingertime)
		return ECONNRESET;
	return 0;
}

/**
 * vshm_sock_abandon() - end a connection that nobody will accept
 * @child: its socket, which is in no queue; drops the caller's hold
 *
 * Context: process context, may sleep.
 */
void vshm_sock_abandon(struct vshm_sock *child)
{
	vshm_pending_end(child);
	/* a reset, as by lingering for no time */
	sock_set_flag(&child->sk, SOCK_LINGER);
	vshm_sock_close(child);
}

/* Close the sockets of a connection queue, which no program has seen. */
static void vshm_queue_close(struct list_head *queue)
{
	struct vshm_sock *child, *tmp;

	list_for_each_entry_safe(child, tmp, queue, accept_node) {
		list_del_init(&child->accept_node);
		vshm_sock_abandon(child);
	}
}

/**
 * vshm_sock_close() - end a socket that no program has any more
 * @vsk: socket, or one that was never accepted; drops the caller's hold
 *
 * Sent bytes lie in the peer's memory already: there is nothing to linger for.
 * Context: process context, may sleep.
 */
void vshm_sock_close(struct vshm_sock *vsk)
{
	struct sock *sk = &vsk->sk;
	struct vshm_conn *conn;
	LIST_HEAD(queue);
	int reason = 0;

	vshm_lock(sk);
	conn = vshm_sock_conn_get(vsk);
	switch (vsk->state) {
	case VSHM_LISTENING:
		list_splice_init(&vsk->accept_queue, &queue);
		break;
	case VSHM_CONNECTING:
		vshm_connect_failed(vsk, ECONNABORTED);
		break;
	case VSHM_CONNECTED:
	case VSHM_SHUTDOWN:
		reason = conn ? vshm_close_reason(sk, conn) : 0;
		vshm_set_state(vsk, VSHM_DISCONNECTED);
		break;
	}
	sk->sk_shutdown = SHUTDOWN_MASK;
	vshm_connect_disarm(vsk);
	vshm_conn_detach(vsk);
	vshm_table_unbind(vsk);
	vshm_set_state(vsk, VSHM_TERMINATED);
	if (sk->sk_socket) {
		sk->sk_socket->sk = NULL;
		sock_orphan(sk);
	}
	vshm_unlock(sk);

	if (conn) {
		vshm_conn_reset(conn, reason);
		vshm_conn_put(conn);
	}
	vshm_queue_close(&queue);
	if (vsk->queue)
		vshm_dgram_close(vsk);
	vshm_table_put(vsk);
}

/*
 * A listener is one no more, and its port is free. @queue takes the connections
 * that were not accepted, for vshm_queue_close(). vshm_lock() is held.
 */
static void vshm_listen_end(struct vshm_sock *vsk, struct list_head *queue)
{
	struct vshm_sock *child;

	list_splice_init(&vsk->accept_queue, queue);
	list_for_each_entry(child, queue, accept_node)
		sk_acceptq_removed(&vsk->sk);
	vshm_table_unbind(vsk);
	vshm_sock_shutdown(vsk, SHUTDOWN_MASK);
}

/**
 * vshm_sock_destroy() - end a socket that a program has, by order of an
 * administrator
 * @sk: socket
 * @err: errno that the program gets
 *
 * A listener is closed for good, and so is a connection, whose peer sees a
 * reset; an attempt to connect fails. Other sockets have nothing to end.
 * Context: process context, none of the socket's locks held.
 * Return: 0 or -EOPNOTSUPP.
 */
int vshm_sock_destroy(struct sock *sk, int err)
{
	struct vshm_sock *vsk = vshm_sk(sk);
	struct vshm_conn *conn;
	LIST_HEAD(queue);
	int ret = 0;

	vshm_lock(sk);
	conn = vshm_sock_conn_get(vsk);
	if (vsk->state == VSHM_LISTENING) {
		WRITE_ONCE(sk->sk_err, err);
		vshm_listen_end(vsk, &queue);
	} else if (vsk->state == VSHM_CONNECTING) {
		vshm_connect_failed(vsk, err);
	} else if (conn) {
		/* also when it is disconnected, with bytes to be read */
		WRITE_ONCE(sk->sk_err, err);
		vshm_sock_reset(vsk, err);
		vshm_conn_detach(vsk);
	} else {
		ret = -EOPNOTSUPP;
	}
	vshm_unlock(sk);

	if (conn) {
		vshm_conn_reset(conn, err);
		vshm_conn_put(conn);
	}
	vshm_queue_close(&queue);
	return ret;
}

static int vshm_release(struct socket *sock)
{
	if (sock->sk)
		vshm_sock_close(vshm_sk(sock->sk));
	return 0;
}

/**
 * vshm_autobind() - give a socket a local address if it has none
 * @vsk: socket
 *
 * Context: vshm_lock() held.
 * Return: 0, -EADDRNOTAVAIL or -ENOMEM.
 */
int vshm_autobind(struct vshm_sock *vsk)
{
	int err;

	if (vsk->state != VSHM_UNCONNECTED)
		return 0;
	err = vshm_table_bind(vsk, VSHM_CID_ANY, VSHM_PORT_ANY);
	if (!err)
		vshm_set_state(vsk, VSHM_BOUND);
	return err;
}

static int vshm_bind(struct socket *sock, struct sockaddr_unsized *addr,
		     int len)
{
	struct sock *sk = sock->sk;
	struct vshm_sock *vsk = vshm_sk(sk);
	struct net *net = sock_net(sk);
	struct sockaddr_vshm *svs;
	int err;

	err = vshm_parse_address(addr, len, &svs);
	if (err)
		return err;
	if (svs->svs_cid != VSHM_CID_ANY &&
	    !vshm_link_is_local_cid(vshm_net(net), svs->svs_cid))
		return -EADDRNOTAVAIL;
	if (svs->svs_port <= VSHM_PORT_PRIVILEGED &&
	    !ns_capable(net->user_ns, CAP_NET_BIND_SERVICE))
		return -EACCES;

	vshm_lock(sk);
	if (vsk->state != VSHM_UNCONNECTED)
		err = -EINVAL;
	else
		err = vshm_table_bind(vsk, svs->svs_cid, svs->svs_port);
	if (!err)
		vshm_set_state(vsk, VSHM_BOUND);
	vshm_unlock(sk);
	return err;
}

static int vshm_getname(struct socket *sock, struct sockaddr *addr, int peer)
{
	struct sockaddr_vshm *svs = (struct sockaddr_vshm *)addr;
	struct sock *sk = sock->sk;
	struct vshm_sock *vsk = vshm_sk(sk);
	const struct vshm_endpoint *end;
	int len = sizeof(*svs);

	vshm_lock(sk);
	end = peer ? &vsk->remote : &vsk->local;
	if (peer && sock->state != SS_CONNECTED) {
		len = -ENOTCONN;
	} else {
		memset(svs, 0, sizeof(*svs));
		svs->svs_family = vshm_family;
		svs->svs_cid = end->cid;
		svs->svs_port = end->port;
		if (peer && vsk->to_host)
			svs->svs_flags = VSHM_FLAG_TO_HOST;
	}
	vshm_unlock(sk);
	return len;
}

/**
 * vshm_sock_half_close() - close directions from this side
 * @vsk: socket
 * @mask: RCV_SHUTDOWN, SEND_SHUTDOWN or both
 *
 * A listener that is to receive no more is over for good, as with AF_UNIX; in
 * the place of AF_VSOCK it is not connected, and nothing happens.
 * Context: process context, no lock of the socket held.
 * Return: 0 or -ENOTCONN.
 */
int vshm_sock_half_close(struct vshm_sock *vsk, int mask)
{
	struct vshm_conn *conn = NULL;
	struct sock *sk = &vsk->sk;
	LIST_HEAD(queue);
	int err = 0;

	vshm_lock(sk);
	switch (vsk->state) {
	case VSHM_LISTENING:
		if (vshm_is_vsock())
			err = -ENOTCONN;
		else if (mask & RCV_SHUTDOWN)
			vshm_listen_end(vsk, &queue);
		break;
	case VSHM_CONNECTED:
	case VSHM_SHUTDOWN:
		conn = vshm_sock_conn_get(vsk);
		/* read when the record is sent, without the lock */
		WRITE_ONCE(conn->how, conn->how |
			   (mask & SEND_SHUTDOWN ? VSHM_HOW_SEND : 0) |
			   (mask & RCV_SHUTDOWN ? VSHM_HOW_RECEIVE : 0));
		vshm_sock_shutdown(vsk, mask);
		break;
	case VSHM_DISCONNECTED:
		break;
	default:
		err = -ENOTCONN;
	}
	vshm_unlock(sk);

	if (conn) {
		vshm_conn_post(conn, VSHM_OP_SHUTDOWN);
		vshm_conn_put(conn);
	}
	vshm_queue_close(&queue);
	return err;
}

static int vshm_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg)
{
	struct vshm_sock *vsk = vshm_sk(sock->sk);
	u64 n;

	if (READ_ONCE(vsk->state) == VSHM_LISTENING)
		return -EINVAL;
	switch (cmd) {
	case SIOCINQ:
		n = vsk->queue ? vshm_queue_first(vsk) : vshm_conn_recvq(vsk);
		break;
	case SIOCOUTQ:
		n = vshm_conn_sendq(vsk);
		break;
	default:
		return -ENOIOCTLCMD;
	}
	return put_user((int)n, (int __user *)arg);
}

static int vshm_shutdown(struct socket *sock, int how)
{
	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	/* SHUT_RD, WR, RDWR become RCV_SHUTDOWN, SEND_SHUTDOWN, both */
	return vshm_sock_half_close(vshm_sk(sock->sk), how + 1);
}

VSHM_ACCEPT_OP(vshm_accept, vshm_do_accept)

const struct proto_ops vshm_stream_ops = {
	.family		= PF_VSHM,
	.owner		= THIS_MODULE,
	.release	= vshm_release,
	.bind		= vshm_bind,
	.connect	= vshm_connect,
	.socketpair	= vshm_socketpair,
	.accept		= vshm_accept,
	.getname	= vshm_getname,
	.poll		= vshm_poll,
	.ioctl		= vshm_ioctl,
	.listen		= vshm_listen,
	.shutdown	= vshm_shutdown,
	.setsockopt	= vshm_setsockopt,
	.getsockopt	= vshm_getsockopt,
	.sendmsg	= vshm_stream_sendmsg,
	.recvmsg	= vshm_stream_recvmsg,
	.mmap		= sock_no_mmap,
	.set_peek_off	= sk_set_peek_off,
};

const struct proto_ops vshm_seqpacket_ops = {
	.family		= PF_VSHM,
	.owner		= THIS_MODULE,
	.release	= vshm_release,
	.bind		= vshm_bind,
	.connect	= vshm_connect,
	.socketpair	= vshm_socketpair,
	.accept		= vshm_accept,
	.getname	= vshm_getname,
	.poll		= vshm_poll,
	.ioctl		= vshm_ioctl,
	.listen		= vshm_listen,
	.shutdown	= vshm_shutdown,
	.setsockopt	= vshm_setsockopt,
	.getsockopt	= vshm_getsockopt,
	.sendmsg	= vshm_seqpacket_sendmsg,
	.recvmsg	= vshm_seqpacket_recvmsg,
	.mmap		= sock_no_mmap,
	.set_peek_off	= sk_set_peek_off,
};

const struct proto_ops vshm_dgram_ops = {
	.family		= PF_VSHM,
	.owner		= THIS_MODULE,
	.release	= vshm_release,
	.bind		= vshm_bind,
	.connect	= vshm_dgram_connect,
	.socketpair	= vshm_dgram_socketpair,
	.accept		= sock_no_accept,
	.getname	= vshm_getname,
	.poll		= vshm_dgram_poll,
	.ioctl		= vshm_ioctl,
	.listen		= sock_no_listen,
	.shutdown	= vshm_dgram_shutdown,
	.setsockopt	= vshm_setsockopt,
	.getsockopt	= vshm_getsockopt,
	.sendmsg	= vshm_dgram_sendmsg,
	.recvmsg	= vshm_dgram_recvmsg,
	.mmap		= sock_no_mmap,
	.set_peek_off	= sk_set_peek_off,
};
