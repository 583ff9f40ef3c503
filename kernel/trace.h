/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints of vshm. Fields are stable: programs read them by name. One that
 * is off costs a jump that is not taken.
 *
 *   vshm_state                          status of a socket
 *   vshm_connect vshm_accept            the calls, when they return
 *   vshm_send vshm_recv                 the same
 *   vshm_wait_begin vshm_wait_end       a call sleeps
 *   vshm_wakeup                         what a socket is woken for
 *   vshm_doorbell vshm_interrupt        the peer is interrupted, or interrupts
 *   vshm_reset                          last word of a connection, either way
 *   vshm_link_up vshm_link_down         a link
 *   vshm_violation                      the peer broke the protocol
 *   vshm_drop vshm_drop_datagram        what was not taken
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vshm

#if !defined(_VSHM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _VSHM_TRACE_H

#include <linux/tracepoint.h>

#include "compat.h"
#include "vshm.h"

#ifndef _VSHM_TRACE_ENUMS
#define _VSHM_TRACE_ENUMS

/* What a call waits for, or is woken for. */
enum vshm_why {
	VSHM_FOR_DATA,
	VSHM_FOR_SPACE,
	VSHM_FOR_CONNECT,
	VSHM_FOR_ACCEPT,
	VSHM_FOR_CHANGE,
};

/* Why something was not taken. */
enum vshm_drop {
	VSHM_DROP_LISTENER,	/* nobody listens there */
	VSHM_DROP_TYPE,		/* somebody does, for another type */
	VSHM_DROP_QUEUE,	/* the queue, or the ring to go on in, is full */
	VSHM_DROP_MEMORY,	/* no socket, slot or ring could be had */
	VSHM_DROP_POLICY,	/* the host does not forward that */
	VSHM_DROP_LINK,		/* the host cannot */
	VSHM_DROP_STALE,	/* the connection is over */
};

#endif

/* So that programs which read the format know the numbers. */
TRACE_DEFINE_ENUM(VSHM_UNCONNECTED);
TRACE_DEFINE_ENUM(VSHM_BOUND);
TRACE_DEFINE_ENUM(VSHM_LISTENING);
TRACE_DEFINE_ENUM(VSHM_CONNECTING);
TRACE_DEFINE_ENUM(VSHM_CONNECTED);
TRACE_DEFINE_ENUM(VSHM_SHUTDOWN);
TRACE_DEFINE_ENUM(VSHM_DISCONNECTED);
TRACE_DEFINE_ENUM(VSHM_TERMINATED);
TRACE_DEFINE_ENUM(VSHM_FOR_DATA);
TRACE_DEFINE_ENUM(VSHM_FOR_SPACE);
TRACE_DEFINE_ENUM(VSHM_FOR_CONNECT);
TRACE_DEFINE_ENUM(VSHM_FOR_ACCEPT);
TRACE_DEFINE_ENUM(VSHM_FOR_CHANGE);
TRACE_DEFINE_ENUM(VSHM_DROP_LISTENER);
TRACE_DEFINE_ENUM(VSHM_DROP_TYPE);
TRACE_DEFINE_ENUM(VSHM_DROP_QUEUE);
TRACE_DEFINE_ENUM(VSHM_DROP_MEMORY);
TRACE_DEFINE_ENUM(VSHM_DROP_POLICY);
TRACE_DEFINE_ENUM(VSHM_DROP_LINK);
TRACE_DEFINE_ENUM(VSHM_DROP_STALE);

#define vshm_show_state(state) __print_symbolic(state,	\
	{ VSHM_UNCONNECTED,	"unconnected" },	\
	{ VSHM_BOUND,		"bound" },		\
	{ VSHM_LISTENING,	"listening" },		\
	{ VSHM_CONNECTING,	"connecting" },		\
	{ VSHM_CONNECTED,	"connected" },		\
	{ VSHM_SHUTDOWN,	"shutdown" },		\
	{ VSHM_DISCONNECTED,	"disconnected" },	\
	{ VSHM_TERMINATED,	"terminated" })

#define vshm_show_why(why) __print_symbolic(why,	\
	{ VSHM_FOR_DATA,	"data" },		\
	{ VSHM_FOR_SPACE,	"space" },		\
	{ VSHM_FOR_CONNECT,	"connect" },		\
	{ VSHM_FOR_ACCEPT,	"accept" },		\
	{ VSHM_FOR_CHANGE,	"change" })

#define vshm_show_drop(why) __print_symbolic(why,	\
	{ VSHM_DROP_LISTENER,	"listener" },		\
	{ VSHM_DROP_TYPE,	"type" },		\
	{ VSHM_DROP_QUEUE,	"queue" },		\
	{ VSHM_DROP_MEMORY,	"memory" },		\
	{ VSHM_DROP_POLICY,	"policy" },		\
	{ VSHM_DROP_LINK,	"link" },		\
	{ VSHM_DROP_STALE,	"stale" })

/* A socket moves from one status to another. */
TRACE_EVENT(vshm_state,
	TP_PROTO(u64 id, unsigned int from, unsigned int to),
	TP_ARGS(id, from, to),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(unsigned int, from)
		__field(unsigned int, to)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("id=%llu from=%s to=%s", __entry->id,
		  vshm_show_state(__entry->from), vshm_show_state(__entry->to))
);

/* A call of connect(2) returns; err is 0 or a negative errno. */
TRACE_EVENT(vshm_connect,
	TP_PROTO(const struct vshm_sock *vsk, u32 cid, u32 port, int err),
	TP_ARGS(vsk, cid, port, err),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u32, src_cid)
		__field(u32, src_port)
		__field(u32, dst_cid)
		__field(u32, dst_port)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->id = vsk->local.id;
		__entry->src_cid = vsk->local.cid;
		__entry->src_port = vsk->local.port;
		__entry->dst_cid = cid;
		__entry->dst_port = port;
		__entry->err = err;
	),
	TP_printk("id=%llu src=%u:%u dst=%u:%u err=%d", __entry->id,
		  __entry->src_cid, __entry->src_port, __entry->dst_cid,
		  __entry->dst_port, __entry->err)
);

/* accept(2) takes a connection, which has waited for so long. */
TRACE_EVENT(vshm_accept,
	TP_PROTO(const struct vshm_sock *listener,
		 const struct vshm_sock *vsk),
	TP_ARGS(listener, vsk),
	TP_STRUCT__entry(
		__field(u64, listener)
		__field(u64, id)
		__field(u64, peer)
		__field(u32, src_cid)
		__field(u32, src_port)
		__field(u32, dst_cid)
		__field(u32, dst_port)
		__field(u32, queued)
		__field(u32, waited_ms)
	),
	TP_fast_assign(
		__entry->listener = listener->local.id;
		__entry->id = vsk->local.id;
		__entry->peer = vsk->remote.id;
		__entry->src_cid = vsk->remote.cid;
		__entry->src_port = vsk->remote.port;
		__entry->dst_cid = vsk->local.cid;
		__entry->dst_port = vsk->local.port;
		__entry->queued = READ_ONCE(listener->sk.sk_ack_backlog);
		__entry->waited_ms = jiffies_to_msecs(jiffies -
						      READ_ONCE(vsk->since));
	),
	TP_printk("listener=%llu id=%llu peer=%llu src=%u:%u dst=%u:%u queued=%u waited_ms=%u",
		  __entry->listener, __entry->id, __entry->peer,
		  __entry->src_cid, __entry->src_port, __entry->dst_cid,
		  __entry->dst_port, __entry->queued, __entry->waited_ms)
);

/* A call that sends or receives returns; ret is bytes or a negative errno. */
DECLARE_EVENT_CLASS(vshm_transfer,
	TP_PROTO(const struct vshm_sock *vsk, size_t len, ssize_t ret),
	TP_ARGS(vsk, len, ret),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, peer)
		__field(u64, len)
		__field(s64, ret)
	),
	TP_fast_assign(
		__entry->id = vsk->local.id;
		__entry->peer = vsk->remote.id;
		__entry->len = len;
		__entry->ret = ret;
	),
	TP_printk("id=%llu peer=%llu len=%llu ret=%lld", __entry->id,
		  __entry->peer, __entry->len, __entry->ret)
);

DEFINE_EVENT(vshm_transfer, vshm_send,
	TP_PROTO(const struct vshm_sock *vsk, size_t len, ssize_t ret),
	TP_ARGS(vsk, len, ret)
);

DEFINE_EVENT(vshm_transfer, vshm_recv,
	TP_PROTO(const struct vshm_sock *vsk, size_t len, ssize_t ret),
	TP_ARGS(vsk, len, ret)
);

/* A call goes to sleep, or goes on; or a socket is woken, by whoever runs. */
DECLARE_EVENT_CLASS(vshm_why,
	TP_PROTO(const struct vshm_sock *vsk, unsigned int why),
	TP_ARGS(vsk, why),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, peer)
		__field(unsigned int, why)
	),
	TP_fast_assign(
		__entry->id = vsk->local.id;
		__entry->peer = vsk->remote.id;
		__entry->why = why;
	),
	TP_printk("id=%llu peer=%llu for=%s", __entry->id, __entry->peer,
		  vshm_show_why(__entry->why))
);

DEFINE_EVENT(vshm_why, vshm_wait_begin,
	TP_PROTO(const struct vshm_sock *vsk, unsigned int why),
	TP_ARGS(vsk, why)
);

DEFINE_EVENT(vshm_why, vshm_wait_end,
	TP_PROTO(const struct vshm_sock *vsk, unsigned int why),
	TP_ARGS(vsk, why)
);

DEFINE_EVENT(vshm_why, vshm_wakeup,
	TP_PROTO(const struct vshm_sock *vsk, unsigned int why),
	TP_ARGS(vsk, why)
);

/* News for a slot of the peer; sent is 0 when the doorbell had rung already. */
TRACE_EVENT(vshm_doorbell,
	TP_PROTO(const struct vshm_link *link, u32 slot, unsigned int kind,
		 bool sent),
	TP_ARGS(link, slot, kind, sent),
	TP_STRUCT__entry(
		__field(u32, local_cid)
		__field(u32, peer_cid)
		__field(u32, slot)
		__field(unsigned int, kind)
		__field(bool, sent)
	),
	TP_fast_assign(
		__entry->local_cid = link->local_cid;
		__entry->peer_cid = link->peer_cid;
		__entry->slot = slot;
		__entry->kind = kind;
		__entry->sent = sent;
	),
	TP_printk("link=%u-%u slot=%u kind=%s sent=%d", __entry->local_cid,
		  __entry->peer_cid, __entry->slot,
		  __print_symbolic(__entry->kind, { 0, "data" },
				   { 1, "space" }), __entry->sent)
);

DECLARE_EVENT_CLASS(vshm_link,
	TP_PROTO(const struct vshm_link *link),
	TP_ARGS(link),
	TP_STRUCT__entry(
		__field(u32, local_cid)
		__field(u32, peer_cid)
		__field(int, connections)
	),
	TP_fast_assign(
		__entry->local_cid = link->local_cid;
		__entry->peer_cid = link->peer_cid;
		__entry->connections = atomic_read(&link->nr_conns);
	),
	TP_printk("link=%u-%u connections=%d", __entry->local_cid,
		  __entry->peer_cid, __entry->connections)
);

/* The peer's doorbell. */
DEFINE_EVENT(vshm_link, vshm_interrupt,
	TP_PROTO(const struct vshm_link *link),
	TP_ARGS(link)
);

DEFINE_EVENT(vshm_link, vshm_link_up,
	TP_PROTO(const struct vshm_link *link),
	TP_ARGS(link)
);

DEFINE_EVENT(vshm_link, vshm_link_down,
	TP_PROTO(const struct vshm_link *link),
	TP_ARGS(link)
);

/* The last word of a connection, to the peer or from it. */
TRACE_EVENT(vshm_reset,
	TP_PROTO(const struct vshm_sock *vsk, int reason, bool sent),
	TP_ARGS(vsk, reason, sent),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, peer)
		__field(int, reason)
		__field(bool, sent)
	),
	TP_fast_assign(
		__entry->id = vsk->local.id;
		__entry->peer = vsk->remote.id;
		__entry->reason = reason;
		__entry->sent = sent;
	),
	TP_printk("id=%llu peer=%llu reason=%d %s", __entry->id, __entry->peer,
		  __entry->reason, __entry->sent ? "sent" : "received")
);

/* The peer wrote what no honest peer writes. */
TRACE_EVENT(vshm_violation,
	TP_PROTO(const struct vshm_link *link, const char *what),
	TP_ARGS(link, what),
	TP_STRUCT__entry(
		__field(u32, local_cid)
		__field(u32, peer_cid)
		__string(what, what)
	),
	TP_fast_assign(
		__entry->local_cid = link->local_cid;
		__entry->peer_cid = link->peer_cid;
		vshm_assign_str(what, what);
	),
	TP_printk("link=%u-%u what=\"%s\"", __entry->local_cid,
		  __entry->peer_cid, __get_str(what))
);

/* Something for a socket came over a link and was not taken. */
TRACE_EVENT(vshm_drop,
	TP_PROTO(const struct vshm_link *link, const struct vshm_record *rec,
		 unsigned int why),
	TP_ARGS(link, rec, why),
	TP_STRUCT__entry(
		__field(u32, local_cid)
		__field(u32, peer_cid)
		__field(u32, src_cid)
		__field(u32, src_port)
		__field(u32, dst_cid)
		__field(u32, dst_port)
		__field(unsigned int, op)
		__field(unsigned int, why)
	),
	TP_fast_assign(
		__entry->local_cid = link->local_cid;
		__entry->peer_cid = link->peer_cid;
		__entry->src_cid = rec->src_cid;
		__entry->src_port = rec->src_port;
		__entry->dst_cid = rec->dst_cid;
		__entry->dst_port = rec->dst_port;
		__entry->op = rec->op;
		__entry->why = why;
	),
	TP_printk("link=%u-%u src=%u:%u dst=%u:%u op=%u why=%s",
		  __entry->local_cid, __entry->peer_cid, __entry->src_cid,
		  __entry->src_port, __entry->dst_cid, __entry->dst_port,
		  __entry->op, vshm_show_drop(__entry->why))
);

/* A datagram was not taken: sent here, come over a link, or to be forwarded. */
TRACE_EVENT(vshm_drop_datagram,
	TP_PROTO(const struct vshm_datagram *dgram, unsigned int why),
	TP_ARGS(dgram, why),
	TP_STRUCT__entry(
		__field(u32, src_cid)
		__field(u32, src_port)
		__field(u32, dst_cid)
		__field(u32, dst_port)
		__field(u32, len)
		__field(unsigned int, why)
	),
	TP_fast_assign(
		__entry->src_cid = dgram->src_cid;
		__entry->src_port = dgram->src_port;
		__entry->dst_cid = dgram->dst_cid;
		__entry->dst_port = dgram->dst_port;
		__entry->len = dgram->len;
		__entry->why = why;
	),
	TP_printk("src=%u:%u dst=%u:%u len=%u why=%s", __entry->src_cid,
		  __entry->src_port, __entry->dst_cid, __entry->dst_port,
		  __entry->len, vshm_show_drop(__entry->why))
);

#endif /* _VSHM_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
