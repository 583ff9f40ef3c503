// SPDX-License-Identifier: GPL-2.0
/*
 * Rows and columns: aligned for people, JSON for programs.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "vshm.h"

/* Make room for @len bytes of text and one more cell; both grow twofold. */
static int make_room(struct table *table, size_t len)
{
	size_t size = table->size ? table->size : 64;
	size_t *cell;
	char *text;

	while (size - table->used < len)
		size *= 2;
	if (size != table->size) {
		text = realloc(table->text, size);
		if (!text)
			return -1;
		table->text = text;
		table->size = size;
	}
	if (!(table->cells & (table->cells - 1))) {
		cell = reallocarray(table->cell, table->cells ? table->cells * 2 : 1,
				    sizeof(*cell));
		if (!cell)
			return -1;
		table->cell = cell;
	}
	return 0;
}

/**
 * table_add - append a cell
 * @table: table
 * @text: what is in it, and not a cell of this table
 *
 * What table_cell() returned before is valid no more.
 *
 * Return: 0, or -1 if memory is short.
 */
int table_add(struct table *table, const char *text)
{
	size_t len = strlen(text) + 1;

	if (make_room(table, len))
		return -1;
	memcpy(table->text + table->used, text, len);
	table->cell[table->cells++] = table->used;
	table->used += len;
	return 0;
}

/**
 * table_addf - append a cell
 * @table: table
 * @fmt: as for printf()
 *
 * Return: 0, or -1 if memory is short.
 */
int table_addf(struct table *table, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int ret;

	va_start(ap, fmt);
	ret = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (ret < 0)
		return -1;
	ret = table_add(table, text);
	free(text);
	return ret;
}

/* Take cells off the end, down to so many. */
static void cut_cells(struct table *table, size_t cells)
{
	if (table->cells > cells) {
		table->cells = cells;
		table->used = table->cell[cells];
	}
}

/**
 * table_fill - end a row, in which there may be too much or too little
 * @table: table
 * @before: how many cells there were before it
 *
 * What is too much would shift all that follows; what lacks becomes "-".
 *
 * Return: 0, or -1 if memory is short.
 */
int table_fill(struct table *table, size_t before)
{
	cut_cells(table, before + table->columns);
	while (table->cells > before && table->cells - before < table->columns) {
		if (table_add(table, "-"))
			return -1;
	}
	return 0;
}

/**
 * table_cut - take the last rows away
 * @table: table
 * @rows: how many shall be left, with that of the names
 */
void table_cut(struct table *table, size_t rows)
{
	cut_cells(table, rows * table->columns);
}

/**
 * table_free - free the cells
 * @table: table
 */
void table_free(struct table *table)
{
	free(table->text);
	free(table->cell);
	memset(table, 0, sizeof(*table));
}

/**
 * table_rows - count the rows
 * @table: table
 *
 * Return: how many there are, with that of the names.
 */
size_t table_rows(const struct table *table)
{
	return table->columns ? table->cells / table->columns : 0;
}

/**
 * table_cell - look into a cell
 * @table: table
 * @row: number of the row, 0 for the names
 * @column: number of the column
 *
 * Return: what is in there.
 */
const char *table_cell(const struct table *table, size_t row, size_t column)
{
	return table->text + table->cell[row * table->columns + column];
}

/**
 * table_column - find a column
 * @table: table
 * @name: the column's name
 *
 * Return: its number, or -1 if there is no such column.
 */
int table_column(const struct table *table, const char *name)
{
	size_t i;

	for (i = 0; i < table->columns; i++) {
		if (!strcmp(table_cell(table, 0, i), name))
			return (int)i;
	}
	return -1;
}

/**
 * table_get - look into a cell of a column that has a name
 * @table: table
 * @row: number of the row
 * @name: name of the column
 *
 * Return: what is in there, or "-" if there is no such column.
 */
const char *table_get(const struct table *table, size_t row, const char *name)
{
	int column = table_column(table, name);

	return column < 0 ? "-" : table_cell(table, row, (size_t)column);
}

/**
 * table_number - look into a cell that has a number
 * @table: table
 * @row: number of the row
 * @name: name of the column
 *
 * Return: the number, or 0 if there is no such column, or no number.
 */
uint64_t table_number(const struct table *table, size_t row, const char *name)
{
	return strtoull(table_get(table, row, name), NULL, 10);
}

/**
 * struct layout - how a table is printed
 * @width: of each column
 * @right: numbers stand at the right edge of their column, and so does its name
 * @fit: columns that a line has room for; the others follow below each row
 * @gap: spaces between columns
 * @line: characters of a line, 0 if it has no end
 */
struct layout {
	size_t	*width;
	bool	*right;
	size_t	fit;
	size_t	gap;
	size_t	line;
};

/* A number, perhaps with a unit or a fraction, or what stands for one. */
static bool is_numeric(const char *text)
{
	size_t digits = strspn(text, "0123456789.");

	if (!digits)
		return !strcmp(text, "-") || !strcmp(text, "*");
	return !text[digits] || (strchr("kKMGT%", text[digits]) && !text[digits + 1]);
}

/* The columns that fit @line with @gap spaces between them. */
static size_t columns_fit(const struct table *table, const struct layout *layout,
			  size_t gap)
{
	size_t column, width = 0;

	for (column = 0; column < table->columns; column++) {
		width += (column ? gap : 0) + layout->width[column];
		if (layout->line && width > layout->line)
			return column ? column : 1;
	}
	return column;
}

static int layout_table(const struct table *table, struct layout *layout)
{
	size_t rows = table_rows(table), row, column, want;
	bool *words;

	layout->width = calloc(table->columns, sizeof(*layout->width));
	layout->right = calloc(table->columns, sizeof(*layout->right));
	layout->line = terminal_width();
	words = calloc(table->columns, sizeof(*words));
	if (!layout->width || !layout->right || !words) {
		free(words);
		return -1;
	}
	for (row = 0; row < rows; row++) {
		for (column = 0; column < table->columns; column++) {
			const char *text = table_cell(table, row, column);
			size_t len = strlen(text);

			if (len > layout->width[column])
				layout->width[column] = len;
			words[column] |= row && !is_numeric(text);
			layout->right[column] |= row && isdigit(*text);
		}
	}
	for (column = 0; column < table->columns; column++)
		layout->right[column] &= !words[column];
	free(words);
	/* narrow rather than folded, unless much has to be */
	want = table->main ? table->main : table->columns;
	layout->gap = columns_fit(table, layout, 2) >= want ? 2 : 1;
	layout->fit = columns_fit(table, layout, layout->gap);
	if (layout->fit < table->columns && layout->fit > want)
		layout->fit = want;
	return 0;
}

static void print_spaces(size_t n)
{
	while (n--)
		putchar_unlocked(' ');
}

static void print_cell(const struct table *table, const struct layout *layout,
		       size_t row, size_t column)
{
	const char *text = table_cell(table, row, column);
	const char *start = row ? terminal_colour(text) : terminal_bold();
	size_t space = layout->width[column] - strlen(text);

	print_spaces((column ? layout->gap : 0) +
		     (layout->right[column] ? space : 0));
	fputs(start, stdout);
	fputs(text, stdout);
	if (*start)
		fputs(terminal_plain(), stdout);
	/* nothing follows the last one */
	if (!layout->right[column] && column + 1 < layout->fit)
		print_spaces(space);
}

/* What a line had no room for, below it: name=value. */
static void print_folded(const struct table *table, const struct layout *layout,
			 size_t row)
{
	size_t column, at = 0;

	for (column = layout->fit; column < table->columns; column++) {
		const char *name = table_cell(table, 0, column);
		const char *text = table_cell(table, row, column);
		size_t len = strlen(name) + 1 + strlen(text);

		/* nothing is there */
		if (!strcmp(text, "-"))
			continue;
		if (at && at + 1 + len > layout->line) {
			putchar('\n');
			at = 0;
		}
		printf("%*s", at ? 1 : 4, "");
		for (; *name; name++)
			putchar(tolower(*name));
		printf("=%s", text);
		at += (at ? 1 : 4) + len;
	}
	if (at)
		putchar('\n');
}

/**
 * table_print - print a table with its columns aligned
 * @table: table
 *
 * Return: 0, or -1 if memory is short.
 */
int table_print(const struct table *table)
{
	struct layout layout = { 0 };
	size_t row, column;
	int ret;

	ret = layout_table(table, &layout);
	for (row = 0; !ret && row < table_rows(table); row++) {
		for (column = 0; column < layout.fit; column++)
			print_cell(table, &layout, row, column);
		putchar('\n');
		if (row)
			print_folded(table, &layout, row);
	}
	free(layout.width);
	free(layout.right);
	return ret;
}

/**
 * table_row_json - a row as an object
 * @table: table
 * @row: number of the row
 *
 * Cells that have nothing are left out.
 *
 * Return: object, or NULL if memory is short.
 */
struct json_object *table_row_json(const struct table *table, size_t row)
{
	struct json_object *obj = json_object_new_object(), *val;
	size_t column;

	for (column = 0; column < table->columns; column++) {
		const char *text = table_cell(table, row, column);
		const char *name = table_cell(table, 0, column);

		/* nothing is there; of an activity that means none */
		if (!strcmp(text, "-") && strcmp(name, "activity"))
			continue;
		if (number_is(text))
			val = json_object_new_uint64(strtoull(text, NULL, 10));
		else
			val = js_string(text);
		if (!js_add(obj, name, val)) {
			json_object_put(obj);
			return NULL;
		}
	}
	return obj;
}

static int print_object(struct json_object *obj, int how)
{
	const struct error err = { .text = "out of memory" };
	const char *text = NULL;

	if (obj)
		text = json_object_to_json_string_ext(obj, how);
	if (text)
		puts(text);
	json_object_put(obj);
	return text ? EXIT_SUCCESS : fail(&err);
}

/**
 * print_json - print JSON, and let it go
 * @obj: what to print, or NULL if there was no memory for it
 *
 * Return: exit status.
 */
int print_json(struct json_object *obj)
{
	return print_object(obj, JSON_C_TO_STRING_PRETTY |
				 JSON_C_TO_STRING_SPACED |
				 JSON_C_TO_STRING_NOSLASHESCAPE);
}

/**
 * print_json_line - print JSON in one line, and let it go
 * @obj: what to print, or NULL if there was no memory for it
 *
 * Return: exit status.
 */
int print_json_line(struct json_object *obj)
{
	return print_object(obj, JSON_C_TO_STRING_PLAIN |
				 JSON_C_TO_STRING_NOSLASHESCAPE);
}
