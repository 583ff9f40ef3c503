/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vshm inside the kernel: the objects and who calls whom.
 *
 *   af_vshm.c connect.c sockopt.c  the socket calls
 *   stream.c seqpacket.c io.c wait.c   sending, receiving, waiting
 *   dgram.c queue.c dgram_link.c   datagrams: calls, a socket's queue, a link's
 *   ancillary.c scm.c cred.c       what goes beside the data; SO_PEERCRED
 *   state.c table.c                status of a socket; the socket table
 *   conn.c control.c               a connection; the control protocol
 *   ring.c                         the ring
 *   link.c policy.c forward.c       a link, its slots; joining two links
 *   loopback.c | region.c heap.c   the two kinds of memory below
 *              | ivshmem.c host.c  what a region is attached by
 *   vsock.c                        what else is in the place of AF_VSOCK
 *   procfs.c sysfs.c diag.c         what one sees of it
 *   event.c trace.h                 what one hears of it
 *   limits.c sysctl.c               what one may have; limits and defaults
 *
 * Locks, outermost first:
 *
 *   vshm_lock()           status, addresses, errors and shutdown of one socket;
 *                         two at once only of a new pair, never while a record
 *                         is sent
 *   vshm_sock.tx_lock     the sending direction of one socket
 *   vshm_sock.rx_lock     the receiving direction of one socket; a call takes
 *                         both only to attach or detach the connection
 *   vshm_queue.lock       adding to the receive queue of a datagram socket; whoever
 *                         makes that larger takes the socket's rx_lock below it
 *   vshm_datagrams.lock   the datagram ring towards the peer of a link
 *   vshm_conn.event_lock  where the rings are, and what each end waits for
 *   vshm_region_link.post_lock  the outgoing control ring
 *   vshm_net.bind_lock    allocation of ports
 *   vshm_net.space_lock   who waits for space in a datagram ring
 *
 * A call that sends a datagram holds the tx_lock of the sender and the queue of
 * the receiver.
 *
 * tx_lock and rx_lock are never held over a page fault or a sleep that another
 * program can prolong, so taking one means waiting for a copy, at most. Nor is
 * vshm_lock(), which is why it is not lock_sock(): setsockopt(2) holds that one
 * while it copies a value from wherever the program says, and a page that never
 * comes would hold up the worker of a link. lock_sock() is taken for nothing but
 * what generic options are kept in, outside all of these.
 *
 * References: a socket holds its connection, a connection its socket and link, a
 * slot its connection. A connection that is over for both sides and that no
 * socket has leaves its slot, so whoever kills a link finds all that use it; a
 * socket that is closed lets go of its connection. On loopback the two ends know
 * each other instead, from the request until one of them is over, and hold no
 * reference.
 */
#ifndef _VSHM_H
#define _VSHM_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/ratelimit.h>
#include <linux/refcount.h>
#include <linux/rhashtable.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <linux/vshm.h>
#include <linux/vshm_diag.h>
#include <linux/vshm_ring.h>

#include "compat.h"
#include "limits.h"
#include "link.h"
#include "ring.h"
#include "scm.h"

#if BITS_PER_LONG != 64 || !defined(__LITTLE_ENDIAN)
#error "the shared memory of vshm is that of 64-bit little-endian machines"
#endif

#define VSHM_BUFFER_DEFAULT	(512 * 1024)
#define VSHM_BUFFER_MIN		(1 << VSHM_RING_ORDER_MIN)
#define VSHM_BUFFER_MAX		(1 << VSHM_RING_ORDER_MAX)
#define VSHM_CONNECT_TIMEOUT_MS	2000
#define VSHM_SOCKETS_DEFAULT	(1 << 20)
#define VSHM_PENDING_DEFAULT	(1 << 16)
#define VSHM_LINK_PENDING_DEFAULT (1 << 14)

/*
 * Memory for sockets and connections, which peers may want as well as programs,
 * and for larger queues, which one can do without: the call fails where it
 * exceeds what a memory cgroup may have, or all there is. No program is killed
 * for it.
 */
#define VSHM_GFP	(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)
#define VSHM_GFP_QUEUE	(GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN)

extern int vshm_family;
extern struct proto vshm_proto;
extern const struct proto_ops vshm_stream_ops;
extern const struct proto_ops vshm_seqpacket_ops;
extern const struct proto_ops vshm_dgram_ops;

struct vshm_queue;

/*
 * What is shown is read without the lock of those who write it: it may be that of
 * a moment ago, and parts of a whole those of two moments.
 */
#define vshm_shown(x)	data_race(x)

/* Does the module stand in for AF_VSOCK? */
static inline bool vshm_is_vsock(void)
{
	return vshm_family == AF_VSOCK;
}

/**
 * struct vshm_endpoint - socket structure, one for each end of a socket's entry
 * @id: unique ID of the socket, 0 when not known
 * @cid: address: context ID, or VSHM_CID_ANY
 * @port: address: port, or VSHM_PORT_ANY
 * @options: &enum vshm_option in force
 * @event: the last poll events that this end was notified of
 * @type: SOCK_STREAM, ...
 * @protocol: protocol number
 * @family: address family number
 * @nonblock: in non-blocking mode; of a remote end, when it connected, or its
 *	listener when it was accepted
 */
struct vshm_endpoint {
	u64	id;
	u32	cid;
	u32	port;
	u32	options;
	__poll_t	event;
	u16	type;
	u16	protocol;
	u16	family;
	bool	nonblock;
};

/**
 * struct vshm_stats - counters of one direction of a socket
 * @bytes: moved by calls
 * @calls: that moved any
 * @waits: how often a call slept
 * @wakeups: notifications of the peer that woke the socket; any context
 *
 * They are shown by vshm_shown().
 */
struct vshm_stats {
	u64		bytes;
	u64		calls;
	u64		waits;
	atomic64_t	wakeups;
};

/**
 * struct vshm_space - wants to know when a datagram ring has space
 * @node: in vshm_datagrams.waiters while it does; vshm_net.space_lock
 * @sk: socket to be woken
 */
struct vshm_space {
	struct list_head	node;
	struct sock		*sk;
};

/**
 * struct vshm_sock - a socket, and its entry in the socket table
 * @sk: the generic socket; must be first
 * @lock: see vshm_lock()
 * @vnet: the table it is in
 * @local: local socket structure
 * @remote: remote socket structure
 * @state: &enum vshm_state; vshm_set_state() alone changes it
 * @bound_cid: CID given to bind(2); local.cid is narrowed by a connection
 * @entry: holders of the entry in the table: the program and connections
 * @bound: the address is in the table
 * @polled: somebody may watch the socket for edges: keep notifications on
 * @to_host: VSHM_FLAG_TO_HOST: the peer is reached through the host
 * @gone: the link died; every later call that sends or receives fails with
 *	ECONNRESET
 * @since: jiffies at the last change of state
 * @conn: the connection; changes under vshm_lock(), tx_lock and rx_lock
 * @accept_queue: connection queue of a listener: sockets not yet accepted
 * @accept_node: in the listener's connection queue
 * @connect_work: ends a non-blocking connect in time, and later on the wait for
 *	a larger ring that does not come
 * @connect_deadline: jiffies at which the attempt under way is too long
 * @connect_timeout: jiffies
 * @connect_again: a call that waits for the attempt is about to be made again
 * @buffer_min: SO_VSHM_BUFFER_MIN_SIZE
 * @buffer_max: SO_VSHM_BUFFER_MAX_SIZE
 * @port_node: in vshm_net.ports
 * @tx_lock: serialises senders; guards the send queue's private view
 * @senders: threads in a call that sends; tx_lock
 * @tx: counters; tx_lock
 * @rx_lock: serialises receivers; guards the receive queue's private view
 * @receivers: threads in a call that receives; rx_lock
 * @rx: counters; rx_lock
 * @peeked: position up to which packets were peeked at; rx_lock
 * @queue: receive queue of a datagram socket, NULL for other types; lives as
 *	long as the socket
 * @space: of a datagram socket that found a ring full and did not wait
 * @user: who it is counted for, or NULL; as long as the entry
 *
 * The send and the receive queue of a connected type are the rings of @conn. A
 * datagram that was sent is in the receiver's queue or in the ring of a link.
 */
struct vshm_sock {
	struct sock		sk;
	struct mutex		lock;
	struct vshm_net		*vnet;
	struct vshm_endpoint	local;
	struct vshm_endpoint	remote;
	refcount_t		entry;
	u8			state;
	bool			bound;
	bool			polled;
	bool			gone;
	bool			to_host;
	u32			bound_cid;
	unsigned long		since;
	struct vshm_conn __rcu	*conn;

	struct list_head	accept_queue;
	struct list_head	accept_node;
	struct delayed_work	connect_work;
	unsigned long		connect_deadline;
	bool			connect_again;
	long			connect_timeout;
	u64			buffer_min;
	u64			buffer_max;
	struct rhlist_head	port_node;

	struct mutex		tx_lock ____cacheline_aligned_in_smp;
	u32			senders;
	struct vshm_stats	tx;

	struct mutex		rx_lock ____cacheline_aligned_in_smp;
	u32			receivers;
	struct vshm_stats	rx;
	u64			peeked;

	struct vshm_queue	*queue;
	struct vshm_space	space;
	struct vshm_user	*user;
};

static inline struct vshm_sock *vshm_sk(const struct sock *sk)
{
	return (struct vshm_sock *)sk;
}

/* Outermost lock of a socket, see the top of this file. */
static inline void vshm_lock(struct sock *sk)
{
	mutex_lock(&vshm_sk(sk)->lock);
}

static inline void vshm_unlock(struct sock *sk)
{
	mutex_unlock(&vshm_sk(sk)->lock);
}

static inline bool vshm_is_locked(const struct sock *sk)
{
	return lockdep_is_held(&vshm_sk(sk)->lock);
}

/* Ports of connected types, and of datagram sockets. */
#define VSHM_PORT_SPACES	2

/**
 * struct vshm_net - the socket table of a network namespace
 * @net: the namespace
 * @sockets: every socket, by ID
 * @ports: bound sockets, by port; datagram sockets have ports of their own
 * @bind_lock: makes the choice of a port and its use one
 * @next_port: where the search for a free port goes on
 * @links: by the peer's CID
 * @policy: who may connect to whom through this host, see policy.c
 * @space_lock: guards vshm_datagrams.waiters of all links
 * @loopback: link of the namespace with itself
 * @nr: number of sockets in @sockets
 * @states: how many of them have each status
 * @nr_pending: connections that wait to be accepted
 * @users: who made them, by user ID, see limits.c
 * @memory: bytes that @limits bounds
 * @limits: what is allowed
 * @sysctl_header: files of @limits
 * @sysctl_table: what describes them
 * @vdev: device that shows the counters
 */
struct vshm_net {
	struct net		*net;
	struct xarray		sockets;
	struct rhltable		ports[VSHM_PORT_SPACES];
	spinlock_t		bind_lock;
	u32			next_port;
	struct xarray		links;
	struct xarray		policy;
	spinlock_t		space_lock;
	struct vshm_link	*loopback;
	atomic_t		nr;
	atomic_t		states[VSHM_NR_STATES];
	atomic_t		nr_pending;
	struct xarray		users;
	atomic_long_t		memory;
	struct vshm_limits	limits;
	struct ctl_table_header	*sysctl_header;
	struct ctl_table	*sysctl_table;
	struct vshm_device	*vdev;
};

/**
 * vshm_send_limit() - bytes that the send queue may hold
 * @sk: socket
 *
 * Return: SO_SNDBUF; the ring's own size limits it further.
 */
static inline u64 vshm_send_limit(const struct sock *sk)
{
	return READ_ONCE(sk->sk_sndbuf);
}

/* Somebody may wait for edges: every arrival of data is to be notified. */
static inline bool vshm_watched(const struct vshm_sock *vsk)
{
	return unlikely(READ_ONCE(vsk->polled)) ||
	       unlikely(sock_flag(&vsk->sk, SOCK_FASYNC));
}

/* vshm_conn.flags */
enum {
	VSHM_CONN_PEER_KNOWN,	/* peer_slot and peer_gen are valid */
	VSHM_CONN_RESET_SENT,	/* our last record is out */
	VSHM_CONN_RESET_GOT,	/* so is the peer's */
	VSHM_CONN_DETACHED,	/* no socket uses the rings any more */
	VSHM_CONN_OVER,		/* all three; the slot is free */
	VSHM_CONN_GROW_ASKED,	/* a larger ring was asked for; tx_lock */
	VSHM_CONN_GROW_REFUSED,	/* the peer asked for one, and got none */
	VSHM_CONN_PENDING,	/* it waits to be accepted, see limits.c */
};

/**
 * struct vshm_spin - a call that is told not to wait, and finds nothing
 * @position: index at which it is
 * @rounds: how often that was
 */
struct vshm_spin {
	u64 position;
	u32 rounds;
};

/**
 * struct vshm_conn - a connection, seen from one end
 * @refs: the slot's, the socket's, and passing ones; must be first
 * @flags: VSHM_CONN_*
 * @link: through which it goes; referenced
 * @sk: its socket; the entry is held until the connection is freed
 * @slot: own slot on the link
 * @gen: generation of that slot
 * @peer_slot: the peer's slot
 * @peer_gen: generation of that slot
 * @peer: the other end, when that is in this kernel and not over
 * @peer_limit: log2 of the largest ring that the peer will offer
 * @posts: bit mask of &enum vshm_op to send
 * @hello: the request or response to send
 * @how: for a shutdown: VSHM_HOW_*
 * @reason: for a reset: errno or 0
 * @post_node: in vshm_region_link.posts; its post_lock
 * @event_lock: see vshm.h; taken from interrupts
 * @grow_asked: jiffies when a larger ring was asked for; tx_lock
 * @want: bytes of space that a call did not find and did not wait for, if not 1:
 *	with less, poll(2) does not say POLLOUT
 * @local: the other end is in this kernel
 * @writer: who the other end thinks is sending, when @local; tx_lock
 * @tx: send queue: the peer's ring
 * @scm: what goes beside the data in the receive queue
 * @rx: receive queue: our ring, mem.ring is NULL once it is detached
 * @tx_spin: bounds what the peer can make a sender do; tx_lock
 * @rx_spin: the same of a receiver; rx_lock
 * @rcu: frees it after lookups by slot are done, if it is over a region
 * @first: first ring, if it is on loopback
 */
struct vshm_conn {
	refcount_t		refs;
	unsigned long		flags;
	struct vshm_link	*link;
	struct sock		*sk;
	u32			slot;
	u32			gen;
	u32			peer_slot;
	u32			peer_gen;
	struct vshm_conn __rcu	*peer;
	u32			peer_limit;

	unsigned long		posts;
	struct vshm_record	hello;
	u16			how;
	int			reason;
	struct list_head	post_node;

	spinlock_t		event_lock;
	struct vshm_sender	tx ____cacheline_aligned_in_smp;
	struct vshm_writer	writer;
	bool			local;
	unsigned long		grow_asked;
	u64			want;
	struct vshm_receiver	rx ____cacheline_aligned_in_smp;
	struct vshm_scm_queue	scm;
	struct vshm_spin	tx_spin;
	struct vshm_spin	rx_spin;
	struct rcu_head		rcu;
	struct vshm_first_ring	first[] ____cacheline_aligned_in_smp;
};

/* Count what a connection moved. */
static inline void vshm_count_tx(const struct vshm_conn *conn, u64 n)
{
	this_cpu_add(conn->link->stats->tx_bytes, n);
}

static inline void vshm_count_rx(const struct vshm_conn *conn, u64 n)
{
	this_cpu_add(conn->link->stats->rx_bytes, n);
}

/**
 * struct vshm_conn_info - the connection of a socket, for display
 * @kind: kind of link, NULL when there is no connection
 * @local_cid: own CID on the link
 * @peer_cid: the peer's
 * @slot: own slot
 * @peer_slot: the peer's, 0 when not known
 * @tx_ring: bytes in the ring that is written to, or 0
 * @rx_ring: bytes in the ring that is read from
 * @rx_rings: rings that the peer may write to
 * @up: new connections can be made through the link
 */
struct vshm_conn_info {
	const char	*kind;
	u32		local_cid;
	u32		peer_cid;
	u32		slot;
	u32		peer_slot;
	u32		tx_ring;
	u32		rx_ring;
	u32		rx_rings;
	bool		up;
};

/* state.c */
void vshm_set_state(struct vshm_sock *vsk, enum vshm_state to);
bool vshm_state_legal(enum vshm_state from, enum vshm_state to);
extern const char * const vshm_state_names[VSHM_NR_STATES];

/* table.c */
#define VSHM_PLACE_BITS	22
#define VSHM_PLACES	(1U << VSHM_PLACE_BITS)

int vshm_table_init(void);
void vshm_table_exit(void);
struct vshm_net *vshm_net(const struct net *net);
int vshm_table_add(struct vshm_sock *vsk);
void vshm_table_hold(struct vshm_sock *vsk);
void vshm_table_leave(struct vshm_sock *vsk);
void vshm_table_put(struct vshm_sock *vsk);
int vshm_table_bind(struct vshm_sock *vsk, u32 cid, u32 port);
void vshm_table_unbind(struct vshm_sock *vsk);
struct vshm_sock *vshm_table_find_bound(struct vshm_net *vnet, u16 type,
					u32 cid, u32 port);
struct vshm_sock *vshm_table_find(struct vshm_net *vnet, u64 id);
struct vshm_sock *vshm_table_next(struct vshm_net *vnet,
				  unsigned long *place);
unsigned long vshm_table_place(u64 id);
int vshm_table_active(struct vshm_net *vnet, u32 activity);

/* af_vshm.c */
struct sock *vshm_sock_alloc(struct net *net, struct socket *sock, u16 type,
			     kuid_t uid, int kern);
int vshm_autobind(struct vshm_sock *vsk);
int vshm_parse_address(void *addr, int len, struct sockaddr_vshm **out);
u32 vshm_options(const struct vshm_sock *vsk);
bool vshm_nonblock(struct sock *sk);
u32 vshm_activity(const struct vshm_sock *vsk);
int vshm_sock_destroy(struct sock *sk, int err);
u64 vshm_sock_recvq(struct vshm_sock *vsk);
struct vshm_conn *vshm_sock_conn_get(struct vshm_sock *vsk);
void vshm_sock_close(struct vshm_sock *vsk);
void vshm_sock_abandon(struct vshm_sock *child);
int vshm_sock_half_close(struct vshm_sock *vsk, int mask);

/* connect.c */
int vshm_connect(struct socket *sock, struct sockaddr_unsized *addr, int len,
		 int flags);
void vshm_connect_timeout(struct work_struct *work);
void vshm_connect_disarm(struct vshm_sock *vsk);
long vshm_connect_timeout_default(const struct sock *sk);
void vshm_connect_failed(struct vshm_sock *vsk, int err);
u32 vshm_source_cid(const struct vshm_sock *vsk, const struct vshm_link *link,
		    u32 dst_cid);
int vshm_socketpair(struct socket *a, struct socket *b);
int vshm_listen(struct socket *sock, int backlog);
int vshm_do_accept(struct socket *sock, struct socket *newsock, int flags);

/* sockopt.c */
int vshm_setsockopt(struct socket *sock, int level, int optname,
		    sockptr_t optval, unsigned int optlen);
int vshm_getsockopt(struct socket *sock, int level, int optname,
		    char __user *optval, int __user *optlen);

/* stream.c seqpacket.c */
int vshm_seqpacket_sendmsg(struct socket *sock, struct msghdr *msg, size_t len);
int vshm_seqpacket_recvmsg(struct socket *sock, struct msghdr *msg, size_t len,
			   int flags);
s64 vshm_seqpacket_next(struct vshm_conn *conn, u64 at,
			struct vshm_packet *packet);
int vshm_stream_sendmsg(struct socket *sock, struct msghdr *msg, size_t len);
int vshm_stream_recvmsg(struct socket *sock, struct msghdr *msg, size_t len,
			int flags);

/* io.c */
s64 vshm_send_space(struct sock *sk, struct vshm_conn *conn, u64 need);
void vshm_send_retry(struct vshm_sock *vsk);
bool vshm_send_wants_more(struct sock *sk, struct vshm_conn *conn);
bool vshm_recv_follow(struct vshm_conn *conn);
bool vshm_recv_carry(struct vshm_conn *conn);

/* wait.c */
bool vshm_arm_space(struct sock *sk, struct vshm_conn *conn, u64 need);
bool vshm_arm_data(struct vshm_conn *conn, u64 seen);
bool vshm_recv_ends(struct vshm_conn *conn, u64 seen);
void vshm_write_space(struct sock *sk);
void vshm_state_change(struct sock *sk);
void vshm_release_cb(struct sock *sk);
__poll_t vshm_poll(struct file *file, struct socket *sock, poll_table *wait);
int vshm_wait_space(struct sock *sk, struct vshm_conn *conn, u64 need,
		    long *timeo);
int vshm_wait_data(struct sock *sk, struct vshm_conn *conn, u64 seen,
		   long *timeo);
long vshm_wait_woken(struct sock *sk, struct mutex *lock, __poll_t events,
		     bool (*ready)(const void *arg), const void *arg,
		     long timeo);
void vshm_rearm_data(struct sock *sk, struct vshm_conn *conn);
void vshm_wake_readers(struct sock *sk);
void vshm_wake_writers(struct sock *sk);
void vshm_wake_all(struct sock *sk);

/* conn.c */
int vshm_conn_init(void);
void vshm_conn_exit(void);
struct vshm_conn *vshm_conn_alloc(struct vshm_link *link, struct sock *sk);
void vshm_conn_put(struct vshm_conn *conn);
struct vshm_conn *vshm_conn_get(struct vshm_conn __rcu **where);
struct vshm_conn *vshm_conn_find(struct vshm_link *link, u32 slot, u32 gen);
void vshm_conn_join(struct vshm_conn *a, struct vshm_conn *b);
void vshm_conn_adopt(struct vshm_conn *conn, u32 slot, u32 gen);
void vshm_conn_attach(struct vshm_sock *vsk, struct vshm_conn *conn);
void vshm_conn_detach(struct vshm_sock *vsk);
void vshm_conn_post(struct vshm_conn *conn, enum vshm_op op);
void vshm_conn_reset(struct vshm_conn *conn, int reason);
void vshm_conn_finish(struct vshm_conn *conn);
void vshm_conn_abandon(struct vshm_conn *conn);
void vshm_conn_news(struct vshm_conn *conn, unsigned int kind);
void vshm_conn_notify(struct vshm_conn *conn, unsigned int kind);
u64 vshm_conn_sendq(struct vshm_sock *vsk);
u64 vshm_conn_recvq(struct vshm_sock *vsk);
u64 vshm_conn_unread(struct vshm_conn *conn);
void vshm_conn_info(struct vshm_sock *vsk, struct vshm_conn_info *info);
void vshm_sock_reset(struct vshm_sock *vsk, int reason);
void vshm_sock_shutdown(struct vshm_sock *vsk, int mask);
void vshm_sock_violation(struct vshm_sock *vsk, struct vshm_conn *conn,
			 const char *what);

/* control.c */
void vshm_record_hello(struct vshm_conn *conn, enum vshm_op op);
bool vshm_record_compose(struct vshm_conn *conn, struct vshm_record *rec);
void vshm_record_refuse(const struct vshm_record *to, int err,
			struct vshm_record *rec);
void vshm_record_receive(struct vshm_link *link,
			 const struct vshm_record *rec);
void vshm_record_pass(struct vshm_conn *conn, const struct vshm_record *rec);
struct vshm_conn *vshm_record_accept(struct vshm_link *link,
				     struct vshm_sock *vsk,
				     const struct vshm_record *rec,
				     const struct vshm_ring_mem *mem,
				     struct vshm_conn *from);
void vshm_conn_grow(struct vshm_conn *conn);

/* policy.c */
void vshm_policy_show(struct vshm_net *vnet, struct seq_file *seq);
bool vshm_policy_allows(struct vshm_net *vnet, u32 src_cid, u32 dst_cid);

/* forward.c */
int vshm_forward_init(void);
void vshm_forward_exit(void);
void vshm_forward_flush(void);
void vshm_forward_request(struct vshm_link *link,
			  const struct vshm_record *rec,
			  const struct vshm_ring_mem *mem);

/* cred.c */
void vshm_cred_current(struct sock *sk);
void vshm_cred_copy(struct sock *sk, struct sock *listener);

/* vsock.c */
void vshm_vsock_init(void);
void vshm_vsock_exit(void);
int vshm_vsock_errno(int err);

/* procfs.c */
int vshm_procfs_init(struct net *net);
void vshm_procfs_exit(struct net *net);

/* sysfs.c */
int vshm_sysfs_init(void);
void vshm_sysfs_exit(void);
int vshm_sysfs_add_link(struct vshm_link *link);
void vshm_sysfs_remove_link(struct vshm_link *link);
int vshm_sysfs_add_table(struct vshm_net *vnet);
void vshm_sysfs_remove_table(struct vshm_net *vnet);

/* sysctl.c */
int vshm_sysctl_init(struct vshm_net *vnet);
void vshm_sysctl_exit(struct vshm_net *vnet);

/* diag.c */
int vshm_diag_init(void);
void vshm_diag_exit(void);
int vshm_diag_put(struct sk_buff *skb, struct vshm_sock *vsk, u32 show,
		  struct user_namespace *user_ns);

/* event.c */
int vshm_event_init(void);
void vshm_event_exit(void);
void vshm_event_sock(struct vshm_sock *vsk, enum vshm_event event,
		     enum vshm_state old);
void vshm_event_link(struct vshm_link *link, enum vshm_event event);

#endif /* _VSHM_H */
