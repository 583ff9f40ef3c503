/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The heap: memory for rings from the own half of a region.
 */
#ifndef _VSHM_HEAP_H
#define _VSHM_HEAP_H

#include <linux/types.h>

struct gen_pool;

struct gen_pool *vshm_heap_create(u64 start, u64 end);
void vshm_heap_destroy(struct gen_pool *heap);
u64 vshm_heap_alloc(struct gen_pool *heap, u32 order);
void vshm_heap_free(struct gen_pool *heap, u64 offset, u32 order);
u32 vshm_heap_ring_order(struct gen_pool *heap);
u64 vshm_heap_size(struct gen_pool *heap);
u64 vshm_heap_used(struct gen_pool *heap);

#endif /* _VSHM_HEAP_H */
