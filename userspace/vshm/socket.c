// SPDX-License-Identifier: GPL-2.0
/*
 * vshm socket: the socket table.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "js.h"
#include "vshm.h"

static const char help[] =
	"Usage: vshm socket [list] [FILTER]...\n"
	"\n"
	"Lists the sockets of the family. Only those that fit every FILTER:\n"
	"  state NAME    unconnected, bound, listening, connecting, connected,\n"
	"                shutdown, disconnected, terminated, sending, receiving\n"
	"  cid N         local or remote context ID\n"
	"  port N        local or remote port\n"
	"  type NAME     stream, seqpacket, dgram\n"
	"\n"
	"  -e            all fields\n"
	"  -j            JSON\n";

static const char * const states[] = {
	"unconnected", "bound", "listening", "connecting", "connected",
	"shutdown", "disconnected", "terminated", "sending", "receiving", NULL,
};

static const char * const type_names[] = { "stream", "seqpacket", "dgram", NULL };

/**
 * struct filter - which sockets are shown; NULL: any
 * @state: name of the state, or of the activity
 * @cid: context ID of either end
 * @port: port of either end
 * @type: name of the type
 */
struct filter {
	const char	*state;
	const char	*cid;
	const char	*port;
	const char	*type;
};

static const char *type_name(const char *number)
{
	switch (atoi(number)) {
	case SOCK_STREAM:
		return "stream";
	case SOCK_SEQPACKET:
		return "seqpacket";
	case SOCK_DGRAM:
		return "dgram";
	default:
		return number;
	}
}

static bool state_matches(const struct table *t, size_t row, const char *want)
{
	const char *activity = table_get(t, row, "activity");

	if (!strcasecmp(want, "sending"))
		return strchr(activity, 'S');
	if (!strcasecmp(want, "receiving"))
		return strchr(activity, 'R');
	return !strcasecmp(table_get(t, row, "state"), want);
}

static bool end_matches(const struct table *t, size_t row, const char *local,
			const char *remote, const char *want)
{
	return !strcmp(table_get(t, row, local), want) ||
	       !strcmp(table_get(t, row, remote), want);
}

static bool matches(const struct table *t, size_t row, const struct filter *f)
{
	return (!f->state || state_matches(t, row, f->state)) &&
	       (!f->cid || end_matches(t, row, "l.cid", "r.cid", f->cid)) &&
	       (!f->port || end_matches(t, row, "l.port", "r.port", f->port)) &&
	       (!f->type ||
		!strcasecmp(type_name(table_get(t, row, "l.type")), f->type));
}

static bool is_one_of(const char *word, const char * const *names)
{
	while (*names && strcasecmp(word, *names))
		names++;
	return *names;
}

static int parse_filter(const struct options *opt, struct filter *f)
{
	size_t i = 1;

	if (i < opt->nr && word_is(opt->word[i], "list"))
		i++;
	for (; i < opt->nr; i += 2) {
		const char *word = opt->word[i], *value = opt->word[i + 1];

		if (strcmp(word, "state") && strcmp(word, "cid") &&
		    strcmp(word, "port") && strcmp(word, "type"))
			return usage(help, opt, "'%s' is not known: give state, cid, port or type",
				     word);
		if (i + 1 == opt->nr)
			return usage(help, opt, "%s has no value: give one", word);
		if (!strcmp(word, "state")) {
			if (!is_one_of(value, states))
				return usage(help, opt, "state '%s' is not known", value);
			f->state = value;
		} else if (!strcmp(word, "type")) {
			if (!is_one_of(value, type_names))
				return usage(help, opt, "type '%s' is not known", value);
			f->type = value;
		} else {
			if (!*value || (value[strspn(value, "0123456789")] &&
					strcmp(value, "*")))
				return usage(help, opt, "%s '%s' is not a number: give one, or '*'",
					     word, value);
			*(*word == 'c' ? &f->cid : &f->port) = value;
		}
	}
	return 0;
}

static int add_names(struct table *out)
{
	static const char * const names[] = {
		"STATE", "ACT", "TYPE", "RECV-Q", "SEND-Q", "LOCAL", "PEER",
		"UID", "INODE",
	};
	size_t i;

	out->columns = sizeof(names) / sizeof(names[0]);
	for (i = 0; i < out->columns; i++) {
		if (table_add(out, "%s", names[i]))
			return -1;
	}
	return 0;
}

/* What of a socket is shown unasked. A listener's queue is that of connections. */
static int add_socket(struct table *out, const struct table *t, size_t row)
{
	bool listening = !strcasecmp(table_get(t, row, "state"), "listening");
	const char *port = table_get(t, row, "r.port");
	bool peer = strcmp(port, "0") && strcmp(port, "*") && !listening;

	if (table_add(out, "%s", table_get(t, row, "state")) ||
	    table_add(out, "%s", table_get(t, row, "activity")) ||
	    table_add(out, "%s", type_name(table_get(t, row, "l.type"))) ||
	    table_add(out, "%s", table_get(t, row, listening ? "connq" : "recvq")) ||
	    table_add(out, "%s", table_get(t, row, listening ? "connlim" : "sendq")) ||
	    table_add(out, "%s:%s", table_get(t, row, "l.cid"),
		      table_get(t, row, "l.port")) ||
	    table_add(out, "%s:%s", peer ? table_get(t, row, "r.cid") : "*",
		      peer ? port : "*") ||
	    table_add(out, "%s", table_get(t, row, "uid")) ||
	    table_add(out, "%s", table_get(t, row, "inode")))
		return -1;
	return 0;
}

static int add_all(struct table *out, const struct table *t, size_t row)
{
	size_t i;

	out->columns = t->columns;
	for (i = 0; i < t->columns; i++) {
		if (table_add(out, "%s", table_cell(t, row, i)))
			return -1;
	}
	return 0;
}

static int show_table(const struct options *opt, const struct table *t,
		      const struct filter *f)
{
	const struct error err = { .text = "out of memory" };
	struct table out = { 0 };
	size_t row;
	int ret;

	ret = opt->extended ? add_all(&out, t, 0) : add_names(&out);
	for (row = 1; !ret && row < table_rows(t); row++) {
		if (!matches(t, row, f))
			continue;
		ret = opt->extended ? add_all(&out, t, row) :
				      add_socket(&out, t, row);
	}
	if (!ret)
		table_print(&out);
	table_free(&out);
	return ret ? fail(&err) : EXIT_SUCCESS;
}

static int show_json(const struct table *t, const struct filter *f)
{
	struct json_object *array = json_object_new_array();
	size_t row;

	for (row = 1; row < table_rows(t); row++) {
		if (matches(t, row, f) &&
		    !js_append(array, table_row_json(t, row))) {
			json_object_put(array);
			array = NULL;
			break;
		}
	}
	return print_json(array);
}

/**
 * do_socket - vshm socket
 * @opt: command line
 *
 * Return: exit status.
 */
int do_socket(const struct options *opt)
{
	struct filter filter = { 0 };
	struct table table;
	struct error err;
	int ret;

	if (opt->help)
		return usage(help, opt, NULL);
	ret = parse_filter(opt, &filter);
	if (ret)
		return ret;
	if (proc_read(&table, opt->proc, "vshm", &err))
		return fail(&err);
	ret = opt->json ? show_json(&table, &filter) :
			  show_table(opt, &table, &filter);
	table_free(&table);
	return ret;
}
