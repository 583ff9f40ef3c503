// SPDX-License-Identifier: GPL-2.0
/*
 * Options: argp reads those that every command has up to the name of the
 * command, and then what follows, together with the command's own.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "vshm.h"
#include "vshm_run.h"

/* argp finds this one by its name. */
const char *argp_program_version = "vshm " VSHM_VERSION_STRING;

enum {
	KEY_CONTROL = 0x1000,
	KEY_PROC,
	KEY_COLOUR,
};

static const struct argp_option arguments[] = {
	{ "extended", 'e', NULL, 0, NULL, 0 },
	{ "json", 'j', NULL, 0, NULL, 0 },
	{ "output", 'o', "FORMAT", 0, NULL, 0 },
	{ "watch", 'w', "SECONDS", OPTION_ARG_OPTIONAL, NULL, 0 },
	{ "color", KEY_COLOUR, "WHEN", OPTION_ARG_OPTIONAL, NULL, 0 },
	{ "colour", 0, NULL, OPTION_ALIAS, NULL, 0 },
	{ "control", KEY_CONTROL, "PATH", 0, NULL, 0 },
	{ "proc", KEY_PROC, "DIR", 0, NULL, 0 },
	{ "help", 'h', NULL, 0, NULL, 0 },
	{ "version", 'V', NULL, 0, NULL, 0 },
	{ 0 }
};

/**
 * bad_option - say what is wrong with the value of an option
 * @fmt: as for printf()
 *
 * Return: what the option's parser has to return.
 */
int bad_option(const char *fmt, ...)
{
	va_list ap;

	fputs("vshm: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	putc('\n', stderr);
	return EINVAL;
}

static int parse_output(struct options *opt, const char *arg)
{
	if (!strcmp(arg, "json"))
		opt->json = true;
	else if (!strcmp(arg, "text"))
		opt->json = false;
	else
		return bad_option("output '%s' is not known: give json or text", arg);
	return 0;
}

static int parse_colour(struct options *opt, const char *arg)
{
	if (!arg || !strcmp(arg, "always"))
		opt->colour = COLOUR_ALWAYS;
	else if (!strcmp(arg, "auto"))
		opt->colour = COLOUR_AUTO;
	else if (!strcmp(arg, "never"))
		opt->colour = COLOUR_NEVER;
	else
		return bad_option("color '%s' is not known: give auto, always or never",
				  arg);
	return 0;
}

static int parse_watch(struct options *opt, const char *arg)
{
	opt->watch = 1;
	if (arg && (seconds_parse(arg, &opt->watch) || opt->watch <= 0))
		return bad_option("watch '%s' is no number of seconds above 0", arg);
	return 0;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *opt = state->input;

	switch (key) {
	case 'e':
		opt->extended = true;
		break;
	case 'j':
		opt->json = true;
		break;
	case 'o':
		return parse_output(opt, arg);
	case 'w':
		return parse_watch(opt, arg);
	case KEY_COLOUR:
		return parse_colour(opt, arg);
	case 'h':
		opt->help = true;
		break;
	case 'V':
		puts(argp_program_version);
		exit(EXIT_SUCCESS);
	case KEY_CONTROL:
		opt->control = arg;
		break;
	case KEY_PROC:
		opt->proc = arg;
		break;
	case ARGP_KEY_ARG:
		/* There are never more words than arguments. */
		opt->word[opt->nr++] = arg;
		if (opt->argv)
			break;
		/* the command: the rest is read when it is known */
		opt->argv = state->argv + state->next - 1;
		opt->argc = state->argc - state->next + 1;
		state->next = state->argc;
		break;
	case ARGP_KEY_INIT:
		/* argp only knows its own kind of help, and would name that */
		state->err_stream = NULL;
		if (state->child_inputs)
			state->child_inputs[0] = opt->own;
		break;
	case ARGP_KEY_ERROR:
	case ARGP_KEY_END:
	case ARGP_KEY_NO_ARGS:
	case ARGP_KEY_SUCCESS:
	case ARGP_KEY_FINI:
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static int try_help(const struct options *opt)
{
	fprintf(stderr, "Try 'vshm%s%s -h'.\n", opt->nr ? " " : "",
		opt->nr ? opt->word[0] : "");
	return STATUS_USAGE;
}

/* An exit status for what argp_parse() says, after what is said of it. */
static int parse_status(const struct options *opt, error_t error)
{
	const struct error no_memory = { .text = "out of memory" };

	if (!error)
		return -1;
	return error == ENOMEM ? fail(&no_memory) : try_help(opt);
}

/**
 * parse_words - read the options before the command, and its name
 * @opt: takes them
 * @argc: number of arguments
 * @argv: arguments
 *
 * Return: -1 to go on, or an exit status to end with.
 */
int parse_words(struct options *opt, int argc, char **argv)
{
	static const struct argp argp = {
		.options = arguments,
		.parser = parse_option,
	};

	opt->word = calloc((size_t)argc + 1, sizeof(*opt->word));
	if (!opt->word)
		return parse_status(opt, ENOMEM);
	return parse_status(opt, argp_parse(&argp, argc, argv,
					    ARGP_NO_HELP | ARGP_IN_ORDER, NULL,
					    opt));
}

/**
 * parse_own - read what follows the name of a command
 * @opt: takes what every command has, and the words
 * @help: what the command can be told
 * @own: options of the command, or NULL
 * @parser: takes these
 * @input: what @parser gets
 *
 * Return: -1 to go on, or an exit status to end with.
 */
int parse_own(struct options *opt, const char *help,
	      const struct argp_option *own, argp_parser_t parser, void *input)
{
	const struct argp child = { .options = own, .parser = parser };
	const struct argp_child children[] = {
		{ .argp = &child },
		{ 0 }
	};
	const struct argp argp = {
		.options = arguments,
		.parser = parse_option,
		.children = own ? children : NULL,
	};
	int status;

	opt->own = input;
	/* the name in messages */
	opt->argv[0] = program_invocation_short_name;
	status = parse_status(opt, argp_parse(&argp, opt->argc, opt->argv,
					      ARGP_NO_HELP, NULL, opt));
	if (status >= 0)
		return status;
	if (opt->help)
		return usage(help, opt, NULL);
	terminal_setup(opt->colour);
	return -1;
}

/**
 * usage - say what can be said
 * @text: that
 * @opt: command line
 * @fmt: what is wrong with what was said, or NULL if help was asked for
 *
 * Return: exit status.
 */
int usage(const char *text, const struct options *opt, const char *fmt, ...)
{
	va_list ap;

	if (!fmt) {
		fputs(text, stdout);
		return EXIT_SUCCESS;
	}
	fputs("vshm: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	putc('\n', stderr);
	return try_help(opt);
}
