// SPDX-License-Identifier: GPL-2.0
/*
 * vshm monitor: what happens to sockets and links, as it happens.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/genetlink.h>
#include <linux/vshm_diag.h>

#include "diag.h"
#include "filter.h"
#include "js.h"
#include "sockets.h"

static const char help[] =
	"Usage: vshm monitor [socket [CONDITION]...]\n"
	"       vshm monitor link\n"
	"\n"
	"Shows each event until interrupted: sockets that come, change their state and\n"
	"go, with the bytes that they moved; links that come, go, and are up or down.\n"
	"Events of sockets that fit:\n"
	FILTER_HELP
	"\n"
	"  -n, --number=N         end after so many events\n"
	"  -e                     the state before, and a pending error\n"
	"  -j                     JSON, one object a line\n";

/**
 * struct monitor - what is shown
 * @opt: command line
 * @filter: events of which sockets
 * @number: how many events are still to be shown, 0 for no limit
 * @over: that many were
 * @table: names of the columns, and the event
 * @failed: memory is short, or nobody reads
 */
struct monitor {
	const struct options	*opt;
	struct filter		filter;
	uint64_t		number;
	bool			over;
	struct table		table;
	bool			failed;
};

static const struct argp_option arguments[] = {
	{ "number", 'n', "N", 0, NULL, 0 },
	{ 0 }
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct monitor *monitor = state->input;

	if (key != 'n')
		return ARGP_ERR_UNKNOWN;
	if (number_parse(arg, UINT64_MAX, &monitor->number) || !monitor->number)
		return bad_option("number '%s' is none above 0", arg);
	return 0;
}

static const char *event_name(unsigned int event)
{
	static const char * const names[] = {
		[VSHM_EVENT_NEW] = "new",
		[VSHM_EVENT_STATE] = "state",
		[VSHM_EVENT_GONE] = "gone",
		[VSHM_EVENT_LINK_NEW] = "link_new",
		[VSHM_EVENT_LINK_UP] = "link_up",
		[VSHM_EVENT_LINK_DOWN] = "link_down",
		[VSHM_EVENT_LINK_GONE] = "link_gone",
	};

	if (event >= sizeof(names) / sizeof(names[0]) || !names[event])
		return NULL;
	return names[event];
}

static bool is_link(unsigned int event)
{
	return event >= VSHM_EVENT_LINK_NEW;
}

static void time_text(bool date, char *buf, size_t size)
{
	struct timespec ts;
	char text[32] = "";
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (date && gmtime_r(&ts.tv_sec, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	else if (!date && localtime_r(&ts.tv_sec, &tm))
		strftime(text, sizeof(text), "%H:%M:%S", &tm);
	snprintf(buf, size, date ? "%s.%06ldZ" : "%s.%03ld", text,
		 date ? ts.tv_nsec / 1000 : ts.tv_nsec / 1000000);
}

static void print_head(void)
{
	printf("%s%-12s %-5s %11s %-9s %-12s %-12s %s%s\n", terminal_bold(), "TIME",
	       "EVENT", "ID", "TYPE", "STATE", "LOCAL", "PEER",
	       terminal_plain());
}

/* Returns how many columns that took. */
static size_t print_start(const char *event, const char *id, const char *type,
			  const char *state)
{
	const char *colour = terminal_colour(state);
	char now[32];
	int n;

	time_text(false, now, sizeof(now));
	n = printf("%s %-5s %11s %-9s ", now, event, id, type);
	fputs(colour, stdout);
	n += printf("%-12s", state);
	fputs(*colour ? terminal_plain() : "", stdout);
	return (size_t)n;
}

/* The last of a line of @used columns, below it where a terminal has no room. */
static void print_rest(size_t used, const char *separator, const char *rest)
{
	size_t width = terminal_width();

	if (width && used + strlen(separator) + strlen(rest) > width)
		separator = "\n    ";
	printf("%s%s\n", *rest ? separator : "", rest);
}

static void print_link(const struct table *t, unsigned int event)
{
	char id[ADDRESS_TEXT], rest[128];
	size_t used;

	snprintf(id, sizeof(id), "%s-%s", table_get(t, 1, "link.local"),
		 table_get(t, 1, "link.peer"));
	used = print_start("link", id, table_get(t, 1, "link.kind"),
			   event_name(event) + strlen("link_"));
	snprintf(rest, sizeof(rest), "epoch %s, peer %s, resets %s, violations %s",
		 table_get(t, 1, "link.epoch"), table_get(t, 1, "link.peer_epoch"),
		 table_get(t, 1, "link.resets"),
		 table_get(t, 1, "link.violations"));
	print_rest(used, " ", rest);
}

static void print_socket(const struct monitor *monitor, const struct table *t,
			 unsigned int event)
{
	const bool extended = monitor->opt->extended;
	char local[ADDRESS_TEXT], peer[ADDRESS_TEXT];
	const char *error = table_get(t, 1, "error");
	char rest[128] = "";
	size_t used;
	int n = 0;

	snprintf(local, sizeof(local), "%s:%s", table_get(t, 1, "l.cid"),
		 table_get(t, 1, "l.port"));
	used = print_start(event_name(event), table_get(t, 1, "id"),
			   type_name(table_get(t, 1, "l.type")),
			   table_get(t, 1, "state"));
	used += (size_t)printf(" %-12s %s", local,
			       sockets_peer(t, 1, peer, sizeof(peer)));
	if (event == VSHM_EVENT_GONE)
		n = snprintf(rest, sizeof(rest), "sent %s, received %s",
			     table_get(t, 1, "tx.bytes"), table_get(t, 1, "rx.bytes"));
	else if (extended && event == VSHM_EVENT_STATE)
		n = snprintf(rest, sizeof(rest), "was %s",
			     table_get(t, 1, "old_state"));
	if (extended && strcmp(error, "0"))
		snprintf(rest + n, sizeof(rest) - (size_t)n, "%serror %s",
			 n ? ", " : "", error);
	print_rest(used, ", ", rest);
}

/* Does a column belong to such an event? */
static bool belongs(const char *name, unsigned int event)
{
	static const char * const of_links[] = {
		"link.epoch", "link.peer_epoch", "link.connections",
		"link.resets", "link.violations",
	};
	size_t i;

	if (!strcmp(name, "old_state"))
		return event == VSHM_EVENT_STATE;
	for (i = 0; i < sizeof(of_links) / sizeof(of_links[0]); i++) {
		if (!strcmp(name, of_links[i]))
			return is_link(event);
	}
	if (is_link(event))
		return !strncmp(name, "link.", 5) && !strstr(name, "slot");
	return true;
}

static int print_event_json(const struct table *t, unsigned int event)
{
	struct json_object *obj = json_object_new_object(), *all;
	char now[40];
	size_t i;
	bool ok;

	time_text(true, now, sizeof(now));
	ok = js_add(obj, "time", js_string(now));
	ok = js_add(obj, "event", js_string(event_name(event))) && ok;
	all = table_row_json(t, 1);
	for (i = 0; all && i < t->columns; i++) {
		const char *name = table_cell(t, 0, i);
		struct json_object *val;

		if (belongs(name, event) &&
		    json_object_object_get_ex(all, name, &val))
			ok = js_add(obj, name, json_object_get(val)) && ok;
	}
	if (!all || !ok) {
		json_object_put(obj);
		obj = NULL;
	}
	json_object_put(all);
	return print_json_line(obj);
}

static int show_event(struct monitor *monitor, const struct nlmsghdr *nlh,
		      unsigned int event)
{
	struct table *t = &monitor->table;

	if (diag_add_row(t, nlh, sizeof(struct genlmsghdr)))
		return -1;
	if (!is_link(event) && !filter_match(&monitor->filter, t, 1))
		return 0;
	if (monitor->opt->json) {
		if (print_event_json(t, event))
			return -1;
	} else if (is_link(event)) {
		print_link(t, event);
	} else {
		print_socket(monitor, t, event);
	}
	monitor->over = monitor->number && !--monitor->number;
	return fflush(stdout);
}

static int event_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	struct monitor *monitor = data;

	/* those that were waiting when the last one was shown */
	if (monitor->over || !event_name(genl->cmd))
		return MNL_CB_OK;
	monitor->failed = show_event(monitor, nlh, genl->cmd);
	/* keep the names */
	table_cut(&monitor->table, 1);
	return monitor->failed ? MNL_CB_STOP : MNL_CB_OK;
}

static void tell_lost(const struct monitor *monitor)
{
	struct json_object *obj;

	if (!monitor->opt->json) {
		fputs("vshm: events were lost: more happened than could be shown\n",
		      stderr);
		return;
	}
	obj = json_object_new_object();
	if (js_add(obj, "event", js_string("lost"))) {
		print_json_line(obj);
		fflush(stdout);
	} else {
		json_object_put(obj);
	}
}

static int listen_to(struct monitor *monitor, bool sockets, bool links)
{
	struct error err = { .text = "out of memory" };
	struct netlink nl = { 0 };
	int ret = -1;

	if (diag_add_names(&monitor->table) ||
	    netlink_open(&nl, NETLINK_GENERIC, &err) ||
	    (sockets && netlink_join(&nl, VSHM_GENL_NAME, VSHM_GENL_SOCKETS, &err)) ||
	    (links && netlink_join(&nl, VSHM_GENL_NAME, VSHM_GENL_LINKS, &err)))
		goto out;
	if (!monitor->opt->json)
		print_head();
	ret = fflush(stdout);
	while (!ret && !stopped() && !monitor->over) {
		ret = netlink_listen(&nl, event_cb, monitor);
		if (ret == -ENOBUFS)
			tell_lost(monitor);
		else if (ret && ret != -EINTR)
			error_set(&err, "netlink: %s", strerror(-ret));
		if (ret == -ENOBUFS || ret == -EINTR)
			ret = 0;
		if (monitor->failed)
			ret = error_set(&err, "cannot write, or out of memory");
	}
out:
	netlink_close(&nl);
	return ret ? fail(&err) : EXIT_SUCCESS;
}

/**
 * do_monitor - vshm monitor
 * @opt: command line
 *
 * Return: exit status.
 */
int do_monitor(struct options *opt)
{
	struct monitor monitor = { .opt = opt };
	const char *what;
	struct error err;
	bool links;
	int status;

	status = parse_own(opt, help, arguments, parse_option, &monitor);
	if (status >= 0)
		return status;
	what = opt->nr > 1 ? opt->word[1] : NULL;
	links = what && word_is(what, "link");
	if (what && !links && !word_is(what, "socket"))
		return usage(help, opt, "'%s' is not known: give socket, link or nothing",
			     what);
	if (links && opt->nr > 2)
		return usage(help, opt, "'%s' is too much: links have no conditions",
			     opt->word[2]);
	if (opt->proc)
		return usage(help, opt, "--proc has no events: enter that network namespace, with 'nsenter -n'");
	if (filter_parse(&monitor.filter, opt, 2, &err)) {
		status = usage(help, opt, "%s", err.text);
	} else {
		stop_on_signals();
		status = listen_to(&monitor, !links, links || !what);
	}
	filter_free(&monitor.filter);
	table_free(&monitor.table);
	return status;
}
