// SPDX-License-Identifier: GPL-2.0
/*
 * The status of a socket. One function changes it, against one table.
 */
#define CREATE_TRACE_POINTS
#include "trace.h"
#include "vshm.h"

#define TO(state)	BIT(VSHM_##state)

/*
 * Legal moves. A socket that is accepted, or one of a pair, is born connected;
 * closing a connected socket closes both directions first, and closing a
 * connecting one gives the attempt up first. A datagram socket becomes connected
 * at once, and bound again when it dissolves that.
 * Documentation/state-machine.py draws this table.
 */
static const u16 vshm_moves[VSHM_NR_STATES] = {
	[VSHM_UNCONNECTED]  = TO(BOUND) | TO(CONNECTED) | TO(TERMINATED),
	[VSHM_BOUND]	    = TO(LISTENING) | TO(CONNECTING) | TO(CONNECTED) |
			      TO(TERMINATED),
	[VSHM_LISTENING]    = TO(DISCONNECTED) | TO(TERMINATED),
	[VSHM_CONNECTING]   = TO(CONNECTED) | TO(BOUND),
	[VSHM_CONNECTED]    = TO(BOUND) | TO(SHUTDOWN) | TO(DISCONNECTED),
	[VSHM_SHUTDOWN]	    = TO(DISCONNECTED),
	[VSHM_DISCONNECTED] = TO(TERMINATED),
	[VSHM_TERMINATED]   = 0,
};

const char * const vshm_state_names[VSHM_NR_STATES] = {
	[VSHM_UNCONNECTED]  = "UNCONNECTED",
	[VSHM_BOUND]	    = "BOUND",
	[VSHM_LISTENING]    = "LISTENING",
	[VSHM_CONNECTING]   = "CONNECTING",
	[VSHM_CONNECTED]    = "CONNECTED",
	[VSHM_SHUTDOWN]	    = "SHUTDOWN",
	[VSHM_DISCONNECTED] = "DISCONNECTED",
	[VSHM_TERMINATED]   = "TERMINATED",
};

/* What generic code, such as SO_ACCEPTCONN, looks at. */
static const u8 vshm_sk_states[VSHM_NR_STATES] = {
	[VSHM_UNCONNECTED]  = TCP_CLOSE,
	[VSHM_BOUND]	    = TCP_CLOSE,
	[VSHM_LISTENING]    = TCP_LISTEN,
	[VSHM_CONNECTING]   = TCP_SYN_SENT,
	[VSHM_CONNECTED]    = TCP_ESTABLISHED,
	[VSHM_SHUTDOWN]	    = TCP_CLOSING,
	[VSHM_DISCONNECTED] = TCP_CLOSE,
	[VSHM_TERMINATED]   = TCP_CLOSE,
};

/**
 * vshm_state_legal() - may a socket move from one status to another?
 * @from: status that it has
 * @to: status that it would get
 *
 * Return: true when the move is in the table.
 */
bool vshm_state_legal(enum vshm_state from, enum vshm_state to)
{
	return vshm_moves[from] & BIT(to);
}

/**
 * vshm_set_state() - change the status of a socket
 * @vsk: socket
 * @to: its new status
 *
 * An illegal move is a bug of this module: it is reported once and not made.
 * Context: vshm_lock() held, or nobody else knows of the socket.
 */
void vshm_set_state(struct vshm_sock *vsk, enum vshm_state to)
{
	struct vshm_net *vnet = vsk->vnet;
	enum vshm_state from = vsk->state;

	if (WARN_ONCE(!vshm_state_legal(from, to), "vshm: illegal move %s -> %s",
		      vshm_state_names[from], vshm_state_names[to]))
		return;
	atomic_dec(&vnet->states[from]);
	atomic_inc(&vnet->states[to]);
	WRITE_ONCE(vsk->state, to);
	WRITE_ONCE(vsk->sk.sk_state, vshm_sk_states[to]);
	WRITE_ONCE(vsk->since, jiffies);
	trace_vshm_state(vsk->local.id, from, to);
	vshm_event_sock(vsk, VSHM_EVENT_STATE, from);
}
