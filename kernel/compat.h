/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where kernels from 6.1 on, and their configurations, differ. Nowhere else is a
 * version looked at.
 */
#ifndef _VSHM_COMPAT_H
#define _VSHM_COMPAT_H

#include <linux/eventfd.h>
#include <linux/net.h>
#include <linux/poll.h>
#include <linux/sysctl.h>
#include <linux/version.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include <net/scm.h>
#include <net/sock.h>

/* 6.19: an address of unknown length has a type of its own */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
#define sockaddr_unsized sockaddr
#endif

/*
 * VSHM_ACCEPT_OP() - defines name(), for proto_ops.accept, which calls
 * accept(socket, new socket, flags)
 *
 * 6.10: flags and the like come in a structure
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define VSHM_ACCEPT_OP(name, accept)					\
static int name(struct socket *sock, struct socket *newsock,		\
		struct proto_accept_arg *arg)				\
{									\
	return accept(sock, newsock, arg->flags);			\
}
#else
#define VSHM_ACCEPT_OP(name, accept)					\
static int name(struct socket *sock, struct socket *newsock, int flags,	\
		bool kern)						\
{									\
	return accept(sock, newsock, flags);				\
}
#endif

/* The memory cgroup that a socket's owner is in, if the kernel has any. */
static inline struct mem_cgroup *vshm_sock_memcg(const struct sock *sk)
{
#ifdef CONFIG_MEMCG
	return sk->sk_memcg;
#else
	return NULL;
#endif
}

/* A socket that is made for another one belongs where that one does. */
static inline void vshm_sock_memcg_inherit(struct sock *child,
					   const struct sock *sk)
{
#ifdef CONFIG_MEMCG
	struct mem_cgroup *old = child->sk_memcg;

	child->sk_memcg = sk->sk_memcg;
	if (child->sk_memcg)
		css_get(&child->sk_memcg->css);
	mem_cgroup_put(old);
#endif
}

/* 6.8: eventfd_signal() always adds one */
static inline void vshm_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

/* poll_does_not_wait() is not there in all versions */
static inline bool vshm_poll_waits(const poll_table *wait)
{
	return wait && wait->_qproc;
}

/* 6.18: system work queues have other names, 7.x complains of the old ones */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define system_percpu_wq system_wq
#define system_dfl_wq system_unbound_wq
#endif

/* 6.2: class.namespace() takes a const device */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define VSHM_CLASS_CONST const
#else
#define VSHM_CLASS_CONST
#endif

/* 7.1: a namespace is told by what all kinds of them have in common */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 1, 0)
#define VSHM_NS_TAG struct ns_common
#define vshm_ns_tag(net) (&(net)->ns)
#else
#define VSHM_NS_TAG void
#define vshm_ns_tag(net) (net)
#endif

/* 6.6: the number of entries is given, not found by an empty one */
static inline struct ctl_table_header *
vshm_register_net_sysctl(struct net *net, const char *path,
			 struct ctl_table *table, size_t n)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	return register_net_sysctl_sz(net, path, table, n);
#else
	return register_net_sysctl(net, path, table);
#endif
}

/* 6.7: a family can have SOL_SOCKET options passed to its setsockopt */
static inline void vshm_custom_sockopt(struct socket *sock)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	set_bit(SOCK_CUSTOM_SOCKOPT, &sock->flags);
#endif
}

/*
 * 6.16: what SO_PASSCRED sets is with the options, not with the file, and the
 * caller need not see to it that struct socket stays
 */
static inline bool vshm_passcred(const struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
	return sk->sk_scm_credentials;
#else
	const struct socket *sock = READ_ONCE(sk->sk_socket);

	return sock && test_bit(SOCK_PASSCRED, &sock->flags);
#endif
}

static inline void vshm_passcred_set(struct socket *sock, bool on)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
	sock->sk->sk_scm_credentials = on;
#else
	assign_bit(SOCK_PASSCRED, &sock->flags, on);
#endif
}

/* 7.3: scm_recv() leaves descriptors to the family, and so leaks them */
static inline void vshm_scm_recv(struct socket *sock, struct msghdr *msg,
				 struct scm_cookie *scm, int flags)
{
	scm_recv(sock, msg, scm, flags);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
	if (scm->fp)
		scm_detach_fds(msg, scm, false);
#endif
}

/* 6.10: a string of a tracepoint is not named twice */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define vshm_assign_str(field, from) __assign_str(field)
#else
#define vshm_assign_str(field, from) __assign_str(field, from)
#endif

#endif /* _VSHM_COMPAT_H */
