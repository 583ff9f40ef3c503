/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _VSHM_RELAY_H
#define _VSHM_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

/**
 * struct relay - how a socket is joined with the standard streams
 * @type: type of the socket
 * @packet: bytes of the packets that are made of standard input
 * @send: read standard input and send it
 * @receive: receive and write standard output
 * @half_close: close the direction when standard input ends
 * @idle: end after so many seconds in which nothing moved, 0 for never
 * @sent: takes the bytes sent
 * @received: takes the bytes received
 */
struct relay {
	int		type;
	size_t		packet;
	bool		send;
	bool		receive;
	bool		half_close;
	double		idle;
	uint64_t	sent;
	uint64_t	received;
};

int relay_run(struct relay *relay, int fd, struct error *err);

#endif /* _VSHM_RELAY_H */
