// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that are killed at any moment: those that hold an end of a link,
 * and those at both ends of its connections, which go on talking all the time.
 * What the kernel cleans up after one may not harm the others, and nothing may
 * be left.
 *
 * VSHM_SEED and VSHM_KILLS in the environment set the seed and how many.
 */
#include "vshm_bed.h"
#include "vshm_proc.h"
#include "vshm_test.h"
#include "vshm_traffic.h"
#include <kselftest_harness.h>

#define KILLS	60
#define LOOK	20	/* after how many all has to flow */

/* The host is side 0. */
FIXTURE(kills) {
	int ns[2];
	struct vshm_bed bed;
	struct vshm_traffic from[2];
	pid_t holder[2];
	unsigned int seed;
	long taint;
};

/* A process that has one end of the link, and nothing else of it. */
static int hold(FIXTURE_DATA(kills) *self, int side)
{
	pid_t pid = vshm_fork();

	if (!pid) {
		for (int i = 0; i < 2; i++)
			close(self->from[i].listener);
		/* the owner of the end before may still be on its way out */
		while (vshm_bed_attach(&self->bed, side))
			if (errno != EEXIST)
				_exit(1);
		for (;;)
			pause();
	}
	self->holder[side] = pid;
	return pid < 0 ? -1 : 0;
}

static bool is_up(FIXTURE_DATA(kills) *self)
{
	return vshm_bed_wait(&self->bed, 0, "state", "up") &&
	       vshm_bed_wait(&self->bed, 1, "state", "up");
}

FIXTURE_SETUP(kills)
{
	self->taint = vshm_taint();
	self->from[0].listener = -1;
	self->from[1].listener = -1;
	self->seed = vshm_seed();
	for (int i = 0; i < 2; i++) {
		self->ns[i] = vshm_ns_new();
		ASSERT_LE(0, self->ns[i]);
	}
	ASSERT_EQ(0, vshm_bed_make(&self->bed, self->ns[0], VSHM_CID_HOST,
				   self->ns[1], 3));
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, hold(self, i));
	ASSERT_TRUE(is_up(self));
	/* long conversations one way, short ones the other */
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, vshm_traffic_start(&self->from[i], &self->bed, i,
						3, i ? 200 : 100000));
}

FIXTURE_TEARDOWN(kills)
{
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(0, vshm_traffic_stop(&self->from[i]));
	EXPECT_TRUE(vshm_bed_idle(&self->bed));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0, vshm_bed_num(&self->bed, i, "violations"));
		EXPECT_TRUE(vshm_ns_empty(self->ns[i]));
	}
	for (int i = 0; i < 2; i++) {
		kill(self->holder[i], SIGKILL);
		EXPECT_EQ(-1, vshm_wait(self->holder[i]));
		EXPECT_TRUE(vshm_bed_wait(&self->bed, i, "state", "absent"));
	}
	vshm_bed_free(&self->bed);
	EXPECT_EQ(self->taint, vshm_taint());
}

/* One end goes by a kill; the next owner comes at once, or a moment later. */
static int kill_holder(FIXTURE_DATA(kills) *self, int side)
{
	if (kill(self->holder[side], SIGKILL) ||
	    waitpid(self->holder[side], NULL, 0) != self->holder[side])
		return -1;
	if (rand_r(&self->seed) & 1)
		usleep(rand_r(&self->seed) % 3000);
	return hold(self, side);
}

static bool all_flows(FIXTURE_DATA(kills) *self)
{
	return vshm_traffic_flows(&self->from[0]) &&
	       vshm_traffic_flows(&self->from[1]);
}

TEST_F_TIMEOUT(kills, at_any_moment, 120)
{
	const char *n = getenv("VSHM_KILLS");
	int kills = n ? atoi(n) : KILLS, holders = 0, clients = 0, servers = 0;

	for (int i = 0; i < kills; i++) {
		int side = rand_r(&self->seed) & 1;
		int who = rand_r(&self->seed) % 8;
		struct vshm_traffic *t = &self->from[side];

		if (!(i % LOOK)) {
			ASSERT_TRUE(is_up(self));
			ASSERT_TRUE(all_flows(self)) {
				TH_LOG("after %d kills", i);
			}
		}
		usleep(rand_r(&self->seed) % 10000);
		if (who > t->clients) {
			ASSERT_EQ(0, kill_holder(self, side));
			holders++;
		} else {
			ASSERT_EQ(0, vshm_traffic_kill(t, who));
			clients += who < t->clients;
			servers += who == t->clients;
		}
	}
	ASSERT_TRUE(is_up(self));
	EXPECT_TRUE(all_flows(self));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0, self->from[i].score->error) {
			TH_LOG("%s", strerror(self->from[i].score->error));
		}
	}
	printf("# killed: %d ends of the link, %d clients, %d servers\n",
	       holders, clients, servers);
	printf("# conversations: %lu good, %lu lost\n",
	       self->from[0].score->good + self->from[1].score->good,
	       self->from[0].score->lost + self->from[1].score->lost);
	EXPECT_LT(0, self->from[0].score->lost + self->from[1].score->lost);
}

TEST_HARNESS_MAIN
