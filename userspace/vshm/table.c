// SPDX-License-Identifier: GPL-2.0
/*
 * Rows and columns: aligned for people, JSON for programs.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "vshm.h"

/**
 * table_add - append a cell
 * @table: table
 * @fmt: as for printf()
 *
 * Return: 0, or -1 if memory is short.
 */
int table_add(struct table *table, const char *fmt, ...)
{
	char **more, *text;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0)
		return -1;
	more = reallocarray(table->cell, table->cells + 1, sizeof(*more));
	if (!more) {
		free(text);
		return -1;
	}
	table->cell = more;
	more[table->cells++] = text;
	return 0;
}

/**
 * table_free - free the cells
 * @table: table
 */
void table_free(struct table *table)
{
	while (table->cells)
		free(table->cell[--table->cells]);
	free(table->cell);
	table->cell = NULL;
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
	return table->cell[row * table->columns + column];
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
		if (!strcmp(table->cell[i], name))
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

static size_t column_width(const struct table *table, size_t column)
{
	size_t row, width = 0;

	for (row = 0; row < table_rows(table); row++) {
		size_t len = strlen(table_cell(table, row, column));

		if (len > width)
			width = len;
	}
	return width;
}

static bool is_number(const char *s)
{
	return *s && !s[strspn(s, "0123456789")];
}

/* Numbers stand at the right edge of their column, and so does its name. */
static bool align_right(const struct table *table, size_t column)
{
	size_t row;

	for (row = 1; row < table_rows(table); row++) {
		const char *text = table_cell(table, row, column);

		if (!is_number(text) && strcmp(text, "-") && strcmp(text, "*"))
			return false;
	}
	return table_rows(table) > 1;
}

/**
 * table_print - print a table with its columns aligned
 * @table: table
 */
void table_print(const struct table *table)
{
	size_t row, column;

	for (row = 0; row < table_rows(table); row++) {
		for (column = 0; column < table->columns; column++) {
			const char *text = table_cell(table, row, column);
			int width = (int)column_width(table, column);

			if (column)
				fputs("  ", stdout);
			if (align_right(table, column))
				printf("%*s", width, text);
			else if (column + 1 < table->columns)
				printf("%-*s", width, text);
			else
				fputs(text, stdout);
		}
		putchar('\n');
	}
}

/**
 * table_row_json - a row as an object
 * @table: table
 * @row: number of the row
 *
 * Return: object, or NULL if memory is short.
 */
struct json_object *table_row_json(const struct table *table, size_t row)
{
	struct json_object *obj = json_object_new_object(), *val;
	size_t column;

	for (column = 0; column < table->columns; column++) {
		const char *text = table_cell(table, row, column);

		if (is_number(text))
			val = json_object_new_uint64(strtoull(text, NULL, 10));
		else
			val = js_string(text);
		if (!js_add(obj, table->cell[column], val)) {
			json_object_put(obj);
			return NULL;
		}
	}
	return obj;
}

/**
 * print_json - print JSON, and let it go
 * @obj: what to print, or NULL if there was no memory for it
 *
 * Return: exit status.
 */
int print_json(struct json_object *obj)
{
	const struct error err = { .text = "out of memory" };
	const char *text = NULL;

	if (obj)
		text = json_object_to_json_string_ext(obj,
						      JSON_C_TO_STRING_PRETTY |
						      JSON_C_TO_STRING_SPACED |
						      JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		puts(text);
	json_object_put(obj);
	return text ? EXIT_SUCCESS : fail(&err);
}

/**
 * size_text - a number of bytes for people
 * @bytes: number
 * @buf: where it goes
 * @size: bytes there
 *
 * Return: @buf.
 */
const char *size_text(uint64_t bytes, char *buf, size_t size)
{
	static const char units[] = "KMGT";
	int unit = -1;

	while (bytes && !(bytes & 1023) && units[unit + 1]) {
		bytes >>= 10;
		unit++;
	}
	if (unit < 0)
		snprintf(buf, size, "%" PRIu64, bytes);
	else
		snprintf(buf, size, "%" PRIu64 "%c", bytes, units[unit]);
	return buf;
}
