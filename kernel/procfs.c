// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/net/vshm, /proc/net/vshm_links and /proc/net/vshm_policy: a header line
 * that names the columns, then one line for each socket, link or rule.
 */
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

#include "vshm.h"

static void vshm_show_number(struct seq_file *seq, u32 number, u32 any)
{
	if (number == any)
		seq_puts(seq, " *");
	else
		seq_printf(seq, " %u", number);
}

static void vshm_show_endpoint(struct seq_file *seq,
			       const struct vshm_endpoint *end)
{
	seq_printf(seq, " %llu %u %u 0x%x", end->id, end->type, end->protocol,
		   end->options);
	vshm_show_number(seq, end->cid, VSHM_CID_ANY);
	vshm_show_number(seq, end->port, VSHM_PORT_ANY);
	seq_printf(seq, " 0x%x %u %s", (__force u32)end->event, end->family,
		   end->nonblock ? "nonblock" : "block");
}

static const char *vshm_show_activity(const struct vshm_sock *vsk)
{
	static const char * const names[] = {
		[0]				= "-",
		[VSHM_SENDING]			= "S",
		[VSHM_RECEIVING]		= "R",
		[VSHM_SENDING | VSHM_RECEIVING]	= "SR",
	};

	return names[vshm_activity(vsk)];
}

static void vshm_show_stats(struct seq_file *seq,
			    const struct vshm_stats *stats)
{
	seq_printf(seq, " %llu %llu %llu", vshm_shown(stats->calls),
		   vshm_shown(stats->waits), atomic64_read(&stats->wakeups));
}

static void vshm_show_sock(struct seq_file *seq, struct vshm_sock *vsk)
{
	struct vshm_endpoint local = vshm_shown(vsk->local);
	struct vshm_endpoint remote = vshm_shown(vsk->remote);
	struct sock *sk = &vsk->sk;

	local.options = vshm_options(vsk);
	local.nonblock = vshm_nonblock(sk);
	seq_printf(seq, "%llu %s %s %llu %llu %u %u %u %llu", local.id,
		   vshm_state_names[READ_ONCE(vsk->state)],
		   vshm_show_activity(vsk), vshm_conn_sendq(vsk),
		   vshm_sock_recvq(vsk), READ_ONCE(sk->sk_ack_backlog),
		   READ_ONCE(sk->sk_max_ack_backlog),
		   from_kuid_munged(seq_user_ns(seq), READ_ONCE(sk->sk_uid)),
		   (u64)sock_i_ino(sk));
	vshm_show_endpoint(seq, &local);
	vshm_show_endpoint(seq, &remote);
	seq_printf(seq, " %llu %llu %u", vshm_shown(vsk->tx.bytes),
		   vshm_shown(vsk->rx.bytes),
		   jiffies_to_msecs(jiffies - READ_ONCE(vsk->since)));
	seq_printf(seq, " %u %d", READ_ONCE(sk->sk_shutdown),
		   READ_ONCE(sk->sk_err));
	vshm_show_stats(seq, &vsk->tx);
	vshm_show_stats(seq, &vsk->rx);
	seq_printf(seq, " %d\n", atomic_read(&sk->sk_drops));
}

/*
 * The position of a listing is the place from which it goes on, so sockets that
 * come and go meanwhile make it neither skip nor repeat another.
 */
static void *vshm_seq_find(struct seq_file *seq, loff_t *pos)
{
	struct vshm_net *vnet = vshm_net(seq_file_net(seq));
	unsigned long place = *pos;
	struct vshm_sock *vsk;

	vsk = vshm_table_next(vnet, &place);
	if (vsk)
		*pos = place;
	return vsk;
}

static void vshm_seq_stop(struct seq_file *seq, void *v)
{
	struct vshm_sock *vsk = v;

	if (v && v != SEQ_START_TOKEN)
		sock_put(&vsk->sk);
}

static void *vshm_seq_start(struct seq_file *seq, loff_t *pos)
{
	return *pos ? vshm_seq_find(seq, pos) : SEQ_START_TOKEN;
}

static void *vshm_seq_next(struct seq_file *seq, void *v, loff_t *pos)
{
	vshm_seq_stop(seq, v);
	++*pos;
	return vshm_seq_find(seq, pos);
}

static int vshm_seq_show(struct seq_file *seq, void *v)
{
	if (v == SEQ_START_TOKEN)
		seq_puts(seq, "id state activity sendq recvq connq connlim uid inode l.id l.type l.proto l.opts l.cid l.port l.event l.family l.block r.id r.type r.proto r.opts r.cid r.port r.event r.family r.block tx.bytes rx.bytes age shutdown error tx.calls tx.waits tx.wakeups rx.calls rx.waits rx.wakeups drops\n");
	else
		vshm_show_sock(seq, v);
	return 0;
}

static const struct seq_operations vshm_seq_ops = {
	.start	= vshm_seq_start,
	.next	= vshm_seq_next,
	.stop	= vshm_seq_stop,
	.show	= vshm_seq_show,
};

static void vshm_show_link(struct seq_file *seq, struct vshm_link *link)
{
	struct vshm_link_info info;

	vshm_link_info(link, &info);
	seq_printf(seq, "%s %u %u %s %u %u %d %llu %llu %llu %llu %llu %llu %ld %ld %llu %llu %ld %ld %ld %d\n",
		   link->ops->name, link->local_cid, link->peer_cid,
		   READ_ONCE(link->up) ? "up" : "down", info.epoch,
		   info.peer_epoch, atomic_read(&link->nr_conns), info.size,
		   info.heap_size, info.heap_used, info.rung, info.heard,
		   info.quiet, atomic_long_read(&link->resets),
		   atomic_long_read(&link->violations), info.tx_bytes,
		   info.rx_bytes, atomic_long_read(&link->nr_rings),
		   atomic_long_read(&link->ring_bytes),
		   atomic_long_read(&link->datagrams.drops),
		   atomic_read(&link->nr_pending));
}

static int vshm_links_show(struct seq_file *seq, void *v)
{
	struct vshm_net *vnet = vshm_net(seq_file_single_net(seq));
	struct vshm_link *link;
	unsigned long i;

	seq_puts(seq, "kind local peer state epoch peer_epoch connections size heap heap_used rung heard quiet resets violations tx.bytes rx.bytes rings ring_bytes drops pending\n");
	rcu_read_lock();
	vshm_show_link(seq, vnet->loopback);
	xa_for_each(&vnet->links, i, link)
		vshm_show_link(seq, link);
	rcu_read_unlock();
	return 0;
}

/* Totals in the form of /proc/net/sockstat; memory in pages. */
static int vshm_sockstat_show(struct seq_file *seq, void *v)
{
	struct vshm_net *vnet = vshm_net(seq_file_single_net(seq));
	long bytes = atomic_long_read(&vnet->loopback->ring_bytes);
	long rings = atomic_long_read(&vnet->loopback->nr_rings);
	struct vshm_link *link;
	unsigned long i;

	rcu_read_lock();
	xa_for_each(&vnet->links, i, link) {
		bytes += atomic_long_read(&link->ring_bytes);
		rings += atomic_long_read(&link->nr_rings);
	}
	rcu_read_unlock();
	seq_printf(seq, "VSHM: inuse %d listening %d connected %d pending %d rings %ld mem %ld",
		   atomic_read(&vnet->nr),
		   atomic_read(&vnet->states[VSHM_LISTENING]),
		   atomic_read(&vnet->states[VSHM_CONNECTED]),
		   atomic_read(&vnet->nr_pending), rings, bytes >> PAGE_SHIFT);
	seq_printf(seq, " unconnected %d bound %d connecting %d shutdown %d disconnected %d terminated %d\n",
		   atomic_read(&vnet->states[VSHM_UNCONNECTED]),
		   atomic_read(&vnet->states[VSHM_BOUND]),
		   atomic_read(&vnet->states[VSHM_CONNECTING]),
		   atomic_read(&vnet->states[VSHM_SHUTDOWN]),
		   atomic_read(&vnet->states[VSHM_DISCONNECTED]),
		   atomic_read(&vnet->states[VSHM_TERMINATED]));
	return 0;
}

static int vshm_rules_show(struct seq_file *seq, void *v)
{
	seq_puts(seq, "src dst verdict\n");
	vshm_policy_show(vshm_net(seq_file_single_net(seq)), seq);
	return 0;
}

/**
 * vshm_procfs_init() - show the sockets and links of a network namespace
 * @net: namespace
 *
 * Return: 0 or -ENOMEM.
 */
int vshm_procfs_init(struct net *net)
{
	if (!proc_create_net("vshm", 0444, net->proc_net, &vshm_seq_ops,
			     sizeof(struct seq_net_private)))
		return -ENOMEM;
	if (!proc_create_net_single("vshm_links", 0444, net->proc_net,
				    vshm_links_show, NULL))
		goto err_vshm;
	if (!proc_create_net_single("vshm_sockstat", 0444, net->proc_net,
				    vshm_sockstat_show, NULL))
		goto err_links;
	if (!proc_create_net_single("vshm_policy", 0444, net->proc_net,
				    vshm_rules_show, NULL))
		goto err_sockstat;
	return 0;

err_sockstat:
	remove_proc_entry("vshm_sockstat", net->proc_net);
err_links:
	remove_proc_entry("vshm_links", net->proc_net);
err_vshm:
	remove_proc_entry("vshm", net->proc_net);
	return -ENOMEM;
}

/**
 * vshm_procfs_exit() - show them no more
 * @net: namespace
 */
void vshm_procfs_exit(struct net *net)
{
	remove_proc_entry("vshm_policy", net->proc_net);
	remove_proc_entry("vshm_sockstat", net->proc_net);
	remove_proc_entry("vshm_links", net->proc_net);
	remove_proc_entry("vshm", net->proc_net);
}
