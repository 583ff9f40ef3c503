// SPDX-License-Identifier: GPL-2.0
/*
 * Latencies, counted in buckets whose width grows with the value, so that
 * percentiles of any number of them take the same memory.
 */
#include "latency.h"

#define HALF	(1U << LATENCY_BITS)

static unsigned int bucket_of(uint64_t ns)
{
	unsigned int shift;

	if (ns < HALF)
		return (unsigned int)ns;
	shift = 63 - (unsigned int)__builtin_clzll(ns) - LATENCY_BITS;
	return ((shift + 1) << LATENCY_BITS) + (unsigned int)(ns >> shift) - HALF;
}

/* The middle of a bucket. */
static uint64_t value_of(unsigned int bucket)
{
	unsigned int shift;
	uint64_t low;

	if (bucket < 2 * HALF)
		return bucket;
	shift = (bucket >> LATENCY_BITS) - 1;
	low = (uint64_t)((bucket & (HALF - 1)) + HALF) << shift;
	return low + (1ULL << shift) / 2;
}

static uint64_t load(const uint64_t *from)
{
	return __atomic_load_n(from, __ATOMIC_RELAXED);
}

static void store(uint64_t *to, uint64_t value)
{
	__atomic_store_n(to, value, __ATOMIC_RELAXED);
}

/**
 * latency_add - count a latency
 * @latency: where
 * @ns: nanoseconds
 */
void latency_add(struct latency *latency, uint64_t ns)
{
	uint64_t *bucket = &latency->bucket[bucket_of(ns)];

	store(bucket, *bucket + 1);
	store(&latency->sum, latency->sum + ns);
	if (!latency->count || ns < latency->min)
		store(&latency->min, ns);
	if (ns > latency->max)
		store(&latency->max, ns);
	store(&latency->count, latency->count + 1);
}

/**
 * latency_merge - add what was counted elsewhere
 * @to: where to
 * @from: where from; may be added to meanwhile
 */
void latency_merge(struct latency *to, const struct latency *from)
{
	uint64_t min = load(&from->min), max = load(&from->max), n;
	unsigned int i;

	if (!load(&from->count))
		return;
	if (!to->count || min < to->min)
		to->min = min;
	if (max > to->max)
		to->max = max;
	to->sum += load(&from->sum);
	/* what is counted is what is in the buckets */
	for (i = 0; i < LATENCY_BUCKETS; i++) {
		n = load(&from->bucket[i]);
		to->bucket[i] += n;
		to->count += n;
	}
}

/**
 * latency_subtract - leave what was counted since
 * @from: what is counted now; its least and its most become those of the
 *	buckets
 * @what: what was counted before
 */
void latency_subtract(struct latency *from, const struct latency *what)
{
	unsigned int i;

	from->count -= what->count;
	from->sum -= what->sum;
	from->min = 0;
	from->max = 0;
	for (i = 0; i < LATENCY_BUCKETS; i++) {
		from->bucket[i] -= what->bucket[i];
		if (!from->bucket[i])
			continue;
		from->max = value_of(i);
		if (!from->min)
			from->min = value_of(i);
	}
}

/**
 * latency_percentile - what so many percent do not exceed
 * @latency: latencies
 * @percent: how many, 0 to 100
 *
 * Return: nanoseconds, 0 if none was counted.
 */
uint64_t latency_percentile(const struct latency *latency, double percent)
{
	double want = (double)latency->count * percent / 100;
	uint64_t seen = 0, value;
	unsigned int i;

	for (i = 0; i < LATENCY_BUCKETS; i++) {
		seen += latency->bucket[i];
		if (!latency->bucket[i] || (double)seen < want)
			continue;
		value = value_of(i);
		if (value < latency->min)
			return latency->min;
		return value > latency->max ? latency->max : value;
	}
	return latency->max;
}
