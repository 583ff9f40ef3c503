/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vshm: looks at sockets, links and guests, changes the guests, and moves data.
 *
 *   main.c		finds the command
 *   options.c		options, those of all commands and those of one
 *   socket.c link.c policy.c	what the kernel shows
 *   list.c		what the last two have in common
 *   monitor.c kill.c	what happens to sockets, and ending them
 *   sockets.c		the socket table: diag.c by netlink.c, or proc.c
 *   stat.c		the same as rates
 *   guest.c		what vshmd shows, and is asked for
 *   args.c		what QEMU and libvirt have to be told
 *   ask.c		a request to vshmd
 *   cat.c relay.c	a connection and the standard streams
 *   perf.c		measuring: perf_client.c, perf_server.c, perf_io.c,
 *			perf_report.c, latency.c
 *   filter.c		sockets by words
 *   process.c		who has a socket
 *   proc.c		a table of the kernel
 *   table.c		rows and columns, aligned or as JSON
 *   terminal.c		width and colours
 *   watch.c		the same again and again
 *   endpoint.c		addresses and sockets of the family
 *   number.c		numbers as people write them
 *   stop.c		signals that end the program
 */
#ifndef _VSHM_CMD_H
#define _VSHM_CMD_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "error.h"

struct json_object;

/* Where the tables of the kernel are. */
#define PROC_NET	"/proc/net"

/* Exit statuses beside EXIT_SUCCESS and EXIT_FAILURE. */
#define STATUS_USAGE	2	/* not understood */

/**
 * enum colour - when to colour
 * @COLOUR_AUTO: on a terminal, unless NO_COLOR is set
 * @COLOUR_ALWAYS: always
 * @COLOUR_NEVER: never
 */
enum colour {
	COLOUR_AUTO,
	COLOUR_ALWAYS,
	COLOUR_NEVER,
};

/**
 * struct options - what the command line says
 * @json: machine-readable output
 * @extended: all that there is
 * @help: only tell what can be said
 * @watch: show it again every so many seconds, 0 to show it once
 * @colour: when to colour
 * @control: where vshmd listens
 * @proc: where the tables of the kernel are, NULL if the user does not say
 * @word: the words, the first names the command
 * @nr: how many there are
 * @argv: what follows the command's name, which is its first
 * @argc: how much that is
 * @own: where the command's own options go
 */
struct options {
	bool		json;
	bool		extended;
	bool		help;
	double		watch;
	enum colour	colour;
	const char	*control;
	const char	*proc;
	const char	**word;
	size_t		nr;
	char		**argv;
	int		argc;
	void		*own;
};

/**
 * struct table - rows of cells
 * @text: what is in the cells, one after the other
 * @used: bytes of it
 * @size: bytes that there is room for
 * @cell: where each cell starts, row after row; the first row has the columns'
 *	names
 * @columns: cells in a row
 * @main: columns that stand side by side even where not all fit, 0 for as many
 *	as do
 * @cells: cells in all, a multiple of @columns unless a row is under way
 */
struct table {
	char	*text;
	size_t	used;
	size_t	size;
	size_t	*cell;
	size_t	columns;
	size_t	main;
	size_t	cells;
};

/* main.c */
bool word_is(const char *word, const char *name);
int fail(const struct error *err);

/* options.c */
int parse_words(struct options *opt, int argc, char **argv);
int parse_own(struct options *opt, const char *help,
	      const struct argp_option *own, argp_parser_t parser, void *input);
int bad_option(const char *fmt, ...) __printf(1, 2);
int usage(const char *text, const struct options *opt, const char *fmt, ...)
	__printf(3, 4);

/* commands */
int do_cat(struct options *opt);
int do_guest(struct options *opt);
int do_kill(struct options *opt);
int do_link(struct options *opt);
int do_monitor(struct options *opt);
int do_perf(struct options *opt);
int do_policy(struct options *opt);
int do_socket(struct options *opt);
int do_stat(struct options *opt);

/* list.c */
int do_list(struct options *opt, const char *help, const char *name,
	    const char * const *shown, size_t nr);

/* args.c */
int guest_args(const struct options *opt, struct json_object *links);

/* ask.c */
struct json_object *ask(const char *path, struct json_object *request,
			struct error *err);

/* proc.c */
int proc_read(struct table *table, const char *dir, const char *name,
	      struct error *err);

/* table.c */
int table_add(struct table *table, const char *text);
int table_addf(struct table *table, const char *fmt, ...) __printf(2, 3);
int table_fill(struct table *table, size_t before);
void table_cut(struct table *table, size_t rows);
void table_free(struct table *table);
size_t table_rows(const struct table *table);
const char *table_cell(const struct table *table, size_t row, size_t column);
int table_column(const struct table *table, const char *name);
const char *table_get(const struct table *table, size_t row, const char *name);
uint64_t table_number(const struct table *table, size_t row, const char *name);
int table_print(const struct table *table);
struct json_object *table_row_json(const struct table *table, size_t row);
int print_json(struct json_object *obj);
int print_json_line(struct json_object *obj);

/* terminal.c */
void terminal_setup(enum colour when);
bool terminal_is(void);
size_t terminal_width(void);
size_t terminal_height(void);
const char *terminal_bold(void);
const char *terminal_colour(const char *word);
const char *terminal_plain(void);

/* watch.c */
int watch(const struct options *opt, int (*show)(void *arg), void *arg);

/* number.c */
bool number_is(const char *s);
int number_parse(const char *s, uint64_t max, uint64_t *number);
int size_parse(const char *s, uint64_t *bytes);
int seconds_parse(const char *s, double *seconds);
const char *size_text(uint64_t bytes, char *buf, size_t size);
const char *rate_text(double rate, char *buf, size_t size);

/* stop.c */
void stop_on_signals(void);
bool stopped(void);
void pause_until(uint64_t ns);
uint64_t now_ns(void);
uint64_t tick_after(uint64_t last, double seconds);

#endif /* _VSHM_CMD_H */
