/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the fuzzers of vshmd's parsers share.
 */
#ifndef _STUBS_H
#define _STUBS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"
#include "js.h"
#include "vshmd.h"

extern struct vshmd stub_vshmd;

void stub_file(const void *data, size_t size, char *path, size_t room);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* _STUBS_H */
