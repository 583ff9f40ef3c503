// SPDX-License-Identifier: GPL-2.0
/*
 * Who is compared, and the server's side: it accepts connections, and on each
 * does what the order says that comes first.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <linux/vm_sockets.h>
#include <linux/vshm.h>

#include "bench.h"

#define PORT		7000
#define IDLE_MAX	(1 << 17)

static void vshm_address(struct address *addr)
{
	struct sockaddr_vshm *svs = (struct sockaddr_vshm *)&addr->ss;
	const char *number = getenv("VSHM_FAMILY");

	svs->svs_family = number && *number ? atoi(number) : AF_VSHM;
	svs->svs_cid = plan.cid;
	svs->svs_port = PORT;
	addr->len = sizeof(*svs);
}

static void vshm_seqpacket_address(struct address *addr)
{
	vshm_address(addr);
	((struct sockaddr_vshm *)&addr->ss)->svs_port = PORT + 1;
}

static void vsock_address(struct address *addr)
{
	struct sockaddr_vm *svm = (struct sockaddr_vm *)&addr->ss;

	svm->svm_family = AF_VSOCK;
	svm->svm_cid = plan.cid;
	svm->svm_port = PORT;
	addr->len = sizeof(*svm);
}

static void unix_name(struct address *addr, const char *name)
{
	struct sockaddr_un *sun = (struct sockaddr_un *)&addr->ss;

	sun->sun_family = AF_UNIX;
	strcpy(sun->sun_path + 1, name);
	addr->len = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
}

static void unix_address(struct address *addr)
{
	unix_name(addr, "vshm_bench");
}

static void unix_seqpacket_address(struct address *addr)
{
	unix_name(addr, "vshm_bench_seqpacket");
}

static void unix_dgram_address(struct address *addr)
{
	unix_name(addr, "vshm_bench_dgram");
}

static void tcp_address(struct address *addr)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)&addr->ss;

	sin->sin_family = AF_INET;
	inet_pton(AF_INET, plan.ip, &sin->sin_addr);
	sin->sin_port = htons(PORT);
	addr->len = sizeof(*sin);
}

struct peer peers[NR_PEERS] = {
	[VSHM]		 = { "vshm", SOCK_STREAM, vshm_address },
	[VSHM_SEQPACKET] = { "vshm-seqpacket", SOCK_SEQPACKET,
			     vshm_seqpacket_address },
	[VSHM_DGRAM]	 = { "vshm-dgram", SOCK_DGRAM, vshm_address },
	[UNIX]		 = { "unix", SOCK_STREAM, unix_address },
	[UNIX_SEQPACKET] = { "unix-seqpacket", SOCK_SEQPACKET,
			     unix_seqpacket_address },
	[UNIX_DGRAM]	 = { "unix-dgram", SOCK_DGRAM, unix_dgram_address },
	[VSOCK]		 = { "vsock", SOCK_STREAM, vsock_address },
	[TCP]		 = { "tcp", SOCK_STREAM, tcp_address },
	[PIPE]		 = { "pipe" },
	[COPIES]	 = { "two-copies" },
};

void pin_to(int cpu)
{
	cpu_set_t set;

	if (!plan.pin)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("--pin");
}

void channel_close(struct channel *c)
{
	close(c->in);
	if (c->out != c->in)
		close(c->out);
}

static bool plain(const struct channel *c)
{
	return plan.plain_calls || c->in != c->out;
}

void write_all(const struct channel *c, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = plain(c) ? write(c->out, buf, len) :
				       send(c->out, buf, len, 0);

		if (n <= 0)
			die("write");
		buf += n;
		len -= n;
	}
}

/* One call; 0 when it timed out. */
size_t read_some(const struct channel *c, char *buf, size_t len)
{
	ssize_t n = plain(c) ? read(c->in, buf, len) :
			       recv(c->in, buf, len, 0);

	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		die("read");
	return n;
}

/* Reads @total bytes with a buffer of @len. */
void read_total(const struct channel *c, char *buf, size_t len, uint64_t total)
{
	while (total) {
		size_t n = read_some(c, buf, total < len ? total : len);

		if (!n)
			die("the other end is silent");
		total -= n;
	}
}

static void set_busy_poll(int fd, unsigned int usec)
{
	if (usec && setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &usec,
			       sizeof(usec)))
		die("SO_BUSY_POLL");
}

/* A datagram socket needs an address of its own to get answers. */
static int name_dgram(int fd, int family)
{
	struct address own = { .len = sizeof(sa_family_t) };

	own.ss.ss_family = family;
	/* autobind: a name, or a port with the first message */
	return family == AF_UNIX ?
	       bind(fd, (struct sockaddr *)&own.ss, own.len) : 0;
}

/* A connected socket, or -1. */
int peer_dial(const struct peer *p, const struct address *addr)
{
	int fd = socket(addr->ss.ss_family, p->type, 0), one = 1;

	if (fd < 0)
		return -1;
	if (p->address == tcp_address)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if ((p->type == SOCK_DGRAM && name_dgram(fd, addr->ss.ss_family)) ||
	    connect(fd, (const struct sockaddr *)&addr->ss, addr->len)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Make of a server's address one that the kernel shall choose. */
void any_address(const struct peer *p, struct address *addr)
{
	if (p->address == vsock_address)
		((struct sockaddr_vm *)&addr->ss)->svm_port = VMADDR_PORT_ANY;
	else if (addr->ss.ss_family == AF_UNIX)
		addr->len = sizeof(sa_family_t);
	else
		((struct sockaddr_vshm *)&addr->ss)->svs_port = VSHM_PORT_ANY;
}

static char *buffer(size_t size)
{
	char *buf = malloc(size);

	if (!buf)
		die("malloc");
	memset(buf, 'v', size);
	return buf;
}

static void receive_messages(const struct channel *c, const struct order *o,
			     char *buf, uint64_t count)
{
	uint64_t n = o->window ? o->window : count;

	for (; count >= n && n; count -= n) {
		read_total(c, buf, o->size, n * o->size);
		if (o->window)
			write_all(c, "w", 1);
	}
	read_total(c, buf, o->size, count * o->size);
}

static void serve_stream(const struct channel *c, const struct order *o)
{
	char *buf = buffer(o->size);

	receive_messages(c, o, buf, o->warm);
	write_all(c, "w", 1);
	receive_messages(c, o, buf, o->count);
	write_all(c, "d", 1);
	free(buf);
}

static void serve_duplex(const struct channel *c, const struct order *o)
{
	char *buf = buffer(o->size);
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		for (uint64_t i = 0; i < o->count; i++)
			write_all(c, buf, o->size);
		_exit(0);
	}
	read_total(c, buf, o->size, o->count * o->size);
	free(buf);
}

static void serve_echo(const struct channel *c, const struct order *o)
{
	char *buf = buffer(o->size);

	for (uint64_t i = 0; i < o->warm + o->count; i++) {
		read_total(c, buf, o->size, o->size);
		write_all(c, buf, o->size);
	}
	free(buf);
}

static void serve_cycle(int listener, const struct order *o)
{
	for (uint64_t i = 0; i < o->warm + o->count; i++) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			die("accept");
		close(fd);
	}
}

static void serve_order(const struct channel *c, const struct order *o)
{
	if (c->in == c->out)
		set_busy_poll(c->in, o->busy_poll);
	if (o->cpu)
		pin_to(o->cpu - 1);
	if (o->kind == ORDER_STREAM)
		serve_stream(c, o);
	else if (o->kind == ORDER_DUPLEX)
		serve_duplex(c, o);
	else
		serve_echo(c, o);
	_exit(0);
}

/* Connections that do nothing, until they are dropped. */
static int idle[IDLE_MAX];
static int nr_idle;

static void serve_connection(int listener, int fd)
{
	struct channel c = { .in = fd, .out = fd };
	struct order o;

	read_total(&c, (char *)&o, sizeof(o), sizeof(o));
	switch (o.kind) {
	case ORDER_IDLE:
		if (nr_idle < IDLE_MAX)
			idle[nr_idle++] = fd;
		return;
	case ORDER_DROP:
		while (nr_idle)
			close(idle[--nr_idle]);
		write_all(&c, "d", 1);
		break;
	case ORDER_CYCLE:
		serve_cycle(listener, &o);
		break;
	default:
		if (!fork())
			serve_order(&c, &o);
	}
	close(fd);
}

/* A datagram server hears one client at a time. */
static void serve_dgram_client(int fd)
{
	struct channel c = { .in = fd, .out = fd };
	struct address from = { .len = sizeof(from.ss) };
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct order o;

	if (recvfrom(fd, &o, sizeof(o), 0, (struct sockaddr *)&from.ss,
		     &from.len) != sizeof(o))
		return;
	if (connect(fd, (struct sockaddr *)&from.ss, from.len))
		die("connect to a client");
	set_busy_poll(fd, o.busy_poll);
	write_all(&c, "r", 1);
	if (o.kind == ORDER_STREAM)
		serve_stream(&c, &o);
	else
		serve_echo(&c, &o);
	connect(fd, &none, sizeof(none));
}

/**
 * serve() - be the server for one of those compared
 * @p: which
 * @ready: gets a byte, or is closed without one if it is not there
 *
 * Does not return.
 */
void serve(const struct peer *p, int ready)
{
	struct address addr = { };
	int one = 1, fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	pin_to(1);
	p->address(&addr);
	fd = socket(addr.ss.ss_family, p->type, 0);
	if (fd < 0)
		exit(1);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&addr.ss, addr.len) ||
	    (p->type != SOCK_DGRAM && listen(fd, SOMAXCONN)))
		exit(1);
	if (write(ready, "r", 1) != 1)
		exit(1);
	for (;;) {
		int c;

		if (p->type == SOCK_DGRAM) {
			serve_dgram_client(fd);
			continue;
		}
		c = accept(fd, NULL, NULL);
		if (c < 0)
			die("accept");
		if (p->address == tcp_address)
			setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one,
				   sizeof(one));
		serve_connection(fd, c);
	}
}

static int pipe_connect(struct channel *c, const struct order *o)
{
	int there[2], back[2];

	if (pipe(there) || pipe(back))
		return -1;
	if (!fork()) {
		struct channel server = { .in = there[0], .out = back[1] };

		close(there[1]);
		close(back[0]);
		pin_to(1);
		serve_order(&server, o);
	}
	close(there[0]);
	close(back[1]);
	*c = (struct channel) { .in = back[0], .out = there[1] };
	return 0;
}

/**
 * peer_connect() - connect to the server and give it an order
 * @p: to whom
 * @c: takes the connection
 * @o: the order
 *
 * Return: 0, or -1 when there is no such server.
 */
int peer_connect(const struct peer *p, struct channel *c,
		 const struct order *o)
{
	struct address addr = { };
	char ready;

	if (!p->address)
		return pipe_connect(c, o);
	p->address(&addr);
	/* EPERM: a datagram server still has its last client */
	while ((c->in = peer_dial(p, &addr)) < 0 && errno == EPERM)
		usleep(1000);
	c->out = c->in;
	if (c->in < 0)
		return -1;
	set_busy_poll(c->in, o->busy_poll);
	write_all(c, (const char *)o, sizeof(*o));
	if (p->type == SOCK_DGRAM)
		read_total(c, &ready, 1, 1);
	return 0;
}
