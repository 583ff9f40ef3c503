// SPDX-License-Identifier: GPL-2.0
/*
 * Which guests may connect to each other through the host. The kernel has the
 * rules, and shows them; what it has beyond those that are wanted is removed,
 * whoever has put it there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vshm_run.h"
#include "vshmd.h"

#define POLICY_PATH	"/proc/net/vshm_policy"

/* The policy has been set, and is to be taken back in the end. */
static bool applied;

static const char *remedy(int err)
{
	if (err == EINVAL || err == ENOTTY)
		return "the module vshm_host is of another version: load the one that belongs to this vshmd";
	return "look at the kernel's messages";
}

static int set(int fd, const struct rule *rule, uint32_t verdict)
{
	const struct vshm_policy policy = {
		.size = sizeof(policy),
		.src_cid = rule->src,
		.dst_cid = rule->dst,
		.verdict = verdict,
	};

	/* What somebody else has removed meanwhile is gone. */
	if (!ioctl(fd, VSHM_IOC_POLICY, &policy) ||
	    (verdict == VSHM_POLICY_REMOVE && errno == ENOENT))
		return 0;
	log_msg(LOG_ERR, VSHM_DEVICE ": cannot set the policy from CID %d to CID %d: %s: %s",
		(int)rule->src, (int)rule->dst, strerror(errno), remedy(errno));
	return -1;
}

static bool get_cid(const char *word, uint32_t *cid)
{
	char *end;

	*cid = VSHM_CID_ANY;
	if (!strcmp(word, "*"))
		return true;
	*cid = (uint32_t)strtoul(word, &end, 10);
	return *word && !*end;
}

static bool has_pair(const struct rule *rules, size_t nr,
		     const struct rule *rule)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		if (rules[i].src == rule->src && rules[i].dst == rule->dst)
			return true;
	}
	return false;
}

/* Remove what the kernel has and @rules have not. */
static int remove_others(int fd, const struct rule *rules, size_t nr)
{
	FILE *file = fopen(POLICY_PATH, "re");
	char src[16], dst[16];
	struct rule rule;
	int ret = 0;

	if (!file) {
		log_msg(LOG_ERR, POLICY_PATH ": %s: %s", strerror(errno),
			remedy(ENOTTY));
		return -1;
	}
	while (fscanf(file, "%15s %15s %*s", src, dst) == 2) {
		/* the first line has names */
		if (get_cid(src, &rule.src) && get_cid(dst, &rule.dst) &&
		    !has_pair(rules, nr, &rule) &&
		    set(fd, &rule, VSHM_POLICY_REMOVE))
			ret = -1;
	}
	fclose(file);
	return ret;
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
	int fd = host_open();
	int ret = 0;
	size_t i;

	if (fd < 0)
		return -1;
	applied = true;
	for (i = 0; i < nr; i++) {
		if (set(fd, &rules[i], rules[i].allow ? VSHM_POLICY_ALLOW :
							VSHM_POLICY_DENY))
			ret = -1;
	}
	if (remove_others(fd, rules, nr))
		ret = -1;
	close(fd);
	return ret;
}

/**
 * policy_applied - is the policy that of this process?
 *
 * Return: true after policy_apply().
 */
bool policy_applied(void)
{
	return applied;
}

/**
 * policy_end - leave the policy to the next process, or nothing of it
 * @keeping: there will be a next process
 */
void policy_end(bool keeping)
{
	if (applied && !keeping)
		policy_apply(NULL, 0);
	applied = false;
}
