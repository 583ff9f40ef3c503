// SPDX-License-Identifier: GPL-2.0
/*
 * What a link shall be: compare, check, copy.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spec.h"
#include "value.h"

#define HUGE_DIR	"/sys/kernel/mm/hugepages"

/**
 * spec_free - free what a specification has allocated
 * @spec: the specification; all zero is fine
 */
void spec_free(struct spec *spec)
{
	free(spec->path[0]);
	free(spec->path[1]);
	memset(spec, 0, sizeof(*spec));
}

/**
 * spec_copy - make another one like it
 * @to: the copy, freed with spec_free()
 * @from: the original
 *
 * Return: 0, or -1 if memory is short; then @to is all zero.
 */
int spec_copy(struct spec *to, const struct spec *from)
{
	int i;

	*to = *from;
	to->path[0] = NULL;
	to->path[1] = NULL;
	for (i = 0; i < 2; i++) {
		if (!from->path[i])
			continue;
		to->path[i] = strdup(from->path[i]);
		if (!to->path[i]) {
			spec_free(to);
			return -1;
		}
	}
	return 0;
}

/**
 * spec_is_host - does this link have the host at one end?
 * @spec: the specification
 *
 * Return: true if it does.
 */
bool spec_is_host(const struct spec *spec)
{
	return spec->cid[0] == VSHM_CID_HOST;
}

static bool same_path(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/**
 * spec_same_link - can the link of one serve as that of the other?
 * @a: one
 * @b: the other
 *
 * Who may use the sockets can change while a link runs, and is not compared.
 *
 * Return: true if it can.
 */
bool spec_same_link(const struct spec *a, const struct spec *b)
{
	return a->cid[0] == b->cid[0] && a->cid[1] == b->cid[1] &&
	       same_path(a->path[0], b->path[0]) &&
	       same_path(a->path[1], b->path[1]) &&
	       a->size == b->size && a->huge == b->huge &&
	       a->max_connections == b->max_connections;
}

static bool same_pair(const struct spec *a, const struct spec *b)
{
	return (a->cid[0] == b->cid[0] && a->cid[1] == b->cid[1]) ||
	       (a->cid[0] == b->cid[1] && a->cid[1] == b->cid[0]);
}

/**
 * spec_conflict - do two links exclude each other?
 * @a: one
 * @b: the other
 * @err: why they do
 *
 * The command line may join two guests more than once, which is of use for
 * trying things out; their kernels take the first link.
 *
 * Return: true if they do.
 */
bool spec_conflict(const struct spec *a, const struct spec *b, struct error *err)
{
	bool options = a->origin == ORIGIN_OPTION && b->origin == ORIGIN_OPTION;
	int i, j;

	if (same_pair(a, b) && spec_is_host(a)) {
		error_set(err,
			  "CID %u has a link to the host already: give each guest a CID of its own",
			  a->cid[1]);
		return true;
	}
	if (same_pair(a, b) && !options) {
		error_set(err, "CIDs %u and %u are joined already: give each pair one link",
			  a->cid[0], a->cid[1]);
		return true;
	}
	for (i = 0; i < 2; i++) {
		for (j = 0; j < 2; j++) {
			if (!a->path[i] || !same_path(a->path[i], b->path[j]))
				continue;
			error_set(err,
				  "path '%s' is used twice: give each CID of each link a path of its own",
				  a->path[i]);
			return true;
		}
	}
	return false;
}

/**
 * spec_check_size - can a link have that much memory in such pages?
 * @size: bytes
 * @huge: bytes of a page, or 0 for ordinary ones
 * @err: why not
 *
 * Return: 0 or -1.
 */
int spec_check_size(uint64_t size, uint64_t huge, struct error *err)
{
	if (size < VSHM_REGION_MIN || size > SPEC_SIZE_MAX || size & (size - 1))
		return error_set(err, "is not a power of two from %lluM to %lluG",
				 VSHM_REGION_MIN >> 20, SPEC_SIZE_MAX >> 30);
	if (huge && size % huge)
		return error_set(err,
				 "is less than a huge page: give at least %juM, or smaller pages",
				 (uintmax_t)huge >> 20);
	return 0;
}

/* What memfd_create() takes without being told a size. */
static uint64_t default_huge_size(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];
	uint64_t kb = 0;

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Hugepagesize: %" SCNu64 " kB", &kb) == 1)
			break;
	}
	fclose(file);
	return kb << 10;
}

/**
 * spec_huge_size - which huge pages are meant
 * @s: their size, or "on" for the default one
 * @huge: bytes in one
 * @err: what is wrong
 *
 * Return: 0 or -1.
 */
int spec_huge_size(const char *s, uint64_t *huge, struct error *err)
{
	char path[128];
	uint64_t size;

	if (!strcmp(s, "on"))
		size = default_huge_size();
	else if (value_bytes(s, &size))
		return error_set(err,
				 "is not the size of huge pages: give true, false, or a size such as \"2M\"");
	snprintf(path, sizeof(path), HUGE_DIR "/hugepages-%jukB",
		 (uintmax_t)size >> 10);
	if (!size || access(path, F_OK))
		return error_set(err,
				 "is no size of huge pages here: give one of those in " HUGE_DIR);
	*huge = size;
	return 0;
}

/**
 * specs_add - append a link, unless it conflicts with one that is there
 * @specs: the links
 * @spec: the link; its allocations are taken over, and it is made all zero
 * @err: what it conflicts with
 *
 * Return: 0, or -1 with @spec as it was.
 */
int specs_add(struct specs *specs, struct spec *spec, struct error *err)
{
	struct spec *more;
	size_t i;

	for (i = 0; i < specs->nr; i++) {
		if (spec_conflict(spec, &specs->spec[i], err))
			return -1;
	}
	more = reallocarray(specs->spec, specs->nr + 1, sizeof(*more));
	if (!more)
		return error_set(err, "out of memory");
	specs->spec = more;
	more[specs->nr++] = *spec;
	memset(spec, 0, sizeof(*spec));
	return 0;
}

/**
 * specs_free - free links
 * @specs: the links; all zero is fine
 */
void specs_free(struct specs *specs)
{
	size_t i;

	for (i = 0; i < specs->nr; i++)
		spec_free(&specs->spec[i]);
	free(specs->spec);
	memset(specs, 0, sizeof(*specs));
}
