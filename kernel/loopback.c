// SPDX-License-Identifier: GPL-2.0
/*
 * Loopback: the link of a network namespace with itself.
 *
 * The two ends of a connection know each other. Rings are kernel memory, the first
 * one that of the connection itself, and what names a ring to the peer is its
 * address; records are handed to the receiver by a call, and news by a direct
 * wake-up.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "compat.h"
#include "vshm.h"

static int vshm_loopback_alloc(struct vshm_conn *conn,
			       struct vshm_ring_mem *mem)
{
	struct vshm_local_ring *ring = &conn->first->head;
	struct mem_cgroup *old;

	if (mem->order == VSHM_RING_ORDER_MIN) {
		mem->data = conn->first->data;
	} else {
		/* it is who sends that makes it, and who receives that has it */
		old = set_active_memcg(vshm_sock_memcg(conn->sk));
		ring = kmalloc(sizeof(*ring), VSHM_GFP_QUEUE);
		if (ring)
			mem->data = kvmalloc(1UL << mem->order, VSHM_GFP_QUEUE);
		set_active_memcg(old);
		if (!ring || !mem->data) {
			kfree(ring);
			return -ENOBUFS;
		}
	}
	mem->ring = &ring->ring;
	mem->offset = (unsigned long)ring;
	ring->mem = *mem;
	return 0;
}

static void vshm_loopback_free(struct vshm_link *link,
			       const struct vshm_ring_mem *mem)
{
	/* the first goes with its connection */
	if (mem->order == VSHM_RING_ORDER_MIN)
		return;
	kvfree(mem->data);
	kfree((void *)(unsigned long)mem->offset);
}

static int vshm_loopback_peer_ring(struct vshm_link *link,
				   struct vshm_ring_mem *mem)
{
	struct vshm_local_ring *ring = (void *)(unsigned long)mem->offset;

	*mem = ring->mem;
	return 0;
}

static void vshm_loopback_post(struct vshm_conn *conn)
{
	struct vshm_record rec;

	while (vshm_record_compose(conn, &rec)) {
		vshm_record_pass(conn, &rec);
		vshm_conn_finish(conn);
	}
	/* a request that was given up ends with nothing sent */
	vshm_conn_finish(conn);
}

static void vshm_loopback_notify(struct vshm_conn *conn, unsigned int kind)
{
	struct vshm_conn *peer = vshm_conn_get(&conn->peer);

	if (!peer)
		return;
	vshm_conn_news(peer, kind);
	vshm_conn_put(peer);
}

static const struct vshm_link_ops vshm_loopback_ops = {
	.name		= "loopback",
	.max_slots	= VSHM_PLACES,
	.alloc		= vshm_loopback_alloc,
	.free		= vshm_loopback_free,
	.peer_ring	= vshm_loopback_peer_ring,
	.post		= vshm_loopback_post,
	.notify		= vshm_loopback_notify,
};

/**
 * vshm_loopback_create() - make the loopback link of a network namespace
 * @vnet: its socket table
 *
 * Return: the link, up, or an ERR_PTR() when memory is short.
 */
struct vshm_link *vshm_loopback_create(struct vshm_net *vnet)
{
	struct vshm_link *link = kzalloc(sizeof(*link), GFP_KERNEL);
	int err;

	if (!link)
		return ERR_PTR(-ENOMEM);
	err = vshm_link_init(link, &vshm_loopback_ops, vnet, VSHM_CID_LOCAL,
			     VSHM_CID_LOCAL);
	if (!err)
		err = vshm_sysfs_add_link(link);
	if (err) {
		vshm_link_destroy(link);
		kfree(link);
		return ERR_PTR(err);
	}
	vshm_link_set_up(link);
	return link;
}

/**
 * vshm_loopback_destroy() - free the loopback link of a network namespace
 * @link: link; no socket is left in the namespace
 */
void vshm_loopback_destroy(struct vshm_link *link)
{
	vshm_sysfs_remove_link(link);
	vshm_link_kill(link);
	vshm_link_put(link);
	wait_for_completion(&link->released);
	vshm_link_destroy(link);
	kfree(link);
}
