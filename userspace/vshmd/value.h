/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Values as people write them: in options, in the configuration file and in
 * requests.
 */
#ifndef _VSHMD_VALUE_H
#define _VSHMD_VALUE_H

#include <stdint.h>
#include <sys/types.h>

int value_number(const char *s, int base, uint64_t max, uint64_t *val);
int value_bytes(const char *s, uint64_t *bytes);
int value_cid(const char *s, uint32_t *cid);
int value_mode(const char *s, mode_t *mode);
int value_user(const char *s, uid_t *uid);
int value_group(const char *s, gid_t *gid);
char *value_path(const char *path);

#endif /* _VSHMD_VALUE_H */
