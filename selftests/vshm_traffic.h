/* SPDX-License-Identifier: GPL-2.0 */
/* Programs that talk to each other while a test does harm to their link. */
#ifndef VSHM_TRAFFIC_H
#define VSHM_TRAFFIC_H

#include "vshm_bed.h"
#include <sys/types.h>

#define VSHM_TRAFFIC_MAX	8

/**
 * struct vshm_traffic - a server, and clients that have it repeat their words
 * @score: what the clients have seen, in memory that they share
 * @server: process
 * @port: where the server listens
 * @client: processes
 * @clients: how many
 * @bed: link between them
 * @from: side of the clients
 * @bytes: what each conversation is about
 * @listener: the server's socket, which outlives it
 */
struct vshm_traffic {
	struct vshm_score *score;
	pid_t server;
	uint32_t port;
	pid_t client[VSHM_TRAFFIC_MAX];
	int clients;
	const struct vshm_bed *bed;
	int from;
	size_t bytes;
	int listener;
};

/**
 * struct vshm_score - what clients have seen
 * @good: conversations that came to their end
 * @lost: those that were cut off
 * @error: an errno that no client should get; EILSEQ for a wrong byte, ENODATA
 *	for an end too early
 * @mortal: the server may be killed, so conversations may end too early
 */
struct vshm_score {
	unsigned long good;
	unsigned long lost;
	int error;
	bool mortal;
};

int vshm_traffic_start(struct vshm_traffic *t, const struct vshm_bed *bed,
		       int from, int clients, size_t bytes);
int vshm_traffic_kill(struct vshm_traffic *t, int who);
int vshm_traffic_stop(struct vshm_traffic *t);
bool vshm_traffic_flows(const struct vshm_traffic *t);
unsigned int vshm_seed(void);

#endif /* VSHM_TRAFFIC_H */
