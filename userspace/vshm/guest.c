// SPDX-License-Identifier: GPL-2.0
/*
 * vshm guest: what vshmd serves, and asking it for more or less of it.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "js.h"
#include "vshm.h"

#define CID_HOST	2

static const char help[] =
	"Usage: vshm guest [list]\n"
	"       vshm guest add CID [KEY VALUE]...\n"
	"       vshm guest add CID peer CID [KEY VALUE]...\n"
	"       vshm guest remove CID [peer CID]\n"
	"       vshm guest args CID [qemu|libvirt]\n"
	"       vshm guest detach\n"
	"       vshm guest reload\n"
	"\n"
	"list      the links of guests: to the host, and to each other\n"
	"add       join a guest to the host, or to another guest, until vshmd ends\n"
	"remove    take that back; what is configured returns with the next reload\n"
	"args      what to give to the guest's QEMU, or to libvirt\n"
	"detach    take the host's end of all links away, to replace its modules; guests\n"
	"          stay as they are, and reload attaches the host again\n"
	"reload    have vshmd read its configuration again\n"
	"\n"
	"KEY is one of those of vshmd.conf(5): socket, size, hugepages,\n"
	"max_connections, owner, group, mode; with a peer: socket, peer_socket, size,\n"
	"hugepages.\n"
	"\n"
	"  -e            all fields\n"
	"  -j            JSON\n"
	"  -w[SECONDS]   list again and again\n"
	"  --control=PATH  where vshmd listens\n";

/* The answer to a request, or NULL after saying what is wrong. */
static struct json_object *request(const struct options *opt,
				   struct json_object *obj)
{
	struct json_object *answer;
	struct error err;

	answer = ask(opt->control, obj, &err);
	if (!answer)
		fail(&err);
	return answer;
}

/* { "op": op } */
static struct json_object *new_request(const char *op)
{
	struct json_object *obj = json_object_new_object();

	if (js_add(obj, "op", js_string(op)))
		return obj;
	json_object_put(obj);
	return NULL;
}

static int run(const struct options *opt, struct json_object *obj)
{
	struct json_object *answer = request(opt, obj);

	json_object_put(answer);
	return answer ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int add_number(struct table *t, int64_t number, int64_t none)
{
	return number == none ? table_add(t, "-") : table_addf(t, "%" PRId64, number);
}

/* A number that can be below 0. */
static int64_t get_id(struct json_object *obj, const char *key)
{
	struct json_object *val;

	return json_object_object_get_ex(obj, key, &val) ?
		json_object_get_int64(val) : -1;
}

static bool is_true(struct json_object *obj, const char *key)
{
	struct json_object *val;

	return json_object_object_get_ex(obj, key, &val) &&
	       json_object_get_boolean(val);
}

static int add_names(struct table *t, bool extended)
{
	static const char * const names[] = {
		"CID", "PEER", "STATE", "SIZE", "QEMU", "SOCKET",
		"HUGE", "MAXCONN", "UID", "GID", "MODE", "ORIGIN",
	};
	size_t i;

	t->columns = extended ? sizeof(names) / sizeof(names[0]) : 6;
	for (i = 0; i < t->columns; i++) {
		if (table_add(t, names[i]))
			return -1;
	}
	return 0;
}

static int add_more(struct table *t, struct json_object *link,
		    struct json_object *side)
{
	char buf[32];

	if (table_add(t, size_text(js_get_number(link, "hugepages"), buf,
					 sizeof(buf))) ||
	    add_number(t, (int64_t)js_get_number(link, "max_connections"), 0) ||
	    add_number(t, get_id(side, "uid"), -1) ||
	    add_number(t, get_id(side, "gid"), -1) ||
	    table_addf(t, "%04" PRIo64, js_get_number(side, "mode")) ||
	    table_add(t, js_get_string(link, "origin")))
		return -1;
	return 0;
}

/* One end of a link, if it is a guest's. */
static int add_end(struct table *t, struct json_object *link,
		   struct json_object *side, struct json_object *peer,
		   bool extended)
{
	const char *path = js_get_string(side, "socket");
	uint64_t other = js_get_number(peer, "cid");
	const char *state = "down";
	char buf[32];

	if (!path)
		return 0;
	if (is_true(side, "attached"))
		state = is_true(peer, "attached") ? "up" : "waiting";
	if (table_addf(t, "%" PRIu64, js_get_number(side, "cid")) ||
	    (other == CID_HOST ? table_add(t, "host") :
				 table_addf(t, "%" PRIu64, other)) ||
	    table_add(t, state) ||
	    table_add(t, size_text(js_get_number(link, "size"), buf,
					 sizeof(buf))) ||
	    add_number(t, (int64_t)js_get_number(side, "client"), 0) ||
	    table_add(t, path))
		return -1;
	return extended ? add_more(t, link, side) : 0;
}

static int print_links(struct json_object *links, bool extended)
{
	const struct error no_memory = { .text = "out of memory" };
	struct table t = { 0 };
	size_t i;
	int side, ret;

	ret = add_names(&t, extended);
	for (i = 0; !ret && i < json_object_array_length(links); i++) {
		struct json_object *link = json_object_array_get_idx(links, i);
		struct json_object *sides = js_get_array(link, "sides");

		if (!sides || json_object_array_length(sides) != 2)
			continue;
		for (side = 0; !ret && side < 2; side++)
			ret = add_end(&t, link,
				      json_object_array_get_idx(sides, (size_t)side),
				      json_object_array_get_idx(sides, (size_t)!side),
				      extended);
	}
	if (!ret)
		ret = table_print(&t);
	table_free(&t);
	return ret ? fail(&no_memory) : EXIT_SUCCESS;
}

/* list, and args with the same answer. */
static int list(const struct options *opt, bool args)
{
	struct json_object *answer = request(opt, new_request("list")), *links;
	struct error err;
	int ret;

	if (!answer)
		return EXIT_FAILURE;
	links = js_get_array(answer, "links");
	if (!links) {
		error_set(&err, "vshmd gave another answer than expected: install vshm and vshmd of one version");
		ret = fail(&err);
	} else if (args) {
		ret = guest_args(opt, links);
	} else if (opt->json) {
		ret = print_json(json_object_get(links));
	} else {
		ret = print_links(links, opt->extended);
	}
	json_object_put(answer);
	return ret;
}

/* What atoi() can read. */
static bool is_int(const char *s)
{
	return number_is(s) && strlen(s) < 10;
}

/* A value as JSON: which kind each key has. */
static struct json_object *value_of(const char *key, const char *value)
{
	bool path = !strcmp(key, "socket") || !strcmp(key, "peer_socket");
	char cwd[PATH_MAX], *full;
	struct json_object *obj;

	if (!strcmp(key, "max_connections") && is_int(value))
		return json_object_new_int(atoi(value));
	if (!strcmp(key, "hugepages") && !strcmp(value, "on"))
		return json_object_new_boolean(true);
	if (!strcmp(key, "hugepages") && !strcmp(value, "off"))
		return json_object_new_boolean(false);
	/* vshmd has another working directory. */
	if (path && *value && *value != '/' && getcwd(cwd, sizeof(cwd))) {
		if (asprintf(&full, "%s/%s", cwd, value) < 0)
			return NULL;
		obj = js_string(full);
		free(full);
		return obj;
	}
	return js_string(value);
}

/* KEY VALUE... as an object; NULL if memory is short. */
static struct json_object *read_keys(const struct options *opt, size_t first)
{
	struct json_object *obj = json_object_new_object();
	size_t i;

	for (i = first; i + 1 < opt->nr; i += 2) {
		if (!js_add(obj, opt->word[i],
			    value_of(opt->word[i], opt->word[i + 1]))) {
			json_object_put(obj);
			return NULL;
		}
	}
	return obj;
}

static bool append_cid(struct json_object *array, const char *cid)
{
	return js_append(array, json_object_new_int(atoi(cid)));
}

/* Both of a link's CIDs. */
static bool add_cids(struct json_object *obj, const char *cid, const char *peer)
{
	struct json_object *cids = json_object_new_array();
	bool ok = append_cid(cids, cid) && append_cid(cids, peer);

	return js_add(obj, "cids", cids) && ok;
}

/* "socket" and "peer_socket" become one array. */
static bool add_sockets(struct json_object *obj)
{
	static const char * const keys[] = { "socket", "peer_socket" };
	struct json_object *sockets = json_object_new_array(), *val;
	bool ok = true;
	int i;

	for (i = 0; i < 2; i++) {
		if (!json_object_object_get_ex(obj, keys[i], &val))
			continue;
		ok = ok && js_append(sockets, json_object_get(val));
		json_object_object_del(obj, keys[i]);
	}
	if (sockets && !json_object_array_length(sockets)) {
		json_object_put(sockets);
		return ok;
	}
	return js_add(obj, "sockets", sockets) && ok;
}

static int add(const struct options *opt, const char *peer)
{
	struct json_object *obj = new_request("add");
	struct json_object *what = read_keys(opt, peer ? 5 : 3);
	bool ok;

	if (peer)
		ok = what && add_cids(what, opt->word[2], peer) &&
		     add_sockets(what);
	else
		ok = js_add(what, "cid", json_object_new_int(atoi(opt->word[2])));
	if (!js_add(obj, peer ? "link" : "guest", what) || !ok) {
		json_object_put(obj);
		obj = NULL;
	}
	return run(opt, obj);
}

static int remove_link(const struct options *opt, const char *peer)
{
	struct json_object *obj = new_request("remove");

	if (obj && !add_cids(obj, opt->word[2], peer ? peer : "2")) {
		json_object_put(obj);
		obj = NULL;
	}
	return run(opt, obj);
}

/* add, remove, args: all start with a CID. */
static int with_cid(const struct options *opt, const char *command)
{
	const char *peer = NULL;

	if (opt->nr < 3 || !is_int(opt->word[2]))
		return usage(help, opt, "%s: '%s' is not the CID of a guest: give a number from 3 to 65535",
			     command, opt->nr < 3 ? "" : opt->word[2]);
	if (word_is(command, "args")) {
		if (opt->nr > 4 ||
		    (opt->nr == 4 && strcmp(opt->word[3], "qemu") &&
		     strcmp(opt->word[3], "libvirt")))
			return usage(help, opt, "args: '%s' is not known: give qemu, libvirt, or nothing",
				     opt->word[opt->nr - 1]);
		return list(opt, true);
	}
	if (opt->nr > 3 && !strcmp(opt->word[3], "peer")) {
		if (opt->nr < 5 || !is_int(opt->word[4]))
			return usage(help, opt, "%s: peer '%s' is not the CID of a guest: give a number from 3 to 65535",
				     command, opt->nr < 5 ? "" : opt->word[4]);
		peer = opt->word[4];
	}
	if (word_is(command, "remove")) {
		if (opt->nr != (peer ? 5 : 3))
			return usage(help, opt, "remove: '%s' is not known: give CID, or CID peer CID",
				     opt->word[opt->nr - 1]);
		return remove_link(opt, peer);
	}
	if (opt->nr % 2 == 0)
		return usage(help, opt, "add: '%s' has no value: give one",
			     opt->word[opt->nr - 1]);
	return add(opt, peer);
}

static int show_links(void *arg)
{
	return list(arg, false);
}

/**
 * do_guest - vshm guest
 * @opt: command line
 *
 * Return: exit status.
 */
int do_guest(struct options *opt)
{
	const char *command;
	int status;

	status = parse_own(opt, help, NULL, NULL, NULL);
	if (status >= 0)
		return status;
	command = opt->nr > 1 ? opt->word[1] : "list";
	/* Short words mean what does less: reload before remove. */
	if (word_is(command, "list") || word_is(command, "detach") ||
	    word_is(command, "reload")) {
		if (opt->nr > 2)
			return usage(help, opt, "%s: '%s' is not known: it takes nothing more",
				     command, opt->word[2]);
		if (word_is(command, "list"))
			return watch(opt, show_links, opt);
		return run(opt, new_request(word_is(command, "detach") ?
					    "detach" : "reload"));
	}
	if (word_is(command, "add") || word_is(command, "args"))
		return with_cid(opt, word_is(command, "add") ? "add" : "args");
	if (word_is(command, "remove"))
		return with_cid(opt, "remove");
	return usage(help, opt, "'%s' is not known: give list, add, remove, args, detach or reload",
		     command);
}
