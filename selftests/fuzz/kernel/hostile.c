// SPDX-License-Identifier: GPL-2.0
/*
 * The hostile peer: what a program that has mapped a region can do to it, at
 * any moment. Each load of shared memory that the module makes passes
 * shim_loads(), and what is there may change before it, so a value that is
 * loaded twice may differ. The input's first bytes say which calls are made,
 * those from its end when and what is written; once they are used up, numbers
 * that depend on the input alone go on.
 */
#include <sanitizer/asan_interface.h>

#include "bed.h"

/* Shared loads in one call, and until others get their turn. */
#define LOADS_CALL	400000
#define LOADS_REST	30000

bool hostile_on, hostile_faults;
unsigned int hostile_regions = 3, hostile_fail;
unsigned long hostile_mutations, hostile_loads;

static const u8 *front, *back;
static u64 random_state;
static unsigned int gap, sleeps;
static unsigned long call_loads, rest_loads, mem_count;
static bool inside;

/* A place whose value changes with each load: to another and back, or on. */
static struct {
	volatile u64	*addr;
	u64		other;
	u64		creep;
	u8		pattern;
	u8		step;
} flip;

/* What was there before the last load saw something else */
static struct {
	const volatile void	*addr;
	u64			old;
} undo;

void hostile_begin(const u8 *data, size_t size)
{
	size_t i;

	front = data;
	back = data + size;
	random_state = 0x9e3779b97f4a7c15ULL;
	for (i = 0; i < size; i++)
		random_state = (random_state ^ data[i]) * 0x100000001b3ULL;
	gap = 0;
	flip.addr = NULL;
	undo.addr = NULL;
	hostile_fail = 0;
}

static u64 random_number(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

bool hostile_more(void)
{
	return front < back;
}

u8 hostile_op(void)
{
	return front < back ? *front++ : 0;
}

u32 hostile_number(u32 max)
{
	u32 number = 0, room;

	if (front == back)
		return random_number() % max;
	for (room = max; room > 1 && front < back; room = (room + 255) >> 8)
		number = number << 8 | *--back;
	return number % max;
}

void hostile_call(void)
{
	call_loads = 0;
	rest_loads = 0;
	sleeps = 0;
}

/* What memory can hold that makes a difference */
static u64 hostile_value(u64 old)
{
	static const u64 edges[] = {
		0, 1, 7, 8, 127, 128, 2047, 2048, 4095, 4096, 1 << 15, 1 << 24,
		BED_SIZE / 2, BED_SIZE - 4096, BED_SIZE, U32_MAX, ~0ULL,
		1ULL << 63,
	};

	switch (hostile_number(8)) {
	case 0:
		return edges[hostile_number(ARRAY_SIZE(edges))];
	case 1:
		return old + hostile_number(17) - 8;
	case 2:
		return old + (hostile_number(5) - 2) * 128;
	case 3:
		return old ^ 1ULL << hostile_number(64);
	case 4:
		return random_number();
	case 5:
		return (u64)hostile_number(BED_SIZE / VSHM_PAGE) * VSHM_PAGE;
	case 6:
		return VSHM_RING_ORDER_MIN + hostile_number(15);
	default:
		return (old & ~0xfffULL) + hostile_number(4096);
	}
}

static void hostile_write(void *addr, u64 value, size_t size)
{
	hostile_mutations++;
	memcpy(addr, &value, min(size, sizeof(value)));
}

/* Anywhere, but most often where the fields are. */
void hostile_scribble(void)
{
	unsigned int region = hostile_number(BED_REGIONS), page, at;
	u64 old;
	u8 *p;

	if (!(hostile_regions & 1 << region))
		region ^= 1;
	switch (hostile_number(4)) {
	case 0: /* side: epoch, summary, news, control ring */
		page = hostile_number(2) ? 1 : BED_SIZE / 2 / VSHM_PAGE;
		at = hostile_number(160) * 8;
		break;
	case 1: /* data of a control ring */
		page = (hostile_number(2) ? 1 : BED_SIZE / 2 / VSHM_PAGE) + 1;
		at = hostile_number(512) * 8;
		break;
	case 2: /* the first rings of a heap */
		page = (hostile_number(2) ? 1 : BED_SIZE / 2 / VSHM_PAGE) + 9 +
		       hostile_number(16);
		at = hostile_number(16) * 8;
		break;
	default:
		page = hostile_number(BED_SIZE / VSHM_PAGE);
		at = hostile_number(512) * 8;
	}
	p = bed_region(region) + page * VSHM_PAGE + at;
	memcpy(&old, p, sizeof(old));
	hostile_write(p, hostile_value(old), sizeof(old));
}

/* A record as the other end might write it, with what is there in mind */
void hostile_record(unsigned int end)
{
	struct vshm_link *link = bed_end[end].rl ? bed_link(end) : NULL;
	struct vshm_side *side;
	struct vshm_record rec;
	struct vshm_conn *conn;
	unsigned long slot;

	if (!link || !(hostile_regions & 1 << bed_end[end].region))
		return;
	side = (void *)(bed_region(bed_end[end].region) +
			VSHM_SIDE_OFFSET(end & 1, BED_SIZE));
	rec = (struct vshm_record) {
		.op		= hostile_number(7),
		.how		= hostile_number(4),
		.reason		= hostile_number(140),
		.src_slot	= hostile_number(2) ? hostile_number(8) :
						      hostile_number(5000),
		.src_gen	= hostile_number(4),
		.src_cid	= hostile_number(6),
		.src_port	= 5000 + hostile_number(BED_PORTS),
		.dst_cid	= hostile_number(6),
		.dst_port	= 5000 + hostile_number(BED_PORTS),
		.ring		= VSHM_SIDE_OFFSET(!(end & 1), BED_SIZE) +
				  VSHM_SIDE_BYTES +
				  (u64)hostile_number(130) * VSHM_PAGE,
		.ring_order	= VSHM_RING_ORDER_MIN + hostile_number(12),
		.type		= hostile_number(2) ? SOCK_STREAM :
						      SOCK_SEQPACKET,
		.ring_limit	= hostile_number(32),
		.socket_id	= random_number(),
		.options	= random_number(),
		.flags		= hostile_number(2),
	};
	slot = hostile_number(16);
	conn = xa_find(&link->slots, &slot, ULONG_MAX, XA_PRESENT);
	if (conn) {
		rec.dst_slot = conn->slot;
		rec.dst_gen = conn->gen;
		if (hostile_number(2)) {
			rec.src_slot = conn->peer_slot;
			rec.src_gen = conn->peer_gen;
		}
	}
	memcpy((u8 *)side + VSHM_PAGE +
	       side->control.head % VSHM_CONTROL_BYTES / 128 * 128, &rec,
	       sizeof(rec));
	side->control.head += sizeof(rec);
	side->news[0] |= 1;
	side->summary[0] |= 1;
	bed_end[end].rung = true;
	hostile_mutations++;
}

/* A datagram, or what may pass for one, in the ring towards that end */
void hostile_datagram(unsigned int end)
{
	u8 *base = bed_region(bed_end[end].region);
	struct vshm_datagram dgram = {
		.len		= hostile_number(4) ? hostile_number(200) :
						      hostile_number(70000),
		.src_cid	= hostile_number(6),
		.src_port	= 5000 + hostile_number(BED_PORTS),
		.dst_cid	= hostile_number(6),
		.dst_port	= 5000 + hostile_number(BED_PORTS),
	};
	struct vshm_side *side;
	struct vshm_ring *ring;
	u64 bytes;

	side = (void *)(base + VSHM_SIDE_OFFSET(end & 1, BED_SIZE));
	if (!(hostile_regions & 1 << bed_end[end].region) ||
	    side->dgram_ring % VSHM_PAGE ||
	    side->dgram_ring > BED_SIZE - 32 * VSHM_PAGE)
		return;
	ring = (void *)(base + side->dgram_ring);
	bytes = 1ULL << VSHM_DATAGRAM_ORDER_MIN;
	memcpy((u8 *)ring + VSHM_PAGE + ring->head % bytes / 32 * 32, &dgram,
	       sizeof(dgram));
	ring->head += VSHM_DATAGRAM_BYTES(dgram.len) * !!hostile_number(8);
	side->news[0] |= 1;
	side->summary[0] |= 1;
	bed_end[end].rung = true;
	hostile_mutations++;
}

static void hostile_flip(volatile void *addr, size_t size)
{
	static const u8 patterns[] = { 0xff, 0x55, 0xaa, 0x33, 0x66, 0x11, 0x92 };
	static const u64 creeps[] = { 0, 0, 0, 1, 8, 128 };

	if (size > sizeof(u64) || (uintptr_t)addr % sizeof(u64))
		return;
	flip.addr = (volatile u64 *)addr;
	flip.other = hostile_value(*flip.addr);
	flip.creep = creeps[hostile_number(ARRAY_SIZE(creeps))];
	flip.pattern = patterns[hostile_number(ARRAY_SIZE(patterns))];
	flip.step = 0;
}

static void hostile_step(void)
{
	u64 old = *flip.addr;

	if (!(flip.pattern >> (flip.step++ & 7) & 1))
		return;
	if (flip.creep) {
		*flip.addr = old + flip.creep;
	} else {
		*flip.addr = flip.other;
		flip.other = old;
	}
	hostile_mutations++;
}

static void hostile_mutate(volatile void *addr, size_t size)
{
	u64 old = 0;
	u8 *p = (u8 *)addr;

	switch (hostile_number(8)) {
	case 0:
	case 1:
		hostile_scribble();
		break;
	case 2:
		if (hostile_number(2))
			hostile_record(hostile_number(BED_ENDS));
		else
			hostile_datagram(hostile_number(BED_ENDS));
		break;
	case 3:
		hostile_flip(addr, size);
		break;
	default:
		if (size > sizeof(old)) {
			p += hostile_number(size);
			size = 1;
		}
		memcpy(&old, p, size);
		undo.addr = addr;
		undo.old = old;
		hostile_write(p, hostile_value(old), size);
	}
}

/* The module is about to load shared memory. */
void shim_loads(const volatile void *addr, size_t size)
{
	unsigned int region, end;

	if (!size || !bed_shared(addr, &region) || inside)
		return;
	if (!shim_once)
		DIE("shared memory loaded without READ_ONCE()");
	hostile_loads++;
	if (++call_loads > LOADS_CALL || ++rest_loads > LOADS_REST)
		DIE("a peer keeps this busy");
	if (!hostile_on)
		return;
	if (flip.addr == addr) {
		hostile_step();
		return;
	}
	/* a value that is loaded twice: first wrong, then right */
	if (undo.addr == addr && size <= sizeof(undo.old)) {
		undo.addr = NULL;
		if (random_number() & 1)
			hostile_write((u8 *)addr, undo.old, size);
		return;
	}
	end = region * 2 + (call_loads & 1);
	if (bed_end[end].rung && !shim_irqs_off && !shim_atomic &&
	    !(random_number() & 15)) {
		bed_interrupt(end);
		return;
	}
	if (gap) {
		gap--;
		return;
	}
	gap = hostile_number(256);
	gap = gap < 192 ? gap & 15 : gap;
	if (!(hostile_regions & 1 << region))
		return;
	inside = true;
	hostile_mutate((volatile void *)addr, size);
	inside = false;
}

#define TRACE_LOAD(n) \
	void __sanitizer_cov_load##n(void *addr) { shim_loads(addr, n); }
void __sanitizer_cov_load1(void *addr);
void __sanitizer_cov_load2(void *addr);
void __sanitizer_cov_load4(void *addr);
void __sanitizer_cov_load8(void *addr);
void __sanitizer_cov_load16(void *addr);
TRACE_LOAD(1)
TRACE_LOAD(2)
TRACE_LOAD(4)
TRACE_LOAD(8)
TRACE_LOAD(16)

/* Others get their turn. */
void shim_rest(void)
{
	rest_loads = 0;
}

bool shim_fails(void)
{
	return hostile_faults && hostile_fail && !--hostile_fail;
}

/* Somebody who has slept often enough is interrupted. */
bool shim_signal(void)
{
	return sleeps > 8;
}

/* Pages of a program that are not there */
size_t shim_fault(size_t n)
{
	return hostile_faults && n && !hostile_number(32) ? hostile_number(n) : n;
}

long shim_sleep(long timeo)
{
	unsigned int i, n;

	sleeps++;
	shim_rest();
	for (i = 0; i < BED_ENDS; i++)
		if (bed_end[i].rung)
			bed_interrupt(i);
	for (n = 0; n < 32 && shim_work(1); n++)
		;
	jiffies += HZ / 10;
	return timeo == MAX_SCHEDULE_TIMEOUT ? timeo : max(timeo - HZ / 10, 0L);
}

void *shim_alloc(size_t size)
{
	mem_count++;
	return calloc(1, size);
}

void shim_free(const void *mem)
{
	if (mem)
		mem_count--;
	free((void *)mem);
}

unsigned long hostile_memory(void);
unsigned long hostile_memory(void)
{
	return mem_count;
}

void hostile_count(void)
{
	fprintf(stderr, "vshm: loads of shared memory: %lu, mutations: %lu\n",
		hostile_loads, hostile_mutations);
}

void shim_die(const char *what, const char *file, int line)
{
	hostile_count();
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}
