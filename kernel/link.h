/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Links, and what differs between loopback and a region.
 */
#ifndef _VSHM_LINK_H
#define _VSHM_LINK_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/ratelimit_types.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/xarray.h>
#include <linux/vshm.h>
#include <linux/vshm_ring.h>

#include "ring.h"

struct vshm_conn;
struct vshm_device;
struct vshm_net;
struct vshm_sock;

/**
 * struct vshm_link_stats - counters of a link, of one CPU
 * @tx_bytes: sent by sockets of this end
 * @rx_bytes: received by them
 */
struct vshm_link_stats {
	u64 tx_bytes;
	u64 rx_bytes;
};

/**
 * struct vshm_link_info - how a link does; what loopback does not have is 0
 * @size: bytes in the region
 * @heap_size: bytes that the own half has for rings
 * @heap_used: bytes of them in use
 * @epoch: own epoch
 * @peer_epoch: the peer's epoch that is acknowledged, or 0
 * @rung: doorbells sent
 * @heard: doorbells received
 * @quiet: notifications that needed no doorbell
 * @tx_bytes: sent by sockets of this end
 * @rx_bytes: received by them
 */
struct vshm_link_info {
	u64 size;
	u64 heap_size;
	u64 heap_used;
	u32 epoch;
	u32 peer_epoch;
	u64 rung;
	u64 heard;
	u64 quiet;
	u64 tx_bytes;
	u64 rx_bytes;
};

/**
 * struct vshm_link_ops - what differs between loopback and a region
 * @name: kind of link, for display
 * @max_slots: connections at the most, plus one; slots are below
 * @alloc: memory for a ring of mem->order in the own half, cleared if a peer
 *	can see it; fills *mem; 0 or -ENOBUFS. May sleep. A connection asks once for
 *	the smallest order, and for its first ring
 * @free: give it back. Process context, may not sleep.
 * @peer_ring: find a ring that the peer named by mem->offset and mem->order;
 *	fills *mem; 0 or -EPROTO
 * @post: send what vshm_conn.posts asks for; no lock of a socket is held
 * @refuse: answer a record that has no connection with a reset; the same. NULL for
 *	loopback, which needs none
 * @notify: tell the peer that a connection has news of a kind
 * @notify_datagrams: tell the peer that a datagram ring has news of a kind;
 *	NULL for loopback, which has no such ring
 * @restart: the peer sent a record that none may send: reset the link, soon;
 *	may be NULL
 * @info: tell how the link does, for display; may be NULL
 *
 * Rings are per connection, and the two to notify are the only calls on the data
 * path.
 */
struct vshm_link_ops {
	const char *name;
	u32 max_slots;
	int (*alloc)(struct vshm_conn *conn, struct vshm_ring_mem *mem);
	void (*free)(struct vshm_link *link, const struct vshm_ring_mem *mem);
	int (*peer_ring)(struct vshm_link *link, struct vshm_ring_mem *mem);
	void (*post)(struct vshm_conn *conn);
	void (*refuse)(struct vshm_link *link, const struct vshm_record *rec,
		       int err);
	void (*notify)(struct vshm_conn *conn, unsigned int kind);
	void (*notify_datagrams)(struct vshm_link *link, unsigned int kind);
	void (*restart)(struct vshm_link *link);
	void (*info)(struct vshm_link *link, struct vshm_link_info *info);
};

/**
 * struct vshm_datagrams - the datagram rings of a link
 * @lock: serialises senders; guards @tx
 * @tx: the peer's ring; tx.mem.ring is NULL while there is none
 * @rx: the own ring; whoever receives the records of the link
 * @waiters: &struct vshm_space; vshm_net.space_lock
 * @drops: datagrams that came through the link and were dropped, for want of
 *	room, of a receiver, or of leave to be forwarded
 */
struct vshm_datagrams {
	struct mutex		lock;
	struct vshm_sender	tx;
	struct vshm_receiver	rx;
	struct list_head	waiters;
	atomic_long_t		drops;
};

/**
 * struct vshm_link - joins two endpoints
 * @ops: kind of link
 * @vnet: namespace that it belongs to
 * @local_cid: own CID
 * @peer_cid: the peer's
 * @max_slots: connections at the most, plus one
 * @up: connections can be made; slots.xa_lock
 * @slots: connections, by slot; slot 0 stays free. None of loopback
 * @next_gen: generation of the next slot taken; slots.xa_lock
 * @nr_conns: connections that exist, in a slot or not
 * @nr_pending: those that wait to be accepted, or are about to exist
 * @refs: the attacher's, and one for each connection
 * @released: completed with the last reference
 * @log: bounds what the peer can make the log say
 * @datagrams: datagram rings; on loopback, @drops only
 * @resets: times that all connections were reset
 * @violations: times that the peer broke the protocol
 * @stats: counters of the data path
 * @ring_order: log2 of the largest ring of this end
 * @nr_rings: rings of this end
 * @ring_bytes: memory that they take
 * @vdev: device that shows the link
 */
struct vshm_link {
	const struct vshm_link_ops	*ops;
	struct vshm_net			*vnet;
	u32				local_cid;
	u32				peer_cid;
	u32				max_slots;
	bool				up;
	struct xarray			slots;
	u32				next_gen;
	atomic_t			nr_conns;
	atomic_t			nr_pending;
	refcount_t			refs;
	struct completion		released;
	struct ratelimit_state		log;
	struct vshm_datagrams		datagrams;
	atomic_long_t			resets;
	atomic_long_t			violations;
	struct vshm_link_stats __percpu	*stats;
	u32				ring_order;
	atomic_long_t			nr_rings;
	atomic_long_t			ring_bytes;
	struct vshm_device		*vdev;
};

static inline bool vshm_link_is_loopback(const struct vshm_link *link)
{
	return link->peer_cid == VSHM_CID_LOCAL;
}

int vshm_link_init(struct vshm_link *link, const struct vshm_link_ops *ops,
		   struct vshm_net *vnet, u32 local_cid, u32 peer_cid);
void vshm_link_destroy(struct vshm_link *link);
int vshm_link_ring_alloc(struct vshm_conn *conn, struct vshm_ring_mem *mem);
void vshm_link_ring_free(struct vshm_link *link, struct vshm_sock *vsk,
			 const struct vshm_ring_mem *mem);
void vshm_link_info(struct vshm_link *link, struct vshm_link_info *info);
int vshm_link_publish(struct vshm_link *link);
void vshm_link_unpublish(struct vshm_link *link);
struct vshm_link *vshm_link_find(struct vshm_net *vnet, u32 cid, bool to_host);
struct vshm_link *vshm_link_find_direct(struct vshm_net *vnet, u32 cid);
bool __vshm_link_is_local_cid(struct vshm_net *vnet, u32 cid);
bool vshm_link_source_valid(const struct vshm_link *link, u32 cid);
void vshm_link_put(struct vshm_link *link);
void vshm_link_set_up(struct vshm_link *link);
void vshm_link_kill(struct vshm_link *link);
void vshm_link_violation(struct vshm_link *link, const char *what);

/* Is this CID one of the namespace's own? */
static inline bool vshm_link_is_local_cid(struct vshm_net *vnet, u32 cid)
{
	return cid == VSHM_CID_LOCAL || __vshm_link_is_local_cid(vnet, cid);
}

/* loopback.c */
struct vshm_link *vshm_loopback_create(struct vshm_net *vnet);
void vshm_loopback_destroy(struct vshm_link *link);

#endif
