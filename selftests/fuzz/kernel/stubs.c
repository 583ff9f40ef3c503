// SPDX-License-Identifier: GPL-2.0
/*
 * What is left out of the module: files that show what it does, to people and
 * programs, and know of no peer. Limits are low, so that they are met.
 */
#include "bed.h"

void vshm_event_sock(struct vshm_sock *vsk, enum vshm_event event,
		     enum vshm_state state)
{
}

void vshm_event_link(struct vshm_link *link, enum vshm_event event)
{
}

int vshm_sysctl_init(struct vshm_net *vnet)
{
	vnet->limits = (struct vshm_limits) {
		.buffer_min		= VSHM_BUFFER_MIN,
		.buffer_default		= VSHM_BUFFER_DEFAULT,
		.buffer_max		= VSHM_BUFFER_MAX,
		.connect_timeout_ms	= 2000,
		.max_sockets		= 48,
		.max_user_sockets	= 40,
		.max_pending		= 4,
		.max_link_pending	= 3,
		.max_memory_kb		= UINT_MAX,
		.max_user_memory_kb	= UINT_MAX,
	};
	return 0;
}

void vshm_sysctl_exit(struct vshm_net *vnet)
{
}

int __vshm_beside_begin(struct socket *sock, struct msghdr *msg, size_t len,
			struct vshm_beside *beside)
{
	return msg->msg_flags & MSG_OOB ? -EOPNOTSUPP : 0;
}

void __vshm_beside_end(struct sock *sk, struct vshm_beside *beside, bool sent)
{
}

void __vshm_recv_timestamp(struct sock *sk, struct msghdr *msg)
{
}

int vshm_vsock_errno(int err)
{
	return err;
}

void vshm_cred_current(struct sock *sk)
{
}

void vshm_cred_copy(struct sock *sk, struct sock *listener)
{
}

int vshm_scm_current(struct vshm_scm **scm)
{
	return 0;
}

int vshm_scm_prepare(struct vshm_conn *conn, struct vshm_scm **scm)
{
	return 0;
}

u64 vshm_scm_limit(struct sock *sk, struct vshm_scm_queue *q,
		   struct vshm_scm_recv *rv, u64 at, u64 avail)
{
	return avail;
}

void vshm_scm_queue_init(struct vshm_scm_queue *q, bool single)
{
	INIT_LIST_HEAD(&q->items);
}

int vshm_scm_begin(struct vshm_scm_recv **rv)
{
	return 0;
}

#define STUB_INIT(name, ...) int name(__VA_ARGS__) { return 0; }
#define STUB_EXIT(name, ...) void name(__VA_ARGS__) { }

STUB_INIT(vshm_event_init, void)
STUB_EXIT(vshm_event_exit, void)
STUB_EXIT(vshm_scm_free, struct vshm_scm *scm)
STUB_INIT(vshm_scm_add, struct vshm_sock *to, struct vshm_scm_queue *q,
	  struct vshm_scm **scm, u64 start, u64 bytes)
STUB_INIT(vshm_scm_attach, struct vshm_conn *conn, struct vshm_scm **scm,
	  u64 bytes, const struct cred **who)
STUB_EXIT(vshm_writer_forget, struct vshm_writer *writer)
STUB_EXIT(vshm_scm_queue_purge, struct vshm_scm_queue *q)
STUB_EXIT(vshm_scm_take, struct vshm_scm_queue *q, struct vshm_scm_recv *rv,
	  u64 at, bool peek)
STUB_EXIT(vshm_scm_finish, struct socket *sock, struct msghdr *msg,
	  struct vshm_scm_recv *rv, int flags)
STUB_EXIT(vshm_vsock_init, void)
STUB_EXIT(vshm_vsock_exit, void)
STUB_INIT(vshm_diag_init, void)
STUB_EXIT(vshm_diag_exit, void)
STUB_INIT(vshm_procfs_init, struct net *net)
STUB_EXIT(vshm_procfs_exit, struct net *net)
STUB_INIT(vshm_sysfs_init, void)
STUB_EXIT(vshm_sysfs_exit, void)
STUB_INIT(vshm_sysfs_add_link, struct vshm_link *link)
STUB_EXIT(vshm_sysfs_remove_link, struct vshm_link *link)
STUB_INIT(vshm_sysfs_add_table, struct vshm_net *vnet)
STUB_EXIT(vshm_sysfs_remove_table, struct vshm_net *vnet)
