// SPDX-License-Identifier: GPL-2.0
/*
 * The ring: making one, following the other end, moving to a larger one.
 *
 * The contract between the two ends, barriers included, is in ring.h.
 */
#include <linux/string.h>

#include "ring.h"

/**
 * vshm_ring_init() - make an empty ring
 * @mem: where
 * @position: what its indices start from
 *
 * The data area is left alone: whoever allocates it clears it.
 * Context: any; the peer does not know of the ring yet.
 */
void vshm_ring_init(const struct vshm_ring_mem *mem, u64 position)
{
	struct vshm_ring *ring = mem->ring;

	memset(ring, 0, sizeof(*ring));
	ring->head = position;
	ring->tail = position;
	/* behind us: not asked for */
	ring->space_event = position - 1;
	/* somebody may watch the socket already */
	ring->data_event = position;
}

/**
 * vshm_sender_init() - start to write to a new ring
 * @s: sender
 * @mem: the peer's ring, freshly made
 */
void vshm_sender_init(struct vshm_sender *s, const struct vshm_ring_mem *mem)
{
	memset(s, 0, sizeof(*s));
	s->mem = *mem;
	s->mask = (1ULL << mem->order) - 1;
}

/**
 * vshm_receiver_init() - start to read from a new ring
 * @r: receiver
 * @mem: the own ring, freshly made
 */
void vshm_receiver_init(struct vshm_receiver *r,
			const struct vshm_ring_mem *mem)
{
	memset(r, 0, sizeof(*r));
	r->mem = *mem;
	r->mask = (1ULL << mem->order) - 1;
}

/**
 * vshm_sender_move() - leave the ring for its successor
 * @s: sender
 * @mem: the ring that the receiver announced, checked to be larger
 *
 * Context: the caller owns @s.
 */
void vshm_sender_move(struct vshm_sender *s, const struct vshm_ring_mem *mem)
{
	struct vshm_ring *old = s->mem.ring;

	s->mem = *mem;
	s->mask = (1ULL << mem->order) - 1;
	s->force = true;
	s->told = s->head - 1;
	WRITE_ONCE(mem->ring->head, s->head);
	WRITE_ONCE(mem->ring->packet_head, s->data);
	/* pairs with the acquire in vshm_receiver_move() */
	virt_store_release(&old->sender_flags, VSHM_RING_MOVED);
}

/**
 * vshm_sender_wait() - ask for space, which only the receiver can give
 * @s: sender
 * @want: as in vshm_sender_arm()
 * @larger: the receiver has been asked for a larger ring
 *
 * A receiver that waits for more than lies in the ring must know that no more
 * will come, or both wait for ever. The caller looks for space once more
 * afterwards.
 * Context: nobody else arms @s or moves it to another ring meanwhile.
 * Return: true when the receiver waits, and was not notified of this yet.
 */
bool vshm_sender_wait(struct vshm_sender *s, u64 want, bool larger)
{
	u64 head = READ_ONCE(s->head);
	u64 mark = larger ? ~head : head;

	if (!larger)
		WRITE_ONCE(s->mem.ring->wait_head, head);
	/* its barrier is paired with that in vshm_receiver_watch() */
	vshm_sender_arm(s, want);
	if (s->told == mark ||
	    (s64)(READ_ONCE(s->mem.ring->data_event) - head) < 0)
		return false;
	s->told = mark;
	return true;
}

/* The ring that the sender is told to use. */
static struct vshm_ring_mem *vshm_receiver_last(struct vshm_receiver *r)
{
	return r->nr_next ? &r->next[r->nr_next - 1] : &r->mem;
}

/**
 * vshm_receiver_order() - size of the largest ring that was announced
 * @r: receiver
 *
 * Return: log2 of the size of its data area, or U32_MAX when no more rings can
 * be announced.
 */
u32 vshm_receiver_order(struct vshm_receiver *r)
{
	if (r->nr_next == VSHM_RING_SUCCESSORS)
		return U32_MAX;
	return vshm_receiver_last(r)->order;
}

/**
 * vshm_receiver_announce() - offer a larger ring to the sender
 * @r: receiver
 * @mem: memory of the ring, larger than vshm_receiver_order()
 *
 * Context: the caller owns @r. The sender is to be notified of space.
 */
void vshm_receiver_announce(struct vshm_receiver *r,
			    const struct vshm_ring_mem *mem)
{
	struct vshm_ring *last = vshm_receiver_last(r)->ring;

	vshm_ring_init(mem, r->tail);
	mem->ring->packet_tail = r->data;
	r->next[r->nr_next++] = *mem;
	WRITE_ONCE(last->next_order, mem->order);
	/* pairs with the acquire of the sender who follows */
	virt_store_release(&last->next, mem->offset);
}

/**
 * vshm_receiver_consume_chain() - vshm_receiver_consume() with several rings
 * @r: receiver, its tail already moved
 * @new: its tail
 * @old: its tail before
 *
 * The sender may look at any of the rings. It moves to later ones only, so they
 * are told first, and it never sees the tail go back.
 * Context: the caller owns @r.
 * Return: true when the sender asked to be notified.
 */
bool vshm_receiver_consume_chain(struct vshm_receiver *r, u64 new, u64 old)
{
	bool notify;
	u32 i;

	/* each pairs with the acquire in vshm_sender_sync() */
	for (i = r->nr_next; i--;)
		virt_store_release(&r->next[i].ring->tail, new); /* see above */
	virt_store_release(&r->mem.ring->tail, new); /* see above */
	virt_mb(); /* the sender's is in vshm_sender_arm() */
	notify = vshm_ring_passed(READ_ONCE(r->mem.ring->space_event), new,
				  old);
	for (i = 0; i < r->nr_next; i++) {
		u64 event = READ_ONCE(r->next[i].ring->space_event);

		notify |= vshm_ring_passed(event, new, old);
	}
	return notify;
}

/* Has the sender left the ring for its successor? Its head is final then. */
static bool vshm_receiver_left(const struct vshm_receiver *r)
{
	/* pairs with the release in vshm_sender_move() */
	return r->nr_next && (virt_load_acquire(&r->mem.ring->sender_flags) &
			      VSHM_RING_MOVED);
}

/**
 * vshm_receiver_shift() - go on with the next ring
 * @r: receiver that has a next ring, in which all that is unread lies
 * @old: takes the ring that was left, for the caller to free
 *
 * Context: the caller owns @r.
 */
void vshm_receiver_shift(struct vshm_receiver *r, struct vshm_ring_mem *old)
{
	*old = r->mem;
	r->mem = r->next[0];
	r->mask = (1ULL << r->mem.order) - 1;
	r->nr_next--;
	memmove(&r->next[0], &r->next[1], r->nr_next * sizeof(r->next[0]));
}

/**
 * vshm_receiver_move() - follow the sender to the next ring
 * @r: receiver that has found its ring empty
 * @old: takes the ring that was left, for the caller to free
 *
 * Context: the caller owns @r.
 * Return: true when there is another ring to look at now.
 */
bool vshm_receiver_move(struct vshm_receiver *r, struct vshm_ring_mem *old)
{
	if (!vshm_receiver_left(r))
		return false;
	/* bytes published before the sender left come first */
	if (READ_ONCE(r->mem.ring->head) != r->tail)
		return false;
	vshm_receiver_shift(r, old);
	return true;
}

/**
 * vshm_receiver_carry() - copy what is unread to the next ring
 * @r: receiver that wants to see what lies there without reading first
 *
 * Indices go on from a ring to the next, which is larger, and what is unread
 * fits it: so these positions are not the sender's to use.
 * Context: the caller owns @r.
 * Return: true when vshm_receiver_shift() is to follow.
 */
bool vshm_receiver_carry(struct vshm_receiver *r)
{
	struct vshm_sender next = { };
	u64 n;

	if (!vshm_receiver_left(r))
		return false;
	n = READ_ONCE(r->mem.ring->head) - r->tail;
	if (n > r->mask + 1)
		return false;
	next.mem = r->next[0];
	next.mask = (1ULL << next.mem.order) - 1;
	next.head = r->tail;
	vshm_ring_copy(&next, r, n);
	return true;
}

/**
 * vshm_receiver_count() - count the data of a packet that is consumed next
 * @r: receiver
 * @n: bytes of data
 *
 * Context: the caller owns @r.
 */
void vshm_receiver_count(struct vshm_receiver *r, u64 n)
{
	u32 i;

	WRITE_ONCE(r->data, r->data + n);
	WRITE_ONCE(r->mem.ring->packet_tail, r->data);
	for (i = 0; i < r->nr_next; i++)
		WRITE_ONCE(r->next[i].ring->packet_tail, r->data);
}

/* The ring that the sender writes to. */
static const struct vshm_ring_mem *
vshm_receiver_current(const struct vshm_receiver *r)
{
	const struct vshm_ring_mem *mem = &r->mem;
	u32 i;

	for (i = 0; i < r->nr_next; i++) {
		/* pairs with the release in vshm_sender_move() */
		if (!(virt_load_acquire(&mem->ring->sender_flags) &
		      VSHM_RING_MOVED))
			break;
		mem = &r->next[i];
	}
	return mem;
}

/**
 * vshm_receiver_watch() - ask to be notified of whatever comes next
 * @r: receiver
 *
 * The sender may have gone on to a later ring than the one that is read, and
 * looks at the event index there. What it puts into a ring that it goes on to
 * after this notifies anyway, see vshm_sender.force. The caller looks at
 * vshm_receiver_queued() once more afterwards.
 * Context: nobody moves @r to another ring meanwhile.
 */
void vshm_receiver_watch(struct vshm_receiver *r)
{
	struct vshm_ring *ring = vshm_receiver_current(r)->ring;

	WRITE_ONCE(ring->data_event, READ_ONCE(ring->head));
	virt_mb(); /* the sender's is in vshm_sender_publish() */
}

/**
 * vshm_receiver_awaited() - does the sender wait for bytes to be consumed?
 * @r: receiver
 * @largest: the sender gets no larger ring than the last that was announced,
 *	whether or not it hopes for one
 *
 * A sender that lies is one that waits, or one that does not.
 * Context: nobody moves @r to another ring meanwhile.
 * Return: true if nothing more will come before that.
 */
bool vshm_receiver_awaited(const struct vshm_receiver *r, bool largest)
{
	const struct vshm_ring_mem *mem = vshm_receiver_current(r);
	const struct vshm_ring *ring = mem->ring;

	/* it goes on to what was announced */
	if (r->nr_next && mem != &r->next[r->nr_next - 1])
		largest = false;
	return (s64)(READ_ONCE(ring->space_event) - READ_ONCE(r->tail)) >= 0 &&
	       (largest ||
		READ_ONCE(ring->wait_head) == READ_ONCE(ring->head));
}

/**
 * vshm_receiver_queued() - bytes to be read, in all rings
 * @r: receiver
 *
 * Context: nobody moves @r to another ring meanwhile.
 * Return: the number, bounded by what the rings hold.
 */
u64 vshm_receiver_queued(const struct vshm_receiver *r)
{
	const struct vshm_ring_mem *mem = vshm_receiver_current(r);
	u64 max = 1ULL << mem->order;
	u64 n = READ_ONCE(mem->ring->head) - READ_ONCE(r->tail);

	return n < max ? n : max;
}

/**
 * vshm_receiver_data() - bytes of data in the packets to be read
 * @r: receiver
 *
 * Context: nobody moves @r to another ring meanwhile.
 * Return: the number, bounded by vshm_receiver_queued().
 */
u64 vshm_receiver_data(const struct vshm_receiver *r)
{
	const struct vshm_ring_mem *mem = vshm_receiver_current(r);
	u64 max = vshm_receiver_queued(r);
	u64 n = READ_ONCE(mem->ring->packet_head) - READ_ONCE(r->data);

	return n < max ? n : max;
}

/**
 * vshm_ring_copy() - copy bytes from one ring to another
 * @s: sender with space for @n bytes
 * @r: receiver that has them
 * @n: how many
 *
 * Neither index is moved.
 * Context: the caller owns both.
 */
void vshm_ring_copy(struct vshm_sender *s, const struct vshm_receiver *r,
		    u64 n)
{
	u64 head = s->head, tail = r->tail, piece;

	for (; n; n -= piece) {
		piece = vshm_ring_piece(s->mask, head, n);
		piece = vshm_ring_piece(r->mask, tail, piece);
		memcpy(vshm_sender_at(s, head), vshm_receiver_at(r, tail),
		       piece);
		head += piece;
		tail += piece;
	}
}
