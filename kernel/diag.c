// SPDX-License-Identifier: GPL-2.0
/*
 * sock_diag(7): listing, finding and ending sockets; uapi/linux/vshm_diag.h has
 * the format.
 *
 * A dump goes through the places of the table, of which a socket keeps its own,
 * and remembers how far it has come. So a socket that lives as long as the dump
 * is in it exactly once, whatever comes and goes meanwhile, and no lock is held:
 * the socket that is shown is referenced. What is not promised is that all sockets
 * are shown as of one moment; therefore NLM_F_DUMP_INTR is never set.
 *
 * sock_diag itself is a part of every kernel, so this is a part of vshm.ko: a
 * module of its own could be asked for by one family number only.
 */
#include <linux/module.h>
#include <linux/sock_diag.h>
#include <linux/vshm_diag.h>
#include <net/netlink.h>

#include "vshm.h"

/**
 * struct vshm_diag_filter - what a request asks for
 * @states: mask of 1 << TCP_*
 * @ino: inode or 0
 * @show: mask of &enum vshm_diag_show
 * @set: mask of 1 << &enum vshm_diag_req_attr: members of @val that are given
 * @val: values of the attributes
 */
struct vshm_diag_filter {
	u32 states;
	u32 ino;
	u32 show;
	u32 set;
	u64 val[VSHM_DIAG_REQ_MAX + 1];
};

static const struct nla_policy vshm_diag_policy[VSHM_DIAG_REQ_MAX + 1] = {
	[VSHM_DIAG_REQ_ID]		= { .type = NLA_U64 },
	[VSHM_DIAG_REQ_STATES]		= { .type = NLA_U32 },
	[VSHM_DIAG_REQ_ACTIVITY]	= { .type = NLA_U32 },
	[VSHM_DIAG_REQ_TYPES]		= { .type = NLA_U32 },
	[VSHM_DIAG_REQ_LOCAL_CID]	= { .type = NLA_U32 },
	[VSHM_DIAG_REQ_LOCAL_PORT]	= { .type = NLA_U32 },
	[VSHM_DIAG_REQ_REMOTE_CID]	= { .type = NLA_U32 },
	[VSHM_DIAG_REQ_REMOTE_PORT]	= { .type = NLA_U32 },
	[VSHM_DIAG_REQ_UID]		= { .type = NLA_U32 },
};

static int vshm_diag_put_u64(struct sk_buff *skb, int attr, u64 value)
{
	/* the padding attribute of each kind of nest has the same number */
	const int pad = VSHM_DIAG_PAD;

	BUILD_BUG_ON(pad != VSHM_DIAG_END_PAD || pad != VSHM_DIAG_DIR_PAD ||
		     pad != VSHM_DIAG_LINK_PAD);
	return nla_put_u64_64bit(skb, attr, value, pad);
}

static int vshm_diag_put_state(struct sk_buff *skb, struct vshm_sock *vsk,
			       struct user_namespace *user_ns)
{
	struct sock *sk = &vsk->sk;
	u64 age = jiffies_to_msecs(jiffies - READ_ONCE(vsk->since));

	return vshm_diag_put_u64(skb, VSHM_DIAG_ID, vsk->local.id) ||
	       nla_put_u8(skb, VSHM_DIAG_STATE, READ_ONCE(vsk->state)) ||
	       nla_put_u8(skb, VSHM_DIAG_ACTIVITY, vshm_activity(vsk)) ||
	       vshm_diag_put_u64(skb, VSHM_DIAG_AGE, age) ||
	       nla_put_u32(skb, VSHM_DIAG_UID,
			   from_kuid_munged(user_ns, READ_ONCE(sk->sk_uid))) ||
	       nla_put_u32(skb, VSHM_DIAG_INODE, sock_i_ino(sk)) ||
	       nla_put_u8(skb, VSHM_DIAG_SHUTDOWN,
			  READ_ONCE(sk->sk_shutdown)) ||
	       nla_put_u32(skb, VSHM_DIAG_ERROR, READ_ONCE(sk->sk_err));
}

static int vshm_diag_put_end(struct sk_buff *skb, int attr,
			     const struct vshm_endpoint *end)
{
	struct nlattr *nest = nla_nest_start(skb, attr);

	if (!nest)
		return -EMSGSIZE;
	if (vshm_diag_put_u64(skb, VSHM_DIAG_END_ID, end->id) ||
	    nla_put_u32(skb, VSHM_DIAG_END_TYPE, end->type) ||
	    nla_put_u32(skb, VSHM_DIAG_END_PROTOCOL, end->protocol) ||
	    nla_put_u32(skb, VSHM_DIAG_END_OPTIONS, end->options) ||
	    nla_put_u32(skb, VSHM_DIAG_END_CID, end->cid) ||
	    nla_put_u32(skb, VSHM_DIAG_END_PORT, end->port) ||
	    nla_put_u32(skb, VSHM_DIAG_END_EVENT,
			(__force u32)end->event) ||
	    nla_put_u32(skb, VSHM_DIAG_END_FAMILY, end->family) ||
	    nla_put_u8(skb, VSHM_DIAG_END_NONBLOCK, end->nonblock))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int vshm_diag_put_queues(struct sk_buff *skb, struct vshm_sock *vsk)
{
	struct sock *sk = &vsk->sk;

	return vshm_diag_put_u64(skb, VSHM_DIAG_SENDQ, vshm_conn_sendq(vsk)) ||
	       vshm_diag_put_u64(skb, VSHM_DIAG_RECVQ, vshm_sock_recvq(vsk)) ||
	       nla_put_u32(skb, VSHM_DIAG_CONNQ,
			   READ_ONCE(sk->sk_ack_backlog)) ||
	       nla_put_u32(skb, VSHM_DIAG_CONNQ_LIMIT,
			   READ_ONCE(sk->sk_max_ack_backlog));
}

/* One direction of a socket, as it is shown. */
struct vshm_diag_direction {
	const struct vshm_stats	*stats;
	u64			drops;
	u32			threads;
	u32			limit;
	u32			ring;
	u32			rings;
};

static int vshm_diag_put_dir(struct sk_buff *skb, int attr,
			     const struct vshm_diag_direction *dir)
{
	struct nlattr *nest = nla_nest_start(skb, attr);
	const struct vshm_stats *stats = dir->stats;

	if (!nest)
		return -EMSGSIZE;
	if (vshm_diag_put_u64(skb, VSHM_DIAG_DIR_BYTES,
			      vshm_shown(stats->bytes)) ||
	    vshm_diag_put_u64(skb, VSHM_DIAG_DIR_CALLS,
			      vshm_shown(stats->calls)) ||
	    vshm_diag_put_u64(skb, VSHM_DIAG_DIR_WAITS,
			      vshm_shown(stats->waits)) ||
	    vshm_diag_put_u64(skb, VSHM_DIAG_DIR_WAKEUPS,
			      atomic64_read(&stats->wakeups)) ||
	    vshm_diag_put_u64(skb, VSHM_DIAG_DIR_DROPS, dir->drops) ||
	    nla_put_u32(skb, VSHM_DIAG_DIR_THREADS, dir->threads) ||
	    nla_put_u32(skb, VSHM_DIAG_DIR_LIMIT, dir->limit) ||
	    nla_put_u32(skb, VSHM_DIAG_DIR_RING, dir->ring))
		return -EMSGSIZE;
	if (dir->rings && nla_put_u32(skb, VSHM_DIAG_DIR_RINGS, dir->rings))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int vshm_diag_put_stats(struct sk_buff *skb, struct vshm_sock *vsk,
			       const struct vshm_conn_info *info)
{
	struct sock *sk = &vsk->sk;
	struct vshm_diag_direction tx = {
		.stats		= &vsk->tx,
		.threads	= vshm_shown(vsk->senders),
		.limit		= READ_ONCE(sk->sk_sndbuf),
		.ring		= info->tx_ring,
	};
	struct vshm_diag_direction rx = {
		.stats		= &vsk->rx,
		.drops		= atomic_read(&sk->sk_drops),
		.threads	= vshm_shown(vsk->receivers),
		.limit		= READ_ONCE(sk->sk_rcvbuf),
		.ring		= info->rx_ring,
		.rings		= info->rx_rings,
	};

	return vshm_diag_put_dir(skb, VSHM_DIAG_TX, &tx) ||
	       vshm_diag_put_dir(skb, VSHM_DIAG_RX, &rx);
}

static int vshm_diag_put_limits(struct sk_buff *skb,
				const struct vshm_sock *vsk)
{
	u64 timeout = jiffies_to_msecs(READ_ONCE(vsk->connect_timeout));

	return vshm_diag_put_u64(skb, VSHM_DIAG_BUFFER_MIN,
				 READ_ONCE(vsk->buffer_min)) ||
	       vshm_diag_put_u64(skb, VSHM_DIAG_BUFFER_MAX,
				 READ_ONCE(vsk->buffer_max)) ||
	       vshm_diag_put_u64(skb, VSHM_DIAG_CONNECT_TIMEOUT, timeout);
}

static int vshm_diag_put_link(struct sk_buff *skb,
			      const struct vshm_conn_info *info)
{
	struct nlattr *nest;

	if (!info->kind)
		return 0;
	nest = nla_nest_start(skb, VSHM_DIAG_LINK);
	if (!nest)
		return -EMSGSIZE;
	if (nla_put_string(skb, VSHM_DIAG_LINK_KIND, info->kind) ||
	    nla_put_u32(skb, VSHM_DIAG_LINK_LOCAL_CID, info->local_cid) ||
	    nla_put_u32(skb, VSHM_DIAG_LINK_PEER_CID, info->peer_cid) ||
	    nla_put_u8(skb, VSHM_DIAG_LINK_UP, info->up) ||
	    nla_put_u32(skb, VSHM_DIAG_LINK_SLOT, info->slot) ||
	    nla_put_u32(skb, VSHM_DIAG_LINK_PEER_SLOT, info->peer_slot))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/**
 * vshm_diag_put() - describe a socket by attributes
 * @skb: message that they are added to
 * @vsk: socket
 * @show: mask of &enum vshm_diag_show
 * @user_ns: user namespace of who will read it
 *
 * Context: any but interrupts; the socket is held.
 * Return: 0, or anything else when the message has no room.
 */
int vshm_diag_put(struct sk_buff *skb, struct vshm_sock *vsk, u32 show,
		  struct user_namespace *user_ns)
{
	struct vshm_endpoint local = vshm_shown(vsk->local);
	struct vshm_endpoint remote = vshm_shown(vsk->remote);
	struct vshm_conn_info info = { };
	int err = 0;

	local.options = vshm_options(vsk);
	local.nonblock = vshm_nonblock(&vsk->sk);
	if (show & (VSHM_DIAG_SHOW_STATS | VSHM_DIAG_SHOW_LINK))
		vshm_conn_info(vsk, &info);
	if (show & VSHM_DIAG_SHOW_STATE)
		err = vshm_diag_put_state(skb, vsk, user_ns);
	if (!err && show & VSHM_DIAG_SHOW_LOCAL)
		err = vshm_diag_put_end(skb, VSHM_DIAG_LOCAL, &local);
	if (!err && show & VSHM_DIAG_SHOW_REMOTE)
		err = vshm_diag_put_end(skb, VSHM_DIAG_REMOTE, &remote);
	if (!err && show & VSHM_DIAG_SHOW_QUEUES)
		err = vshm_diag_put_queues(skb, vsk);
	if (!err && show & VSHM_DIAG_SHOW_STATS)
		err = vshm_diag_put_stats(skb, vsk, &info);
	if (!err && show & VSHM_DIAG_SHOW_LIMITS)
		err = vshm_diag_put_limits(skb, vsk);
	if (!err && show & VSHM_DIAG_SHOW_LINK)
		err = vshm_diag_put_link(skb, &info);
	return err;
}

/*
 * Make the message about a socket; @to is what it answers, once the first thing
 * in @request.
 */
static int vshm_diag_fill(struct sk_buff *skb, struct vshm_sock *vsk,
			  const struct sk_buff *request,
			  const struct nlmsghdr *to, u32 show, int flags)
{
	struct vshm_endpoint remote = vshm_shown(vsk->remote);
	struct vshm_endpoint local = vshm_shown(vsk->local);
	struct sock *sk = &vsk->sk;
	struct vshm_diag_msg *msg;
	struct nlmsghdr *nlh;

	nlh = nlmsg_put(skb, NETLINK_CB(request).portid, to->nlmsg_seq,
			SOCK_DIAG_BY_FAMILY, sizeof(*msg), flags);
	if (!nlh)
		return -EMSGSIZE;
	msg = nlmsg_data(nlh);
	*msg = (struct vshm_diag_msg) {
		.vdiag_family	= vshm_family,
		.vdiag_type	= sk->sk_type,
		.vdiag_state	= READ_ONCE(sk->sk_state),
		.vdiag_shutdown	= READ_ONCE(sk->sk_shutdown),
		.vdiag_src_cid	= local.cid,
		.vdiag_src_port	= local.port,
		.vdiag_dst_cid	= remote.cid,
		.vdiag_dst_port	= remote.port,
		.vdiag_ino	= sock_i_ino(sk),
	};
	sock_diag_save_cookie(sk, msg->vdiag_cookie);
	if (vshm_diag_put(skb, vsk, show,
			  sk_user_ns(NETLINK_CB(request).sk))) {
		nlmsg_cancel(skb, nlh);
		return -EMSGSIZE;
	}
	nlmsg_end(skb, nlh);
	return 0;
}

/* Read what a request asks for. */
static int vshm_diag_parse(const struct nlmsghdr *nlh,
			   struct vshm_diag_filter *f)
{
	const struct vshm_diag_req *req = nlmsg_data(nlh);
	struct nlattr *tb[VSHM_DIAG_REQ_MAX + 1];
	int err, i;

	if (nlmsg_len(nlh) < sizeof(*req) || req->sdiag_protocol || req->pad)
		return -EINVAL;
	err = nlmsg_parse(nlh, sizeof(*req), tb, VSHM_DIAG_REQ_MAX,
			  vshm_diag_policy, NULL);
	if (err)
		return err;
	*f = (struct vshm_diag_filter) {
		.states	= req->vdiag_states,
		.ino	= req->vdiag_ino,
		.show	= req->vdiag_show,
	};
	for (i = 0; i <= VSHM_DIAG_REQ_MAX; i++) {
		if (!tb[i])
			continue;
		f->set |= BIT(i);
		f->val[i] = i == VSHM_DIAG_REQ_ID ? nla_get_u64(tb[i]) :
						    nla_get_u32(tb[i]);
	}
	return 0;
}

static bool vshm_diag_is(const struct vshm_diag_filter *f,
			 enum vshm_diag_req_attr attr, u64 value)
{
	return !(f->set & BIT(attr)) || f->val[attr] == value;
}

static bool vshm_diag_has(const struct vshm_diag_filter *f,
			  enum vshm_diag_req_attr attr, u32 mask)
{
	return !(f->set & BIT(attr)) || f->val[attr] & mask;
}

/* Is this a socket that the request asks for? All but the TCP_* states. */
static bool vshm_diag_matches(const struct vshm_diag_filter *f,
			      struct vshm_sock *vsk,
			      struct user_namespace *user_ns)
{
	const struct vshm_endpoint remote = vshm_shown(vsk->remote);
	const struct vshm_endpoint local = vshm_shown(vsk->local);
	struct sock *sk = &vsk->sk;
	const u32 uid = from_kuid_munged(user_ns, READ_ONCE(sk->sk_uid));

	return (!f->ino || f->ino == sock_i_ino(sk)) &&
	       vshm_diag_is(f, VSHM_DIAG_REQ_ID, local.id) &&
	       vshm_diag_has(f, VSHM_DIAG_REQ_STATES,
			     BIT(READ_ONCE(vsk->state))) &&
	       vshm_diag_has(f, VSHM_DIAG_REQ_ACTIVITY, vshm_activity(vsk)) &&
	       vshm_diag_has(f, VSHM_DIAG_REQ_TYPES, BIT(sk->sk_type)) &&
	       vshm_diag_is(f, VSHM_DIAG_REQ_LOCAL_CID, local.cid) &&
	       vshm_diag_is(f, VSHM_DIAG_REQ_LOCAL_PORT, local.port) &&
	       vshm_diag_is(f, VSHM_DIAG_REQ_REMOTE_CID, remote.cid) &&
	       vshm_diag_is(f, VSHM_DIAG_REQ_REMOTE_PORT, remote.port) &&
	       vshm_diag_is(f, VSHM_DIAG_REQ_UID, uid);
}

static int vshm_diag_dump_start(struct netlink_callback *cb)
{
	struct vshm_diag_filter *f = kmalloc(sizeof(*f), GFP_KERNEL);
	int err;

	if (!f)
		return -ENOMEM;
	err = vshm_diag_parse(cb->nlh, f);
	if (err) {
		kfree(f);
		return err;
	}
	cb->data = f;
	if (f->set & BIT(VSHM_DIAG_REQ_ID))
		cb->args[0] = vshm_table_place(f->val[VSHM_DIAG_REQ_ID]);
	return 0;
}

static int vshm_diag_dump_done(struct netlink_callback *cb)
{
	kfree(cb->data);
	return 0;
}

/* One message full of sockets; cb->args[0] is the place to go on from. */
static int vshm_diag_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct user_namespace *user_ns = sk_user_ns(NETLINK_CB(cb->skb).sk);
	struct vshm_net *vnet = vshm_net(sock_net(skb->sk));
	const struct vshm_diag_filter *f = cb->data;
	unsigned long place = cb->args[0];
	struct vshm_sock *vsk;
	int err = 0;

	while ((vsk = vshm_table_next(vnet, &place))) {
		if ((f->states & BIT(READ_ONCE(vsk->sk.sk_state))) &&
		    vshm_diag_matches(f, vsk, user_ns))
			err = vshm_diag_fill(skb, vsk, cb->skb, cb->nlh, f->show,
					     NLM_F_MULTI);
		sock_put(&vsk->sk);
		if (err)
			break;
		/* no other socket has that ID */
		place = f->set & BIT(VSHM_DIAG_REQ_ID) ? ULONG_MAX : place + 1;
		cond_resched();
	}
	cb->args[0] = place;
	return skb->len;
}

/* The one socket that a request asks for, with a reference, or an ERR_PTR(). */
static struct vshm_sock *vshm_diag_find(const struct sk_buff *skb,
					const struct nlmsghdr *nlh, u32 *show)
{
	struct vshm_net *vnet = vshm_net(sock_net(skb->sk));
	const struct vshm_diag_req *req = nlmsg_data(nlh);
	struct vshm_diag_filter f;
	struct vshm_sock *vsk;
	int err;

	err = vshm_diag_parse(nlh, &f);
	if (err)
		return ERR_PTR(err);
	if (!(f.set & BIT(VSHM_DIAG_REQ_ID)))
		return ERR_PTR(-EINVAL);
	vsk = vshm_table_find(vnet, f.val[VSHM_DIAG_REQ_ID]);
	if (!vsk)
		return ERR_PTR(-ENOENT);
	err = sock_diag_check_cookie(&vsk->sk, req->vdiag_cookie);
	if (!err && !vshm_diag_matches(&f, vsk, sk_user_ns(NETLINK_CB(skb).sk)))
		err = -ENOENT;
	if (err) {
		sock_put(&vsk->sk);
		return ERR_PTR(err);
	}
	*show = f.show;
	return vsk;
}

static int vshm_diag_get(struct sk_buff *skb, struct nlmsghdr *nlh)
{
	struct vshm_sock *vsk;
	struct sk_buff *reply;
	u32 show;
	int err;

	vsk = vshm_diag_find(skb, nlh, &show);
	if (IS_ERR(vsk))
		return PTR_ERR(vsk);
	err = -ENOMEM;
	reply = nlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!reply)
		goto out;
	err = vshm_diag_fill(reply, vsk, skb, nlh, show, 0);
	if (err)
		nlmsg_free(reply);
	else
		err = nlmsg_unicast(sock_net(skb->sk)->diag_nlsk, reply,
				    NETLINK_CB(skb).portid);
out:
	sock_put(&vsk->sk);
	return err;
}

static int vshm_diag_request(struct sk_buff *skb, struct nlmsghdr *nlh)
{
	struct netlink_dump_control control = {
		.start	= vshm_diag_dump_start,
		.dump	= vshm_diag_dump,
		.done	= vshm_diag_dump_done,
	};

	if (nlh->nlmsg_flags & NLM_F_DUMP)
		return netlink_dump_start(sock_net(skb->sk)->diag_nlsk, skb,
					  nlh, &control);
	return vshm_diag_get(skb, nlh);
}

static int vshm_diag_destroy(struct sk_buff *skb, struct nlmsghdr *nlh)
{
	struct vshm_sock *vsk;
	u32 show;
	int err;

	vsk = vshm_diag_find(skb, nlh, &show);
	if (IS_ERR(vsk))
		return PTR_ERR(vsk);
	err = sock_diag_destroy(&vsk->sk, ECONNABORTED);
	sock_put(&vsk->sk);
	return err;
}

static struct sock_diag_handler vshm_diag_handler = {
	.owner		= THIS_MODULE,
	.dump		= vshm_diag_request,
	.destroy	= vshm_diag_destroy,
};

/**
 * vshm_diag_init() - answer requests of sock_diag(7)
 *
 * Return: 0, or -EEXIST when another module does for this family.
 */
int __init vshm_diag_init(void)
{
	vshm_diag_handler.family = vshm_family;
	return sock_diag_register(&vshm_diag_handler) ? -EEXIST : 0;
}

/**
 * vshm_diag_exit() - answer no more
 */
void vshm_diag_exit(void)
{
	sock_diag_unregister(&vshm_diag_handler);
}
