/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A memfd in kernel address space, for as long as a link needs it.
 */
#ifndef _VSHM_MEMFD_H
#define _VSHM_MEMFD_H

#include <linux/types.h>

struct mm_struct;
struct page;

/**
 * struct vshm_memfd - a pinned and mapped memfd
 * @base: where it is mapped
 * @size: bytes
 * @pages: its pages
 * @nr_pages: how many
 * @mm: to whom they are charged as locked
 */
struct vshm_memfd {
	void			*base;
	u64			size;
	struct page		**pages;
	unsigned long		nr_pages;
	struct mm_struct	*mm;
};

int vshm_memfd_map(struct vshm_memfd *memfd, int fd);
void vshm_memfd_unmap(struct vshm_memfd *memfd);

#endif /* _VSHM_MEMFD_H */
