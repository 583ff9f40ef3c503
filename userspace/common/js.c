// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>

#include "js.h"

/**
 * js_add - put a value into an object
 * @obj: object, or NULL if there was no memory for it
 * @key: its name there
 * @val: value, which the object takes over; NULL if there was no memory for it
 *
 * Return: true, or false if memory was short; then @val is gone.
 */
bool js_add(struct json_object *obj, const char *key, struct json_object *val)
{
	if (obj && val && !json_object_object_add(obj, key, val))
		return true;
	json_object_put(val);
	return false;
}

/**
 * js_append - put a value at the end of an array
 * @array: array, or NULL if there was no memory for it
 * @val: value, which the array takes over; NULL if there was no memory for it
 *
 * Return: true, or false if memory was short; then @val is gone.
 */
bool js_append(struct json_object *array, struct json_object *val)
{
	if (array && val && !json_object_array_add(array, val))
		return true;
	json_object_put(val);
	return false;
}

/**
 * js_string - a string as a value
 * @s: the string; NULL is an empty one
 *
 * Return: the value, or NULL if memory is short.
 */
struct json_object *js_string(const char *s)
{
	return json_object_new_string(s ? s : "");
}

/**
 * js_double - a measured number as a value
 * @value: number
 *
 * Return: the value, with three decimals, or NULL if memory is short.
 */
struct json_object *js_double(double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.3f", value);
	return json_object_new_double_s(value, text);
}

/**
 * js_get_string - a string of an object
 * @obj: object
 * @key: name of the string there
 *
 * Return: the string, which is the object's, or NULL if there is none.
 */
const char *js_get_string(struct json_object *obj, const char *key)
{
	struct json_object *val;

	if (!json_object_object_get_ex(obj, key, &val) ||
	    !json_object_is_type(val, json_type_string))
		return NULL;
	return json_object_get_string(val);
}

/**
 * js_get_number - a number of an object
 * @obj: object
 * @key: name of the number there
 *
 * Return: the number, or 0 if there is none, or one below 0.
 */
uint64_t js_get_number(struct json_object *obj, const char *key)
{
	struct json_object *val;

	if (!json_object_object_get_ex(obj, key, &val) ||
	    !json_object_is_type(val, json_type_int))
		return 0;
	return json_object_get_uint64(val);
}

/**
 * js_get_array - an array of an object
 * @obj: object
 * @key: name of the array there
 *
 * Return: the array, which is the object's, or NULL if there is none.
 */
struct json_object *js_get_array(struct json_object *obj, const char *key)
{
	struct json_object *val;

	if (!json_object_object_get_ex(obj, key, &val) ||
	    !json_object_is_type(val, json_type_array))
		return NULL;
	return val;
}
