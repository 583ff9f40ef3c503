/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _VSHM_ENDPOINT_H
#define _VSHM_ENDPOINT_H

#include <stdint.h>
#include <sys/socket.h>

#include <linux/vshm.h>

#include "error.h"

/**
 * struct endpoint - an address of the family
 * @cid: context ID
 * @port: port
 */
struct endpoint {
	uint32_t	cid;
	uint32_t	port;
};

/* Characters of the longest text of an endpoint, and its end. */
#define ENDPOINT_TEXT	24

sa_family_t endpoint_family(void);
int endpoint_parse(struct endpoint *at, const char * const *word, size_t nr,
		   uint32_t cid, struct error *err);
int type_parse(const char *name, int *type);
const char *endpoint_text(const struct endpoint *at, char *buf);
void endpoint_get(struct endpoint *at, const struct sockaddr_vshm *svs);
int endpoint_socket(int type, struct error *err);
int endpoint_bind(int fd, const struct endpoint *at, struct error *err);
int endpoint_listen(int type, const struct endpoint *at, struct error *err);
int endpoint_connect(int type, const struct endpoint *to,
		     const struct endpoint *from, double patience,
		     struct error *err);
int endpoint_accept(int fd, struct endpoint *peer, struct error *err);

#endif /* _VSHM_ENDPOINT_H */
