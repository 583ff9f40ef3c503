// SPDX-License-Identifier: GPL-2.0
/*
 * Policy of a host: which guest may connect to which through it.
 *
 * The default is to deny. What is kept are the rules that were given, by source
 * and destination, where 0, which is nobody's CID, stands for every guest.
 */
#include <linux/export.h>
#include <linux/seq_file.h>

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

static void vshm_policy_show_cid(struct seq_file *seq, u32 cid)
{
	if (cid == VSHM_POLICY_ANY)
		seq_puts(seq, "* ");
	else
		seq_printf(seq, "%u ", cid);
}

/**
 * vshm_policy_set() - set or remove a rule for connections between guests
 * @net: network namespace that has links to both
 * @src_cid: who connects, or VSHM_CID_ANY
 * @dst_cid: to whom, or VSHM_CID_ANY
 * @verdict: one of enum vshm_verdict
 *
 * Context: process context, may sleep.
 * Return: 0, -EINVAL, -ENOMEM, or -ENOENT for a rule that is not there and is
 * to be removed.
 */
int vshm_policy_set(struct net *net, u32 src_cid, u32 dst_cid, u32 verdict)
{
	struct vshm_net *vnet = vshm_net(net);
	unsigned long index;

	if (verdict > VSHM_POLICY_REMOVE || !vshm_policy_cid(&src_cid) ||
	    !vshm_policy_cid(&dst_cid))
		return -EINVAL;
	index = vshm_policy_index(src_cid, dst_cid);
	if (verdict == VSHM_POLICY_REMOVE)
		return xa_erase(&vnet->policy, index) ? 0 : -ENOENT;
	return xa_err(xa_store(&vnet->policy, index, xa_mk_value(verdict),
			       GFP_KERNEL_ACCOUNT));
}
EXPORT_SYMBOL_GPL(vshm_policy_set);

/**
 * vshm_policy_show() - list the rules
 * @vnet: namespace
 * @seq: where to; one line for each, "*" for every guest
 *
 * Context: any in which RCU may be read.
 */
void vshm_policy_show(struct vshm_net *vnet, struct seq_file *seq)
{
	unsigned long index;
	void *rule;

	rcu_read_lock();
	xa_for_each(&vnet->policy, index, rule) {
		vshm_policy_show_cid(seq, index >> 16);
		vshm_policy_show_cid(seq, index & U16_MAX);
		seq_puts(seq, xa_to_value(rule) == VSHM_POLICY_ALLOW ?
			 "allow\n" : "deny\n");
	}
	rcu_read_unlock();
}

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
			return xa_to_value(rule) == VSHM_POLICY_ALLOW;
	}
	return false;
}
