// SPDX-License-Identifier: GPL-2.0
/*
 * Who has a socket: /proc/PID/fd names the inodes of the sockets that a process
 * has descriptors of.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "js.h"
#include "vshm.h"
#include "process.h"

static int add_owner(struct owners *owners, const struct owner *owner)
{
	struct owner *more;

	if (!(owners->nr & (owners->nr - 1))) {
		more = reallocarray(owners->owner, owners->nr ? owners->nr * 2 : 1,
				    sizeof(*more));
		if (!more)
			return -1;
		owners->owner = more;
	}
	owners->owner[owners->nr++] = *owner;
	return 0;
}

static void read_name(struct owner *owner)
{
	char path[64];
	FILE *file;

	strcpy(owner->name, "?");
	snprintf(path, sizeof(path), "/proc/%d/comm", owner->pid);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(owner->name, sizeof(owner->name), file))
		owner->name[strcspn(owner->name, "\n")] = '\0';
	fclose(file);
}

static int read_descriptors(struct owners *owners, DIR *dir,
			    struct owner *owner)
{
	const struct dirent *entry;
	char link[64];
	ssize_t len;

	while ((entry = readdir(dir))) {
		len = readlinkat(dirfd(dir), entry->d_name, link,
				 sizeof(link) - 1);
		if (len < 0)
			continue;
		link[len] = '\0';
		if (sscanf(link, "socket:[%" SCNu64 "]", &owner->inode) != 1)
			continue;
		owner->fd = atoi(entry->d_name);
		if (!owner->name[0])
			read_name(owner);
		if (add_owner(owners, owner))
			return -1;
	}
	return 0;
}

static int read_process(struct owners *owners, const char *pid)
{
	struct owner owner = { .pid = atoi(pid) };
	char path[64];
	DIR *dir;
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/fd", owner.pid);
	dir = opendir(path);
	if (!dir) {
		/* it may be gone as well */
		owners->hidden |= errno == EACCES || errno == EPERM;
		return 0;
	}
	ret = read_descriptors(owners, dir, &owner);
	closedir(dir);
	return ret;
}

static int compare(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;

	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->fd - y->fd;
}

/**
 * owners_read - look for the sockets of all processes
 * @owners: takes them, freed with owners_free()
 *
 * Return: 0, or -1 if memory is short, or there is no /proc.
 */
int owners_read(struct owners *owners)
{
	const struct dirent *entry;
	DIR *dir = opendir("/proc");
	int ret = 0;

	memset(owners, 0, sizeof(*owners));
	if (!dir)
		return -1;
	while (!ret && (entry = readdir(dir))) {
		if (number_is(entry->d_name))
			ret = read_process(owners, entry->d_name);
	}
	closedir(dir);
	if (ret)
		owners_free(owners);
	else if (owners->nr)
		qsort(owners->owner, owners->nr, sizeof(*owners->owner), compare);
	return ret;
}

/**
 * owners_free - free what owners_read() found
 * @owners: owners
 */
void owners_free(struct owners *owners)
{
	free(owners->owner);
	memset(owners, 0, sizeof(*owners));
}

/* The first owner of a socket, or the end. */
static size_t first_of(const struct owners *owners, uint64_t inode)
{
	size_t low = 0, high = owners->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (owners->owner[middle].inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A process names itself as it likes, and is not to talk to the terminal. */
static void put_name(const char *name, FILE *out)
{
	for (; *name; name++)
		putc(*name < ' ' || *name > '~' ? '?' : *name, out);
}

/**
 * owners_text - the owners of a socket for people
 * @owners: owners
 * @inode: the socket's inode, 0 if no program has it
 *
 * Return: name[pid]:fd of each, "-" without any; to be freed. NULL if memory is
 * short. What of a name is not printable ASCII is '?'.
 */
char *owners_text(const struct owners *owners, uint64_t inode)
{
	char *text = NULL;
	size_t size, i, first = first_of(owners, inode);
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (i = first; i < owners->nr && owners->owner[i].inode == inode; i++) {
		if (i != first)
			putc(',', out);
		put_name(owners->owner[i].name, out);
		fprintf(out, "[%d]:%d", owners->owner[i].pid,
			owners->owner[i].fd);
	}
	if (i == first || !inode)
		putc('-', out);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

/**
 * owners_json - the owners of a socket as an array
 * @owners: owners
 * @inode: the socket's inode, 0 if no program has it
 *
 * Return: array, or NULL if memory is short.
 */
struct json_object *owners_json(const struct owners *owners, uint64_t inode)
{
	struct json_object *array = json_object_new_array(), *obj;
	size_t i = first_of(owners, inode);

	for (; array && i < owners->nr && owners->owner[i].inode == inode; i++) {
		obj = json_object_new_object();
		if (!js_add(obj, "name", js_string(owners->owner[i].name)) ||
		    !js_add(obj, "pid", json_object_new_int(owners->owner[i].pid)) ||
		    !js_add(obj, "fd", json_object_new_int(owners->owner[i].fd))) {
			json_object_put(obj);
			obj = NULL;
		}
		if (!js_append(array, obj)) {
			json_object_put(array);
			array = NULL;
		}
	}
	return array;
}
