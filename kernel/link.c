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

#include "trace.h"
#include "vshm.h"

/**
 * vshm_link_init() - make a link that is down
 * @link: to be initialised
 * @ops: kind of link
 * @vnet: namespace that it belongs to
 * @local_cid: own CID
 * @peer_cid: the peer's
 *
 * Return: 0 or -ENOMEM; vshm_link_destroy() is called in either case.
 */
int vshm_link_init(struct vshm_link *link, const struct vshm_link_ops *ops,
		   struct vshm_net *vnet, u32 local_cid, u32 peer_cid)
{
	link->ops = ops;
	link->vnet = vnet;
	link->local_cid = local_cid;
	link->peer_cid = peer_cid;
	link->up = false;
	link->max_slots = ops->max_slots;
	link->ring_order = VSHM_RING_ORDER_MAX;
	xa_init_flags(&link->slots, XA_FLAGS_ALLOC1);
	link->next_gen = 1;
	refcount_set(&link->refs, 1);
	init_completion(&link->released);
	mutex_init(&link->datagrams.lock);
	INIT_LIST_HEAD(&link->datagrams.waiters);
	ratelimit_state_init(&link->log, DEFAULT_RATELIMIT_INTERVAL,
			     DEFAULT_RATELIMIT_BURST);
	/* what is suppressed is counted, and is no reason to warn */
	ratelimit_set_flags(&link->log, RATELIMIT_MSG_ON_RELEASE);
	link->stats = alloc_percpu(struct vshm_link_stats);
	return link->stats ? 0 : -ENOMEM;
}

/**
 * vshm_link_destroy() - free what vshm_link_init() allocated
 * @link: link without connections
 */
void vshm_link_destroy(struct vshm_link *link)
{
	xa_destroy(&link->slots);
	free_percpu(link->stats);
}

/*
 * What the user of a socket is charged for a ring: the first one is free, and so
 * is what lies in a region, which was paid for when it was attached.
 */
static unsigned long vshm_link_ring_charge(const struct vshm_link *link,
					   const struct vshm_ring_mem *mem)
{
	if (!vshm_link_is_loopback(link) || mem->order <= VSHM_RING_ORDER_MIN)
		return 0;
	return VSHM_RING_BYTES(mem->order);
}

/**
 * vshm_link_ring_alloc() - allocate a ring of this end, and count it
 * @conn: connection whose receive queue it is
 * @mem: order of the ring; the rest is filled in
 *
 * Context: process context, may sleep.
 * Return: 0 or -ENOBUFS.
 */
int vshm_link_ring_alloc(struct vshm_conn *conn, struct vshm_ring_mem *mem)
{
	unsigned long charge = vshm_link_ring_charge(conn->link, mem);
	struct vshm_sock *vsk = vshm_sk(conn->sk);
	struct vshm_link *link = conn->link;
	int err;

	if (!vshm_memory_charge(vsk, charge))
		return -ENOBUFS;
	err = link->ops->alloc(conn, mem);
	if (err) {
		vshm_memory_uncharge(vsk, charge);
		return err;
	}
	atomic_long_inc(&link->nr_rings);
	atomic_long_add(VSHM_RING_BYTES(mem->order), &link->ring_bytes);
	return 0;
}

/**
 * vshm_link_ring_free() - give a ring back
 * @link: link
 * @vsk: socket whose receive queue it was
 * @mem: ring
 *
 * Context: process context, may not sleep.
 */
void vshm_link_ring_free(struct vshm_link *link, struct vshm_sock *vsk,
			 const struct vshm_ring_mem *mem)
{
	vshm_memory_uncharge(vsk, vshm_link_ring_charge(link, mem));
	atomic_long_dec(&link->nr_rings);
	atomic_long_sub(VSHM_RING_BYTES(mem->order), &link->ring_bytes);
	link->ops->free(link, mem);
}

/**
 * vshm_link_info() - tell how a link does, for display
 * @link: link
 * @info: takes the answer
 *
 * Context: any but interrupts.
 */
void vshm_link_info(struct vshm_link *link, struct vshm_link_info *info)
{
	const struct vshm_link_stats *stats;
	int cpu;

	memset(info, 0, sizeof(*info));
	if (link->ops->info)
		link->ops->info(link, info);
	for_each_possible_cpu(cpu) {
		stats = per_cpu_ptr(link->stats, cpu);
		info->tx_bytes += READ_ONCE(stats->tx_bytes);
		info->rx_bytes += READ_ONCE(stats->rx_bytes);
	}
}

/**
 * vshm_link_publish() - let sockets find a link by its peer's CID
 * @link: link
 *
 * Context: process context, may sleep.
 * Return: 0, -EEXIST when the namespace has a link to that CID, -ENOMEM; after
 * an error the link can be freed.
 */
int vshm_link_publish(struct vshm_link *link)
{
	int err;

	err = xa_insert(&link->vnet->links, link->peer_cid, link, GFP_KERNEL);
	if (err)
		return err == -EBUSY ? -EEXIST : err;
	err = vshm_sysfs_add_link(link);
	if (err) {
		/* somebody may have found it */
		xa_erase(&link->vnet->links, link->peer_cid);
		synchronize_rcu();
		vshm_link_put(link);
		wait_for_completion(&link->released);
		return err;
	}
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
	vshm_sysfs_remove_link(link);
	xa_erase(&link->vnet->links, link->peer_cid);
	synchronize_rcu();
	vshm_event_link(link, VSHM_EVENT_LINK_GONE);
}

/**
 * __vshm_link_is_local_cid() - is this CID that of the own end of a link?
 * @vnet: namespace
 * @cid: CID
 *
 * Return: true when there is such a link.
 */
bool __vshm_link_is_local_cid(struct vshm_net *vnet, u32 cid)
{
	struct vshm_link *link;
	unsigned long i;
	bool found = false;

	rcu_read_lock();
	xa_for_each(&vnet->links, i, link)
		found |= cid == link->local_cid;
	rcu_read_unlock();
	return found;
}

/**
 * vshm_link_source_valid() - may what comes through a link have that source?
 * @link: link
 * @cid: CID that it claims to come from
 *
 * Return: true for the peer's CID, and for a guest that a host forwards for.
 */
bool vshm_link_source_valid(const struct vshm_link *link, u32 cid)
{
	if (vshm_link_is_loopback(link) || cid == link->peer_cid)
		return true;
	return link->peer_cid == VSHM_CID_HOST && cid != link->local_cid &&
	       cid >= VSHM_CID_GUEST_MIN && cid <= VSHM_CID_GUEST_MAX;
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
 * @to_host: through the host, even if there is a link to that guest
 *
 * A guest reaches through its host whom it has no link to.
 * Return: the link with a reference, loopback for the own CIDs, or NULL.
 */
struct vshm_link *vshm_link_find(struct vshm_net *vnet, u32 cid, bool to_host)
{
	bool guest = cid >= VSHM_CID_GUEST_MIN && cid <= VSHM_CID_GUEST_MAX;
	struct vshm_link *link = NULL;

	if (vshm_link_is_local_cid(vnet, cid)) {
		link = vnet->loopback;
		refcount_inc(&link->refs);
		return link;
	}
	if (!guest || !to_host)
		link = vshm_link_find_direct(vnet, cid);
	if (!link && guest)
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
	trace_vshm_link_up(link);
	vshm_event_link(link, VSHM_EVENT_LINK_UP);
}

/* The peer will never speak of this connection again, nor may we. */
static void vshm_link_kill_conn(struct vshm_conn *conn)
{
	struct vshm_sock *vsk = vshm_sk(conn->sk);
	struct sock *sk = conn->sk;

	vshm_lock(sk);
	if (rcu_access_pointer(vsk->conn) == conn) {
		if (vsk->state != VSHM_CONNECTING)
			WRITE_ONCE(vsk->gone, true);
		vshm_sock_reset(vsk, ECONNRESET);
		vshm_conn_detach(vsk);
	}
	vshm_unlock(sk);

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
	if (was_up) {
		trace_vshm_link_down(link);
		vshm_event_link(link, VSHM_EVENT_LINK_DOWN);
	}
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
	trace_vshm_violation(link, what);
	atomic_long_inc(&link->violations);
	if (__ratelimit(&link->log))
		pr_notice("link %u-%u: the peer broke the protocol: %s\n",
			  link->local_cid, link->peer_cid, what);
}
