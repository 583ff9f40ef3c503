// SPDX-License-Identifier: GPL-2.0
/*
 * What can be asked for at the control socket:
 *
 *   {"op": "list"}				the links that run
 *   {"op": "add", "guest": { ... }}		start one to the host
 *   {"op": "add", "link": { ... }}		start one between two guests
 *   {"op": "remove", "cids": [2, 3]}		stop one
 *   {"op": "detach"}				take the host's ends away
 *   {"op": "reload"}				read the configuration again
 *
 * The answer has "ok", and "error" if that is false. The objects of "add" are
 * those of the configuration file.
 */
#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "vshm_run.h"
#include "vshmd.h"

/* { "ok": true } or { "ok": false, "error": why }; NULL if memory is short. */
static struct json_object *new_answer(const char *why)
{
	struct json_object *obj = json_object_new_object();

	if (js_add(obj, "ok", json_object_new_boolean(!why)) &&
	    (!why || js_add(obj, "error", js_string(why))))
		return obj;
	json_object_put(obj);
	return NULL;
}

/* What changes while a link runs. */
static bool add_status(struct json_object *obj, struct link *link)
{
	struct json_object *sides = js_get_array(obj, "sides");
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct json_object *side = json_object_array_get_idx(sides, i);
		const struct endpoint *ep = &link->side[i];
		bool attached = link_attached(link, i);

		if (!js_add(side, "attached", json_object_new_boolean(attached)))
			return false;
		if (ep->client >= 0 &&
		    !js_add(side, "client", json_object_new_int(ep->client_pid)))
			return false;
	}
	return js_add(obj, "name", js_string(link->name)) &&
	       js_add(obj, "id", json_object_new_uint64(link->id));
}

static struct json_object *do_list(struct vshmd *d)
{
	struct json_object *obj = new_answer(NULL);
	struct json_object *links = json_object_new_array();
	struct link *link;
	bool ok = true;

	TAILQ_FOREACH(link, &d->links, entry) {
		struct json_object *one = spec_to_json(&link->spec);

		ok = one && add_status(one, link);
		if (!ok)
			json_object_put(one);
		ok = ok && js_append(links, one);
		if (!ok)
			break;
	}
	if (js_add(obj, "links", links) && ok)
		return obj;
	json_object_put(obj);
	return NULL;
}

static int check_conflicts(const struct vshmd *d, const struct spec *spec,
			   struct error *err)
{
	const struct link *link;

	TAILQ_FOREACH(link, &d->links, entry) {
		if (spec_conflict(&link->spec, spec, err))
			return -1;
	}
	return 0;
}

static int read_spec(const struct vshmd *d, struct json_object *request,
		     struct spec *spec, struct error *err)
{
	struct place at = { .file = "request", .err = err };
	struct defaults def = d->config.def;
	struct json_object *obj;
	struct guest guest;

	if (json_object_object_get_ex(request, "link", &obj)) {
		strcpy(at.object, "link");
		return config_pair(&at, obj, &d->config, spec);
	}
	if (!json_object_object_get_ex(request, "guest", &obj))
		return error_set(err, "request: neither guest nor link: give one of them");
	strcpy(at.object, "guest");
	/* Who asks for it has it, whatever is the rule. */
	def.host = true;
	if (config_guest(&at, obj, &def, &guest, spec))
		return -1;
	if (!spec->path[1])
		return error_set(err, "request: guest.host: false leaves nothing to add: leave it out");
	return 0;
}

static int do_add(struct vshmd *d, struct json_object *request,
		  struct error *err)
{
	struct spec spec;
	int ret;

	if (read_spec(d, request, &spec, err))
		return -1;
	spec.origin = ORIGIN_CONTROL;
	ret = check_conflicts(d, &spec, err);
	if (!ret)
		ret = links_start_one(d, &spec);
	spec_free(&spec);
	if (!ret) {
		links_announce(d);
		notify_ready(d);
	}
	return ret;
}

static int do_remove(struct vshmd *d, struct json_object *request,
		     struct error *err)
{
	struct json_object *cids = js_get_array(request, "cids");
	struct link *link;
	int64_t a, b;

	if (!cids || json_object_array_length(cids) != 2 ||
	    !json_object_is_type(json_object_array_get_idx(cids, 0), json_type_int) ||
	    !json_object_is_type(json_object_array_get_idx(cids, 1), json_type_int))
		return error_set(err, "request: cids: give an array of two CIDs");
	a = json_object_get_int64(json_object_array_get_idx(cids, 0));
	b = json_object_get_int64(json_object_array_get_idx(cids, 1));
	TAILQ_FOREACH(link, &d->links, entry) {
		const uint32_t *cid = link->spec.cid;

		if ((cid[0] == a && cid[1] == b) || (cid[0] == b && cid[1] == a))
			break;
	}
	if (!link)
		return error_set(err, "there is no link between CIDs %jd and %jd: see 'vshm guest list'",
				 (intmax_t)a, (intmax_t)b);
	links_stop_one(link, &d->links);
	notify_ready(d);
	return 0;
}

/**
 * request_run - do what is asked for
 * @d: everything
 * @line: JSON object
 *
 * Return: the answer, or NULL if memory is short.
 */
struct json_object *request_run(struct vshmd *d, const char *line)
{
	struct error err = { .text = "out of memory" };
	struct json_object *request = json_tokener_parse(line);
	struct json_object *answer = NULL;
	const char *op;
	int ret = 0;

	op = json_object_is_type(request, json_type_object) ?
		js_get_string(request, "op") : NULL;
	log_capture(&err);
	if (!op)
		ret = error_set(&err, "request: no op: give a JSON object on one line, with op list, add, remove, detach or reload");
	else if (!strcmp(op, "list"))
		answer = do_list(d);
	else if (!strcmp(op, "add"))
		ret = do_add(d, request, &err);
	else if (!strcmp(op, "remove"))
		ret = do_remove(d, request, &err);
	else if (!strcmp(op, "detach"))
		links_detach_host(d);
	else if (!strcmp(op, "reload"))
		ret = vshmd_reload(d, &err);
	else
		ret = error_set(&err, "request: op: '%.32s' is not known: give list, add, remove, detach or reload",
				op);
	log_capture(NULL);
	json_object_put(request);
	return answer ? answer : new_answer(ret ? err.text : NULL);
}
