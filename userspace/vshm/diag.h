/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _VSHM_DIAG_CMD_H
#define _VSHM_DIAG_CMD_H

#include "filter.h"
#include "netlink.h"
#include "vshm.h"

int diag_add_names(struct table *table);
int diag_add_row(struct table *table, const struct nlmsghdr *nlh, size_t header);
int diag_read(const struct filter *filter, struct table *table,
	      struct error *err);
int diag_destroy(struct netlink *nl, uint64_t id);

#endif /* _VSHM_DIAG_CMD_H */
