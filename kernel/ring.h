/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ring: one sender, one receiver, possibly hostile to each other.
 *
 * struct vshm_ring lies in shared memory; the structures here are the private
 * view of each end. An end never reads back what it wrote, and what it reads
 * from the other is loaded once into the private view and checked.
 *
 * Barriers, each with its partner:
 *
 * sender                               receiver
 *   write data                           load @head           (acquire)
 *   store @head          (release)  ->   read data
 *
 *   load @tail           (acquire)  <-   store @tail          (release)
 *   overwrite data                       (after reading data)
 *
 *   store @head                          store @data_event
 *   virt_mb()                             virt_mb()
 *   load @data_event                     load @head
 *
 *   store @space_event                   store @tail
 *   virt_mb()                             virt_mb()
 *   load @tail, @next                    load @space_event
 *
 *   store @wait_head, @space_event       store @data_event
 *   virt_mb()                             virt_mb()
 *   load @data_event                     load @space_event, @wait_head
 *
 *   store next->head                     load @sender_flags   (acquire)
 *   store MOVED          (release)  ->   load @head again, next->head
 *
 *   load @next           (acquire)  <-   store @next          (release)
 *   use the next ring                    (after making its header)
 *
 * The other end may be another machine's: barriers are virt_*(), which a kernel
 * with one CPU keeps.
 *
 * The store-buffering pairs in the middle make sure that an end which goes to
 * sleep is seen by the other, or sees its news.
 *
 * Succession: a ring may announce the next one before the receiver has drained
 * those before it, so a receiver has a chain of rings, of which the sender uses
 * the last that it has seen. Indices continue from a ring to the next one, so
 * that head - tail is what lies in all of them, and the sender needs no look at
 * a ring that it left.
 *
 * This file and ring.c use nothing of the kernel but barriers and errnos.
 */
#ifndef _VSHM_RING_H
#define _VSHM_RING_H

#include <linux/errno.h>
#include <linux/types.h>
#include <linux/vshm_ring.h>
#include <asm/barrier.h>

/**
 * struct vshm_ring_mem - where a ring lies in this kernel's address space
 * @ring: header
 * @data: data area
 * @order: log2 of its size
 * @offset: what names the ring to the peer
 */
struct vshm_ring_mem {
	struct vshm_ring	*ring;
	u8			*data;
	u32			order;
	u64			offset;
};

/**
 * struct vshm_local_ring - header of a ring of loopback
 * @ring: what both ends share
 * @mem: where it is
 */
struct vshm_local_ring {
	struct vshm_ring	ring;
	struct vshm_ring_mem	mem;
};

/**
 * struct vshm_first_ring - the first ring of a connection on loopback
 * @head: header
 * @data: data area; those of others lie elsewhere
 *
 * The data area is not cleared: only this kernel reads it, and no further than was
 * written.
 */
struct vshm_first_ring {
	struct vshm_local_ring	head;
	u8			data[1UL << VSHM_RING_ORDER_MIN] __aligned(8);
};

/**
 * struct vshm_sender - private view of the end that writes
 * @mem: the peer's ring
 * @mask: size of the data area - 1
 * @head: bytes written
 * @tail: bytes consumed, as far as known; lags behind the ring's
 * @data: of @head, bytes of data in packets
 * @force: the receiver may wait on a ring that was left: notify it next time
 * @told: @head at which the receiver was told that the sender waits for space;
 *	its complement when that was in the hope for a larger ring
 */
struct vshm_sender {
	struct vshm_ring_mem	mem;
	u64			mask;
	u64			head;
	u64			tail;
	u64			data;
	bool			force;
	u64			told;
};

/* Rings that may succeed the first: each is larger than the one before. */
#define VSHM_RING_SUCCESSORS	4

/**
 * struct vshm_receiver - private view of the end that reads
 * @mem: the own ring that is being read
 * @next: the rings that will succeed it
 * @nr_next: how many there are
 * @mask: size of the data area - 1
 * @tail: bytes consumed
 * @head: bytes written, as far as known; lags behind the ring's
 * @data: of @tail, bytes of data in packets
 */
struct vshm_receiver {
	struct vshm_ring_mem	mem;
	struct vshm_ring_mem	next[VSHM_RING_SUCCESSORS];
	u32			nr_next;
	u64			mask;
	u64			tail;
	u64			head;
	u64			data;
};

void vshm_ring_init(const struct vshm_ring_mem *mem, u64 position);
void vshm_sender_init(struct vshm_sender *s, const struct vshm_ring_mem *mem);
void vshm_receiver_init(struct vshm_receiver *r,
			const struct vshm_ring_mem *mem);
void vshm_sender_move(struct vshm_sender *s, const struct vshm_ring_mem *mem);
u32 vshm_receiver_order(struct vshm_receiver *r);
void vshm_receiver_announce(struct vshm_receiver *r,
			    const struct vshm_ring_mem *mem);
bool vshm_receiver_move(struct vshm_receiver *r, struct vshm_ring_mem *old);
bool vshm_receiver_carry(struct vshm_receiver *r);
void vshm_receiver_shift(struct vshm_receiver *r, struct vshm_ring_mem *old);
void vshm_receiver_count(struct vshm_receiver *r, u64 n);
void vshm_receiver_watch(struct vshm_receiver *r);
bool vshm_receiver_awaited(const struct vshm_receiver *r, bool largest);
u64 vshm_receiver_queued(const struct vshm_receiver *r);
u64 vshm_receiver_data(const struct vshm_receiver *r);
void vshm_ring_copy(struct vshm_sender *s, const struct vshm_receiver *r,
		    u64 n);

/* Moving an index from old to new passes event when old <= event < new. */
static inline bool vshm_ring_passed(u64 event, u64 new, u64 old)
{
	return new - event - 1 < new - old;
}

/* Bytes that @s may write into a ring of which it fills at most @limit. */
static inline u64 vshm_sender_space(const struct vshm_sender *s, u64 limit)
{
	u64 used = s->head - s->tail;

	if (limit > s->mask + 1)
		limit = s->mask + 1;
	return used < limit ? limit - used : 0;
}

/* May @s write @n bytes, as far as it knows? */
static inline bool vshm_sender_fits(const struct vshm_sender *s, u64 limit,
				    u64 n)
{
	u64 used = s->head - s->tail + n;

	return used <= limit && used <= s->mask + 1;
}

/* Where the byte at @position is. */
static inline u8 *vshm_sender_at(const struct vshm_sender *s, u64 position)
{
	return s->mem.data + (position & s->mask);
}

static inline u8 *vshm_receiver_at(const struct vshm_receiver *r, u64 position)
{
	return r->mem.data + (position & r->mask);
}

/* Bytes from @position on that lie in one piece, at most @n. */
static inline u64 vshm_ring_piece(u64 mask, u64 position, u64 n)
{
	u64 piece = mask + 1 - (position & mask);

	return n < piece ? n : piece;
}

/**
 * vshm_sender_publish() - give bytes to the receiver
 * @s: sender
 * @n: bytes that were copied to the head
 *
 * Context: the caller owns @s.
 * Return: true when the receiver asked to be notified.
 */
static inline bool vshm_sender_publish(struct vshm_sender *s, u64 n)
{
	u64 old = s->head, new = old + n;

	WRITE_ONCE(s->head, new);
	/* pairs with the acquire in vshm_receiver_sync() */
	virt_store_release(&s->mem.ring->head, new);
	virt_mb(); /* the receiver's is in vshm_receiver_arm() */
	if (unlikely(s->force)) {
		s->force = false;
		return true;
	}
	return vshm_ring_passed(READ_ONCE(s->mem.ring->data_event), new, old);
}

/* Count the data of a packet that is published next. */
static inline void vshm_sender_count(struct vshm_sender *s, u64 n)
{
	WRITE_ONCE(s->data, s->data + n);
	WRITE_ONCE(s->mem.ring->packet_head, s->data);
}

/**
 * vshm_sender_arm() - ask to be notified of space
 * @s: sender
 * @want: bytes of space worth a notification, at most the size of the ring
 *
 * The caller looks for space and for a larger ring once more afterwards.
 */
static inline void vshm_sender_arm(struct vshm_sender *s, u64 want)
{
	/* tail >= head + want - size is enough, so passing one less is */
	WRITE_ONCE(s->mem.ring->space_event,
		   READ_ONCE(s->head) + want - (s->mask + 1) - 1);
	virt_mb(); /* the receiver's is in vshm_receiver_consume() */
}

bool vshm_sender_wait(struct vshm_sender *s, u64 want, bool larger);
bool vshm_receiver_consume_chain(struct vshm_receiver *r, u64 new, u64 old);

/**
 * vshm_receiver_consume() - give space back to the sender
 * @r: receiver
 * @n: bytes that were copied from the tail
 *
 * Context: the caller owns @r.
 * Return: true when the sender asked to be notified.
 */
static inline bool vshm_receiver_consume(struct vshm_receiver *r, u64 n)
{
	u64 old = r->tail, new = old + n;

	WRITE_ONCE(r->tail, new);
	if (unlikely(r->nr_next))
		return vshm_receiver_consume_chain(r, new, old);
	/* pairs with the acquire in vshm_sender_sync() */
	virt_store_release(&r->mem.ring->tail, new);
	virt_mb(); /* the sender's is in vshm_sender_arm() */
	return vshm_ring_passed(READ_ONCE(r->mem.ring->space_event), new, old);
}

/**
 * vshm_receiver_arm() - ask to be notified of data
 * @r: receiver
 * @position: notify when the head passes this
 *
 * The caller looks at vshm_receiver_pending() once more afterwards.
 */
static inline void vshm_receiver_arm(struct vshm_receiver *r, u64 position)
{
	WRITE_ONCE(r->mem.ring->data_event, position);
	virt_mb(); /* the sender's is in vshm_sender_publish() */
}

/**
 * vshm_receiver_pending() - look, without taking, for anything to read
 * @r: receiver
 *
 * Context: any; no checks are made and nothing may be concluded but that it is
 * worth a call of vshm_receiver_sync().
 * Return: number of bytes in this ring, and one more when the sender moved on.
 */
static inline u64 vshm_receiver_pending(const struct vshm_receiver *r)
{
	u64 n = READ_ONCE(r->mem.ring->head) - READ_ONCE(r->tail);

	if (r->nr_next &&
	    READ_ONCE(r->mem.ring->sender_flags) & VSHM_RING_MOVED)
		n++;
	return n;
}

/**
 * vshm_sender_sync() - see what the receiver has consumed
 * @s: sender
 *
 * Context: the caller owns @s.
 * Return: 0, or -EPROTO when the index is not one that an honest receiver
 * could have written.
 */
static inline int vshm_sender_sync(struct vshm_sender *s)
{
	/* pairs with the release in vshm_receiver_consume() */
	u64 tail = virt_load_acquire(&s->mem.ring->tail);

	if (s->head - tail > s->head - s->tail)
		return -EPROTO;
	s->tail = tail;
	return 0;
}

/**
 * vshm_receiver_sync() - see what the sender has published
 * @r: receiver
 *
 * Context: the caller owns @r.
 * Return: 0, or -EPROTO when the index is not one that an honest sender could
 * have written.
 */
static inline int vshm_receiver_sync(struct vshm_receiver *r)
{
	/* pairs with the release in vshm_sender_publish() */
	u64 head = virt_load_acquire(&r->mem.ring->head);

	if (head - r->tail > r->mask + 1 || head - r->tail < r->head - r->tail)
		return -EPROTO;
	r->head = head;
	return 0;
}

#endif /* _VSHM_RING_H */
