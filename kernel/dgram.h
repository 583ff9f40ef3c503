/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Datagrams: what the socket calls, links and the driver of a region share.
 */
#ifndef _VSHM_DGRAM_H
#define _VSHM_DGRAM_H

#include <linux/uio.h>

#include "compat.h"
#include "vshm.h"

/* dgram_link.c */
u32 vshm_datagrams_order(u64 size);
void vshm_datagrams_clean(struct vshm_link *link,
			  const struct vshm_ring_mem *mem);
int vshm_datagrams_up(struct vshm_link *link, struct vshm_ring_mem *mem);
void vshm_datagrams_down(struct vshm_link *link);
void vshm_datagrams_space(struct vshm_link *link);
int vshm_datagrams_receive(struct vshm_link *link);
int vshm_datagrams_send(struct vshm_link *link,
			const struct vshm_datagram *dgram,
			struct iov_iter *from, struct vshm_space *space);
void vshm_space_forget(struct vshm_net *vnet, struct vshm_space *space);
bool vshm_space_ready(const void *arg);

/* dgram.c */
int vshm_dgram_connect(struct socket *sock, struct sockaddr_unsized *addr,
		       int len, int flags);
int vshm_dgram_socketpair(struct socket *a, struct socket *b);
int vshm_dgram_shutdown(struct socket *sock, int how);
int vshm_dgram_sendmsg(struct socket *sock, struct msghdr *msg, size_t len);
int vshm_dgram_recvmsg(struct socket *sock, struct msghdr *msg, size_t len,
		       int flags);
__poll_t vshm_dgram_poll(struct file *file, struct socket *sock,
			 poll_table *wait);
int vshm_dgram_init_sock(struct vshm_sock *vsk);
void vshm_dgram_close(struct vshm_sock *vsk);

#endif /* _VSHM_DGRAM_H */
