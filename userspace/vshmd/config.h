/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The configuration file, and the objects of it that requests have as well.
 *
 *   config.c		the file, its top level and its policy
 *   config_link.c	guests and links
 *   config_value.c	one value of an object
 */
#ifndef _VSHMD_CONFIG_H
#define _VSHMD_CONFIG_H

#include "options.h"
#include "spec.h"

struct json_object;

/**
 * struct defaults - what a guest or a link gets when it does not say
 * @size: bytes of shared memory
 * @huge: bytes of one of its pages, 0 for ordinary ones
 * @max_connections: limit of a link to the host, 0 for that of the format
 * @access: who may use the sockets
 * @host: join guests to the host
 */
struct defaults {
	uint64_t	size;
	uint64_t	huge;
	uint32_t	max_connections;
	struct access	access;
	bool		host;
};

/**
 * struct guest - a guest of the configuration
 * @cid: its context ID
 * @access: who runs its QEMU
 */
struct guest {
	uint32_t	cid;
	struct access	access;
};

/**
 * struct rule - may one guest connect to another through the host?
 * @src: who connects, or VSHM_CID_ANY
 * @dst: to whom, or VSHM_CID_ANY
 * @allow: yes
 */
struct rule {
	uint32_t	src;
	uint32_t	dst;
	bool		allow;
};

/**
 * struct config - what a configuration file says
 * @links: the links, those of guests to the host among them
 * @def: what the others get as well
 * @guests: the guests
 * @nr_guests: how many there are
 * @rules: the policy
 * @nr_rules: how many rules it has
 * @control: control socket, or NULL
 */
struct config {
	struct specs	links;
	struct defaults	def;
	struct guest	*guests;
	size_t		nr_guests;
	struct rule	*rules;
	size_t		nr_rules;
	char		*control;
};

/**
 * struct place - where in a configuration something is wrong
 * @file: the file, or what else it is in
 * @object: the object there, "" for the outermost
 * @err: gets the message
 */
struct place {
	const char	*file;
	char		object[32];
	struct error	*err;
};

/* config.c */
void config_init(struct config *config, const struct options *opt);
int config_load(struct config *config, const char *file,
		const struct options *opt, struct error *err);
void config_free(struct config *config);

/* config_link.c */
int config_guest(const struct place *at, struct json_object *obj,
		 const struct defaults *def, struct guest *guest,
		 struct spec *spec);
int config_pair(const struct place *at, struct json_object *obj,
		const struct config *config, struct spec *spec);

/* config_value.c */
int config_bad(const struct place *at, const char *key,
	       struct json_object *val, const char *fmt, ...) __printf(4, 5);
int config_keys(const struct place *at, struct json_object *obj,
		const char *known);
int config_bool(const struct place *at, struct json_object *obj,
		const char *key, bool *val);
int config_number(const struct place *at, struct json_object *obj,
		  const char *key, uint64_t max, uint32_t *val);
int config_path(const struct place *at, const char *key,
		struct json_object *val, char **path);
int config_cid(const struct place *at, const char *key,
	       struct json_object *val, uint32_t *cid);
int config_memory(const struct place *at, struct json_object *obj,
		  uint64_t *size, uint64_t *huge);
int config_access(const struct place *at, struct json_object *obj,
		  struct access *access);

#endif /* _VSHMD_CONFIG_H */
