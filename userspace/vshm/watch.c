// SPDX-License-Identifier: GPL-2.0
/*
 * The same again and again: painted over what was there on a terminal, one
 * after the other elsewhere.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vshm.h"

/* The other screen, without a cursor; and back. */
#define SCREEN_ENTER	"\033[?1049h\033[?25l"
#define SCREEN_LEAVE	"\033[?25h\033[?1049l"
#define SCREEN_HOME	"\033[H"
#define LINE_REST	"\033[K"
#define SCREEN_REST	"\033[J"

/* Bytes of a line that has at most @width characters to show. */
static size_t visible(const char *line, size_t len, size_t width)
{
	size_t i = 0;

	while (i < len) {
		if (line[i] == '\033') {
			while (i < len && line[i] != 'm')
				i++;
			i += i < len;
		} else if (width) {
			/* the rest of a character has no width */
			do
				i++;
			while (i < len && ((unsigned char)line[i] & 0xc0) == 0x80);
			width--;
		} else {
			break;
		}
	}
	return i;
}

static void paint_head(const struct options *opt)
{
	char now[64] = "";
	time_t t = time(NULL);
	struct tm tm;
	size_t i;

	if (localtime_r(&t, &tm))
		strftime(now, sizeof(now), "%H:%M:%S", &tm);
	printf("%s%s  every %g s  vshm", SCREEN_HOME, now, opt->watch);
	for (i = 0; i < opt->nr; i++)
		printf(" %s", opt->word[i]);
	fputs(LINE_REST "\n" LINE_REST "\n", stdout);
}

/* As much of the text as the screen has room for. */
static void paint(const struct options *opt, const char *text)
{
	size_t width = terminal_width(), lines = terminal_height(), more = 0;
	const char *end;

	paint_head(opt);
	lines = lines > 4 ? lines - 3 : 1;
	for (; *text; text = *end ? end + 1 : end) {
		end = strchrnul(text, '\n');
		if (!lines) {
			more++;
			continue;
		}
		lines--;
		printf("%.*s%s" LINE_REST "\n",
		       (int)visible(text, (size_t)(end - text), width), text,
		       terminal_plain());
	}
	if (more)
		printf("and %zu lines more", more);
	fputs(LINE_REST SCREEN_REST, stdout);
	fflush(stdout);
}

/**
 * struct captured - what was written
 * @stream: where it was written to
 * @text: what it was
 * @size: bytes of it
 */
struct captured {
	FILE	*stream;
	char	*text;
	size_t	size;
};

/* Have the program write to memory instead of *@to, or the other way round. */
static void swap(FILE **to, struct captured *captured)
{
	FILE *stream = *to;

	*to = captured->stream;
	captured->stream = stream;
}

/* Run @show, with what it says kept in memory. */
static int capture(int (*show)(void *arg), void *arg, struct captured *out,
		   struct captured *err)
{
	int status = EXIT_FAILURE;

	out->stream = open_memstream(&out->text, &out->size);
	err->stream = open_memstream(&err->text, &err->size);
	if (out->stream && err->stream) {
		swap(&stdout, out);
		swap(&stderr, err);
		status = show(arg);
		swap(&stdout, out);
		swap(&stderr, err);
	}
	if (!out->stream || fclose(out->stream) ||
	    !err->stream || fclose(err->stream))
		status = EXIT_FAILURE;
	return status;
}

static int watch_screen(const struct options *opt, int (*show)(void *arg),
			void *arg)
{
	uint64_t next = now_ns();
	struct captured out = { 0 }, err = { 0 };
	int status = EXIT_SUCCESS;
	bool entered = false;

	while (!stopped() && !status) {
		free(out.text);
		free(err.text);
		status = capture(show, arg, &out, &err);
		if (status)
			break;
		if (!entered)
			fputs(SCREEN_ENTER, stdout);
		entered = true;
		paint(opt, out.text);
		next = tick_after(next, opt->watch);
		pause_until(next);
	}
	if (entered) {
		fputs(SCREEN_LEAVE, stdout);
		fflush(stdout);
	}
	/* a warning, or why it is over */
	if (err.text)
		fputs(err.text, stderr);
	free(out.text);
	free(err.text);
	return status;
}

static int watch_lines(const struct options *opt, int (*show)(void *arg),
		       void *arg)
{
	uint64_t next = now_ns();
	int status = EXIT_SUCCESS;

	while (!stopped()) {
		status = show(arg);
		if (status)
			break;
		if (!opt->json)
			putchar('\n');
		if (fflush(stdout))
			return EXIT_FAILURE;
		next = tick_after(next, opt->watch);
		pause_until(next);
	}
	return status;
}

/**
 * watch - show something, once or again and again
 * @opt: command line
 * @show: writes it to standard output; returns an exit status
 * @arg: for @show
 *
 * Return: exit status; a signal that ends the repetition is none.
 */
int watch(const struct options *opt, int (*show)(void *arg), void *arg)
{
	if (!opt->watch)
		return show(arg);
	stop_on_signals();
	if (terminal_is())
		return watch_screen(opt, show, arg);
	return watch_lines(opt, show, arg);
}
