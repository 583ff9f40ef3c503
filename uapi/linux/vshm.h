/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * AF_VSHM: virtual sockets over shared memory, what programs see.
 *
 * The address has the size, fields and offsets of struct sockaddr_vm, and the
 * well-known CIDs, ports and option numbers are those of vsock(7), so that a
 * program written for AF_VSOCK needs no change but the family number.
 */
#ifndef _UAPI_LINUX_VSHM_H
#define _UAPI_LINUX_VSHM_H

#include <linux/ioctl.h>
#include <linux/socket.h>
#include <linux/types.h>

/*
 * A kernel has no free family number for modules; AF_ASH (18) is reserved and
 * was never implemented. The module parameter family= takes any other.
 */
#ifndef AF_VSHM
#define AF_VSHM		18
#define PF_VSHM		AF_VSHM
#endif

/* Context IDs: who. */
#define VSHM_CID_ANY		((__u32)-1)	/* bind: every local CID */
#define VSHM_CID_HYPERVISOR	0		/* reserved */
#define VSHM_CID_LOCAL		1		/* loopback */
#define VSHM_CID_HOST		2
#define VSHM_CID_GUEST_MIN	3
#define VSHM_CID_GUEST_MAX	65535		/* a CID is an ivshmem ID */

/* Ports: which socket there. */
#define VSHM_PORT_ANY		((__u32)-1)	/* bind: choose a free port */
#define VSHM_PORT_PRIVILEGED	1023		/* up to here: CAP_NET_BIND_SERVICE */

/* Flags of an address. */
#define VSHM_FLAG_TO_HOST	0x01	/* reach a guest through the host */

/**
 * struct sockaddr_vshm - address of an AF_VSHM socket
 * @svs_family: AF_VSHM, or the number given to the module as family=
 * @svs_reserved1: must be 0, ignored in the place of AF_VSOCK
 * @svs_port: port, host byte order
 * @svs_cid: context ID, host byte order
 * @svs_flags: VSHM_FLAG_TO_HOST or 0
 * @svs_zero: as @svs_reserved1
 *
 * Laid out as struct sockaddr_vm of vsock(7).
 */
struct sockaddr_vshm {
	__kernel_sa_family_t	svs_family;
	unsigned short		svs_reserved1;
	__u32			svs_port;
	__u32			svs_cid;
	__u8			svs_flags;
	unsigned char		svs_zero[sizeof(struct sockaddr) -
					 sizeof(sa_family_t) -
					 sizeof(unsigned short) -
					 sizeof(__u32) - sizeof(__u32) -
					 sizeof(__u8)];
};

/*
 * Socket options; the level is the family number, the numbers are those of
 * AF_VSOCK, and from 256 on vshm's own. SO_VSHM_BUFFER_SIZE sets the send and the
 * receive queue at once.
 */
#define SO_VSHM_BUFFER_SIZE		0	/* __u64, bytes each way */
#define SO_VSHM_BUFFER_MIN_SIZE		1	/* __u64 */
#define SO_VSHM_BUFFER_MAX_SIZE		2	/* __u64 */
#define SO_VSHM_PEER_HOST_VM_ID		3	/* __u32, read only */
#define SO_VSHM_TRUSTED			5	/* int, read only */
#define SO_VSHM_CONNECT_TIMEOUT_OLD	6	/* struct __kernel_old_timeval */
#define SO_VSHM_CONNECT_TIMEOUT_NEW	8	/* struct __kernel_sock_timeval */
#define SO_VSHM_ZEROCOPY		256	/* int, as SO_ZEROCOPY */

/* Level and type of what MSG_ERRQUEUE receives, those of AF_VSOCK. */
#define SOL_VSHM		287
#define VSHM_RECVERR		1

/**
 * enum vshm_state - status of a socket
 * @VSHM_UNCONNECTED: created, no address yet
 * @VSHM_BOUND: has a local address
 * @VSHM_LISTENING: takes connections
 * @VSHM_CONNECTING: asked its peer, no answer yet
 * @VSHM_CONNECTED: data flows both ways
 * @VSHM_SHUTDOWN: one direction is closed, by either side
 * @VSHM_DISCONNECTED: both directions are closed, or the peer is gone
 * @VSHM_TERMINATED: closed; the entry lives as long as its last reference
 * @VSHM_NR_STATES: how many there are
 *
 * The two other statuses of a socket, sending and receiving, are activities of
 * a connected one; see &enum vshm_activity.
 */
enum vshm_state {
	VSHM_UNCONNECTED,
	VSHM_BOUND,
	VSHM_LISTENING,
	VSHM_CONNECTING,
	VSHM_CONNECTED,
	VSHM_SHUTDOWN,
	VSHM_DISCONNECTED,
	VSHM_TERMINATED,
	VSHM_NR_STATES,
};

/**
 * enum vshm_activity - what a connected socket is doing, shown beside its state
 * @VSHM_SENDING: a call that sends is under way, copying or blocked
 * @VSHM_RECEIVING: a call that receives is under way, copying or blocked
 */
enum vshm_activity {
	VSHM_SENDING	= 1 << 0,
	VSHM_RECEIVING	= 1 << 1,
};

/**
 * enum vshm_option - generic socket options in force, as a bit mask
 * @VSHM_OPT_REUSEADDR: SO_REUSEADDR is set
 * @VSHM_OPT_KEEPALIVE: SO_KEEPALIVE is set
 * @VSHM_OPT_LINGER: SO_LINGER is set
 * @VSHM_OPT_RCVTIMEO: SO_RCVTIMEO is finite
 * @VSHM_OPT_SNDTIMEO: SO_SNDTIMEO is finite
 * @VSHM_OPT_RCVLOWAT: SO_RCVLOWAT is above 1
 * @VSHM_OPT_RCVBUF: SO_RCVBUF was set by the program
 * @VSHM_OPT_SNDBUF: SO_SNDBUF was set by the program
 * @VSHM_OPT_BUSY_POLL: SO_BUSY_POLL is set
 */
enum vshm_option {
	VSHM_OPT_REUSEADDR	= 1 << 0,
	VSHM_OPT_KEEPALIVE	= 1 << 1,
	VSHM_OPT_LINGER		= 1 << 2,
	VSHM_OPT_RCVTIMEO	= 1 << 3,
	VSHM_OPT_SNDTIMEO	= 1 << 4,
	VSHM_OPT_RCVLOWAT	= 1 << 5,
	VSHM_OPT_RCVBUF		= 1 << 6,
	VSHM_OPT_SNDBUF		= 1 << 7,
	VSHM_OPT_BUSY_POLL	= 1 << 8,
};

/*
 * /dev/vshm, on a host: each open file attaches one end of a link to the
 * opener's network namespace. It takes CAP_NET_ADMIN there.
 */

/**
 * struct vshm_attach - one end of a link whose memory is a memfd
 * @size: bytes in this structure, at least sizeof(struct vshm_attach); what
 *	goes beyond must be 0
 * @flags: must be 0
 * @memory_fd: memfd with a formatted region, sealed against shrinking
 * @in_fd: eventfd that the peer signals
 * @out_fd: eventfd that signals the peer
 * @cid: own CID, one of the two in the region's header
 * @peer_cid: the other one
 * @max_connections: limit of connections, 0 for that of the format
 *
 * The file descriptors can be closed afterwards. Closing the file that the
 * ioctl was made on detaches the link.
 */
struct vshm_attach {
	__u32	size;
	__u32	flags;
	__s32	memory_fd;
	__s32	in_fd;
	__s32	out_fd;
	__u32	cid;
	__u32	peer_cid;
	__u32	max_connections;
};

/**
 * enum vshm_verdict - what a rule of the policy says
 * @VSHM_POLICY_DENY: no; what holds without any rule
 * @VSHM_POLICY_ALLOW: yes
 * @VSHM_POLICY_REMOVE: there is to be no rule for this pair; ENOENT if there is
 *	none
 */
enum vshm_verdict {
	VSHM_POLICY_DENY	= 0,
	VSHM_POLICY_ALLOW	= 1,
	VSHM_POLICY_REMOVE	= 2,
};

/**
 * struct vshm_policy - may one guest connect to another through this host?
 * @size: bytes in this structure, at least sizeof(struct vshm_policy)
 * @src_cid: who connects
 * @dst_cid: to whom; VSHM_CID_ANY in either stands for every guest
 * @verdict: one of enum vshm_verdict
 *
 * A pair that names a CID goes before one that has VSHM_CID_ANY, and @src_cid
 * before @dst_cid. Policy belongs to the network namespace and outlives the
 * file; established connections are not touched. /proc/net/vshm_policy lists
 * the rules.
 */
struct vshm_policy {
	__u32	size;
	__u32	src_cid;
	__u32	dst_cid;
	__u32	verdict;
};

#define VSHM_IOC_ATTACH		_IOW(0xb5, 0x01, struct vshm_attach)
#define VSHM_IOC_POLICY		_IOW(0xb5, 0x02, struct vshm_policy)

#endif /* _UAPI_LINUX_VSHM_H */
