/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a link shall be, whether it runs or not.
 */
#ifndef _VSHMD_SPEC_H
#define _VSHMD_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <linux/vshm.h>
#include <linux/vshm_ring.h>

#include "error.h"

#define SPEC_SIZE_DEFAULT	(64ULL << 20)
#define SPEC_SIZE_MAX		(64ULL << 30)
#define SPEC_MODE_DEFAULT	0600

struct json_object;

/**
 * struct access - who may use a socket file
 * @uid: its owner, or -1: whoever runs vshmd
 * @gid: its group, or -1: the same
 * @mode: its permissions
 */
struct access {
	uid_t	uid;
	gid_t	gid;
	mode_t	mode;
};

/**
 * enum origin - where the wish for a link comes from
 * @ORIGIN_OPTION: the command line; stays as long as the process
 * @ORIGIN_CONFIG: the configuration file; stays as long as it is in there
 * @ORIGIN_CONTROL: a request; stays until another one
 */
enum origin {
	ORIGIN_OPTION,
	ORIGIN_CONFIG,
	ORIGIN_CONTROL,
};

/**
 * struct spec - a link as it shall be
 * @cid: the two context IDs, in the order of the region's halves; the first
 *	is VSHM_CID_HOST in a link to the host
 * @path: where the QEMU of either connects; NULL for the host
 * @access: who may connect there
 * @size: bytes of shared memory
 * @huge: bytes of one of its pages, 0 for ordinary ones
 * @max_connections: limit of the host, 0 for that of the format
 * @origin: where this comes from
 */
struct spec {
	uint32_t	cid[2];
	char		*path[2];
	struct access	access[2];
	uint64_t	size;
	uint64_t	huge;
	uint32_t	max_connections;
	enum origin	origin;
};

/**
 * struct specs - links as they shall be
 * @spec: the links
 * @nr: how many there are
 */
struct specs {
	struct spec	*spec;
	size_t		nr;
};

void spec_free(struct spec *spec);
int spec_copy(struct spec *to, const struct spec *from);
bool spec_is_host(const struct spec *spec);
bool spec_same_link(const struct spec *a, const struct spec *b);
bool spec_conflict(const struct spec *a, const struct spec *b, struct error *err);
int spec_check_size(uint64_t size, uint64_t huge, struct error *err);
int spec_huge_size(const char *s, uint64_t *huge, struct error *err);
struct json_object *spec_to_json(const struct spec *spec);
int spec_from_json(struct spec *spec, struct json_object *obj);

int specs_add(struct specs *specs, struct spec *spec, struct error *err);
void specs_free(struct specs *specs);

#endif /* _VSHMD_SPEC_H */
