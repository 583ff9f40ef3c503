// SPDX-License-Identifier: GPL-2.0
/*
 * A link through a region of shared memory, and a doorbell to its other end.
 *
 * Outgoing records wait in a list of connections that have something to say,
 * each with a bit for each kind of record, and in a bit map of refusals that
 * are owed, one for each slot of the peer: so nothing is allocated to send, a
 * peer that does not read stops nothing but itself, and reading never waits for
 * writing. The list is flushed by whoever adds to it and when the peer made
 * room.
 *
 * One work item does all that is not the data path of connections: it follows
 * epochs, receives records and datagrams, and flushes. So records are received
 * one at a time and never while the connections of the link are being killed.
 *
 * Barriers, each with its partner at the other side:
 *
 *   publish (ring.h)                     clear summary word   (xchg)
 *   set news bit         (full)          clear news word      (xchg)
 *   set summary bit      (full)          look at the rings
 *   ring if it was clear
 *
 *   make the half empty                  load epoch word      (acquire)
 *   store epoch word     (release)  ->   use the half
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <asm/sync_bitops.h>

#include "dgram.h"
#include "heap.h"
#include "region.h"
#include "trace.h"
#include "vshm.h"

/* How often to look again while a peer is there but the link is not up. */
#define VSHM_REGION_RETRY	(HZ / 4)

/* Records received, or sent, before other work gets its turn. */
#define VSHM_REGION_BUDGET	256

/* A refusal that is owed to a slot of the peer. */
struct vshm_owed {
	u32 gen;
	u32 err;
};

/**
 * struct vshm_region_link - a link through a region
 * @link: what all links have
 * @config: how it was attached
 * @size: bytes in the region, as the header said when it was attached
 * @own_side: 0 or 1
 * @own: start of the own half
 * @peer: start of the peer's half
 * @heap: memory for rings, in the own half
 * @work: follows epochs, receives records, flushes
 * @epoch: own epoch; work
 * @acked: the peer's epoch that we acknowledge, or 0; work
 * @peer_word: the peer's epoch word when @work last looked
 * @ready: both sides acknowledge each other; work
 * @closing: being detached: nothing is left to do for @work
 * @broken: the peer broke the protocol of the control ring or of a datagram
 *	ring: start anew
 * @post_lock: guards the members up to @refusals
 * @sending: the outgoing control ring may be used
 * @posts: connections that have something to say
 * @control_tx: outgoing control ring
 * @owed: bit map of refusals that are owed, by slot of the peer
 * @refusals: what is owed, by slot of the peer
 * @control_rx: incoming control ring; work
 * @rung: doorbells sent
 * @heard: doorbells received
 * @quiet: notifications that needed no doorbell
 */
struct vshm_region_link {
	struct vshm_link		link;
	struct vshm_region_config	config;
	u64				size;
	unsigned int			own_side;
	struct vshm_side		*own;
	struct vshm_side		*peer;
	struct gen_pool			*heap;
	struct delayed_work		work;
	u32				epoch;
	u32				acked;
	u64				peer_word;
	bool				ready;
	bool				closing;
	bool				broken;

	spinlock_t			post_lock;
	bool				sending;
	struct list_head		posts;
	struct vshm_sender		control_tx;
	unsigned long			*owed;
	struct vshm_owed		*refusals;

	struct vshm_receiver		control_rx;
	atomic_long_t			rung;
	atomic_long_t			heard;
	atomic_long_t			quiet;
};

static struct vshm_region_link *vshm_region(struct vshm_link *link)
{
	return container_of(link, struct vshm_region_link, link);
}

static void vshm_region_ring(struct vshm_region_link *rl)
{
	atomic_long_inc(&rl->rung);
	rl->config.doorbell(rl->config.priv, rl->link.peer_cid);
}

static void vshm_region_kick(struct vshm_region_link *rl)
{
	mod_delayed_work(system_dfl_wq, &rl->work, 0);
}

/* Tell the peer that one of its slots has news. */
static void vshm_region_news(struct vshm_region_link *rl, u32 slot,
			     unsigned int kind)
{
	u32 bit = VSHM_NEWS_BIT(slot, kind);
	bool ring;

	/*
	 * Both are full barriers, and atomic even in a kernel that has one CPU:
	 * the peer has others.
	 */
	ring = !sync_test_and_set_bit(bit, (unsigned long *)rl->peer->news) &&
	       !sync_test_and_set_bit(bit / 64,
				      (unsigned long *)rl->peer->summary);
	trace_vshm_doorbell(&rl->link, slot, kind, ring);
	if (ring)
		vshm_region_ring(rl);
	else
		atomic_long_inc(&rl->quiet);
}

static void vshm_region_notify(struct vshm_conn *conn, unsigned int kind)
{
	vshm_region_news(vshm_region(conn->link), conn->peer_slot, kind);
}

static void vshm_region_notify_datagrams(struct vshm_link *link,
					 unsigned int kind)
{
	vshm_region_news(vshm_region(link), 0, kind);
}

/* Rings */

static void vshm_region_map(struct vshm_region_link *rl,
			    struct vshm_ring_mem *mem)
{
	mem->ring = rl->config.base + mem->offset;
	mem->data = (u8 *)mem->ring + VSHM_RING_DATA(mem->order);
}

static int vshm_region_alloc(struct vshm_conn *conn, struct vshm_ring_mem *mem)
{
	struct vshm_region_link *rl = vshm_region(conn->link);

	mem->offset = vshm_heap_alloc(rl->heap, mem->order);
	if (!mem->offset)
		return -ENOBUFS;
	vshm_region_map(rl, mem);
	memset(mem->ring, 0, VSHM_RING_BYTES(mem->order));
	return 0;
}

static void vshm_region_free(struct vshm_link *link,
			     const struct vshm_ring_mem *mem)
{
	vshm_heap_free(vshm_region(link)->heap, mem->offset, mem->order);
}

/* Offsets where the heap of a side starts and ends. */
static u64 vshm_region_heap_start(const struct vshm_region_link *rl,
				  unsigned int side)
{
	return VSHM_SIDE_OFFSET(side, rl->size) + VSHM_SIDE_BYTES;
}

static u64 vshm_region_heap_end(const struct vshm_region_link *rl,
				unsigned int side)
{
	return side ? rl->size : rl->size / 2;
}

/* Offset of the own datagram ring, which has the last bytes of the half. */
static u64 vshm_region_datagrams(const struct vshm_region_link *rl)
{
	return vshm_region_heap_end(rl, rl->own_side) -
	       VSHM_RING_BYTES(vshm_datagrams_order(rl->size));
}

static int vshm_region_peer_ring(struct vshm_link *link,
				 struct vshm_ring_mem *mem)
{
	struct vshm_region_link *rl = vshm_region(link);
	u64 start = vshm_region_heap_start(rl, !rl->own_side);
	u64 end = vshm_region_heap_end(rl, !rl->own_side);
	u64 bytes = VSHM_RING_BYTES(mem->order);

	if (mem->offset % VSHM_PAGE || mem->offset < start ||
	    bytes > end - start || mem->offset > end - bytes)
		return -EPROTO;
	vshm_region_map(rl, mem);
	return 0;
}

/* Outgoing records */

static bool vshm_region_room(struct vshm_region_link *rl)
{
	struct vshm_sender *s = &rl->control_tx;

	if (vshm_sender_space(s, VSHM_CONTROL_BYTES))
		return true;
	vshm_sender_arm(s, VSHM_CONTROL_BYTES / 2);
	if (vshm_sender_sync(s) || s->tail % sizeof(struct vshm_record)) {
		WRITE_ONCE(rl->broken, true);
		vshm_region_kick(rl);
		return false;
	}
	return vshm_sender_space(s, VSHM_CONTROL_BYTES);
}

static void vshm_region_send(struct vshm_region_link *rl,
			     const struct vshm_record *rec)
{
	struct vshm_sender *s = &rl->control_tx;

	memcpy(vshm_sender_at(s, s->head), rec, sizeof(*rec));
	if (vshm_sender_publish(s, sizeof(*rec)))
		vshm_region_news(rl, 0, VSHM_NEWS_DATA);
}

/* Say what a connection has to say; false when there is no room for it. */
static bool vshm_region_flush_conn(struct vshm_region_link *rl,
				   struct vshm_conn *conn, int *budget)
{
	struct vshm_record rec;

	for (;;) {
		if (--*budget < 0 || !vshm_region_room(rl))
			return false;
		if (!vshm_record_compose(conn, &rec))
			return true;
		vshm_region_send(rl, &rec);
	}
}

/*
 * Send what waits, as far as there is room; post_lock is held. A peer that makes
 * room all the time must not keep a CPU: @work does what is too much for now.
 */
static void vshm_region_flush(struct vshm_region_link *rl)
{
	int budget = VSHM_REGION_BUDGET;
	struct vshm_conn *conn, *tmp;
	struct vshm_record rec, to = { };
	u32 slot;

	if (!rl->sending)
		return;
	for_each_set_bit(slot, rl->owed, VSHM_SLOTS) {
		if (--budget < 0 || !vshm_region_room(rl))
			goto out;
		__clear_bit(slot, rl->owed);
		to.src_slot = slot;
		to.src_gen = rl->refusals[slot].gen;
		vshm_record_refuse(&to, rl->refusals[slot].err, &rec);
		vshm_region_send(rl, &rec);
	}
	list_for_each_entry_safe(conn, tmp, &rl->posts, post_node) {
		if (!vshm_region_flush_conn(rl, conn, &budget))
			goto out;
		list_del_init(&conn->post_node);
		vshm_conn_finish(conn);
		vshm_conn_put(conn);
	}
out:
	if (budget < 0)
		vshm_region_kick(rl);
}

static void vshm_region_post(struct vshm_conn *conn)
{
	struct vshm_region_link *rl = vshm_region(conn->link);

	spin_lock(&rl->post_lock);
	if (rl->sending) {
		if (list_empty(&conn->post_node)) {
			refcount_inc(&conn->refs);
			list_add_tail(&conn->post_node, &rl->posts);
		}
		vshm_region_flush(rl);
	}
	spin_unlock(&rl->post_lock);
}

static void vshm_region_refuse(struct vshm_link *link,
			       const struct vshm_record *rec, int err)
{
	struct vshm_region_link *rl = vshm_region(link);

	if (rec->src_slot >= VSHM_SLOTS)
		return;
	spin_lock(&rl->post_lock);
	rl->refusals[rec->src_slot].gen = rec->src_gen;
	rl->refusals[rec->src_slot].err = err;
	__set_bit(rec->src_slot, rl->owed);
	vshm_region_flush(rl);
	spin_unlock(&rl->post_lock);
}

/* Incoming records */

static void vshm_region_receive(struct vshm_region_link *rl)
{
	struct vshm_receiver *r = &rl->control_rx;
	struct vshm_record rec;
	int budget;

	for (budget = VSHM_REGION_BUDGET; budget; budget--) {
		if (vshm_receiver_sync(r) ||
		    (r->head - r->tail) % sizeof(rec)) {
			WRITE_ONCE(rl->broken, true);
			return;
		}
		if (r->head == r->tail) {
			vshm_receiver_arm(r, r->tail);
			if (vshm_receiver_pending(r))
				continue;
			return;
		}
		memcpy(&rec, vshm_receiver_at(r, r->tail), sizeof(rec));
		if (vshm_receiver_consume(r, sizeof(rec)))
			vshm_region_news(rl, 0, VSHM_NEWS_SPACE);
		vshm_record_receive(&rl->link, &rec);
		cond_resched();
	}
	vshm_region_kick(rl);
}

static void vshm_region_receive_datagrams(struct vshm_region_link *rl)
{
	int more = vshm_datagrams_receive(&rl->link);

	if (more < 0)
		WRITE_ONCE(rl->broken, true);
	else if (more)
		vshm_region_kick(rl);
}

/* Epochs */

static void vshm_region_say(struct vshm_region_link *rl)
{
	/* pairs with the acquire in the peer's vshm_region_follow() */
	virt_store_release(&rl->own->epoch, VSHM_EPOCH(rl->epoch, rl->acked));
	virt_mb(); /* the peer sees it when it hears the doorbell */
	vshm_region_ring(rl);
}

/* Nothing of the last epoch is left. */
static void vshm_region_down(struct vshm_region_link *rl)
{
	struct vshm_conn *conn, *tmp;
	LIST_HEAD(posts);

	spin_lock(&rl->post_lock);
	rl->sending = false;
	list_splice_init(&rl->posts, &posts);
	bitmap_zero(rl->owed, VSHM_SLOTS);
	spin_unlock(&rl->post_lock);
	list_for_each_entry_safe(conn, tmp, &posts, post_node) {
		list_del_init(&conn->post_node);
		vshm_conn_put(conn);
	}
	vshm_datagrams_down(&rl->link);
	vshm_link_kill(&rl->link);
	if (rl->ready && __ratelimit(&rl->link.log))
		pr_notice("link %u-%u: down\n", rl->link.local_cid,
			  rl->link.peer_cid);
	rl->ready = false;
	rl->acked = 0;
}

/* Make the own half empty: nobody writes to it, and we keep nothing there. */
static void vshm_region_clean(struct vshm_region_link *rl)
{
	struct vshm_ring_mem mem = { .order = VSHM_CONTROL_ORDER };
	struct vshm_side *own = rl->own;

	memset(own->summary, 0, sizeof(own->summary));
	memset(own->news, 0, sizeof(own->news));
	mem.ring = &own->control;
	mem.data = (u8 *)own + VSHM_PAGE;
	vshm_ring_init(&mem, 0);
	vshm_receiver_init(&rl->control_rx, &mem);
	vshm_receiver_arm(&rl->control_rx, 0);

	mem.offset = vshm_region_datagrams(rl);
	mem.order = vshm_datagrams_order(rl->size);
	vshm_region_map(rl, &mem);
	vshm_datagrams_clean(&rl->link, &mem);
	own->dgram_ring = mem.offset;
	own->dgram_order = mem.order;
}

/* Where the peer takes datagrams, if it does. */
static void vshm_region_open_datagrams(struct vshm_region_link *rl)
{
	struct vshm_ring_mem mem = {
		.offset	= READ_ONCE(rl->peer->dgram_ring),
		.order	= READ_ONCE(rl->peer->dgram_order),
	};

	if (mem.offset && vshm_datagrams_up(&rl->link, &mem))
		vshm_link_violation(&rl->link, "datagram ring");
}

/* Both sides are there and empty. */
static void vshm_region_up(struct vshm_region_link *rl)
{
	struct vshm_ring_mem mem = {
		.order	= VSHM_CONTROL_ORDER,
		.ring	= &rl->peer->control,
		.data	= (u8 *)rl->peer + VSHM_PAGE,
	};

	rl->ready = true;
	spin_lock(&rl->post_lock);
	vshm_sender_init(&rl->control_tx, &mem);
	rl->sending = true;
	spin_unlock(&rl->post_lock);
	vshm_region_open_datagrams(rl);
	vshm_link_set_up(&rl->link);
	if (__ratelimit(&rl->link.log))
		pr_notice("link %u-%u: up, epochs %u and %u\n",
			  rl->link.local_cid, rl->link.peer_cid, rl->epoch,
			  rl->acked);
}

/* See what the peer's epoch is, and do what vshm_side.epoch asks for. */
static void vshm_region_follow(struct vshm_region_link *rl)
{
	/* pairs with the release in the peer's vshm_region_say() */
	u64 word = virt_load_acquire(&rl->peer->epoch);
	u32 epoch = VSHM_EPOCH_OWN(word), ack = VSHM_EPOCH_ACK(word);
	bool there = epoch & 1;

	WRITE_ONCE(rl->peer_word, word);
	if (READ_ONCE(rl->broken)) {
		WRITE_ONCE(rl->broken, false);
		vshm_link_violation(&rl->link, "ring of the link");
		vshm_region_down(rl);
		WRITE_ONCE(rl->epoch, rl->epoch + 2);
		vshm_region_say(rl);
	}
	if (rl->acked && (epoch != rl->acked ||
			  (rl->ready && ack != rl->epoch))) {
		vshm_region_down(rl);
		if (!there)
			vshm_region_say(rl);
	}
	if (there && !rl->acked && (!ack || ack == rl->epoch)) {
		vshm_region_clean(rl);
		rl->acked = epoch;
		vshm_region_say(rl);
	}
	if (there && rl->acked && !rl->ready && ack == rl->epoch)
		vshm_region_up(rl);
}

static void vshm_region_work(struct work_struct *work)
{
	struct vshm_region_link *rl =
		container_of(to_delayed_work(work), struct vshm_region_link,
			     work);

	if (READ_ONCE(rl->closing))
		return;
	vshm_region_follow(rl);
	if (rl->ready) {
		vshm_region_receive(rl);
		vshm_region_receive_datagrams(rl);
		vshm_datagrams_space(&rl->link);
		spin_lock(&rl->post_lock);
		vshm_region_flush(rl);
		spin_unlock(&rl->post_lock);
	} else if (VSHM_EPOCH_OWN(rl->peer_word) & 1) {
		/* a doorbell may be lost while the peer is being attached */
		vshm_region_ring(rl);
		queue_delayed_work(system_dfl_wq, &rl->work,
				   VSHM_REGION_RETRY);
	}
	if (READ_ONCE(rl->broken))
		queue_delayed_work(system_dfl_wq, &rl->work,
				   VSHM_REGION_RETRY);
}

/**
 * vshm_region_interrupt() - the peer rang the doorbell
 * @rl: link
 *
 * Looks at each word of news once, so its time is bounded whatever the peer
 * writes meanwhile; what is written later rings again.
 * Context: any, interrupts included.
 */
void vshm_region_interrupt(struct vshm_region_link *rl)
{
	struct vshm_side *own = rl->own;
	unsigned long summary, news;
	unsigned int w, i, bit, word;
	struct vshm_conn *conn;
	bool control = false;

	trace_vshm_interrupt(&rl->link);
	atomic_long_inc(&rl->heard);
	rcu_read_lock();
	for (w = 0; w < VSHM_SUMMARY_WORDS; w++) {
		summary = xchg((unsigned long *)&own->summary[w], 0);
		for_each_set_bit(i, &summary, 64) {
			word = w * 64 + i;
			news = xchg((unsigned long *)&own->news[word], 0);
			for_each_set_bit(bit, &news, 64) {
				u32 slot = (word * 64 + bit) / 2;

				if (!slot) {
					control = true;
					continue;
				}
				conn = xa_load(&rl->link.slots, slot);
				if (conn)
					vshm_conn_news(conn, bit % 2);
			}
		}
	}
	rcu_read_unlock();
	if (control || READ_ONCE(rl->peer->epoch) != READ_ONCE(rl->peer_word))
		vshm_region_kick(rl);
}
EXPORT_SYMBOL_GPL(vshm_region_interrupt);

/**
 * vshm_region_panic() - tell the peer that this kernel dies
 * @rl: link
 *
 * The same as the goodbye of vshm_region_detach(), with nothing cleaned up.
 * Context: any; takes no lock.
 */
void vshm_region_panic(struct vshm_region_link *rl)
{
	/* pairs with the acquire in the peer's vshm_region_follow() */
	virt_store_release(&rl->own->epoch, VSHM_EPOCH(rl->epoch + 1, 0));
	virt_mb(); /* the peer sees it when it hears the doorbell */
	rl->config.doorbell(rl->config.priv, rl->link.peer_cid);
}
EXPORT_SYMBOL_GPL(vshm_region_panic);

static void vshm_region_restart(struct vshm_link *link)
{
	WRITE_ONCE(vshm_region(link)->broken, true);
	vshm_region_kick(vshm_region(link));
}

static void vshm_region_info(struct vshm_link *link,
			     struct vshm_link_info *info)
{
	struct vshm_region_link *rl = vshm_region(link);

	info->size = rl->size;
	info->heap_size = vshm_heap_size(rl->heap);
	info->heap_used = vshm_heap_used(rl->heap);
	info->epoch = READ_ONCE(rl->epoch);
	info->peer_epoch = READ_ONCE(rl->acked);
	info->rung = atomic_long_read(&rl->rung);
	info->heard = atomic_long_read(&rl->heard);
	info->quiet = atomic_long_read(&rl->quiet);
}

static const struct vshm_link_ops vshm_region_ops = {
	.name		= "region",
	.max_slots	= VSHM_SLOTS,
	.alloc		= vshm_region_alloc,
	.free		= vshm_region_free,
	.peer_ring	= vshm_region_peer_ring,
	.post		= vshm_region_post,
	.refuse		= vshm_region_refuse,
	.notify		= vshm_region_notify,
	.notify_datagrams = vshm_region_notify_datagrams,
	.restart	= vshm_region_restart,
	.info		= vshm_region_info,
};

/**
 * vshm_region_present() - does this memory carry a vshm header?
 * @base: memory
 * @size: bytes of it
 *
 * Return: true when there is one, of whatever version.
 */
bool vshm_region_present(const void *base, u64 size)
{
	const struct vshm_region *region = base;

	return size >= VSHM_REGION_MIN &&
	       READ_ONCE(region->magic) == VSHM_MAGIC;
}
EXPORT_SYMBOL_GPL(vshm_region_present);

/**
 * vshm_region_peer_claimed() - who is at the other end, as the header has it
 * @base: memory with a vshm header
 * @cid: own CID
 *
 * The peer can write the header: find out whether it is true, and then attach
 * with this as &vshm_region_config.peer_cid.
 * Return: any number.
 */
u32 vshm_region_peer_claimed(const void *base, u32 cid)
{
	const struct vshm_region *region = base;
	u32 first = READ_ONCE(region->cid[0]);

	return first == cid ? READ_ONCE(region->cid[1]) : first;
}
EXPORT_SYMBOL_GPL(vshm_region_peer_claimed);

static bool vshm_region_cid_valid(u32 cid)
{
	return cid >= VSHM_CID_HOST && cid <= VSHM_CID_GUEST_MAX;
}

/*
 * Are the own CID, and the peer's as the header has it, the pair that it has to
 * be? The peer may have written the header anew before.
 */
static bool vshm_region_cids_valid(const struct vshm_region_link *rl)
{
	u32 own = rl->config.cid, peer = rl->link.peer_cid;

	return vshm_region_cid_valid(own) && vshm_region_cid_valid(peer) &&
	       own != peer && peer == rl->config.peer_cid;
}

/* Check the header once; what it said is kept in @rl. */
static int vshm_region_read_header(struct vshm_region_link *rl)
{
	const struct vshm_region *region = rl->config.base;
	u32 version = READ_ONCE(region->version);
	u64 size = READ_ONCE(region->size);
	u32 cid[2] = { READ_ONCE(region->cid[0]), READ_ONCE(region->cid[1]) };

	if (version != VSHM_VERSION) {
		pr_err_ratelimited("region of CID %u: version %u, this module speaks %u: update the older of module and daemon\n",
				   rl->config.cid, version, VSHM_VERSION);
		return -EPROTONOSUPPORT;
	}
	if (size > rl->config.size || size > VSHM_REGION_MAX ||
	    size < VSHM_REGION_MIN || !is_power_of_2(size) ||
	    READ_ONCE(region->features)) {
		pr_err_ratelimited("region of CID %u: bad header\n",
				   rl->config.cid);
		return -EINVAL;
	}
	rl->own_side = rl->config.cid == cid[1];
	rl->link.peer_cid = cid[!rl->own_side];
	if (cid[rl->own_side] != rl->config.cid ||
	    !vshm_region_cids_valid(rl)) {
		pr_err_ratelimited("region of CID %u: made for CIDs %u and %u\n",
				   rl->config.cid, cid[0], cid[1]);
		return -EINVAL;
	}
	rl->size = size;
	rl->own = rl->config.base + VSHM_SIDE_OFFSET(rl->own_side, size);
	rl->peer = rl->config.base + VSHM_SIDE_OFFSET(!rl->own_side, size);
	return 0;
}

/* The next odd number that is not taken for the one before. */
static void vshm_region_first_epoch(struct vshm_region_link *rl)
{
	u32 ack = VSHM_EPOCH_ACK(READ_ONCE(rl->peer->epoch));
	u32 epoch = (VSHM_EPOCH_OWN(READ_ONCE(rl->own->epoch)) + 1) | 1;

	WRITE_ONCE(rl->epoch, epoch == ack ? epoch + 2 : epoch);
}

static void vshm_region_destroy(struct vshm_region_link *rl)
{
	vshm_heap_destroy(rl->heap);
	bitmap_free(rl->owed);
	kvfree(rl->refusals);
	vshm_link_destroy(&rl->link);
	kfree(rl);
}

static struct vshm_region_link *
vshm_region_create(const struct vshm_region_config *config)
{
	struct vshm_region_link *rl = kzalloc(sizeof(*rl), GFP_KERNEL);
	int err;

	if (!rl)
		return ERR_PTR(-ENOMEM);
	err = vshm_link_init(&rl->link, &vshm_region_ops,
			     vshm_net(config->net), config->cid, 0);
	if (err)
		goto err;
	rl->config = *config;
	if (config->max_connections)
		rl->link.max_slots = min_t(u32, config->max_connections,
					   VSHM_SLOTS - 1) + 1;
	INIT_DELAYED_WORK(&rl->work, vshm_region_work);
	spin_lock_init(&rl->post_lock);
	INIT_LIST_HEAD(&rl->posts);
	err = vshm_region_read_header(rl);
	if (err)
		goto err;
	err = -ENOMEM;
	rl->heap = vshm_heap_create(vshm_region_heap_start(rl, rl->own_side),
				    vshm_region_datagrams(rl));
	if (rl->heap)
		rl->link.ring_order = vshm_heap_ring_order(rl->heap);
	rl->owed = bitmap_zalloc(VSHM_SLOTS, GFP_KERNEL);
	rl->refusals = kvcalloc(VSHM_SLOTS, sizeof(*rl->refusals), GFP_KERNEL);
	if (rl->heap && rl->owed && rl->refusals)
		return rl;
err:
	vshm_region_destroy(rl);
	return ERR_PTR(err);
}

/**
 * vshm_region_attach() - attach one end of a link
 * @config: how
 *
 * The link comes up when the other end is attached, too. The doorbell may be
 * called before this returns. A caller whose interrupts start later calls
 * vshm_region_interrupt() once then.
 * Context: process context, may sleep.
 * Return: the link, or an ERR_PTR(): -EINVAL or -EPROTONOSUPPORT for a header
 * that cannot be used, -EEXIST when there is a link to the same peer, -ENOMEM.
 */
struct vshm_region_link *
vshm_region_attach(const struct vshm_region_config *config)
{
	struct vshm_region_link *rl = vshm_region_create(config);
	int err;

	if (IS_ERR(rl))
		return rl;
	err = vshm_link_publish(&rl->link);
	if (err) {
		if (err == -EEXIST)
			pr_err_ratelimited("region of CID %u: there is a link to CID %u already\n",
					   config->cid, rl->link.peer_cid);
		vshm_region_destroy(rl);
		return ERR_PTR(err);
	}
	vshm_region_first_epoch(rl);
	vshm_region_say(rl);
	vshm_region_kick(rl);
	return rl;
}
EXPORT_SYMBOL_GPL(vshm_region_attach);

/**
 * vshm_region_detach() - detach one end of a link
 * @rl: link; gone when this returns, and so is every use of its memory
 *
 * The caller has made sure that vshm_region_interrupt() is not called any more.
 * Context: process context, may sleep.
 */
void vshm_region_detach(struct vshm_region_link *rl)
{
	WRITE_ONCE(rl->closing, true);
	cancel_delayed_work_sync(&rl->work);
	vshm_link_unpublish(&rl->link);
	vshm_region_down(rl);
	WRITE_ONCE(rl->epoch, rl->epoch + 1);
	vshm_region_say(rl);
	/* a sender may have kicked it meanwhile */
	cancel_delayed_work_sync(&rl->work);
	vshm_link_put(&rl->link);
	wait_for_completion(&rl->link.released);
	vshm_region_destroy(rl);
}
EXPORT_SYMBOL_GPL(vshm_region_detach);
