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
		.max_pending		= 4,
	};
	return 0;
}

void vshm_sysctl_exit(struct vshm_net *vnet)
{
}

int __vshm_zerocopy_begin(struct sock *sk, struct sk_buff **done)
{
	return 0;
}

void __vshm_zerocopy_end(struct sock *sk, struct sk_buff *done, bool sent)
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

#define STUB_INIT(name, ...) int name(__VA_ARGS__) { return 0; }
#define STUB_EXIT(name, ...) void name(__VA_ARGS__) { }

STUB_INIT(vshm_event_init, void)
STUB_EXIT(vshm_event_exit, void)
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
