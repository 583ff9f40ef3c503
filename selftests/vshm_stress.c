// SPDX-License-Identifier: GPL-2.0
/* Many connections to an echo server, here or on another CID. */
#include "vshm_echo.h"
#include "vshm_test.h"

#include <getopt.h>

static volatile sig_atomic_t stop;

static void on_term(int sig)
{
	stop = 1;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: vshm_stress server --port P [--cid C|any]\n"
		"       vshm_stress client --cid C --port P --sequential N | --parallel N\n"
		"                          [--bytes B]\n");
	return 1;
}

static int serve(uint32_t cid, uint32_t port)
{
	struct sigaction sa = { .sa_handler = on_term };
	int fd = vshm_socket(0);

	if (fd < 0 || vshm_bind(fd, cid, port) || listen(fd, SOMAXCONN)) {
		perror("vshm_stress: listen");
		return 1;
	}
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	return vshm_echo_serve(fd, &stop) ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "cid", required_argument, NULL, 'c' },
		{ "port", required_argument, NULL, 'p' },
		{ "sequential", required_argument, NULL, 's' },
		{ "parallel", required_argument, NULL, 'a' },
		{ "bytes", required_argument, NULL, 'b' },
		{ },
	};
	uint32_t cid = VSHM_CID_ANY, port = VSHM_PORT_ANY;
	int sequential = 0, parallel = 0;
	size_t bytes = 4096;
	const char *mode;
	int opt;

	if (argc < 2)
		return usage();
	mode = argv[1];
	optind = 2;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'c')
			cid = strcmp(optarg, "any") ? strtoul(optarg, NULL, 0)
						    : VSHM_CID_ANY;
		else if (opt == 'p')
			port = strtoul(optarg, NULL, 0);
		else if (opt == 's')
			sequential = atoi(optarg);
		else if (opt == 'a')
			parallel = atoi(optarg);
		else if (opt == 'b')
			bytes = strtoull(optarg, NULL, 0);
		else
			return usage();
	}
	if (port == VSHM_PORT_ANY)
		return usage();
	if (!strcmp(mode, "server"))
		return serve(cid, port);
	if (strcmp(mode, "client") || sequential < 0 || parallel < 0 ||
	    sequential + parallel == 0 || cid == VSHM_CID_ANY)
		return usage();
	if (vshm_echo_sequential(cid, port, sequential, bytes))
		return 1;
	return vshm_echo_parallel(cid, port, parallel, bytes) ? 1 : 0;
}
