/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Asks sock_diag about sockets, and listens to events; see linux/vshm_diag.h.
 * The columns of /proc/net/vshm are the names of what is asked for, so that a
 * test can compare the two.
 */
#ifndef VSHM_DIAG_H
#define VSHM_DIAG_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/netlink.h>
#include <linux/vshm_diag.h>

/* More than any enumeration of attributes has. */
#define VSHM_DIAG_ATTRS	32

/**
 * struct vshm_diag_sock - a socket as sock_diag shows it
 * @msg: the fixed part, zero in an event
 * @attr: attributes by number
 * @nest: nested attributes, by the number of the nest, and by their own
 */
struct vshm_diag_sock {
	struct vshm_diag_msg msg;
	const struct nlattr *attr[VSHM_DIAG_ATTRS];
	const struct nlattr *nest[VSHM_DIAG_ATTRS][VSHM_DIAG_ATTRS];
};

/**
 * struct vshm_diag_query - a request
 * @nlh: netlink header
 * @req: what is asked for
 * @attrs: room for filters
 * @more: bytes after the request that are sent, too
 */
struct vshm_diag_query {
	struct nlmsghdr nlh;
	struct vshm_diag_req req;
	char attrs[256];
	unsigned int more;
};

typedef void (*vshm_diag_fn)(const struct vshm_diag_sock *sock, void *arg);

int vshm_diag_open(void);
void vshm_diag_init(struct vshm_diag_query *q, int type, int flags);
void vshm_diag_add(struct vshm_diag_query *q, int attr, const void *data,
		   int len);
void vshm_diag_add_u32(struct vshm_diag_query *q, int attr, uint32_t value);
void vshm_diag_add_id(struct vshm_diag_query *q, uint64_t id);
int vshm_diag_run_on(int fd, struct vshm_diag_query *q, vshm_diag_fn fn,
		     void *arg);
int vshm_diag_run(struct vshm_diag_query *q, vshm_diag_fn fn, void *arg);
uint64_t vshm_diag_value(const struct nlattr *attr);
uint64_t vshm_diag_column(const struct vshm_diag_sock *sock,
			  const char *column);
uint64_t vshm_diag_num(int fd, const char *column);
bool vshm_diag_wait(int fd, const char *column, uint64_t value);
int vshm_diag_destroy(uint64_t id);
int vshm_diag_destroy_on(int fd, uint64_t id);
int vshm_diag_count(struct vshm_diag_query *q);
int vshm_diag_poke(const struct vshm_diag_query *q, uint64_t *id);

int vshm_event_open(const char *group);
int vshm_event_read(int fd, struct vshm_diag_sock *sock, char *buf,
		    unsigned int size);

extern const char * const vshm_diag_columns[];

#endif /* VSHM_DIAG_H */
