// SPDX-License-Identifier: GPL-2.0
#include "vshm_proc.h"
#include "vshm_test.h"

#include <sys/stat.h>

static char *read_text(const char *path)
{
	size_t size = 1 << 16, used = 0;
	char *text = malloc(size);
	int fd = open(path, O_RDONLY);
	ssize_t n = -1;

	while (text && fd >= 0) {
		n = read(fd, text + used, size - used - 1);
		if (n <= 0)
			break;
		used += n;
		if (used > size / 2)
			text = realloc(text, size *= 2);
	}
	if (fd >= 0)
		close(fd);
	if (n < 0 || !text) {
		free(text);
		return NULL;
	}
	text[used] = '\0';
	return text;
}

/* Cuts one line into at most @max words; how many there were. */
static int split(char *line, char **word, int max)
{
	char *save;
	int n = 0;

	for (char *w = strtok_r(line, " \t", &save); w;
	     w = strtok_r(NULL, " \t", &save)) {
		if (n < max)
			word[n] = w;
		n++;
	}
	return n;
}

/**
 * vshm_table_read - read a table
 * @t: filled in; to be given to vshm_table_free()
 * @path: its file
 *
 * Return: 0, or -1 with errno; EPROTO for a line whose number of values is not
 * that of the first line.
 */
int vshm_table_read(struct vshm_table *t, const char *path)
{
	char *word[VSHM_PROC_COLUMNS];
	char *line, *save;
	int n;

	memset(t, 0, sizeof(*t));
	t->text = read_text(path);
	if (!t->text)
		return -1;
	t->rows = -1;
	for (line = strtok_r(t->text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		n = split(line, word, VSHM_PROC_COLUMNS);
		if (!t->columns)
			t->columns = n;
		if (n != t->columns || n > VSHM_PROC_COLUMNS)
			goto malformed;
		t->rows++;
		t->cell = realloc(t->cell, (t->rows + 1) * n * sizeof(char *));
		memcpy(t->cell + t->rows * n, word, n * sizeof(char *));
	}
	if (t->rows >= 0)
		return 0;
malformed:
	vshm_table_free(t);
	errno = EPROTO;
	return -1;
}

/**
 * vshm_table_load - read the socket table
 * @t: filled in; to be given to vshm_table_free()
 *
 * Return: as vshm_table_read().
 */
int vshm_table_load(struct vshm_table *t)
{
	return vshm_table_read(t, VSHM_PROC_PATH);
}

/**
 * vshm_table_free - give back what vshm_table_load() allocated
 * @t: the table
 */
void vshm_table_free(struct vshm_table *t)
{
	free(t->cell);
	free(t->text);
	memset(t, 0, sizeof(*t));
}

/**
 * vshm_table_cell - one value
 * @t: the table
 * @row: 1 to t->rows
 * @column: name of the column
 *
 * Return: the value, or NULL when there is no such column.
 */
const char *vshm_table_cell(const struct vshm_table *t, int row,
			    const char *column)
{
	for (int i = 0; i < t->columns; i++)
		if (!strcmp(t->cell[i], column))
			return t->cell[row * t->columns + i];
	return NULL;
}

/**
 * vshm_table_count - how many sockets have a value
 * @t: the table
 * @column: name of the column
 * @value: what to look for
 *
 * Return: the number of rows.
 */
int vshm_table_count(const struct vshm_table *t, const char *column,
		     const char *value)
{
	int n = 0;

	for (int row = 1; row <= t->rows; row++) {
		const char *cell = vshm_table_cell(t, row, column);

		n += cell && !strcmp(cell, value);
	}
	return n;
}

/**
 * vshm_proc_get - one value of one socket, now
 * @fd: the socket
 * @column: name of the column
 *
 * Return: the value, valid until the next call; "absent" when the table has no
 * line for the socket, "unknown" when it has no such column.
 */
const char *vshm_proc_get(int fd, const char *column)
{
	static char value[64];
	const char *cell;
	char inode[24];
	struct stat st;
	struct vshm_table t;

	strcpy(value, "absent");
	if (fstat(fd, &st) || vshm_table_load(&t))
		return value;
	snprintf(inode, sizeof(inode), "%llu", (unsigned long long)st.st_ino);
	for (int row = 1; row <= t.rows; row++) {
		cell = vshm_table_cell(&t, row, "inode");
		if (!cell || strcmp(cell, inode))
			continue;
		cell = vshm_table_cell(&t, row, column);
		snprintf(value, sizeof(value), "%s", cell ? cell : "unknown");
	}
	vshm_table_free(&t);
	return value;
}

/**
 * vshm_proc_num - one number of one socket, now
 * @fd: the socket
 * @column: name of the column
 *
 * Return: the number, or all ones when it is none.
 */
uint64_t vshm_proc_num(int fd, const char *column)
{
	const char *value = vshm_proc_get(fd, column);
	uint64_t number;
	char *end;

	number = strtoull(value, &end, 0);
	return end == value || *end ? UINT64_MAX : number;
}

/**
 * vshm_proc_wait - wait until a socket has a value
 * @fd: the socket
 * @column: name of the column
 * @value: what to wait for
 *
 * Return: whether it came within VSHM_WAIT_MS.
 */
bool vshm_proc_wait(int fd, const char *column, const char *value)
{
	uint64_t end = vshm_now_ms() + VSHM_WAIT_MS;

	while (strcmp(vshm_proc_get(fd, column), value)) {
		if (vshm_now_ms() > end)
			return false;
		usleep(1000);
	}
	return true;
}

/**
 * vshm_proc_port_lines - how many sockets have a port at either end
 * @port: the port
 *
 * Return: the number of lines, or -1 with errno.
 */
int vshm_proc_port_lines(uint32_t port)
{
	struct vshm_table t;
	char value[16];
	int n = 0;

	snprintf(value, sizeof(value), "%u", port);
	if (vshm_table_load(&t))
		return -1;
	for (int row = 1; row <= t.rows; row++) {
		const char *l = vshm_table_cell(&t, row, "l.port");
		const char *r = vshm_table_cell(&t, row, "r.port");

		n += (l && !strcmp(l, value)) || (r && !strcmp(r, value));
	}
	vshm_table_free(&t);
	return n;
}
