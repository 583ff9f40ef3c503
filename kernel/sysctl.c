// SPDX-License-Identifier: GPL-2.0
/*
 * Limits and defaults of a network namespace: /proc/sys/net/vshm.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sysctl.h>

#include "compat.h"
#include "vshm.h"

/* A day; longer, and milliseconds would not fit where jiffies do. */
#define VSHM_TIMEOUT_MAX	(24 * 60 * 60 * MSEC_PER_SEC)

/* A table that is full of sockets would fill the memory first. */
#define VSHM_LIMIT_MAX		((1 << 22) - 1)	/* places in the table */

static unsigned int vshm_zero;
static unsigned int vshm_one = 1;
static unsigned int vshm_size_min = 1 << VSHM_RING_ORDER_MIN;
static unsigned int vshm_size_max = 1 << VSHM_RING_ORDER_MAX;
static unsigned int vshm_timeout_max = VSHM_TIMEOUT_MAX;
static unsigned int vshm_limit_max = VSHM_LIMIT_MAX;
static unsigned int vshm_memory_max = UINT_MAX;

/* The order is that of vshm_sysctl_bind(). */
static const struct ctl_table vshm_sysctl_table[] = {
	{ .procname = "buffer_min" },
	{ .procname = "buffer_default" },
	{ .procname = "buffer_max" },
	{ .procname = "connect_timeout_ms" },
	{ .procname = "max_sockets" },
	{ .procname = "max_user_sockets" },
	{ .procname = "max_pending" },
	{ .procname = "max_link_pending" },
	{ .procname = "max_memory_kb" },
	{ .procname = "max_user_memory_kb" },
};

static void vshm_sysctl_entry(struct ctl_table *entry, unsigned int *value,
			      unsigned int *min, unsigned int *max)
{
	entry->data = value;
	entry->maxlen = sizeof(*value);
	entry->mode = 0644;
	entry->proc_handler = proc_douintvec_minmax;
	entry->extra1 = min;
	entry->extra2 = max;
}

/* What limits a value may be another one: min <= default <= max. */
static void vshm_sysctl_bind(struct ctl_table *table, struct vshm_limits *l)
{
	vshm_sysctl_entry(table++, &l->buffer_min, &vshm_size_min,
			  &l->buffer_default);
	vshm_sysctl_entry(table++, &l->buffer_default, &l->buffer_min,
			  &l->buffer_max);
	vshm_sysctl_entry(table++, &l->buffer_max, &l->buffer_default,
			  &vshm_size_max);
	vshm_sysctl_entry(table++, &l->connect_timeout_ms, &vshm_one,
			  &vshm_timeout_max);
	vshm_sysctl_entry(table++, &l->max_sockets, &vshm_one,
			  &vshm_limit_max);
	vshm_sysctl_entry(table++, &l->max_user_sockets, &vshm_one,
			  &vshm_limit_max);
	vshm_sysctl_entry(table++, &l->max_pending, &vshm_one,
			  &vshm_limit_max);
	vshm_sysctl_entry(table++, &l->max_link_pending, &vshm_one,
			  &vshm_limit_max);
	vshm_sysctl_entry(table++, &l->max_memory_kb, &vshm_zero,
			  &vshm_memory_max);
	vshm_sysctl_entry(table++, &l->max_user_memory_kb, &vshm_zero,
			  &vshm_memory_max);
}

/**
 * vshm_sysctl_init() - give a network namespace its limits
 * @vnet: table of the namespace
 *
 * Each namespace starts from the same values, whatever others were given.
 * Return: 0 or -ENOMEM.
 */
int vshm_sysctl_init(struct vshm_net *vnet)
{
	const unsigned int memory_kb = min_t(u64, UINT_MAX, (u64)
					     totalram_pages() << (PAGE_SHIFT - 10));
	const size_t n = ARRAY_SIZE(vshm_sysctl_table);
	struct ctl_table *table;

	vnet->limits = (struct vshm_limits) {
		.buffer_min		= VSHM_BUFFER_MIN,
		.buffer_default		= VSHM_BUFFER_DEFAULT,
		.buffer_max		= VSHM_BUFFER_MAX,
		.connect_timeout_ms	= VSHM_CONNECT_TIMEOUT_MS,
		.max_sockets		= VSHM_SOCKETS_DEFAULT,
		.max_user_sockets	= VSHM_SOCKETS_DEFAULT,
		.max_pending		= VSHM_PENDING_DEFAULT,
		.max_link_pending	= VSHM_LINK_PENDING_DEFAULT,
		.max_memory_kb		= memory_kb / 4,
		.max_user_memory_kb	= memory_kb / 8,
	};
	/* one more, which ends the table in kernels that look for it */
	table = kcalloc(n + 1, sizeof(*table), GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	memcpy(table, vshm_sysctl_table, sizeof(vshm_sysctl_table));
	vshm_sysctl_bind(table, &vnet->limits);
	vnet->sysctl_header = vshm_register_net_sysctl(vnet->net, "net/vshm",
						       table, n);
	if (!vnet->sysctl_header) {
		kfree(table);
		return -ENOMEM;
	}
	vnet->sysctl_table = table;
	return 0;
}

/**
 * vshm_sysctl_exit() - take the limits of a network namespace away
 * @vnet: table of the namespace
 */
void vshm_sysctl_exit(struct vshm_net *vnet)
{
	unregister_net_sysctl_table(vnet->sysctl_header);
	kfree(vnet->sysctl_table);
}
