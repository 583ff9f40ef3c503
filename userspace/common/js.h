/* SPDX-License-Identifier: GPL-2.0 */
/*
 * JSON objects that are built, with one check at the end for all the memory
 * that was needed on the way.
 */
#ifndef _VSHM_JS_H
#define _VSHM_JS_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

bool js_add(struct json_object *obj, const char *key, struct json_object *val);
bool js_append(struct json_object *array, struct json_object *val);
struct json_object *js_string(const char *s);
struct json_object *js_double(double value);
const char *js_get_string(struct json_object *obj, const char *key);
uint64_t js_get_number(struct json_object *obj, const char *key);
struct json_object *js_get_array(struct json_object *obj, const char *key);

#endif /* _VSHM_JS_H */
