/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reads tables of the kernel: the sockets, the links, the policy. The first line
 * of each names the columns, so that the tests depend on names, not on positions.
 */
#ifndef VSHM_PROC_H
#define VSHM_PROC_H

#include <stdbool.h>
#include <stdint.h>

#define VSHM_PROC_PATH		"/proc/net/vshm"
#define VSHM_PROC_LINKS		"/proc/net/vshm_links"
#define VSHM_PROC_POLICY	"/proc/net/vshm_policy"
#define VSHM_PROC_COLUMNS	64

/* Skips a test where the table cannot be read. */
#define VSHM_NEEDS_TABLE() do {						\
	if (access(VSHM_PROC_PATH, R_OK))				\
		SKIP(return, "no " VSHM_PROC_PATH);			\
} while (0)

/**
 * struct vshm_table - a copy of the table at one moment
 * @text: the file, cut into words
 * @cell: the words, @columns of them for each row; row 0 has the names
 * @columns: how many columns there are
 * @rows: how many sockets there are; they are rows 1 to @rows
 */
struct vshm_table {
	char *text;
	char **cell;
	int columns;
	int rows;
};

int vshm_table_read(struct vshm_table *t, const char *path);
int vshm_table_load(struct vshm_table *t);
void vshm_table_free(struct vshm_table *t);
const char *vshm_table_cell(const struct vshm_table *t, int row,
			    const char *column);
int vshm_table_count(const struct vshm_table *t, const char *column,
		     const char *value);

const char *vshm_proc_get(int fd, const char *column);
uint64_t vshm_proc_num(int fd, const char *column);
bool vshm_proc_wait(int fd, const char *column, const char *value);
int vshm_proc_port_lines(uint32_t port);

#endif /* VSHM_PROC_H */
