// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/class/vshm: links, and how many sockets have each status; totals in
 * /proc/net; each namespace sees its own.
 */
#include "vshm_bed.h"
#include "vshm_diag.h"
#include "vshm_proc.h"
#include "vshm_test.h"
#include <kselftest_harness.h>

#include <sched.h>
#include <sys/mount.h>

#define CLASS	"/sys/class/vshm/"

/* A mount of sysfs shows the namespace that it was made in. */
static int mount_sysfs(void)
{
	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -1;
	return mount("sysfs", "/sys", "sysfs", 0, NULL);
}

static const char *text(const char *device, const char *file)
{
	static char value[64];
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), CLASS "%s/%s", device, file);
	strcpy(value, "absent");
	f = fopen(path, "r");
	if (f && fgets(value, sizeof(value), f))
		value[strcspn(value, "\n")] = '\0';
	if (f)
		fclose(f);
	return value;
}

static uint64_t number(const char *device, const char *file)
{
	const char *value = text(device, file);
	char *end;
	uint64_t n = strtoull(value, &end, 10);

	return end == value || *end ? UINT64_MAX : n;
}

#define EXPECT_FILE(device, file, value)				\
	EXPECT_EQ((uint64_t)(value), number(device, file)) {		\
		TH_LOG("%s/%s is %s", device, file, text(device, file));	\
	}

FIXTURE(sysfs) {
	struct vshm_bed bed;
	int ns;
	int other;
};

FIXTURE_SETUP(sysfs)
{
	self->ns = vshm_ns_new();
	self->other = vshm_ns_new();
	ASSERT_EQ(0, vshm_ns_enter(self->ns));
	ASSERT_EQ(0, mount_sysfs());
	ASSERT_EQ(0, vshm_bed_link(&self->bed, self->ns, 2, self->other, 3));
	ASSERT_EQ(0, vshm_ns_enter(self->ns));
}

FIXTURE_TEARDOWN(sysfs)
{
	vshm_bed_free(&self->bed);
}

TEST_F(sysfs, states)
{
	int unconnected, bound, listener, c, s, half, closed;

	unconnected = vshm_socket(0);
	bound = vshm_socket(0);
	ASSERT_EQ(0, vshm_bind(bound, VSHM_CID_ANY, VSHM_PORT_ANY));
	listener = vshm_listener(4);
	c = vshm_client(listener);
	EXPECT_FILE("sockets", "pending", 1);
	s = accept(listener, NULL, NULL);
	half = vshm_client(listener);
	ASSERT_EQ(0, shutdown(half, SHUT_WR));
	closed = accept(listener, NULL, NULL);
	EXPECT_FILE("sockets", "unconnected", 1);
	EXPECT_FILE("sockets", "bound", 1);
	EXPECT_FILE("sockets", "listening", 1);
	EXPECT_FILE("sockets", "connecting", 0);
	EXPECT_FILE("sockets", "connected", 2);
	EXPECT_FILE("sockets", "shutdown", 2);
	EXPECT_FILE("sockets", "disconnected", 0);
	EXPECT_FILE("sockets", "terminated", 0);
	EXPECT_FILE("sockets", "total", 7);
	EXPECT_FILE("sockets", "pending", 0);
	ASSERT_EQ(0, shutdown(closed, SHUT_WR));
	EXPECT_FILE("sockets", "disconnected", 2);
	EXPECT_FILE("sockets", "shutdown", 0);
	close(unconnected);
	close(bound);
	close(listener);
	close(c);
	close(s);
	close(half);
	close(closed);
	EXPECT_FILE("sockets", "total", 0);
}

/* Activities, while calls are blocked. */
TEST_F(sysfs, activities)
{
	int fd[2];
	char in, out = 0;
	struct vshm_call rx = { .fn = vshm_call_recv, .buf = &in, .len = 1 };
	struct vshm_call tx = { .fn = vshm_call_send, .buf = &out, .len = 1 };
	ssize_t full;

	ASSERT_EQ(0, vshm_pair_open(fd));
	full = vshm_send_full(fd[0], 0);
	EXPECT_FILE("sockets", "sending", 0);
	EXPECT_FILE("sockets", "receiving", 0);
	rx.fd = fd[0];
	tx.fd = fd[0];
	ASSERT_EQ(0, vshm_call_start(&rx));
	ASSERT_TRUE(vshm_call_blocks(&rx));
	EXPECT_FILE("sockets", "receiving", 1);
	ASSERT_EQ(0, vshm_call_start(&tx));
	ASSERT_TRUE(vshm_call_blocks(&tx));
	EXPECT_FILE("sockets", "sending", 1);
	ASSERT_EQ(1, send(fd[1], "x", 1, 0));
	EXPECT_EQ(1, vshm_call_end(&rx));
	ASSERT_EQ(0, vshm_recv_all(fd[1], full, 65536, 0, 0));
	EXPECT_EQ(1, vshm_call_end(&tx));
	EXPECT_FILE("sockets", "sending", 0);
	EXPECT_FILE("sockets", "receiving", 0);
	close(fd[0]);
	close(fd[1]);
}

/* A peer that never answers leaves connecting, and then terminated, ones. */
TEST_F(sysfs, unanswered)
{
	struct vshm_bed mute;
	int fd;

	ASSERT_EQ(0, vshm_bed_make(&mute, self->ns, 2, self->other, 6));
	ASSERT_EQ(0, vshm_bed_attach(&mute, 0));
	ASSERT_EQ(0, vshm_bed_fake(&mute, 1));
	ASSERT_EQ(0, vshm_ns_enter(self->ns));
	fd = vshm_socket(SOCK_NONBLOCK);
	ASSERT_EQ(-1, vshm_connect(fd, 6, 1234));
	ASSERT_EQ(EINPROGRESS, errno);
	EXPECT_FILE("sockets", "connecting", 1);
	close(fd);
	EXPECT_FILE("sockets", "connecting", 0);
	EXPECT_FILE("sockets", "terminated", 1);
	vshm_bed_free(&mute);
}

TEST_F(sysfs, loopback)
{
	int fd[2];

	EXPECT_STREQ("loopback", text("loopback", "kind"));
	EXPECT_STREQ("up", text("loopback", "state"));
	EXPECT_FILE("loopback", "local_cid", 1);
	EXPECT_FILE("loopback", "peer_cid", 1);
	ASSERT_EQ(0, vshm_pair_open(fd));
	EXPECT_FILE("loopback", "connections", 2);
	EXPECT_FILE("loopback", "rings", 2);
	EXPECT_FILE("loopback", "pending", 0);
	EXPECT_FILE("loopback", "datagram_drops", 0);
	EXPECT_FILE("sockets", "memory", 0);
	ASSERT_EQ(0, vshm_send_all(fd[0], 1000, 1000, 0, 0));
	ASSERT_EQ(0, vshm_recv_all(fd[1], 1000, 1000, 0, 0));
	EXPECT_FILE("loopback", "tx_bytes", 1000);
	EXPECT_FILE("loopback", "rx_bytes", 1000);
	ASSERT_LT(0, vshm_send_full(fd[0], 0));
	EXPECT_LT(100000U, number("sockets", "memory"));
	close(fd[0]);
	close(fd[1]);
	EXPECT_FILE("sockets", "memory", 0);
	EXPECT_FILE("loopback", "rings", 0);
	EXPECT_FILE("loopback", "ring_bytes", 0);
}

/* Every file of a link through a region, moved by traffic. */
TEST_F(sysfs, region)
{
	int fd[2];
	char b;

	EXPECT_STREQ("region", text("2-3", "kind"));
	EXPECT_STREQ("up", text("2-3", "state"));
	EXPECT_FILE("2-3", "local_cid", 2);
	EXPECT_FILE("2-3", "peer_cid", 3);
	EXPECT_FILE("2-3", "size", VSHM_BED_SIZE);
	EXPECT_LT(VSHM_BED_SIZE / 4, number("2-3", "heap_size"));
	EXPECT_FILE("2-3", "heap_used", 0);
	EXPECT_FILE("2-3", "max_connections", VSHM_SLOTS - 1);
	EXPECT_EQ(1, number("2-3", "epoch") % 2);
	EXPECT_EQ(1, number("2-3", "peer_epoch") % 2);
	EXPECT_FILE("2-3", "violations", 0);
	ASSERT_EQ(0, vshm_ns_pair(self->ns, self->other, 3, fd));
	EXPECT_FILE("2-3", "connections", 1);
	EXPECT_FILE("2-3", "rings", 1);
	EXPECT_EQ(number("2-3", "heap_used"), number("2-3", "ring_bytes"));
	ASSERT_EQ(5, send(fd[0], "hello", 5, 0));
	EXPECT_FILE("2-3", "tx_bytes", 5);
	ASSERT_EQ(1, send(fd[1], "x", 1, 0));
	ASSERT_EQ(1, recv(fd[0], &b, 1, 0));
	EXPECT_FILE("2-3", "rx_bytes", 1);
	EXPECT_LT(0, number("2-3", "doorbells_sent"));
	EXPECT_LT(0, number("2-3", "doorbells_received"));
	EXPECT_NE(UINT64_MAX, number("2-3", "doorbells_suppressed"));
	EXPECT_FILE("2-3", "resets", 0);
	vshm_bed_detach(&self->bed, 1);
	EXPECT_TRUE(vshm_bed_wait(&self->bed, 0, "state", "down"));
	EXPECT_STREQ("down", text("2-3", "state"));
	EXPECT_FILE("2-3", "resets", 1);
	EXPECT_FILE("2-3", "peer_epoch", 0);
	vshm_bed_detach(&self->bed, 0);
	EXPECT_STREQ("absent", text("2-3", "state"));
	close(fd[0]);
	close(fd[1]);
}

/* Links of another namespace are not seen. */
TEST_F(sysfs, namespaces)
{
	EXPECT_STREQ("up", text("2-3", "state"));
	EXPECT_STREQ("absent", text("3-2", "state"));
	ASSERT_EQ(0, vshm_ns_enter(self->other));
	ASSERT_EQ(0, mount_sysfs());
	EXPECT_STREQ("absent", text("2-3", "state"));
	EXPECT_STREQ("up", text("3-2", "state"));
	EXPECT_STREQ("up", text("loopback", "state"));
}

/* A file that is open while its link goes. */
TEST_F(sysfs, open_file)
{
	int fd = open(CLASS "2-3/state", O_RDONLY);
	char buf[16];

	ASSERT_LE(0, fd);
	vshm_bed_detach(&self->bed, 0);
	EXPECT_EQ(-1, read(fd, buf, sizeof(buf)));
	EXPECT_EQ(ENODEV, errno);
	close(fd);
}

static long proc_number(const char *path, const char *line, const char *word)
{
	char buf[512], *p;
	long n = -1;
	FILE *f = fopen(path, "r");

	while (f && fgets(buf, sizeof(buf), f)) {
		if (strncmp(buf, line, strlen(line)))
			continue;
		p = strstr(buf, word);
		if (p)
			n = strtol(p + strlen(word), NULL, 10);
	}
	if (f)
		fclose(f);
	return n;
}

TEST_F(sysfs, totals)
{
	static const char path[] = "/proc/net/vshm_sockstat";
	char buf[512];
	long sockets = -1;
	int fd[2], unbound;
	FILE *f;

	EXPECT_EQ(0, proc_number(path, "VSHM:", "inuse "));
	EXPECT_EQ(0, proc_number(path, "VSHM:", "mem "));
	ASSERT_EQ(0, vshm_pair_open(fd));
	EXPECT_EQ(2, proc_number(path, "VSHM:", "inuse "));
	EXPECT_EQ(2, proc_number(path, "VSHM:", "connected "));
	EXPECT_EQ(2, proc_number(path, "VSHM:", "rings "));
	EXPECT_EQ(0, proc_number(path, "VSHM:", " unconnected "));
	unbound = vshm_socket(0);
	EXPECT_EQ(1, proc_number(path, "VSHM:", " unconnected "));
	close(unbound);
	EXPECT_EQ(2, proc_number(path, "VSHM:", "mem "));
	f = fopen("/proc/net/protocols", "r");
	ASSERT_NE(NULL, f);
	while (fgets(buf, sizeof(buf), f))
		sscanf(buf, "VSHM %*d %ld", &sockets);
	fclose(f);
	EXPECT_EQ(2, sockets);
	close(fd[0]);
	close(fd[1]);
	EXPECT_EQ(0, proc_number(path, "VSHM:", "inuse "));
	EXPECT_EQ(0, proc_number(path, "VSHM:", "mem "));
}

TEST_HARNESS_MAIN
