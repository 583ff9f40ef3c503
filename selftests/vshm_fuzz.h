/* SPDX-License-Identifier: GPL-2.0 */
/* What draws calls at random: fuzz.c, and vshm_fuzz_diag.c for requests. */
#ifndef VSHM_FUZZ_H
#define VSHM_FUZZ_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * struct fuzz - one task
 * @random: what the next number is drawn from
 * @ns: the namespace that it makes sockets in
 * @steps: how many
 * @nth: file to arm faults with, or -1
 * @signals: that interrupt what blocks
 * @buf: bytes that can be written, and a page after them that cannot be touched
 * @calls: made
 * @good: those that succeeded
 * @strange: an errno that no program should see, or 0
 * @bounces: lets ends of links go and come back
 * @pid: process, until it has ended
 */
struct fuzz {
	uint64_t random;
	int ns;
	int steps;
	int nth;
	sigset_t signals;
	char *buf;
	unsigned long calls;
	unsigned long good;
	int strange;
	bool bounces;
	pid_t pid;
};

static inline uint64_t draw(struct fuzz *f)
{
	f->random ^= f->random << 13;
	f->random ^= f->random >> 7;
	f->random ^= f->random << 17;
	return f->random >> 16;
}

static inline bool often(struct fuzz *f, int n)
{
	return draw(f) % n;
}

static inline uint64_t any_value(struct fuzz *f)
{
	switch (draw(f) % 6) {
	case 0:	return 0;
	case 1:	return draw(f) % 4;
	case 2:	return draw(f);
	case 3:	return -draw(f) % 4;
	default: return 1ULL << (draw(f) % 27);
	}
}

int fuzz_diag(struct fuzz *f);

#endif /* VSHM_FUZZ_H */
