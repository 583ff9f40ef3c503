/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Links within one kernel: network namespaces, each of which plays a host or a
 * guest, joined by memfds that are attached through /dev/vshm.
 *
 * A program that is linked with this ends with a skip where there is no
 * /dev/vshm, or no right to make namespaces.
 */
#ifndef VSHM_BED_H
#define VSHM_BED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <linux/vshm.h>
#include <linux/vshm_ring.h>

#define VSHM_DEVICE	"/dev/vshm"

/* Small, so that what is lost shows soon. */
#define VSHM_BED_SIZE	(8ULL << 20)

/**
 * struct vshm_end - one end of a link
 * @ns: network namespace that it belongs to
 * @cid: its CID
 * @bell: eventfd that it hears
 * @dev: open file that attaches it, or -1
 */
struct vshm_end {
	int ns;
	uint32_t cid;
	int bell;
	int dev;
};

/**
 * struct vshm_bed - a link
 * @end: its ends, by side
 * @memfd: the region
 * @base: the same, mapped
 * @size: bytes of it
 */
struct vshm_bed {
	struct vshm_end end[2];
	int memfd;
	void *base;
	uint64_t size;
};

int vshm_ns_new(void);
int vshm_ns_enter(int ns);

int vshm_bed_make_of(struct vshm_bed *bed, uint64_t size, int ns0,
		     uint32_t cid0, int ns1, uint32_t cid1);
int vshm_bed_make(struct vshm_bed *bed, int ns0, uint32_t cid0, int ns1,
		  uint32_t cid1);
void vshm_bed_format(struct vshm_bed *bed);
void vshm_bed_free(struct vshm_bed *bed);
struct vshm_attach vshm_bed_args(const struct vshm_bed *bed, int side);
int vshm_bed_attach(struct vshm_bed *bed, int side);
void vshm_bed_detach(struct vshm_bed *bed, int side);
bool vshm_bed_wait(const struct vshm_bed *bed, int side, const char *column,
		   const char *value);
uint64_t vshm_bed_num(const struct vshm_bed *bed, int side,
		      const char *column);
int vshm_bed_up(struct vshm_bed *bed);
int vshm_bed_link(struct vshm_bed *bed, int ns0, uint32_t cid0, int ns1,
		  uint32_t cid1);
int vshm_bed_fake(struct vshm_bed *bed, int side);
bool vshm_bed_idle(const struct vshm_bed *bed);
void vshm_bed_ring(const void *link, int side);

static inline struct vshm_side *vshm_bed_side(const struct vshm_bed *bed,
					      int side)
{
	return (void *)((char *)bed->base + VSHM_SIDE_OFFSET(side, bed->size));
}

int vshm_ns_listener(int ns, int backlog);
int vshm_ns_connect(int ns, uint32_t cid, uint32_t port);
int vshm_ns_pair(int from, int to, uint32_t cid, int pair[2]);
int vshm_ns_policy(int ns, uint32_t src, uint32_t dst, uint32_t verdict);
int vshm_ns_sockets(int ns);
bool vshm_ns_empty(int ns);
int vshm_fill_up(int fd, unsigned int seed);
long vshm_locked_kb(void);
long vshm_taint(void);
const char *vshm_ns_state(int ns, int fd);

#endif /* VSHM_BED_H */
