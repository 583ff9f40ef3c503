/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _VSHM_LATENCY_H
#define _VSHM_LATENCY_H

#include <stdint.h>

/* Buckets per power of two: values are kept with an error below 2 %. */
#define LATENCY_BITS	6
#define LATENCY_BUCKETS	((64 - LATENCY_BITS + 1) << LATENCY_BITS)

/**
 * struct latency - how often each latency was
 * @bucket: counts; small values have a bucket each, larger ones share
 * @count: how many there are
 * @sum: all added up, in nanoseconds
 * @min: the least, in nanoseconds
 * @max: the most, in nanoseconds
 *
 * One thread adds, any may read meanwhile: it then sees each number as it was
 * a moment ago.
 */
struct latency {
	uint64_t	bucket[LATENCY_BUCKETS];
	uint64_t	count;
	uint64_t	sum;
	uint64_t	min;
	uint64_t	max;
};

void latency_add(struct latency *latency, uint64_t ns);
void latency_merge(struct latency *to, const struct latency *from);
void latency_subtract(struct latency *from, const struct latency *what);
uint64_t latency_percentile(const struct latency *latency, double percent);

#endif /* _VSHM_LATENCY_H */
