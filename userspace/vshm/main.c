// SPDX-License-Identifier: GPL-2.0
/*
 * vshm COMMAND: options may stand anywhere, commands may be cut short.
 */
#include <stdlib.h>
#include <string.h>

#include "vshm.h"
#include "vshm_run.h"

static const char help[] =
	"Usage: vshm [OPTION]... COMMAND [WORD]...\n"
	"\n"
	"  socket    the sockets of the family\n"
	"  link      the links of this machine's kernel\n"
	"  policy    which guests may connect to each other through this host\n"
	"  stat      what goes through them, in total or per second\n"
	"  monitor   what happens to them, as it happens\n"
	"  kill      ends sockets\n"
	"  guest     the guests that vshmd serves: list, add, remove, reload, args\n"
	"  cat       copy standard input to a peer, and the peer to standard output\n"
	"  perf      measure throughput, round trips and connections\n"
	"\n"
	"  -e, --extended         all fields\n"
	"  -j, --json             JSON, also -o json\n"
	"  -w, --watch[=SECONDS]  show it again and again, every second by default\n"
	"      --color[=WHEN]     colour: auto (default), always, never\n"
	"      --control=PATH     where vshmd listens (default " VSHM_CONTROL ")\n"
	"      --proc=DIR         read the kernel's tables there: /proc/PID/net has those\n"
	"                         of that process' network namespace\n"
	"  -h, --help             this, or what a COMMAND knows\n"
	"  -V, --version          the version\n"
	"\n"
	"Status: 0 done, 1 it cannot be done, 2 it was not understood.\n";

/* In this order where a word is the start of several. */
static const struct {
	const char	*name;
	int		(*run)(struct options *opt);
} commands[] = {
	{ "cat", do_cat },
	{ "guest", do_guest },
	{ "kill", do_kill },
	{ "link", do_link },
	{ "monitor", do_monitor },
	{ "perf", do_perf },
	{ "policy", do_policy },
	{ "socket", do_socket },
	{ "stat", do_stat },
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

static int run(struct options *opt)
{
	const size_t nr = sizeof(commands) / sizeof(commands[0]);
	size_t i;

	if (!opt->nr && opt->help)
		return usage(help, opt, NULL);
	if (!opt->nr)
		return usage(help, opt, "nothing to do: give a command");
	for (i = 0; i < nr; i++) {
		if (word_is(opt->word[0], commands[i].name))
			return commands[i].run(opt);
	}
	fprintf(stderr, "vshm: '%s' is not known: give", opt->word[0]);
	for (i = 0; i < nr; i++)
		fprintf(stderr, "%s %s", !i ? "" : i + 1 < nr ? "," : " or",
			commands[i].name);
	fputs("\nTry 'vshm -h'.\n", stderr);
	return STATUS_USAGE;
}

int main(int argc, char **argv)
{
	struct options opt = { .control = VSHM_CONTROL };
	int status;

	status = parse_words(&opt, argc, argv);
	if (status < 0)
		status = run(&opt);
	free(opt.word);
	if (fflush(stdout) && !status)
		status = EXIT_FAILURE;
	return status;
}
