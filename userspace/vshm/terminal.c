// SPDX-License-Identifier: GPL-2.0
/*
 * The terminal that standard output is, or is not: its size, and colours.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vshm.h"

#define BOLD	"\033[1m"
#define RED	"\033[31m"
#define GREEN	"\033[32m"
#define YELLOW	"\033[33m"
#define CYAN	"\033[36m"
#define PLAIN	"\033[0m"

static bool coloured;

/* Words that have a colour wherever they stand alone in a cell. */
static const struct {
	const char	*word;
	const char	*colour;
} colours[] = {
	{ "up", GREEN },
	{ "connected", GREEN },
	{ "listening", CYAN },
	{ "waiting", YELLOW },
	{ "connecting", YELLOW },
	{ "shutdown", YELLOW },
	{ "down", RED },
	{ "disconnected", RED },
	{ "terminated", RED },
};

/**
 * terminal_setup - decide whether to colour
 * @when: what the user says
 */
void terminal_setup(enum colour when)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	coloured = when == COLOUR_ALWAYS ||
		   (when == COLOUR_AUTO && terminal_is() && (!no || !*no) &&
		    (!term || strcmp(term, "dumb")));
}

/**
 * terminal_is - is standard output a terminal?
 *
 * Return: true if it is.
 */
bool terminal_is(void)
{
	return isatty(STDOUT_FILENO);
}

/* What a terminal says of itself, or the environment of it, or @otherwise. */
static size_t terminal_size(bool width, const char *variable, size_t otherwise)
{
	const char *env = getenv(variable);
	struct winsize size = { 0 };
	size_t n = 0;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		n = width ? size.ws_col : size.ws_row;
	/* a serial line does not know */
	if (!n && env)
		n = strtoul(env, NULL, 10);
	return n ? n : otherwise;
}

/**
 * terminal_width - how many columns lines have
 *
 * Return: characters, or 0 if standard output is no terminal, and lines have no
 * end.
 */
size_t terminal_width(void)
{
	return terminal_is() ? terminal_size(true, "COLUMNS", 80) : 0;
}

/**
 * terminal_height - how many lines the terminal has
 *
 * Return: lines, or 0 if standard output is no terminal.
 */
size_t terminal_height(void)
{
	return terminal_is() ? terminal_size(false, "LINES", 24) : 0;
}

/**
 * terminal_bold - start of what is bold
 *
 * Return: an escape sequence, or nothing where there are no colours.
 */
const char *terminal_bold(void)
{
	return coloured ? BOLD : "";
}

/**
 * terminal_colour - start of a word in its colour
 * @word: the word, a status for example
 *
 * Return: an escape sequence, or nothing where there are no colours, or the
 * word has none.
 */
const char *terminal_colour(const char *word)
{
	size_t i;

	for (i = 0; coloured && i < sizeof(colours) / sizeof(colours[0]); i++) {
		if (!strcasecmp(word, colours[i].word))
			return colours[i].colour;
	}
	return "";
}

/**
 * terminal_plain - end of what is bold or coloured
 *
 * Return: an escape sequence, or nothing where there are no colours.
 */
const char *terminal_plain(void)
{
	return coloured ? PLAIN : "";
}
