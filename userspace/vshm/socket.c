// SPDX-License-Identifier: GPL-2.0
/*
 * vshm socket: the socket table.
 */
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "js.h"
#include "process.h"
#include "sockets.h"

static const char help[] =
	"Usage: vshm socket [list] [CONDITION]...\n"
	"\n"
	"Lists the sockets of the family, all of them or those that fit:\n"
	FILTER_HELP
	"\n"
	"  -p            the processes that have the socket: name[pid]:descriptor\n"
	"  -e            all fields\n"
	"  -j            JSON, with all fields\n"
	"  -w[SECONDS]   again and again\n";

/**
 * struct list - what is to be listed
 * @opt: command line
 * @filter: which sockets
 * @processes: show processes
 * @owners: these
 * @more: for each column of the table, does -e add it?
 */
struct list {
	struct options	*opt;
	struct filter	filter;
	bool		processes;
	struct owners	owners;
	bool		*more;
};

static const struct argp_option arguments[] = {
	{ "processes", 'p', NULL, 0, NULL, 0 },
	{ 0 }
};

static error_t parse_option(int key, __attribute__((unused)) char *arg,
			    struct argp_state *state)
{
	struct list *list = state->input;

	if (key != 'p')
		return ARGP_ERR_UNKNOWN;
	list->processes = true;
	return 0;
}

/* Columns that are shown unasked, in another form, so not once more by -e. */
static const char * const shown[] = {
	"state", "activity", "sendq", "recvq", "connq", "connlim", "uid",
	"l.type", "l.cid", "l.port", "r.cid", "r.port", NULL,
};

static bool is_shown(const char *name)
{
	size_t i;

	for (i = 0; shown[i]; i++) {
		if (!strcmp(shown[i], name))
			return true;
	}
	return false;
}

static int add_process(struct table *out, const struct list *list,
		       const struct table *t, size_t row)
{
	char *text;
	int ret;

	if (!row)
		return table_add(out, "PROCESS");
	text = owners_text(&list->owners, table_number(t, row, "inode"));
	ret = text ? table_add(out, text) : -1;
	free(text);
	return ret;
}

static int add_row(struct table *out, const struct list *list,
		   const struct table *t, size_t row)
{
	size_t i;

	if (row ? sockets_add(out, t, row) : sockets_add_names(out))
		return -1;
	if (list->processes && add_process(out, list, t, row))
		return -1;
	if (!row)
		out->main = out->cells;
	for (i = 0; list->opt->extended && i < t->columns; i++) {
		if (list->more[i] && table_add(out, table_cell(t, row, i)))
			return -1;
	}
	if (!row)
		out->columns = out->cells;
	return 0;
}

static int show_table(struct list *list, const struct table *t)
{
	const struct error no_memory = { .text = "out of memory" };
	struct table out = { 0 };
	size_t row, i;
	int ret;

	list->more = calloc(t->columns, sizeof(*list->more));
	if (!list->more)
		return fail(&no_memory);
	for (i = 0; i < t->columns; i++)
		list->more[i] = !is_shown(table_cell(t, 0, i));
	ret = add_row(&out, list, t, 0);
	for (row = 1; !ret && row < table_rows(t); row++) {
		if (filter_match(&list->filter, t, row))
			ret = add_row(&out, list, t, row);
	}
	if (!ret)
		ret = table_print(&out);
	table_free(&out);
	free(list->more);
	return ret ? fail(&no_memory) : EXIT_SUCCESS;
}

static struct json_object *row_json(const struct list *list,
				    const struct table *t, size_t row)
{
	struct json_object *obj = table_row_json(t, row);

	if (obj && list->processes &&
	    !js_add(obj, "processes",
		    owners_json(&list->owners, table_number(t, row, "inode")))) {
		json_object_put(obj);
		obj = NULL;
	}
	return obj;
}

static int show_json(const struct list *list, const struct table *t)
{
	const struct error no_memory = { .text = "out of memory" };
	struct json_object *obj;
	const char *text;
	bool first = true;
	size_t row;

	/* a line for each: there may be more than memory has room for */
	putchar('[');
	for (row = 1; row < table_rows(t); row++) {
		if (!filter_match(&list->filter, t, row))
			continue;
		obj = row_json(list, t, row);
		text = json_object_to_json_string_ext(obj, JSON_C_TO_STRING_SPACED |
						      JSON_C_TO_STRING_NOSLASHESCAPE);
		if (!obj || !text) {
			json_object_put(obj);
			return fail(&no_memory);
		}
		printf("%s\n  %s", first ? "" : ",", text);
		first = false;
		json_object_put(obj);
	}
	puts("\n]");
	return EXIT_SUCCESS;
}

static int show(void *arg)
{
	struct list *list = arg;
	struct table table;
	struct error err;
	int status;

	if (sockets_read(list->opt, &list->filter, &table, &err))
		return fail(&err);
	if (list->processes && owners_read(&list->owners)) {
		error_set(&err, "/proc: cannot read who has which sockets");
		status = fail(&err);
		goto out;
	}
	status = list->opt->json ? show_json(list, &table) :
				   show_table(list, &table);
	if (list->owners.hidden)
		fputs("vshm: processes of other users are not seen: run vshm as root\n",
		      stderr);
	owners_free(&list->owners);
out:
	table_free(&table);
	return status;
}

/**
 * do_socket - vshm socket
 * @opt: command line
 *
 * Return: exit status.
 */
int do_socket(struct options *opt)
{
	struct list list = { .opt = opt };
	struct error err;
	size_t first;
	int status;

	status = parse_own(opt, help, arguments, parse_option, &list);
	if (status >= 0)
		return status;
	first = opt->nr > 1 && word_is(opt->word[1], "list") ? 2 : 1;
	if (filter_parse(&list.filter, opt, first, &err))
		status = usage(help, opt, "%s", err.text);
	else
		status = watch(opt, show, &list);
	filter_free(&list.filter);
	return status;
}
