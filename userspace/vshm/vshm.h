/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vshm: looks at sockets, links and guests, and changes the guests.
 *
 *   main.c		command line
 *   socket.c link.c	what the kernel shows
 *   guest.c		what vshmd shows, and is asked for
 *   args.c		what QEMU and libvirt have to be told
 *   ask.c		a request to vshmd
 *   proc.c		a table of the kernel
 *   table.c		rows and columns, aligned or as JSON
 */
#ifndef _VSHM_CMD_H
#define _VSHM_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct json_object;

/**
 * struct options - what the command line says
 * @json: machine-readable output
 * @extended: all that there is
 * @help: only tell what can be said
 * @control: where vshmd listens
 * @proc: where the tables of the kernel are
 * @word: the other words
 * @nr: how many there are
 */
struct options {
	bool		json;
	bool		extended;
	bool		help;
	const char	*control;
	const char	*proc;
	char		**word;
	size_t		nr;
};

/**
 * struct table - rows of cells
 * @cell: the cells, row after row; the first row has the columns' names
 * @columns: cells in a row
 * @cells: cells in all, a multiple of @columns unless a row is under way
 */
struct table {
	char	**cell;
	size_t	columns;
	size_t	cells;
};

/* main.c */
bool word_is(const char *word, const char *name);
int fail(const struct error *err);
int usage(const char *text, const struct options *opt, const char *fmt, ...)
	__printf(3, 4);

/* objects */
int do_socket(const struct options *opt);
int do_link(const struct options *opt);
int do_guest(const struct options *opt);

/* args.c */
int guest_args(const struct options *opt, struct json_object *links);

/* ask.c */
struct json_object *ask(const char *path, struct json_object *request,
			struct error *err);

/* proc.c */
int proc_read(struct table *table, const char *dir, const char *name,
	      struct error *err);

/* table.c */
int table_add(struct table *table, const char *fmt, ...) __printf(2, 3);
void table_free(struct table *table);
size_t table_rows(const struct table *table);
const char *table_cell(const struct table *table, size_t row, size_t column);
int table_column(const struct table *table, const char *name);
const char *table_get(const struct table *table, size_t row, const char *name);
void table_print(const struct table *table);
struct json_object *table_row_json(const struct table *table, size_t row);
int print_json(struct json_object *obj);
const char *size_text(uint64_t bytes, char *buf, size_t size);

#endif /* _VSHM_CMD_H */
