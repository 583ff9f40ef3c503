/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where kernels from 6.1 on differ. Nowhere else is a version looked at.
 */
#ifndef _VSHM_COMPAT_H
#define _VSHM_COMPAT_H

#include <linux/eventfd.h>
#include <linux/version.h>

/* 6.8: eventfd_signal() always adds one */
static inline void vshm_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

#endif /* _VSHM_COMPAT_H */
