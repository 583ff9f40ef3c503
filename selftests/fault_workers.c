// SPDX-License-Identifier: GPL-2.0
/*
 * What a host allocates for its guests, it does in workers, which nobody can
 * arm: requests of some caches fail at random. The kernel's command line has to
 * name these: slub_debug=A,vshm_conn,VSHM.
 *
 * Without fault injection in the kernel, all of it is skipped.
 */
#include "vshm_bed.h"
#include "vshm_fault.h"
#include <kselftest_harness.h>

static bool workers_prepare(void)
{
	char value = 0;
	int fd = open("/sys/kernel/slab/vshm_conn/failslab", O_RDONLY);

	if (fd < 0 || read(fd, &value, 1) != 1 || value != '1')
		return false;
	close(fd);
	return vshm_fault_prepare() &&
	       !vshm_fault_set("failslab/cache-filter", "Y") &&
	       !vshm_fault_set("failslab/times", "-1");
}

/* Before the first test, and before there is any output. */
static void __attribute__((constructor)) workers_require(void)
{
	if (!workers_prepare())
		ksft_exit_skip("no slub_debug=A,vshm_conn,VSHM\n");
}

FIXTURE(workers) {
	int host;
	int guest[2];
	struct vshm_bed bed[2];
};

FIXTURE_SETUP(workers)
{
	self->host = vshm_ns_new();
	for (int i = 0; i < 2; i++) {
		self->guest[i] = vshm_ns_new();
		ASSERT_EQ(0, vshm_bed_link(&self->bed[i], self->host,
					   VSHM_CID_HOST, self->guest[i],
					   3 + i));
	}
	ASSERT_EQ(0, vshm_ns_policy(self->host, VSHM_CID_ANY, VSHM_CID_ANY, 1));
}

FIXTURE_TEARDOWN(workers)
{
	vshm_fault_set("failslab/probability", "0");
	for (int i = 0; i < 2; i++) {
		EXPECT_TRUE(vshm_bed_idle(&self->bed[i]));
		EXPECT_EQ(0, vshm_bed_num(&self->bed[i], 0, "violations"));
		EXPECT_EQ(0, vshm_bed_num(&self->bed[i], 1, "violations"));
		EXPECT_TRUE(vshm_ns_empty(self->guest[i]));
	}
	EXPECT_TRUE(vshm_ns_empty(self->host));
	for (int i = 0; i < 2; i++)
		vshm_bed_free(&self->bed[i]);
}

/* One conversation; 0, or the errno of connect(2), or -1. */
static int converse(int ns, int listener, uint32_t cid)
{
	int fd, peer, ret;

	fd = vshm_ns_connect(ns, cid, vshm_port(listener));
	if (fd < 0)
		return errno;
	peer = accept(listener, NULL, NULL);
	ret = peer < 0 ? -1 : vshm_talk(fd, peer);
	if (ret)
		printf("# a connection that was made: %s\n", strerror(errno));
	close(fd);
	close(peer);
	return ret;
}

static void converse_all(struct __test_metadata *_metadata, int ns,
			 int listener, uint32_t cid)
{
	int good = 0, bad = 0, err;

	for (int i = 0; i < 200; i++) {
		err = converse(ns, listener, cid);
		ASSERT_TRUE(!err || vshm_fault_errno(err)) {
			TH_LOG("connection %d: %s", i, strerror(err));
		}
		good += !err;
		bad += !!err;
	}
	TH_LOG("%d good, %d bad", good, bad);
	EXPECT_LT(0, good);
	EXPECT_LT(0, bad);

	ASSERT_EQ(0, vshm_fault_set("failslab/probability", "0"));
	for (int i = 0; i < 20; i++)
		ASSERT_EQ(0, converse(ns, listener, cid));
	close(listener);
}

TEST_F_TIMEOUT(workers, host, 120)
{
	int listener;

	listener = vshm_ns_listener(self->host, 4);
	ASSERT_LE(0, listener);
	ASSERT_EQ(0, vshm_fault_set("failslab/probability", "15"));
	converse_all(_metadata, self->guest[0], listener, VSHM_CID_HOST);
}

TEST_F_TIMEOUT(workers, forward, 120)
{
	int listener;

	listener = vshm_ns_listener(self->guest[1], 4);
	ASSERT_LE(0, listener);
	ASSERT_EQ(0, vshm_fault_set("failslab/probability", "8"));
	converse_all(_metadata, self->guest[0], listener, 4);
}

TEST_HARNESS_MAIN
