// SPDX-License-Identifier: GPL-2.0
/*
 * What other sockets cost: many that are idle, one whose reader does not read,
 * and very many that are only bound.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>

#include "bench.h"

#define PING	64

/* KiB that programs could still have; 0 when the kernel does not say. */
static double available_kib(void)
{
	double kib = 0;
	char line[80];
	FILE *file = fopen("/proc/meminfo", "r");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %lf", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib;
}

static void drop_idle(const struct peer *p)
{
	struct order drop = { .kind = ORDER_DROP };
	struct channel c;
	char byte;

	if (peer_connect(p, &c, &drop))
		die(p->name);
	read_total(&c, &byte, 1, 1);
	channel_close(&c);
}

/**
 * measure_growth() - does a message cost more when there are many connections?
 * @p: whom; takes the results
 *
 * Opens connections that stay idle, and measures another one.
 */
void measure_growth(struct peer *p)
{
	struct order o = { .kind = ORDER_IDLE };
	double before = available_kib();
	struct channel *idle;
	int n = 0, most = 0;
	bool ok = true;

	for (int i = 0; i < plan.nr_growth; i++)
		most = plan.growth[i] > most ? plan.growth[i] : most;
	idle = calloc(most, sizeof(*idle));
	for (int i = 0; i < plan.nr_growth && ok; i++) {
		while (ok && n < plan.growth[i] - 1) {
			ok = !peer_connect(p, &idle[n], &o);
			n += ok;
		}
		if (!ok) {
			fprintf(stderr, "vshm_bench: %s: %d connections: %s\n",
				p->name, n, strerror(errno));
			break;
		}
		p->r.growth_stream[i] = PING / measure_stream(p, PING);
		p->r.growth_rtt[i] = measure_latency(p, 0).mean;
	}
	/* fewer are lost in what the kernel keeps for the next time */
	if (n >= 1000)
		p->r.idle_kib = (before - available_kib()) / n;
	for (int i = 0; i < n; i++)
		channel_close(&idle[i]);
	free(idle);
	drop_idle(p);
}

static void *block(void *data)
{
	const struct channel *c = data;
	char byte = 0;

	while (send(c->out, &byte, 1, 0) == 1)
		;
	return NULL;
}

/**
 * measure_stalled() - what does a message cost beside a reader that is stuck?
 * @p: whom; takes the results
 *
 * Another connection is full, and its sender blocked.
 */
void measure_stalled(struct peer *p)
{
	struct order o = { .kind = ORDER_IDLE };
	static char buf[65536];
	struct channel c;
	pthread_t thread;

	if (peer_connect(p, &c, &o))
		die(p->name);
	while (send(c.out, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	if (errno != EAGAIN)
		die("fill a connection");
	pthread_create(&thread, NULL, block, &c);
	p->r.stalled_stream = PING / measure_stream(p, PING);
	p->r.stalled_rtt = measure_latency(p, 0).mean;
	drop_idle(p);
	pthread_join(thread, NULL);
	channel_close(&c);
}

/* A socket that listens at an address of the kernel's choice, or -1. */
static int listener(const struct peer *p)
{
	struct address addr = { };
	int fd;

	p->address(&addr);
	any_address(p, &addr);
	fd = socket(addr.ss.ss_family, p->type, 0);
	if (fd >= 0 && !bind(fd, (struct sockaddr *)&addr.ss, addr.len) &&
	    !listen(fd, 1))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static double listen_cycle(const struct peer *p)
{
	uint64_t count = 2000 * plan.scale + 1;
	double start = now_us();

	for (uint64_t i = 0; i < count; i++) {
		int fd = listener(p);

		if (fd < 0)
			die("listen");
		close(fd);
	}
	return (now_us() - start) / count;
}

/**
 * measure_bound() - do binding and connecting cost more beside many listeners?
 * @p: whom; takes the results
 *
 * TCP has not so many ports.
 */
void measure_bound(struct peer *p)
{
	int *fds, n = 0;

	if (p == &peers[TCP])
		return;
	p->r.bind[0] = listen_cycle(p);
	p->r.bind_connect[0] = measure_connect(p);
	fds = calloc(plan.bound, sizeof(*fds));
	while (n < plan.bound && (fds[n] = listener(p)) >= 0)
		n++;
	if (n == plan.bound) {
		p->r.bind[1] = listen_cycle(p);
		p->r.bind_connect[1] = measure_connect(p);
	} else {
		fprintf(stderr, "vshm_bench: %s: %d listeners: %s\n", p->name, n,
			strerror(errno));
	}
	while (n)
		close(fds[--n]);
	free(fds);
}
