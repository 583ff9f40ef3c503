// SPDX-License-Identifier: GPL-2.0
/*
 * Commands that list a table of the kernel as it is.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "vshm.h"

/**
 * struct listing - what is listed
 * @opt: command line
 * @name: file of the table
 * @shown: the columns that are shown unasked
 * @nr: how many there are
 */
struct listing {
	const struct options	*opt;
	const char		*name;
	const char * const	*shown;
	size_t			nr;
};

static bool is_bytes(const char *name)
{
	return !strcmp(name, "size") || !strncmp(name, "heap", 4);
}

static int add_name(struct table *out, const char *name)
{
	char upper[32];
	size_t i;

	for (i = 0; name[i] && i < sizeof(upper) - 1; i++)
		upper[i] = (char)toupper((unsigned char)name[i]);
	upper[i] = '\0';
	return table_add(out, upper);
}

static int add_cell(struct table *out, const struct table *t, size_t row,
		    size_t column)
{
	const char *text = table_cell(t, row, column);
	const char *name = table_cell(t, 0, column);
	char buf[32];

	if (!row)
		return add_name(out, name);
	if (is_bytes(name))
		text = size_text(strtoull(text, NULL, 10), buf, sizeof(buf));
	return table_add(out, text);
}

static int show_table(const struct listing *l, const struct table *t)
{
	const struct error err = { .text = "out of memory" };
	struct table out = { 0 };
	const bool all = l->opt->extended;
	const size_t nr = all ? t->columns : l->nr;
	size_t row, i;
	int column, ret = 0;

	for (row = 0; row < table_rows(t); row++) {
		for (i = 0; i < nr; i++) {
			column = all ? (int)i : table_column(t, l->shown[i]);
			if (column < 0)
				continue;
			ret = add_cell(&out, t, row, (size_t)column);
			if (ret)
				goto out;
		}
		if (!row)
			out.columns = out.cells;
	}
	ret = table_print(&out);
out:
	table_free(&out);
	return ret ? fail(&err) : EXIT_SUCCESS;
}

static int show_json(const struct table *t)
{
	struct json_object *array = json_object_new_array();
	size_t row;

	for (row = 1; row < table_rows(t); row++) {
		if (!js_append(array, table_row_json(t, row))) {
			json_object_put(array);
			array = NULL;
			break;
		}
	}
	return print_json(array);
}

static int show(void *arg)
{
	const struct listing *l = arg;
	struct table table;
	struct error err;
	int status;

	if (proc_read(&table, l->opt->proc, l->name, &err))
		return fail(&err);
	status = l->opt->json ? show_json(&table) : show_table(l, &table);
	table_free(&table);
	return status;
}

/**
 * do_list - a command that only lists a table of the kernel
 * @opt: command line
 * @help: what the command knows
 * @name: file of the table
 * @shown: the columns that are shown unasked
 * @nr: how many there are
 *
 * Return: exit status.
 */
int do_list(struct options *opt, const char *help, const char *name,
	    const char * const *shown, size_t nr)
{
	struct listing listing = {
		.opt = opt,
		.name = name,
		.shown = shown,
		.nr = nr,
	};
	int status = parse_own(opt, help, NULL, NULL, NULL);

	if (status >= 0)
		return status;
	if (opt->nr > 2 || (opt->nr == 2 && !word_is(opt->word[1], "list")))
		return usage(help, opt, "'%s' is not known: give list or nothing",
			     opt->word[opt->nr - 1]);
	return watch(opt, show, &listing);
}
