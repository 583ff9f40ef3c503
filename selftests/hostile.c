// SPDX-License-Identifier: GPL-2.0
/*
 * A peer that writes what it likes, where it likes, into the memory of a link.
 *
 * The host has two links: one to an honest guest, whose traffic must not notice
 * anything, and the one that is attacked. The attack has a bounded number of
 * steps, drawn from a seed that is printed. VSHM_SEED and VSHM_STEPS in the
 * environment set them.
 *
 * A thread that has precedence over all others looks for how long it is kept from
 * running. That counts only where time is that of the guest's instructions.
 */
#include "vshm_bed.h"
#include "vshm_dgram.h"
#include "vshm_foe.h"
#include "vshm_proc.h"
#include "vshm_test.h"
#include "vshm_traffic.h"
#include <kselftest_harness.h>

#include <sys/epoll.h>

#define STEPS		2500
#define PAUSE		64	/* steps until others get a turn */
#define RENEW		250	/* steps until the link is made anew */
#define HELD_MAX	10000	/* us that nobody may keep a CPU */

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
	struct vshm_foe does;		/* on the attacked link */
	struct vshm_call watch;
	struct vshm_call spoil;		/* if it was started, until the end */
	struct vshm_foe spoils;
	long taint;
	int steps;
};

/* Sleeps for a millisecond at a time; the longest delay is the result. */
static long call_watch(struct vshm_call *call)
{
	const struct sched_param first = { .sched_priority = 50 };
	long longest = 0;

	if (sched_setscheduler(0, SCHED_FIFO, &first))
		return -1;
	while (!__atomic_load_n(&call->flags, __ATOMIC_RELAXED)) {
		uint64_t start = vshm_now_us();
		long late;

		usleep(1000);
		late = vshm_now_us() - start - 1000;
		if (late > longest)
			longest = late;
	}
	return longest;
}

FIXTURE_SETUP(hostile)
{
	self->watch = (struct vshm_call) { .fn = call_watch };
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
	self->steps = getenv("VSHM_STEPS") ? atoi(getenv("VSHM_STEPS")) : STEPS;
	self->does = (struct vshm_foe) {
		.base = self->attacked.base,
		.size = self->attacked.size,
		.cid = { VSHM_CID_HOST, 3 },
		.port = { self->back.port, self->there.port },
		.third_cid = 4,
		.third_port = self->quiet.port,
		.dgram_port = vshm_port(self->dgram),
		.random = vshm_seed() * 2654435761ULL + 1,
		.ring = vshm_bed_ring,
		.link = &self->attacked,
	};
	ASSERT_EQ(0, vshm_call_start(&self->watch));
}

FIXTURE_TEARDOWN(hostile)
{
	struct vshm_bed *bed = &self->attacked;
	long held;

	if (self->spoil.fn) {
		__atomic_store_n(&self->spoil.flags, 1, __ATOMIC_RELAXED);
		EXPECT_EQ(0, vshm_call_end(&self->spoil));
		self->does.changes += self->spoils.changes;
	}
	__atomic_store_n(&self->watch.flags, 1, __ATOMIC_RELAXED);
	held = vshm_call_end(&self->watch);
	printf("# no CPU was kept longer than %ld us\n", held);
	EXPECT_LE(0, held);
	if (vshm_counted())
		EXPECT_GT(HELD_MAX, held);
	printf("# %lu changes to the memory of the link\n", self->does.changes);
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

/* The host sends as well, and must not mind what becomes of it. */
static void host_datagrams(FIXTURE_DATA(hostile) *self)
{
	static char buf[VSHM_DGRAM_MAX];

	if (vshm_foe_draw(&self->does) % 8)
		vshm_sendto(self->dgram, buf,
			    vshm_foe_draw(&self->does) % sizeof(buf),
			    MSG_DONTWAIT, self->attacked.end[1].cid, 5000);
	else
		while (recv(self->dgram, buf, sizeof(buf), MSG_DONTWAIT) >= 0)
			;
}

static void step(FIXTURE_DATA(hostile) *self)
{
	if (vshm_foe_draw(&self->does) % 16)
		vshm_foe_step(&self->does);
	else
		host_datagrams(self);
}

/* Both ends are the kernel's, and a third party writes between them. */
static void attack_between(struct __test_metadata *_metadata,
			   FIXTURE_DATA(hostile) *self)
{
	struct vshm_bed *bed = &self->attacked;

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

TEST_F_TIMEOUT(hostile, between, 120)
{
	ASSERT_TRUE(vshm_traffic_flows(&self->there));
	attack_between(_metadata, self);
}

/* Changes memory, and nothing else, with a pause now and then. */
static long call_spoil(struct vshm_call *call)
{
	struct vshm_foe *foe = call->buf;

	while (!__atomic_load_n(&call->flags, __ATOMIC_RELAXED)) {
		for (int n = 1 + vshm_foe_draw(foe) % 256; n; n--)
			vshm_foe_spoil(foe);
		usleep(vshm_foe_draw(foe) % 200);
	}
	return 0;
}

/* The same while what was looked at changes before it is looked at again. */
TEST_F_TIMEOUT(hostile, never_still, 120)
{
	ASSERT_TRUE(vshm_traffic_flows(&self->there));
	self->spoils = self->does;
	self->spoils.random ^= 0x5eed;
	self->spoil = (struct vshm_call) { .fn = call_spoil,
					   .buf = &self->spoils };
	ASSERT_EQ(0, vshm_call_start(&self->spoil));
	attack_between(_metadata, self);
	EXPECT_LT(self->steps, self->spoils.changes);
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
static bool heard(const struct vshm_bed *bed)
{
	struct vshm_ring *ring = &vshm_bed_side(bed, 0)->control;
	uint64_t end = vshm_now_ms() + VSHM_WAIT_MS;

	while (__atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) != ring->head) {
		if (vshm_now_ms() > end)
			return false;
		sched_yield();
	}
	return true;
}

/* Nothing is wrong with it: that would end the link. */
static struct vshm_record request(const struct vshm_bed *bed, int slot,
				  uint32_t cid, uint32_t port)
{
	return (struct vshm_record) {
		.op = VSHM_OP_REQUEST,
		.src_slot = slot,
		.src_gen = slot,
		.src_cid = bed->end[1].cid,
		.src_port = slot,
		.dst_cid = cid,
		.dst_port = port,
		.ring = VSHM_SIDE_OFFSET(1, bed->size) + VSHM_SIDE_BYTES +
			slot * VSHM_PAGE,
		.ring_order = VSHM_RING_ORDER_MIN,
		.type = SOCK_STREAM,
		.family = vshm_family(),
	};
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
			struct vshm_record rec = request(bed, i, 4,
							 self->quiet.port);

			vshm_foe_post(&self->does, 0, &rec);
			EXPECT_TRUE(i % 8 || heard(bed));
		}
		__atomic_store_n(&call.flags, 1, __ATOMIC_RELAXED);
		vshm_call_end(&call);
	}
	EXPECT_TRUE(vshm_traffic_flows(&self->quiet));
}

#define ALL	(VSHM_SLOTS - 1)

/*
 * A link has as many connections as it may, a program waits for all of them, and
 * the guest has news of all of them at once, again and again.
 */
TEST_F_TIMEOUT(hostile, all_news, 200)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET };
	int ep = epoll_create1(0), listener, n = 0;
	static int fd[ALL];
	struct vshm_side *to;
	struct vshm_bed bed;
	struct vshm_foe foe;

	ASSERT_EQ(0, vshm_bed_make_of(&bed, 64 << 20, self->host, VSHM_CID_HOST,
				      vshm_ns_new(), 5));
	ASSERT_EQ(0, vshm_bed_attach(&bed, 0));
	ASSERT_EQ(0, vshm_bed_fake(&bed, 1));
	to = vshm_bed_side(&bed, 0);
	foe = self->does;
	foe.base = bed.base;
	foe.size = bed.size;
	foe.link = &bed;
	listener = vshm_ns_listener(self->host, ALL);
	for (int i = 1; i <= ALL; i++) {
		struct vshm_record rec = request(&bed, i, VSHM_CID_HOST,
						 vshm_port(listener));

		vshm_foe_post(&foe, 0, &rec);
		if (i % 64 && i < ALL)
			continue;
		ASSERT_TRUE(heard(&bed));
		for (; n < i; n++) {
			ASSERT_NE(0, vshm_poll(listener, POLLIN, VSHM_WAIT_MS));
			fd[n] = accept(listener, NULL, NULL);
			ASSERT_LE(0, fd[n]);
			ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, fd[n], &ev));
		}
	}
	for (int i = 0; i < 20; i++) {
		/* those that were found are waited for again */
		while (epoll_wait(ep, &ev, 1, 0) == 1)
			;
		memset(to->news, 0xff, sizeof(to->news));
		memset(to->summary, 0xff, sizeof(to->summary));
		vshm_bed_ring(&bed, 0);
	}
	self->does.changes += ALL;
	EXPECT_EQ(0, vshm_bed_num(&bed, 0, "violations"));
	EXPECT_EQ(ALL, vshm_bed_num(&bed, 0, "connections"));
	close(ep);
	close(listener);
	while (n)
		close(fd[--n]);
	close(bed.end[1].ns);
	vshm_bed_free(&bed);
}

/* Nothing but the doorbell, and news of everything. */
TEST_F_TIMEOUT(hostile, doorbell, 120)
{
	ASSERT_TRUE(vshm_traffic_flows(&self->there));
	for (int i = 0; i < 100; i++)
		vshm_foe_storm(&self->does);
	/* that is no reason to lose anything */
	EXPECT_TRUE(vshm_traffic_flows(&self->there));
	EXPECT_TRUE(vshm_traffic_flows(&self->back));
	EXPECT_TRUE(vshm_traffic_flows(&self->quiet));
	EXPECT_EQ(0, self->there.score->lost);
	EXPECT_EQ(0, self->back.score->lost);
}

/* Lines of the kernel's log that blame a peer, since @log was at its end. */
static int complaints(int log)
{
	char line[2048];
	ssize_t n;
	int found = 0;

	while ((n = read(log, line, sizeof(line) - 1)) > 0 || errno == EPIPE) {
		if (n <= 0)
			continue;
		line[n] = 0;
		found += !!strstr(line, "broke the protocol");
	}
	return found;
}

/* A peer that lies all the time is counted each time, and rarely logged. */
TEST_F_TIMEOUT(hostile, log, 120)
{
	static const struct vshm_datagram lie = { .src_cid = 777, .dst_cid = 2 };
	struct vshm_bed *bed = &self->attacked;
	struct vshm_side *to = vshm_bed_side(bed, 0);
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK), lines;
	uint64_t start = vshm_now_ms(), mask;
	struct vshm_ring *ring;

	ASSERT_LE(0, log);
	lseek(log, 0, SEEK_END);
	vshm_bed_detach(bed, 1);
	vshm_bed_detach(bed, 0);
	vshm_bed_format(bed);
	ASSERT_EQ(0, vshm_bed_attach(bed, 0));
	ASSERT_EQ(0, vshm_bed_fake(bed, 1));
	ring = (void *)((char *)bed->base + to->dgram_ring);
	mask = (1ULL << to->dgram_order) - 1;
	for (int i = 0; i < 4000; i++) {
		memcpy((char *)ring + VSHM_PAGE + (ring->head & mask), &lie,
		       sizeof(lie));
		__atomic_store_n(&ring->head, ring->head + sizeof(lie),
				 __ATOMIC_RELEASE);
		if (i % 100 != 99)
			continue;
		__atomic_fetch_or(&to->news[0], 1, __ATOMIC_SEQ_CST);
		__atomic_fetch_or(&to->summary[0], 1, __ATOMIC_SEQ_CST);
		vshm_bed_ring(bed, 0);
		for (int ms = 0; ms < VSHM_WAIT_MS && ring->head !=
		     __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE); ms++)
			usleep(1000);
	}
	self->does.changes += 4000;
	EXPECT_EQ(4000, vshm_bed_num(bed, 0, "violations"));
	lines = complaints(log);
	TH_LOG("%d lines", lines);
	EXPECT_LT(0, lines);
	/* ten in five seconds */
	EXPECT_GE(10 * (2 + (int)(vshm_now_ms() - start) / 5000), lines);
	close(log);
}

/* Epochs that never rest. */
TEST_F_TIMEOUT(hostile, epochs, 120)
{
	struct vshm_side *side = vshm_bed_side(&self->attacked, 1);
	struct vshm_foe *foe = &self->does;

	for (int i = 0; i < self->steps; i++) {
		uint64_t word = __atomic_load_n(&vshm_bed_side(&self->attacked,
							       0)->epoch,
						__ATOMIC_ACQUIRE);
		uint32_t own = vshm_foe_draw(foe);

		side->epoch = vshm_foe_draw(foe) % 2 ?
			VSHM_EPOCH(own, VSHM_EPOCH_OWN(word)) :
			VSHM_EPOCH(own, vshm_foe_draw(foe) % 3);
		self->does.changes++;
		vshm_bed_ring(&self->attacked, 0);
		if (!(i % PAUSE))
			sched_yield();
	}
}

TEST_HARNESS_MAIN
