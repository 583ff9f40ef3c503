/* SPDX-License-Identifier: GPL-2.0 */
/* A server that sends back what it gets, and clients that check it. */
#ifndef VSHM_ECHO_H
#define VSHM_ECHO_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

int vshm_echo_serve(int listener, volatile sig_atomic_t *stop);
int vshm_echo_sequential(uint32_t cid, uint32_t port, int count, size_t bytes);
int vshm_echo_parallel(uint32_t cid, uint32_t port, int count, size_t bytes);

#endif /* VSHM_ECHO_H */
