/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The wire format of vshm: everything that lies in the shared memory of a link.
 *
 * A link joins two endpoints through one region:
 *
 *   0            page 0: struct vshm_region, written by the creator
 *   4096         side 0: struct vshm_side, control ring, heap
 *   size / 2     side 1: the same
 *   size
 *
 * A side allocates only from its own half, and its peer only writes where the
 * side told it to: the side owns the rings that its peer fills. All numbers
 * are little-endian and naturally aligned, on 64-bit machines only; offsets count from the start of
 * the region. What the other side wrote is read once, checked, then used.
 */
#ifndef _UAPI_LINUX_VSHM_RING_H
#define _UAPI_LINUX_VSHM_RING_H

#include <linux/types.h>

#define VSHM_MAGIC		0x004d485356ULL	/* "VSHM" */
#define VSHM_VERSION		1
#define VSHM_PAGE		4096		/* of the format, on any machine */

#define VSHM_REGION_MIN		(1ULL << 20)
#define VSHM_REGION_MAX		(1ULL << 40)

/**
 * struct vshm_region - first page of a region; writer: the creator
 * @magic: VSHM_MAGIC, written last
 * @version: VSHM_VERSION
 * @reserved1: 0
 * @size: bytes in the region, a power of two, VSHM_REGION_MIN to _MAX
 * @features: optional features that both sides may use; none are defined
 * @cid: context IDs of side 0 and side 1
 * @reserved2: 0
 */
struct vshm_region {
	__u64	magic;
	__u32	version;
	__u32	reserved1;
	__u64	size;
	__u64	features;
	__u32	cid[2];
	__u8	reserved2[24];
};

/**
 * struct vshm_ring - header of a ring; the receiver owns the ring
 * @head: bytes ever written; writer: sender
 * @space_event: the sender wants a notification once @tail passes it;
 *	writer: sender
 * @sender_flags: VSHM_RING_MOVED; writer: sender
 * @packet_head: of @head, bytes of data in packets; writer: sender
 * @wait_head: @head at which the sender waited for space, in a ring as large as
 *	it will use; writer: sender, before @space_event
 * @tail: bytes ever consumed; writer: receiver
 * @data_event: the receiver wants a notification once @head passes it;
 *	writer: receiver
 * @next: offset of the larger ring that succeeds this one, or 0;
 *	writer: receiver
 * @next_order: log2 of the size of its data area; writer: receiver, before
 *	@next
 * @packet_tail: of @tail, bytes of data in packets; writer: receiver
 * @reserved1: 0
 * @reserved2: 0
 * @reserved3: 0
 * @reserved4: 0
 *
 * Indices run free, at position @head % size. The data area has a power of
 * two of bytes. It follows the header's page; one of less than a page is the
 * end of the header's page itself. "Passes" is that of virtio's event index:
 * moving from old to new passes event when old <= event < new.
 */
struct vshm_ring {
	/* the sender's cache line */
	__u64	head;
	__u64	space_event;
	__u32	sender_flags;
	__u32	reserved1;
	__u64	packet_head;
	__u64	wait_head;
	__u8	reserved2[24];
	/* the receiver's cache line */
	__u64	tail;
	__u64	data_event;
	__u64	next;
	__u32	next_order;
	__u32	reserved3;
	__u64	packet_tail;
	__u8	reserved4[24];
};

/* The sender writes to the next ring; @head of this one is final. */
#define VSHM_RING_MOVED		(1U << 0)

#define VSHM_RING_ORDER_MIN	11		/* in the header's page */
#define VSHM_RING_ORDER_MAX	24

/* Bytes before the data area, counted from the header, and of both. */
#define VSHM_RING_DATA(order) \
	((order) < 12 ? VSHM_PAGE - (1UL << (order)) : VSHM_PAGE)
#define VSHM_RING_BYTES(order)	(VSHM_RING_DATA(order) + (1UL << (order)))

/**
 * struct vshm_packet - header of a packet in a ring of a SOCK_SEQPACKET socket;
 *	writer: sender
 * @len: bytes of data, which follow
 * @flags: VSHM_PACKET_EOR
 *
 * A packet starts at a multiple of 8 and lies in one ring as a whole.
 */
struct vshm_packet {
	__u32	len;
	__u32	flags;
};

/* The sender marked the end of a record. */
#define VSHM_PACKET_EOR		(1U << 0)

/* Bytes of the ring that a packet takes. */
#define VSHM_PACKET_BYTES(len) \
	((sizeof(struct vshm_packet) + (__u64)(len) + 7) & ~7ULL)

/**
 * struct vshm_datagram - header of a datagram in a datagram ring; writer:
 *	sender
 * @len: bytes of data, which follow, at most VSHM_DATAGRAM_MAX
 * @reserved1: 0
 * @src_cid: address of the socket that sent it
 * @src_port: the same
 * @dst_cid: address of the socket that it is for
 * @dst_port: the same
 * @reserved2: 0
 *
 * A datagram starts at a multiple of the header's size, so the header lies in
 * one piece, and is published as a whole.
 */
struct vshm_datagram {
	__u32	len;
	__u32	reserved1;
	__u32	src_cid;
	__u32	src_port;
	__u32	dst_cid;
	__u32	dst_port;
	__u64	reserved2;
};

/* Bytes of the ring that a datagram takes. */
#define VSHM_DATAGRAM_BYTES(len) \
	((2 * sizeof(struct vshm_datagram) + (__u64)(len) - 1) & \
	 ~(__u64)(sizeof(struct vshm_datagram) - 1))

/* The smallest datagram ring holds the largest datagram. */
#define VSHM_DATAGRAM_ORDER_MIN	16
#define VSHM_DATAGRAM_MAX \
	((1U << VSHM_DATAGRAM_ORDER_MIN) - sizeof(struct vshm_datagram))

/*
 * News: which connections of the owner have something to look at, two bits
 * for each of its slots, in two levels. The peer sets the bit in @news, then
 * that word's bit in @summary, and rings the doorbell only when that bit was
 * clear, too: otherwise the owner is about to look, or looking. The owner
 * clears a summary word before it clears and reads the words below. Slot 0
 * stands for the control ring and the datagram ring.
 */
#define VSHM_SLOTS		4096
#define VSHM_NEWS_DATA		0
#define VSHM_NEWS_SPACE		1
#define VSHM_NEWS_BIT(slot, kind)	((slot) * 2 + (kind))
#define VSHM_NEWS_WORDS		(VSHM_SLOTS * 2 / 64)
#define VSHM_SUMMARY_WORDS	(VSHM_NEWS_WORDS / 64)

/**
 * struct vshm_side - start of each half
 * @epoch: low half: the owner's epoch, odd while it is attached, even when it
 *	is gone; high half: the peer's epoch that the owner acknowledges, or 0;
 *	writer: the owner, and the creator on behalf of an owner that died;
 *	an owner that finds the control ring broken starts a new epoch
 * @dgram_ring: offset of the datagram ring towards the owner, or 0 when it
 *	takes no datagrams; writer: the owner, before it acknowledges an epoch
 * @dgram_order: log2 of the size of its data area, from
 *	VSHM_DATAGRAM_ORDER_MIN to VSHM_RING_ORDER_MAX; writer: the owner
 * @reserved1: 0
 * @summary: see News; both write, with atomic operations
 * @reserved2: 0
 * @news: see News; both write, with atomic operations
 * @control: header of the control ring towards the owner, see &struct vshm_ring
 *
 * The control ring's data area is VSHM_CONTROL_BYTES at VSHM_PAGE from here,
 * and the heap follows it up to the end of the half.
 *
 * Epochs: a side that attaches makes its epoch the next odd number, other than
 * one that the peer still acknowledges, and acknowledges 0, in one store. A side
 * acknowledges the other's epoch when it is odd and not yet acknowledged, and
 * the other acknowledges 0 or its own epoch (so nobody still writes to its half
 * on behalf of an earlier epoch); before it does, it resets every connection,
 * has no copy in flight, and makes its own half empty. The link is up when each
 * side acknowledges the other's current epoch.
 */
struct vshm_side {
	__u64	epoch;
	__u64	dgram_ring;
	__u32	dgram_order;
	__u8	reserved1[44];
	__u64	summary[VSHM_SUMMARY_WORDS];
	__u8	reserved2[48];
	__u64	news[VSHM_NEWS_WORDS];
	struct vshm_ring control;
};

#define VSHM_EPOCH(epoch, ack)	((__u64)(ack) << 32 | (__u32)(epoch))
#define VSHM_EPOCH_OWN(word)	((__u32)(word))
#define VSHM_EPOCH_ACK(word)	((__u32)((word) >> 32))

#define VSHM_CONTROL_ORDER	15
#define VSHM_CONTROL_BYTES	(1UL << VSHM_CONTROL_ORDER)
#define VSHM_SIDE_BYTES		(VSHM_PAGE + VSHM_CONTROL_BYTES)

/* Offset of a side in its region. */
#define VSHM_SIDE_OFFSET(side, size)	((side) ? (size) / 2 : VSHM_PAGE)

/**
 * enum vshm_op - what a control record says
 * @VSHM_OP_REQUEST: connect; answered by a response or a reset
 * @VSHM_OP_RESPONSE: the connection is accepted
 * @VSHM_OP_GROW: the sender found the receiver's ring full, or too small for a
 *	packet, and asks for a larger one, which the receiver announces in
 *	vshm_ring.next, if it will
 * @VSHM_OP_SHUTDOWN: directions that the sender closes, in @how
 * @VSHM_OP_RESET: the last record of the sender for this connection, after
 *	which it touches the receiver's ring no more; @reason is 0 for an
 *	orderly close. The receiver answers with its own, unless it has sent it
 *	already, and a slot is free again once both are said. A reset without
 *	src_slot refuses a request, or a response that came too late, and is
 *	not answered.
 */
enum vshm_op {
	VSHM_OP_REQUEST		= 1,
	VSHM_OP_RESPONSE	= 2,
	VSHM_OP_GROW		= 3,
	VSHM_OP_SHUTDOWN	= 4,
	VSHM_OP_RESET		= 5,
};

/* vshm_record.how: the sender of the record will send, receive no more. */
#define VSHM_HOW_SEND		(1U << 0)
#define VSHM_HOW_RECEIVE	(1U << 1)

/* vshm_record.flags: the socket is in non-blocking mode. */
#define VSHM_RECORD_NONBLOCK	(1U << 0)

/**
 * struct vshm_record - control record; writer: its sender
 * @op: &enum vshm_op
 * @how: shutdown: VSHM_HOW_*
 * @reason: reset: 0, or the errno (Linux, x86 numbering) that the socket gets
 * @src_slot: slot of the connection at the sender
 * @src_gen: generation of that slot
 * @dst_slot: slot at the receiver; 0 in a request
 * @dst_gen: generation of that slot
 * @src_cid: request, response: address of the sender's socket
 * @src_port: the same
 * @dst_cid: request, response: address of the receiver's socket
 * @dst_port: the same
 * @ring: request, response: offset of the ring that the sender receives from
 * @ring_order: log2 of the size of its data area
 * @flags: request, response: VSHM_RECORD_*
 * @socket_id: request, response: unique ID of the sender's socket
 * @type: request, response: SOCK_STREAM, ... of the sender's socket
 * @protocol: the same, its protocol
 * @family: the same, its family number
 * @ring_limit: request, response: log2 of the largest ring that the sender of
 *	the record will receive from, which bounds a packet
 * @options: request, response: &enum vshm_option of the sender's socket
 * @reserved2: 0
 */
struct vshm_record {
	__u16	op;
	__u16	how;
	__u32	reason;
	__u32	src_slot;
	__u32	src_gen;
	__u32	dst_slot;
	__u32	dst_gen;
	__u32	src_cid;
	__u32	src_port;
	__u32	dst_cid;
	__u32	dst_port;
	__u64	ring;
	__u32	ring_order;
	__u32	flags;
	__u64	socket_id;
	__u16	type;
	__u16	protocol;
	__u16	family;
	__u16	ring_limit;
	__u32	options;
	__u8	reserved2[52];
};

#endif /* _UAPI_LINUX_VSHM_RING_H */
