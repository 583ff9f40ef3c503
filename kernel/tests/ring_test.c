// SPDX-License-Identifier: GPL-2.0
/* The ring: indices of both ends, honest and not, and chains of rings. */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/prandom.h>

#include "ring.h"

/* A ring of a size, in memory of the test. */
static struct vshm_ring_mem ring_make(struct kunit *test, u32 order,
				      u64 position)
{
	struct vshm_ring_mem mem = { .order = order, .offset = order };

	mem.ring = kunit_kzalloc(test, sizeof(*mem.ring), GFP_KERNEL);
	mem.data = kunit_kzalloc(test, 1UL << order, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mem.ring);
	KUNIT_ASSERT_NOT_NULL(test, mem.data);
	vshm_ring_init(&mem, position);
	return mem;
}

/* What both ends of a ring know, at a position. */
static void ring_ends(const struct vshm_ring_mem *mem, u64 position,
		      struct vshm_sender *s, struct vshm_receiver *r)
{
	vshm_sender_init(s, mem);
	vshm_receiver_init(r, mem);
	s->head = position;
	s->tail = position;
	r->head = position;
	r->tail = position;
}

/* A ring of the least size, and both its ends, at a position. */
static struct vshm_ring_mem ring_open(struct kunit *test, u64 position,
				      struct vshm_sender *s,
				      struct vshm_receiver *r)
{
	struct vshm_ring_mem mem = ring_make(test, VSHM_RING_ORDER_MIN,
					     position);

	ring_ends(&mem, position, s, r);
	return mem;
}

static void ring_test_passed(struct kunit *test)
{
	/* old <= event < new, also where the numbers start again */
	KUNIT_EXPECT_TRUE(test, vshm_ring_passed(10, 11, 10));
	KUNIT_EXPECT_TRUE(test, vshm_ring_passed(19, 20, 10));
	KUNIT_EXPECT_FALSE(test, vshm_ring_passed(20, 20, 10));
	KUNIT_EXPECT_FALSE(test, vshm_ring_passed(9, 20, 10));
	KUNIT_EXPECT_FALSE(test, vshm_ring_passed(10, 10, 10));
	KUNIT_EXPECT_TRUE(test, vshm_ring_passed(U64_MAX, 0, U64_MAX));
	KUNIT_EXPECT_TRUE(test, vshm_ring_passed(2, 5, U64_MAX - 5));
	KUNIT_EXPECT_FALSE(test, vshm_ring_passed(5, 5, U64_MAX - 5));
	KUNIT_EXPECT_FALSE(test, vshm_ring_passed(U64_MAX - 6, 5, U64_MAX - 5));
}

static void ring_test_notify(struct kunit *test)
{
	struct vshm_receiver r;
	struct vshm_sender s;

	ring_open(test, 0, &s, &r);
	/* a new ring asks for news of data, and not of space */
	KUNIT_EXPECT_TRUE(test, vshm_sender_publish(&s, 1));
	KUNIT_EXPECT_FALSE(test, vshm_sender_publish(&s, 1));
	KUNIT_EXPECT_EQ(test, vshm_receiver_sync(&r), 0);
	KUNIT_EXPECT_FALSE(test, vshm_receiver_consume(&r, 1));
	/* what was asked for comes once */
	vshm_receiver_arm(&r, 5);
	KUNIT_EXPECT_FALSE(test, vshm_sender_publish(&s, 3));
	KUNIT_EXPECT_TRUE(test, vshm_sender_publish(&s, 3));
	KUNIT_EXPECT_FALSE(test, vshm_sender_publish(&s, 3));
	/* space for all but 4 bytes */
	vshm_sender_arm(&s, s.mask + 1 - 4);
	KUNIT_EXPECT_EQ(test, vshm_receiver_sync(&r), 0);
	KUNIT_EXPECT_FALSE(test, vshm_receiver_consume(&r, s.head - 5 - r.tail));
	KUNIT_EXPECT_TRUE(test, vshm_receiver_consume(&r, 1));
	KUNIT_EXPECT_FALSE(test, vshm_receiver_consume(&r, 1));
}

/* A receiver that waits for more is told when the sender waits for space. */
static void ring_test_both_wait(struct kunit *test)
{
	u64 at = U64_MAX - 1000, size = 1 << VSHM_RING_ORDER_MIN;
	struct vshm_receiver r;
	struct vshm_sender s;

	ring_open(test, at, &s, &r);
	vshm_sender_publish(&s, size);
	KUNIT_EXPECT_EQ(test, vshm_receiver_sync(&r), 0);
	KUNIT_EXPECT_FALSE(test, vshm_receiver_awaited(&r, false));
	/* it does not wait, and need not be told */
	KUNIT_EXPECT_FALSE(test, vshm_sender_wait(&s, size / 2, true));
	KUNIT_EXPECT_FALSE(test, vshm_receiver_awaited(&r, false));
	KUNIT_EXPECT_TRUE(test, vshm_receiver_awaited(&r, true));
	vshm_receiver_watch(&r);
	/* once while there is hope for a larger ring, once when there is none */
	KUNIT_EXPECT_TRUE(test, vshm_sender_wait(&s, size / 2, true));
	KUNIT_EXPECT_FALSE(test, vshm_sender_wait(&s, size / 2, true));
	KUNIT_EXPECT_TRUE(test, vshm_sender_wait(&s, size / 2, false));
	KUNIT_EXPECT_FALSE(test, vshm_sender_wait(&s, size / 2, false));
	KUNIT_EXPECT_TRUE(test, vshm_receiver_awaited(&r, false));
	/* until the sender is notified of space, or sends more */
	vshm_receiver_consume(&r, 10);
	KUNIT_EXPECT_TRUE(test, vshm_receiver_awaited(&r, false));
	vshm_sender_publish(&s, 10);
	KUNIT_EXPECT_FALSE(test, vshm_receiver_awaited(&r, false));
	KUNIT_EXPECT_FALSE(test, vshm_sender_wait(&s, size / 2, false));
	vshm_receiver_watch(&r);
	vshm_receiver_consume(&r, size / 2);
	KUNIT_EXPECT_FALSE(test, vshm_receiver_awaited(&r, false));
	KUNIT_EXPECT_FALSE(test, vshm_receiver_awaited(&r, true));
}

/* What the sender writes is between what was seen and the ring's size. */
static void ring_test_head(struct kunit *test)
{
	static const u64 positions[] = { 0, 1000000, U64_MAX - 100 };
	u64 size = 1 << VSHM_RING_ORDER_MIN;
	struct vshm_receiver r;
	struct vshm_sender s;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(positions); i++) {
		u64 at = positions[i];
		struct vshm_ring_mem mem = ring_open(test, at, &s, &r);

		mem.ring->head = at + 50;
		KUNIT_EXPECT_EQ(test, vshm_receiver_sync(&r), 0);
		KUNIT_EXPECT_EQ(test, r.head, at + 50);
		mem.ring->head = at + 49;
		KUNIT_EXPECT_EQ(test, vshm_receiver_sync(&r), -EPROTO);
		mem.ring->head = at - 1;
		KUNIT_EXPECT_EQ(test, vshm_receiver_sync(&r), -EPROTO);
		mem.ring->head = at + size + 1;
		KUNIT_EXPECT_EQ(test, vshm_receiver_sync(&r), -EPROTO);
		KUNIT_EXPECT_EQ(test, r.head, at + 50);
		mem.ring->head = at + size;
		KUNIT_EXPECT_EQ(test, vshm_receiver_sync(&r), 0);
		/* nobody who looks without checking sees more than there can be */
		mem.ring->head = at + (1ULL << 40);
		KUNIT_EXPECT_LE(test, vshm_receiver_queued(&r), size);
	}
}

/* What the receiver writes is between what was seen and what was sent. */
static void ring_test_tail(struct kunit *test)
{
	u64 at = U64_MAX - 1000, size = 1 << VSHM_RING_ORDER_MIN;
	struct vshm_ring_mem mem;
	struct vshm_receiver r;
	struct vshm_sender s;

	mem = ring_open(test, at, &s, &r);
	KUNIT_EXPECT_EQ(test, vshm_sender_space(&s, size), size);
	KUNIT_EXPECT_EQ(test, vshm_sender_space(&s, 100), 100);
	KUNIT_EXPECT_EQ(test, vshm_sender_space(&s, U64_MAX), size);
	vshm_sender_publish(&s, size);
	KUNIT_EXPECT_EQ(test, vshm_sender_space(&s, size), 0);
	mem.ring->tail = at + 1500;
	KUNIT_EXPECT_EQ(test, vshm_sender_sync(&s), 0);
	KUNIT_EXPECT_EQ(test, vshm_sender_space(&s, size), 1500);
	/* a smaller limit was set meanwhile */
	KUNIT_EXPECT_EQ(test, vshm_sender_space(&s, 10), 0);
	mem.ring->tail = at + 1499;
	KUNIT_EXPECT_EQ(test, vshm_sender_sync(&s), -EPROTO);
	mem.ring->tail = at + size + 1;
	KUNIT_EXPECT_EQ(test, vshm_sender_sync(&s), -EPROTO);
	KUNIT_EXPECT_EQ(test, s.tail, at + 1500);
	mem.ring->tail = at + size;
	KUNIT_EXPECT_EQ(test, vshm_sender_sync(&s), 0);
}

static void ring_test_chain(struct kunit *test)
{
	struct vshm_ring_mem mem, old, next[VSHM_RING_SUCCESSORS];
	struct vshm_receiver r;
	struct vshm_sender s;
	unsigned int i;

	mem = ring_open(test, 0, &s, &r);
	vshm_sender_publish(&s, 100);
	KUNIT_EXPECT_EQ(test, vshm_receiver_sync(&r), 0);
	vshm_receiver_consume(&r, 40);
	for (i = 0; i < VSHM_RING_SUCCESSORS; i++) {
		KUNIT_EXPECT_EQ(test, vshm_receiver_order(&r),
				VSHM_RING_ORDER_MIN + i);
		next[i] = ring_make(test, VSHM_RING_ORDER_MIN + 1 + i, 0);
		vshm_receiver_announce(&r, &next[i]);
	}
	KUNIT_EXPECT_EQ(test, vshm_receiver_order(&r), U32_MAX);
	/* each names the next one, the last one none */
	KUNIT_EXPECT_EQ(test, mem.ring->next, next[0].offset);
	KUNIT_EXPECT_EQ(test, mem.ring->next_order, next[0].order);
	KUNIT_EXPECT_EQ(test, next[i - 1].ring->next, 0);

	/* the sender goes on in the first and third, with bytes in each */
	KUNIT_EXPECT_FALSE(test, vshm_receiver_move(&r, &old));
	vshm_sender_move(&s, &next[0]);
	KUNIT_EXPECT_TRUE(test, vshm_sender_publish(&s, 10));
	vshm_sender_move(&s, &next[1]);
	KUNIT_EXPECT_TRUE(test, vshm_sender_publish(&s, 1));
	KUNIT_EXPECT_EQ(test, vshm_receiver_queued(&r), 71);

	/* none is left before it is drained */
	KUNIT_EXPECT_FALSE(test, vshm_receiver_move(&r, &old));
	vshm_receiver_consume(&r, 60);
	KUNIT_EXPECT_NE(test, vshm_receiver_pending(&r), 0);
	KUNIT_EXPECT_TRUE(test, vshm_receiver_move(&r, &old));
	KUNIT_EXPECT_PTR_EQ(test, old.ring, mem.ring);
	KUNIT_EXPECT_EQ(test, vshm_receiver_sync(&r), 0);
	KUNIT_EXPECT_EQ(test, r.head - r.tail, 10);
	vshm_receiver_consume(&r, 10);
	KUNIT_EXPECT_TRUE(test, vshm_receiver_move(&r, &old));
	KUNIT_EXPECT_EQ(test, vshm_receiver_sync(&r), 0);
	KUNIT_EXPECT_EQ(test, r.head - r.tail, 1);
	vshm_receiver_consume(&r, 1);
	KUNIT_EXPECT_FALSE(test, vshm_receiver_move(&r, &old));

	/* the sender sees in its ring what was consumed in those before */
	KUNIT_EXPECT_EQ(test, vshm_sender_sync(&s), 0);
	KUNIT_EXPECT_EQ(test, s.tail, 111);
}

/* Bytes in order, whatever is written and read at a time, while rings grow. */
static void ring_test_walk(struct kunit *test)
{
	struct vshm_ring_mem next = { }, old;
	struct rnd_state random;
	struct vshm_receiver r;
	struct vshm_sender s;
	u64 n, i, step;

	ring_open(test, 0, &s, &r);
	prandom_seed_state(&random, 4711);
	for (step = 0; step < 20000; step++) {
		n = prandom_u32_state(&random) % 700;
		KUNIT_ASSERT_EQ(test, vshm_sender_sync(&s), 0);
		if (n > vshm_sender_space(&s, U64_MAX) && next.ring) {
			vshm_sender_move(&s, &next);
			memset(&next, 0, sizeof(next));
			KUNIT_ASSERT_EQ(test, vshm_sender_sync(&s), 0);
		}
		n = min(n, vshm_sender_space(&s, U64_MAX));
		for (i = s.head; i < s.head + n; i++)
			*vshm_sender_at(&s, i) = i ^ i >> 7;
		vshm_sender_publish(&s, n);

		if (step == 5000 || step == 10000 || step == 15000) {
			next = ring_make(test, vshm_receiver_order(&r) + 1, 0);
			vshm_receiver_announce(&r, &next);
		}
		do {
			KUNIT_ASSERT_EQ(test, vshm_receiver_sync(&r), 0);
		} while (r.head == r.tail && vshm_receiver_move(&r, &old));
		n = min_t(u64, prandom_u32_state(&random) % 650,
			  r.head - r.tail);
		for (i = r.tail; i < r.tail + n; i++)
			if (*vshm_receiver_at(&r, i) != (u8)(i ^ i >> 7))
				KUNIT_FAIL(test, "byte %llu is wrong", i);
		vshm_receiver_consume(&r, n);
	}
	KUNIT_EXPECT_EQ(test, r.mem.order, VSHM_RING_ORDER_MIN + 3);
}

/* Between rings whose ends lie elsewhere. */
static void ring_test_copy(struct kunit *test)
{
	struct vshm_ring_mem a = ring_make(test, VSHM_RING_ORDER_MIN, 0);
	struct vshm_ring_mem b = ring_make(test, VSHM_RING_ORDER_MIN + 1, 0);
	u64 size = 1 << VSHM_RING_ORDER_MIN, i;
	struct vshm_receiver r;
	struct vshm_sender s;

	ring_ends(&a, size - 10, &s, &r);
	for (i = 0; i < size; i++)
		a.data[i] = i ^ i >> 7;
	ring_ends(&b, 2 * size - 100, &s, &r);
	vshm_receiver_init(&r, &a);
	r.tail = size - 10;
	vshm_ring_copy(&s, &r, 1000);
	for (i = 0; i < 1000; i++)
		KUNIT_EXPECT_EQ(test, *vshm_sender_at(&s, s.head + i),
				*vshm_receiver_at(&r, r.tail + i));
	KUNIT_EXPECT_EQ(test, s.head, 2 * size - 100);
	KUNIT_EXPECT_EQ(test, r.tail, size - 10);
	/* nothing beyond them */
	KUNIT_EXPECT_EQ(test, *vshm_sender_at(&s, s.head + 1000), 0);
	KUNIT_EXPECT_EQ(test, *vshm_sender_at(&s, s.head - 1), 0);
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE(ring_test_passed),
	KUNIT_CASE(ring_test_notify),
	KUNIT_CASE(ring_test_both_wait),
	KUNIT_CASE(ring_test_head),
	KUNIT_CASE(ring_test_tail),
	KUNIT_CASE(ring_test_chain),
	KUNIT_CASE(ring_test_walk),
	KUNIT_CASE(ring_test_copy),
	{ }
};

static struct kunit_suite ring_suite = {
	.name		= "vshm_ring",
	.test_cases	= ring_cases,
};

kunit_test_suite(ring_suite);

MODULE_DESCRIPTION("KUnit tests of AF_VSHM");
MODULE_LICENSE("GPL");
