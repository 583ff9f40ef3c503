/* SPDX-License-Identifier: GPL-2.0 */
/* A peer that writes what it likes, where it likes, into the memory of a link. */
#ifndef VSHM_FOE_H
#define VSHM_FOE_H

#include <stdint.h>
#include <linux/vshm_ring.h>

/**
 * struct vshm_foe - such a peer
 * @base: the region
 * @size: bytes of it
 * @cid: whose the sides are
 * @port: where a server listens, by side
 * @third_cid: whom the owner of side 0 forwards to, or 0
 * @third_port: where a server listens there
 * @dgram_port: of a datagram socket at either side
 * @random: state that numbers are drawn from, not 0
 * @changes: made to the region so far
 * @ring: rings the doorbell of a side
 * @link: first argument of @ring
 */
struct vshm_foe {
	void *base;
	uint64_t size;
	uint32_t cid[2];
	uint32_t port[2];
	uint32_t third_cid;
	uint32_t third_port;
	uint32_t dgram_port;
	uint64_t random;
	unsigned long changes;
	void (*ring)(const void *link, int side);
	const void *link;
};

uint64_t vshm_foe_draw(struct vshm_foe *foe);
void vshm_foe_storm(struct vshm_foe *foe);
void vshm_foe_post(struct vshm_foe *foe, int side,
		   const struct vshm_record *rec);
void vshm_foe_step(struct vshm_foe *foe);
void vshm_foe_spoil(struct vshm_foe *foe);

#endif /* VSHM_FOE_H */
