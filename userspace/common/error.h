/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One line that says what is wrong and what would be right. Whoever finds out
 * writes it, whoever asked prints it, logs it or sends it on.
 */
#ifndef _VSHM_ERROR_H
#define _VSHM_ERROR_H

#ifndef __printf
#define __printf(fmt, args)	__attribute__((format(printf, fmt, args)))
#endif

/**
 * struct error - what is wrong
 * @text: one line, without a newline
 */
struct error {
	char	text[1024];
};

int error_set(struct error *err, const char *fmt, ...) __printf(2, 3);

#endif /* _VSHM_ERROR_H */
