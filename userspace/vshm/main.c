// SPDX-License-Identifier: GPL-2.0
/*
 * vshm OBJECT [COMMAND]: options may stand anywhere, objects and commands may
 * be cut short.
 */
#include <argp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vshm.h"
#include "vshm_run.h"

/* argp finds this one by its name. */
const char *argp_program_version = "vshm " VSHM_VERSION_STRING;

static const char help[] =
	"Usage: vshm [OPTION]... OBJECT [COMMAND]\n"
	"\n"
	"  vshm socket   the sockets of the family\n"
	"  vshm link     the links of this machine's kernel\n"
	"  vshm guest    the guests that vshmd serves: list, add, remove, reload, args\n"
	"\n"
	"  -e, --extended        all fields\n"
	"  -j, --json            JSON\n"
	"      --control=PATH    where vshmd listens (default " VSHM_CONTROL ")\n"
	"      --proc=DIR        where the kernel's tables are (default /proc/net);\n"
	"                        /proc/PID/net are those of that process' namespace\n"
	"  -h, --help            this, or what an OBJECT knows\n"
	"  -V, --version         the version\n";

enum {
	KEY_CONTROL = 256,
	KEY_PROC,
};

static const struct argp_option arguments[] = {
	{ "extended", 'e', NULL, 0, NULL, 0 },
	{ "json", 'j', NULL, 0, NULL, 0 },
	{ "control", KEY_CONTROL, "PATH", 0, NULL, 0 },
	{ "proc", KEY_PROC, "DIR", 0, NULL, 0 },
	{ "help", 'h', NULL, 0, NULL, 0 },
	{ "version", 'V', NULL, 0, NULL, 0 },
	{ 0 }
};

/**
 * word_is - is a word the name of a command, or the start of it?
 * @word: what was given
 * @name: the name
 *
 * Return: true if it is.
 */
bool word_is(const char *word, const char *name)
{
	return *word && !strncmp(name, word, strlen(word));
}

/**
 * fail - say what is wrong
 * @err: the message
 *
 * Return: exit status.
 */
int fail(const struct error *err)
{
	fprintf(stderr, "vshm: %s\n", err->text);
	return EXIT_FAILURE;
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
	fprintf(stderr, "\nTry 'vshm%s%s -h'.\n", opt->nr ? " " : "",
		opt->nr ? opt->word[0] : "");
	return 2;
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
		break;
	case ARGP_KEY_ERROR:
	case ARGP_KEY_INIT:
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

static const struct argp argp = {
	.options = arguments,
	.parser = parse_option,
};

static const struct {
	const char	*name;
	int		(*run)(const struct options *opt);
} objects[] = {
	{ "guest", do_guest },
	{ "link", do_link },
	{ "socket", do_socket },
};

static int run(struct options *opt)
{
	const size_t nr = sizeof(objects) / sizeof(objects[0]);
	size_t i;

	if (!opt->nr && opt->help)
		return usage(help, opt, NULL);
	if (!opt->nr)
		return usage(help, opt, "nothing to do: give an object");
	for (i = 0; i < nr; i++) {
		if (word_is(opt->word[0], objects[i].name))
			return objects[i].run(opt);
	}
	fprintf(stderr,
		"vshm: '%s' is not known: give socket, link or guest\nTry 'vshm -h'.\n",
		opt->word[0]);
	return 2;
}

int main(int argc, char **argv)
{
	struct options opt = { .control = VSHM_CONTROL, .proc = "/proc/net" };
	int status;

	opt.word = calloc((size_t)argc + 1, sizeof(*opt.word));
	if (!opt.word)
		return EXIT_FAILURE;
	argp_err_exit_status = 2;
	if (argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &opt)) {
		free(opt.word);
		return 2;
	}
	status = run(&opt);
	free(opt.word);
	if (fflush(stdout) && !status)
		status = EXIT_FAILURE;
	return status;
}
