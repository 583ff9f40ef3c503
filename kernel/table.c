// SPDX-License-Identifier: GPL-2.0
/*
 * The socket table: one per network namespace, two ways to find an entry.
 *
 * By ID: an XArray of places, so that a listing can go on where it stopped,
 * whatever came and went meanwhile. The lower bits of an ID are the place, the
 * lowest one that was free, which keeps the XArray dense and its nodes in use;
 * the upper bits count the sockets of all namespaces. By bound address: a hash
 * of ports, each with the few sockets that are bound to it on different CIDs,
 * and a second one for datagram sockets. A connection has its socket, and is
 * found by its link and its slot there, or by its other end on loopback:
 * vshm_conn_find(), vshm_conn.peer.
 *
 * A socket leaves the hashes when it is closed. Its entry by ID stays as long
 * as the program has the socket or a connection of it is not over yet: each
 * of them holds the entry, and the socket with it.
 *
 * The memory of a socket of a connected type may be another's as soon as its last
 * reference is gone (SLAB_TYPESAFE_BY_RCU). Lookups by ID, under RCU, take a
 * reference, which memory in use by nobody does not give, and only then look at the
 * ID, which is 0 until the socket is entered and is used once: until it is right
 * they touch nothing else, but to drop the reference. The hash of ports of connected
 * types is only looked at under bind_lock, under which a socket leaves it when it is
 * closed. That of datagram sockets is looked at for every datagram, under RCU alone;
 * these outlive it by a grace period.
 */
#include <linux/random.h>
#include <net/netns/generic.h>

#include "vshm.h"

static unsigned int vshm_net_id;

static atomic64_t vshm_last_id = ATOMIC64_INIT(0);

#define VSHM_PORT_TRIES	16

/**
 * vshm_table_place() - where in a listing an entry is
 * @id: its ID
 *
 * Return: the place, for vshm_table_next().
 */
unsigned long vshm_table_place(u64 id)
{
	return id & (VSHM_PLACES - 1);
}

/* In place of the default, which calls memcmp(). */
static inline int vshm_port_differs(struct rhashtable_compare_arg *arg,
				    const void *obj)
{
	const struct vshm_sock *vsk = obj;

	return vsk->local.port != *(const u32 *)arg->key;
}

static const struct rhashtable_params vshm_port_params = {
	.head_offset	= offsetof(struct vshm_sock, port_node),
	.key_offset	= offsetof(struct vshm_sock, local.port),
	.key_len	= sizeof(u32),
	.obj_cmpfn	= vshm_port_differs,
	.automatic_shrinking = true,
};

/**
 * vshm_net() - the socket table of a network namespace
 * @net: namespace
 *
 * Return: the table; it lives as long as the namespace.
 */
struct vshm_net *vshm_net(const struct net *net)
{
	return net_generic(net, vshm_net_id);
}

/**
 * vshm_table_add() - give a new socket its ID and enter it
 * @vsk: socket that nobody else knows of; the caller holds the entry
 *
 * Context: process context, may sleep.
 * Return: 0, -ENOBUFS when the namespace has all it may have, or -ENOMEM.
 */
int vshm_table_add(struct vshm_sock *vsk)
{
	struct vshm_net *vnet = vsk->vnet;
	int err = -ENOBUFS;
	u32 place;

	if (atomic_inc_return(&vnet->nr) > READ_ONCE(vnet->limits.max_sockets))
		goto err_nr;
	refcount_set(&vsk->entry, 1);
	err = xa_alloc(&vnet->sockets, &place, vsk,
		       XA_LIMIT(1, VSHM_PLACES - 1), GFP_KERNEL);
	if (err)
		goto err_nr;
	smp_wmb(); /* made before it has an ID; pairs with vshm_table_get() */
	WRITE_ONCE(vsk->local.id, (u64)atomic64_inc_return(&vshm_last_id) <<
				  VSHM_PLACE_BITS | place);
	atomic_inc(&vnet->states[vsk->state]);
	sock_prot_inuse_add(sock_net(&vsk->sk), vsk->sk.sk_prot, 1);
	vshm_event_sock(vsk, VSHM_EVENT_NEW, VSHM_UNCONNECTED);
	return 0;

err_nr:
	atomic_dec(&vnet->nr);
	return err;
}

/**
 * vshm_table_hold() - hold the entry of a socket, and the socket
 * @vsk: socket whose entry the caller knows to be held
 */
void vshm_table_hold(struct vshm_sock *vsk)
{
	sock_hold(&vsk->sk);
	refcount_inc(&vsk->entry);
}

/**
 * vshm_table_leave() - let go of the entry of a socket, but not of the socket
 * @vsk: socket
 *
 * Context: process context.
 */
void vshm_table_leave(struct vshm_sock *vsk)
{
	struct vshm_net *vnet = vsk->vnet;

	if (!refcount_dec_and_test(&vsk->entry))
		return;
	xa_erase(&vnet->sockets, vshm_table_place(vsk->local.id));
	atomic_dec(&vnet->nr);
	atomic_dec(&vnet->states[vsk->state]);
	sock_prot_inuse_add(sock_net(&vsk->sk), vsk->sk.sk_prot, -1);
	vshm_event_sock(vsk, VSHM_EVENT_GONE, VSHM_TERMINATED);
	vshm_user_put(vnet, vsk->user);
}

/**
 * vshm_table_put() - let go of the entry of a socket, and of the socket
 * @vsk: socket
 *
 * Context: process context.
 */
void vshm_table_put(struct vshm_sock *vsk)
{
	vshm_table_leave(vsk);
	sock_put(&vsk->sk);
}

/*
 * Take a reference to what was found under RCU, if it is still there, and tell
 * which socket of which table it is by now: @id is 0 while it is being entered.
 */
static bool vshm_table_get(struct vshm_sock *vsk, u64 *id)
{
	if (!refcount_inc_not_zero(&vsk->sk.sk_refcnt))
		return false;
	smp_acquire__after_ctrl_dep(); /* pairs with sock_init_data() */
	*id = READ_ONCE(vsk->local.id);
	smp_rmb(); /* pairs with vshm_table_add() */
	return true;
}

/**
 * vshm_table_find() - the entry with an ID
 * @vnet: table
 * @id: unique ID of a socket
 *
 * Return: the socket with a reference, or NULL.
 */
struct vshm_sock *vshm_table_find(struct vshm_net *vnet, u64 id)
{
	struct vshm_sock *vsk;
	u64 found;

	rcu_read_lock();
	vsk = xa_load(&vnet->sockets, vshm_table_place(id));
	if (vsk && !vshm_table_get(vsk, &found))
		vsk = NULL;
	rcu_read_unlock();
	if (!vsk || (found == id && vsk->vnet == vnet))
		return vsk;
	sock_put(&vsk->sk);
	return NULL;
}

/**
 * vshm_table_next() - the next entry of a listing
 * @vnet: table
 * @place: in: where to start, 0 at first; out: the place that was found
 *
 * A socket keeps its place, so a listing shows it once, and does not miss it,
 * whatever is entered and taken off meanwhile.
 * Return: the socket with a reference, or NULL at the end.
 */
struct vshm_sock *vshm_table_next(struct vshm_net *vnet,
				  unsigned long *place)
{
	struct vshm_sock *vsk;
	u64 id;

	for (;; ++*place) {
		rcu_read_lock();
		vsk = xa_find(&vnet->sockets, place, ULONG_MAX, XA_PRESENT);
		if (vsk && !vshm_table_get(vsk, &id)) {
			rcu_read_unlock();
			continue;
		}
		rcu_read_unlock();
		if (!vsk)
			return NULL;
		if (id && vshm_table_place(id) == *place && vsk->vnet == vnet)
			return vsk;
		sock_put(&vsk->sk);
	}
}

/**
 * vshm_table_active() - how many sockets are sending or receiving?
 * @vnet: table
 * @activity: mask of &enum vshm_activity, any of which counts
 *
 * Looks at each socket; nothing is counted on the data path.
 * Context: process context, may sleep.
 * Return: the number.
 */
int vshm_table_active(struct vshm_net *vnet, u32 activity)
{
	struct vshm_sock *vsk;
	unsigned long place = 0;
	int n = 0;

	for (; (vsk = vshm_table_next(vnet, &place)); place++) {
		n += !!(vshm_activity(vsk) & activity);
		sock_put(&vsk->sk);
		cond_resched();
	}
	return n;
}

/* Datagram sockets have ports of their own, as UDP has beside TCP. */
static struct rhltable *vshm_ports(struct vshm_net *vnet, u16 type)
{
	return &vnet->ports[type == SOCK_DGRAM];
}

static bool vshm_port_taken(struct rhltable *ports, u32 cid, u32 port)
{
	struct rhlist_head *pos, *list;
	struct vshm_sock *vsk;

	list = rhltable_lookup(ports, &port, vshm_port_params);
	rhl_for_each_entry_rcu(vsk, pos, list, port_node)
		if (cid == VSHM_CID_ANY || vsk->bound_cid == VSHM_CID_ANY ||
		    vsk->bound_cid == cid)
			return true;
	return false;
}

/*
 * The next port; if that is taken the search goes on at random, since programs
 * may have bound any number of ports that follow each other. A full table has
 * less than one port in a thousand, so a few tries are enough.
 */
static int vshm_port_choose(struct vshm_net *vnet, struct rhltable *ports,
			    u32 cid, u32 *port)
{
	unsigned int tries;

	for (tries = 0; tries < VSHM_PORT_TRIES; tries++) {
		u32 p = vnet->next_port;

		if (p <= VSHM_PORT_PRIVILEGED || p == VSHM_PORT_ANY)
			p = VSHM_PORT_PRIVILEGED + 1;
		if (!vshm_port_taken(ports, cid, p)) {
			vnet->next_port = p + 1;
			*port = p;
			return 0;
		}
		vnet->next_port = get_random_u32();
	}
	return -EADDRNOTAVAIL;
}

/* A hash that cannot be made larger, or not yet, says -E2BIG or -EBUSY. */
static int vshm_hash_error(int err)
{
	return err == -E2BIG || err == -EBUSY ? -ENOMEM : err;
}

/**
 * vshm_table_bind() - give a socket its local address
 * @vsk: socket without one
 * @cid: a local CID, or VSHM_CID_ANY
 * @port: a port, or VSHM_PORT_ANY to choose one above the privileged ones
 *
 * Context: vshm_lock() held.
 * Return: 0, -EADDRINUSE, -EADDRNOTAVAIL when no port is free, or -ENOMEM.
 */
int vshm_table_bind(struct vshm_sock *vsk, u32 cid, u32 port)
{
	struct vshm_net *vnet = vsk->vnet;
	struct rhltable *ports = vshm_ports(vnet, vsk->sk.sk_type);
	int err = 0;

	spin_lock(&vnet->bind_lock);
	rcu_read_lock();
	if (port == VSHM_PORT_ANY)
		err = vshm_port_choose(vnet, ports, cid, &port);
	else if (vshm_port_taken(ports, cid, port))
		err = -EADDRINUSE;
	rcu_read_unlock();
	if (!err) {
		vsk->bound_cid = cid;
		vsk->local.cid = cid;
		vsk->local.port = port;
		err = vshm_hash_error(rhltable_insert(ports, &vsk->port_node,
						      vshm_port_params));
		vsk->bound = !err;
		if (err)
			vsk->local.port = VSHM_PORT_ANY;
	}
	spin_unlock(&vnet->bind_lock);
	return err;
}

/**
 * vshm_table_unbind() - give the local address of a socket back
 * @vsk: socket, with one or without
 *
 * Context: vshm_lock() held.
 */
void vshm_table_unbind(struct vshm_sock *vsk)
{
	struct vshm_net *vnet = vsk->vnet;

	if (!vsk->bound)
		return;
	vsk->bound = false;
	spin_lock(&vnet->bind_lock);
	rhltable_remove(vshm_ports(vnet, vsk->sk.sk_type), &vsk->port_node,
			vshm_port_params);
	spin_unlock(&vnet->bind_lock);
}

static struct vshm_sock *vshm_port_find(struct rhltable *ports, u32 cid,
					u32 port)
{
	struct vshm_sock *vsk, *found = NULL;
	struct rhlist_head *pos, *list;

	rcu_read_lock();
	list = rhltable_lookup(ports, &port, vshm_port_params);
	rhl_for_each_entry_rcu(vsk, pos, list, port_node) {
		if ((vsk->bound_cid == cid || vsk->bound_cid == VSHM_CID_ANY) &&
		    refcount_inc_not_zero(&vsk->sk.sk_refcnt)) {
			found = vsk;
			break;
		}
	}
	rcu_read_unlock();
	return found;
}

/**
 * vshm_table_find_bound() - who is bound to an address?
 * @vnet: table
 * @type: SOCK_DGRAM, or any of the connected types
 * @cid: a local CID
 * @port: a port
 *
 * Context: process context.
 * Return: the socket with a reference, or NULL.
 */
struct vshm_sock *vshm_table_find_bound(struct vshm_net *vnet, u16 type,
					u32 cid, u32 port)
{
	struct rhltable *ports = vshm_ports(vnet, type);
	struct vshm_sock *vsk;

	/* they stay for a grace period */
	if (type == SOCK_DGRAM)
		return vshm_port_find(ports, cid, port);
	spin_lock(&vnet->bind_lock);
	vsk = vshm_port_find(ports, cid, port);
	spin_unlock(&vnet->bind_lock);
	return vsk;
}

static int __net_init vshm_net_init(struct net *net)
{
	struct vshm_net *vnet = vshm_net(net);
	int err;

	vnet->net = net;
	xa_init_flags(&vnet->sockets, XA_FLAGS_ALLOC1);
	xa_init(&vnet->links);
	xa_init(&vnet->policy);
	xa_init(&vnet->users);
	spin_lock_init(&vnet->bind_lock);
	vnet->next_port = VSHM_PORT_PRIVILEGED + 1 +
			  get_random_u32() % BIT(30);
	spin_lock_init(&vnet->space_lock);
	err = rhltable_init(&vnet->ports[0], &vshm_port_params);
	if (err)
		return err;
	err = rhltable_init(&vnet->ports[1], &vshm_port_params);
	if (err)
		goto err_ports;
	err = vshm_sysctl_init(vnet);
	if (err)
		goto err_dgram_ports;
	err = vshm_sysfs_add_table(vnet);
	if (err)
		goto err_sysctl;
	vnet->loopback = vshm_loopback_create(vnet);
	if (IS_ERR(vnet->loopback)) {
		err = PTR_ERR(vnet->loopback);
		goto err_sysfs;
	}
	err = vshm_procfs_init(net);
	if (err)
		goto err_loopback;
	return 0;

err_loopback:
	vshm_loopback_destroy(vnet->loopback);
err_sysfs:
	vshm_sysfs_remove_table(vnet);
err_sysctl:
	vshm_sysctl_exit(vnet);
err_dgram_ports:
	rhltable_destroy(&vnet->ports[1]);
err_ports:
	rhltable_destroy(&vnet->ports[0]);
	return err;
}

static void __net_exit vshm_net_exit(struct net *net)
{
	struct vshm_net *vnet = vshm_net(net);

	vshm_procfs_exit(net);
	vshm_loopback_destroy(vnet->loopback);
	vshm_forward_flush();
	vshm_sysfs_remove_table(vnet);
	vshm_sysctl_exit(vnet);
	/* sockets hold the namespace until they have left the table */
	WARN_ON_ONCE(!xa_empty(&vnet->sockets));
	xa_destroy(&vnet->sockets);
	xa_destroy(&vnet->links);
	xa_destroy(&vnet->policy);
	xa_destroy(&vnet->users);
	rhltable_destroy(&vnet->ports[1]);
	rhltable_destroy(&vnet->ports[0]);
}

static struct pernet_operations vshm_net_ops = {
	.init	= vshm_net_init,
	.exit	= vshm_net_exit,
	.id	= &vshm_net_id,
	.size	= sizeof(struct vshm_net),
};

/**
 * vshm_table_init() - give each network namespace a table
 *
 * Return: 0 or an errno.
 */
int __init vshm_table_init(void)
{
	return register_pernet_subsys(&vshm_net_ops);
}

/**
 * vshm_table_exit() - take the tables away; no socket is left
 */
void vshm_table_exit(void)
{
	unregister_pernet_subsys(&vshm_net_ops);
}
