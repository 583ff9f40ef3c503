// SPDX-License-Identifier: GPL-2.0
/*
 * SOCK_DGRAM: the socket calls.
 *
 * A datagram to a socket of the same namespace is copied straight into that
 * socket's queue; one that goes elsewhere, into the ring of the link that leads
 * there. Nothing is said in return: to be connected is to have an address to
 * send to and to hear nobody else.
 *
 * The two sockets of a pair have no ports, and find each other by their IDs.
 */
#include <linux/poll.h>

#include "dgram.h"
#include "io.h"
#include "queue.h"
#include "trace.h"

/**
 * vshm_dgram_init_sock() - make what a datagram socket has beside others
 * @vsk: new socket
 *
 * Context: process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int vshm_dgram_init_sock(struct vshm_sock *vsk)
{
	vsk->queue = vshm_queue_alloc();
	if (!vsk->queue)
		return -ENOMEM;
	INIT_LIST_HEAD(&vsk->space.node);
	vsk->space.sk = &vsk->sk;
	return 0;
}

/**
 * vshm_dgram_close() - let nothing more come to a socket
 * @vsk: datagram socket, whose sk_shutdown says so already
 *
 * Context: process context, may sleep.
 */
void vshm_dgram_close(struct vshm_sock *vsk)
{
	vshm_space_forget(vsk->vnet, &vsk->space);
	vshm_queue_empty(vsk);
}

/* Connected sockets */

static void vshm_dgram_set_remote(struct vshm_sock *vsk,
				  const struct vshm_endpoint *remote,
				  bool to_host)
{
	mutex_lock(&vsk->tx_lock);
	vsk->remote = *remote;
	vsk->to_host = to_host;
	mutex_unlock(&vsk->tx_lock);
	vshm_queue_filter(vsk->queue, remote->cid, remote->port);
}

/* Connected no more; vshm_lock() is held. */
static void vshm_dgram_dissolve(struct socket *sock)
{
	static const struct vshm_endpoint nobody = {
		.cid	= VSHM_CID_ANY,
		.port	= VSHM_PORT_ANY,
	};
	struct vshm_sock *vsk = vshm_sk(sock->sk);

	if (vsk->state != VSHM_CONNECTED)
		return;
	vshm_dgram_set_remote(vsk, &nobody, false);
	vsk->local.cid = vsk->bound_cid;
	vshm_set_state(vsk, VSHM_BOUND);
	sock->state = SS_UNCONNECTED;
}

/* Connected from now on; vshm_lock() is held. */
static int vshm_dgram_associate(struct socket *sock,
				const struct sockaddr_vshm *to)
{
	struct vshm_sock *vsk = vshm_sk(sock->sk);
	struct vshm_endpoint remote = {
		.cid	= to->svs_cid,
		.port	= to->svs_port,
		.type	= SOCK_DGRAM,
		.family	= vshm_family,
	};
	bool to_host = to->svs_flags & VSHM_FLAG_TO_HOST;
	struct vshm_link *link;
	u32 cid;

	link = vshm_link_find(vshm_sk(sock->sk)->vnet, to->svs_cid,
			      to_host);
	if (!link)
		return -EHOSTUNREACH;
	cid = vshm_source_cid(vsk, link, to->svs_cid);
	vshm_link_put(link);
	if (cid == VSHM_CID_ANY)
		return -EADDRNOTAVAIL;
	vshm_dgram_dissolve(sock);
	vsk->local.cid = cid;
	vshm_dgram_set_remote(vsk, &remote, to_host);
	vshm_set_state(vsk, VSHM_CONNECTED);
	sock->state = SS_CONNECTED;
	return 0;
}

/**
 * vshm_dgram_connect() - connect(2) of a datagram socket
 * @sock: socket
 * @addr: whom to send to and to hear, or AF_UNSPEC for nobody in particular
 * @len: bytes of it
 * @flags: not looked at: it never blocks
 *
 * Return: 0, -EINVAL or -EAFNOSUPPORT for the address; -EISCONN for one of a
 * pair; -EINVAL after shutdown(2) of a connected one; -EHOSTUNREACH when no link
 * leads to the CID; -EADDRNOTAVAIL when the socket is bound to another CID than
 * that link's, or no port is free; -ENOMEM.
 */
int vshm_dgram_connect(struct socket *sock, struct sockaddr_unsized *addr,
		       int len, int flags)
{
	struct vshm_sock *vsk = vshm_sk(sock->sk);
	struct sockaddr_vshm *svs = NULL;
	int err = 0;

	if (len < (int)sizeof(addr->sa_family))
		return -EINVAL;
	if (addr->sa_family != AF_UNSPEC)
		err = vshm_parse_address(addr, len, &svs);
	if (!err && svs && svs->svs_port == VSHM_PORT_ANY)
		err = -EINVAL;
	if (err)
		return err;

	vshm_lock(sock->sk);
	if (vsk->remote.id)
		err = -EISCONN;
	else if (vsk->state > VSHM_CONNECTED)
		err = -EINVAL;
	else if (!svs)
		vshm_dgram_dissolve(sock);
	else
		err = vshm_autobind(vsk) ?: vshm_dgram_associate(sock, svs);
	if (svs)
		trace_vshm_connect(vsk, svs->svs_cid, svs->svs_port, err);
	vshm_unlock(sock->sk);
	return err;
}

/**
 * vshm_dgram_socketpair() - socketpair(2) of datagram sockets
 * @a: new socket
 * @b: the same
 *
 * Return: 0.
 */
int vshm_dgram_socketpair(struct socket *a, struct socket *b)
{
	struct socket *socks[2] = { a, b };
	int i;

	for (i = 0; i < 2; i++) {
		struct vshm_sock *vsk = vshm_sk(socks[i]->sk);

		vshm_lock(&vsk->sk);
		vsk->local.cid = VSHM_CID_LOCAL;
		vsk->remote = vshm_sk(socks[!i]->sk)->local;
		vsk->remote.cid = VSHM_CID_LOCAL;
		vshm_set_state(vsk, VSHM_CONNECTED);
		socks[i]->state = SS_CONNECTED;
		vshm_unlock(&vsk->sk);
	}
	return 0;
}

/**
 * vshm_dgram_shutdown() - shutdown(2) of a datagram socket
 * @sock: socket
 * @how: SHUT_*
 *
 * The peer is not told. As with UDP, a socket that is not connected gets an
 * error, and yet what blocks on it is woken, and fails from then on.
 * Return: 0, -EINVAL or -ENOTCONN.
 */
int vshm_dgram_shutdown(struct socket *sock, int how)
{
	struct vshm_sock *vsk = vshm_sk(sock->sk);
	struct sock *sk = sock->sk;
	int err = 0;

	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	vshm_lock(sk);
	if (vsk->state >= VSHM_CONNECTED) {
		vshm_sock_shutdown(vsk, how + 1);
	} else {
		err = -ENOTCONN;
		/* pairs with the acquire of who finds the queue empty */
		smp_store_release(&sk->sk_shutdown,
				  sk->sk_shutdown | (how + 1));
		vshm_wake_all(sk);
	}
	vshm_unlock(sk);
	return err;
}

/* Sending */

/* One call of sendmsg(2). */
struct vshm_dgram_send {
	struct msghdr		*msg;
	const struct sockaddr_vshm *to;
	size_t			len;
	long			timeo;
	struct vshm_beside	beside;
	struct vshm_space	space;
};

/* Who receives what is sent to a local address: referenced, or NULL. */
static struct vshm_sock *vshm_dgram_find(struct vshm_sock *vsk,
					 const struct vshm_dgram_send *call,
					 const struct vshm_datagram *dgram)
{
	struct vshm_net *vnet = vsk->vnet;

	if (!call->to && vsk->remote.id)
		return vshm_table_find(vnet, vsk->remote.id);
	return vshm_table_find_bound(vnet, SOCK_DGRAM, dgram->dst_cid,
				     dgram->dst_port);
}

/* Send to a socket of the same namespace; as vshm_queue_add(). */
static int vshm_dgram_send_local(struct vshm_sock *vsk,
				 struct vshm_dgram_send *call,
				 struct vshm_datagram *dgram)
{
	struct vshm_link *link = vsk->vnet->loopback;
	int ret = -ECONNREFUSED;
	struct vshm_sock *to;

	dgram->src_cid = vshm_source_cid(vsk, link, dgram->dst_cid);
	to = vshm_dgram_find(vsk, call, dgram);
	if (likely(to)) {
		ret = vshm_queue_add(to, dgram, &call->msg->msg_iter,
				     &call->beside);
		sock_put(&to->sk);
	} else {
		trace_vshm_drop_datagram(dgram, VSHM_DROP_LISTENER);
	}
	if (likely(ret > 0)) {
		this_cpu_add(link->stats->tx_bytes, dgram->len);
		this_cpu_add(link->stats->rx_bytes, dgram->len);
	} else if (ret) {
		atomic_long_inc(&link->datagrams.drops);
	}
	/* who sends cannot know whether there is room */
	return ret == -ENOBUFS ? 1 : ret;
}

/* Send through a link; as vshm_datagrams_send(), after waiting if need be. */
static int vshm_dgram_send_link(struct vshm_sock *vsk, struct vshm_link *link,
				struct vshm_dgram_send *call,
				struct vshm_datagram *dgram)
{
	struct sock *sk = &vsk->sk;
	bool wait = call->timeo;
	int ret;

	dgram->src_cid = vshm_source_cid(vsk, link, dgram->dst_cid);
	if (dgram->src_cid == VSHM_CID_ANY)
		return -EADDRNOTAVAIL;
	ret = vshm_datagrams_send(link, dgram, &call->msg->msg_iter,
				  wait ? &call->space : &vsk->space);
	if (likely(ret != -EAGAIN) || !wait)
		return ret;
	vsk->tx.waits++;
	call->timeo = vshm_wait_woken(sk, &vsk->tx_lock, EPOLLOUT,
				      vshm_space_ready, &call->space,
				      call->timeo);
	return min_t(long, call->timeo, 0);
}

/*
 * Send the datagram, or wait for space. tx_lock is held, and may be dropped
 * meanwhile. Returns 1 when it is sent, 0 to try again, or an errno.
 */
static int vshm_dgram_send(struct vshm_sock *vsk, struct vshm_dgram_send *call)
{
	struct vshm_net *vnet = vsk->vnet;
	struct vshm_datagram dgram = {
		.len		= call->len,
		.src_port	= vsk->local.port,
	};
	struct vshm_link *link;
	bool to_host;
	int ret;

	if (unlikely(READ_ONCE(vsk->sk.sk_shutdown) & SEND_SHUTDOWN))
		return -EPIPE;
	if (unlikely(READ_ONCE(vsk->sk.sk_err)))
		return sock_error(&vsk->sk);
	dgram.dst_cid = call->to ? call->to->svs_cid : vsk->remote.cid;
	dgram.dst_port = call->to ? call->to->svs_port : vsk->remote.port;
	if (vshm_link_is_local_cid(vnet, dgram.dst_cid)) {
		ret = vshm_dgram_send_local(vsk, call, &dgram);
	} else {
		to_host = call->to ? call->to->svs_flags & VSHM_FLAG_TO_HOST :
				     vsk->to_host;
		link = vshm_link_find(vnet, dgram.dst_cid, to_host);
		if (!link)
			return -EHOSTUNREACH;
		/* what goes beside the data means nothing in another kernel */
		ret = unlikely(call->beside.scm) ? -EOPNOTSUPP :
			vshm_dgram_send_link(vsk, link, call, &dgram);
		vshm_link_put(link);
	}
	if (likely(ret))
		return ret;

	/* from the start, with the pages there */
	return vshm_fault_in(&vsk->tx_lock, &call->msg->msg_iter, call->len,
			     call->len);
}

/* Where does the call send to? Gives the socket an address if it has none. */
static int vshm_dgram_address(struct vshm_sock *vsk,
			      struct vshm_dgram_send *call)
{
	struct msghdr *msg = call->msg;
	struct sockaddr_vshm *svs;
	int err = 0;

	if (msg->msg_namelen) {
		err = vshm_parse_address(msg->msg_name, msg->msg_namelen, &svs);
		if (!err && svs->svs_port == VSHM_PORT_ANY)
			err = -EINVAL;
		if (!err && vsk->remote.id)
			err = -EISCONN;
		call->to = svs;
	} else if (READ_ONCE(vsk->state) < VSHM_CONNECTED) {
		err = -EDESTADDRREQ;
	}
	if (likely(err || READ_ONCE(vsk->state) != VSHM_UNCONNECTED))
		return err;
	vshm_lock(&vsk->sk);
	err = vshm_autobind(vsk);
	vshm_unlock(&vsk->sk);
	return err;
}

/**
 * vshm_dgram_sendmsg() - send(2) and its kin on a datagram socket
 * @sock: socket
 * @msg: data, destination and flags
 * @len: bytes of data
 *
 * What the destination has no room for is dropped there, and nobody is told.
 * Return: @len, or an errno: -EMSGSIZE, -EDESTADDRREQ; -ECONNREFUSED when nobody
 * is there, which only those of the same namespace are told; -EHOSTUNREACH when
 * no link leads there or it is down; -EADDRNOTAVAIL, -EPIPE, and others.
 */
int vshm_dgram_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	struct sock *sk = sock->sk;
	struct vshm_sock *vsk = vshm_sk(sk);
	struct vshm_dgram_send call = {
		.msg = msg,
		.len = len,
		.timeo = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT),
		.space = {
			.node = LIST_HEAD_INIT(call.space.node),
			.sk = sk,
		},
	};
	int ret;

	if (unlikely(len > VSHM_DATAGRAM_MAX ||
		     VSHM_DATAGRAM_BYTES(len) > vshm_send_limit(sk)))
		return -EMSGSIZE;
	ret = vshm_dgram_address(vsk, &call);
	if (unlikely(ret))
		return ret;
	ret = vshm_beside_begin(sock, msg, len, &call.beside);
	if (unlikely(ret))
		return ret;

	mutex_lock(&vsk->tx_lock);
	vsk->senders++;
	do {
		ret = vshm_dgram_send(vsk, &call);
	} while (!ret);
	if (ret > 0) {
		vsk->tx.bytes += len;
		vsk->tx.calls++;
		if (!call.to)
			WRITE_ONCE(vsk->remote.event, EPOLLIN | EPOLLRDNORM);
	}
	vsk->senders--;
	mutex_unlock(&vsk->tx_lock);
	if (unlikely(!vshm_space_ready(&call.space)))
		vshm_space_forget(vshm_sk(sk)->vnet, &call.space);
	vshm_beside_end(sk, &call.beside, ret > 0);
	trace_vshm_send(vsk, len, ret > 0 ? len : ret);
	return ret > 0 ? len : ret;
}

/* Receiving */

/* One call of recvmsg(2). */
struct vshm_dgram_recv {
	struct msghdr	*msg;
	size_t		len;
	int		flags;
	long		timeo;
	size_t		done;
	size_t		copied;
	bool		taken;
	struct vshm_queued dgram;
	struct vshm_scm_recv *scm;
};

/* Say who sent a datagram, and what the program wants to know beside that. */
static void vshm_dgram_describe(struct sock *sk, struct msghdr *msg,
				const struct vshm_queued *dgram)
{
	struct sockaddr_vshm *svs = msg->msg_name;

	if (svs) {
		*svs = (struct sockaddr_vshm) {
			.svs_family	= vshm_family,
			.svs_cid	= dgram->cid,
			.svs_port	= dgram->port,
		};
		msg->msg_namelen = sizeof(*svs);
	}
	if (sock_flag(sk, SOCK_RXQ_OVFL))
		put_cmsg(msg, SOL_SOCKET, SO_RXQ_OVFL, sizeof(dgram->drops),
			 (void *)&dgram->drops);
	vshm_recv_timestamp(sk, msg, dgram->stamp);
}

/* Copy a datagram out; returns 1 when that is done, 0 to try again, -EFAULT. */
static int vshm_dgram_copy(struct vshm_sock *vsk, struct vshm_dgram_recv *rv,
			   struct vshm_queued *dgram, int skip)
{
	size_t len = dgram->len - skip, want = min(len, rv->len), n;
	struct vshm_queue *q = vsk->queue;
	u64 at = (u8 *)(dgram + 1) - q->out.mem.data + skip;
	struct msghdr *msg = rv->msg;

	if (unlikely(vshm_scm_pending(&vsk->sk, &q->scm) &&
		     vshm_scm_begin(&rv->scm)))
		return -ENOMEM;
	n = vshm_copy_out(&q->out, at, &msg->msg_iter, want);
	if (unlikely(n != want)) {
		iov_iter_revert(&msg->msg_iter, n);
		return vshm_fault_in(&vsk->rx_lock, &msg->msg_iter, want, want);
	}
	if (unlikely(rv->scm)) {
		at = vshm_queue_at(q, dgram);
		vshm_scm_limit(&vsk->sk, &q->scm, rv->scm, at, 1);
		vshm_scm_take(&q->scm, rv->scm, at, rv->flags & MSG_PEEK);
	}
	if (want < len)
		msg->msg_flags |= MSG_TRUNC;
	rv->dgram = *dgram;
	rv->taken = true;
	rv->copied = want;
	rv->done = rv->flags & MSG_TRUNC ? len : want;
	return 1;
}

/*
 * Receive a datagram, or wait for one. rx_lock is held, and may be dropped
 * meanwhile. Returns 1 when the call is done, 0 to try again, or an errno.
 */
static int vshm_dgram_recv(struct vshm_sock *vsk, struct vshm_dgram_recv *rv)
{
	struct vshm_queue *q = vsk->queue;
	struct sock *sk = &vsk->sk;
	struct vshm_queued *dgram;
	int skip = -1, ret;
	u8 shut;

	/* before the queue: datagrams that came before the end are seen */
	shut = smp_load_acquire(&sk->sk_shutdown);
	if (likely(!(rv->flags & MSG_PEEK))) {
		dgram = vshm_queue_next(q);
	} else {
		skip = READ_ONCE(sk->sk_peek_off);
		dgram = vshm_queue_peek(q, &skip);
	}
	if (likely(dgram)) {
		ret = vshm_dgram_copy(vsk, rv, dgram, max(skip, 0));
		if (unlikely(ret <= 0))
			return ret;
		if (unlikely(rv->flags & MSG_PEEK)) {
			dgram->flags |= VSHM_QUEUED_PEEKED;
			sk_peek_offset_fwd(sk, rv->copied);
		} else {
			vsk->rx.bytes += rv->done;
			vsk->rx.calls++;
			sk_peek_offset_bwd(sk, dgram->len);
			vshm_queue_take(q, dgram);
		}
		return 1;
	}
	if (unlikely(READ_ONCE(sk->sk_err)))
		return sock_error(sk);
	if (shut & RCV_SHUTDOWN)
		return 1;
	if (rv->timeo)
		vsk->rx.waits++;
	rv->timeo = vshm_wait_woken(sk, &vsk->rx_lock, EPOLLIN,
				    vshm_queue_arm, q, rv->timeo);
	return min_t(long, rv->timeo, 0);
}

/**
 * vshm_dgram_recvmsg() - recv(2) and its kin on a datagram socket
 * @sock: socket
 * @msg: takes the datagram and who sent it
 * @len: room for it
 * @flags: MSG_*
 *
 * Return: bytes received, with MSG_TRUNC the length of the datagram; 0 for an
 * empty one, or when receiving was shut down; or an errno.
 */
int vshm_dgram_recvmsg(struct socket *sock, struct msghdr *msg, size_t len,
		       int flags)
{
	struct sock *sk = sock->sk;
	struct vshm_sock *vsk = vshm_sk(sk);
	struct vshm_dgram_recv rv = {
		.msg = msg,
		.len = len,
		.flags = flags,
		.timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT),
	};
	int ret;

	if (unlikely(flags & MSG_OOB))
		return -EOPNOTSUPP;
	if (unlikely(flags & MSG_ERRQUEUE))
		return sock_recv_errqueue(sk, msg, len, SOL_VSHM, VSHM_RECVERR);
	msg->msg_namelen = 0;

	mutex_lock(&vsk->rx_lock);
	vsk->receivers++;
	do {
		ret = vshm_dgram_recv(vsk, &rv);
	} while (!ret);
	vsk->receivers--;
	mutex_unlock(&vsk->rx_lock);
	/* it may fault, and so has no lock held */
	if (likely(rv.taken))
		vshm_dgram_describe(sk, msg, &rv.dgram);
	if (unlikely(rv.scm))
		vshm_scm_finish(sock, msg, rv.scm, flags);
	trace_vshm_recv(vsk, len, ret > 0 ? rv.done : ret);
	return ret > 0 ? rv.done : ret;
}

/**
 * vshm_dgram_poll() - poll(2), select(2), epoll(7) of a datagram socket
 * @file: of the socket
 * @sock: socket
 * @wait: what to join, or NULL
 *
 * Return: the events that hold; it can send unless a call has found a ring full
 * and there was no space since.
 */
__poll_t vshm_dgram_poll(struct file *file, struct socket *sock,
			 poll_table *wait)
{
	struct vshm_sock *vsk = vshm_sk(sock->sk);
	struct sock *sk = sock->sk;
	__poll_t mask = 0;
	u8 shut;

	sock_poll_wait(file, sock, wait);
	if (vshm_poll_waits(wait))
		smp_store_mb(vsk->polled, true); /* before the queue */
	/* before the queue, as in vshm_dgram_recv() */
	shut = smp_load_acquire(&sk->sk_shutdown);
	if (vshm_queue_ready(vsk->queue))
		mask |= EPOLLIN | EPOLLRDNORM;
	if ((shut & SEND_SHUTDOWN) || vshm_space_ready(&vsk->space))
		mask |= EPOLLOUT | EPOLLWRNORM;
	if (shut & RCV_SHUTDOWN)
		mask |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	if (shut == SHUTDOWN_MASK)
		mask |= EPOLLHUP;
	if (READ_ONCE(sk->sk_err) ||
	    !skb_queue_empty_lockless(&sk->sk_error_queue))
		mask |= EPOLLERR;
	return mask;
}
