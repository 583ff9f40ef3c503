/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the two sides of vshm perf say to each other, and what is measured.
 *
 * The client connects and says a struct perf_hello. What follows depends on the
 * mode:
 *
 *   send	the client sends messages and closes its direction; the server
 *		says a struct perf_result
 *   receive	the server sends messages and closes its direction
 *   rtt	the server sends each message back, until the client closes
 *		its direction
 *
 * To measure connections, the client connects and closes its direction without
 * a word; the server closes the other one.
 */
#ifndef _VSHM_PERF_H
#define _VSHM_PERF_H

#include <pthread.h>

#include "endpoint.h"
#include "latency.h"
#include "vshm.h"

#define PERF_MAGIC	0x66726570	/* "perf" */
#define PERF_VERSION	1
#define PERF_SIZE_MAX	(16U << 20)

/**
 * enum perf_mode - what is measured
 * @PERF_SEND: throughput to the server
 * @PERF_RECEIVE: throughput from the server
 * @PERF_RTT: round trips
 * @PERF_CONNECT: connections
 */
enum perf_mode {
	PERF_SEND,
	PERF_RECEIVE,
	PERF_RTT,
	PERF_CONNECT,
};

/**
 * struct perf_hello - what the client wants, in little-endian numbers
 * @magic: PERF_MAGIC
 * @version: PERF_VERSION
 * @mode: one of &enum perf_mode
 * @size: bytes of a message
 * @number: messages that the server sends, 0 for no limit
 * @ns: nanoseconds that it sends for, 0 for no limit
 */
struct perf_hello {
	uint32_t	magic;
	uint16_t	version;
	uint16_t	mode;
	uint64_t	size;
	uint64_t	number;
	uint64_t	ns;
};

/**
 * struct perf_result - what the server has received
 * @bytes: bytes
 * @ns: nanoseconds from the hello to the end
 */
struct perf_result {
	uint64_t	bytes;
	uint64_t	ns;
};

/**
 * struct perf - what is to be measured
 * @mode: what
 * @type: type of the sockets
 * @to: the server
 * @size: bytes of a message
 * @number: messages for each connection, 0 for no limit
 * @seconds: how long, 0 for no limit
 * @connections: how many at once
 * @interval: seconds between reports, 0 for none
 * @wait: seconds to wait for the server
 * @json: report as JSON
 * @quiet: only report the end
 */
struct perf {
	enum perf_mode	mode;
	int		type;
	struct endpoint	to;
	uint64_t	size;
	uint64_t	number;
	double		seconds;
	unsigned int	connections;
	double		interval;
	double		wait;
	bool		json;
	bool		quiet;
};

/**
 * struct perf_count - what was done, by all connections or by one
 * @messages: messages, round trips or connections
 * @bytes: bytes in these, in one direction
 * @latency: of round trips, or of connecting
 */
struct perf_count {
	uint64_t	messages;
	uint64_t	bytes;
	struct latency	latency;
};

/* perf_io.c */
int perf_send(int fd, const void *buf, size_t len);
int perf_receive(int fd, int type, void *buf, size_t len);
int perf_count_input(int fd, void *buf, size_t size, uint64_t *bytes);
int perf_say_hello(int fd, const struct perf_hello *hello);
int perf_hear_hello(int fd, int type, struct perf_hello *hello);

/* perf_server.c */
int perf_serve(int type, const struct endpoint *at);

/* perf_client.c */
int perf_measure(const struct perf *perf);

/* perf_report.c */
struct perf_report;
struct perf_report *report_start(const struct perf *perf);
int report_interval(struct perf_report *report, double seconds,
		    const struct perf_count *total);
int report_end(struct perf_report *report, double seconds,
	       const struct perf_count *total);
void report_free(struct perf_report *report);
const char *perf_mode_name(enum perf_mode mode);

#endif /* _VSHM_PERF_H */
