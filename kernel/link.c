// SPDX-License-Identifier: GPL-2.0
/*
 * A link joins two endpoints: what loopback and regions have in common.
 *
 * The attacher initialises and publishes a link, sets it up when the peer is
 * there, kills it when the peer is gone (any number of times), and in the end
 * unpublishes and kills it, and waits for the last reference.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/xarray.h>

#include "vshm.h"

/**
 * vshm_link_init() - make a link that is down
 * @link: to be initialised
 * @ops: kind of link
 * @vnet: namespace that it belongs to
 * @local_cid: own CID
 * @peer_cid: the peer's
 */
void vshm_link_init(struct vshm_link *link, const struct vshm_link_ops *ops,
		    struct vshm_net *vnet, u32 local_cid, u32 peer_cid)
{
	link->ops = ops;
	link->vnet = vnet;
	link->local_cid = local_cid;
	link->peer_cid = peer_cid;
	link->up = false;
	link->max_slots = ops->max_slots;
	xa_init_flags(&link->slots, XA_FLAGS_ALLOC1);
	link->next_gen = 1;
	refcount_set(&link->refs, 1);
	init_completion(&link->released);
	ratelimit_state_init(&link->log, DEFAULT_RATELIMIT_INTERVAL,
			     DEFAULT_RATELIMIT_BURST);
	/* what is suppressed is counted, and is no reason to warn */
	ratelimit_set_flags(&link->log, RATELIMIT_MSG_ON_RELEASE);
}

/**
 * vshm_link_publish() - let sockets find a link by its peer's CID
 * @link: link
 *
 * Context: process context, may sleep.
 * Return: 0, -EEXIST when the namespace has a link to that CID, -ENOMEM.
 */
int vshm_link_publish(struct vshm_link *link)
{
	int err;

	err = xa_insert(&link->vnet->links, link->peer_cid, link, GFP_KERNEL);
	if (err)
		return err == -EBUSY ? -EEXIST : err;
	vshm_event_link(link, VSHM_EVENT_LINK_NEW);
	return 0;
}

/**
 * vshm_link_unpublish() - let nobody find a link any more
 * @link: published link
 *
 * Context: process context, may sleep.
 */
void vshm_link_unpublish(struct vshm_link *link)
{
	xa_erase(&link->vnet->links, link->peer_cid);
	synchronize_rcu();
	vshm_event_link(link, VSHM_EVENT_LINK_GONE);
}

/**
 * vshm_link_is_local_cid() - is this CID one of the namespace's own?
 * @vnet: namespace
 * @cid: CID
 *
 * Return: true for VSHM_CID_LOCAL and the own end of each link.
 */
bool vshm_link_is_local_cid(struct vshm_net *vnet, u32 cid)
{
	struct vshm_link *link;
	unsigned long i;
	bool found = false;

	if (cid == VSHM_CID_LOCAL)
		return true;
	rcu_read_lock();
	xa_for_each(&vnet->links, i, link)
		found |= cid == link->local_cid;
	rcu_read_unlock();
	return found;
}

/**
 * vshm_link_find_direct() - the link whose other end has a CID
 * @vnet: namespace
 * @cid: CID of the other end
 *
 * Return: the link with a reference, or NULL.
 */
struct vshm_link *vshm_link_find_direct(struct vshm_net *vnet, u32 cid)
{
	struct vshm_link *link;

	rcu_read_lock();
	link = xa_load(&vnet->links, cid);
	if (link && !refcount_inc_not_zero(&link->refs))
		link = NULL;
	rcu_read_unlock();
	return link;
}

/**
 * vshm_link_find() - the link that leads to a CID
 * @vnet: namespace
 * @cid: where to
 *
 * A guest reaches through its host whom it has no link to.
 * Return: the link with a reference, loopback for the own CIDs, or NULL.
 */
struct vshm_link *vshm_link_find(struct vshm_net *vnet, u32 cid)
{
	struct vshm_link *link;

	if (vshm_link_is_local_cid(vnet, cid)) {
		link = vnet->loopback;
		refcount_inc(&link->refs);
		return link;
	}
	link = vshm_link_find_direct(vnet, cid);
	if (!link && cid >= VSHM_CID_GUEST_MIN && cid <= VSHM_CID_GUEST_MAX)
		link = vshm_link_find_direct(vnet, VSHM_CID_HOST);
	return link;
}

/**
 * vshm_link_put() - drop a reference
 * @link: link
 */
void vshm_link_put(struct vshm_link *link)
{
	if (refcount_dec_and_test(&link->refs))
		complete(&link->released);
}

/**
 * vshm_link_set_up() - let connections be made
 * @link: link whose peer is there
 */
void vshm_link_set_up(struct vshm_link *link)
{
	xa_lock(&link->slots);
	link->up = true;
	xa_unlock(&link->slots);
	vshm_event_link(link, VSHM_EVENT_LINK_UP);
}

/* The peer will never speak of this connection again, nor may we. */
static void vshm_link_kill_conn(struct vshm_conn *conn)
{
	struct vshm_sock *vsk = vshm_sk(conn->sk);
	struct sock *sk = conn->sk;

	lock_sock(sk);
	if (rcu_access_pointer(vsk->conn) == conn) {
		if (vsk->state != VSHM_CONNECTING)
			vsk->gone = true;
		vshm_sock_reset(vsk, ECONNRESET);
		vshm_conn_detach(vsk);
	}
	release_sock(sk);

	vshm_conn_abandon(conn);
	/* now it is over, for whoever waits for that */
	vshm_wake_all(sk);
}

/**
 * vshm_link_kill() - reset every connection of a link and take it down
 * @link: link
 *
 * Sockets get ECONNRESET and are disconnected. No copy to or from the link's
 * memory is in flight once this returns.
 * Context: process context, may sleep; no record of the link is being received
 * and none will be until vshm_link_set_up().
 */
void vshm_link_kill(struct vshm_link *link)
{
	struct vshm_conn *conn;
	unsigned long i;
	bool was_up;

	xa_lock(&link->slots);
	was_up = link->up;
	link->up = false;
	xa_unlock(&link->slots);

	rcu_read_lock();
	xa_for_each(&link->slots, i, conn) {
		if (!refcount_inc_not_zero(&conn->refs))
			continue;
		rcu_read_unlock();
		vshm_link_kill_conn(conn);
		vshm_conn_put(conn);
		cond_resched();
		rcu_read_lock();
	}
	rcu_read_unlock();
	atomic_long_inc(&link->resets);
	if (was_up)
		vshm_event_link(link, VSHM_EVENT_LINK_DOWN);
}

/**
 * vshm_link_violation() - the peer wrote what no honest peer writes
 * @link: link
 * @what: what it was, for the log
 *
 * Context: any.
 */
void vshm_link_violation(struct vshm_link *link, const char *what)
{
	atomic_long_inc(&link->violations);
	if (__ratelimit(&link->log))
		pr_notice("link %u-%u: the peer broke the protocol: %s\n",
			  link->local_cid, link->peer_cid, what);
}
