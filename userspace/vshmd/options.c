// SPDX-License-Identifier: GPL-2.0
/*
 * The command line. A wrong value ends the program here, with one message that
 * names it and says what would be right.
 */
#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vshmd.h"

/* argp finds this one by its name. */
const char *argp_program_version = "vshmd 0.1";

static const char doc[] =
	"Create shared memory and doorbells for links between guests, and serve them to QEMU.\v"
	"CID is a guest's context ID, 3 to 65535, and PATH the socket where its QEMU connects:\n\n"
	"  -chardev socket,id=vshm0,path=PATH\n"
	"  -device ivshmem-doorbell,chardev=vshm0,vectors=1\n\n"
	"SIZE is a power of two from 1M to 64G.";

static const struct argp_option arguments[] = {
	{ "link", 'l', "CID=PATH,CID=PATH[,size=SIZE]", 0,
	  "Serve a link; may be given more than once", 0 },
	{ "size", 's', "SIZE", 0,
	  "Shared memory of each link that names no size (default 64M)", 0 },
	{ "mode", 'm', "OCTAL", 0,
	  "Permissions of the sockets (default 0600)", 0 },
	{ "daemon", 'd', NULL, 0,
	  "Go to the background once all sockets listen, and log to syslog", 0 },
	{ "pid-file", 'p', "FILE", 0,
	  "Write the process ID to FILE while running", 0 },
	{ "verbose", 'v', NULL, 0, "Log clients that come and go", 0 },
	{ 0 }
};

/* End the program: a value is wrong, or cannot be stored. */
static _Noreturn __printf(2, 3) void fail(struct argp_state *state, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	argp_failure(state, EXIT_FAILURE, 0, "%s", line);
	exit(EXIT_FAILURE);
}

/* Digits only, no sign, no space. */
static int parse_number(const char *s, int base, uint64_t *val, char **end)
{
	unsigned long long n;

	if (!isdigit((unsigned char)*s))
		return -1;
	errno = 0;
	n = strtoull(s, end, base);
	if (errno)
		return -1;
	*val = n;
	return 0;
}

static int parse_size(const char *s, uint64_t *size)
{
	unsigned int shift;
	uint64_t n;
	char *end;

	if (parse_number(s, 10, &n, &end))
		return -1;
	switch (*end) {
	case '\0':
		shift = 0;
		break;
	case 'k':
	case 'K':
		shift = 10;
		break;
	case 'm':
	case 'M':
		shift = 20;
		break;
	case 'g':
	case 'G':
		shift = 30;
		break;
	default:
		return -1;
	}
	if (*end && end[1])
		return -1;
	if (n > VSHMD_SIZE_MAX >> shift)
		return -1;
	n <<= shift;
	if (n < VSHM_REGION_MIN || n & (n - 1))
		return -1;
	*size = n;
	return 0;
}

static int parse_cid(const char *s, uint32_t *cid)
{
	uint64_t n;
	char *end;

	if (parse_number(s, 10, &n, &end) || *end)
		return -1;
	if (n < VSHM_CID_GUEST_MIN || n > VSHM_CID_GUEST_MAX)
		return -1;
	*cid = (uint32_t)n;
	return 0;
}

/* The same path from the root directory, which is where daemons live. */
static char *absolute_path(const char *path)
{
	char *cwd, *abspath;

	if (*path == '/')
		return strdup(path);
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return NULL;
	if (asprintf(&abspath, "%s/%s", cwd, path) < 0)
		abspath = NULL;
	free(cwd);
	return abspath;
}

static void endpoint_init(struct endpoint *ep)
{
	memset(ep, 0, sizeof(*ep));
	ep->doorbell = -1;
	ep->client = -1;
	ep->listener.fd = -1;
}

/* Append a link with nothing in it; NULL if memory is short. */
static struct link *add_link(struct options *opt)
{
	struct link *links, *link;

	links = reallocarray(opt->links, opt->nr_links + 1, sizeof(*links));
	if (!links)
		return NULL;
	opt->links = links;

	link = &links[opt->nr_links++];
	endpoint_init(&link->side[0]);
	endpoint_init(&link->side[1]);
	link->size = 0;
	link->memfd = -1;
	link->region = NULL;
	return link;
}

static bool path_is_used(const struct options *opt, const char *abspath)
{
	size_t i;
	int side;

	for (i = 0; i < opt->nr_links; i++) {
		for (side = 0; side < 2; side++) {
			const char *used = opt->links[i].side[side].listener.abspath;

			if (used && !strcmp(used, abspath))
				return true;
		}
	}
	return false;
}

/* One CID=PATH of a link. */
static void parse_endpoint(struct argp_state *state, const char *spec,
			   struct endpoint *ep, const char *cid,
			   const char *path)
{
	const struct options *opt = state->input;
	struct listener *l = &ep->listener;
	char *abspath;

	if (parse_cid(cid, &ep->cid))
		fail(state, "link '%s': CID '%s' is not a guest's: give a number from %d to %d",
		     spec, cid, VSHM_CID_GUEST_MIN, VSHM_CID_GUEST_MAX);
	if (!*path)
		fail(state, "link '%s': CID %s has no path: give the socket of its QEMU as %s=PATH",
		     spec, cid, cid);
	abspath = absolute_path(path);
	if (!abspath)
		fail(state, "link '%s': path '%s': %s", spec, path, strerror(errno));
	if (path_is_used(opt, abspath))
		fail(state,
		     "link '%s': path '%s' is used twice: give each CID of each link a path of its own",
		     spec, path);
	l->abspath = abspath;
	l->path = strdup(path);
	if (!l->path)
		fail(state, "link '%s': out of memory", spec);
}

static void parse_link_size(struct argp_state *state, const char *spec,
			    struct link *link, const char *size)
{
	if (link->size)
		fail(state, "link '%s' has two sizes: give one", spec);
	if (parse_size(size, &link->size))
		fail(state, "link '%s': size '%s' is not a power of two from %lluM to %lluG",
		     spec, size, VSHM_REGION_MIN >> 20,
		     VSHMD_SIZE_MAX >> 30);
}

/* CID=PATH,CID=PATH[,size=SIZE] */
static void parse_link(struct argp_state *state, const char *spec)
{
	struct link *link = add_link(state->input);
	char *copy = strdup(spec);
	char *rest = copy;
	int sides = 0;
	char *item;

	if (!link || !copy)
		fail(state, "link '%s': out of memory", spec);

	while ((item = strsep(&rest, ","))) {
		char *value = strchr(item, '=');

		if (!value)
			fail(state, "link '%s': '%s' is neither CID=PATH nor size=SIZE",
			     spec, item);
		*value++ = '\0';
		if (!strcmp(item, "size")) {
			parse_link_size(state, spec, link, value);
			continue;
		}
		if (sides == 2)
			fail(state,
			     "link '%s' has more than two CIDs: a link joins two, give each pair a --link",
			     spec);
		parse_endpoint(state, spec, &link->side[sides++], item, value);
	}
	if (sides < 2)
		fail(state, "link '%s' has fewer than two CIDs: give CID=PATH,CID=PATH",
		     spec);
	if (link->side[0].cid == link->side[1].cid)
		fail(state, "link '%s' joins CID %u with itself: give two different CIDs",
		     spec, link->side[0].cid);
	free(copy);
}

static void parse_mode(struct argp_state *state, const char *arg)
{
	struct options *opt = state->input;
	uint64_t n;
	char *end;

	if (parse_number(arg, 8, &n, &end) || *end || n > 0777)
		fail(state, "mode '%s' is not an octal number from 0 to 0777",
		     arg);
	opt->mode = (mode_t)n;
}

static void parse_pid_file(struct argp_state *state, const char *arg)
{
	struct options *opt = state->input;

	if (!*arg)
		fail(state, "pid file '' is no file: give its path");
	free(opt->pid_file);
	opt->pid_file = absolute_path(arg);
	if (!opt->pid_file)
		fail(state, "pid file '%s': %s", arg, strerror(errno));
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *opt = state->input;

	switch (key) {
	case 'l':
		parse_link(state, arg);
		break;
	case 's':
		if (parse_size(arg, &opt->size))
			fail(state, "size '%s' is not a power of two from %lluM to %lluG",
			     arg, VSHM_REGION_MIN >> 20,
			     VSHMD_SIZE_MAX >> 30);
		break;
	case 'm':
		parse_mode(state, arg);
		break;
	case 'd':
		opt->daemon = true;
		break;
	case 'p':
		parse_pid_file(state, arg);
		break;
	case 'v':
		opt->verbose = true;
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s': links are given with --link",
			   arg);
		break;
	case ARGP_KEY_END:
		if (!opt->nr_links)
			argp_error(state, "no link: give --link CID=PATH,CID=PATH");
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
	size_t i;
	error_t err;

	memset(opt, 0, sizeof(*opt));
	opt->size = VSHMD_SIZE_DEFAULT;
	opt->mode = VSHMD_MODE_DEFAULT;

	err = argp_parse(&argp, argc, argv, 0, NULL, opt);
	if (err) {
		fprintf(stderr, "vshmd: %s\n", strerror(err));
		exit(EXIT_FAILURE);
	}

	/* The links stay where they are from here on. */
	for (i = 0; i < opt->nr_links; i++) {
		struct link *link = &opt->links[i];

		if (!link->size)
			link->size = opt->size;
		link->side[0].link = link;
		link->side[1].link = link;
	}
}

/**
 * options_free - free what options_parse() allocated
 * @opt: the options
 */
void options_free(struct options *opt)
{
	size_t i;
	int side;

	for (i = 0; i < opt->nr_links; i++) {
		for (side = 0; side < 2; side++) {
			free(opt->links[i].side[side].listener.path);
			free(opt->links[i].side[side].listener.abspath);
		}
	}
	free(opt->links);
	free(opt->pid_file);
}
