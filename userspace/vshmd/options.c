// SPDX-License-Identifier: GPL-2.0
/*
 * The command line. A wrong value ends the program here, with one message that
 * names it and says what would be right.
 */
#include <argp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "value.h"
#include "vshm_run.h"

/* argp finds this one by its name. */
const char *argp_program_version = "vshmd " VSHM_VERSION_STRING;

static const char doc[] =
	"Create shared memory and doorbells for links between guests and host, and serve them to QEMU.\v"
	"CID is a guest's context ID, 3 to 65535, and PATH the socket where its QEMU connects:\n\n"
	"  -chardev socket,id=vshm0,path=PATH\n"
	"  -device ivshmem-doorbell,chardev=vshm0,vectors=2\n\n"
	"SIZE is a power of two from 1M to 64G. Without --config, --link and --guest, the configuration is that of "
	VSHM_CONFIG ".";

enum {
	KEY_CONTROL = 256,
	KEY_LOG_FORMAT,
	KEY_CHECK,
	KEY_NO_SANDBOX,
};

static const struct argp_option arguments[] = {
	{ "config", 'c', "FILE", 0, "Read the configuration from FILE", 0 },
	{ "check", KEY_CHECK, NULL, 0,
	  "Say whether the configuration is right, and exit", 0 },
	{ "link", 'l', "CID=PATH,CID=PATH[,size=SIZE]", 0,
	  "Serve a link between two guests; may be given more than once", 0 },
	{ "guest", 'g', "CID=PATH[,size=SIZE]", 0,
	  "Serve a link between a guest and this host; may be given more than once",
	  0 },
	{ "size", 's', "SIZE", 0,
	  "Shared memory of each link that names no size (default 64M)", 0 },
	{ "mode", 'm', "OCTAL", 0,
	  "Permissions of the sockets (default 0600)", 0 },
	{ "control", KEY_CONTROL, "PATH", OPTION_ARG_OPTIONAL,
	  "Take requests at PATH (default " VSHM_CONTROL
	  "); always done with a configuration file", 0 },
	{ "keep", 'k', "PATH", OPTION_ARG_OPTIONAL,
	  "Keep links over a restart, in systemd's file descriptor store if this is its service, else in a process that listens at PATH (default "
	  VSHM_KEEP ")", 0 },
	{ "daemon", 'd', NULL, 0,
	  "Go to the background once all sockets listen, and log to syslog", 0 },
	{ "pid-file", 'p', "FILE", 0,
	  "Write the process ID to FILE while running", 0 },
	{ "no-sandbox", KEY_NO_SANDBOX, NULL, 0,
	  "Give up neither capabilities nor system calls", 0 },
	{ "log-format", KEY_LOG_FORMAT, "text|json", 0,
	  "How messages look (default text)", 0 },
	{ "verbose", 'v', NULL, 0, "Log clients that come and go", 0 },
	{ 0 }
};

/* End the program: a value is wrong, or cannot be stored. */
static _Noreturn __printf(2, 3) void fail(struct argp_state *state, const char *fmt, ...)
{
	struct error err;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err.text, sizeof(err.text), fmt, ap);
	va_end(ap);
	argp_failure(state, EXIT_FAILURE, 0, "%s", err.text);
	exit(EXIT_FAILURE);
}

static void parse_path(struct argp_state *state, const char *what,
		       const char *arg, char **path)
{
	if (!*arg)
		fail(state, "%s '' is no file: give its path", what);
	free(*path);
	*path = value_path(arg);
	if (!*path)
		fail(state, "%s '%s': %s", what, arg, strerror(errno));
}

/* One CID=PATH of a link. */
static void parse_endpoint(struct argp_state *state, const char *what,
			   const char *text, struct spec *spec, int side,
			   const char *cid, const char *path)
{
	if (value_cid(cid, &spec->cid[side]))
		fail(state, "%s '%s': CID '%s' is not a guest's: give a number from %d to %d",
		     what, text, cid, VSHM_CID_GUEST_MIN, VSHM_CID_GUEST_MAX);
	if (!*path)
		fail(state, "%s '%s': CID %s has no path: give the socket of its QEMU as %s=PATH",
		     what, text, cid, cid);
	spec->path[side] = value_path(path);
	if (!spec->path[side])
		fail(state, "%s '%s': path '%s': %s", what, text, path,
		     strerror(errno));
	if (side && spec->path[0] && !strcmp(spec->path[0], spec->path[1]))
		fail(state,
		     "%s '%s': path '%s' is used twice: give each CID of each link a path of its own",
		     what, text, path);
}

static void parse_size(struct argp_state *state, const char *prefix,
		       const char *arg, uint64_t *size)
{
	struct error err;

	if (value_bytes(arg, size))
		*size = 0;
	if (spec_check_size(*size, 0, &err))
		fail(state, "%ssize '%s' %s", prefix, arg, err.text);
}

static void parse_link_size(struct argp_state *state, const char *what,
			    const char *text, struct spec *spec,
			    const char *size)
{
	char prefix[512];

	if (spec->size)
		fail(state, "%s '%s' has two sizes: give one", what, text);
	snprintf(prefix, sizeof(prefix), "%s '%s': ", what, text);
	parse_size(state, prefix, size, &spec->size);
}

/* CID=PATH,CID=PATH[,size=SIZE], or one CID=PATH only; fills from @side on. */
static void parse_items(struct argp_state *state, const char *what,
			const char *text, struct spec *spec, int side)
{
	char *copy = strdup(text);
	char *rest = copy;
	char *item;

	if (!copy)
		fail(state, "%s '%s': out of memory", what, text);
	while ((item = strsep(&rest, ","))) {
		char *value = strchr(item, '=');

		if (!value)
			fail(state, "%s '%s': '%s' is neither CID=PATH nor size=SIZE",
			     what, text, item);
		*value++ = '\0';
		if (!strcmp(item, "size")) {
			parse_link_size(state, what, text, spec, value);
			continue;
		}
		if (side == 2 && spec_is_host(spec))
			fail(state,
			     "guest '%s' has more than one CID: give each guest a --guest, and --link to join two",
			     text);
		if (side == 2)
			fail(state,
			     "link '%s' has more than two CIDs: a link joins two, give each pair a --link",
			     text);
		parse_endpoint(state, what, text, spec, side++, item, value);
	}
	if (side < 2 && spec_is_host(spec))
		fail(state, "guest '%s' has no CID: give CID=PATH", text);
	if (side < 2)
		fail(state, "link '%s' has fewer than two CIDs: give CID=PATH,CID=PATH",
		     text);
	free(copy);
}

static void add_link(struct argp_state *state, const char *what,
		     const char *text, struct spec *spec)
{
	struct options *opt = state->input;
	struct error err;

	if (specs_add(&opt->links, spec, &err))
		fail(state, "%s '%s': %s", what, text, err.text);
}

static void parse_link(struct argp_state *state, const char *text)
{
	struct spec spec = { .origin = ORIGIN_OPTION };

	parse_items(state, "link", text, &spec, 0);
	if (spec.cid[0] == spec.cid[1])
		fail(state, "link '%s' joins CID %u with itself: give two different CIDs",
		     text, spec.cid[0]);
	add_link(state, "link", text, &spec);
}

static void parse_guest(struct argp_state *state, const char *text)
{
	struct spec spec = {
		.origin = ORIGIN_OPTION,
		.cid = { VSHM_CID_HOST },
	};

	parse_items(state, "guest", text, &spec, 1);
	add_link(state, "guest", text, &spec);
}

static void parse_mode(struct argp_state *state, const char *arg)
{
	struct options *opt = state->input;

	if (value_mode(arg, &opt->mode))
		fail(state, "mode '%s' is not an octal number from 0 to 0777",
		     arg);
}

static void parse_log_format(struct argp_state *state, const char *arg)
{
	struct options *opt = state->input;

	if (!strcmp(arg, "text"))
		opt->log_format = LOG_FORMAT_TEXT;
	else if (!strcmp(arg, "json"))
		opt->log_format = LOG_FORMAT_JSON;
	else
		fail(state, "log format '%s' is not known: give text or json",
		     arg);
}

/* All options are read: what is still open has its default. */
static void parse_end(struct argp_state *state)
{
	struct options *opt = state->input;
	size_t i;

	if (!opt->config && !opt->links.nr) {
		if (access(VSHM_CONFIG, F_OK))
			argp_error(state,
				   "no link: give --link CID=PATH,CID=PATH, --guest CID=PATH, or a configuration in "
				   VSHM_CONFIG);
		parse_path(state, "configuration file", VSHM_CONFIG, &opt->config);
	}
	if (opt->check && !opt->config)
		argp_error(state, "nothing to check: give --config FILE");
	for (i = 0; i < opt->links.nr; i++) {
		struct spec *spec = &opt->links.spec[i];
		const struct access access = {
			.uid = (uid_t)-1,
			.gid = (gid_t)-1,
			.mode = opt->mode,
		};

		if (!spec->size)
			spec->size = opt->size;
		spec->access[0] = access;
		spec->access[1] = access;
	}
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *opt = state->input;

	switch (key) {
	case 'c':
		parse_path(state, "configuration file", arg, &opt->config);
		break;
	case KEY_NO_SANDBOX:
		opt->no_sandbox = true;
		break;
	case KEY_CHECK:
		opt->check = true;
		break;
	case 'l':
		parse_link(state, arg);
		break;
	case 'g':
		parse_guest(state, arg);
		break;
	case 's':
		parse_size(state, "", arg, &opt->size);
		break;
	case 'm':
		parse_mode(state, arg);
		break;
	case KEY_CONTROL:
		parse_path(state, "control socket", arg ? arg : VSHM_CONTROL,
			   &opt->control);
		break;
	case 'k':
		parse_path(state, "keep socket", arg ? arg : VSHM_KEEP,
			   &opt->keep);
		break;
	case 'd':
		opt->daemon = true;
		break;
	case 'p':
		parse_path(state, "pid file", arg, &opt->pid_file);
		break;
	case KEY_LOG_FORMAT:
		parse_log_format(state, arg);
		break;
	case 'v':
		opt->verbose = true;
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s': links are given with --link",
			   arg);
		break;
	case ARGP_KEY_END:
		parse_end(state);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = arguments,
	.parser = parse_option,
	.doc = doc,
};

/**
 * options_parse - read the command line
 * @opt: what it says; freed with options_free()
 * @argc: as given to main()
 * @argv: the same
 *
 * Exits with a message if anything is wrong.
 */
void options_parse(struct options *opt, int argc, char **argv)
{
	error_t err;

	memset(opt, 0, sizeof(*opt));
	opt->size = SPEC_SIZE_DEFAULT;
	opt->mode = SPEC_MODE_DEFAULT;

	err = argp_parse(&argp, argc, argv, 0, NULL, opt);
	if (err) {
		fprintf(stderr, "vshmd: %s\n", strerror(err));
		exit(EXIT_FAILURE);
	}
}

/**
 * options_free - free what options_parse() allocated
 * @opt: the options
 */
void options_free(struct options *opt)
{
	specs_free(&opt->links);
	free(opt->config);
	free(opt->control);
	free(opt->keep);
	free(opt->pid_file);
}
