// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vshm.h>

#include "value.h"

/* The digits at the start: no sign, no space. */
static int leading_number(const char *s, int base, uint64_t *val, char **end)
{
	unsigned long long n;

	if (!isdigit((unsigned char)*s))
		return -1;
	errno = 0;
	n = strtoull(s, end, base);
	if (errno)
		return -1;
	*val = n;
	return 0;
}

/**
 * value_number - read a number that has digits only
 * @s: text
 * @base: 8 or 10
 * @max: largest number that is right
 * @val: the number
 *
 * Return: 0 or -1.
 */
int value_number(const char *s, int base, uint64_t max, uint64_t *val)
{
	uint64_t n;
	char *end;

	if (leading_number(s, base, &n, &end) || *end || n > max)
		return -1;
	*val = n;
	return 0;
}

/**
 * value_bytes - read a number of bytes
 * @s: digits, then K, M, G or nothing
 * @bytes: the number
 *
 * Return: 0 or -1.
 */
int value_bytes(const char *s, uint64_t *bytes)
{
	static const char suffixes[] = "kmg";
	unsigned int shift = 0;
	uint64_t n;
	char *end;

	if (leading_number(s, 10, &n, &end))
		return -1;
	if (*end) {
		const char *suffix = strchr(suffixes, tolower((unsigned char)*end));

		if (!suffix || end[1])
			return -1;
		shift = 10 * (unsigned int)(suffix - suffixes + 1);
	}
	if (n > UINT64_MAX >> shift)
		return -1;
	*bytes = n << shift;
	return 0;
}

/**
 * value_cid - read the context ID of a guest
 * @s: digits
 * @cid: the ID
 *
 * Return: 0 or -1.
 */
int value_cid(const char *s, uint32_t *cid)
{
	uint64_t n;

	if (value_number(s, 10, VSHM_CID_GUEST_MAX, &n) || n < VSHM_CID_GUEST_MIN)
		return -1;
	*cid = (uint32_t)n;
	return 0;
}

/**
 * value_mode - read the permissions of a file
 * @s: octal digits
 * @mode: the permissions
 *
 * Return: 0 or -1.
 */
int value_mode(const char *s, mode_t *mode)
{
	uint64_t n;

	if (value_number(s, 8, 0777, &n))
		return -1;
	*mode = (mode_t)n;
	return 0;
}

/**
 * value_user - read the name or the number of a user
 * @s: either
 * @uid: the number
 *
 * Return: 0 or -1.
 */
int value_user(const char *s, uid_t *uid)
{
	const struct passwd *pw = getpwnam(s);
	uint64_t n;

	if (pw) {
		*uid = pw->pw_uid;
		return 0;
	}
	if (value_number(s, 10, UINT32_MAX - 1, &n))
		return -1;
	*uid = (uid_t)n;
	return 0;
}

/**
 * value_group - read the name or the number of a group
 * @s: either
 * @gid: the number
 *
 * Return: 0 or -1.
 */
int value_group(const char *s, gid_t *gid)
{
	const struct group *gr = getgrnam(s);
	uint64_t n;

	if (gr) {
		*gid = gr->gr_gid;
		return 0;
	}
	if (value_number(s, 10, UINT32_MAX - 1, &n))
		return -1;
	*gid = (gid_t)n;
	return 0;
}

/**
 * value_path - the same path from the root directory
 * @path: path, maybe from the working directory
 *
 * Return: allocated path, or NULL with errno set.
 */
char *value_path(const char *path)
{
	char *cwd, *abspath;

	if (*path == '/')
		return strdup(path);
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return NULL;
	if (asprintf(&abspath, "%s/%s", cwd, path) < 0)
		abspath = NULL;
	free(cwd);
	return abspath;
}
