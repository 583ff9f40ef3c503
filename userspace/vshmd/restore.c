// SPDX-License-Identifier: GPL-2.0
/*
 * A link over a restart. Its descriptors are kept under these names, where 7
 * stands for the link's number:
 *
 *   7.memory 7.bell0 7.bell1	memory and doorbells
 *   7.host			the file that attaches the host
 *   7.listen0 7.listen1	sockets where clients connect
 *   7.client0 7.client1	sockets of clients, while they are connected
 *   7.spec			a file that says all the rest, in JSON
 *
 * The last one is written when all the others are kept, and never changed: a
 * link without it was not complete, and is dropped.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "js.h"
#include "vshmd.h"

#define SPEC_MAX	4096

static const char * const side_names[2][3] = {
	{ "bell0", "listen0", "client0" },
	{ "bell1", "listen1", "client1" },
};

enum { BELL, LISTEN, CLIENT };

/* "7.memory" */
static const char *full_name(const struct link *link, const char *what)
{
	static char name[32];

	snprintf(name, sizeof(name), "%u.%s", link->id, what);
	return name;
}

static const char *side_name(const struct endpoint *ep, int what)
{
	const struct link *link = ep->link;

	return full_name(link, side_names[ep == &link->side[1]][what]);
}

/* The specification, and which file each socket has. */
static struct json_object *describe(const struct link *link)
{
	struct json_object *obj = spec_to_json(&link->spec);
	const struct listener *l[2] = {
		&link->side[0].listener, &link->side[1].listener,
	};

	if (js_add(obj, "dev0", json_object_new_uint64(l[0]->dev)) &&
	    js_add(obj, "ino0", json_object_new_uint64(l[0]->ino)) &&
	    js_add(obj, "dev1", json_object_new_uint64(l[1]->dev)) &&
	    js_add(obj, "ino1", json_object_new_uint64(l[1]->ino)))
		return obj;
	json_object_put(obj);
	return NULL;
}

static int spec_file(const struct link *link)
{
	struct json_object *obj = describe(link);
	int fd;

	if (!obj)
		return -1;
	fd = memfd_create("vshm-spec", MFD_CLOEXEC);
	if (fd >= 0 && json_object_to_fd(fd, obj, JSON_C_TO_STRING_PLAIN)) {
		close(fd);
		fd = -1;
	}
	json_object_put(obj);
	return fd;
}

/**
 * keep_link - have a link outlive this process
 * @link: the link, which runs
 */
void keep_link(const struct link *link)
{
	int i, fd;

	if (!keep_enabled())
		return;
	keep_add(full_name(link, "memory"), link->memfd);
	keep_host(link);
	for (i = 0; i < 2; i++) {
		const struct endpoint *ep = &link->side[i];

		keep_add(side_name(ep, BELL), ep->doorbell);
		if (ep->listener.fd >= 0)
			keep_add(side_name(ep, LISTEN), ep->listener.fd);
		if (ep->client >= 0)
			keep_client(ep);
	}
	fd = spec_file(link);
	if (fd < 0) {
		log_msg(LOG_WARNING, "link %s will not outlive this process: %s",
			link->name, strerror(errno));
		unkeep_link(link);
		return;
	}
	keep_add(full_name(link, "spec"), fd);
	close(fd);
}

/**
 * unkeep_link - have a link kept no more
 * @link: the link
 */
void unkeep_link(const struct link *link)
{
	int i, j;

	keep_remove(full_name(link, "spec"));
	keep_remove(full_name(link, "memory"));
	unkeep_host(link);
	for (i = 0; i < 2; i++) {
		for (j = BELL; j <= CLIENT; j++)
			keep_remove(full_name(link, side_names[i][j]));
	}
}

/**
 * keep_host - have the host's end of a link outlive this process, if it is there
 * @link: the link
 */
void keep_host(const struct link *link)
{
	if (link->host_fd >= 0)
		keep_add(full_name(link, "host"), link->host_fd);
}

/**
 * unkeep_host - have the host's end of a link kept no more
 * @link: the link
 */
void unkeep_host(const struct link *link)
{
	keep_remove(full_name(link, "host"));
}

/**
 * keep_client - have the connection of a client outlive this process
 * @ep: the client's side
 */
void keep_client(const struct endpoint *ep)
{
	keep_add(side_name(ep, CLIENT), ep->client);
}

/**
 * unkeep_client - have the connection of a client kept no more
 * @ep: the client's side
 */
void unkeep_client(const struct endpoint *ep)
{
	keep_remove(side_name(ep, CLIENT));
}

/* What describe() returned for the link of that number, or NULL. */
static struct json_object *read_description(const char *name)
{
	int fd = keep_take(name);
	char text[SPEC_MAX];
	ssize_t len;

	if (fd < 0)
		return NULL;
	len = pread(fd, text, sizeof(text) - 1, 0);
	close(fd);
	if (len < 0)
		return NULL;
	text[len] = '\0';
	return json_tokener_parse(text);
}

static int take_memory(struct link *link)
{
	struct stat st;

	link->memfd = keep_take(full_name(link, "memory"));
	if (link->memfd < 0 || fstat(link->memfd, &st) ||
	    (uint64_t)st.st_size != link->spec.size)
		return -1;
	return link_map(link);
}

/* False if the socket is another one now. */
static bool take_listener(struct endpoint *ep, struct json_object *description)
{
	bool second = ep == &ep->link->side[1];
	int fd = keep_take(side_name(ep, LISTEN));

	ep->listener.dev = js_get_number(description, second ? "dev1" : "dev0");
	ep->listener.ino = js_get_number(description, second ? "ino1" : "ino0");
	return fd >= 0 && !listener_adopt(&ep->listener, fd);
}

static int take_side(struct vshmd *d, struct endpoint *ep,
		     struct json_object *description, bool *changed)
{
	int side = ep == &ep->link->side[1];
	int client;

	ep->doorbell = keep_take(side_name(ep, BELL));
	if (ep->doorbell < 0)
		return -1;
	if (!ep->listener.path)
		return 0;
	if (!take_listener(ep, description)) {
		*changed = true;
		if (listener_open(&ep->listener, SOCK_STREAM,
				  &ep->link->spec.access[side]))
			return -1;
	}
	if (server_start(ep, d->base))
		return -1;
	client = keep_take(side_name(ep, CLIENT));
	return client < 0 ? 0 : server_adopt(ep, client);
}

/* A side without a client can have lost it while nobody looked. */
static void check_clients(struct link *link)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (link->side[i].listener.path && link->side[i].client < 0)
			link_goodbye(link, i);
	}
}

static int restore_link(struct vshmd *d, struct link *link,
			struct json_object *description)
{
	bool changed = false;

	if (take_memory(link))
		return -1;
	if (take_side(d, &link->side[0], description, &changed) ||
	    take_side(d, &link->side[1], description, &changed))
		return -1;
	if (spec_is_host(&link->spec)) {
		link->host_fd = keep_take(full_name(link, "host"));
		/* The host was detached, and is to come back. */
		if (link->host_fd < 0) {
			changed = true;
			if (host_attach(link))
				return -1;
		}
	}
	check_clients(link);
	if (changed) {
		unkeep_link(link);
		keep_link(link);
	}
	return 0;
}

static void drop_link(struct link *link)
{
	int i;

	log_msg(LOG_WARNING, "link %s was not kept as a whole: dropped",
		link->name);
	unkeep_link(link);
	for (i = 0; i < 2; i++) {
		server_stop(&link->side[i]);
		listener_unlink(&link->side[i].listener);
		listener_close(&link->side[i].listener);
	}
	link_free(link);
}

static void restore_one(struct vshmd *d, unsigned int id, const char *name)
{
	struct json_object *description = read_description(name);
	struct log_fields about = { .event = "link_restored" };
	struct link *link = NULL;
	char spec_name[32];
	struct spec spec;

	if (id >= d->next_id)
		d->next_id = id + 1;
	if (!description || spec_from_json(&spec, description)) {
		log_msg(LOG_WARNING, "kept link %u cannot be read: dropped", id);
		goto out_remove;
	}
	link = link_new(&spec, id);
	spec_free(&spec);
	if (!link)
		goto out_remove;
	if (restore_link(d, link, description)) {
		drop_link(link);
		goto out;
	}
	TAILQ_INSERT_TAIL(&d->links, link, entry);
	about.link = link->name;
	about.size = link->spec.size;
	log_event(LOG_INFO, &about, "link %s goes on, undisturbed", link->name);
	link->announced = true;
	goto out;

out_remove:
	snprintf(spec_name, sizeof(spec_name), "%u.spec", id);
	keep_remove(spec_name);
out:
	json_object_put(description);
}

/**
 * restore_links - go on with the links of an earlier process
 * @d: everything
 */
void restore_links(struct vshmd *d)
{
	const char *name;
	unsigned int id;

	while ((name = keep_find(".spec", &id)))
		restore_one(d, id, name);
}
