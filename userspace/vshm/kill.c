// SPDX-License-Identifier: GPL-2.0
/*
 * vshm kill: ending sockets, as if their links had died.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netlink.h>

#include "diag.h"
#include "filter.h"
#include "js.h"
#include "sockets.h"

static const char help[] =
	"Usage: vshm kill [OPTION]... CONDITION...\n"
	"\n"
	"Ends the sockets that fit: connections are reset, listeners take no more. It\n"
	"takes root (CAP_NET_ADMIN in the network namespace).\n"
	FILTER_HELP
	"\n"
	"  -n, --dry-run          only show them\n"
	"  -j                     JSON\n"
	"\n"
	"Status 1 if no socket fits, or one that does could not be ended.\n";

/**
 * struct kill - what is to be ended
 * @opt: command line
 * @filter: which sockets
 * @dry: only show them
 * @nl: for requests
 * @out: what was done, for people
 * @array: what was done, for programs
 * @failed: how many could not be ended
 * @fit: how many sockets fit
 */
struct kill {
	const struct options	*opt;
	struct filter		filter;
	bool			dry;
	struct netlink		nl;
	struct table		out;
	struct json_object	*array;
	size_t			failed;
	size_t			fit;
};

static const struct argp_option arguments[] = {
	{ "dry-run", 'n', NULL, 0, NULL, 0 },
	{ 0 }
};

static error_t parse_option(int key, __attribute__((unused)) char *arg,
			    struct argp_state *state)
{
	struct kill *kill = state->input;

	if (key != 'n')
		return ARGP_ERR_UNKNOWN;
	kill->dry = true;
	return 0;
}

/* What became of a socket. */
static const char *end_socket(struct kill *kill, uint64_t id)
{
	int ret = kill->dry ? 0 : diag_destroy(&kill->nl, id);

	if (!ret)
		return kill->dry ? "fits" : "ended";
	/* it ended by itself */
	if (ret == -ENOENT)
		return "gone";
	kill->failed++;
	if (ret == -EPERM)
		return "not permitted";
	if (ret == -EOPNOTSUPP)
		return "cannot be ended";
	return strerror(-ret);
}

static int note(struct kill *kill, const struct table *t, size_t row,
		const char *result)
{
	struct json_object *obj;

	if (!kill->opt->json)
		return sockets_add(&kill->out, t, row) ||
		       table_add(&kill->out, result) ? -1 : 0;
	obj = table_row_json(t, row);
	if (!js_add(obj, "result", js_string(result))) {
		json_object_put(obj);
		return -1;
	}
	return js_append(kill->array, obj) ? 0 : -1;
}

static int end_all(struct kill *kill, const struct table *t)
{
	size_t row;

	if (sockets_add_names(&kill->out) || table_add(&kill->out, "RESULT"))
		return -1;
	kill->out.columns = kill->out.cells;
	for (row = 1; row < table_rows(t); row++) {
		if (!filter_match(&kill->filter, t, row))
			continue;
		kill->fit++;
		if (note(kill, t, row,
			 end_socket(kill, table_number(t, row, "id"))))
			return -1;
	}
	return 0;
}

static int show(struct kill *kill)
{
	struct error err = { .text = "out of memory" };

	if (kill->opt->json) {
		if (print_json(json_object_get(kill->array)))
			return EXIT_FAILURE;
	} else if (kill->fit && table_print(&kill->out)) {
		return fail(&err);
	}
	if (!kill->fit)
		error_set(&err, "no socket fits: see 'vshm socket'");
	else if (kill->failed)
		error_set(&err, "%zu of %zu sockets could not be ended: run vshm as root, and see RESULT",
			  kill->failed, kill->fit);
	else
		return EXIT_SUCCESS;
	return fail(&err);
}

static int run(struct kill *kill)
{
	struct error err = { .text = "out of memory" };
	struct table table;
	int status = EXIT_FAILURE, ret;

	ret = diag_read(&kill->filter, &table, &err);
	if (ret == -ENOENT) {
		/* with a module that is too old, procfs is there */
		if (!proc_read(&table, PROC_NET, "vshm", &err)) {
			table_free(&table);
			error_set(&err, "this module does not know sock_diag(7), which ends sockets: load a newer one");
		}
	}
	if (ret)
		return fail(&err);
	kill->array = json_object_new_array();
	if (netlink_open(&kill->nl, NETLINK_SOCK_DIAG, &err)) {
		fail(&err);
	} else if (!kill->array || end_all(kill, &table)) {
		error_set(&err, "out of memory");
		fail(&err);
	} else {
		status = show(kill);
	}
	netlink_close(&kill->nl);
	json_object_put(kill->array);
	table_free(&kill->out);
	table_free(&table);
	return status;
}

/**
 * do_kill - vshm kill
 * @opt: command line
 *
 * Return: exit status.
 */
int do_kill(struct options *opt)
{
	struct kill kill = { .opt = opt };
	struct error err;
	int status;

	status = parse_own(opt, help, arguments, parse_option, &kill);
	if (status >= 0)
		return status;
	if (opt->proc)
		return usage(help, opt, "--proc shows sockets of others: enter their network namespace to end them, with 'nsenter -n'");
	if (filter_parse(&kill.filter, opt, 1, &err))
		status = usage(help, opt, "%s", err.text);
	else if (!kill.filter.nr)
		status = usage(help, opt, "no condition: say which sockets shall end");
	else
		status = run(&kill);
	filter_free(&kill.filter);
	return status;
}
