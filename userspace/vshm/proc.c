// SPDX-License-Identifier: GPL-2.0
/*
 * A table of the kernel: the first line names the columns.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vshm.h"

static int add_line(struct table *table, char *line)
{
	char *rest = line, *word;
	size_t before = table->cells;

	while ((word = strsep(&rest, " \n"))) {
		if (*word && table_add(table, word))
			return -1;
	}
	if (!table->columns)
		table->columns = table->cells;
	return table_fill(table, before);
}

/**
 * proc_read - read a table of the kernel
 * @table: the table, freed with table_free()
 * @dir: directory, or NULL for PROC_NET
 * @name: file there
 * @err: what is wrong
 *
 * Return: 0 or -1.
 */
int proc_read(struct table *table, const char *dir, const char *name,
	      struct error *err)
{
	char path[256], *line = NULL;
	size_t size = 0;
	FILE *file;
	int ret = 0;

	memset(table, 0, sizeof(*table));
	if (!dir)
		dir = PROC_NET;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "re");
	if (!file)
		return error_set(err, "%s: %s: %s", path, strerror(errno),
				 errno == ENOENT ?
				 "load the module vshm: modprobe vshm" :
				 "run vshm as a user that may read it");
	while (!ret && getline(&line, &size, file) > 0)
		ret = add_line(table, line);
	if (ret)
		error_set(err, "out of memory");
	else if (ferror(file) || !table->columns)
		ret = error_set(err, "%s: %s: it is no table of vshm", path,
				ferror(file) ? strerror(errno) : "empty");
	if (ret)
		table_free(table);
	free(line);
	fclose(file);
	return ret;
}
