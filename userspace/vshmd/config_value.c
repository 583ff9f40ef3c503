// SPDX-License-Identifier: GPL-2.0
/*
 * One value of a configuration object. A key that is not there leaves what it
 * would set as it was.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "js.h"
#include "value.h"

/* A value is shown as long as this. */
#define SHOWN	80

/* The value as it is shown. */
static const char *json_text(struct json_object *val)
{
	const char *text;

	text = json_object_to_json_string_ext(val, JSON_C_TO_STRING_PLAIN |
					      JSON_C_TO_STRING_NOSLASHESCAPE);
	return text ? text : "?";
}

/**
 * config_bad - say that a value is wrong
 * @at: which object it is in
 * @key: its name there
 * @val: the value, or NULL if it is missing
 * @fmt: what is wrong, and what would be right
 *
 * Return: -1.
 */
int config_bad(const struct place *at, const char *key,
	       struct json_object *val, const char *fmt, ...)
{
	struct error why;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why.text, sizeof(why.text), fmt, ap);
	va_end(ap);

	return error_set(at->err, "%s: %s%s%s: %.*s %s", at->file, at->object,
			 *at->object ? "." : "", key, SHOWN,
			 json_text(val), why.text);
}

/* Is the word one of those in the list, which are separated by ", "? */
static bool is_known(const char *known, const char *word)
{
	size_t len = strlen(word);

	while (known) {
		if (!strncmp(known, word, len) &&
		    (!known[len] || known[len] == ','))
			return true;
		known = strchr(known, ' ');
		if (known)
			known++;
	}
	return false;
}

/**
 * config_keys - look for keys that nobody knows
 * @at: which object it is
 * @obj: the object, or something else, which is wrong
 * @known: the keys that it can have, separated by ", "
 *
 * Return: 0, or -1 with a message.
 */
int config_keys(const struct place *at, struct json_object *obj,
		const char *known)
{
	struct json_object_iterator it, end;

	if (!json_object_is_type(obj, json_type_object))
		return error_set(at->err, "%s: %s%s%.*s is not an object: give { } with the keys %s",
				 at->file, at->object, *at->object ? ": " : "",
				 SHOWN, json_text(obj), known);
	it = json_object_iter_begin(obj);
	end = json_object_iter_end(obj);
	for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it)) {
		const char *key = json_object_iter_peek_name(&it);

		if (!is_known(known, key))
			return config_bad(at, key, json_object_iter_peek_value(&it),
					  "has a key that is not known: the keys are %s",
					  known);
	}
	return 0;
}

/**
 * config_bool - read yes or no
 * @at: which object it is in
 * @obj: the object
 * @key: its name there
 * @val: the value
 *
 * Return: 0, or -1 with a message.
 */
int config_bool(const struct place *at, struct json_object *obj,
		const char *key, bool *val)
{
	struct json_object *v;

	if (!json_object_object_get_ex(obj, key, &v))
		return 0;
	if (!json_object_is_type(v, json_type_boolean))
		return config_bad(at, key, v, "is neither true nor false: give one of them");
	*val = json_object_get_boolean(v);
	return 0;
}

/**
 * config_number - read a number from 0
 * @at: which object it is in
 * @obj: the object
 * @key: its name there
 * @max: the largest one that is right
 * @val: the value
 *
 * Return: 0, or -1 with a message.
 */
int config_number(const struct place *at, struct json_object *obj,
		  const char *key, uint64_t max, uint32_t *val)
{
	struct json_object *v;
	int64_t n;

	if (!json_object_object_get_ex(obj, key, &v))
		return 0;
	n = json_object_get_int64(v);
	if (!json_object_is_type(v, json_type_int) || n < 0 || (uint64_t)n > max)
		return config_bad(at, key, v, "is not a number from 0 to %ju: give one",
				  (uintmax_t)max);
	*val = (uint32_t)n;
	return 0;
}

/**
 * config_path - read a path
 * @at: which object it is in
 * @key: its name there
 * @val: the value
 * @path: the path, allocated; what was there before is freed
 *
 * Return: 0, or -1 with a message.
 */
int config_path(const struct place *at, const char *key,
		struct json_object *val, char **path)
{
	const char *s = json_object_get_string(val);
	char *copy;

	if (!json_object_is_type(val, json_type_string) || *s != '/')
		return config_bad(at, key, val,
				  "is not a path from the root directory: give a string that starts with /");
	copy = strdup(s);
	if (!copy)
		return error_set(at->err, "%s: out of memory", at->file);
	free(*path);
	*path = copy;
	return 0;
}

/**
 * config_cid - read the context ID of a guest
 * @at: which object it is in
 * @key: its name there
 * @val: the value, or NULL if there is none
 * @cid: the ID
 *
 * Return: 0, or -1 with a message.
 */
int config_cid(const struct place *at, const char *key,
	       struct json_object *val, uint32_t *cid)
{
	int64_t n = json_object_get_int64(val);

	if (!json_object_is_type(val, json_type_int) ||
	    n < VSHM_CID_GUEST_MIN || n > VSHM_CID_GUEST_MAX)
		return config_bad(at, key, val,
				  "is not the CID of a guest: give a number from %d to %d",
				  VSHM_CID_GUEST_MIN, VSHM_CID_GUEST_MAX);
	*cid = (uint32_t)n;
	return 0;
}

/* A number of bytes, or a string such as "64M". */
static int get_bytes(struct json_object *val, uint64_t *bytes)
{
	if (json_object_is_type(val, json_type_string))
		return value_bytes(json_object_get_string(val), bytes);
	if (!json_object_is_type(val, json_type_int) ||
	    json_object_get_int64(val) < 0)
		return -1;
	*bytes = json_object_get_uint64(val);
	return 0;
}

static int read_huge(const struct place *at, struct json_object *obj,
		     uint64_t *huge)
{
	struct json_object *val;
	const char *s = "";
	struct error why;

	if (!json_object_object_get_ex(obj, "hugepages", &val))
		return 0;
	if (json_object_is_type(val, json_type_boolean)) {
		if (!json_object_get_boolean(val)) {
			*huge = 0;
			return 0;
		}
		s = "on";
	} else if (json_object_is_type(val, json_type_string)) {
		s = json_object_get_string(val);
	}
	if (spec_huge_size(s, huge, &why))
		return config_bad(at, "hugepages", val, "%s", why.text);
	return 0;
}

/**
 * config_memory - read how much memory of which pages
 * @at: which object it is
 * @obj: the object
 * @size: bytes
 * @huge: bytes of a page, or 0 for ordinary ones
 *
 * Return: 0, or -1 with a message.
 */
int config_memory(const struct place *at, struct json_object *obj,
		  uint64_t *size, uint64_t *huge)
{
	struct json_object *val;
	struct error why;

	if (read_huge(at, obj, huge))
		return -1;
	if (json_object_object_get_ex(obj, "size", &val)) {
		if (get_bytes(val, size))
			*size = 0;
		if (spec_check_size(*size, *huge, &why))
			return config_bad(at, "size", val, "%s", why.text);
	} else if (spec_check_size(*size, *huge, &why)) {
		json_object_object_get_ex(obj, "hugepages", &val);
		return config_bad(at, "hugepages", val, "with %juM of memory: the size %s",
				  (uintmax_t)*size >> 20, why.text);
	}
	return 0;
}

/**
 * config_access - read who may use a socket
 * @at: which object it is
 * @obj: the object
 * @access: who may
 *
 * Return: 0, or -1 with a message.
 */
int config_access(const struct place *at, struct json_object *obj,
		  struct access *access)
{
	struct json_object *val;

	if (json_object_object_get_ex(obj, "owner", &val) &&
	    (!json_object_get_string(val) ||
	     value_user(json_object_get_string(val), &access->uid)))
		return config_bad(at, "owner", val,
				  "is no user of this machine: give a name or a number");
	if (json_object_object_get_ex(obj, "group", &val) &&
	    (!json_object_get_string(val) ||
	     value_group(json_object_get_string(val), &access->gid)))
		return config_bad(at, "group", val,
				  "is no group of this machine: give a name or a number");
	if (json_object_object_get_ex(obj, "mode", &val) &&
	    (!json_object_is_type(val, json_type_string) ||
	     value_mode(json_object_get_string(val), &access->mode)))
		return config_bad(at, "mode", val,
				  "is not a string of octal digits: give \"0600\" to \"0777\"");
	return 0;
}
