// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>

#include "error.h"

/**
 * error_set - say what is wrong
 * @err: where
 * @fmt: as for printf(), without a newline
 *
 * Return: -1, so that a function can end with it.
 */
int error_set(struct error *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return -1;
}
