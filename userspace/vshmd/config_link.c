// SPDX-License-Identifier: GPL-2.0
/*
 * Guests and links, as a configuration file or a request describes them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "js.h"
#include "vshm_run.h"

#define GUEST_KEYS \
	"cid, host, socket, size, hugepages, max_connections, owner, group, mode"
#define PAIR_KEYS	"cids, sockets, size, hugepages"

static int default_path(const struct place *at, char **path, const char *fmt,
			uint32_t cid, uint32_t peer)
{
	char buf[64];

	if (*path)
		return 0;
	snprintf(buf, sizeof(buf), fmt, cid, peer);
	*path = strdup(buf);
	return *path ? 0 : error_set(at->err, "%s: out of memory", at->file);
}

/**
 * config_guest - read a guest, and its link to the host
 * @at: where it is
 * @obj: { "cid": 3, ... }
 * @def: what it gets when it does not say
 * @guest: the guest
 * @spec: its link, freed with spec_free(); all zero if it has none
 *
 * Return: 0, or -1 with a message.
 */
int config_guest(const struct place *at, struct json_object *obj,
		 const struct defaults *def, struct guest *guest,
		 struct spec *spec)
{
	struct json_object *val;
	bool host = def->host;

	memset(spec, 0, sizeof(*spec));
	spec->size = def->size;
	spec->huge = def->huge;
	spec->max_connections = def->max_connections;
	guest->access = def->access;

	if (config_keys(at, obj, GUEST_KEYS))
		return -1;
	json_object_object_get_ex(obj, "cid", &val);
	if (config_cid(at, "cid", val, &guest->cid) ||
	    config_bool(at, obj, "host", &host) ||
	    config_memory(at, obj, &spec->size, &spec->huge) ||
	    config_number(at, obj, "max_connections", VSHM_SLOTS - 1,
			  &spec->max_connections) ||
	    config_access(at, obj, &guest->access))
		return -1;

	spec->cid[0] = VSHM_CID_HOST;
	spec->cid[1] = guest->cid;
	spec->access[1] = guest->access;
	if ((json_object_object_get_ex(obj, "socket", &val) &&
	     config_path(at, "socket", val, &spec->path[1])) ||
	    default_path(at, &spec->path[1], VSHM_RUN_DIR "/%u", guest->cid, 0)) {
		spec_free(spec);
		return -1;
	}
	if (!host)
		spec_free(spec);
	return 0;
}

/* The two values of an array. */
static int get_two(const struct place *at, struct json_object *obj,
		   const char *key, struct json_object *val[2],
		   const char *example)
{
	struct json_object *array;

	json_object_object_get_ex(obj, key, &array);
	if (!json_object_is_type(array, json_type_array) ||
	    json_object_array_length(array) != 2)
		return config_bad(at, key, array, "is not an array of two: give %s",
				  example);
	val[0] = json_object_array_get_idx(array, 0);
	val[1] = json_object_array_get_idx(array, 1);
	return 0;
}

static int read_pair(const struct place *at, struct json_object *obj,
		     struct spec *spec)
{
	struct json_object *val[2], *any;
	int i;

	if (get_two(at, obj, "cids", val, "[3, 4]") ||
	    config_cid(at, "cids[0]", val[0], &spec->cid[0]) ||
	    config_cid(at, "cids[1]", val[1], &spec->cid[1]))
		return -1;
	if (spec->cid[0] == spec->cid[1])
		return config_bad(at, "cids[1]", val[1],
				  "is the first one again: give two different CIDs");
	if (config_memory(at, obj, &spec->size, &spec->huge))
		return -1;

	if (json_object_object_get_ex(obj, "sockets", &any) &&
	    (get_two(at, obj, "sockets", val, "[\"/path/a\", \"/path/b\"]") ||
	     config_path(at, "sockets[0]", val[0], &spec->path[0]) ||
	     config_path(at, "sockets[1]", val[1], &spec->path[1])))
		return -1;
	for (i = 0; i < 2; i++) {
		if (default_path(at, &spec->path[i], VSHM_RUN_DIR "/%u-%u",
				 spec->cid[i], spec->cid[!i]))
			return -1;
	}
	if (!strcmp(spec->path[0], spec->path[1]))
		return config_bad(at, "sockets[1]", val[1],
				  "is the first one again: give each CID a path of its own");
	return 0;
}

/**
 * config_pair - read a link between two guests
 * @at: where it is
 * @obj: { "cids": [3, 4], ... }
 * @config: the guests, and what the link gets when it does not say
 * @spec: the link, freed with spec_free()
 *
 * Return: 0, or -1 with a message; then @spec is all zero.
 */
int config_pair(const struct place *at, struct json_object *obj,
		const struct config *config, struct spec *spec)
{
	size_t i;
	int side;

	memset(spec, 0, sizeof(*spec));
	spec->size = config->def.size;
	spec->huge = config->def.huge;
	if (config_keys(at, obj, PAIR_KEYS) || read_pair(at, obj, spec)) {
		spec_free(spec);
		return -1;
	}
	for (side = 0; side < 2; side++) {
		spec->access[side] = config->def.access;
		for (i = 0; i < config->nr_guests; i++) {
			if (config->guests[i].cid == spec->cid[side])
				spec->access[side] = config->guests[i].access;
		}
	}
	return 0;
}
