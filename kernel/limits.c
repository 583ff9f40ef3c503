// SPDX-License-Identifier: GPL-2.0
/*
 * What a network namespace, a user and a link may have; sysctl.c has the values.
 *
 * Sockets, and connections that wait to be accepted, are counted one by one. Of
 * memory, that beyond the first ring of a connection is: larger rings, and the
 * queues of datagram sockets. The first rings are bounded by the connections, and
 * those in a region by the region. So nothing is counted on the data path, and
 * making a connection costs no more than a few counters.
 *
 * A user is who made the socket, or the listener that a connection waits at, and
 * stays that when another one accepts it. Sockets that the kernel made to forward
 * connections are nobody's: they are bounded by the links.
 *
 * All of it is charged to memory cgroups as well, which bound users and
 * containers together with everything else that they have.
 */
#include <linux/slab.h>
#include <linux/uidgid.h>

#include "vshm.h"

/**
 * struct vshm_user - what a user has in a network namespace
 * @uid: key in vshm_net.users
 * @sockets: sockets; with the last one this goes; users.xa_lock
 * @memory: bytes
 */
struct vshm_user {
	kuid_t		uid;
	u32		sockets;
	atomic_long_t	memory;
};

/**
 * vshm_user_get() - count a socket of a user
 * @vnet: table that it will be in
 * @uid: who makes it, or INVALID_UID for the kernel
 *
 * Context: process context, may sleep.
 * Return: the user, for vshm_user_put(), NULL for the kernel, or an ERR_PTR():
 * -ENOBUFS when the user has all that one may have, or -ENOMEM.
 */
struct vshm_user *vshm_user_get(struct vshm_net *vnet, kuid_t uid)
{
	struct vshm_user *user;
	int err;

	if (!uid_valid(uid))
		return NULL;
	do {
		xa_lock(&vnet->users);
		user = xa_load(&vnet->users, __kuid_val(uid));
		if (user &&
		    user->sockets >= READ_ONCE(vnet->limits.max_user_sockets))
			user = ERR_PTR(-ENOBUFS);
		else if (user)
			user->sockets++;
		xa_unlock(&vnet->users);
		if (user)
			return user;

		user = kzalloc(sizeof(*user), GFP_KERNEL_ACCOUNT);
		if (!user)
			return ERR_PTR(-ENOMEM);
		user->uid = uid;
		user->sockets = 1;
		err = xa_insert(&vnet->users, __kuid_val(uid), user,
				GFP_KERNEL);
		if (!err)
			return user;
		kfree(user);
	} while (err == -EBUSY);
	return ERR_PTR(err);
}

/**
 * vshm_user_put() - a socket of a user is gone
 * @vnet: table that it was in
 * @user: what vshm_user_get() returned
 *
 * Context: process context.
 */
void vshm_user_put(struct vshm_net *vnet, struct vshm_user *user)
{
	bool last;

	if (!user)
		return;
	xa_lock(&vnet->users);
	last = !--user->sockets;
	if (last)
		__xa_erase(&vnet->users, __kuid_val(user->uid));
	xa_unlock(&vnet->users);
	if (last)
		kfree(user);
}

static bool vshm_memory_add(atomic_long_t *memory, unsigned long bytes,
			    unsigned int limit_kb)
{
	if (atomic_long_add_return(bytes, memory) <= (u64)limit_kb << 10)
		return true;
	atomic_long_sub(bytes, memory);
	return false;
}

/**
 * vshm_memory_charge() - count memory for the queues of a socket
 * @vsk: socket whose entry is held
 * @bytes: how much; none is always granted, even when a limit was lowered
 *
 * Context: any.
 * Return: false when the namespace or the user has all that it may have.
 */
bool vshm_memory_charge(struct vshm_sock *vsk, unsigned long bytes)
{
	struct vshm_net *vnet = vsk->vnet;
	struct vshm_limits *limits = &vnet->limits;

	if (!bytes)
		return true;
	if (!vshm_memory_add(&vnet->memory, bytes,
			     READ_ONCE(limits->max_memory_kb)))
		return false;
	if (!vsk->user || vshm_memory_add(&vsk->user->memory, bytes,
					  READ_ONCE(limits->max_user_memory_kb)))
		return true;
	atomic_long_sub(bytes, &vnet->memory);
	return false;
}

/**
 * vshm_memory_uncharge() - memory is given back
 * @vsk: socket that it was counted for
 * @bytes: how much
 *
 * Context: any.
 */
void vshm_memory_uncharge(struct vshm_sock *vsk, unsigned long bytes)
{
	atomic_long_sub(bytes, &vsk->vnet->memory);
	if (vsk->user)
		atomic_long_sub(bytes, &vsk->user->memory);
}

/**
 * vshm_pending_get() - count a connection that will wait to be accepted
 * @link: link that it comes through
 *
 * Return: false when the namespace or the link has as many as may be.
 */
bool vshm_pending_get(struct vshm_link *link)
{
	const struct vshm_limits *limits = &link->vnet->limits;
	u32 all = atomic_inc_return(&link->vnet->nr_pending);
	u32 here = atomic_inc_return(&link->nr_pending);

	if (all <= READ_ONCE(limits->max_pending) &&
	    here <= READ_ONCE(limits->max_link_pending))
		return true;
	vshm_pending_put(link);
	return false;
}

/**
 * vshm_pending_put() - it does not come to that
 * @link: link that it came through
 */
void vshm_pending_put(struct vshm_link *link)
{
	atomic_dec(&link->nr_pending);
	atomic_dec(&link->vnet->nr_pending);
}

/**
 * vshm_pending_mark() - have it counted by its link while there is a connection
 * @conn: connection that waits, referenced
 */
void vshm_pending_mark(struct vshm_conn *conn)
{
	set_bit(VSHM_CONN_PENDING, &conn->flags);
}

/**
 * vshm_pending_unmark() - it is counted by its link no more
 * @conn: connection, referenced, or with its last reference gone
 */
void vshm_pending_unmark(struct vshm_conn *conn)
{
	if (test_and_clear_bit(VSHM_CONN_PENDING, &conn->flags))
		atomic_dec(&conn->link->nr_pending);
}

/**
 * vshm_pending_end() - a connection is accepted, or will not be
 * @child: its socket, which has left the connection queue; it may have lost the
 *	connection
 *
 * Context: process context.
 */
void vshm_pending_end(struct vshm_sock *child)
{
	struct vshm_conn *conn;

	atomic_dec(&child->vnet->nr_pending);
	conn = vshm_conn_get(&child->conn);
	if (!conn)
		return;
	vshm_pending_unmark(conn);
	vshm_conn_put(conn);
}
