// SPDX-License-Identifier: GPL-2.0
/*
 * A link: memory that two sides share, and a doorbell for each.
 *
 * The memory is a memfd whose size and seals are fixed before anybody else
 * sees it. vshmd keeps it mapped, and touches it to format it, to tell who asks
 * whether a side is there, and to say goodbye for one that can no longer do so.
 * Whatever lies in there by then was written by guests, and none of it is believed. A
 * client can also take pages out of the memory, and if no huge page is free to replace
 * one, the access is answered by SIGBUS, and fails.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "vshmd.h"

/* A guest that keeps changing the word cannot keep vshmd longer than this. */
#define GOODBYE_TRIES	1000

/* Nor can a client that made a doorbell one that waits. */
#define RING_USEC	10000

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/**
 * link_new - a link with nothing in it yet
 * @spec: what it shall be, which is copied
 * @id: its number
 *
 * Return: the link, freed with link_free(), or NULL after logging why.
 */
struct link *link_new(const struct spec *spec, unsigned int id)
{
	struct link *link = calloc(1, sizeof(*link));
	int i;

	if (!link || spec_copy(&link->spec, spec)) {
		log_msg(LOG_ERR, "link %u-%u: out of memory", spec->cid[0],
			spec->cid[1]);
		free(link);
		return NULL;
	}
	link->id = id;
	link->memfd = -1;
	link->host_fd = -1;
	snprintf(link->name, sizeof(link->name), "%u-%u", spec->cid[0],
		 spec->cid[1]);
	for (i = 0; i < 2; i++) {
		link->side[i].link = link;
		link->side[i].cid = spec->cid[i];
		link->side[i].doorbell = -1;
		link->side[i].client = -1;
		link->side[i].listener.fd = -1;
		link->side[i].listener.path = link->spec.path[i];
	}
	return link;
}

/**
 * link_free - let go of the memory and the doorbells
 * @link: the link; neither served any more nor in a list
 *
 * Clients that still have them keep them, and do not notice. The host is
 * detached, unless its file is kept.
 */
void link_free(struct link *link)
{
	int i;

	host_detach(link);
	for (i = 0; i < 2; i++)
		close_fd(&link->side[i].doorbell);
	if (link->region)
		munmap(link->region, link->spec.size);
	close_fd(&link->memfd);
	spec_free(&link->spec);
	free(link);
}

/* Everything else in the region starts as zero, as the memfd does. */
static void format_region(struct link *link)
{
	struct vshm_region *region = link->region;
	int i;

	region->version = htole32(VSHM_VERSION);
	region->size = htole64(link->spec.size);
	for (i = 0; i < 2; i++)
		region->cid[i] = htole32(link->spec.cid[i]);
	__atomic_store_n(&region->magic, htole64(VSHM_MAGIC), __ATOMIC_RELEASE);
}

/* How many huge pages the pool has left, for messages. */
static unsigned long free_huge_pages(uint64_t huge)
{
	unsigned long nr = 0;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path),
		 "/sys/kernel/mm/hugepages/hugepages-%jukB/free_hugepages",
		 (uintmax_t)huge >> 10);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%lu", &nr) != 1)
		nr = 0;
	fclose(file);
	return nr;
}

static void log_no_memory(const struct link *link)
{
	const struct log_fields about = {
		.event = "no_memory",
		.link = link->name,
		.size = link->spec.size,
	};
	uint64_t huge = link->spec.huge;

	if (huge)
		log_event(LOG_ERR, &about,
			  "link %s: cannot create %ju MiB of shared memory: %s: it takes %ju huge pages of %ju MiB, and %lu are free: raise /sys/kernel/mm/hugepages/hugepages-%jukB/nr_hugepages, or set \"hugepages\" to false",
			  link->name, (uintmax_t)link->spec.size >> 20, strerror(errno),
			  (uintmax_t)(link->spec.size / huge), (uintmax_t)huge >> 20,
			  free_huge_pages(huge), (uintmax_t)huge >> 10);
	else
		log_event(LOG_ERR, &about,
			  "link %s: cannot create %ju MiB of shared memory: %s; try a smaller size",
			  link->name, (uintmax_t)link->spec.size >> 20,
			  strerror(errno));
}

/**
 * link_map - map the memory of a link
 * @link: the link, with its memfd
 *
 * Huge pages are reserved here: who touches them later finds them.
 *
 * Return: 0, or -1 with errno set.
 */
int link_map(struct link *link)
{
	int flags = MAP_SHARED;
	void *region;

	if (!link->spec.huge)
		flags |= MAP_NORESERVE;
	region = mmap(NULL, link->spec.size, PROT_READ | PROT_WRITE, flags,
		      link->memfd, 0);
	if (region == MAP_FAILED)
		return -1;
	link->region = region;
	return 0;
}

static int create_memory(struct link *link)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	uint64_t huge = link->spec.huge;
	char name[32];

	snprintf(name, sizeof(name), "vshm-%s", link->name);
	if (huge)
		flags |= MFD_HUGETLB |
			 (unsigned int)__builtin_ctzll(huge) << MFD_HUGE_SHIFT;
	link->memfd = memfd_create(name, flags);
	if (link->memfd < 0 ||
	    ftruncate(link->memfd, (off_t)link->spec.size) ||
	    fcntl(link->memfd, F_ADD_SEALS, seals))
		return -1;
	return link_map(link);
}

/**
 * link_create - create and format the memory of a link, and its doorbells
 * @link: the link
 *
 * Return: 0, or -1 after logging why.
 */
int link_create(struct link *link)
{
	int i;

	if (create_memory(link)) {
		log_no_memory(link);
		return -1;
	}
	format_region(link);

	for (i = 0; i < 2; i++) {
		link->side[i].doorbell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (link->side[i].doorbell < 0) {
			log_msg(LOG_ERR, "link %s: cannot create a doorbell: %s",
				link->name, strerror(errno));
			return -1;
		}
	}
	return 0;
}

static __u64 *side_epoch(const struct link *link, unsigned int side)
{
	char *half = (char *)link->region +
		     VSHM_SIDE_OFFSET(side, link->spec.size);

	return &((struct vshm_side *)half)->epoch;
}

static sigjmp_buf no_page;

static void on_sigbus(int signum)
{
	(void)signum;
	siglongjmp(no_page, 1);
}

/* What use() returns for the epoch of a side, or false if its page is gone. */
static bool use_epoch(struct link *link, unsigned int side,
		      bool (*use)(__u64 *epoch))
{
	const struct log_fields about = {
		.event = "memory_lost",
		.link = link->name,
	};
	const struct sigaction action = { .sa_handler = on_sigbus };
	struct sigaction old;
	bool ret, lost;

	sigaction(SIGBUS, &action, &old);
	if (sigsetjmp(no_page, 1)) {
		lost = true;
		ret = false;
	} else {
		lost = false;
		ret = use(side_epoch(link, side));
	}
	sigaction(SIGBUS, &old, NULL);

	if (lost && !link->lost)
		log_event(LOG_WARNING, &about,
			  "link %s: pages of its memory are gone, taken out by a client: remove the link and add it again",
			  link->name);
	link->lost |= lost;
	return ret;
}

static bool is_odd(__u64 *epoch)
{
	__u64 word = __atomic_load_n(epoch, __ATOMIC_ACQUIRE);

	return VSHM_EPOCH_OWN(le64toh(word)) & 1;
}

/**
 * link_attached - does a side say that it is there?
 * @link: the link
 * @side: 0 or 1
 *
 * Return: true if it does, and has not taken the memory away.
 */
bool link_attached(struct link *link, unsigned int side)
{
	return use_epoch(link, side, is_odd);
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

static void on_alarm(int signum)
{
	(void)signum;
}

/*
 * Whoever has a doorbell shares its file description, and can have writes wait while
 * the counter is full. So a timer interrupts them. To find it full is no failure: it
 * rings as well.
 */
static void ring(int doorbell)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval soon = {
		.it_value = { .tv_usec = RING_USEC },
		.it_interval = { .tv_usec = RING_USEC },
	};
	const struct itimerval never = { { 0, 0 }, { 0, 0 } };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	eventfd_write(doorbell, 1);
	setitimer(ITIMER_REAL, &never, NULL);
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
	const struct log_fields about = {
		.event = "interference",
		.link = link->name,
		.cid = link->side[side].cid,
	};

	if (!use_epoch(link, side, end_epoch) && !link->lost)
		log_event(LOG_WARNING, &about,
			  "cid %u: cannot end its epoch, the guest at the other side interferes",
			  link->side[side].cid);
	ring(link->side[!side].doorbell);
}
