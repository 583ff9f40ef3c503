// SPDX-License-Identifier: GPL-2.0
/*
 * Signals that end the program, for those commands that run until then, and
 * time.
 */
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "vshm.h"

static volatile sig_atomic_t signalled;

static void on_signal(int nr)
{
	/* who asks twice does not want to wait */
	if (signalled) {
		signal(nr, SIG_DFL);
		raise(nr);
	}
	signalled = 1;
}

/**
 * stop_on_signals - have SIGINT, SIGTERM and SIGHUP only interrupt calls
 *
 * stopped() tells of them. The second one ends the program.
 */
void stop_on_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
}

/**
 * stopped - was there a signal?
 *
 * Return: true if the program shall end.
 */
bool stopped(void)
{
	return signalled;
}

/**
 * now_ns - the time that only goes on
 *
 * Return: nanoseconds of CLOCK_MONOTONIC.
 */
uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/**
 * pause_until - sleep
 * @ns: until this time of now_ns(), or until there is a signal
 */
void pause_until(uint64_t ns)
{
	const struct timespec ts = {
		.tv_sec = (time_t)(ns / 1000000000),
		.tv_nsec = (long)(ns % 1000000000),
	};

	while (!signalled &&
	       clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

/**
 * tick_after - the next of times that are the same distance apart
 * @last: the one before
 * @seconds: distance
 *
 * Return: the time, of now_ns(); a whole distance from now if @last is so long
 * ago that it has passed already.
 */
uint64_t tick_after(uint64_t last, double seconds)
{
	const uint64_t step = (uint64_t)(seconds * 1e9), now = now_ns();

	return last + step > now ? last + step : now + step;
}
