// SPDX-License-Identifier: GPL-2.0
/*
 * Which guests may connect to each other through the host. The kernel has the
 * rules, and no way to take one back: a pair that the configuration no longer
 * has gets the verdict that would be in force without it. For that, the pairs
 * that the kernel knows are noted in a file that is kept over restarts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vshm_run.h"
#include "vshmd.h"

#define KEEP_NAME	"policy"

/* The rules that the kernel has; only their pairs count. */
static struct rule *known;
static size_t nr_known;
static int known_fd = -1;

static bool matches(uint32_t pattern, uint32_t cid)
{
	return pattern == VSHM_CID_ANY || pattern == cid;
}

/* How much a rule says: @src goes before @dst. */
static int weight(const struct rule *rule)
{
	return (rule->src != VSHM_CID_ANY ? 2 : 0) +
	       (rule->dst != VSHM_CID_ANY ? 1 : 0);
}

/* The verdict of these rules for a pair. */
static bool verdict(const struct rule *rules, size_t nr, uint32_t src,
		    uint32_t dst)
{
	const struct rule *best = NULL;
	size_t i;

	for (i = 0; i < nr; i++) {
		if (matches(rules[i].src, src) && matches(rules[i].dst, dst) &&
		    (!best || weight(&rules[i]) > weight(best)))
			best = &rules[i];
	}
	return best && best->allow;
}

static bool is_known(const struct rule *rule)
{
	size_t i;

	for (i = 0; i < nr_known; i++) {
		if (known[i].src == rule->src && known[i].dst == rule->dst)
			return true;
	}
	return false;
}

/* Before the kernel gets to know the pair. */
static int note(const struct rule *rule)
{
	const uint32_t pair[2] = { rule->src, rule->dst };
	struct rule *more;

	more = reallocarray(known, nr_known + 1, sizeof(*more));
	if (!more)
		return -1;
	known = more;
	if (known_fd < 0 && keep_enabled()) {
		known_fd = memfd_create("vshm-policy", MFD_CLOEXEC);
		if (known_fd < 0)
			return -1;
		keep_add(KEEP_NAME, known_fd);
	}
	if (known_fd >= 0 &&
	    pwrite(known_fd, pair, sizeof(pair),
		   (off_t)(nr_known * sizeof(pair))) != sizeof(pair))
		return -1;
	known[nr_known++] = *rule;
	return 0;
}

static int set(int fd, const struct rule *rule, bool allow)
{
	const struct vshm_policy policy = {
		.size = sizeof(policy),
		.src_cid = rule->src,
		.dst_cid = rule->dst,
		.allow = allow,
	};

	if (ioctl(fd, VSHM_IOC_POLICY, &policy)) {
		log_msg(LOG_ERR, VSHM_DEVICE ": cannot set the policy from CID %d to CID %d: %s; look at the kernel's messages",
			(int)rule->src, (int)rule->dst, strerror(errno));
		return -1;
	}
	return 0;
}

/**
 * policy_restore - get to know what an earlier process has told the kernel
 *
 * Return: 0, or -1 after logging why.
 */
int policy_restore(void)
{
	uint32_t pair[2];
	struct rule *more;

	known_fd = keep_take(KEEP_NAME);
	while (known_fd >= 0 &&
	       pread(known_fd, pair, sizeof(pair),
		     (off_t)(nr_known * sizeof(pair))) == sizeof(pair)) {
		more = reallocarray(known, nr_known + 1, sizeof(*more));
		if (!more) {
			log_msg(LOG_ERR, "cannot take the policy back: out of memory");
			return -1;
		}
		known = more;
		known[nr_known].src = pair[0];
		known[nr_known++].dst = pair[1];
	}
	return 0;
}

/**
 * policy_apply - have these rules in force, and no others
 * @rules: the rules
 * @nr: how many there are
 *
 * Return: 0, or -1 after logging why.
 */
int policy_apply(const struct rule *rules, size_t nr)
{
	size_t i;
	int fd, ret = 0;

	if (!nr && !nr_known)
		return 0;
	fd = host_open();
	if (fd < 0)
		return -1;
	for (i = 0; i < nr; i++) {
		if (!is_known(&rules[i]) && note(&rules[i])) {
			log_msg(LOG_ERR, "cannot set the policy: out of memory");
			close(fd);
			return -1;
		}
	}
	for (i = 0; i < nr_known; i++) {
		if (set(fd, &known[i],
			verdict(rules, nr, known[i].src, known[i].dst)))
			ret = -1;
	}
	close(fd);
	return ret;
}

/**
 * policy_end - leave the policy to the next process, or nothing of it
 * @keeping: there will be a next process
 */
void policy_end(bool keeping)
{
	if (!keeping) {
		policy_apply(NULL, 0);
		keep_remove(KEEP_NAME);
	}
	free(known);
	known = NULL;
	nr_known = 0;
	if (known_fd >= 0)
		close(known_fd);
	known_fd = -1;
}
