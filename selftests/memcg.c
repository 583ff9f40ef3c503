// SPDX-License-Identifier: GPL-2.0
/*
 * Memory cgroups: what sockets, rings and queues take is charged to who has
 * them, also when it is others who send. When a group has all that it may have,
 * calls fail and datagrams are dropped; no program is killed for it, and what was
 * given back can be had again.
 *
 * The server is a process in a group of its own; its parent, who is in another,
 * is whoever else there is.
 */
#include "vshm_dgram.h"
#include <kselftest_harness.h>

#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define MIB		(1L << 20)
#define SERVERS		16		/* sockets that receive datagrams */
#define BIG		60000		/* bytes of a datagram */
#define NOISE		(MIB * 3 / 4)	/* that a group may seem to use */

FIXTURE(memcg) {
	char root[32];		/* where cgroup2 is mounted */
	char group[64];
	int order[2];		/* a byte: the server does the next thing */
	int done[2];		/* a byte: it has done it */
	pid_t pid;
	long before;
};

static int write_in(const char *dir, const char *name, const char *value)
{
	char path[128];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -1;
	n = write(fd, value, strlen(value));
	close(fd);
	return n == (ssize_t)strlen(value) ? 0 : -1;
}

/* The number in a file, or behind a word in it; -1 when there is none. */
static long read_in(const char *dir, const char *name, const char *word)
{
	char path[128], line[128];
	long n = -1;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (!word)
			n = atol(line);
		else if (!strncmp(line, word, strlen(word)) &&
			 line[strlen(word)] == ' ')
			n = atol(line + strlen(word));
	if (f)
		fclose(f);
	return n;
}

static long usage(FIXTURE_DATA(memcg) *self)
{
	return read_in(self->group, "memory.current", NULL);
}

/* Some sockets are freed after a grace period, and pages later still. */
static bool comes_back(FIXTURE_DATA(memcg) *self)
{
	uint64_t end = vshm_now_ms() + VSHM_WAIT_MS;

	while (usage(self) > self->before + NOISE) {
		if (vshm_now_ms() > end)
			return false;
		usleep(10000);
	}
	return true;
}

static long kills(FIXTURE_DATA(memcg) *self)
{
	return read_in(self->group, "memory.events", "oom_kill");
}

static int set_max(FIXTURE_DATA(memcg) *self, long more)
{
	char text[24];

	snprintf(text, sizeof(text), "%ld", self->before + more);
	return write_in(self->group, "memory.max", text);
}

/* Starts the server, and waits until it has said that it is ready. */
static bool serve(FIXTURE_DATA(memcg) *self,
		  void (*server)(FIXTURE_DATA(memcg) *self))
{
	char b;

	self->pid = vshm_fork();
	if (!self->pid) {
		if (write_in(self->group, "cgroup.procs", "0"))
			_exit(1);
		server(self);
		_exit(0);
	}
	if (self->pid < 0 || read(self->done[0], &b, 1) != 1)
		return false;
	self->before = usage(self);
	return self->before > 0;
}

/* The server: tell the parent, and wait for an order. */
static void obey(FIXTURE_DATA(memcg) *self)
{
	char b = 0;

	if (write(self->done[1], &b, 1) != 1 || read(self->order[0], &b, 1) != 1)
		_exit(2);
}

/* The parent: have the server do the next thing. */
static bool command(FIXTURE_DATA(memcg) *self)
{
	char b = 0;

	return write(self->order[1], &b, 1) == 1 &&
	       vshm_poll(self->done[0], POLLIN, 4 * VSHM_WAIT_MS) == POLLIN &&
	       read(self->done[0], &b, 1) == 1;
}

static bool alive(FIXTURE_DATA(memcg) *self)
{
	return !waitpid(self->pid, NULL, WNOHANG);
}

FIXTURE_SETUP(memcg)
{
	struct rlimit files = { 8192, 8192 };

	setrlimit(RLIMIT_NOFILE, &files);
	snprintf(self->root, sizeof(self->root), "/tmp/vshm-cgroup.XXXXXX");
	if (geteuid() || !mkdtemp(self->root))
		SKIP(return, "needs root");
	if (mount("vshm", self->root, "cgroup2", 0, NULL)) {
		rmdir(self->root);
		SKIP(return, "no cgroup2");
	}
	snprintf(self->group, sizeof(self->group), "%s/vshm-%d", self->root,
		 getpid());
	write_in(self->root, "cgroup.subtree_control", "+memory");
	ASSERT_EQ(0, mkdir(self->group, 0755));
	if (usage(self) < 0)
		SKIP(return, "no memory controller");
	ASSERT_EQ(0, pipe(self->order));
	ASSERT_EQ(0, pipe(self->done));
}

FIXTURE_TEARDOWN(memcg)
{
	uint64_t end = vshm_now_ms() + VSHM_WAIT_MS;

	if (self->pid > 0) {
		EXPECT_EQ(0, kills(self));
		kill(self->pid, SIGKILL);
		waitpid(self->pid, NULL, 0);
		/* what a program had is gone with it */
		self->before = 0;
		EXPECT_TRUE(comes_back(self)) {
			TH_LOG("%ld bytes", usage(self));
		}
	}
	while (rmdir(self->group) && errno == EBUSY && vshm_now_ms() < end)
		usleep(1000);
	umount2(self->root, MNT_DETACH);
	rmdir(self->root);
}

/* Pairs of sockets whose larger rings are full. */
static void have_rings(FIXTURE_DATA(memcg) *self)
{
	int fd[8][2];

	obey(self);
	for (int i = 0; i < 8; i++)
		if (vshm_pair_open(fd[i]) ||
		    vshm_send_full(fd[i][0], 0) < MIB / 2)
			_exit(3);
	obey(self);
	for (int i = 0; i < 8; i++) {
		close(fd[i][0]);
		close(fd[i][1]);
	}
	obey(self);
	for (;;)
		pause();
}

TEST_F_TIMEOUT(memcg, rings, 120)
{
	ASSERT_TRUE(serve(self, have_rings));
	ASSERT_TRUE(command(self));
	EXPECT_LE(self->before + 4 * MIB, usage(self));
	EXPECT_GT(self->before + 8 * MIB, usage(self));
	ASSERT_TRUE(command(self));
	EXPECT_TRUE(comes_back(self)) {
		TH_LOG("%ld of %ld bytes", usage(self), self->before);
	}
}

static uint32_t *shared_ports(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static uint32_t *ports;

/* Has clients that read nothing, and says where others are to write. */
static void have_unread(FIXTURE_DATA(memcg) *self)
{
	int fd[8], listener = vshm_listener(8);

	ports[0] = vshm_port(listener);
	obey(self);
	for (int i = 0; i < 8; i++)
		fd[i] = accept(listener, NULL, NULL);
	obey(self);
	for (int i = 0; i < 8; i++)
		close(fd[i]);
	close(listener);
	obey(self);
	for (;;)
		pause();
}

/* It is who writes that makes the larger rings, and who does not read has them. */
TEST_F_TIMEOUT(memcg, rings_written_by_others, 120)
{
	int fd[8];

	ports = shared_ports();
	ASSERT_TRUE(serve(self, have_unread));
	for (int i = 0; i < 8; i++) {
		fd[i] = vshm_socket(0);
		ASSERT_EQ(0, vshm_connect(fd[i], VSHM_CID_LOCAL, ports[0]));
		ASSERT_LE(MIB / 2, vshm_send_full(fd[i], 0));
	}
	EXPECT_LE(self->before + 4 * MIB, usage(self));
	EXPECT_GT(self->before + 8 * MIB, usage(self));
	ASSERT_TRUE(command(self));
	ASSERT_TRUE(command(self));
	EXPECT_TRUE(comes_back(self)) {
		TH_LOG("%ld of %ld bytes", usage(self), self->before);
	}
	for (int i = 0; i < 8; i++)
		close(fd[i]);
}

/* Sockets and connections alone, none of which has sent anything. */
static void have_sockets(FIXTURE_DATA(memcg) *self)
{
	static int fd[200][2];

	obey(self);
	for (int i = 0; i < 200; i++)
		if (vshm_pair_open(fd[i]))
			_exit(3);
	obey(self);
	for (;;)
		pause();
}

TEST_F_TIMEOUT(memcg, sockets, 120)
{
	ASSERT_TRUE(serve(self, have_sockets));
	ASSERT_TRUE(command(self));
	/* a socket, a connection and a first ring for each of 400 */
	EXPECT_LE(self->before + 400 * 4096, usage(self));
}

/* Receives no datagram until it is told to. */
static void have_queues(FIXTURE_DATA(memcg) *self)
{
	int fd[SERVERS], size = 8 * MIB;
	static char buf[BIG];
	int n = 0;

	for (int i = 0; i < SERVERS; i++) {
		fd[i] = vshm_dgram_bound();
		ports[i] = vshm_port(fd[i]);
		if (setsockopt(fd[i], SOL_SOCKET, SO_RCVBUFFORCE, &size,
			       sizeof(size)))
			_exit(3);
	}
	memset(buf, 1, sizeof(buf));
	obey(self);
	for (int i = 0; i < SERVERS; i++) {
		while (recv(fd[i], buf, sizeof(buf), MSG_DONTWAIT) == BIG)
			n++;
		/* all but the last are closed, with their memory */
		if (i < SERVERS - 1)
			close(fd[i]);
	}
	ports[SERVERS] = n;
	obey(self);
	ports[SERVERS] = vshm_dgram_wait(fd[SERVERS - 1]) ? 0 :
		recv(fd[SERVERS - 1], buf, sizeof(buf), MSG_DONTWAIT);
	obey(self);
}

/* Others send more than the group may have: it is dropped. */
TEST_F_TIMEOUT(memcg, datagrams, 120)
{
	static char buf[BIG];
	int fd = vshm_dgram();
	int sent = 0;

	ports = shared_ports();
	ASSERT_TRUE(serve(self, have_queues));
	ASSERT_EQ(0, set_max(self, 8 * MIB));
	for (int round = 0; round < 32; round++)
		for (int i = 0; i < SERVERS; i++, sent++)
			ASSERT_EQ(BIG, vshm_sendto(fd, buf, BIG, 0,
						   VSHM_CID_LOCAL, ports[i]));
	EXPECT_TRUE(alive(self));
	EXPECT_LT(self->before + 2 * MIB, usage(self));
	EXPECT_GE(self->before + 8 * MIB, usage(self));
	ASSERT_TRUE(command(self));
	TH_LOG("%d of %d datagrams got through", ports[SERVERS], sent);
	EXPECT_LT(30, ports[SERVERS]);
	EXPECT_GT(8 * MIB / BIG, ports[SERVERS]);
	/* there is memory again */
	EXPECT_EQ(BIG, vshm_sendto(fd, buf, BIG, 0, VSHM_CID_LOCAL,
				   ports[SERVERS - 1]));
	ASSERT_TRUE(command(self));
	EXPECT_EQ(BIG, ports[SERVERS]);
	close(fd);
}

/* Accepts nobody; then closes the listener, and opens another one. */
static void have_clients(FIXTURE_DATA(memcg) *self)
{
	int fd;

	for (int i = 0; i < 2; i++) {
		fd = vshm_listener(4096);
		ports[0] = vshm_port(fd);
		obey(self);
		close(fd);
	}
	obey(self);
}

/* Others connect until the group has all that it may have. */
TEST_F_TIMEOUT(memcg, connections, 120)
{
	static int fd[1500];
	int n = 0, err = 0, more;

	ports = shared_ports();
	ASSERT_TRUE(serve(self, have_clients));
	ASSERT_EQ(0, set_max(self, 2 * MIB));
	while (n < 1500 && !err) {
		fd[n] = vshm_socket(0);
		ASSERT_LE(0, fd[n]);
		if (vshm_connect(fd[n++], VSHM_CID_LOCAL, ports[0]))
			err = errno;
	}
	TH_LOG("%d connections", n);
	EXPECT_EQ(ENOBUFS, err);
	EXPECT_LT(50, n);
	EXPECT_GT(1500, n);
	EXPECT_TRUE(alive(self));
	EXPECT_EQ(0, write_in(self->group, "memory.max", "max"));
	ASSERT_TRUE(command(self));
	ASSERT_EQ(0, set_max(self, 2 * MIB));
	more = vshm_socket(0);
	EXPECT_EQ(0, vshm_connect(more, VSHM_CID_LOCAL, ports[0]));
	close(more);
	while (n)
		close(fd[--n]);
}

TEST_HARNESS_MAIN
