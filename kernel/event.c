// SPDX-License-Identifier: GPL-2.0
/*
 * Events of sockets and links, for whoever listens: multicast messages of the
 * generic netlink family "vshm"; uapi/linux/vshm_diag.h has the format.
 *
 * The groups of sock_diag are numbered by the kernel, with none to spare, hence
 * a family of its own. An event costs a look at a bit map when nobody listens.
 */
#include <linux/module.h>
#include <linux/vshm_diag.h>
#include <net/genetlink.h>

#include "vshm.h"

enum {
	VSHM_GROUP_SOCKETS,
	VSHM_GROUP_LINKS,
};

static const struct genl_multicast_group vshm_event_groups[] = {
	[VSHM_GROUP_SOCKETS]	= { .name = VSHM_GENL_SOCKETS },
	[VSHM_GROUP_LINKS]	= { .name = VSHM_GENL_LINKS },
};

static struct genl_family vshm_event_family __ro_after_init = {
	.name		= VSHM_GENL_NAME,
	.version	= VSHM_GENL_VERSION,
	.module		= THIS_MODULE,
	.netnsok	= true,
	.mcgrps		= vshm_event_groups,
	.n_mcgrps	= ARRAY_SIZE(vshm_event_groups),
};

/* Start a message, or return NULL when memory is short. */
static struct sk_buff *vshm_event_start(enum vshm_event event, void **header)
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_ATOMIC);

	if (skb)
		*header = genlmsg_put(skb, 0, 0, &vshm_event_family, 0, event);
	return skb;
}

static void vshm_event_send(struct net *net, unsigned int group,
			    struct sk_buff *skb, void *header, int err)
{
	if (err) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, header);
	genlmsg_multicast_netns(&vshm_event_family, net, skb, 0, group,
				GFP_ATOMIC);
}

static noinline void vshm_event_tell(struct vshm_sock *vsk,
				     enum vshm_event event, enum vshm_state old)
{
	struct net *net = sock_net(&vsk->sk);
	struct sk_buff *skb;
	void *header;
	int err;

	skb = vshm_event_start(event, &header);
	if (!skb)
		return;
	err = vshm_diag_put(skb, vsk, VSHM_DIAG_SHOW_ALL, net->user_ns);
	if (!err && event == VSHM_EVENT_STATE)
		err = nla_put_u8(skb, VSHM_DIAG_OLD_STATE, old);
	vshm_event_send(net, VSHM_GROUP_SOCKETS, skb, header, err);
}

/**
 * vshm_event_sock() - something happened to a socket
 * @vsk: socket
 * @event: VSHM_EVENT_NEW, _STATE or _GONE
 * @old: status before, of VSHM_EVENT_STATE
 *
 * Context: any but interrupts; no event_lock is held.
 */
void vshm_event_sock(struct vshm_sock *vsk, enum vshm_event event,
		     enum vshm_state old)
{
	if (genl_has_listeners(&vshm_event_family, sock_net(&vsk->sk),
			       VSHM_GROUP_SOCKETS))
		vshm_event_tell(vsk, event, old);
}

static int vshm_event_put_link(struct sk_buff *skb, struct vshm_link *link)
{
	struct nlattr *nest = nla_nest_start(skb, VSHM_DIAG_LINK);
	struct vshm_link_info info;

	if (!nest)
		return -EMSGSIZE;
	vshm_link_info(link, &info);
	if (nla_put_string(skb, VSHM_DIAG_LINK_KIND, link->ops->name) ||
	    nla_put_u32(skb, VSHM_DIAG_LINK_LOCAL_CID, link->local_cid) ||
	    nla_put_u32(skb, VSHM_DIAG_LINK_PEER_CID, link->peer_cid) ||
	    nla_put_u8(skb, VSHM_DIAG_LINK_UP, READ_ONCE(link->up)) ||
	    nla_put_u32(skb, VSHM_DIAG_LINK_EPOCH, info.epoch) ||
	    nla_put_u32(skb, VSHM_DIAG_LINK_PEER_EPOCH, info.peer_epoch) ||
	    nla_put_u32(skb, VSHM_DIAG_LINK_CONNECTIONS,
			atomic_read(&link->nr_conns)) ||
	    nla_put_u64_64bit(skb, VSHM_DIAG_LINK_RESETS,
			      atomic_long_read(&link->resets),
			      VSHM_DIAG_LINK_PAD) ||
	    nla_put_u64_64bit(skb, VSHM_DIAG_LINK_VIOLATIONS,
			      atomic_long_read(&link->violations),
			      VSHM_DIAG_LINK_PAD))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/**
 * vshm_event_link() - something happened to a link
 * @link: link
 * @event: VSHM_EVENT_LINK_NEW, _UP, _DOWN or _GONE
 *
 * Context: any but interrupts.
 */
void vshm_event_link(struct vshm_link *link, enum vshm_event event)
{
	struct net *net = link->vnet->net;
	struct sk_buff *skb;
	void *header;

	if (!genl_has_listeners(&vshm_event_family, net, VSHM_GROUP_LINKS))
		return;
	skb = vshm_event_start(event, &header);
	if (skb)
		vshm_event_send(net, VSHM_GROUP_LINKS, skb, header,
				vshm_event_put_link(skb, link));
}

/**
 * vshm_event_init() - let programs listen
 *
 * Return: 0 or an errno.
 */
int __init vshm_event_init(void)
{
	return genl_register_family(&vshm_event_family);
}

/**
 * vshm_event_exit() - nothing happens any more
 */
void vshm_event_exit(void)
{
	genl_unregister_family(&vshm_event_family);
}
