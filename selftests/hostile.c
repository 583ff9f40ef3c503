// SPDX-License-Identifier: GPL-2.0
/*
 * A peer that writes what it likes, where it likes, into the memory of a link.
 *
 * The host has two links: one to an honest guest, whose traffic must not notice
 * anything, and the one that is attacked. The attack has a bounded number of
 * steps, drawn from a seed that is printed. VSHM_SEED and VSHM_STEPS in the
 * environment set them.
 */
#include "vshm_bed.h"
#include "vshm_dgram.h"
#include "vshm_proc.h"
#include "vshm_test.h"
#include "vshm_traffic.h"
#include <kselftest_harness.h>

#define STEPS		2500
#define PAUSE		64	/* steps until others get a turn */
#define RENEW		250	/* steps until the link is made anew */
#define PAGES		48	/* of each heap, that rings are found in */

/* The host is side 0 of both links. */
FIXTURE(hostile) {
	int host;
	int guest;
	int foe;
	struct vshm_bed honest;
	struct vshm_bed attacked;
	struct vshm_traffic quiet;	/* over the honest link */
	struct vshm_traffic there;	/* over the other, from the host */
	struct vshm_traffic back;	/* to the host */
	int dgram;			/* of the host: what it is sent, it keeps */
	uint32_t dgram_port;
	uint64_t random;
	long taint;
	int steps;
	unsigned long changes;	/* that were made to the memory */
};

FIXTURE_SETUP(hostile)
{
	self->taint = vshm_taint();
	self->host = vshm_ns_new();
	self->guest = vshm_ns_new();
	self->foe = vshm_ns_new();
	ASSERT_EQ(0, vshm_bed_link(&self->honest, self->host, VSHM_CID_HOST,
				   self->guest, 4));
	ASSERT_EQ(0, vshm_bed_link(&self->attacked, self->host, VSHM_CID_HOST,
				   self->foe, 3));
	ASSERT_EQ(0, vshm_traffic_start(&self->quiet, &self->honest, 0, 1,
					5000));
	ASSERT_EQ(0, vshm_traffic_start(&self->there, &self->attacked, 0, 2,
					100000));
	ASSERT_EQ(0, vshm_traffic_start(&self->back, &self->attacked, 1, 2,
					100000));
	/* what the foe reaches of the honest guest, it may reach */
	ASSERT_EQ(0, vshm_ns_policy(self->host, 3, 4, 1));
	ASSERT_EQ(0, vshm_ns_enter(self->host));
	self->dgram = vshm_dgram_bound();
	ASSERT_LE(0, self->dgram);
	self->dgram_port = vshm_port(self->dgram);
	self->steps = getenv("VSHM_STEPS") ? atoi(getenv("VSHM_STEPS")) : STEPS;
	self->random = vshm_seed() * 2654435761ULL + 1;
}

FIXTURE_TEARDOWN(hostile)
{
	struct vshm_bed *bed = &self->attacked;

	printf("# %lu changes to the memory of the link\n", self->changes);
	/* nobody but the attacked link has seen anything */
	EXPECT_TRUE(vshm_traffic_flows(&self->quiet));
	EXPECT_EQ(0, self->quiet.score->lost);
	EXPECT_EQ(0, self->quiet.score->error) {
		TH_LOG("%s", strerror(self->quiet.score->error));
	}
	EXPECT_EQ(0, vshm_bed_num(&self->honest, 0, "violations"));
	EXPECT_EQ(0, vshm_bed_num(&self->honest, 0, "resets"));

	/* and that works again once both ends start anew */
	vshm_bed_detach(bed, 0);
	vshm_bed_detach(bed, 1);
	vshm_bed_format(bed);
	EXPECT_EQ(0, vshm_bed_up(bed));
	EXPECT_TRUE(vshm_traffic_flows(&self->there));
	EXPECT_TRUE(vshm_traffic_flows(&self->back));
	EXPECT_EQ(0, vshm_traffic_stop(&self->there));
	EXPECT_EQ(0, vshm_traffic_stop(&self->back));
	EXPECT_EQ(0, vshm_traffic_stop(&self->quiet));
	close(self->dgram);
	EXPECT_TRUE(vshm_bed_idle(bed));
	EXPECT_TRUE(vshm_bed_idle(&self->honest));
	EXPECT_TRUE(vshm_ns_empty(self->host));
	EXPECT_TRUE(vshm_ns_empty(self->guest));
	EXPECT_TRUE(vshm_ns_empty(self->foe));
	vshm_bed_free(bed);
	vshm_bed_free(&self->honest);
	EXPECT_EQ(0, vshm_locked_kb());
	EXPECT_EQ(self->taint, vshm_taint());
}

static uint64_t draw(FIXTURE_DATA(hostile) *self)
{
	self->random ^= self->random << 13;
	self->random ^= self->random >> 7;
	self->random ^= self->random << 17;
	return self->random >> 16;
}

/* A number like those that might mean something, given what was there. */
static uint64_t value(FIXTURE_DATA(hostile) *self, uint64_t old)
{
	switch (draw(self) % 8) {
	case 0:	return 0;
	case 1:	return -1ULL;
	case 2:	return draw(self);
	case 3:	return draw(self) << 32;
	case 4:	return old + draw(self) % 5000;
	case 5:	return old - draw(self) % 5000;
	case 6:	return 1ULL << draw(self) % 64;
	default: return draw(self) % (VSHM_BED_SIZE / VSHM_PAGE) * VSHM_PAGE;
	}
}

static void spoil(FIXTURE_DATA(hostile) *self, __u64 *word)
{
	__atomic_store_n(word, value(self, *word), __ATOMIC_RELAXED);
	self->changes++;
}

static void spoil32(FIXTURE_DATA(hostile) *self, __u32 *word)
{
	__atomic_store_n(word, draw(self) % 2 ? draw(self) % 32 :
			 value(self, *word), __ATOMIC_RELAXED);
	self->changes++;
}

static struct vshm_side *any_side(FIXTURE_DATA(hostile) *self)
{
	return vshm_bed_side(&self->attacked, draw(self) & 1);
}

/* A page near the start of a heap, where rings are. */
static struct vshm_ring *any_ring(FIXTURE_DATA(hostile) *self)
{
	char *heap = (char *)any_side(self) + VSHM_SIDE_BYTES;

	return (void *)(heap + draw(self) % PAGES * VSHM_PAGE);
}

static void spoil_ring(FIXTURE_DATA(hostile) *self, struct vshm_ring *ring)
{
	switch (draw(self) % 8) {
	case 0:	return spoil(self, &ring->head);
	case 1:	return spoil(self, &ring->space_event);
	case 2:	return spoil32(self, &ring->sender_flags);
	case 3:	return spoil(self, &ring->tail);
	case 4:	return spoil(self, &ring->data_event);
	case 5:	return spoil32(self, &ring->next_order);
	default:
		/* a successor that might well be one */
		ring->next_order = VSHM_RING_ORDER_MIN + draw(self) % 16;
		return spoil(self, &ring->next);
	}
}

static void set_bit(__u64 *words, unsigned int bit)
{
	__atomic_fetch_or(&words[bit / 64], 1ULL << (bit % 64),
			  __ATOMIC_SEQ_CST);
}

static void tell(FIXTURE_DATA(hostile) *self, int side, unsigned int slot,
		 unsigned int kind)
{
	struct vshm_side *to = vshm_bed_side(&self->attacked, side);
	unsigned int bit = VSHM_NEWS_BIT(slot, kind);

	set_bit(to->news, bit);
	set_bit(to->summary, bit / 64);
	vshm_bed_ring(&self->attacked, side);
}

/* News of everything, and the doorbell, again and again. */
static void storm(FIXTURE_DATA(hostile) *self)
{
	int side = draw(self) & 1, n = 1 + draw(self) % 8;
	struct vshm_side *to = vshm_bed_side(&self->attacked, side);

	while (n--) {
		memset(to->news, 0xff, sizeof(to->news));
		memset(to->summary, 0xff, sizeof(to->summary));
		vshm_bed_ring(&self->attacked, side);
		self->changes++;
	}
}

/* Whom a record is for: some connection that the other side spoke of. */
static void address(FIXTURE_DATA(hostile) *self, int side,
		    struct vshm_record *rec)
{
	struct vshm_side *from = vshm_bed_side(&self->attacked, !side);
	const struct vshm_record *heard;

	heard = (void *)((char *)from + VSHM_PAGE);
	heard += draw(self) % (VSHM_CONTROL_BYTES / sizeof(*heard));
	rec->dst_slot = heard->src_slot;
	rec->dst_gen = heard->src_gen;
	if (heard->op == VSHM_OP_REQUEST)
		rec->op = VSHM_OP_RESPONSE;
}

/* A request to a server on that side, or of the honest guest behind it. */
static void request(FIXTURE_DATA(hostile) *self, int side,
		    struct vshm_record *rec)
{
	bool forward = !side && !(draw(self) % 4);

	rec->op = VSHM_OP_REQUEST;
	rec->src_port = draw(self) % 65536;
	rec->dst_cid = forward ? 4 : self->attacked.end[side].cid;
	rec->dst_port = forward ? self->quiet.port :
		side ? self->there.port : self->back.port;
}

/* A record that means something, unless some of it is spoiled. */
static void any_record(FIXTURE_DATA(hostile) *self, int side,
		       struct vshm_record *rec)
{
	uint64_t heap = VSHM_SIDE_OFFSET(!side, self->attacked.size) +
			VSHM_SIDE_BYTES;
	unsigned int n;

	*rec = (struct vshm_record) {
		.op = 1 + draw(self) % 6,
		.how = draw(self) % 4,
		.reason = draw(self) % 140,
		.src_slot = 1 + draw(self) % 64,
		.src_gen = draw(self) % 1000,
		.src_cid = self->attacked.end[!side].cid,
		.ring = heap + draw(self) % PAGES * VSHM_PAGE,
		.ring_order = VSHM_RING_ORDER_MIN + draw(self) % 5,
		.socket_id = draw(self),
		.type = SOCK_STREAM,
		.family = vshm_family(),
	};
	if (draw(self) % 2)
		request(self, side, rec);
	else
		address(self, side, rec);
	if (draw(self) % 4)
		return;
	for (n = draw(self) % 3; n; n--)
		((__u8 *)rec)[draw(self) % sizeof(*rec)] = draw(self);
}

/* A record in the control ring of a side, where the next one is expected. */
static void post(FIXTURE_DATA(hostile) *self, int side,
		 const struct vshm_record *rec)
{
	struct vshm_side *to = vshm_bed_side(&self->attacked, side);
	uint64_t head = __atomic_load_n(&to->control.head, __ATOMIC_ACQUIRE);

	head -= head % sizeof(*rec);
	memcpy((char *)to + VSHM_PAGE + head % VSHM_CONTROL_BYTES, rec,
	       sizeof(*rec));
	__atomic_store_n(&to->control.head, head + sizeof(*rec),
			 __ATOMIC_RELEASE);
	self->changes++;
	tell(self, side, 0, VSHM_NEWS_DATA);
}

static void record(FIXTURE_DATA(hostile) *self, int side)
{
	struct vshm_record rec;

	any_record(self, side, &rec);
	post(self, side, &rec);
}

/* The datagram ring of a side, wherever it says that this is. */
static struct vshm_ring *dgram_ring(FIXTURE_DATA(hostile) *self, int side,
				    uint64_t *size)
{
	struct vshm_side *to = vshm_bed_side(&self->attacked, side);
	uint64_t offset = to->dgram_ring;

	*size = 1ULL << to->dgram_order % 25;
	if (offset % VSHM_PAGE || offset > self->attacked.size - VSHM_PAGE ||
	    *size > self->attacked.size - VSHM_PAGE - offset)
		return NULL;
	return (void *)((char *)self->attacked.base + offset);
}

/* A datagram that means something, unless some of it is spoiled. */
static void datagram(FIXTURE_DATA(hostile) *self, int side)
{
	struct vshm_datagram d = {
		.len = draw(self) % 3000,
		.src_cid = self->attacked.end[!side].cid,
		.src_port = draw(self) % 65536,
		.dst_cid = draw(self) % 4 ? self->attacked.end[side].cid : 4,
		.dst_port = self->dgram_port,
	};
	uint64_t head, size, bytes = VSHM_DATAGRAM_BYTES(d.len);
	struct vshm_ring *ring = dgram_ring(self, side, &size);

	if (!ring)
		return;
	if (!(draw(self) % 8))
		spoil32(self, &d.len);
	if (!(draw(self) % 8))
		spoil32(self, &d.src_cid);
	head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
	memcpy((char *)ring + VSHM_PAGE + head % size / 32 * 32, &d, sizeof(d));
	__atomic_store_n(&ring->head, head + bytes, __ATOMIC_RELEASE);
	self->changes++;
	tell(self, side, 0, VSHM_NEWS_DATA);
}

/* The host sends as well, and must not mind what becomes of it. */
static void step_datagrams(FIXTURE_DATA(hostile) *self)
{
	static char buf[VSHM_DGRAM_MAX];
	struct vshm_side *side = any_side(self);
	struct vshm_ring *ring;
	uint64_t size;

	switch (draw(self) % 16) {
	case 0:
		return spoil(self, &side->dgram_ring);
	case 1:
		return spoil32(self, &side->dgram_order);
	case 2:
		ring = dgram_ring(self, draw(self) & 1, &size);
		if (ring)
			spoil_ring(self, ring);
		return tell(self, draw(self) & 1, 0, draw(self) & 1);
	case 3 ... 6:
		vshm_sendto(self->dgram, buf, draw(self) % sizeof(buf),
			    MSG_DONTWAIT, self->attacked.end[1].cid, 5000);
		return;
	case 7:
		while (recv(self->dgram, buf, sizeof(buf), MSG_DONTWAIT) >= 0)
			;
		return;
	default:
		return datagram(self, draw(self) & 1);
	}
}

static void noise(FIXTURE_DATA(hostile) *self, void *to, size_t size)
{
	__u8 *p = to;

	for (int n = 1 + draw(self) % 64; n; n--)
		p[draw(self) % size] = draw(self);
	self->changes++;
}

static void step_ring(FIXTURE_DATA(hostile) *self)
{
	spoil_ring(self, any_ring(self));
	tell(self, draw(self) & 1, 1 + draw(self) % 16, draw(self) & 1);
}

static void step(FIXTURE_DATA(hostile) *self)
{
	switch (draw(self) % 256) {
	case 0:
		return spoil(self, &any_side(self)->epoch);
	case 1:
		return spoil_ring(self, &any_side(self)->control);
	case 2:
		return noise(self, self->attacked.base,
			     sizeof(struct vshm_region));
	case 3:
		return noise(self, any_side(self), VSHM_SIDE_BYTES);
	case 4:
		return noise(self, (char *)any_side(self) + VSHM_PAGE,
			     VSHM_CONTROL_BYTES);
	case 5 ... 20:
		return storm(self);
	case 21 ... 60:
		return record(self, draw(self) & 1);
	case 81 ... 140:
		return step_datagrams(self);
	case 61 ... 80:
		return vshm_bed_ring(&self->attacked, draw(self) & 1);
	default:
		return step_ring(self);
	}
}

/* Both ends are the kernel's, and a third party writes between them. */
TEST_F_TIMEOUT(hostile, between, 120)
{
	struct vshm_bed *bed = &self->attacked;

	ASSERT_TRUE(vshm_traffic_flows(&self->there));
	for (int i = 0; i < self->steps; i++) {
		step(self);
		if (!(i % PAUSE))
			sched_yield();
		if (i % RENEW)
			continue;
		vshm_bed_detach(bed, i / RENEW & 1);
		vshm_bed_format(bed);
		ASSERT_EQ(0, vshm_bed_attach(bed, i / RENEW & 1)) {
			TH_LOG("%s", strerror(errno));
		}
	}
	EXPECT_TRUE(vshm_traffic_flows(&self->quiet));
}

/* The guest itself is hostile, and speaks the protocol as far as it pays. */
TEST_F_TIMEOUT(hostile, guest, 120)
{
	struct vshm_bed *bed = &self->attacked;
	uint64_t violations = 0;

	vshm_bed_detach(bed, 1);
	for (int i = 0; i < self->steps; i++) {
		if (!(i % RENEW)) {
			violations += vshm_bed_num(bed, 0, "violations");
			vshm_bed_detach(bed, 0);
			vshm_bed_format(bed);
			ASSERT_EQ(0, vshm_bed_attach(bed, 0)) {
				TH_LOG("%s", strerror(errno));
			}
			ASSERT_EQ(0, vshm_bed_fake(bed, 1));
		}
		step(self);
		if (!(i % PAUSE))
			sched_yield();
	}
	violations += vshm_bed_num(bed, 0, "violations");
	EXPECT_LT(0, violations);
	EXPECT_TRUE(vshm_traffic_flows(&self->quiet));
}

/* Rings for all slots, also for those that are just being taken. */
static long call_news(struct vshm_call *call)
{
	const struct vshm_bed *bed = call->buf;
	struct vshm_side *to = vshm_bed_side(bed, 0);

	while (!__atomic_load_n(&call->flags, __ATOMIC_RELAXED)) {
		/* slots 0 to 95 */
		memset(to->news, 0xff, 24);
		__atomic_fetch_or(&to->summary[0], 7, __ATOMIC_SEQ_CST);
		vshm_bed_ring(bed, 0);
	}
	return 0;
}

/* Wait until the host has read all that was posted. */
static bool heard(FIXTURE_DATA(hostile) *self)
{
	struct vshm_ring *ring = &vshm_bed_side(&self->attacked, 0)->control;
	uint64_t end = vshm_now_ms() + VSHM_WAIT_MS;

	while (__atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) != ring->head) {
		if (vshm_now_ms() > end)
			return false;
		sched_yield();
	}
	return true;
}

/* News of connections that are being made, to be forwarded. */
TEST_F_TIMEOUT(hostile, early_news, 120)
{
	struct vshm_bed *bed = &self->attacked;
	struct vshm_call call;

	vshm_bed_detach(bed, 1);
	for (int round = 0; round < 8; round++) {
		vshm_bed_detach(bed, 0);
		ASSERT_EQ(0, vshm_bed_attach(bed, 0));
		ASSERT_EQ(0, vshm_bed_fake(bed, 1));
		call = (struct vshm_call) { .fn = call_news, .buf = bed };
		ASSERT_EQ(0, vshm_call_start(&call));
		for (int i = 1; i <= 64; i++) {
			/* nothing is wrong with it: that would end the link */
			struct vshm_record rec = {
				.op = VSHM_OP_REQUEST,
				.src_slot = i,
				.src_gen = i,
				.src_cid = bed->end[1].cid,
				.src_port = i,
				.dst_cid = 4,
				.dst_port = self->quiet.port,
				.ring = VSHM_SIDE_OFFSET(1, bed->size) +
					VSHM_SIDE_BYTES + i * VSHM_PAGE,
				.ring_order = VSHM_RING_ORDER_MIN,
				.type = SOCK_STREAM,
				.family = vshm_family(),
			};

			post(self, 0, &rec);
			EXPECT_TRUE(i % 8 || heard(self));
		}
		__atomic_store_n(&call.flags, 1, __ATOMIC_RELAXED);
		vshm_call_end(&call);
	}
	EXPECT_TRUE(vshm_traffic_flows(&self->quiet));
}

/* Nothing but the doorbell, and news of everything. */
TEST_F_TIMEOUT(hostile, doorbell, 120)
{
	ASSERT_TRUE(vshm_traffic_flows(&self->there));
	for (int i = 0; i < 100; i++)
		storm(self);
	/* that is no reason to lose anything */
	EXPECT_TRUE(vshm_traffic_flows(&self->there));
	EXPECT_TRUE(vshm_traffic_flows(&self->back));
	EXPECT_TRUE(vshm_traffic_flows(&self->quiet));
	EXPECT_EQ(0, self->there.score->lost);
	EXPECT_EQ(0, self->back.score->lost);
}

/* Epochs that never rest. */
TEST_F_TIMEOUT(hostile, epochs, 120)
{
	struct vshm_side *side = vshm_bed_side(&self->attacked, 1);

	for (int i = 0; i < self->steps; i++) {
		uint64_t word = __atomic_load_n(&vshm_bed_side(&self->attacked,
							       0)->epoch,
						__ATOMIC_ACQUIRE);

		side->epoch = draw(self) % 2 ?
			VSHM_EPOCH(draw(self), VSHM_EPOCH_OWN(word)) :
			VSHM_EPOCH(draw(self), draw(self) % 3);
		self->changes++;
		vshm_bed_ring(&self->attacked, 0);
		if (!(i % PAUSE))
			sched_yield();
	}
}

TEST_HARNESS_MAIN
