/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a driver needs to attach one end of a link whose memory is a region.
 */
#ifndef _VSHM_REGION_H
#define _VSHM_REGION_H

#include <linux/types.h>

struct net;
struct vshm_region_link;

/**
 * struct vshm_region_config - how to attach a region
 * @net: network namespace that the link belongs to
 * @base: the region in kernel address space, ordinary cached memory
 * @size: bytes mapped there
 * @cid: own CID: one of the two in the region's header
 * @peer_cid: what the other one must be. The peer can write the header, so this
 *	has to be known from elsewhere.
 * @max_connections: limit of connections, or 0 for that of the format
 * @doorbell: notify the peer; called in any context with @priv and its CID
 * @priv: for @doorbell
 */
struct vshm_region_config {
	struct net *net;
	void *base;
	u64 size;
	u32 cid;
	u32 peer_cid;
	u32 max_connections;
	void (*doorbell)(void *priv, u32 peer_cid);
	void *priv;
};

bool vshm_region_present(const void *base, u64 size);
u32 vshm_region_peer_claimed(const void *base, u32 cid);
struct vshm_region_link *
vshm_region_attach(const struct vshm_region_config *config);
void vshm_region_detach(struct vshm_region_link *rl);
void vshm_region_interrupt(struct vshm_region_link *rl);
void vshm_region_panic(struct vshm_region_link *rl);

int vshm_policy_set(struct net *net, u32 src_cid, u32 dst_cid, u32 verdict);

#endif /* _VSHM_REGION_H */
