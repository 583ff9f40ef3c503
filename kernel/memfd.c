// SPDX-License-Identifier: GPL-2.0
/*
 * A memfd in kernel address space, for as long as a link needs it.
 *
 * Whoever has the memfd might shrink it and leave the kernel with pages that
 * are gone: it must be sealed against that. Its pages are pinned, and charged
 * to the caller as locked memory; that they exist at all is charged to the
 * caller's memory cgroup when they are faulted in here.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/file.h>
#include <linux/hugetlb.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/vmalloc.h>
#include <linux/vshm_ring.h>
#include <uapi/linux/fcntl.h>

#include "memfd.h"

/* More than any sensible region; keeps page counts within an int. */
#define VSHM_MEMFD_MAX	(1ULL << 36)

/* Seals of a memfd, 0 for any other file. */
static unsigned int vshm_memfd_seals(struct file *file)
{
	struct inode *inode = file_inode(file);

	switch (inode->i_sb->s_magic) {
	case TMPFS_MAGIC:
		return S_ISREG(inode->i_mode) ? SHMEM_I(inode)->seals : 0;
#ifdef CONFIG_HUGETLBFS
	case HUGETLBFS_MAGIC:
		return S_ISREG(inode->i_mode) ? HUGETLBFS_I(inode)->seals : 0;
#endif
	default:
		return 0;
	}
}

static int vshm_memfd_check(struct file *file, u64 *size)
{
	*size = i_size_read(file_inode(file));
	if (!(vshm_memfd_seals(file) & F_SEAL_SHRINK)) {
		pr_notice_ratelimited("memory is refused: it must be a memfd with F_SEAL_SHRINK\n");
		return -EINVAL;
	}
	if (*size < VSHM_REGION_MIN || *size > VSHM_MEMFD_MAX ||
	    !IS_ALIGNED(*size, PAGE_SIZE)) {
		pr_notice_ratelimited("memory is refused: %llu bytes is no size of a region\n",
				      *size);
		return -EINVAL;
	}
	return 0;
}

/* Fault the pages in, by way of a mapping of the caller, and pin them. */
static int vshm_memfd_pin(struct vshm_memfd *memfd, struct file *file)
{
	unsigned long addr;
	long done = 0, n;

	addr = vm_mmap(file, 0, memfd->size, PROT_READ | PROT_WRITE,
		       MAP_SHARED, 0);
	if (IS_ERR_VALUE(addr))
		return addr;
	while (done < memfd->nr_pages) {
		n = pin_user_pages_fast(addr + done * PAGE_SIZE,
					min_t(long, memfd->nr_pages - done,
					      1024),
					FOLL_WRITE | FOLL_LONGTERM,
					memfd->pages + done);
		if (n <= 0)
			break;
		done += n;
		cond_resched();
	}
	vm_munmap(addr, memfd->size);
	if (done == memfd->nr_pages)
		return 0;
	unpin_user_pages(memfd->pages, done);
	return n < 0 ? n : -EFAULT;
}

/**
 * vshm_memfd_map() - pin a memfd, charge it to the caller, and map it
 * @memfd: takes the result
 * @fd: file descriptor of the caller
 *
 * Context: process context of the owner of @fd, may sleep.
 * Return: 0, -EBADF, -EINVAL for a file that is no memfd, is not sealed against
 * shrinking, or has a size that no region has, -ENOMEM when memory is short or
 * RLIMIT_MEMLOCK exceeded.
 */
int vshm_memfd_map(struct vshm_memfd *memfd, int fd)
{
	struct file *file = fget(fd);
	int err;

	if (!file)
		return -EBADF;
	err = vshm_memfd_check(file, &memfd->size);
	if (err)
		goto out;
	memfd->nr_pages = memfd->size >> PAGE_SHIFT;
	memfd->mm = current->mm;
	err = account_locked_vm(memfd->mm, memfd->nr_pages, true);
	if (err)
		goto out;
	err = -ENOMEM;
	memfd->pages = kvmalloc_array(memfd->nr_pages, sizeof(*memfd->pages),
				      GFP_KERNEL_ACCOUNT);
	if (!memfd->pages)
		goto err_account;
	err = vshm_memfd_pin(memfd, file);
	if (err)
		goto err_pages;
	memfd->base = vmap(memfd->pages, memfd->nr_pages, VM_MAP, PAGE_KERNEL);
	if (!memfd->base) {
		err = -ENOMEM;
		goto err_pin;
	}
	mmgrab(memfd->mm);
	goto out;

err_pin:
	unpin_user_pages(memfd->pages, memfd->nr_pages);
err_pages:
	kvfree(memfd->pages);
err_account:
	account_locked_vm(memfd->mm, memfd->nr_pages, false);
out:
	fput(file);
	return err;
}

/**
 * vshm_memfd_unmap() - undo vshm_memfd_map()
 * @memfd: mapped memfd, of which nothing is used any more
 *
 * Context: process context, may sleep.
 */
void vshm_memfd_unmap(struct vshm_memfd *memfd)
{
	vunmap(memfd->base);
	unpin_user_pages_dirty_lock(memfd->pages, memfd->nr_pages, true);
	kvfree(memfd->pages);
	account_locked_vm(memfd->mm, memfd->nr_pages, false);
	mmdrop(memfd->mm);
}
