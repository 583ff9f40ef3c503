/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _VSHM_FILTER_H
#define _VSHM_FILTER_H

#include <libmnl/libmnl.h>

#include "vshm.h"

/**
 * struct condition - one condition on a socket
 * @field: which field, a number that filter.c gives it
 * @negative: the field must not have the value
 * @value: the value as text, in the form that the kernel's table has
 */
struct condition {
	int	field;
	bool	negative;
	char	value[16];
};

/**
 * struct filter - which sockets are meant
 * @condition: what has to hold
 * @nr: how many there are, 0 for all sockets
 */
struct filter {
	struct condition	*condition;
	size_t			nr;
};

/* What a command's help says of filters. */
#define FILTER_HELP \
	"  state NAME      unconnected, bound, listening, connecting, connected,\n" \
	"                  shutdown, disconnected, terminated, sending, receiving\n" \
	"  type NAME       stream, seqpacket, dgram\n" \
	"  cid N           CID of either end; also l.cid of the local, r.cid of the\n" \
	"                  remote one. Names: any or '*', local (1), host (2)\n" \
	"  port N          port of either end; also l.port, r.port\n" \
	"  uid USER        who made it, by number or name\n" \
	"  inode N, id N   a certain socket\n" \
	"'not' before a condition turns it round. Of several values for one word any\n" \
	"may fit, of several words all have to.\n"

int filter_parse(struct filter *filter, const struct options *opt, size_t first,
		 struct error *err);
bool filter_match(const struct filter *filter, const struct table *table,
		  size_t row);
void filter_put(const struct filter *filter, struct nlmsghdr *nlh);
void filter_free(struct filter *filter);
const char *type_name(const char *number);

#endif /* _VSHM_FILTER_H */
