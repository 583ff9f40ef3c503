// SPDX-License-Identifier: GPL-2.0
/*
 * vshm cat: one connection and the standard streams.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "endpoint.h"
#include "relay.h"
#include "vshm.h"

static const char help[] =
	"Usage: vshm cat [OPTION]... CID PORT\n"
	"       vshm cat -l [OPTION]... [CID] PORT\n"
	"\n"
	"Sends standard input to a peer, and writes what that sends to standard output.\n"
	"When standard input ends, that direction of the connection is closed; vshm ends\n"
	"when the peer has closed the other one as well.\n"
	"An address is CID PORT or CID:PORT; CID is a number, local, host or any.\n"
	"\n"
	"  -l, --listen          wait for a peer\n"
	"  -k, --keep            after it, wait for the next one, until interrupted\n"
	"  -t, --type=TYPE       stream (default), seqpacket, dgram\n"
	"  -s, --size=BYTES      bytes of a packet made of standard input (default 64K)\n"
	"  -b, --bind=ADDRESS    connect from this CID:PORT\n"
	"  -r, --receive-only    do not read standard input\n"
	"  -x, --send-only       do not wait for what the peer sends\n"
	"  -n, --no-half-close   leave the direction open when standard input ends\n"
	"  -W, --wait=SECONDS    try again so long while nobody listens there\n"
	"  -i, --idle=SECONDS    end when nothing moved for so long, with status 1; of\n"
	"                        datagrams that is the only end, and the status 0\n"
	"  -v, --verbose         say who is connected, and what was moved\n";

#define PACKET		(64U << 10)
#define PACKET_MAX	(16U << 20)

/**
 * struct cat - what the command line says
 * @relay: how to move data
 * @listen: wait for a peer
 * @keep: one after the other
 * @verbose: tell more
 * @from: own address, if @bound
 * @bound: connect from there
 * @wait: seconds to try to connect for
 */
struct cat {
	struct relay	relay;
	bool		listen;
	bool		keep;
	bool		verbose;
	struct endpoint	from;
	bool		bound;
	double		wait;
};

static const struct argp_option arguments[] = {
	{ "listen", 'l', NULL, 0, NULL, 0 },
	{ "keep", 'k', NULL, 0, NULL, 0 },
	{ "type", 't', "TYPE", 0, NULL, 0 },
	{ "size", 's', "BYTES", 0, NULL, 0 },
	{ "bind", 'b', "ADDRESS", 0, NULL, 0 },
	{ "receive-only", 'r', NULL, 0, NULL, 0 },
	{ "send-only", 'x', NULL, 0, NULL, 0 },
	{ "no-half-close", 'n', NULL, 0, NULL, 0 },
	{ "wait", 'W', "SECONDS", 0, NULL, 0 },
	{ "idle", 'i', "SECONDS", 0, NULL, 0 },
	{ "verbose", 'v', NULL, 0, NULL, 0 },
	{ 0 }
};

static int parse_size(struct cat *cat, const char *arg)
{
	uint64_t size;

	if (size_parse(arg, &size) || !size || size > PACKET_MAX)
		return bad_option("size '%s' is no number of bytes from 1 to 16M", arg);
	cat->relay.packet = size;
	return 0;
}

static int parse_bind(struct cat *cat, const char *arg)
{
	struct error err;

	if (endpoint_parse(&cat->from, &arg, 1, VSHM_CID_ANY, &err))
		return bad_option("bind: %s", err.text);
	cat->bound = true;
	return 0;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct cat *cat = state->input;

	switch (key) {
	case 'l':
		cat->listen = true;
		break;
	case 'k':
		cat->keep = true;
		break;
	case 't':
		if (type_parse(arg, &cat->relay.type))
			return bad_option("type '%s' is not known: give stream, seqpacket or dgram",
					  arg);
		break;
	case 's':
		return parse_size(cat, arg);
	case 'b':
		return parse_bind(cat, arg);
	case 'r':
		cat->relay.send = false;
		break;
	case 'x':
		cat->relay.receive = false;
		break;
	case 'n':
		cat->relay.half_close = false;
		break;
	case 'W':
		if (seconds_parse(arg, &cat->wait))
			return bad_option("wait '%s' is no number of seconds", arg);
		break;
	case 'i':
		if (seconds_parse(arg, &cat->relay.idle))
			return bad_option("idle '%s' is no number of seconds", arg);
		break;
	case 'v':
		cat->verbose = true;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void tell(const struct cat *cat, const char *what,
		 const struct endpoint *at)
{
	char text[ENDPOINT_TEXT];

	if (cat->verbose)
		fprintf(stderr, "vshm: %s %s\n", what, endpoint_text(at, text));
}

static int move(struct cat *cat, int fd)
{
	struct error err;
	int ret;

	cat->relay.sent = 0;
	cat->relay.received = 0;
	ret = relay_run(&cat->relay, fd, &err);
	close(fd);
	if (cat->verbose)
		fprintf(stderr, "vshm: sent %" PRIu64 " bytes, received %" PRIu64 "\n",
			cat->relay.sent, cat->relay.received);
	return ret ? fail(&err) : EXIT_SUCCESS;
}

/* A connection, or the datagram socket itself, once its peer is known. */
static int next_peer(const struct cat *cat, int fd, struct endpoint *peer,
		     struct error *err)
{
	struct sockaddr_vshm svs = { 0 };
	socklen_t len = sizeof(svs);

	if (cat->relay.type != SOCK_DGRAM)
		return endpoint_accept(fd, peer, err);
	if (recvfrom(fd, NULL, 0, MSG_PEEK, (struct sockaddr *)&svs, &len) < 0 ||
	    connect(fd, (struct sockaddr *)&svs, len))
		return error_set(err, "receive: %s", strerror(errno));
	endpoint_get(peer, &svs);
	return dup(fd);
}

static int serve(struct cat *cat, const struct endpoint *at)
{
	struct endpoint peer;
	struct error err;
	int fd, conn, status;

	fd = endpoint_listen(cat->relay.type, at, &err);
	if (fd < 0)
		return fail(&err);
	tell(cat, "listening at", at);
	do {
		conn = next_peer(cat, fd, &peer, &err);
		if (conn < 0) {
			status = stopped() ? EXIT_SUCCESS : fail(&err);
			break;
		}
		tell(cat, "connected with", &peer);
		if (!cat->keep) {
			/* nobody else shall wait for us */
			close(fd);
			fd = -1;
		}
		status = move(cat, conn);
		/* who ends the last peer may have interrupted us as well */
		if (cat->keep && stopped())
			status = EXIT_SUCCESS;
	} while (cat->keep && !stopped());
	if (fd >= 0)
		close(fd);
	return status;
}

static int call(struct cat *cat, const struct endpoint *to)
{
	struct error err;
	int fd;

	fd = endpoint_connect(cat->relay.type, to, cat->bound ? &cat->from : NULL,
			      cat->wait, &err);
	if (fd < 0)
		return fail(&err);
	tell(cat, "connected with", to);
	return move(cat, fd);
}

static const char *contradiction(const struct cat *cat)
{
	if (cat->keep && !cat->listen)
		return "-k is for those who listen: give -l";
	if (cat->listen && cat->bound)
		return "-b is for those who connect: give the address alone";
	if (!cat->relay.send && !cat->relay.receive)
		return "-r and -x leave nothing to do: give one";
	if (cat->keep && cat->relay.type == SOCK_DGRAM)
		return "-k is for connections: datagrams have none";
	return NULL;
}

/**
 * do_cat - vshm cat
 * @opt: command line
 *
 * Return: exit status.
 */
int do_cat(struct options *opt)
{
	struct cat cat = {
		.relay = {
			.type = SOCK_STREAM,
			.packet = PACKET,
			.send = true,
			.receive = true,
			.half_close = true,
		},
	};
	struct endpoint at;
	struct error err;
	const char *wrong;
	int status;

	status = parse_own(opt, help, arguments, parse_option, &cat);
	if (status >= 0)
		return status;
	wrong = contradiction(&cat);
	if (wrong)
		return usage(help, opt, "%s", wrong);
	if (endpoint_parse(&at, opt->word + 1, opt->nr - 1, VSHM_CID_ANY, &err))
		return usage(help, opt, "%s", err.text);
	if (!cat.listen && at.cid == VSHM_CID_ANY)
		return usage(help, opt, "no CID: give CID and PORT, or -l to listen");
	signal(SIGPIPE, SIG_IGN);
	/* datagrams have no other end */
	if (cat.keep || (cat.listen && cat.relay.type == SOCK_DGRAM))
		stop_on_signals();
	return cat.listen ? serve(&cat, &at) : call(&cat, &at);
}
