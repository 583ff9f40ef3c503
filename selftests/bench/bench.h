/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vshm_bench: AF_VSHM beside its neighbours, in one run and on one clock.
 *
 *   peer.c     who is compared; the server, which does what orders say
 *   measure.c  the client, which gives orders and takes times
 *   growth.c   the same, beside many sockets
 *   report.c   tables, JSON, data for plots
 */
#ifndef _BENCH_H
#define _BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define SIZES_MAX	16
#define GROWTH_MAX	8
#define ROUNDS_MAX	9

/* One end of a connection; both numbers are the same for a socket. */
struct channel {
	int in;
	int out;
};

/* What the client asks of the server, first thing on a connection. */
enum { ORDER_STREAM, ORDER_DUPLEX, ORDER_ECHO, ORDER_CYCLE, ORDER_IDLE,
       ORDER_DROP };

struct order {
	uint32_t kind;
	uint32_t busy_poll;	/* microseconds, SO_BUSY_POLL */
	uint64_t size;		/* bytes of a message */
	uint64_t warm;		/* messages that do not count */
	uint64_t count;		/* messages that do */
	uint32_t cpu;		/* of the server, plus one; 0: as it is */
	uint64_t window;	/* each so many are confirmed; 0: none */
};

struct address {
	struct sockaddr_storage ss;
	socklen_t len;
};

struct latency {
	double mean;		/* microseconds */
	double p50;
	double p99;
	double p999;
};

/**
 * struct results - what was measured; 0 for what was not
 * @stream: one way, MB/s
 * @duplex: both directions together, MB/s
 * @parallel: one pair alone, and all pairs together, MB/s
 * @rtt: 64 bytes there and back
 * @polled: the same with SO_BUSY_POLL
 * @connect: microseconds
 * @growth_stream: microseconds a message of 64 bytes
 * @growth_rtt: microseconds
 * @idle_kib: memory that an idle connection takes, both ends
 * @stalled_stream: as @growth_stream, beside a reader that is stuck
 * @stalled_rtt: microseconds
 * @bind: microseconds to bind, listen and close, alone and beside many
 * @bind_connect: as @connect, alone and beside many
 *
 * Nothing but doubles, rates first, for report_rounds().
 */
struct results {
	double stream[SIZES_MAX];
	double duplex[SIZES_MAX];
	double parallel[2];
	struct latency rtt;
	struct latency polled;
	double connect;
	double growth_stream[GROWTH_MAX];
	double growth_rtt[GROWTH_MAX];
	double idle_kib;
	double stalled_stream;
	double stalled_rtt;
	double bind[2];
	double bind_connect[2];
};

/**
 * struct peer - one of those that are compared
 * @name: for display and for --only
 * @type: SOCK_STREAM, ...; 0 for a pipe and for the two copies
 * @address: fills in the server's address
 * @present: it is there, and measured
 * @r: results of the round, in the end of all
 * @rounds: results of each round
 */
struct peer {
	const char *name;
	int type;
	void (*address)(struct address *addr);
	bool present;
	struct results r;
	struct results rounds[ROUNDS_MAX];
};

enum { VSHM, VSHM_SEQPACKET, VSHM_DGRAM, UNIX, UNIX_SEQPACKET, UNIX_DGRAM,
       VSOCK, TCP, PIPE, COPIES, NR_PEERS };

extern struct peer peers[NR_PEERS];

/* What to do, from the command line. */
struct plan {
	size_t sizes[SIZES_MAX];
	int nr_sizes;
	int growth[GROWTH_MAX];
	int nr_growth;
	int bound;		/* listeners beside which to measure */
	int pairs;
	int rounds;
	bool best;		/* of the rounds, not the median */
	double scale;
	bool plain_calls;	/* read(2) and write(2) on sockets, too */
	unsigned int busy_poll;
	bool pin;		/* client on CPU 0, server on CPU 1 */
	unsigned int cid;	/* where the servers are */
	const char *ip;
};

extern struct plan plan;

void die(const char *what);

/* peer.c */
void serve(const struct peer *p, int ready);
int peer_connect(const struct peer *p, struct channel *c,
		 const struct order *o);
int peer_dial(const struct peer *p, const struct address *addr);
void any_address(const struct peer *p, struct address *addr);
void channel_close(struct channel *c);
void write_all(const struct channel *c, const char *buf, size_t len);
size_t read_some(const struct channel *c, char *buf, size_t len);
void read_total(const struct channel *c, char *buf, size_t len, uint64_t total);
void pin_to(int cpu);

/* measure.c */
double now_us(void);
uint64_t messages(size_t size);
int compare_doubles(const void *a, const void *b);
double measure_stream(const struct peer *p, size_t size);
double measure_copies(size_t size);
double measure_duplex(const struct peer *p, size_t size);
double measure_parallel(const struct peer *p, size_t size, int pairs);
struct latency measure_latency(const struct peer *p, unsigned int busy_poll);
double measure_connect(const struct peer *p);

/* growth.c */
void measure_growth(struct peer *p);
void measure_stalled(struct peer *p);
void measure_bound(struct peer *p);

/* report.c */
void report_rounds(void);
void report_tables(void);
int report_json(const char *path);
int report_data(const char *path);

#endif /* _BENCH_H */
