/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _VSHM_SOCKETS_H
#define _VSHM_SOCKETS_H

#include "filter.h"
#include "vshm.h"

/* Characters of two words of a table, the colon between them, and the end. */
#define ADDRESS_TEXT	64

int sockets_read(const struct options *opt, const struct filter *filter,
		 struct table *table, struct error *err);
int sockets_add_names(struct table *out);
int sockets_add(struct table *out, const struct table *t, size_t row);
const char *sockets_peer(const struct table *t, size_t row, char *buf,
			 size_t size);

#endif /* _VSHM_SOCKETS_H */
