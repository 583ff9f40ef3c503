// SPDX-License-Identifier: GPL-2.0
/*
 * A table of 50,000 sockets is listed by sock_diag, in /proc and by the command
 * vshm, while others come and go: each that stays is there, none twice. On a
 * kernel that is slower by VM_SLOW, as one that watches itself, there are fewer.
 */
#include "vshm_diag.h"
#include "vshm_pair.h"
#include "vshm_proc.h"

#include <linux/sock_diag.h>
#include <sys/resource.h>

#define STABLE	50000

struct churn {
	bool stop;
	uint64_t opened;
};

static long churn(struct vshm_call *call)
{
	struct churn *c = call->buf;
	int fd[64];
	int n = 0;

	memset(fd, -1, sizeof(fd));
	while (!__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE)) {
		if (fd[n] >= 0)
			close(fd[n]);
		fd[n] = vshm_socket(0);
		n = (n + 1) % ARRAY_SIZE(fd);
		c->opened++;
	}
	for (n = 0; n < (int)ARRAY_SIZE(fd); n++)
		if (fd[n] >= 0)
			close(fd[n]);
	return 0;
}

/* The IDs that a listing has. */
struct ids {
	uint64_t *id;
	size_t n;
	size_t room;
};

static void add_id(struct ids *ids, uint64_t id)
{
	if (ids->n == ids->room) {
		ids->room = ids->room ? 2 * ids->room : 4096;
		ids->id = realloc(ids->id, ids->room * sizeof(*ids->id));
	}
	ids->id[ids->n++] = id;
}

static void add_sock(const struct vshm_diag_sock *sock, void *arg)
{
	add_id(arg, vshm_diag_column(sock, "id"));
}

/* The listing in /proc, read in small pieces as cat(1) does. */
static int list_proc(struct ids *ids)
{
	FILE *f = fopen(VSHM_PROC_PATH, "r");
	char line[1024];
	int n = -1;

	while (f && fgets(line, sizeof(line), f)) {
		if (n++ >= 0)
			add_id(ids, strtoull(line, NULL, 10));
	}
	if (f)
		fclose(f);
	return n;
}

static int list_diag(struct ids *ids)
{
	struct vshm_diag_query q;

	vshm_diag_init(&q, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
	return vshm_diag_run(&q, add_sock, ids);
}

/* Which word of a line is this? They are counted from 0. */
static int find_word(char *line, const char *name)
{
	char *rest = line, *word;

	for (int n = 0; (word = strsep(&rest, " \n")); n += !!*word)
		if (!strcmp(word, name))
			return n;
	return -1;
}

static uint64_t word_number(char *line, int wanted)
{
	char *rest = line, *word;

	for (int n = 0; (word = strsep(&rest, " \n")); n += !!*word)
		if (*word && n == wanted)
			return strtoull(word, NULL, 10);
	return 0;
}

/* What vshm(8) shows of all fields; its first line names them. */
static int list_command(struct ids *ids)
{
	FILE *f = popen("vshm socket -e", "r");
	char *line = NULL;
	size_t size = 0;
	int n = -1, at = -1;

	if (!f)
		return -1;
	while (getline(&line, &size, f) > 0) {
		if (n++ < 0)
			at = find_word(line, "id");
		else
			add_id(ids, word_number(line, at));
	}
	free(line);
	return pclose(f) ? -1 : n;
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* How many of @want are not in @got; -1 when @got has anything twice. */
static int missing(struct ids *want, struct ids *got)
{
	size_t i = 0;
	int n = 0;

	qsort(want->id, want->n, sizeof(*want->id), compare_ids);
	qsort(got->id, got->n, sizeof(*got->id), compare_ids);
	for (size_t j = 1; j < got->n; j++)
		if (got->id[j] == got->id[j - 1])
			return -1;
	for (size_t j = 0; j < want->n; j++) {
		while (i < got->n && got->id[i] < want->id[j])
			i++;
		n += i == got->n || got->id[i] != want->id[j];
	}
	return n;
}

static uint64_t raise_limit(uint64_t files)
{
	struct rlimit r = { .rlim_cur = files, .rlim_max = files };

	return setrlimit(RLIMIT_NOFILE, &r) ? 0 : files;
}

FIXTURE(many) {
	int nr;
	int *fd;
	struct ids stable;
	struct ids seen;
	struct churn churn;
	struct vshm_call call;
};

FIXTURE_SETUP(many)
{
	self->nr = STABLE / vshm_slow();
	if (!raise_limit(self->nr + 1000))
		SKIP(return, "needs %d descriptors", self->nr);
	self->fd = calloc(self->nr, sizeof(int));
	for (int i = 0; i < self->nr; i++) {
		self->fd[i] = vshm_socket(0);
		ASSERT_LE(0, self->fd[i]) {
			TH_LOG("%d: %s", i, strerror(errno));
		}
	}
	ASSERT_EQ(self->nr, list_diag(&self->stable));
	self->call.fn = churn;
	self->call.buf = &self->churn;
	ASSERT_EQ(0, vshm_call_start(&self->call));
}

FIXTURE_TEARDOWN(many)
{
	__atomic_store_n(&self->churn.stop, true, __ATOMIC_RELEASE);
	vshm_call_end(&self->call);
	EXPECT_LT(10, self->churn.opened);
	EXPECT_EQ(0, missing(&self->stable, &self->seen));
	for (int i = 0; i < self->nr; i++)
		close(self->fd[i]);
}

/* List once, and say how long that took; returns how many there were. */
static int list(FIXTURE_DATA(many) *self, const char *what,
		int (*fn)(struct ids *ids))
{
	uint64_t start = vshm_now_ms();
	int n = fn(&self->seen);

	ksft_print_msg("%s: %d sockets in %llu ms, %llu opened meanwhile\n",
		       what, n, (unsigned long long)(vshm_now_ms() - start),
		       (unsigned long long)self->churn.opened);
	return n;
}

TEST_F_TIMEOUT(many, sock_diag, 240)
{
	EXPECT_LE(self->nr, list(self, "sock_diag", list_diag));
}

TEST_F_TIMEOUT(many, procfs, 240)
{
	EXPECT_LE(self->nr, list(self, "/proc/net/vshm", list_proc));
}

TEST_F_TIMEOUT(many, command, 240)
{
	if (system("command -v vshm >/dev/null"))
		SKIP(return, "vshm is not in the PATH");
	EXPECT_LE(self->nr, list(self, "vshm socket -e", list_command));
}

TEST_HARNESS_MAIN
