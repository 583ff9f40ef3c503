/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the module takes from the kernel's generic part of sockets.
 */
#ifndef _SHIM_NET_H
#define _SHIM_NET_H

#include <linux/time_types.h>

#define SOCK_STREAM	1
#define SOCK_DGRAM	2
#define SOCK_SEQPACKET	5
#define SO_RXQ_OVFL	40
#define AF_UNSPEC	0
#define AF_VSOCK	40
#define SOL_SOCKET	1
#define SO_ZEROCOPY	60
#define AF_MAX		46
#define MSG_OOB		0x1
#define MSG_PEEK	0x2
#define MSG_TRUNC	0x20
#define MSG_DONTWAIT	0x40
#define MSG_EOR		0x80
#define MSG_WAITALL	0x100
#define MSG_ERRQUEUE	0x2000
#define MSG_ZEROCOPY	0x4000000
#define MSG_NOSIGNAL	0x4000
#define O_NONBLOCK	04000
#define SHUT_RD		0
#define SHUT_RDWR	2
#define RCV_SHUTDOWN	1
#define SEND_SHUTDOWN	2
#define SHUTDOWN_MASK	3
#define SOCK_SNDBUF_LOCK	1
#define SOCK_RCVBUF_LOCK	2
#define EPOLLIN		0x001
#define EPOLLOUT	0x004
#define EPOLLERR	0x008
#define EPOLLHUP	0x010
#define EPOLLRDNORM	0x040
#define EPOLLWRNORM	0x100
#define EPOLLWRBAND	0x200
#define EPOLLRDHUP	0x2000
#define POLL_IN		1
#define POLL_OUT	2
#define POLL_ERR	4
#define POLL_HUP	6
#define SOCK_WAKE_SPACE	2
#define SOCK_WAKE_WAITD	1
#define CAP_NET_ADMIN	12
#define CAP_NET_BIND_SERVICE 10
#define TCP_ESTABLISHED	1
#define TCP_SYN_SENT	2
#define TCP_CLOSE	7
#define TCP_LISTEN	10
#define TCP_CLOSING	11

enum { SS_FREE, SS_UNCONNECTED, SS_CONNECTING, SS_CONNECTED };
enum {
	SOCK_DEAD, SOCK_KEEPOPEN, SOCK_LINGER, SOCK_FASYNC, SOCK_RCU_FREE,
	SOCK_ZEROCOPY, SOCK_RCVTSTAMP, SOCK_RXQ_OVFL,
	SOCK_TIMESTAMPING_RX_SOFTWARE,
};

struct sock;
struct socket;
struct file { unsigned int f_flags; };
struct net { void *gen; void *user_ns; };
typedef struct { char task; } wait_queue_head_t;
typedef struct wait_queue_entry {
	void		*private;
	unsigned int	flags;
	int		(*func)(struct wait_queue_entry *wait, unsigned int mode,
				int sync, void *key);
} wait_queue_entry_t;
struct socket_wq { wait_queue_head_t wait; };
typedef struct poll_table { void *_qproc; } poll_table;
typedef struct { void *user; } sockptr_t;

/* Memory of a program; some of it is not there until it is faulted in. */
struct iov_iter { char *base; size_t count, done; };
struct msghdr {
	void		*msg_name;
	int		msg_namelen;
	struct iov_iter	msg_iter;
	size_t		msg_controllen;
	unsigned int	msg_flags;
};

/* nobody sends anything but data, and all is sent by the same process */
struct scm_cookie { struct pid *pid; void *fp; };
#define current_cred()		NULL
#define task_tgid(task)		NULL
#define SOCK_PASSCRED		3
#define SO_PASSCRED		16
#define assign_bit(nr, addr, on)	((on) ? set_bit(nr, addr) : clear_bit(nr, addr))
#define msg_data_left(m)	((m)->msg_iter.count)
#define pagefault_disable()	((void)0)
#define pagefault_enable()	((void)0)
size_t _copy_from_iter(void *to, size_t n, struct iov_iter *from);
size_t _copy_to_iter(const void *from, size_t n, struct iov_iter *to);
void iov_iter_revert(struct iov_iter *i, size_t n);
size_t fault_in_iov_iter_readable(const struct iov_iter *i, size_t n);
#define fault_in_iov_iter_writeable(i, n) fault_in_iov_iter_readable(i, n)
#define WRITE		1
#define iov_iter_rw(i)	((void)(i), WRITE)
#define copy_from_sockptr(to, from, n)	(memcpy(to, (from).user, n), 0)
#define copy_to_user(to, from, n)	(memcpy(to, from, n), 0)
#define put_user(v, p)		(*(p) = (v), 0)
#define get_user(v, p)		((v) = *(p), 0)
int sock_copy_user_timeval(struct __kernel_sock_timeval *tv, sockptr_t optval,
			   int optlen, bool old);
int sock_get_timeout(long timeo, void *optval, bool old);

struct proto_ops {
	int family;
	void *owner;
	int (*release)(struct socket *sock);
	int (*bind)(struct socket *sock, struct sockaddr *addr, int len);
	int (*connect)(struct socket *sock, struct sockaddr *addr, int len,
		       int flags);
	int (*socketpair)(struct socket *a, struct socket *b);
	int (*accept)(struct socket *sock, struct socket *newsock, int flags,
		      bool kern);
	int (*getname)(struct socket *sock, struct sockaddr *addr, int peer);
	__poll_t (*poll)(struct file *file, struct socket *sock,
			 poll_table *wait);
	int (*ioctl)(struct socket *sock, unsigned int cmd, unsigned long arg);
	int (*listen)(struct socket *sock, int backlog);
	int (*shutdown)(struct socket *sock, int how);
	int (*setsockopt)(struct socket *sock, int level, int optname,
			  sockptr_t optval, unsigned int optlen);
	int (*getsockopt)(struct socket *sock, int level, int optname,
			  char *optval, int *optlen);
	int (*sendmsg)(struct socket *sock, struct msghdr *msg, size_t len);
	int (*recvmsg)(struct socket *sock, struct msghdr *msg, size_t len,
		       int flags);
	int (*set_peek_off)(struct sock *sk, int val);
	void *mmap;
};
#define sock_no_mmap	NULL
#define sock_no_accept	NULL
#define sock_no_listen	NULL
int sk_set_peek_off(struct sock *sk, int val);
#define sk_peek_offset(sk, flags)	((flags) & MSG_PEEK ? (sk)->sk_peek_off : -1)
#define sk_peek_offset_fwd(sk, n)	((void)((sk)->sk_peek_off += (sk)->sk_peek_off >= 0 ? (n) : 0))
#define sk_peek_offset_bwd(sk, n)	((void)((sk)->sk_peek_off = (sk)->sk_peek_off > (int)(n) ? (sk)->sk_peek_off - (int)(n) : min((sk)->sk_peek_off, 0)))
#define put_cmsg(msg, level, type, len, data)	((void)(data))
#define ktime_get_real()	((ktime_t)jiffies)

struct socket {
	int				state;
	short				type;
	unsigned long			flags;
	struct file			*file;
	struct sock			*sk;
	const struct proto_ops		*ops;
	struct socket_wq		wq;
};

struct net_proto_family {
	int	family;
	int	(*create)(struct net *net, struct socket *sock, int protocol,
			  int kern);
	void	*owner;
};
extern struct net_proto_family *shim_family;
#define sock_register(f)	(shim_family = (f), 0)
#define sock_unregister(f)	((void)(f))

struct proto {
	const char	*name;
	void		*owner;
	size_t		obj_size;
	void		(*release_cb)(struct sock *sk);
	unsigned int	slab_flags;
	int		(*diag_destroy)(struct sock *sk, int err);
};
#define proto_register(p, slab)	((void)(p), 0)
#define proto_unregister(p)	((void)(p))

struct pernet_operations {
	int		(*init)(struct net *net);
	void		(*exit)(struct net *net);
	unsigned int	*id;
	size_t		size;
};
extern struct pernet_operations *shim_pernet;
#define register_pernet_subsys(o)	(shim_pernet = (o), 0)
#define unregister_pernet_subsys(o)	((void)(o))
#define sock_prot_inuse_add(net, prot, n)	((void)(net))
#define register_net_sysctl(net, path, table)	((void *)(net))
#define net_generic(n, id)	((void)(id), (n)->gen)
#define ns_capable(ns, cap)	((void)(ns), true)
#define capable(cap)		true

struct sk_buff_head { int qlen; };
#define skb_queue_purge(q)	((void)(q))
#define sock_recv_errqueue(sk, msg, len, level, type) -EAGAIN
#define sock_setsockopt(sock, level, name, val, len) -ENOPROTOOPT
#define sock_valbool_flag(sk, f, on)	((void)(sk), (void)(on))
#define skb_queue_empty_lockless(q)	(!(q)->qlen)

struct sock {
	unsigned long		sk_flags;
	struct net		*net;
	const struct proto	*sk_prot;
	bool			sk_lock;
	rwlock_t		sk_callback_lock;
	struct socket		*sk_socket;
	struct socket_wq	*sk_wq;
	void			*sk_user_data;
	void			(*sk_data_ready)(struct sock *sk);
	void			(*sk_write_space)(struct sock *sk);
	void			(*sk_state_change)(struct sock *sk);
	void			(*sk_destruct)(struct sock *sk);
	bool			sk_busy;
	int			sk_peek_off;
	atomic_t		sk_drops;
	refcount_t		sk_refcnt;
	struct rcu_head		sk_rcu;
	struct sk_buff_head	sk_error_queue;
	int			sk_err, sk_sndbuf, sk_rcvbuf, sk_rcvlowat;
	int			sk_priority;
	u32			sk_ack_backlog, sk_max_ack_backlog;
	long			sk_sndtimeo, sk_rcvtimeo;
	unsigned long		sk_lingertime;
	kuid_t			sk_uid;
	u16			sk_type, sk_protocol;
	u8			sk_shutdown, sk_state, sk_reuse, sk_userlocks;
};

struct sock *sk_alloc(struct net *net, int family, gfp_t gfp,
		      struct proto *prot, int kern);
void sk_free(struct sock *sk);
void sock_init_data(struct socket *sock, struct sock *sk);
void sock_put(struct sock *sk);
void sock_graft(struct sock *sk, struct socket *parent);
void sock_orphan(struct sock *sk);
int sock_error(struct sock *sk);
int sk_stream_error(struct sock *sk, int flags, int err);
bool skwq_has_sleeper(struct socket_wq *wq);
#define sock_net(sk)		((sk)->net)
#define sock_hold(sk)		refcount_inc(&(sk)->sk_refcnt)
#define sock_flag(sk, f)	(!!((sk)->sk_flags & BIT(f)))
#define sock_set_flag(sk, f)	((void)((sk)->sk_flags |= BIT(f)))
#define lock_sock(sk)		shim_lock(&(sk)->sk_lock, true)
#define release_sock(sk)	shim_unlock(&(sk)->sk_lock, true)
#define lockdep_sock_is_held(sk) ((sk)->sk_lock)
#define security_sk_clone(a, b)	((void)(a), (void)(b))
#define sk_acceptq_added(sk)	((void)(sk)->sk_ack_backlog++)
#define sk_acceptq_removed(sk)	((void)((sk)->sk_ack_backlog-- || (DIE("backlog"), 0)))
#define sk_acceptq_is_full(sk)	((sk)->sk_ack_backlog > (sk)->sk_max_ack_backlog)
#define sock_sndtimeo(sk, nb)	((nb) ? 0 : (sk)->sk_sndtimeo)
#define sock_rcvtimeo(sk, nb)	((nb) ? 0 : (sk)->sk_rcvtimeo)
#define sock_rcvlowat(sk, all, len) \
	({ int _v = (all) ? (int)(len) : min_t(int, (sk)->sk_rcvlowat, len); _v ? _v : 1; })
#define rcu_assign_sk_user_data(sk, p)	((sk)->sk_user_data = (p))
#define rcu_dereference_sk_user_data(sk) rcu_dereference((sk)->sk_user_data)
#define sk_sleep(sk)		(&(sk)->sk_wq->wait)
#define sk_wake_async(sk, how, band)	((void)(sk), (void)(band))
#define sk_set_bit(nr, sk)	((void)(sk))

/* SO_BUSY_POLL */
#define cpu_relax()		((void)0)
#define busy_loop_current_time()	shim_busy(true)
#define sk_can_busy_loop(sk)	((sk)->sk_busy && !signal_pending(NULL))
#define sk_busy_loop_timeout(sk, start)	((void)(start), !shim_busy(false))
unsigned int shim_busy(bool start);

/* Who waits: shim_sleep() lets the rest of the machine run. */
#define DEFINE_WAIT_FUNC(n, f)	wait_queue_entry_t n = { .func = (f) }
#define init_waitqueue_func_entry(w, f)	((void)((w)->func = (f)))
#define add_wait_queue(q, w)	((void)((q)->task = 1), (void)(w))
#define add_wait_queue_exclusive(q, w)	add_wait_queue(q, w)
#define remove_wait_queue(q, w)	((void)((q)->task = 0), (void)(w))
#define wait_woken(w, mode, timeo)	({ (void)(w); might_sleep(); shim_sleep(timeo); })
#define wake_up_interruptible_all(q)	((void)(q))
#define wake_up_interruptible_sync_poll(q, e) ((void)(q))
#define key_to_poll(key)	((__poll_t)(uintptr_t)(key))
#define sock_poll_wait(file, sock, wait) ((void)(file))
static inline int woken_wake_function(wait_queue_entry_t *wait,
				      unsigned int mode, int sync, void *key)
{
	return 1;
}

/* Tracepoints and the like that nobody watches */
#define TRACE_EVENT(name, proto, ...)					\
	static inline void trace_##name(proto) { }			\
	static inline bool trace_##name##_enabled(void) { return false; } \
	struct shim_none
#define DEFINE_EVENT(class, name, proto, ...)	TRACE_EVENT(name, TP_PROTO(proto))
#define DECLARE_EVENT_CLASS(...)	struct shim_none
#define TRACE_DEFINE_ENUM(x)	struct shim_none
#define TP_PROTO(...)	__VA_ARGS__
struct eventfd_ctx;
#define eventfd_signal(ctx, n)	((void)(ctx))
u32 get_random_u32(void);

#endif /* _SHIM_NET_H */
