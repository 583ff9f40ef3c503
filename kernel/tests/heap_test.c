// SPDX-License-Identifier: GPL-2.0
/* The heap: what it gives is its own, apart, and can be had again. */
#include <kunit/test.h>
#include <linux/prandom.h>
#include <linux/vshm_ring.h>

#include "heap.h"

#define HEAP_START	(9ULL * VSHM_PAGE)
#define HEAP_END	(HEAP_START + (2ULL << 20))
#define HEAP_RINGS	600

static struct gen_pool *heap_make(struct kunit *test)
{
	struct gen_pool *heap = vshm_heap_create(HEAP_START, HEAP_END);

	KUNIT_ASSERT_NOT_NULL(test, heap);
	KUNIT_EXPECT_EQ(test, vshm_heap_size(heap), HEAP_END - HEAP_START);
	KUNIT_EXPECT_EQ(test, vshm_heap_used(heap), 0);
	return heap;
}

/* Every page is given once; when all are, there is no more. */
static void heap_test_full(struct kunit *test)
{
	u64 pages = (HEAP_END - HEAP_START) / VSHM_PAGE, offset, i;
	struct gen_pool *heap = heap_make(test);
	u8 *taken = kunit_kzalloc(test, pages, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, taken);
	for (i = 0; i < pages; i++) {
		offset = vshm_heap_alloc(heap, VSHM_RING_ORDER_MIN);
		KUNIT_ASSERT_GE(test, offset, HEAP_START);
		KUNIT_ASSERT_LT(test, offset, HEAP_END);
		KUNIT_EXPECT_EQ(test, offset % VSHM_PAGE, 0);
		KUNIT_EXPECT_EQ(test, taken[(offset - HEAP_START) / VSHM_PAGE],
				0);
		taken[(offset - HEAP_START) / VSHM_PAGE] = 1;
	}
	KUNIT_EXPECT_EQ(test, vshm_heap_used(heap), vshm_heap_size(heap));
	KUNIT_EXPECT_EQ(test, vshm_heap_alloc(heap, VSHM_RING_ORDER_MIN), 0);
	for (i = 0; i < pages; i++)
		vshm_heap_free(heap, HEAP_START + i * VSHM_PAGE,
			       VSHM_RING_ORDER_MIN);
	KUNIT_EXPECT_EQ(test, vshm_heap_used(heap), 0);
	vshm_heap_destroy(heap);
}

/* Rings of all sizes come and go; none overlaps another. */
static void heap_test_mixed(struct kunit *test)
{
	struct gen_pool *heap = heap_make(test);
	struct { u64 offset; u32 order; } *ring;
	u64 used = 0, bytes;
	struct rnd_state random;
	unsigned int i, j, step;

	ring = kunit_kcalloc(test, HEAP_RINGS, sizeof(*ring), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ring);
	prandom_seed_state(&random, 815);
	for (step = 0; step < 4000; step++) {
		i = prandom_u32_state(&random) % HEAP_RINGS;
		if (ring[i].offset) {
			vshm_heap_free(heap, ring[i].offset, ring[i].order);
			used -= VSHM_RING_BYTES(ring[i].order);
			ring[i].offset = 0;
			continue;
		}
		ring[i].order = VSHM_RING_ORDER_MIN +
				prandom_u32_state(&random) % 8;
		ring[i].offset = vshm_heap_alloc(heap, ring[i].order);
		if (!ring[i].offset)
			continue;
		bytes = VSHM_RING_BYTES(ring[i].order);
		used += bytes;
		KUNIT_EXPECT_GE(test, ring[i].offset, HEAP_START);
		KUNIT_EXPECT_LE(test, ring[i].offset + bytes, HEAP_END);
		for (j = 0; j < HEAP_RINGS; j++)
			if (j != i && ring[j].offset &&
			    ring[j].offset < ring[i].offset + bytes &&
			    ring[i].offset < ring[j].offset +
					     VSHM_RING_BYTES(ring[j].order))
				KUNIT_FAIL(test, "rings %u and %u overlap", i,
					   j);
	}
	KUNIT_EXPECT_EQ(test, vshm_heap_used(heap), used);
	for (i = 0; i < HEAP_RINGS; i++)
		if (ring[i].offset)
			vshm_heap_free(heap, ring[i].offset, ring[i].order);
	KUNIT_EXPECT_EQ(test, vshm_heap_used(heap), 0);
	vshm_heap_destroy(heap);
}

/* What is larger than the heap is not had, and does not harm it. */
static void heap_test_large(struct kunit *test)
{
	struct gen_pool *heap = heap_make(test);
	u64 offset;

	KUNIT_EXPECT_EQ(test, vshm_heap_alloc(heap, 21), 0);
	KUNIT_EXPECT_EQ(test, vshm_heap_alloc(heap, VSHM_RING_ORDER_MAX), 0);
	offset = vshm_heap_alloc(heap, 20);
	KUNIT_EXPECT_NE(test, offset, 0);
	KUNIT_EXPECT_EQ(test, vshm_heap_alloc(heap, 20), 0);
	vshm_heap_free(heap, offset, 20);
	KUNIT_EXPECT_EQ(test, vshm_heap_used(heap), 0);
	vshm_heap_destroy(heap);
	vshm_heap_destroy(NULL);
}

static struct kunit_case heap_cases[] = {
	KUNIT_CASE(heap_test_full),
	KUNIT_CASE(heap_test_mixed),
	KUNIT_CASE(heap_test_large),
	{ }
};

static struct kunit_suite heap_suite = {
	.name		= "vshm_heap",
	.test_cases	= heap_cases,
};

kunit_test_suite(heap_suite);
