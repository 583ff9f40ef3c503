/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests for memory that fail, and copies from and to the program, in a
 * kernel with CONFIG_FAULT_INJECTION; see its fault-injection.rst.
 */
#ifndef VSHM_FAULT_H
#define VSHM_FAULT_H

#include "vshm_test.h"

#define VSHM_FAULT_NTH	"/proc/thread-self/fail-nth"
#define VSHM_FAULT_DIR	"/sys/kernel/debug/"

static inline int vshm_fault_set(const char *name, const char *value)
{
	char path[128];
	int fd, ret = -1;

	snprintf(path, sizeof(path), VSHM_FAULT_DIR "%s", name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -1;
	if (write(fd, value, strlen(value)) == (ssize_t)strlen(value))
		ret = 0;
	close(fd);
	return ret;
}

/* Requests that may sleep count, single pages do, and nothing is logged. */
static inline bool vshm_fault_prepare(void)
{
	static const char * const settings[][2] = {
		{ "failslab/ignore-gfp-wait", "N" },
		{ "failslab/cache-filter", "N" },
		{ "failslab/verbose", "0" },
		{ "fail_page_alloc/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/min-order", "0" },
		{ "fail_page_alloc/verbose", "0" },
		{ "fail_usercopy/verbose", "0" },
	};

	for (unsigned int i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		if (vshm_fault_set(settings[i][0], settings[i][1]))
			return false;
	return !access(VSHM_FAULT_NTH, W_OK);
}

/* What a call says that found no memory. */
static inline bool vshm_fault_errno(int err)
{
	return err == ENOMEM || err == ENOBUFS || err == ENFILE ||
	       err == EFAULT;
}

/* The pattern in both directions, in pieces that are sent as a whole. */
static inline int vshm_talk(int a, int b)
{
	for (int i = 0; i < 2; i++) {
		if (vshm_send_all(i ? a : b, 1250, 1250, 0, i) ||
		    vshm_recv_all(i ? b : a, 1250, 1250, 0, i))
			return -1;
	}
	return 0;
}

/* The @nth request of this thread that can fail will; @fd: VSHM_FAULT_NTH. */
static inline void vshm_fault_arm(int fd, int nth)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", nth);

	if (pwrite(fd, text, n, 0) != n)
		abort();
}

/* Nothing fails any more; returns how many requests were left until it would. */
static inline int vshm_fault_disarm(int fd)
{
	char text[16] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	/* to read and write may fail for the same reason, which disarms it */
	if (pwrite(fd, "0", 1, 0) != 1 && errno != EFAULT)
		abort();
	return n <= 0 ? 1 : atoi(text);
}

#endif /* VSHM_FAULT_H */
