// SPDX-License-Identifier: GPL-2.0
/*
 * The heap: memory for rings from the own half of a region.
 *
 * The bookkeeping is lib/genalloc's and lies in private memory; what it manages
 * are offsets from the start of the region, in pages of the format.
 */
#include <linux/genalloc.h>
#include <linux/log2.h>
#include <linux/numa.h>
#include <linux/vshm_ring.h>

#include "heap.h"

/**
 * vshm_heap_create() - make a heap
 * @start: offset of its first byte, a multiple of VSHM_PAGE, not 0
 * @end: offset after its last byte
 *
 * Context: process context, may sleep.
 * Return: the heap, or NULL when memory is short.
 */
struct gen_pool *vshm_heap_create(u64 start, u64 end)
{
	struct gen_pool *heap = gen_pool_create(ilog2(VSHM_PAGE), NUMA_NO_NODE);

	if (heap && gen_pool_add(heap, start, end - start, NUMA_NO_NODE)) {
		gen_pool_destroy(heap);
		heap = NULL;
	}
	return heap;
}

/**
 * vshm_heap_destroy() - free the bookkeeping of a heap
 * @heap: heap of which nothing is allocated, or NULL
 */
void vshm_heap_destroy(struct gen_pool *heap)
{
	if (heap)
		gen_pool_destroy(heap);
}

/**
 * vshm_heap_alloc() - allocate a ring
 * @heap: heap
 * @order: log2 of the size of the ring's data area
 *
 * Context: any.
 * Return: offset of the ring's header, or 0 when there is no room.
 */
u64 vshm_heap_alloc(struct gen_pool *heap, u32 order)
{
	return gen_pool_alloc(heap, VSHM_RING_BYTES(order));
}

/**
 * vshm_heap_free() - give a ring back
 * @heap: heap
 * @offset: what vshm_heap_alloc() returned
 * @order: the same as there
 *
 * Context: any.
 */
void vshm_heap_free(struct gen_pool *heap, u64 offset, u32 order)
{
	gen_pool_free(heap, offset, VSHM_RING_BYTES(order));
}

/**
 * vshm_heap_ring_order() - largest ring that is worth asking for
 * @heap: heap
 *
 * No ring takes more than a quarter, so that several connections can be busy.
 * Return: log2 of the size of its data area.
 */
u32 vshm_heap_ring_order(struct gen_pool *heap)
{
	return ilog2(gen_pool_size(heap) / 4);
}

/**
 * vshm_heap_size() - bytes in a heap
 * @heap: heap
 *
 * Return: bytes.
 */
u64 vshm_heap_size(struct gen_pool *heap)
{
	return gen_pool_size(heap);
}

/**
 * vshm_heap_used() - bytes of a heap in use
 * @heap: heap
 *
 * Return: bytes.
 */
u64 vshm_heap_used(struct gen_pool *heap)
{
	return gen_pool_size(heap) - gen_pool_avail(heap);
}
