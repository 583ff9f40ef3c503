// SPDX-License-Identifier: GPL-2.0
/*
 * vshm link: the links that the kernel has.
 */
#include "vshm.h"

static const char help[] =
	"Usage: vshm link [list]\n"
	"\n"
	"Lists the links of this machine's kernel: loopback, to the host, to guests.\n"
	"\n"
	"  -e            all fields\n"
	"  -j            JSON, with all fields\n"
	"  -w[SECONDS]   again and again\n";

/* What is shown unasked. */
static const char * const shown[] = {
	"kind", "local", "peer", "state", "connections", "size", "heap",
	"heap_used", "resets", "violations",
};

/**
 * do_link - vshm link
 * @opt: command line
 *
 * Return: exit status.
 */
int do_link(struct options *opt)
{
	return do_list(opt, help, "vshm_links", shown,
		       sizeof(shown) / sizeof(shown[0]));
}
