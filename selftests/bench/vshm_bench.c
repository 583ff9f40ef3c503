// SPDX-License-Identifier: GPL-2.0
/*
 * AF_VSHM beside its neighbours: AF_UNIX, AF_VSOCK, TCP and a pipe, each with
 * one pair of processes, in one run and on one clock.
 *
 *   stream   one process writes messages of a size, the other reads with a
 *            buffer of that size; the clock stops when it has read them all
 *   latency  64 bytes there and back
 *   connect  one process connects and closes, the other accepts and closes
 *
 * The families differ in their addresses only; no socket option is set.
 */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <linux/vm_sockets.h>
#include <linux/vshm.h>

#define SIZES_MAX	16
#define PING		64

/* One end of a connection; both numbers are the same for a socket. */
struct channel {
	int in;
	int out;
};

struct address {
	union {
		struct sockaddr sa;
		struct sockaddr_vshm vshm;
		struct sockaddr_vm vm;
		struct sockaddr_un un;
		struct sockaddr_in in;
	};
	socklen_t len;
};

struct family {
	const char *name;
	void (*address)(struct address *addr);	/* none: a pipe */
	bool absent;
	double mb_s[SIZES_MAX];
	double round_trip_us;
	double connect_us;
};

/* How much each measurement moves; --scale multiplies it. */
static struct {
	size_t sizes[SIZES_MAX];
	int nr_sizes;
	double scale;
	bool plain_calls;
	const char *only;
	const char *tests;
} plan = {
	.sizes = { 64, 1024, 4096, 16384, 65536, 262144 },
	.nr_sizes = 6,
	.scale = 1,
	.tests = "stream,latency,connect",
};

static void vshm_address(struct address *addr)
{
	const char *number = getenv("VSHM_FAMILY");

	addr->vshm.svs_family = number && *number ? atoi(number) : AF_VSHM;
	addr->vshm.svs_cid = VSHM_CID_LOCAL;
	addr->vshm.svs_port = 7000;
	addr->len = sizeof(addr->vshm);
}

static void vsock_address(struct address *addr)
{
	addr->vm.svm_family = AF_VSOCK;
	addr->vm.svm_cid = VMADDR_CID_LOCAL;
	addr->vm.svm_port = 7000;
	addr->len = sizeof(addr->vm);
}

static void unix_address(struct address *addr)
{
	addr->un.sun_family = AF_UNIX;
	strcpy(addr->un.sun_path + 1, "vshm_bench");
	addr->len = offsetof(struct sockaddr_un, sun_path) + 11;
}

static void tcp_address(struct address *addr)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (!ioctl(fd, SIOCGIFFLAGS, &ifr) && !(ifr.ifr_flags & IFF_UP)) {
		ifr.ifr_flags |= IFF_UP;
		ioctl(fd, SIOCSIFFLAGS, &ifr);
	}
	close(fd);
	addr->in.sin_family = AF_INET;
	addr->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	addr->in.sin_port = htons(7000);
	addr->len = sizeof(addr->in);
}

enum { VSHM, UNIX, VSOCK, TCP, PIPE, NR_FAMILIES };

static struct family families[NR_FAMILIES] = {
	[VSHM]	= { .name = "AF_VSHM", .address = vshm_address },
	[UNIX]	= { .name = "AF_UNIX", .address = unix_address },
	[VSOCK]	= { .name = "AF_VSOCK", .address = vsock_address },
	[TCP]	= { .name = "TCP", .address = tcp_address },
	[PIPE]	= { .name = "pipe" },
};

static void die(const char *what)
{
	fprintf(stderr, "vshm_bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

static int listener(const struct family *f, struct address *addr)
{
	int one = 1;
	int fd;

	memset(addr, 0, sizeof(*addr));
	f->address(addr);
	fd = socket(addr->sa.sa_family, SOCK_STREAM, 0);
	if (fd < 0)
		return -1;
	/* or a port stays taken from one measurement to the next */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, &addr->sa, addr->len) || listen(fd, SOMAXCONN)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int client(const struct address *addr)
{
	int fd = socket(addr->sa.sa_family, SOCK_STREAM, 0);

	if (fd >= 0 && connect(fd, &addr->sa, addr->len)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int open_pipes(struct channel *a, struct channel *b)
{
	int there[2], back[2];

	if (pipe(there) || pipe(back))
		return -1;
	*a = (struct channel) { .in = back[0], .out = there[1] };
	*b = (struct channel) { .in = there[0], .out = back[1] };
	return 0;
}

static int open_channels(const struct family *f, struct channel *a,
			 struct channel *b)
{
	struct address addr;
	int fd;

	if (!f->address)
		return open_pipes(a, b);
	fd = listener(f, &addr);
	if (fd < 0)
		return -1;
	a->in = client(&addr);
	a->out = a->in;
	b->in = a->in < 0 ? -1 : accept(fd, NULL, NULL);
	b->out = b->in;
	close(fd);
	return b->in < 0 ? -1 : 0;
}

static void close_channel(struct channel *c)
{
	close(c->in);
	if (c->out != c->in)
		close(c->out);
}

/* send(2) and recv(2), unless it is a pipe or --calls write asks for others. */
static bool plain_calls;

static void write_all(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = plain_calls ? write(fd, buf, len) :
					  send(fd, buf, len, 0);

		if (n <= 0)
			die("write");
		buf += n;
		len -= n;
	}
}

/* Reads @total bytes with a buffer of @len. */
static void read_total(int fd, char *buf, size_t len, uint64_t total)
{
	while (total) {
		size_t want = total < len ? total : len;
		ssize_t n = plain_calls ? read(fd, buf, want) :
					  recv(fd, buf, want, 0);

		if (n <= 0)
			die("read");
		total -= n;
	}
}

static pid_t start_child(void)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		die("fork");
	return pid;
}

static void end_child(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || status)
		exit(1);
}

/* Enough for a steady state, little enough for an emulated machine. */
static uint64_t messages(size_t size)
{
	uint64_t n = (32 << 20) / size;

	if (n > 16384)
		n = 16384;
	n *= plan.scale;
	return n < 16 ? 16 : n;
}

static double stream(const struct family *f, size_t size)
{
	uint64_t count = messages(size), warm = count / 8 + 1;
	struct channel a, b;
	char *buf = malloc(size);
	double start;
	pid_t pid;
	char done;

	memset(buf, 'v', size);
	if (open_channels(f, &a, &b))
		die(f->name);
	pid = start_child();
	if (!pid) {
		close_channel(&a);
		read_total(b.in, buf, size, warm * size);
		write_all(b.out, "w", 1);
		read_total(b.in, buf, size, count * size);
		write_all(b.out, "d", 1);
		_exit(0);
	}
	close_channel(&b);
	for (uint64_t i = 0; i < warm; i++)
		write_all(a.out, buf, size);
	read_total(a.in, &done, 1, 1);
	start = now_us();
	for (uint64_t i = 0; i < count; i++)
		write_all(a.out, buf, size);
	read_total(a.in, &done, 1, 1);
	start = now_us() - start;
	end_child(pid);
	close_channel(&a);
	free(buf);
	return count * size / start;
}

static double latency(const struct family *f)
{
	uint64_t count = 4000 * plan.scale + 1, warm = count / 8 + 1;
	struct channel a, b;
	char buf[PING] = "";
	double start = 0;
	pid_t pid;

	if (open_channels(f, &a, &b))
		die(f->name);
	pid = start_child();
	if (!pid) {
		close_channel(&a);
		for (uint64_t i = 0; i < warm + count; i++) {
			read_total(b.in, buf, PING, PING);
			write_all(b.out, buf, PING);
		}
		_exit(0);
	}
	close_channel(&b);
	for (uint64_t i = 0; i < warm + count; i++) {
		if (i == warm)
			start = now_us();
		write_all(a.out, buf, PING);
		read_total(a.in, buf, PING, PING);
	}
	start = now_us() - start;
	end_child(pid);
	close_channel(&a);
	return start / count;
}

static double cycle(const struct family *f)
{
	uint64_t count = 2000 * plan.scale + 1, warm = count / 8 + 1;
	struct address addr;
	double start = 0;
	pid_t pid;
	int fd, c;

	fd = listener(f, &addr);
	if (fd < 0)
		die(f->name);
	pid = start_child();
	if (!pid) {
		for (uint64_t i = 0; i < warm + count; i++) {
			c = accept(fd, NULL, NULL);
			if (c < 0)
				die("accept");
			close(c);
		}
		_exit(0);
	}
	for (uint64_t i = 0; i < warm + count; i++) {
		if (i == warm)
			start = now_us();
		/* a full queue: let the other process accept */
		while ((c = client(&addr)) < 0) {
			if (errno != ECONNREFUSED && errno != ECONNRESET)
				die("connect");
			sched_yield();
		}
		close(c);
	}
	end_child(pid);
	start = now_us() - start;
	close(fd);
	return start / count;
}

static void measure(struct family *f)
{
	struct channel a, b;

	if (open_channels(f, &a, &b)) {
		f->absent = true;
		fprintf(stderr, "vshm_bench: no %s: %s\n", f->name,
			strerror(errno));
		return;
	}
	close_channel(&a);
	close_channel(&b);
	plain_calls = plan.plain_calls || !f->address;
	for (int i = 0; i < plan.nr_sizes && strstr(plan.tests, "stream"); i++)
		f->mb_s[i] = stream(f, plan.sizes[i]);
	if (strstr(plan.tests, "latency"))
		f->round_trip_us = latency(f);
	if (f->address && strstr(plan.tests, "connect"))
		f->connect_us = cycle(f);
}

static const char *size_name(size_t size)
{
	static char name[24];

	if (size >= 1024 && size % 1024 == 0)
		snprintf(name, sizeof(name), "%zu KiB", size / 1024);
	else
		snprintf(name, sizeof(name), "%zu B", size);
	return name;
}

static void print_number(double value)
{
	if (value)
		printf(" %9.*f", value < 100 ? 1 : 0, value);
	else
		printf(" %9s", "-");
}

static void print_table(void)
{
	printf("%-16s", "stream, MB/s");
	for (int i = 0; i < plan.nr_sizes; i++)
		printf(" %9s", size_name(plan.sizes[i]));
	printf(" %9s %9s\n", "64 B rtt", "connect");
	for (int n = 0; n < NR_FAMILIES; n++) {
		const struct family *f = &families[n];

		if (f->absent)
			continue;
		printf("%-16s", f->name);
		for (int i = 0; i < plan.nr_sizes; i++)
			print_number(f->mb_s[i]);
		print_number(f->round_trip_us);
		print_number(f->connect_us);
		printf("\n");
	}
	printf("%-16s", "");
	for (int i = 0; i < plan.nr_sizes; i++)
		printf(" %9s", "");
	printf(" %9s %9s\n", "us", "us");
}

static void print_ratio(double ratio)
{
	if (ratio > 0 && ratio < 1e6)
		printf(" %8.2fx", ratio);
	else
		printf(" %9s", "-");
}

/* How many times as good as another; above 1 is better in every column. */
static void print_ratios(const struct family *other)
{
	const struct family *f = &families[VSHM];
	char name[32];

	if (f->absent || other->absent)
		return;
	snprintf(name, sizeof(name), "over %s", other->name);
	printf("%-16s", name);
	for (int i = 0; i < plan.nr_sizes; i++)
		print_ratio(f->mb_s[i] / other->mb_s[i]);
	print_ratio(other->round_trip_us / f->round_trip_us);
	print_ratio(other->connect_us / f->connect_us);
	printf("\n");
}

static int write_json(const char *path)
{
	FILE *out = fopen(path, "w");
	const char *comma = "";

	if (!out)
		return -1;
	fprintf(out, "{");
	for (int n = 0; n < NR_FAMILIES; n++) {
		const struct family *f = &families[n];

		if (f->absent)
			continue;
		fprintf(out, "%s\n  \"%s\": {\n    \"stream_mb_s\": {",
			comma, f->name);
		for (int i = 0; i < plan.nr_sizes; i++)
			fprintf(out, "%s\"%zu\": %.2f", i ? ", " : "",
				plan.sizes[i], f->mb_s[i]);
		fprintf(out, "},\n    \"round_trip_us\": %.3f",
			f->round_trip_us);
		if (f->address)
			fprintf(out, ",\n    \"connect_us\": %.3f",
				f->connect_us);
		fprintf(out, "\n  }");
		comma = ",";
	}
	fprintf(out, "\n}\n");
	return fclose(out);
}

static int parse_sizes(char *list)
{
	char *save;

	plan.nr_sizes = 0;
	for (char *s = strtok_r(list, ",", &save); s;
	     s = strtok_r(NULL, ",", &save)) {
		if (plan.nr_sizes == SIZES_MAX || !strtoul(s, NULL, 0))
			return -1;
		plan.sizes[plan.nr_sizes++] = strtoul(s, NULL, 0);
	}
	return plan.nr_sizes ? 0 : -1;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: vshm_bench [--sizes N,...] [--scale X] [--json FILE]\n"
		"                  [--only FAMILY] [--calls send|write]\n"
		"                  [--tests stream,latency,connect]\n");
	return 1;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "sizes", required_argument, NULL, 's' },
		{ "scale", required_argument, NULL, 'x' },
		{ "json", required_argument, NULL, 'j' },
		{ "tests", required_argument, NULL, 't' },
		{ "only", required_argument, NULL, 'o' },
		{ "calls", required_argument, NULL, 'c' },
		{ },
	};
	const char *json = NULL;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 's' && !parse_sizes(optarg))
			continue;
		if (opt == 'x' && atof(optarg) > 0)
			plan.scale = atof(optarg);
		else if (opt == 'j')
			json = optarg;
		else if (opt == 'o')
			plan.only = optarg;
		else if (opt == 't')
			plan.tests = optarg;
		else if (opt == 'c' && !strcmp(optarg, "write"))
			plan.plain_calls = true;
		else if (opt == 'c' && !strcmp(optarg, "send"))
			plan.plain_calls = false;
		else
			return usage();
	}
	signal(SIGPIPE, SIG_IGN);
	for (int n = 0; n < NR_FAMILIES; n++) {
		families[n].absent = plan.only &&
				     strcmp(plan.only, families[n].name);
		if (!families[n].absent)
			measure(&families[n]);
	}
	print_table();
	print_ratios(&families[UNIX]);
	print_ratios(&families[VSOCK]);
	print_ratios(&families[PIPE]);
	if (json && write_json(json))
		die(json);
	return families[VSHM].absent && !plan.only;
}
