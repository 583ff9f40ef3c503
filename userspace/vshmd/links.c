// SPDX-License-Identifier: GPL-2.0
/*
 * Which links run. A new set is put in force in three steps: what is missing
 * is created, as far as it can be while the old links run; what is no longer
 * wanted is taken down; then the new links take the paths that are free now.
 * Links that are in both sets do not notice.
 */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "vshmd.h"

/* Descriptors of a link: memory, doorbells, listeners, clients, host. */
#define FDS_PER_LINK	8
#define FDS_OTHER	48

/* Many links need more descriptors than processes get unasked. */
static int reserve_fds(size_t nr_links)
{
	rlim_t need = FDS_OTHER + FDS_PER_LINK * (rlim_t)nr_links;
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) || lim.rlim_cur >= need)
		return 0;
	lim.rlim_cur = need;
	if (need > lim.rlim_max || setrlimit(RLIMIT_NOFILE, &lim)) {
		log_msg(LOG_ERR,
			"%zu links need %ju open files, this process may have %ju: raise the limit or give fewer links",
			nr_links, (uintmax_t)need, (uintmax_t)lim.rlim_max);
		return -1;
	}
	return 0;
}

/* What can be done while another link still has the paths. */
static struct link *prepare(struct vshmd *d, const struct spec *spec)
{
	struct link *link = link_new(spec, d->next_id);

	if (!link)
		return NULL;
	if (link_create(link)) {
		link_free(link);
		return NULL;
	}
	d->next_id++;
	return link;
}

static void close_link(struct link *link, bool unlink_sockets)
{
	int i;

	for (i = 0; i < 2; i++) {
		server_stop(&link->side[i]);
		if (unlink_sockets)
			listener_unlink(&link->side[i].listener);
		listener_close(&link->side[i].listener);
	}
	link_free(link);
}

/* Start a link that is prepared; takes it over. */
static int start(struct vshmd *d, struct link *link)
{
	int i;

	if (spec_is_host(&link->spec) && host_attach(link))
		goto err_close;
	for (i = 0; i < 2; i++) {
		struct endpoint *ep = &link->side[i];

		if (!ep->listener.path)
			continue;
		if (listener_open(&ep->listener, SOCK_STREAM,
				  &link->spec.access[i]) ||
		    server_start(ep, d->base))
			goto err_close;
	}
	TAILQ_INSERT_TAIL(&d->links, link, entry);
	keep_link(link);
	return 0;

err_close:
	close_link(link, true);
	return -1;
}

/**
 * links_stop_one - take a link down
 * @link: the link, which is freed
 * @links: the list that it is in
 *
 * Guests that are attached are told that their peer is gone.
 */
void links_stop_one(struct link *link, struct link_list *links)
{
	const struct log_fields about = {
		.event = "link_removed",
		.link = link->name,
	};

	log_event(LOG_NOTICE, &about, "link %s removed", link->name);
	TAILQ_REMOVE(links, link, entry);
	unkeep_link(link);
	/* The kernel says it for the host itself, when the file is closed. */
	if (!spec_is_host(&link->spec)) {
		link_goodbye(link, 0);
		link_goodbye(link, 1);
	}
	close_link(link, true);
	/* Whoever keeps the host's file keeps the host attached. */
	keep_sync();
}

/**
 * links_stop_all - let go of all links at the end of the process
 * @d: everything
 *
 * Guests do not notice: links between two go on, with nobody to watch them.
 * If they are kept, the next process goes on with them.
 */
void links_stop_all(struct vshmd *d)
{
	struct link *link;

	while ((link = TAILQ_FIRST(&d->links))) {
		TAILQ_REMOVE(&d->links, link, entry);
		if (!d->keeping)
			unkeep_link(link);
		close_link(link, !d->keeping);
	}
}

/**
 * links_detach_host - take the host's end of all links away
 * @d: everything
 *
 * Connections of the host are reset, and the module vshm_host can be replaced.
 * Guests, and all that is open for them, stay as they are; links_apply(), or the
 * next process, attaches the host again.
 */
void links_detach_host(struct vshmd *d)
{
	struct link *link;

	TAILQ_FOREACH(link, &d->links, entry) {
		const struct log_fields about = {
			.event = "host_detached",
			.link = link->name,
		};

		if (link->host_fd < 0)
			continue;
		log_event(LOG_NOTICE, &about, "link %s: host detached",
			  link->name);
		unkeep_host(link);
		host_detach(link);
	}
	/* Whoever keeps the host's file keeps the host attached. */
	keep_sync();
}

/**
 * links_start_one - add a link to those that run
 * @d: everything
 * @spec: what it shall be; conflicts with no other
 *
 * Return: 0, or -1 after logging why.
 */
int links_start_one(struct vshmd *d, const struct spec *spec)
{
	struct link *link, *other;
	size_t nr = 1;

	TAILQ_FOREACH(other, &d->links, entry)
		nr++;
	if (reserve_fds(nr))
		return -1;
	link = prepare(d, spec);
	return link ? start(d, link) : -1;
}

/* The link that runs as it is specified. */
static struct link *find_same(struct vshmd *d, const struct spec *spec)
{
	struct link *link;

	TAILQ_FOREACH(link, &d->links, entry) {
		if (!link->wanted && spec_same_link(&link->spec, spec))
			return link;
	}
	return NULL;
}

/* The host's end, if it was detached. */
static int attach_again(struct link *link)
{
	if (!spec_is_host(&link->spec) || link->host_fd >= 0)
		return 0;
	if (host_attach(link))
		return -1;
	keep_host(link);
	link->announced = false;
	return 0;
}

/* What of a link can change while it runs. */
static int update(struct link *link, const struct spec *spec)
{
	int i, ret = attach_again(link);

	link->spec.origin = spec->origin;
	for (i = 0; i < 2; i++) {
		if (!link->spec.path[i] ||
		    !memcmp(&link->spec.access[i], &spec->access[i],
			    sizeof(spec->access[i])))
			continue;
		if (listener_access(&link->side[i].listener, &spec->access[i]))
			ret = -1;
		else
			link->spec.access[i] = spec->access[i];
	}
	return ret;
}

static void discard(struct link_list *list)
{
	struct link *link;

	while ((link = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, link, entry);
		link_free(link);
	}
}

/* Prepare links that are missing, mark those that are not. */
static int prepare_all(struct vshmd *d, const struct specs *wanted,
		       struct link_list *fresh, bool *updated)
{
	struct link *link;
	size_t i, nr = 0;

	TAILQ_FOREACH(link, &d->links, entry) {
		link->wanted = false;
		nr++;
	}
	/* Those that end are open until all that are missing are prepared. */
	for (i = 0; i < wanted->nr; i++)
		nr += !find_same(d, &wanted->spec[i]);
	if (reserve_fds(nr))
		return -1;
	for (i = 0; i < wanted->nr; i++) {
		link = find_same(d, &wanted->spec[i]);
		if (link) {
			link->wanted = true;
			if (update(link, &wanted->spec[i]))
				*updated = false;
			continue;
		}
		link = prepare(d, &wanted->spec[i]);
		if (!link)
			return -1;
		link->wanted = true;
		TAILQ_INSERT_TAIL(fresh, link, entry);
	}
	return 0;
}

/**
 * links_apply - have these links run, and no others
 * @d: everything
 * @wanted: the links
 * @all: stop at the first one that cannot be started
 *
 * If memory for the new links is short, nothing is changed at all.
 *
 * Return: 0, or -1 after logging what does not run.
 */
int links_apply(struct vshmd *d, const struct specs *wanted, bool all)
{
	struct link_list fresh = TAILQ_HEAD_INITIALIZER(fresh);
	struct link *link, *next;
	bool updated = true;
	int ret = 0;

	if (prepare_all(d, wanted, &fresh, &updated)) {
		discard(&fresh);
		return -1;
	}
	for (link = TAILQ_FIRST(&d->links); link; link = next) {
		next = TAILQ_NEXT(link, entry);
		if (!link->wanted)
			links_stop_one(link, &d->links);
	}
	while ((link = TAILQ_FIRST(&fresh))) {
		TAILQ_REMOVE(&fresh, link, entry);
		if (!start(d, link))
			continue;
		ret = -1;
		if (all)
			break;
	}
	discard(&fresh);
	return updated ? ret : -1;
}

/**
 * links_announce - log the links that are ready since the last time
 * @d: everything
 */
void links_announce(struct vshmd *d)
{
	struct link *link;

	TAILQ_FOREACH(link, &d->links, entry) {
		const struct endpoint *side = link->side;
		const struct log_fields about = {
			.event = "link_ready",
			.link = link->name,
			.size = link->spec.size,
		};

		if (link->announced)
			continue;
		link->announced = true;
		if (spec_is_host(&link->spec))
			log_event(LOG_NOTICE, &about,
				  "link %s ready: %ju MiB, host attached, cid %u at '%s'",
				  link->name, (uintmax_t)link->spec.size >> 20,
				  side[1].cid, side[1].listener.path);
		else
			log_event(LOG_NOTICE, &about,
				  "link %s ready: %ju MiB, cid %u at '%s', cid %u at '%s'",
				  link->name, (uintmax_t)link->spec.size >> 20,
				  side[0].cid, side[0].listener.path,
				  side[1].cid, side[1].listener.path);
	}
}
