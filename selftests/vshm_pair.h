/* SPDX-License-Identifier: GPL-2.0 */
/* The fixture of most tests: two sockets connected over loopback. */
#ifndef VSHM_PAIR_H
#define VSHM_PAIR_H

#include "vshm_test.h"
#include <kselftest_harness.h>

/* @c connected to the port where @s was accepted. */
FIXTURE(pair) {
	int c;
	int s;
};

FIXTURE_SETUP(pair)
{
	int fd[2];

	ASSERT_EQ(0, vshm_pair_open(fd)) {
		TH_LOG("no pair: %s", strerror(errno));
	}
	self->c = fd[0];
	self->s = fd[1];
}

FIXTURE_TEARDOWN(pair)
{
	close(self->c);
	close(self->s);
}

#endif /* VSHM_PAIR_H */
