// SPDX-License-Identifier: GPL-2.0
/*
 * AF_VSHM beside AF_UNIX, AF_VSOCK, TCP, a pipe and two plain copies: each with
 * a server process and a client, in one run and on one clock.
 *
 *   stream    messages one way; the clock stops when the server has read all
 *   duplex    both ways at once
 *   parallel  several connections at once
 *   latency   64 bytes there and back
 *   connect   the client connects and closes, the server accepts and closes
 *   growth    one connection's messages, beside many that are idle
 *
 * No socket option is set, but TCP_NODELAY.
 */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "bench.h"

#define FILES	(1 << 17)

struct plan plan = {
	.sizes = { 64, 1024, 4096, 16384, 65536, 262144 },
	.nr_sizes = 6,
	.pairs = 2,
	.rounds = 1,
	.scale = 1,
	.cid = 1,
	.ip = "127.0.0.1",
};

static const char *only;
static const char *tests = "stream,latency,connect";
static const char *json, *data;
static bool serving, remote;

void die(const char *what)
{
	fprintf(stderr, "vshm_bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Is a word in a list with commas? */
static bool listed(const char *list, const char *word)
{
	size_t len = strlen(word);
	const char *s = list;

	while (s && strncmp(s, word, len + 1) &&
	       (strncmp(s, word, len) || s[len] != ',')) {
		s = strchr(s, ',');
		s += !!s;
	}
	return s;
}

static int parse_sizes(char *list)
{
	char *save;

	plan.nr_sizes = 0;
	for (char *s = strtok_r(list, ",", &save); s;
	     s = strtok_r(NULL, ",", &save)) {
		if (plan.nr_sizes == SIZES_MAX || !strtoul(s, NULL, 0))
			return -1;
		plan.sizes[plan.nr_sizes++] = strtoul(s, NULL, 0);
	}
	return plan.nr_sizes ? 0 : -1;
}

static int parse_growth(char *list)
{
	char *save;

	for (char *s = strtok_r(list, ",", &save); s;
	     s = strtok_r(NULL, ",", &save)) {
		if (plan.nr_growth == GROWTH_MAX || atoi(s) < 1)
			return -1;
		plan.growth[plan.nr_growth++] = atoi(s);
	}
	return plan.nr_growth ? 0 : -1;
}

enum { OPT_BEST = 256, OPT_BOUND, OPT_CALLS, OPT_CID, OPT_DATA, OPT_GROWTH, OPT_IP, OPT_JSON,
       OPT_ONLY, OPT_PAIRS, OPT_PIN, OPT_POLL, OPT_ROUNDS, OPT_SCALE, OPT_SERVE,
       OPT_SIZES, OPT_TESTS };

static const struct argp_option options[] = {
	{ "sizes", OPT_SIZES, "BYTES,...", 0, "sizes of messages", 0 },
	{ "scale", OPT_SCALE, "FACTOR", 0, "how much is moved", 0 },
	{ "rounds", OPT_ROUNDS, "N", 0, "medians of so many", 0 },
	{ "best", OPT_BEST, NULL, 0, "the best of them instead", 0 },
	{ "only", OPT_ONLY, "NAME,...", 0, "whom to measure", 0 },
	{ "tests", OPT_TESTS, "TEST,...", 0,
	  "of stream, duplex, parallel, latency, connect", 0 },
	{ "growth", OPT_GROWTH, "N,...", 0,
	  "also beside so many connections, ascending", 0 },
	{ "bound", OPT_BOUND, "N", 0, "bind and connect, also beside so many listeners", 0 },
	{ "pairs", OPT_PAIRS, "N", 0, "connections of parallel", 0 },
	{ "calls", OPT_CALLS, "send|write", 0, "calls used on sockets", 0 },
	{ "busy-poll", OPT_POLL, "USEC", 0, "latency with SO_BUSY_POLL, too", 0 },
	{ "pin", OPT_PIN, NULL, 0, "client on CPU 0, servers on CPU 1", 0 },
	{ "serve", OPT_SERVE, NULL, 0, "be the servers, for another VM", 0 },
	{ "cid", OPT_CID, "CID", 0, "where AF_VSHM servers are", 0 },
	{ "ip", OPT_IP, "ADDRESS", 0, "where TCP servers are", 0 },
	{ "json", OPT_JSON, "FILE", 0, "write results there", 0 },
	{ "data", OPT_DATA, "FILE", 0, "write rates for gnuplot there", 0 },
	{ },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case OPT_SIZES:
		if (parse_sizes(arg))
			argp_error(state, "--sizes wants 1 to %d numbers",
				   SIZES_MAX);
		break;
	case OPT_GROWTH:
		if (parse_growth(arg))
			argp_error(state, "--growth wants 1 to %d numbers",
				   GROWTH_MAX);
		break;
	case OPT_BOUND:
		plan.bound = atoi(arg);
		break;
	case OPT_SCALE:
		plan.scale = atof(arg);
		if (plan.scale <= 0)
			argp_error(state, "--scale wants a number above 0");
		break;
	case OPT_CALLS:
		plan.plain_calls = !strcmp(arg, "write");
		if (!plan.plain_calls && strcmp(arg, "send"))
			argp_error(state, "--calls wants send or write");
		break;
	case OPT_ROUNDS:
		plan.rounds = atoi(arg);
		if (plan.rounds < 1 || plan.rounds > ROUNDS_MAX)
			argp_error(state, "--rounds wants 1 to %d", ROUNDS_MAX);
		break;
	case OPT_PAIRS:
		plan.pairs = atoi(arg);
		if (plan.pairs < 1 || plan.pairs > 64)
			argp_error(state, "--pairs wants 1 to 64");
		break;
	case OPT_BEST:
		plan.best = true;
		break;
	case OPT_ONLY:
		only = arg;
		break;
	case OPT_TESTS:
		tests = arg;
		break;
	case OPT_POLL:
		plan.busy_poll = atoi(arg);
		break;
	case OPT_PIN:
		plan.pin = true;
		break;
	case OPT_SERVE:
		serving = true;
		break;
	case OPT_CID:
		plan.cid = atoi(arg);
		remote = true;
		break;
	case OPT_IP:
		plan.ip = arg;
		remote = true;
		break;
	case OPT_JSON:
		json = arg;
		break;
	case OPT_DATA:
		data = arg;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Compares AF_VSHM with other ways from process to process.",
};

/* Starts a server; false when there is nothing of that kind here. */
static bool start_server(const struct peer *p)
{
	int ready[2];
	pid_t pid;
	char byte;
	bool ok;

	if (pipe(ready))
		die("pipe");
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		close(ready[0]);
		serve(p, ready[1]);
	}
	close(ready[1]);
	ok = read(ready[0], &byte, 1) == 1;
	close(ready[0]);
	if (!ok)
		waitpid(pid, NULL, 0);
	return ok;
}

static void measure(struct peer *p)
{
	for (int i = 0; i < plan.nr_sizes && listed(tests, "stream"); i++)
		p->r.stream[i] = p == &peers[COPIES] ?
			       measure_copies(plan.sizes[i]) :
			       measure_stream(p, plan.sizes[i]);
	if (listed(tests, "parallel") &&
	    (p->type == SOCK_STREAM || p == &peers[COPIES]))
		for (int i = 0; i < 2; i++)
			p->r.parallel[i] = measure_parallel(p, 65536, i ? plan.pairs : 1);
	if (p == &peers[COPIES])
		return;
	if (listed(tests, "latency")) {
		p->r.rtt = measure_latency(p, 0);
		if (plan.busy_poll && p->address)
			p->r.polled = measure_latency(p, plan.busy_poll);
	}
	if (p->type != SOCK_STREAM)
		return;
	for (int i = 0; i < plan.nr_sizes && listed(tests, "duplex"); i++)
		p->r.duplex[i] = measure_duplex(p, plan.sizes[i]);
	if (listed(tests, "connect"))
		p->r.connect = measure_connect(p);
	if (plan.nr_growth) {
		measure_growth(p);
		measure_stalled(p);
	}
	if (plan.bound)
		measure_bound(p);
}

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (!ioctl(fd, SIOCGIFFLAGS, &ifr) && !(ifr.ifr_flags & IFF_UP)) {
		ifr.ifr_flags |= IFF_UP;
		ioctl(fd, SIOCSIFFLAGS, &ifr);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	struct rlimit files = { .rlim_cur = FILES, .rlim_max = FILES };
	bool some = false;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	signal(SIGPIPE, SIG_IGN);
	setrlimit(RLIMIT_NOFILE, &files);
	loopback_up();
	if (serving)
		plan.cid = -1U;
	pin_to(0);
	for (int i = 0; i < NR_PEERS; i++) {
		struct peer *p = &peers[i];

		if (only && !listed(only, p->name))
			continue;
		p->present = !p->address || (remote && !serving) || start_server(p);
		if (!p->present)
			fprintf(stderr, "vshm_bench: no %s here\n", p->name);
		some |= p->present;
	}
	if (serving) {
		pause();
		return 0;
	}
	for (int n = 0; n < plan.rounds; n++)
		for (int i = 0; i < NR_PEERS; i++)
			if (peers[i].present) {
				measure(&peers[i]);
				peers[i].rounds[n] = peers[i].r;
			}
	report_rounds();
	report_tables();
	if (json && report_json(json))
		die(json);
	if (data && report_data(data))
		die(data);
	return !some;
}
