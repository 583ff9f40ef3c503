// SPDX-License-Identifier: GPL-2.0
/* /dev/vshm: what it refuses, and what it gives back. */
#include "vshm_bed.h"
#include "vshm_proc.h"
#include "vshm_test.h"
#include <kselftest_harness.h>

#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <linux/capability.h>

/* A link that can be attached, and the device opened for side 0. */
FIXTURE(host) {
	int ns[2];
	struct vshm_bed bed;
	int dev;
};

FIXTURE_SETUP(host)
{
	for (int i = 0; i < 2; i++) {
		self->ns[i] = vshm_ns_new();
		ASSERT_LE(0, self->ns[i]);
	}
	ASSERT_EQ(0, vshm_bed_make(&self->bed, self->ns[0], VSHM_CID_HOST,
				   self->ns[1], 3));
	ASSERT_EQ(0, vshm_ns_enter(self->ns[0]));
	self->dev = open(VSHM_DEVICE, O_RDWR);
	ASSERT_LE(0, self->dev);
}

FIXTURE_TEARDOWN(host)
{
	close(self->dev);
	vshm_bed_free(&self->bed);
	close(self->ns[0]);
	close(self->ns[1]);
	EXPECT_EQ(0, vshm_locked_kb());
}

/* What the ioctl says: 0 or errno. */
static int attach(int dev, struct vshm_attach args)
{
	return ioctl(dev, VSHM_IOC_ATTACH, &args) ? errno : 0;
}

static int memory(const char *name, uint64_t size, int seals)
{
	int fd = memfd_create(name, MFD_ALLOW_SEALING);

	if (ftruncate(fd, size) || fcntl(fd, F_ADD_SEALS, seals))
		return -1;
	return fd;
}

TEST_F(host, unknown_ioctl)
{
	EXPECT_EQ(-1, ioctl(self->dev, _IO(0xb5, 0x7f), 0));
	EXPECT_EQ(ENOTTY, errno);
}

TEST_F(host, structure_size)
{
	struct {
		struct vshm_attach a;
		uint64_t more;
	} args = { .a = vshm_bed_args(&self->bed, 0) };

	args.a.size = 0;
	EXPECT_EQ(-1, ioctl(self->dev, VSHM_IOC_ATTACH, &args));
	EXPECT_EQ(EINVAL, errno);
	args.a.size = sizeof(args.a) - 1;
	EXPECT_EQ(-1, ioctl(self->dev, VSHM_IOC_ATTACH, &args));
	EXPECT_EQ(EINVAL, errno);
	/* a later one may have more, which must not ask for anything */
	args.a.size = sizeof(args);
	args.more = 1;
	EXPECT_EQ(-1, ioctl(self->dev, VSHM_IOC_ATTACH, &args));
	EXPECT_EQ(E2BIG, errno);
	/* a size that nobody means is not a reason to look at so much */
	args.a.size = -1;
	EXPECT_EQ(-1, ioctl(self->dev, VSHM_IOC_ATTACH, &args));
	EXPECT_EQ(E2BIG, errno);
	args.a.size = sizeof(args);
	args.more = 0;
	EXPECT_EQ(0, ioctl(self->dev, VSHM_IOC_ATTACH, &args));
}

TEST_F(host, bad_address)
{
	EXPECT_EQ(-1, ioctl(self->dev, VSHM_IOC_ATTACH, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->dev, VSHM_IOC_POLICY, NULL));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(host, flags)
{
	struct vshm_attach args = vshm_bed_args(&self->bed, 0);

	args.flags = 1;
	EXPECT_EQ(EINVAL, attach(self->dev, args));
	args.flags = 1U << 31;
	EXPECT_EQ(EINVAL, attach(self->dev, args));
}

/* Memory that is refused. */
TEST_F(host, unsealed_memory)
{
	struct vshm_attach args = vshm_bed_args(&self->bed, 0);
	int seals[] = { 0, F_SEAL_GROW, F_SEAL_SEAL };

	for (unsigned int i = 0; i < 3; i++) {
		args.memory_fd = memory("unsealed", VSHM_BED_SIZE, seals[i]);
		ASSERT_LE(0, args.memory_fd);
		EXPECT_EQ(EINVAL, attach(self->dev, args));
		close(args.memory_fd);
	}
}

/* Who may attach memory may not fill the kernel's log. */
TEST_F(host, refusals_in_the_log)
{
	struct vshm_attach args = vshm_bed_args(&self->bed, 0);
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	int lines = 0;
	char line[1024];
	ssize_t n;

	if (log < 0)
		SKIP(return, "no /dev/kmsg");
	lseek(log, 0, SEEK_END);
	args.memory_fd = memory("unsealed", VSHM_BED_SIZE, 0);
	for (int i = 0; i < 1000; i++)
		ASSERT_EQ(EINVAL, attach(self->dev, args));
	/* EPIPE: more was said than the log holds */
	while ((n = read(log, line, sizeof(line) - 1)) > 0 || errno == EPIPE) {
		line[n > 0 ? n : 0] = 0;
		lines += !!strstr(line, "memory is refused");
	}
	EXPECT_LT(0, lines);
	EXPECT_GT(300, lines);
	close(args.memory_fd);
	close(log);
}

TEST_F(host, write_sealed_memory)
{
	struct vshm_attach args = vshm_bed_args(&self->bed, 0);

	args.memory_fd = memory("sealed", VSHM_BED_SIZE,
				F_SEAL_SHRINK | F_SEAL_WRITE);
	ASSERT_LE(0, args.memory_fd);
	EXPECT_EQ(EPERM, attach(self->dev, args));
	close(args.memory_fd);
}

TEST_F(host, read_only_memory)
{
	struct vshm_attach args = vshm_bed_args(&self->bed, 0);
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->bed.memfd);
	args.memory_fd = open(path, O_RDONLY);
	ASSERT_LE(0, args.memory_fd);
	EXPECT_EQ(EACCES, attach(self->dev, args));
	close(args.memory_fd);
}

TEST_F(host, not_a_memfd)
{
	struct vshm_attach args = vshm_bed_args(&self->bed, 0);
	const char *paths[] = { "/dev/zero", "/proc/self/exe", "/tmp", "/" };

	for (unsigned int i = 0; i < 4; i++) {
		args.memory_fd = open(paths[i], O_RDONLY);
		ASSERT_LE(0, args.memory_fd);
		EXPECT_EQ(EINVAL, attach(self->dev, args)) {
			TH_LOG("%s", paths[i]);
		}
		close(args.memory_fd);
	}
	args.memory_fd = self->bed.end[0].bell;
	EXPECT_EQ(EINVAL, attach(self->dev, args));
	args.memory_fd = self->dev;
	EXPECT_EQ(EINVAL, attach(self->dev, args));
}

/* A file of a tmpfs, as long as it must be, but without seals. */
TEST_F(host, ordinary_file)
{
	struct vshm_attach args = vshm_bed_args(&self->bed, 0);
	char path[] = "/tmp/vshm-XXXXXX";

	args.memory_fd = mkstemp(path);
	ASSERT_LE(0, args.memory_fd);
	unlink(path);
	ASSERT_EQ(0, ftruncate(args.memory_fd, VSHM_BED_SIZE));
	EXPECT_EQ(EINVAL, attach(self->dev, args));
	close(args.memory_fd);
}

TEST_F(host, memory_size)
{
	struct vshm_attach args = vshm_bed_args(&self->bed, 0);
	uint64_t sizes[] = {
		0, 1, VSHM_PAGE, VSHM_REGION_MIN - VSHM_PAGE,
		VSHM_REGION_MIN + 1, 1ULL << 41,
	};

	for (unsigned int i = 0; i < 6; i++) {
		args.memory_fd = memory("size", sizes[i], F_SEAL_SHRINK);
		ASSERT_LE(0, args.memory_fd);
		EXPECT_EQ(EINVAL, attach(self->dev, args)) {
			TH_LOG("%llu bytes", (unsigned long long)sizes[i]);
		}
		close(args.memory_fd);
	}
}

/* Headers that are refused. */
FIXTURE(header) {
	FIXTURE_DATA(host) host;
};

FIXTURE_VARIANT(header) {
	struct vshm_region region;
	uint32_t cid;
	uint32_t peer_cid;
	int error;
};

/* What the header says, then how it is attached, then the answer. */
#define HEADER(name, magic, version, size, features, cid0, cid1, own, peer, err) \
	FIXTURE_VARIANT_ADD(header, name) {				\
		{ magic, version, 0, size, features, { cid0, cid1 }, { 0 } }, \
		own, peer, err }

#define MAGIC	VSHM_MAGIC
#define VERSION	VSHM_VERSION
#define SIZE	VSHM_BED_SIZE

HEADER(good, MAGIC, VERSION, SIZE, 0, 2, 3, 2, 3, 0);
HEADER(good_other_side, MAGIC, VERSION, SIZE, 0, 2, 3, 3, 2, 0);
HEADER(no_magic, 0, VERSION, SIZE, 0, 2, 3, 2, 3, EINVAL);
HEADER(other_magic, MAGIC + 1, VERSION, SIZE, 0, 2, 3, 2, 3, EINVAL);
HEADER(version_0, MAGIC, 0, SIZE, 0, 2, 3, 2, 3, EPROTONOSUPPORT);
HEADER(version_next, MAGIC, VERSION + 1, SIZE, 0, 2, 3, 2, 3, EPROTONOSUPPORT);
HEADER(no_size, MAGIC, VERSION, 0, 0, 2, 3, 2, 3, EINVAL);
HEADER(small, MAGIC, VERSION, VSHM_REGION_MIN / 2, 0, 2, 3, 2, 3, EINVAL);
HEADER(large, MAGIC, VERSION, SIZE * 2, 0, 2, 3, 2, 3, EINVAL);
HEADER(odd, MAGIC, VERSION, SIZE - 4096, 0, 2, 3, 2, 3, EINVAL);
HEADER(huge, MAGIC, VERSION, 1ULL << 63, 0, 2, 3, 2, 3, EINVAL);
HEADER(part, MAGIC, VERSION, SIZE / 2, 0, 2, 3, 2, 3, 0);
HEADER(features, MAGIC, VERSION, SIZE, 1, 2, 3, 2, 3, EINVAL);
HEADER(same, MAGIC, VERSION, SIZE, 0, 2, 2, 2, 2, EINVAL);
HEADER(other_cid, MAGIC, VERSION, SIZE, 0, 2, 3, 4, 3, EINVAL);
HEADER(other_peer, MAGIC, VERSION, SIZE, 0, 2, 3, 2, 4, EINVAL);
HEADER(guest_unsaid, MAGIC, VERSION, SIZE, 0, 3, 4, 3, 0, EINVAL);
HEADER(host_unsaid, MAGIC, VERSION, SIZE, 0, 2, 3, 3, 0, EINVAL);
HEADER(host_for_guest, MAGIC, VERSION, SIZE, 0, 2, 3, 3, 4, EINVAL);
HEADER(no_peer, MAGIC, VERSION, SIZE, 0, 2, 0, 2, 0, EINVAL);
HEADER(peer_loopback, MAGIC, VERSION, SIZE, 0, 2, 1, 2, 1, EINVAL);
HEADER(peer_any, MAGIC, VERSION, SIZE, 0, 2, -1, 2, -1, EINVAL);
HEADER(peer_large, MAGIC, VERSION, SIZE, 0, 2, 65536, 2, 65536, EINVAL);
HEADER(own_hypervisor, MAGIC, VERSION, SIZE, 0, 0, 3, 0, 3, EINVAL);
HEADER(own_loopback, MAGIC, VERSION, SIZE, 0, 1, 3, 1, 3, EINVAL);
HEADER(own_any, MAGIC, VERSION, SIZE, 0, -1, 3, -1, 3, EINVAL);
HEADER(own_large, MAGIC, VERSION, SIZE, 0, 65536, 3, 65536, 3, EINVAL);
HEADER(guests, MAGIC, VERSION, SIZE, 0, 65535, 3, 65535, 3, 0);

FIXTURE_SETUP(header)
{
	host_setup(_metadata, &self->host, NULL);
}

FIXTURE_TEARDOWN(header)
{
	host_teardown(_metadata, &self->host, NULL);
}

TEST_F(header, checked)
{
	struct vshm_attach args = vshm_bed_args(&self->host.bed, 0);

	args.cid = variant->cid;
	args.peer_cid = variant->peer_cid;
	memcpy(self->host.bed.base, &variant->region,
	       sizeof(variant->region));
	EXPECT_EQ(variant->error, attach(self->host.dev, args));
	EXPECT_EQ(variant->error ? 0 : (long)VSHM_BED_SIZE / 1024,
		  vshm_locked_kb());
	/* a file that was refused can be used for another */
	if (variant->error) {
		vshm_bed_format(&self->host.bed);
		args = vshm_bed_args(&self->host.bed, 0);
		EXPECT_EQ(0, attach(self->host.dev, args));
	}
}

TEST_F(host, file_descriptors)
{
	struct vshm_attach good = vshm_bed_args(&self->bed, 0), args;
	int closed = dup(0);

	close(closed);
	for (unsigned int i = 0; i < 2; i++) {
		int bad = i ? -1 : closed;

		args = good;
		args.memory_fd = bad;
		EXPECT_EQ(EBADF, attach(self->dev, args));
		args = good;
		args.in_fd = bad;
		EXPECT_EQ(EBADF, attach(self->dev, args));
		args = good;
		args.out_fd = bad;
		EXPECT_EQ(EBADF, attach(self->dev, args));
	}
	/* there, but not eventfds */
	args = good;
	args.in_fd = self->bed.memfd;
	EXPECT_EQ(EINVAL, attach(self->dev, args));
	args = good;
	args.out_fd = self->bed.memfd;
	EXPECT_EQ(EINVAL, attach(self->dev, args));
	EXPECT_EQ(0, vshm_locked_kb());
	EXPECT_EQ(0, attach(self->dev, good));
}

/* One eventfd for both directions: of no use, but it must do no harm. */
TEST_F(host, own_doorbell)
{
	struct vshm_attach args = vshm_bed_args(&self->bed, 0);

	args.out_fd = args.in_fd;
	EXPECT_EQ(0, attach(self->dev, args));
	ASSERT_EQ(0, vshm_bed_attach(&self->bed, 1));
	for (int i = 0; i < 100; i++)
		vshm_bed_ring(&self->bed, 0);
	EXPECT_TRUE(vshm_bed_wait(&self->bed, 0, "state", "up"));
}

TEST_F(host, second_attach)
{
	struct vshm_attach args = vshm_bed_args(&self->bed, 0);
	struct vshm_bed other;

	ASSERT_EQ(0, attach(self->dev, args));
	EXPECT_EQ(EBUSY, attach(self->dev, args));
	ASSERT_EQ(0, vshm_bed_make(&other, self->ns[0], 2, self->ns[1], 4));
	EXPECT_EQ(EBUSY, attach(self->dev, vshm_bed_args(&other, 0)));
	vshm_bed_free(&other);
}

TEST_F(host, second_link)
{
	struct vshm_bed other;

	ASSERT_EQ(0, attach(self->dev, vshm_bed_args(&self->bed, 0)));
	/* to the same peer, by the same memory or another */
	EXPECT_EQ(-1, vshm_bed_attach(&self->bed, 0));
	EXPECT_EQ(EEXIST, errno);
	ASSERT_EQ(0, vshm_bed_make(&other, self->ns[0], 2, self->ns[1], 3));
	EXPECT_EQ(-1, vshm_bed_attach(&other, 0));
	EXPECT_EQ(EEXIST, errno);
	EXPECT_EQ((long)VSHM_BED_SIZE / 1024, vshm_locked_kb());
	/* the first one is well */
	EXPECT_EQ(0, vshm_bed_attach(&self->bed, 1));
	EXPECT_TRUE(vshm_bed_wait(&self->bed, 0, "state", "up"));
	/* and the second takes its place once it has gone */
	close(self->dev);
	EXPECT_EQ(0, vshm_bed_attach(&other, 0));
	vshm_bed_free(&other);
	self->dev = -1;
}

TEST_F(host, charge)
{
	long kb = VSHM_BED_SIZE / 1024;

	EXPECT_EQ(0, vshm_locked_kb());
	ASSERT_EQ(0, vshm_bed_attach(&self->bed, 0));
	EXPECT_EQ(kb, vshm_locked_kb());
	ASSERT_EQ(0, vshm_bed_up(&self->bed));
	EXPECT_EQ(2 * kb, vshm_locked_kb());
	vshm_bed_detach(&self->bed, 0);
	EXPECT_EQ(kb, vshm_locked_kb());
	vshm_bed_detach(&self->bed, 1);
	EXPECT_EQ(0, vshm_locked_kb());
}

/* Charged to who attached, even if another process detaches. */
TEST_F(host, charge_of_another)
{
	pid_t pid;
	int go[2];
	char b;

	ASSERT_EQ(0, pipe(go));
	ASSERT_EQ(0, vshm_bed_attach(&self->bed, 0));
	pid = vshm_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(go[1]);
		_exit(read(go[0], &b, 1) || vshm_locked_kb());
	}
	vshm_bed_detach(&self->bed, 0);
	EXPECT_EQ((long)VSHM_BED_SIZE / 1024, vshm_locked_kb());
	close(go[1]);
	EXPECT_EQ(0, vshm_wait(pid));
	EXPECT_EQ(0, vshm_locked_kb());
	close(go[0]);
}

/* The process that attached is gone, its link is not. */
TEST_F(host, attached_by_a_child)
{
	struct vshm_attach args = vshm_bed_args(&self->bed, 0);
	pid_t pid = vshm_fork();

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(attach(self->dev, args));
	ASSERT_EQ(0, vshm_wait(pid));
	EXPECT_EQ(0, vshm_locked_kb());
	ASSERT_EQ(0, vshm_bed_attach(&self->bed, 1));
	EXPECT_TRUE(vshm_bed_wait(&self->bed, 0, "state", "up"));
	EXPECT_TRUE(vshm_bed_wait(&self->bed, 1, "state", "up"));
}

/* All that is needed is the open file of each end. */
TEST_F(host, files_closed)
{
	struct vshm_bed *bed = &self->bed;
	int pair[2];

	ASSERT_EQ(0, vshm_bed_attach(bed, 0));
	ASSERT_EQ(0, vshm_bed_attach(bed, 1));
	close(bed->memfd);
	munmap(bed->base, bed->size);
	bed->base = NULL;
	for (int i = 0; i < 2; i++) {
		close(bed->end[i].bell);
		bed->end[i].bell = -1;
	}
	bed->memfd = -1;
	ASSERT_TRUE(vshm_bed_wait(bed, 0, "state", "up"));
	ASSERT_TRUE(vshm_bed_wait(bed, 1, "state", "up"));
	ASSERT_EQ(0, vshm_ns_pair(self->ns[0], self->ns[1], 3, pair));
	EXPECT_EQ(0, vshm_send_all(pair[0], 1000, 1000, 0, 1));
	EXPECT_EQ(0, vshm_recv_all(pair[1], 1000, 1000, 0, 1));
	close(pair[0]);
	close(pair[1]);
}

/* A namespace lives as long as a link in it. */
TEST_F(host, namespace_closed)
{
	ASSERT_EQ(0, vshm_bed_attach(&self->bed, 1));
	close(self->ns[1]);
	self->ns[1] = -1;
	EXPECT_EQ(0, vshm_bed_attach(&self->bed, 0));
	EXPECT_TRUE(vshm_bed_wait(&self->bed, 0, "state", "up"));
}

TEST_F(host, connections_limit)
{
	struct vshm_attach args = vshm_bed_args(&self->bed, 0);
	int listener, c[4], s;

	args.max_connections = 3;
	ASSERT_EQ(0, attach(self->dev, args));
	ASSERT_EQ(0, vshm_bed_attach(&self->bed, 1));
	ASSERT_TRUE(vshm_bed_wait(&self->bed, 0, "state", "up"));
	ASSERT_TRUE(vshm_bed_wait(&self->bed, 1, "state", "up"));
	listener = vshm_ns_listener(self->ns[0], 10);
	for (int i = 0; i < 3; i++) {
		c[i] = vshm_ns_connect(self->ns[1], 2, vshm_port(listener));
		ASSERT_LE(0, c[i]);
	}
	EXPECT_EQ(-1, vshm_ns_connect(self->ns[1], 2, vshm_port(listener)));
	EXPECT_EQ(ENOBUFS, errno);
	EXPECT_EQ(-1, vshm_ns_connect(self->ns[0], 3, 5000));
	EXPECT_EQ(ENOBUFS, errno);
	/* one goes, one may come */
	s = accept(listener, NULL, NULL);
	close(s);
	close(c[0]);
	EXPECT_TRUE(vshm_bed_wait(&self->bed, 0, "connections", "2"));
	c[3] = vshm_ns_connect(self->ns[1], 2, vshm_port(listener));
	EXPECT_LE(0, c[3]);
	for (int i = 1; i < 4; i++)
		close(c[i]);
	close(listener);
}

static int drop_capability(int cap)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return -1;
	data[cap / 32].effective &= ~(1U << (cap % 32));
	return syscall(SYS_capset, &header, data);
}

TEST_F(host, capability)
{
	ASSERT_EQ(0, drop_capability(CAP_NET_ADMIN));
	EXPECT_EQ(-1, open(VSHM_DEVICE, O_RDWR));
	EXPECT_EQ(EPERM, errno);
}

/* Its own namespaces: capable there, and bound by the limit. */
static int unprivileged(struct vshm_attach args, rlim_t limit)
{
	struct rlimit lim = { limit, limit };
	int dev;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return errno == EPERM || errno == ENOSPC ? 255 : 254;
	if (setrlimit(RLIMIT_MEMLOCK, &lim))
		return 253;
	/* the file is still root's, and so is this process */
	dev = open(VSHM_DEVICE, O_RDWR);
	if (dev < 0)
		return 252;
	return attach(dev, args);
}

TEST_F(host, locked_memory_limit)
{
	struct vshm_attach args = vshm_bed_args(&self->bed, 0);
	struct {
		rlim_t limit;
		int error;
	} cases[] = {
		{ 0, ENOMEM },
		{ VSHM_BED_SIZE - 1, ENOMEM },
		{ VSHM_BED_SIZE, 0 },
	};

	for (unsigned int i = 0; i < 3; i++) {
		pid_t pid = vshm_fork();
		int ret;

		ASSERT_LE(0, pid);
		if (!pid)
			_exit(unprivileged(args, cases[i].limit));
		ret = vshm_wait(pid);
		if (ret == 255)
			SKIP(return, "no new user namespace");
		EXPECT_EQ(cases[i].error, ret);
	}
}

TEST_F(host, policy_values)
{
	struct {
		uint32_t src, dst, verdict;
		int error;
	} cases[] = {
		{ 3, 4, 1, 0 }, { 3, 4, 0, 0 }, { 4, 3, 1, 0 },
		{ -1, 4, 1, 0 }, { 3, -1, 1, 0 }, { -1, -1, 0, 0 },
		{ 65535, 65535, 0, 0 },
		{ 3, 4, 2, 0 }, { 3, 4, 2, ENOENT }, { 4, 4, 2, ENOENT },
		{ -1, -1, 2, 0 }, { -1, -1, 2, ENOENT },
		{ 2, 4, 2, EINVAL },
		{ 3, 4, 3, EINVAL }, { 3, 4, -1, EINVAL },
		{ 2, 4, 1, EINVAL }, { 3, 2, 1, EINVAL },
		{ 1, 4, 1, EINVAL }, { 3, 1, 1, EINVAL },
		{ 0, 4, 1, EINVAL }, { 3, 0, 1, EINVAL },
		{ 65536, 4, 1, EINVAL }, { 3, 65536, 1, EINVAL },
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int ret = vshm_ns_policy(self->ns[0], cases[i].src,
					 cases[i].dst, cases[i].verdict);

		EXPECT_EQ(cases[i].error, ret ? errno : 0) {
			TH_LOG("%u to %u: %u", cases[i].src, cases[i].dst,
			       cases[i].verdict);
		}
	}
}

/* How many rows of the policy of @ns differ from @want, "src dst verdict" each. */
static int policy_rows(int ns, const char * const *want, int nr)
{
	struct vshm_table t;
	int missing = 0;

	if (vshm_ns_enter(ns) || vshm_table_read(&t, VSHM_PROC_POLICY))
		return -1;
	for (int i = 0; i < nr && i < t.rows; i++) {
		char row[64];

		snprintf(row, sizeof(row), "%s %s %s",
			 vshm_table_cell(&t, i + 1, "src"),
			 vshm_table_cell(&t, i + 1, "dst"),
			 vshm_table_cell(&t, i + 1, "verdict"));
		missing += strcmp(row, want[i]) != 0;
	}
	missing += abs(nr - t.rows);
	vshm_table_free(&t);
	return missing;
}

TEST_F(host, policy_list)
{
	static const char * const all[] = {
		"* * deny", "* 4 allow", "3 * deny", "3 4 allow",
		"65535 65535 allow",
	};
	static const char * const rest[] = { "* * deny", "3 4 deny" };
	const struct {
		uint32_t src, dst, verdict;
	} first[] = {
		{ 3, 4, 1 }, { -1, 4, 1 }, { 65535, 65535, 1 }, { 3, -1, 0 },
		{ -1, -1, 0 },
	}, then[] = {
		{ -1, 4, 2 }, { 65535, 65535, 2 }, { 3, -1, 2 }, { 3, 4, 0 },
	};

	EXPECT_EQ(0, policy_rows(self->ns[0], NULL, 0));
	for (unsigned int i = 0; i < sizeof(first) / sizeof(*first); i++)
		ASSERT_EQ(0, vshm_ns_policy(self->ns[0], first[i].src,
					    first[i].dst, first[i].verdict));
	EXPECT_EQ(0, policy_rows(self->ns[0], all, 5));
	/* the other namespace has its own */
	EXPECT_EQ(0, policy_rows(self->ns[1], NULL, 0));
	for (unsigned int i = 0; i < sizeof(then) / sizeof(*then); i++)
		ASSERT_EQ(0, vshm_ns_policy(self->ns[0], then[i].src,
					    then[i].dst, then[i].verdict));
	EXPECT_EQ(0, policy_rows(self->ns[0], rest, 2));
}

TEST_F(host, policy_size)
{
	struct {
		struct vshm_policy p;
		uint32_t more;
	} args = { { 0, 3, 4, 1 }, 0 };

	EXPECT_EQ(-1, ioctl(self->dev, VSHM_IOC_POLICY, &args));
	EXPECT_EQ(EINVAL, errno);
	args.p.size = sizeof(args);
	EXPECT_EQ(0, ioctl(self->dev, VSHM_IOC_POLICY, &args));
	args.more = 1;
	EXPECT_EQ(-1, ioctl(self->dev, VSHM_IOC_POLICY, &args));
	EXPECT_EQ(E2BIG, errno);
}

TEST_HARNESS_MAIN
