/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a network namespace, a user and a link may have.
 */
#ifndef _VSHM_LIMITS_H
#define _VSHM_LIMITS_H

#include <linux/types.h>
#include <linux/uidgid.h>

struct vshm_conn;
struct vshm_link;
struct vshm_net;
struct vshm_sock;
struct vshm_user;

/**
 * struct vshm_limits - limits and defaults of a namespace, see sysctl.c
 * @buffer_min: bytes; least that a socket option sets a queue to
 * @buffer_default: bytes of each queue of a new socket
 * @buffer_max: bytes; most that a socket option sets, and largest ring
 * @connect_timeout_ms: of a new socket
 * @max_sockets: entries of the table
 * @max_user_sockets: entries of the table that are of one user
 * @max_pending: connections that wait to be accepted, in all queues
 * @max_link_pending: those of them that came through one link
 * @max_memory_kb: KiB for larger rings that are in no region, and for queues of
 *	datagrams
 * @max_user_memory_kb: those of them for the sockets of one user
 *
 * Written by any context that writes to a sysctl, and so read by READ_ONCE().
 */
struct vshm_limits {
	unsigned int	buffer_min;
	unsigned int	buffer_default;
	unsigned int	buffer_max;
	unsigned int	connect_timeout_ms;
	unsigned int	max_sockets;
	unsigned int	max_user_sockets;
	unsigned int	max_pending;
	unsigned int	max_link_pending;
	unsigned int	max_memory_kb;
	unsigned int	max_user_memory_kb;
};

struct vshm_user *vshm_user_get(struct vshm_net *vnet, kuid_t uid);
void vshm_user_put(struct vshm_net *vnet, struct vshm_user *user);
bool vshm_memory_charge(struct vshm_sock *vsk, unsigned long bytes);
void vshm_memory_uncharge(struct vshm_sock *vsk, unsigned long bytes);
bool vshm_pending_get(struct vshm_link *link);
void vshm_pending_put(struct vshm_link *link);
void vshm_pending_mark(struct vshm_conn *conn);
void vshm_pending_unmark(struct vshm_conn *conn);
void vshm_pending_end(struct vshm_sock *child);

#endif
