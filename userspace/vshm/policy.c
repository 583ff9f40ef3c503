// SPDX-License-Identifier: GPL-2.0
/*
 * vshm policy: which guests may connect to each other through this host.
 */
#include "vshm.h"

static const char help[] =
	"Usage: vshm policy [list]\n"
	"\n"
	"Lists the rules for connections of guests through this host, * being every\n"
	"guest. A rule with a CID goes before one without, SRC before DST; what no\n"
	"rule is for is denied. vshmd.conf(5) has the rules that vshmd sets.\n"
	"\n"
	"  -j            JSON\n";

/**
 * do_policy - vshm policy
 * @opt: command line
 *
 * Return: exit status.
 */
int do_policy(struct options *opt)
{
	static const char * const shown[] = { "src", "dst", "verdict" };

	return do_list(opt, help, "vshm_policy", shown,
		       sizeof(shown) / sizeof(shown[0]));
}
