// SPDX-License-Identifier: GPL-2.0
/*
 * A specification as JSON: this is how it is kept over a restart, and how it
 * is shown to those who ask. Not what people write, which is in config_link.c.
 */
#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "spec.h"

static const char * const origins[] = {
	[ORIGIN_OPTION]		= "option",
	[ORIGIN_CONFIG]		= "config",
	[ORIGIN_CONTROL]	= "control",
};

#define NR_ORIGINS	(sizeof(origins) / sizeof(origins[0]))

static struct json_object *side_to_json(const struct spec *spec, int side)
{
	struct json_object *obj = json_object_new_object();
	const struct access *access = &spec->access[side];

	if (!js_add(obj, "cid", json_object_new_uint64(spec->cid[side])))
		goto err;
	if (!spec->path[side])
		return obj;
	if (js_add(obj, "socket", js_string(spec->path[side])) &&
	    js_add(obj, "uid", json_object_new_int64((int32_t)access->uid)) &&
	    js_add(obj, "gid", json_object_new_int64((int32_t)access->gid)) &&
	    js_add(obj, "mode", json_object_new_uint64(access->mode)))
		return obj;
err:
	json_object_put(obj);
	return NULL;
}

/**
 * spec_to_json - a specification as JSON
 * @spec: the specification
 *
 * Return: object, or NULL if memory is short.
 */
struct json_object *spec_to_json(const struct spec *spec)
{
	struct json_object *obj = json_object_new_object();
	struct json_object *sides = json_object_new_array();
	bool ok;

	ok = js_append(sides, side_to_json(spec, 0)) &&
	     js_append(sides, side_to_json(spec, 1));
	if (!js_add(obj, "sides", sides) || !ok ||
	    !js_add(obj, "size", json_object_new_uint64(spec->size)) ||
	    !js_add(obj, "hugepages", json_object_new_uint64(spec->huge)) ||
	    !js_add(obj, "max_connections",
		    json_object_new_uint64(spec->max_connections)) ||
	    !js_add(obj, "origin", js_string(origins[spec->origin]))) {
		json_object_put(obj);
		return NULL;
	}
	return obj;
}

static int side_from_json(struct spec *spec, int side, struct json_object *obj)
{
	const char *path = js_get_string(obj, "socket");
	struct access *access = &spec->access[side];
	struct json_object *val;

	spec->cid[side] = (uint32_t)js_get_number(obj, "cid");
	if (!path)
		return spec->cid[side] == VSHM_CID_HOST && !side ? 0 : -1;
	spec->path[side] = strdup(path);
	if (!spec->path[side])
		return -1;
	if (!json_object_object_get_ex(obj, "uid", &val))
		return -1;
	access->uid = (uid_t)json_object_get_int64(val);
	if (!json_object_object_get_ex(obj, "gid", &val))
		return -1;
	access->gid = (gid_t)json_object_get_int64(val);
	access->mode = (mode_t)js_get_number(obj, "mode");
	return 0;
}

/**
 * spec_from_json - back from what spec_to_json() returned
 * @spec: the specification, freed with spec_free()
 * @obj: object
 *
 * Return: 0, or -1 if this is no such object, or memory is short; then @spec
 * is all zero.
 */
int spec_from_json(struct spec *spec, struct json_object *obj)
{
	struct json_object *sides = js_get_array(obj, "sides");
	const char *origin = js_get_string(obj, "origin");
	struct error err;
	unsigned int i;

	memset(spec, 0, sizeof(*spec));
	if (!sides || json_object_array_length(sides) != 2 || !origin)
		return -1;
	for (i = 0; i < NR_ORIGINS && strcmp(origin, origins[i]); i++)
		;
	if (i == NR_ORIGINS)
		return -1;
	spec->origin = (enum origin)i;
	spec->size = js_get_number(obj, "size");
	spec->huge = js_get_number(obj, "hugepages");
	spec->max_connections = (uint32_t)js_get_number(obj, "max_connections");
	if (spec_check_size(spec->size, spec->huge, &err))
		return -1;
	for (i = 0; i < 2; i++) {
		if (side_from_json(spec, (int)i,
				   json_object_array_get_idx(sides, i))) {
			spec_free(spec);
			return -1;
		}
	}
	return 0;
}
