/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _VSHM_PROCESS_H
#define _VSHM_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

struct json_object;

/**
 * struct owner - a process that has a descriptor of a socket
 * @inode: the socket's inode
 * @pid: the process
 * @fd: number of the descriptor
 * @name: name of the process
 */
struct owner {
	uint64_t	inode;
	pid_t		pid;
	int		fd;
	char		name[16];
};

/**
 * struct owners - who has which sockets
 * @owner: sorted by inode
 * @nr: how many there are
 * @hidden: the descriptors of some processes could not be read
 */
struct owners {
	struct owner	*owner;
	size_t		nr;
	bool		hidden;
};

int owners_read(struct owners *owners);
void owners_free(struct owners *owners);
char *owners_text(const struct owners *owners, uint64_t inode);
struct json_object *owners_json(const struct owners *owners, uint64_t inode);

#endif /* _VSHM_PROCESS_H */
