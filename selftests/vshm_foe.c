// SPDX-License-Identifier: GPL-2.0
/*
 * The steps of a peer that writes what it likes, where it likes, into the memory
 * of a link, drawn from a seed.
 */
#include <string.h>
#include <sys/socket.h>

#include "vshm_foe.h"
#include "vshm_test.h"

#define PAGES	48	/* of each heap, that rings are found in */

/**
 * vshm_foe_draw() - a number at random
 * @foe: whose
 *
 * Return: 48 bits.
 */
uint64_t vshm_foe_draw(struct vshm_foe *foe)
{
	foe->random ^= foe->random << 13;
	foe->random ^= foe->random >> 7;
	foe->random ^= foe->random << 17;
	return foe->random >> 16;
}

static struct vshm_side *foe_side(const struct vshm_foe *foe, int side)
{
	return (void *)((char *)foe->base + VSHM_SIDE_OFFSET(side, foe->size));
}

/* A number like those that might mean something, given what was there. */
static uint64_t value(struct vshm_foe *foe, uint64_t old)
{
	switch (vshm_foe_draw(foe) % 8) {
	case 0:	return 0;
	case 1:	return -1ULL;
	case 2:	return vshm_foe_draw(foe);
	case 3:	return vshm_foe_draw(foe) << 32;
	case 4:	return old + vshm_foe_draw(foe) % 5000;
	case 5:	return old - vshm_foe_draw(foe) % 5000;
	case 6:	return 1ULL << vshm_foe_draw(foe) % 64;
	default: return vshm_foe_draw(foe) % (foe->size / VSHM_PAGE) * VSHM_PAGE;
	}
}

static void spoil(struct vshm_foe *foe, __u64 *word)
{
	__atomic_store_n(word, value(foe, *word), __ATOMIC_RELAXED);
	foe->changes++;
}

static void spoil32(struct vshm_foe *foe, __u32 *word)
{
	__atomic_store_n(word, vshm_foe_draw(foe) % 2 ? vshm_foe_draw(foe) % 32 :
			 value(foe, *word), __ATOMIC_RELAXED);
	foe->changes++;
}

static struct vshm_side *any_side(struct vshm_foe *foe)
{
	return foe_side(foe, vshm_foe_draw(foe) & 1);
}

/* A page near the start of a heap, where rings are. */
static struct vshm_ring *any_ring(struct vshm_foe *foe)
{
	char *heap = (char *)any_side(foe) + VSHM_SIDE_BYTES;

	return (void *)(heap + vshm_foe_draw(foe) % PAGES * VSHM_PAGE);
}

static void spoil_ring(struct vshm_foe *foe, struct vshm_ring *ring)
{
	switch (vshm_foe_draw(foe) % 8) {
	case 0:	return spoil(foe, &ring->head);
	case 1:	return spoil(foe, &ring->space_event);
	case 2:	return spoil32(foe, &ring->sender_flags);
	case 3:	return spoil(foe, &ring->tail);
	case 4:	return spoil(foe, &ring->data_event);
	case 5:	return spoil32(foe, &ring->next_order);
	default:
		/* a successor that might well be one */
		ring->next_order = VSHM_RING_ORDER_MIN + vshm_foe_draw(foe) % 16;
		return spoil(foe, &ring->next);
	}
}

static void set_bit(__u64 *words, unsigned int bit)
{
	__atomic_fetch_or(&words[bit / 64], 1ULL << (bit % 64),
			  __ATOMIC_SEQ_CST);
}

static void tell(struct vshm_foe *foe, int side, unsigned int slot,
		 unsigned int kind)
{
	struct vshm_side *to = foe_side(foe, side);
	unsigned int bit = VSHM_NEWS_BIT(slot, kind);

	set_bit(to->news, bit);
	set_bit(to->summary, bit / 64);
	foe->ring(foe->link, side);
}

/**
 * vshm_foe_storm() - news of everything, and the doorbell, again and again
 * @foe: who
 */
void vshm_foe_storm(struct vshm_foe *foe)
{
	int side = vshm_foe_draw(foe) & 1, n = 1 + vshm_foe_draw(foe) % 8;
	struct vshm_side *to = foe_side(foe, side);

	while (n--) {
		memset(to->news, 0xff, sizeof(to->news));
		memset(to->summary, 0xff, sizeof(to->summary));
		foe->ring(foe->link, side);
		foe->changes++;
	}
}

/* Whom a record is for: some connection that the other side spoke of. */
static void address(struct vshm_foe *foe, int side, struct vshm_record *rec)
{
	struct vshm_side *from = foe_side(foe, !side);
	const struct vshm_record *heard;

	heard = (void *)((char *)from + VSHM_PAGE);
	heard += vshm_foe_draw(foe) % (VSHM_CONTROL_BYTES / sizeof(*heard));
	rec->dst_slot = heard->src_slot;
	rec->dst_gen = heard->src_gen;
	if (heard->op == VSHM_OP_REQUEST)
		rec->op = VSHM_OP_RESPONSE;
}

/* A request to a server on that side, or of the third party behind it. */
static void request(struct vshm_foe *foe, int side, struct vshm_record *rec)
{
	bool forward = foe->third_cid && !side && !(vshm_foe_draw(foe) % 4);

	rec->op = VSHM_OP_REQUEST;
	rec->src_port = vshm_foe_draw(foe) % 65536;
	rec->dst_cid = forward ? foe->third_cid : foe->cid[side];
	rec->dst_port = forward ? foe->third_port : foe->port[side];
}

/* A record that means something, unless some of it is spoiled. */
static void any_record(struct vshm_foe *foe, int side,
		       struct vshm_record *rec)
{
	uint64_t heap = VSHM_SIDE_OFFSET(!side, foe->size) +
			VSHM_SIDE_BYTES;
	unsigned int n;

	*rec = (struct vshm_record) {
		.op = 1 + vshm_foe_draw(foe) % 6,
		.how = vshm_foe_draw(foe) % 4,
		.reason = vshm_foe_draw(foe) % 140,
		.src_slot = 1 + vshm_foe_draw(foe) % 64,
		.src_gen = vshm_foe_draw(foe) % 1000,
		.src_cid = foe->cid[!side],
		.ring = heap + vshm_foe_draw(foe) % PAGES * VSHM_PAGE,
		.ring_order = VSHM_RING_ORDER_MIN + vshm_foe_draw(foe) % 5,
		.socket_id = vshm_foe_draw(foe),
		.type = SOCK_STREAM,
		.family = vshm_family(),
	};
	if (vshm_foe_draw(foe) % 2)
		request(foe, side, rec);
	else
		address(foe, side, rec);
	if (vshm_foe_draw(foe) % 4)
		return;
	for (n = vshm_foe_draw(foe) % 3; n; n--)
		((__u8 *)rec)[vshm_foe_draw(foe) % sizeof(*rec)] = vshm_foe_draw(foe);
}

/**
 * vshm_foe_post() - a record in a control ring, where the next one is expected
 * @foe: who
 * @side: who shall get it
 * @rec: record
 */
void vshm_foe_post(struct vshm_foe *foe, int side,
		   const struct vshm_record *rec)
{
	struct vshm_side *to = foe_side(foe, side);
	uint64_t head = __atomic_load_n(&to->control.head, __ATOMIC_ACQUIRE);

	head -= head % sizeof(*rec);
	memcpy((char *)to + VSHM_PAGE + head % VSHM_CONTROL_BYTES, rec,
	       sizeof(*rec));
	__atomic_store_n(&to->control.head, head + sizeof(*rec),
			 __ATOMIC_RELEASE);
	foe->changes++;
	tell(foe, side, 0, VSHM_NEWS_DATA);
}

static void record(struct vshm_foe *foe, int side)
{
	struct vshm_record rec;

	any_record(foe, side, &rec);
	vshm_foe_post(foe, side, &rec);
}

/* The datagram ring of a side, wherever it says that this is. */
static struct vshm_ring *dgram_ring(struct vshm_foe *foe, int side,
				    uint64_t *size)
{
	struct vshm_side *to = foe_side(foe, side);
	uint64_t offset = to->dgram_ring;

	*size = 1ULL << to->dgram_order % 25;
	if (!offset || offset % VSHM_PAGE || offset > foe->size - VSHM_PAGE ||
	    *size > foe->size - VSHM_PAGE - offset)
		return NULL;
	return (void *)((char *)foe->base + offset);
}

/* A datagram that means something, unless some of it is spoiled. */
static void datagram(struct vshm_foe *foe, int side)
{
	struct vshm_datagram d = {
		.len = vshm_foe_draw(foe) % 3000,
		.src_cid = foe->cid[!side],
		.src_port = vshm_foe_draw(foe) % 65536,
		.dst_cid = vshm_foe_draw(foe) % 4 ? foe->cid[side] : foe->third_cid,
		.dst_port = foe->dgram_port,
	};
	uint64_t head, size, bytes = VSHM_DATAGRAM_BYTES(d.len);
	struct vshm_ring *ring = dgram_ring(foe, side, &size);

	if (!ring)
		return;
	if (!(vshm_foe_draw(foe) % 8))
		spoil32(foe, &d.len);
	if (!(vshm_foe_draw(foe) % 8))
		spoil32(foe, &d.src_cid);
	head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
	memcpy((char *)ring + VSHM_PAGE + head % size / 32 * 32, &d, sizeof(d));
	__atomic_store_n(&ring->head, head + bytes, __ATOMIC_RELEASE);
	foe->changes++;
	tell(foe, side, 0, VSHM_NEWS_DATA);
}

static void noise(struct vshm_foe *foe, void *to, size_t size)
{
	__u8 *p = to;

	for (int n = 1 + vshm_foe_draw(foe) % 64; n; n--)
		p[vshm_foe_draw(foe) % size] = vshm_foe_draw(foe);
	foe->changes++;
}

static void step_ring(struct vshm_foe *foe)
{
	spoil_ring(foe, any_ring(foe));
	tell(foe, vshm_foe_draw(foe) & 1, 1 + vshm_foe_draw(foe) % 16,
	     vshm_foe_draw(foe) & 1);
}

/* Datagrams, their rings, and where these are said to be. */
static void step_datagrams(struct vshm_foe *foe)
{
	struct vshm_side *side = any_side(foe);
	struct vshm_ring *ring;
	uint64_t size;

	switch (vshm_foe_draw(foe) % 16) {
	case 0:
		return spoil(foe, &side->dgram_ring);
	case 1:
		return spoil32(foe, &side->dgram_order);
	case 2:
		ring = dgram_ring(foe, vshm_foe_draw(foe) & 1, &size);
		if (ring)
			spoil_ring(foe, ring);
		return tell(foe, vshm_foe_draw(foe) & 1, 0, vshm_foe_draw(foe) & 1);
	default:
		return datagram(foe, vshm_foe_draw(foe) & 1);
	}
}

/**
 * vshm_foe_step() - do something
 * @foe: who
 *
 * Changes memory, rings, or both.
 */
void vshm_foe_step(struct vshm_foe *foe)
{
	switch (vshm_foe_draw(foe) % 256) {
	case 0:
		return spoil(foe, &any_side(foe)->epoch);
	case 1:
		return spoil_ring(foe, &any_side(foe)->control);
	case 2:
		return noise(foe, foe->base, sizeof(struct vshm_region));
	case 3:
		return noise(foe, any_side(foe), VSHM_SIDE_BYTES);
	case 4:
		return noise(foe, (char *)any_side(foe) + VSHM_PAGE,
			     VSHM_CONTROL_BYTES);
	case 5 ... 20:
		return vshm_foe_storm(foe);
	case 21 ... 60:
		return record(foe, vshm_foe_draw(foe) & 1);
	case 61 ... 80:
		return foe->ring(foe->link, vshm_foe_draw(foe) & 1);
	case 81 ... 120:
		return step_datagrams(foe);
	default:
		return step_ring(foe);
	}
}

/**
 * vshm_foe_spoil() - change something that the kernel looks at again and again
 * @foe: who
 *
 * Tells nobody. Words after which a link is made anew are changed rarely.
 */
void vshm_foe_spoil(struct vshm_foe *foe)
{
	struct vshm_side *side = any_side(foe);
	uint64_t size;
	struct vshm_ring *ring;

	switch (vshm_foe_draw(foe) % 16384) {
	case 0:
		return spoil(foe, &side->epoch);
	case 1:
		return spoil_ring(foe, &side->control);
	case 2 ... 500:
		return noise(foe, (char *)side + VSHM_PAGE, VSHM_CONTROL_BYTES);
	case 501 ... 1000:
		return spoil(foe, &side->news[vshm_foe_draw(foe) % 4]);
	case 1001 ... 1500:
		return spoil(foe, side->summary);
	case 1501 ... 1510:
		ring = dgram_ring(foe, vshm_foe_draw(foe) & 1, &size);
		return ring ? spoil_ring(foe, ring) : (void)0;
	case 1511 ... 3000:
		return noise(foe, any_ring(foe), VSHM_PAGE);
	default:
		return spoil_ring(foe, any_ring(foe));
	}
}
