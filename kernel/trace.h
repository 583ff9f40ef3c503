/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints of vshm.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vshm

#if !defined(_VSHM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _VSHM_TRACE_H

#include <linux/tracepoint.h>
#include <linux/vshm.h>

#define vshm_show_state(state) __print_symbolic(state,	\
	{ VSHM_UNCONNECTED,	"unconnected" },	\
	{ VSHM_BOUND,		"bound" },		\
	{ VSHM_LISTENING,	"listening" },		\
	{ VSHM_CONNECTING,	"connecting" },		\
	{ VSHM_CONNECTED,	"connected" },		\
	{ VSHM_SHUTDOWN,	"shutdown" },		\
	{ VSHM_DISCONNECTED,	"disconnected" },	\
	{ VSHM_TERMINATED,	"terminated" })

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

#endif /* _VSHM_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
