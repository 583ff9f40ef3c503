// SPDX-License-Identifier: GPL-2.0
/*
 * The configuration file: JSON, in which C comments are allowed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "js.h"
#include "vshm_run.h"

#define CONFIG_MAX	(4U << 20)

#define TOP_KEYS \
	"host, control, size, hugepages, max_connections, owner, group, mode, guests, links, policy"
#define RULE_KEYS	"src, dst, allow"

/* Which line of the text is that? */
static unsigned int line_at(const char *text, size_t pos)
{
	unsigned int line = 1;

	while (pos--)
		line += *text++ == '\n';
	return line;
}

/* The whole file as a string; NULL with a message. */
static char *read_file(const char *file, struct error *err)
{
	char *text = NULL;
	size_t used = 0;
	struct stat st;
	ssize_t len;
	int fd;

	fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st)) {
		error_set(err, "%s: %s: give a file that can be read", file,
			  strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > CONFIG_MAX) {
		error_set(err, "%s is not a file of at most %uM: give one", file,
			  CONFIG_MAX >> 20);
		goto out;
	}
	text = malloc((size_t)st.st_size + 1);
	if (!text) {
		error_set(err, "%s: out of memory", file);
		goto out;
	}
	while (used < (size_t)st.st_size) {
		len = read(fd, text + used, (size_t)st.st_size - used);
		if (len < 0) {
			error_set(err, "%s: %s", file, strerror(errno));
			free(text);
			text = NULL;
			goto out;
		}
		if (!len)
			break;
		used += (size_t)len;
	}
	text[used] = '\0';
	if (strlen(text) != used) {
		error_set(err, "%s: line %u has a byte that is 0: give text", file,
			  line_at(text, strlen(text)));
		free(text);
		text = NULL;
	}
out:
	if (fd >= 0)
		close(fd);
	return text;
}

/* The file as JSON; NULL with a message. */
static struct json_object *parse_file(const char *file, struct error *err)
{
	char *text = read_file(file, err);
	struct json_object *top = NULL;
	struct json_tokener *tok;
	enum json_tokener_error fault;
	size_t end;

	if (!text)
		return NULL;
	tok = json_tokener_new();
	if (!tok) {
		error_set(err, "%s: out of memory", file);
		goto out;
	}
	/* With the 0 at the end, after which a number or a word is complete. */
	top = json_tokener_parse_ex(tok, text, (int)strlen(text) + 1);
	fault = json_tokener_get_error(tok);
	end = strnlen(text, json_tokener_get_parse_end(tok));
	if (fault == json_tokener_continue ||
	    fault == json_tokener_error_parse_eof) {
		error_set(err, "%s: line %u: the file ends too early: close all braces, brackets and quotes",
			  file, line_at(text, end));
	} else if (fault != json_tokener_success) {
		error_set(err, "%s: line %u: %s at '%.20s': give JSON", file,
			  line_at(text, end), json_tokener_error_desc(fault),
			  text + end);
	} else {
		end += strspn(text + end, " \t\r\n");
		if (text[end]) {
			error_set(err, "%s: line %u: '%.20s' follows the end: give one object only",
				  file, line_at(text, end), text + end);
			fault = json_tokener_error_parse_unexpected;
		}
	}
	if (fault != json_tokener_success) {
		json_object_put(top);
		top = NULL;
	} else if (!top) {
		error_set(err, "%s: null is not an object: give { }", file);
	}
out:
	json_tokener_free(tok);
	free(text);
	return top;
}

static int add_guest(struct config *config, const struct guest *guest,
		     const struct place *at)
{
	struct guest *more;
	size_t i;

	for (i = 0; i < config->nr_guests; i++) {
		if (config->guests[i].cid == guest->cid)
			return error_set(at->err,
					 "%s: %s.cid: %u is the CID of guests[%zu] already: give each guest one of its own",
					 at->file, at->object, guest->cid, i);
	}
	more = reallocarray(config->guests, config->nr_guests + 1, sizeof(*more));
	if (!more)
		return error_set(at->err, "%s: out of memory", at->file);
	config->guests = more;
	more[config->nr_guests++] = *guest;
	return 0;
}

static int add_link(struct config *config, struct spec *spec,
		    const struct place *at)
{
	struct error why;

	spec->origin = ORIGIN_CONFIG;
	if (!specs_add(&config->links, spec, &why))
		return 0;
	spec_free(spec);
	return error_set(at->err, "%s: %s: %s", at->file, at->object, why.text);
}

static int read_guest(struct config *config, struct json_object *obj,
		      const struct place *at)
{
	struct guest guest;
	struct spec spec;

	if (config_guest(at, obj, &config->def, &guest, &spec))
		return -1;
	if (add_guest(config, &guest, at)) {
		spec_free(&spec);
		return -1;
	}
	return spec.path[1] ? add_link(config, &spec, at) : 0;
}

static int read_pair(struct config *config, struct json_object *obj,
		     const struct place *at)
{
	struct spec spec;

	if (config_pair(at, obj, config, &spec))
		return -1;
	return add_link(config, &spec, at);
}

/* A CID, or "any". */
static int read_rule_cid(const struct place *at, struct json_object *obj,
			 const char *key, uint32_t *cid)
{
	const char *s = js_get_string(obj, key);
	struct json_object *val;

	if (s && !strcmp(s, "any")) {
		*cid = VSHM_CID_ANY;
		return 0;
	}
	json_object_object_get_ex(obj, key, &val);
	if (!config_cid(at, key, val, cid))
		return 0;
	return config_bad(at, key, val,
			  "is neither the CID of a guest nor \"any\": give a number from %d to %d, or \"any\"",
			  VSHM_CID_GUEST_MIN, VSHM_CID_GUEST_MAX);
}

static int read_rule(struct config *config, struct json_object *obj,
		     const struct place *at)
{
	struct rule rule = { 0 }, *more;
	struct json_object *val;
	size_t i;

	if (config_keys(at, obj, RULE_KEYS) ||
	    read_rule_cid(at, obj, "src", &rule.src) ||
	    read_rule_cid(at, obj, "dst", &rule.dst) ||
	    config_bool(at, obj, "allow", &rule.allow))
		return -1;
	if (!json_object_object_get_ex(obj, "allow", &val))
		return config_bad(at, "allow", NULL,
				  "is neither true nor false: give one of them");
	for (i = 0; i < config->nr_rules; i++) {
		if (config->rules[i].src == rule.src &&
		    config->rules[i].dst == rule.dst)
			return error_set(at->err,
					 "%s: %s: src and dst are those of policy[%zu]: give one rule for each pair",
					 at->file, at->object, i);
	}
	more = reallocarray(config->rules, config->nr_rules + 1, sizeof(*more));
	if (!more)
		return error_set(at->err, "%s: out of memory", at->file);
	config->rules = more;
	more[config->nr_rules++] = rule;
	return 0;
}

/* An array of objects. */
static int read_array(struct config *config, struct json_object *top,
		      const struct place *at, const char *key,
		      int (*read_one)(struct config *config,
				      struct json_object *obj,
				      const struct place *at))
{
	struct place elem = *at;
	struct json_object *array;
	size_t i;

	if (!json_object_object_get_ex(top, key, &array))
		return 0;
	if (!json_object_is_type(array, json_type_array))
		return config_bad(at, key, array, "is not an array: give [ { ... }, ... ]");
	for (i = 0; i < json_object_array_length(array); i++) {
		snprintf(elem.object, sizeof(elem.object), "%s[%zu]", key, i);
		if (read_one(config, json_object_array_get_idx(array, i), &elem))
			return -1;
	}
	return 0;
}

static int read_top(struct config *config, struct json_object *top,
		    const struct place *at)
{
	struct defaults *def = &config->def;
	struct json_object *val;

	if (config_keys(at, top, TOP_KEYS) ||
	    config_bool(at, top, "host", &def->host) ||
	    config_memory(at, top, &def->size, &def->huge) ||
	    config_number(at, top, "max_connections", VSHM_SLOTS - 1,
			  &def->max_connections) ||
	    config_access(at, top, &def->access))
		return -1;
	if (json_object_object_get_ex(top, "control", &val) &&
	    config_path(at, "control", val, &config->control))
		return -1;
	/* Links ask the guests whose they are. */
	if (read_array(config, top, at, "guests", read_guest) ||
	    read_array(config, top, at, "links", read_pair) ||
	    read_array(config, top, at, "policy", read_rule))
		return -1;
	return 0;
}

/**
 * config_init - the configuration of an empty file
 * @config: the configuration
 * @opt: what the command line says
 */
void config_init(struct config *config, const struct options *opt)
{
	memset(config, 0, sizeof(*config));
	config->def.size = opt->size;
	config->def.access.uid = (uid_t)-1;
	config->def.access.gid = (gid_t)-1;
	config->def.access.mode = opt->mode;
	config->def.host = true;
}

/**
 * config_load - read a configuration file
 * @config: what it says, freed with config_free()
 * @file: path
 * @opt: what the command line says
 * @err: what is wrong
 *
 * Return: 0, or -1 with a message; then nothing needs to be freed.
 */
int config_load(struct config *config, const char *file,
		const struct options *opt, struct error *err)
{
	struct place at = { .file = file, .err = err };
	struct json_object *top = parse_file(file, err);
	int ret;

	config_init(config, opt);
	if (!top)
		return -1;
	ret = read_top(config, top, &at);
	json_object_put(top);
	if (ret)
		config_free(config);
	return ret;
}

/**
 * config_free - free what config_load() allocated
 * @config: the configuration
 */
void config_free(struct config *config)
{
	specs_free(&config->links);
	free(config->guests);
	free(config->rules);
	free(config->control);
	memset(config, 0, sizeof(*config));
}
