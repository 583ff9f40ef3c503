// SPDX-License-Identifier: GPL-2.0
/*
 * vshm perf: what is measured, and between whom.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "perf.h"

static const char help[] =
	"Usage: vshm perf -l [OPTION]... [CID] PORT\n"
	"       vshm perf [MODE] [OPTION]... CID PORT\n"
	"\n"
	"The first is the server, for any number of clients until interrupted. The\n"
	"second is a client, which measures and reports. MODE is one of\n"
	"  send          throughput to the server (default)\n"
	"  receive       throughput from the server\n"
	"  rtt           round trips: each message comes back\n"
	"  connect       connections, each opened, accepted and closed\n"
	"An address is CID PORT or CID:PORT; CID is a number, local, host or any.\n"
	"\n"
	"  -l, --listen              be the server\n"
	"  -t, --type=TYPE           stream (default) or seqpacket, on both sides\n"
	"  -s, --size=BYTES          bytes of a message (default 64K; rtt: 64)\n"
	"  -P, --parallel=N          connections at once (default 1)\n"
	"  -T, --time=SECONDS        how long (default 5)\n"
	"  -n, --number=N            messages of each connection, instead of a time\n"
	"  -i, --interval=SECONDS    report so often (default 1), 0 for the end alone\n"
	"  -q, --quiet               only report the end\n"
	"  -W, --wait=SECONDS        try again so long while no server is there\n"
	"  -j                        JSON\n";

#define SECONDS		5
#define SIZE_BULK	(64U << 10)
#define SIZE_RTT	64
#define CONNECTIONS_MAX	1000

/**
 * struct arguments - what the command line says
 * @perf: what to measure
 * @listen: be the server
 * @timed: a time is given
 */
struct arguments {
	struct perf	perf;
	bool		listen;
	bool		timed;
};

static const struct argp_option arguments[] = {
	{ "listen", 'l', NULL, 0, NULL, 0 },
	{ "type", 't', "TYPE", 0, NULL, 0 },
	{ "size", 's', "BYTES", 0, NULL, 0 },
	{ "parallel", 'P', "N", 0, NULL, 0 },
	{ "time", 'T', "SECONDS", 0, NULL, 0 },
	{ "number", 'n', "N", 0, NULL, 0 },
	{ "interval", 'i', "SECONDS", 0, NULL, 0 },
	{ "quiet", 'q', NULL, 0, NULL, 0 },
	{ "wait", 'W', "SECONDS", 0, NULL, 0 },
	{ 0 }
};

static int parse_parallel(struct perf *perf, const char *arg)
{
	uint64_t number;

	if (number_parse(arg, CONNECTIONS_MAX, &number) || !number)
		return bad_option("parallel '%s' is no number from 1 to %d", arg,
				  CONNECTIONS_MAX);
	perf->connections = (unsigned int)number;
	return 0;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;
	struct perf *perf = &args->perf;

	switch (key) {
	case 'l':
		args->listen = true;
		break;
	case 't':
		if (type_parse(arg, &perf->type) || perf->type == SOCK_DGRAM)
			return bad_option("type '%s' cannot be measured: give stream or seqpacket",
					  arg);
		break;
	case 's':
		if (size_parse(arg, &perf->size) || !perf->size ||
		    perf->size > PERF_SIZE_MAX)
			return bad_option("size '%s' is no number of bytes from 1 to 16M",
					  arg);
		break;
	case 'P':
		return parse_parallel(perf, arg);
	case 'T':
		if (seconds_parse(arg, &perf->seconds) || !perf->seconds)
			return bad_option("time '%s' is no number of seconds above 0",
					  arg);
		args->timed = true;
		break;
	case 'n':
		if (number_parse(arg, UINT64_MAX, &perf->number) || !perf->number)
			return bad_option("number '%s' is none above 0", arg);
		break;
	case 'i':
		if (seconds_parse(arg, &perf->interval))
			return bad_option("interval '%s' is no number of seconds", arg);
		break;
	case 'q':
		perf->quiet = true;
		break;
	case 'W':
		if (seconds_parse(arg, &perf->wait))
			return bad_option("wait '%s' is no number of seconds", arg);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* The mode, if the first word is one. */
static bool parse_mode(const char *word, enum perf_mode *mode)
{
	int i;

	for (i = PERF_SEND; i <= PERF_CONNECT; i++) {
		if (word_is(word, perf_mode_name((enum perf_mode)i))) {
			*mode = (enum perf_mode)i;
			return true;
		}
	}
	return false;
}

/* What was not said. */
static void complete(struct arguments *args)
{
	struct perf *perf = &args->perf;

	if (!perf->size)
		perf->size = perf->mode == PERF_RTT ? SIZE_RTT : SIZE_BULK;
	if (!perf->number && !args->timed)
		perf->seconds = SECONDS;
}

/**
 * do_perf - vshm perf
 * @opt: command line
 *
 * Return: exit status.
 */
int do_perf(struct options *opt)
{
	struct arguments args = {
		.perf = {
			.type = SOCK_STREAM,
			.connections = 1,
			.interval = 1,
		},
	};
	struct perf *perf = &args.perf;
	struct error err;
	size_t first = 1;
	bool mode;
	int status;

	status = parse_own(opt, help, arguments, parse_option, &args);
	if (status >= 0)
		return status;
	perf->json = opt->json;
	mode = opt->nr > 1 && parse_mode(opt->word[1], &perf->mode);
	if (mode && args.listen)
		return usage(help, opt, "'%s' is for clients: the server does what each of them wants",
			     opt->word[1]);
	first += mode;
	if (endpoint_parse(&perf->to, opt->word + first, opt->nr - first,
			   VSHM_CID_ANY, &err))
		return usage(help, opt, "%s", err.text);
	if (args.listen)
		return perf_serve(perf->type, &perf->to);
	if (perf->to.cid == VSHM_CID_ANY)
		return usage(help, opt, "no CID: give CID and PORT, or -l to be the server");
	complete(&args);
	return perf_measure(perf);
}
