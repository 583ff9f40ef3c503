/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The bed of the hostile peer: a host and two guests, each a network namespace
 * of the same program, joined by two regions.
 *
 *      net 0                net 1              net 2
 *      host, CID 2          guest, CID 3       guest, CID 4
 *        end 0 ---region 0--- end 1
 *        end 2 ---region 1--------------------- end 3
 */
#ifndef _BED_H
#define _BED_H

#include "shim.h"
#include "region.h"
#include "vshm.h"

/* what is copied here is not watched */
#undef memcpy

#define BED_NETS	3
#define BED_ENDS	4
#define BED_REGIONS	2
#define BED_SIZE	VSHM_REGION_MIN
#define BED_SOCKS	24
#define BED_PORTS	4

struct bed_end {
	struct vshm_region_link	*rl;
	u32			cid;
	u32			peer_cid;
	unsigned int		net;
	unsigned int		region;
	bool			rung;
};

struct bed_sock {
	struct socket	*sock;
	struct file	file;
	unsigned int	net;
	bool		victim;	/* left alone by the fuzzer */
};

extern struct net bed_net[BED_NETS];
extern struct bed_end bed_end[BED_ENDS];
extern struct bed_sock bed_sock[BED_SOCKS];

/* bed.c: machines, links and sockets */
u8 *bed_region(unsigned int region);
bool bed_shared(const volatile void *addr, unsigned int *region);
void bed_start(void);
void bed_stop(void);
void bed_attach(unsigned int end);
void bed_detach(unsigned int end);
struct vshm_link *bed_link(unsigned int end);
void bed_interrupt(unsigned int end);
void bed_settle(void);
void bed_check(void);
void bed_recover(void);
struct bed_sock *bed_create(unsigned int net, int type);
int bed_bind(struct bed_sock *bs, u32 cid, u32 port);
int bed_connect(struct bed_sock *bs, u32 cid, u32 port, int flags);
struct bed_sock *bed_accept(struct bed_sock *bs);
int bed_send_to(struct bed_sock *bs, u32 cid, u32 port, const void *buf,
		size_t len, int flags);
int bed_send(struct bed_sock *bs, const void *buf, size_t len, int flags);
int bed_recv(struct bed_sock *bs, void *buf, size_t len, int flags);
void bed_close(struct bed_sock *bs);
void bed_pair(unsigned int net, struct bed_sock *pair[2]);
bool bed_join(unsigned int from, unsigned int to, u32 cid, int type,
	      struct bed_sock *pair[2]);

/* hostile.c: the fuzzer's decisions */
extern bool hostile_on;		/* the peer is */
extern bool hostile_faults;	/* so is the machine */
extern unsigned int hostile_regions;	/* bit map of those it may write */
extern unsigned long hostile_mutations, hostile_loads;
void hostile_begin(const u8 *data, size_t size);
bool hostile_more(void);
u8 hostile_op(void);
u32 hostile_number(u32 max);
void hostile_call(void);
void hostile_count(void);
void hostile_record(unsigned int end);
void hostile_datagram(unsigned int end);
void hostile_scribble(void);
extern unsigned int hostile_fail;

#endif /* _BED_H */
