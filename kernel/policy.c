// SPDX-License-Identifier: GPL-2.0
/*
 * Policy of a host: which guest may connect to which through it.
 *
 * The default is to deny. What is kept are the rules that were given, by source
 * and destination, where 0, which is nobody's CID, stands for every guest.
 */
#include <linux/export.h>

#include "region.h"
#include "vshm.h"

#define VSHM_POLICY_ANY	0

static unsigned long vshm_policy_index(u32 src_cid, u32 dst_cid)
{
	return (unsigned long)src_cid << 16 | dst_cid;
}

static bool vshm_policy_cid(u32 *cid)
{
	if (*cid == VSHM_CID_ANY) {
		*cid = VSHM_POLICY_ANY;
		return true;
	}
	return *cid >= VSHM_CID_GUEST_MIN && *cid <= VSHM_CID_GUEST_MAX;
}

/**
 * vshm_policy_set() - allow or deny connections between guests
 * @net: network namespace that has links to both
 * @src_cid: who connects, or VSHM_CID_ANY
 * @dst_cid: to whom, or VSHM_CID_ANY
 * @allow: 1 to allow, 0 to deny
 *
 * Context: process context, may sleep.
 * Return: 0, -EINVAL or -ENOMEM.
 */
int vshm_policy_set(struct net *net, u32 src_cid, u32 dst_cid, u32 allow)
{
	struct vshm_net *vnet = vshm_net(net);

	if (allow > 1 || !vshm_policy_cid(&src_cid) ||
	    !vshm_policy_cid(&dst_cid))
		return -EINVAL;
	return xa_err(xa_store(&vnet->policy,
			       vshm_policy_index(src_cid, dst_cid),
			       xa_mk_value(allow), GFP_KERNEL_ACCOUNT));
}
EXPORT_SYMBOL_GPL(vshm_policy_set);

/**
 * vshm_policy_allows() - may one guest connect to another through this host?
 * @vnet: namespace
 * @src_cid: who connects
 * @dst_cid: to whom
 *
 * Return: what the most specific rule says, or false.
 */
bool vshm_policy_allows(struct vshm_net *vnet, u32 src_cid, u32 dst_cid)
{
	const u32 rules[][2] = {
		{ src_cid, dst_cid },
		{ src_cid, VSHM_POLICY_ANY },
		{ VSHM_POLICY_ANY, dst_cid },
		{ VSHM_POLICY_ANY, VSHM_POLICY_ANY },
	};
	unsigned int i;
	void *rule;

	for (i = 0; i < ARRAY_SIZE(rules); i++) {
		rule = xa_load(&vnet->policy,
			       vshm_policy_index(rules[i][0], rules[i][1]));
		if (rule)
			return xa_to_value(rule);
	}
	return false;
}
