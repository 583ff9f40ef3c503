// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that writes what it likes into the memory of its link, whose driver it
 * may use at the same time, and rings the peer.
 *
 *   vshm_hostile CID PEER-CID PORT SEED STEPS
 *
 * A server listens at PORT of either end. The header is put back in the end:
 * whoever ruins that has no link until vshmd makes another.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "vshm_foe.h"

#define DEVICE		"/sys/bus/pci/devices/*"
#define DOORBELL	(0x0c / 4)
#define PAUSE		64	/* steps until others get a turn */

static volatile uint32_t *registers;

static void die(const char *what)
{
	fprintf(stderr, "vshm_hostile: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Nobody but the peer can be rung. */
static void ring(const void *link, int side)
{
	const struct vshm_foe *foe = link;

	registers[DOORBELL] = foe->cid[side] << 16;
}

static bool is_word(const char *dir, const char *file, const char *word)
{
	char path[256], text[16] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "r");
	if (!f)
		return false;
	if (!fgets(text, sizeof(text), f))
		*text = 0;
	fclose(f);
	return !strncmp(text, word, strlen(word));
}

static void *map(const char *dir, const char *file, uint64_t *size)
{
	char path[256];
	struct stat st;
	void *base;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_RDWR);
	if (fd < 0 || fstat(fd, &st))
		die(path);
	*size = st.st_size;
	base = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		die(path);
	close(fd);
	return base;
}

static const char *find_device(void)
{
	glob_t found;

	if (glob(DEVICE, 0, NULL, &found))
		die(DEVICE);
	for (size_t i = 0; i < found.gl_pathc; i++)
		if (is_word(found.gl_pathv[i], "vendor", "0x1af4") &&
		    is_word(found.gl_pathv[i], "device", "0x1110"))
			return found.gl_pathv[i];
	errno = ENODEV;
	die(DEVICE);
	return NULL;
}

int main(int argc, char **argv)
{
	static char header[VSHM_PAGE];
	struct vshm_foe foe = { .ring = ring };
	const struct vshm_region *region;
	const char *device;
	uint64_t size;
	int me;

	if (argc != 6) {
		fprintf(stderr, "vshm_hostile CID PEER-CID PORT SEED STEPS\n");
		return 1;
	}
	device = find_device();
	registers = map(device, "resource0", &size);
	foe.base = map(device, "resource2_wc", &foe.size);
	memcpy(header, foe.base, sizeof(header));
	region = foe.base;
	me = region->cid[1] == strtoul(argv[1], NULL, 0);
	foe.cid[me] = strtoul(argv[1], NULL, 0);
	foe.cid[!me] = strtoul(argv[2], NULL, 0);
	foe.port[0] = strtoul(argv[3], NULL, 0);
	foe.port[1] = foe.port[0];
	foe.dgram_port = foe.port[0];
	foe.random = strtoull(argv[4], NULL, 0) * 2654435761ULL + 1;
	foe.link = &foe;
	for (int i = strtol(argv[5], NULL, 0); i > 0; i--) {
		vshm_foe_step(&foe);
		if (!(i % PAUSE))
			usleep(1000);
	}
	memcpy(foe.base, header, sizeof(header));
	printf("%lu changes\n", foe.changes);
	return 0;
}
