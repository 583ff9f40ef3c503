// SPDX-License-Identifier: GPL-2.0
/*
 * Numbers as people write them.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vshm.h"

/**
 * number_is - is it digits and nothing else?
 * @s: string
 *
 * Return: true if it is.
 */
bool number_is(const char *s)
{
	return *s && !s[strspn(s, "0123456789")];
}

/**
 * number_parse - read a number
 * @s: digits
 * @max: what it may be at most
 * @number: takes it
 *
 * Return: 0, or -1 if it is no such number.
 */
int number_parse(const char *s, uint64_t max, uint64_t *number)
{
	if (!number_is(s))
		return -1;
	errno = 0;
	*number = strtoull(s, NULL, 10);
	return errno || *number > max ? -1 : 0;
}

/**
 * size_parse - read a number of bytes
 * @s: digits, with K, M, G or T behind them for powers of 1024
 * @bytes: takes the number
 *
 * Return: 0, or -1 if it is no such number.
 */
int size_parse(const char *s, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	const char *unit;
	unsigned int shift = 0;
	char *end;

	if (*s < '0' || *s > '9')
		return -1;
	errno = 0;
	*bytes = strtoull(s, &end, 10);
	if (errno)
		return -1;
	if (*end) {
		unit = strchr(units, *end >= 'a' ? *end - 'a' + 'A' : *end);
		if (!unit || end[1])
			return -1;
		shift = 10 * (unsigned int)(unit - units + 1);
	}
	if (*bytes > UINT64_MAX >> shift)
		return -1;
	*bytes <<= shift;
	return 0;
}

/**
 * seconds_parse - read a number of seconds
 * @s: decimal number, not below 0
 * @seconds: takes it
 *
 * Return: 0, or -1 if it is no such number, or above a million.
 */
int seconds_parse(const char *s, double *seconds)
{
	char *end;

	if (!*s || s[strspn(s, "0123456789.")])
		return -1;
	*seconds = strtod(s, &end);
	return *end || !isfinite(*seconds) || *seconds > 1e6 ? -1 : 0;
}

/**
 * size_text - a number of bytes for people, exactly
 * @bytes: number
 * @buf: where it goes
 * @size: bytes there
 *
 * Return: @buf.
 */
const char *size_text(uint64_t bytes, char *buf, size_t size)
{
	static const char units[] = "KMGT";
	int unit = -1;

	while (bytes && !(bytes & 1023) && units[unit + 1]) {
		bytes >>= 10;
		unit++;
	}
	if (unit < 0)
		snprintf(buf, size, "%" PRIu64, bytes);
	else
		snprintf(buf, size, "%" PRIu64 "%c", bytes, units[unit]);
	return buf;
}

/**
 * rate_text - a number for people, with three or four digits
 * @rate: number, not below 0
 * @buf: where it goes, with a unit of powers of 1000: k, M, G, T
 * @size: bytes there
 *
 * Return: @buf.
 */
const char *rate_text(double rate, char *buf, size_t size)
{
	static const char units[] = " kMGT";
	size_t unit = 0;

	while (rate >= 9999.5 && units[unit + 1]) {
		rate /= 1000;
		unit++;
	}
	if (!unit)
		snprintf(buf, size, "%.0f", rate);
	else
		snprintf(buf, size, "%.*f%c", rate < 99.95 ? 1 : 0, rate, units[unit]);
	return buf;
}
