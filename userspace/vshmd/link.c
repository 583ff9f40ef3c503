// SPDX-License-Identifier: GPL-2.0
/*
 * A link: memory that two guests share, and a doorbell for each.
 *
 * The memory is a memfd whose size and seals are fixed before anybody else
 * sees it. vshmd keeps it mapped and touches it twice: to format it, and to
 * say goodbye for a side that can no longer do so. Whatever lies in there by
 * then was written by guests, and none of it is believed.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vshmd.h"

/* A guest that keeps changing the word cannot keep vshmd longer than this. */
#define GOODBYE_TRIES	1000

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Everything else in the region starts as zero, as the memfd does. */
static void format_region(struct link *link)
{
	struct vshm_region *region = link->region;
	int i;

	region->version = htole32(VSHM_VERSION);
	region->size = htole64(link->size);
	for (i = 0; i < 2; i++)
		region->cid[i] = htole32(link->side[i].cid);
	__atomic_store_n(&region->magic, htole64(VSHM_MAGIC), __ATOMIC_RELEASE);
}

static int create_memory(struct link *link)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	void *region;
	char name[32];

	snprintf(name, sizeof(name), "vshm-%u-%u",
		 link->side[0].cid, link->side[1].cid);
	link->memfd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (link->memfd < 0)
		return -1;
	if (ftruncate(link->memfd, (off_t)link->size))
		return -1;
	if (fcntl(link->memfd, F_ADD_SEALS, seals))
		return -1;

	region = mmap(NULL, link->size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_NORESERVE, link->memfd, 0);
	if (region == MAP_FAILED)
		return -1;
	link->region = region;
	return 0;
}

/**
 * link_create - create and format the memory of a link, and its doorbells
 * @link: the link, with its CIDs and its size
 *
 * Return: 0, or -1 after logging why; then nothing is left behind.
 */
int link_create(struct link *link)
{
	int i;

	if (create_memory(link)) {
		log_msg(LOG_ERR,
			"link %u-%u: cannot create %ju MiB of shared memory: %s; try a smaller size",
			link->side[0].cid, link->side[1].cid, (uintmax_t)link->size >> 20,
			strerror(errno));
		goto err_destroy;
	}
	format_region(link);

	for (i = 0; i < 2; i++) {
		link->side[i].doorbell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (link->side[i].doorbell < 0) {
			log_msg(LOG_ERR, "link %u-%u: cannot create a doorbell: %s",
				link->side[0].cid, link->side[1].cid,
				strerror(errno));
			goto err_destroy;
		}
	}
	return 0;

err_destroy:
	link_destroy(link);
	return -1;
}

/**
 * link_destroy - let go of the memory and the doorbells
 * @link: the link; may be created in part or not at all
 *
 * Clients that still have them keep them, and do not notice.
 */
void link_destroy(struct link *link)
{
	int i;

	for (i = 0; i < 2; i++)
		close_fd(&link->side[i].doorbell);
	if (link->region)
		munmap(link->region, link->size);
	link->region = NULL;
	close_fd(&link->memfd);
}

/*
 * Make the epoch of a dead owner even, and acknowledge nothing. False if the
 * word never stood still: its owner is dead, so its peer plays tricks.
 */
static bool end_epoch(__u64 *epoch)
{
	__u64 old = __atomic_load_n(epoch, __ATOMIC_ACQUIRE);
	int tries;

	for (tries = 0; tries < GOODBYE_TRIES; tries++) {
		__u32 own = VSHM_EPOCH_OWN(le64toh(old));

		if (!(own & 1))
			return true;
		if (__atomic_compare_exchange_n(epoch, &old,
						htole64(VSHM_EPOCH(own + 1, 0)),
						false, __ATOMIC_SEQ_CST,
						__ATOMIC_ACQUIRE))
			return true;
	}
	return false;
}

/**
 * link_goodbye - detach a side on behalf of its guest, which is gone
 * @link: the link
 * @side: the side of the guest, 0 or 1
 *
 * Ends the side's epoch if it is still attached, and rings the other side's
 * doorbell so that the guest there looks.
 */
void link_goodbye(struct link *link, unsigned int side)
{
	char *half = (char *)link->region + VSHM_SIDE_OFFSET(side, link->size);
	struct vshm_side *dead = (struct vshm_side *)half;

	if (!end_epoch(&dead->epoch))
		log_msg(LOG_WARNING,
			"cid %u: cannot end its epoch, the guest at the other side interferes",
			link->side[side].cid);
	/* The one way to fail is a full counter, which rings as well. */
	eventfd_write(link->side[!side].doorbell, 1);
}
