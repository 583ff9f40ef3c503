/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _VSHM_NETLINK_H
#define _VSHM_NETLINK_H

#include <libmnl/libmnl.h>

#include "error.h"

/* What the kernel puts into one message of a dump at most. */
#define NETLINK_BUFFER	32768

/**
 * struct netlink - a netlink socket
 * @socket: libmnl's socket
 * @seq: number of the last request
 * @buf: messages that were received
 */
struct netlink {
	struct mnl_socket	*socket;
	unsigned int		seq;
	char			buf[NETLINK_BUFFER];
};

int netlink_open(struct netlink *nl, int bus, struct error *err);
void netlink_close(struct netlink *nl);
int netlink_ask(struct netlink *nl, struct nlmsghdr *nlh, mnl_cb_t cb, void *data);
int netlink_join(struct netlink *nl, const char *family, const char *group,
		 struct error *err);
int netlink_listen(struct netlink *nl, mnl_cb_t cb, void *data);

#endif /* _VSHM_NETLINK_H */
