/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * AF_VSHM: looking at sockets through sock_diag(7), and hearing of events.
 *
 * Requests go to a NETLINK_SOCK_DIAG socket as for other families: with
 * SOCK_DIAG_BY_FAMILY and NLM_F_DUMP for all sockets of the network namespace,
 * without NLM_F_DUMP for one, with SOCK_DESTROY to end one. A request is a
 * struct vshm_diag_req and attributes of &enum vshm_diag_req_attr after it. An
 * answer is a struct vshm_diag_msg and attributes of &enum vshm_diag_attr.
 *
 * Request and message have the layout of those of AF_VSOCK, so a program that
 * lists AF_VSOCK sockets lists AF_VSHM's when the module stands in for it.
 *
 * Events come from the generic netlink family VSHM_GENL_NAME, with the same
 * attributes. Integers are in host byte order; those of 64 bits are aligned to
 * 4 bytes only. Programs skip attributes that they do not know, and take absent
 * ones for unknown.
 */
#ifndef _UAPI_LINUX_VSHM_DIAG_H
#define _UAPI_LINUX_VSHM_DIAG_H

#include <linux/types.h>

/**
 * struct vshm_diag_req - request; laid out as struct vsock_diag_req
 * @sdiag_family: family number
 * @sdiag_protocol: must be 0
 * @pad: must be 0
 * @vdiag_states: mask of 1 << TCP_*, as in vshm_diag_msg.vdiag_state; see
 *	VSHM_DIAG_REQ_STATES for the statuses of this family. Only for a dump.
 * @vdiag_ino: inode, or 0 for any
 * @vdiag_show: mask of &enum vshm_diag_show: attributes that are wanted
 * @vdiag_cookie: of a request for one socket: its SO_COOKIE, or all ones for
 *	any; ignored in a dump
 */
struct vshm_diag_req {
	__u8	sdiag_family;
	__u8	sdiag_protocol;
	__u16	pad;
	__u32	vdiag_states;
	__u32	vdiag_ino;
	__u32	vdiag_show;
	__u32	vdiag_cookie[2];
};

/**
 * struct vshm_diag_msg - a socket; laid out as struct vsock_diag_msg
 * @vdiag_family: family number
 * @vdiag_type: SOCK_STREAM, ...
 * @vdiag_state: TCP_*, what comes nearest to the status of the socket
 * @vdiag_shutdown: 1: nothing will be received, 2: nothing can be sent
 * @vdiag_src_cid: local address
 * @vdiag_src_port: local address
 * @vdiag_dst_cid: remote address
 * @vdiag_dst_port: remote address
 * @vdiag_ino: inode, 0 when no program has the socket
 * @vdiag_cookie: SO_COOKIE
 */
struct vshm_diag_msg {
	__u8	vdiag_family;
	__u8	vdiag_type;
	__u8	vdiag_state;
	__u8	vdiag_shutdown;
	__u32	vdiag_src_cid;
	__u32	vdiag_src_port;
	__u32	vdiag_dst_cid;
	__u32	vdiag_dst_port;
	__u32	vdiag_ino;
	__u32	vdiag_cookie[2];
};

/**
 * enum vshm_diag_show - attributes that a request asks for
 * @VSHM_DIAG_SHOW_STATE: VSHM_DIAG_ID to VSHM_DIAG_ERROR
 * @VSHM_DIAG_SHOW_LOCAL: VSHM_DIAG_LOCAL
 * @VSHM_DIAG_SHOW_REMOTE: VSHM_DIAG_REMOTE
 * @VSHM_DIAG_SHOW_QUEUES: VSHM_DIAG_SENDQ to VSHM_DIAG_CONNQ_LIMIT
 * @VSHM_DIAG_SHOW_STATS: VSHM_DIAG_TX and VSHM_DIAG_RX
 * @VSHM_DIAG_SHOW_LIMITS: VSHM_DIAG_BUFFER_MIN to VSHM_DIAG_CONNECT_TIMEOUT
 * @VSHM_DIAG_SHOW_LINK: VSHM_DIAG_LINK
 * @VSHM_DIAG_SHOW_ALL: all of these
 */
enum vshm_diag_show {
	VSHM_DIAG_SHOW_STATE	= 1 << 0,
	VSHM_DIAG_SHOW_LOCAL	= 1 << 1,
	VSHM_DIAG_SHOW_REMOTE	= 1 << 2,
	VSHM_DIAG_SHOW_QUEUES	= 1 << 3,
	VSHM_DIAG_SHOW_STATS	= 1 << 4,
	VSHM_DIAG_SHOW_LIMITS	= 1 << 5,
	VSHM_DIAG_SHOW_LINK	= 1 << 6,
	VSHM_DIAG_SHOW_ALL	= (1 << 7) - 1,
};

/**
 * enum vshm_diag_req_attr - what a socket must be to be shown or ended
 * @VSHM_DIAG_REQ_UNSPEC: none
 * @VSHM_DIAG_REQ_PAD: none
 * @VSHM_DIAG_REQ_ID: u64, unique ID. A request for one socket must have it; a
 *	dump starts there, and has that socket or none.
 * @VSHM_DIAG_REQ_STATES: u32, mask of 1 << &enum vshm_state
 * @VSHM_DIAG_REQ_ACTIVITY: u32, mask of &enum vshm_activity: any of these
 * @VSHM_DIAG_REQ_TYPES: u32, mask of 1 << SOCK_STREAM, ...
 * @VSHM_DIAG_REQ_LOCAL_CID: u32
 * @VSHM_DIAG_REQ_LOCAL_PORT: u32
 * @VSHM_DIAG_REQ_REMOTE_CID: u32
 * @VSHM_DIAG_REQ_REMOTE_PORT: u32
 * @VSHM_DIAG_REQ_UID: u32, owner, in the user namespace of the asking program
 * @__VSHM_DIAG_REQ_END: how many there are
 *
 * All that are given must hold. An unknown attribute is refused with EINVAL:
 * to ignore it would show, or end, sockets that were not meant.
 */
enum vshm_diag_req_attr {
	VSHM_DIAG_REQ_UNSPEC,
	VSHM_DIAG_REQ_PAD,
	VSHM_DIAG_REQ_ID,
	VSHM_DIAG_REQ_STATES,
	VSHM_DIAG_REQ_ACTIVITY,
	VSHM_DIAG_REQ_TYPES,
	VSHM_DIAG_REQ_LOCAL_CID,
	VSHM_DIAG_REQ_LOCAL_PORT,
	VSHM_DIAG_REQ_REMOTE_CID,
	VSHM_DIAG_REQ_REMOTE_PORT,
	VSHM_DIAG_REQ_UID,
	__VSHM_DIAG_REQ_END,
};

#define VSHM_DIAG_REQ_MAX	(__VSHM_DIAG_REQ_END - 1)

/**
 * enum vshm_diag_attr - a socket
 * @VSHM_DIAG_UNSPEC: none
 * @VSHM_DIAG_PAD: none
 * @VSHM_DIAG_ID: u64, unique ID
 * @VSHM_DIAG_STATE: u8, &enum vshm_state
 * @VSHM_DIAG_ACTIVITY: u8, mask of &enum vshm_activity
 * @VSHM_DIAG_AGE: u64, milliseconds since the last change of status
 * @VSHM_DIAG_UID: u32, owner
 * @VSHM_DIAG_INODE: u32, 0 when no program has the socket
 * @VSHM_DIAG_SHUTDOWN: u8, as vshm_diag_msg.vdiag_shutdown
 * @VSHM_DIAG_ERROR: u32, pending error (SO_ERROR): an errno or 0
 * @VSHM_DIAG_LOCAL: nested, &enum vshm_diag_end: local socket structure
 * @VSHM_DIAG_REMOTE: nested, &enum vshm_diag_end: remote socket structure
 * @VSHM_DIAG_SENDQ: u64, bytes in the send queue
 * @VSHM_DIAG_RECVQ: u64, bytes in the receive queue
 * @VSHM_DIAG_CONNQ: u32, connections that wait to be accepted
 * @VSHM_DIAG_CONNQ_LIMIT: u32, how many may wait
 * @VSHM_DIAG_TX: nested, &enum vshm_diag_dir: sending direction
 * @VSHM_DIAG_RX: nested, &enum vshm_diag_dir: receiving direction
 * @VSHM_DIAG_BUFFER_MIN: u64, SO_VSHM_BUFFER_MIN_SIZE
 * @VSHM_DIAG_BUFFER_MAX: u64, SO_VSHM_BUFFER_MAX_SIZE
 * @VSHM_DIAG_CONNECT_TIMEOUT: u64, milliseconds
 * @VSHM_DIAG_LINK: nested, &enum vshm_diag_link: link of the connection
 * @VSHM_DIAG_OLD_STATE: u8, &enum vshm_state: of VSHM_EVENT_STATE alone
 * @__VSHM_DIAG_END: how many there are
 */
enum vshm_diag_attr {
	VSHM_DIAG_UNSPEC,
	VSHM_DIAG_PAD,
	VSHM_DIAG_ID,
	VSHM_DIAG_STATE,
	VSHM_DIAG_ACTIVITY,
	VSHM_DIAG_AGE,
	VSHM_DIAG_UID,
	VSHM_DIAG_INODE,
	VSHM_DIAG_SHUTDOWN,
	VSHM_DIAG_ERROR,
	VSHM_DIAG_LOCAL,
	VSHM_DIAG_REMOTE,
	VSHM_DIAG_SENDQ,
	VSHM_DIAG_RECVQ,
	VSHM_DIAG_CONNQ,
	VSHM_DIAG_CONNQ_LIMIT,
	VSHM_DIAG_TX,
	VSHM_DIAG_RX,
	VSHM_DIAG_BUFFER_MIN,
	VSHM_DIAG_BUFFER_MAX,
	VSHM_DIAG_CONNECT_TIMEOUT,
	VSHM_DIAG_LINK,
	VSHM_DIAG_OLD_STATE,
	__VSHM_DIAG_END,
};

#define VSHM_DIAG_MAX	(__VSHM_DIAG_END - 1)

/**
 * enum vshm_diag_end - one end of a socket: its socket structure
 * @VSHM_DIAG_END_UNSPEC: none
 * @VSHM_DIAG_END_PAD: none
 * @VSHM_DIAG_END_ID: u64, unique ID, 0 when not known
 * @VSHM_DIAG_END_TYPE: u32, SOCK_STREAM, ...
 * @VSHM_DIAG_END_PROTOCOL: u32
 * @VSHM_DIAG_END_OPTIONS: u32, mask of &enum vshm_option
 * @VSHM_DIAG_END_CID: u32, address, or VSHM_CID_ANY
 * @VSHM_DIAG_END_PORT: u32, address, or VSHM_PORT_ANY
 * @VSHM_DIAG_END_EVENT: u32, poll events that this end was last notified of
 * @VSHM_DIAG_END_FAMILY: u32, family number
 * @VSHM_DIAG_END_NONBLOCK: u8, 1 in non-blocking mode
 * @__VSHM_DIAG_END_END: how many there are
 */
enum vshm_diag_end {
	VSHM_DIAG_END_UNSPEC,
	VSHM_DIAG_END_PAD,
	VSHM_DIAG_END_ID,
	VSHM_DIAG_END_TYPE,
	VSHM_DIAG_END_PROTOCOL,
	VSHM_DIAG_END_OPTIONS,
	VSHM_DIAG_END_CID,
	VSHM_DIAG_END_PORT,
	VSHM_DIAG_END_EVENT,
	VSHM_DIAG_END_FAMILY,
	VSHM_DIAG_END_NONBLOCK,
	__VSHM_DIAG_END_END,
};

#define VSHM_DIAG_END_MAX	(__VSHM_DIAG_END_END - 1)

/**
 * enum vshm_diag_dir - one direction of a socket
 * @VSHM_DIAG_DIR_UNSPEC: none
 * @VSHM_DIAG_DIR_PAD: none
 * @VSHM_DIAG_DIR_BYTES: u64, bytes moved by calls
 * @VSHM_DIAG_DIR_CALLS: u64, calls that moved any; messages or packets, when
 *	the type has them
 * @VSHM_DIAG_DIR_WAITS: u64, how often a call slept
 * @VSHM_DIAG_DIR_WAKEUPS: u64, how often the peer's notifications woke the
 *	socket
 * @VSHM_DIAG_DIR_DROPS: u64, messages that were dropped
 * @VSHM_DIAG_DIR_THREADS: u32, threads in a call
 * @VSHM_DIAG_DIR_LIMIT: u32, SO_SNDBUF or SO_RCVBUF
 * @VSHM_DIAG_DIR_RING: u32, bytes in the ring that is used at present, 0 when
 *	there is none
 * @VSHM_DIAG_DIR_RINGS: u32, rings that exist: more than one while a larger
 *	one takes over; of the receiving direction alone
 * @__VSHM_DIAG_DIR_END: how many there are
 */
enum vshm_diag_dir {
	VSHM_DIAG_DIR_UNSPEC,
	VSHM_DIAG_DIR_PAD,
	VSHM_DIAG_DIR_BYTES,
	VSHM_DIAG_DIR_CALLS,
	VSHM_DIAG_DIR_WAITS,
	VSHM_DIAG_DIR_WAKEUPS,
	VSHM_DIAG_DIR_DROPS,
	VSHM_DIAG_DIR_THREADS,
	VSHM_DIAG_DIR_LIMIT,
	VSHM_DIAG_DIR_RING,
	VSHM_DIAG_DIR_RINGS,
	__VSHM_DIAG_DIR_END,
};

#define VSHM_DIAG_DIR_MAX	(__VSHM_DIAG_DIR_END - 1)

/**
 * enum vshm_diag_link - a link
 * @VSHM_DIAG_LINK_UNSPEC: none
 * @VSHM_DIAG_LINK_PAD: none
 * @VSHM_DIAG_LINK_KIND: string, "loopback" or "region"
 * @VSHM_DIAG_LINK_LOCAL_CID: u32, own CID
 * @VSHM_DIAG_LINK_PEER_CID: u32, the peer's
 * @VSHM_DIAG_LINK_UP: u8, 1 when connections can be made
 * @VSHM_DIAG_LINK_SLOT: u32, slot of the connection; of a socket alone
 * @VSHM_DIAG_LINK_PEER_SLOT: u32, the peer's slot, 0 when not known; the same
 * @VSHM_DIAG_LINK_EPOCH: u32, own epoch; of an event alone, as what follows
 * @VSHM_DIAG_LINK_PEER_EPOCH: u32, the peer's, 0 when none is acknowledged
 * @VSHM_DIAG_LINK_CONNECTIONS: u32, connections that exist
 * @VSHM_DIAG_LINK_RESETS: u64, times that all connections were reset
 * @VSHM_DIAG_LINK_VIOLATIONS: u64, times that the peer broke the protocol
 * @__VSHM_DIAG_LINK_END: how many there are
 */
enum vshm_diag_link {
	VSHM_DIAG_LINK_UNSPEC,
	VSHM_DIAG_LINK_PAD,
	VSHM_DIAG_LINK_KIND,
	VSHM_DIAG_LINK_LOCAL_CID,
	VSHM_DIAG_LINK_PEER_CID,
	VSHM_DIAG_LINK_UP,
	VSHM_DIAG_LINK_SLOT,
	VSHM_DIAG_LINK_PEER_SLOT,
	VSHM_DIAG_LINK_EPOCH,
	VSHM_DIAG_LINK_PEER_EPOCH,
	VSHM_DIAG_LINK_CONNECTIONS,
	VSHM_DIAG_LINK_RESETS,
	VSHM_DIAG_LINK_VIOLATIONS,
	__VSHM_DIAG_LINK_END,
};

#define VSHM_DIAG_LINK_MAX	(__VSHM_DIAG_LINK_END - 1)

/* The generic netlink family of events, and its multicast groups. */
#define VSHM_GENL_NAME		"vshm"
#define VSHM_GENL_VERSION	1
#define VSHM_GENL_SOCKETS	"sockets"
#define VSHM_GENL_LINKS		"links"

/**
 * enum vshm_event - what happened, the command of a generic netlink message
 * @VSHM_EVENT_UNSPEC: none
 * @VSHM_EVENT_NEW: a socket entered the table
 * @VSHM_EVENT_STATE: its status changed, from VSHM_DIAG_OLD_STATE
 * @VSHM_EVENT_GONE: it left the table: the last of its counters
 * @VSHM_EVENT_LINK_NEW: a link was attached
 * @VSHM_EVENT_LINK_UP: its peer is there: connections can be made
 * @VSHM_EVENT_LINK_DOWN: its peer is gone: all connections were reset
 * @VSHM_EVENT_LINK_GONE: a link was detached
 * @__VSHM_EVENT_END: how many there are
 *
 * Events of sockets go to the group VSHM_GENL_SOCKETS and have the attributes
 * of a dump with VSHM_DIAG_SHOW_ALL; those of links go to VSHM_GENL_LINKS and
 * have VSHM_DIAG_LINK. A program that reads too slowly loses some, and is told
 * so by ENOBUFS, as with any netlink socket.
 */
enum vshm_event {
	VSHM_EVENT_UNSPEC,
	VSHM_EVENT_NEW,
	VSHM_EVENT_STATE,
	VSHM_EVENT_GONE,
	VSHM_EVENT_LINK_NEW,
	VSHM_EVENT_LINK_UP,
	VSHM_EVENT_LINK_DOWN,
	VSHM_EVENT_LINK_GONE,
	__VSHM_EVENT_END,
};

#endif /* _UAPI_LINUX_VSHM_DIAG_H */
