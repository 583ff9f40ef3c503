// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets by words: state connected type stream r.port 80.
 */
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "filter.h"

static const char * const states[] = {
	"unconnected", "bound", "listening", "connecting", "connected",
	"shutdown", "disconnected", "terminated", "sending", "receiving", NULL,
};

static const char * const types[] = { "stream", "seqpacket", "dgram", NULL };

/* How a value is read. */
enum kind {
	KIND_STATE,
	KIND_TYPE,
	KIND_CID,
	KIND_PORT,
	KIND_USER,
	KIND_NUMBER,
};

/* The words, and the columns that have the value, either of them. */
static const struct {
	const char	*word;
	enum kind	kind;
	const char	*column;
	const char	*other;
} fields[] = {
	{ "state", KIND_STATE, "state", NULL },
	{ "type", KIND_TYPE, "l.type", NULL },
	{ "cid", KIND_CID, "l.cid", "r.cid" },
	{ "l.cid", KIND_CID, "l.cid", NULL },
	{ "r.cid", KIND_CID, "r.cid", NULL },
	{ "port", KIND_PORT, "l.port", "r.port" },
	{ "l.port", KIND_PORT, "l.port", NULL },
	{ "r.port", KIND_PORT, "r.port", NULL },
	{ "uid", KIND_USER, "uid", NULL },
	{ "inode", KIND_NUMBER, "inode", NULL },
	{ "id", KIND_NUMBER, "id", NULL },
};

#define NR_FIELDS	((int)(sizeof(fields) / sizeof(fields[0])))

/**
 * type_name - name of a socket type
 * @number: its number, as text
 *
 * Return: the name, or @number for one that has none here.
 */
const char *type_name(const char *number)
{
	switch (atoi(number)) {
	case SOCK_STREAM:
		return "stream";
	case SOCK_SEQPACKET:
		return "seqpacket";
	case SOCK_DGRAM:
		return "dgram";
	default:
		return number;
	}
}

static bool is_one_of(const char *word, const char * const *names)
{
	while (*names && strcasecmp(word, *names))
		names++;
	return *names;
}

static int set_value(struct condition *c, const char *value)
{
	snprintf(c->value, sizeof(c->value), "%s", value);
	return 0;
}

static int parse_number(struct condition *c, const char *value, uint64_t max,
			struct error *err)
{
	uint64_t number;

	if (number_parse(value, max, &number))
		return error_set(err, "%s '%s' is no number up to %" PRIu64,
				 fields[c->field].word, value, max);
	snprintf(c->value, sizeof(c->value), "%" PRIu64, number);
	return 0;
}

static int parse_user(struct condition *c, const char *value, struct error *err)
{
	const struct passwd *pw;

	if (number_is(value))
		return parse_number(c, value, UINT32_MAX, err);
	pw = getpwnam(value);
	if (!pw)
		return error_set(err, "uid '%s' is no user of this machine: give a number or name",
				 value);
	snprintf(c->value, sizeof(c->value), "%u", pw->pw_uid);
	return 0;
}

static int parse_value(struct condition *c, const char *value, struct error *err)
{
	bool any = !strcmp(value, "*") || !strcmp(value, "any");

	switch (fields[c->field].kind) {
	case KIND_STATE:
		if (!is_one_of(value, states))
			return error_set(err, "state '%s' is not known: see 'vshm socket -h'",
					 value);
		return set_value(c, value);
	case KIND_TYPE:
		if (!is_one_of(value, types))
			return error_set(err, "type '%s' is not known: give stream, seqpacket or dgram",
					 value);
		return set_value(c, value);
	case KIND_CID:
		if (any)
			return set_value(c, "*");
		if (!strcmp(value, "local"))
			return set_value(c, "1");
		if (!strcmp(value, "host"))
			return set_value(c, "2");
		return parse_number(c, value, UINT32_MAX, err);
	case KIND_PORT:
		if (any)
			return set_value(c, "*");
		return parse_number(c, value, UINT32_MAX, err);
	case KIND_USER:
		return parse_user(c, value, err);
	default:
		/* fits @value */
		return parse_number(c, value, UINT32_MAX * 100000ULL, err);
	}
}

static int find_field(const char *word)
{
	int i;

	for (i = 0; i < NR_FIELDS; i++) {
		if (!strcmp(word, fields[i].word))
			return i;
	}
	return -1;
}

/**
 * filter_parse - read conditions
 * @filter: takes them, freed with filter_free() whatever is returned
 * @opt: command line
 * @first: number of the first word that belongs to them
 * @err: what is wrong
 *
 * Return: 0 or -1.
 */
int filter_parse(struct filter *filter, const struct options *opt, size_t first,
		 struct error *err)
{
	size_t i;

	filter->nr = 0;
	filter->condition = calloc(opt->nr + 1, sizeof(*filter->condition));
	if (!filter->condition)
		return error_set(err, "out of memory");
	for (i = first; i < opt->nr; i += 2) {
		struct condition *c = &filter->condition[filter->nr];

		c->negative = !strcmp(opt->word[i], "not");
		i += c->negative;
		if (i == opt->nr)
			return error_set(err, "nothing follows 'not': give a condition");
		c->field = find_field(opt->word[i]);
		if (c->field < 0)
			return error_set(err, "'%s' is not known: give state, type, cid, port, uid, inode or id",
					 opt->word[i]);
		if (i + 1 == opt->nr)
			return error_set(err, "%s has no value: give one",
					 opt->word[i]);
		if (parse_value(c, opt->word[i + 1], err))
			return -1;
		filter->nr++;
	}
	return 0;
}

static bool holds(const struct condition *c, const struct table *t, size_t row)
{
	const char *text = table_get(t, row, fields[c->field].column);
	const char *activity = table_get(t, row, "activity");

	switch (fields[c->field].kind) {
	case KIND_STATE:
		if (!strcasecmp(c->value, "sending"))
			return strchr(activity, 'S');
		if (!strcasecmp(c->value, "receiving"))
			return strchr(activity, 'R');
		return !strcasecmp(text, c->value);
	case KIND_TYPE:
		return !strcasecmp(type_name(text), c->value);
	default:
		return !strcmp(text, c->value) ||
		       (fields[c->field].other &&
			!strcmp(table_get(t, row, fields[c->field].other),
				c->value));
	}
}

/**
 * filter_match - is this socket meant?
 * @filter: conditions
 * @table: the kernel's socket table
 * @row: number of the socket's row
 *
 * Return: true if it is.
 */
bool filter_match(const struct filter *filter, const struct table *table,
		  size_t row)
{
	/* per field: asked for some value, and had one of those */
	bool asked[NR_FIELDS] = { false }, had[NR_FIELDS] = { false };
	size_t i;
	int field;

	for (i = 0; i < filter->nr; i++) {
		const struct condition *c = &filter->condition[i];
		bool is = holds(c, table, row);

		if (c->negative && is)
			return false;
		if (!c->negative) {
			asked[c->field] = true;
			had[c->field] |= is;
		}
	}
	for (field = 0; field < NR_FIELDS; field++) {
		if (asked[field] && !had[field])
			return false;
	}
	return true;
}

/**
 * filter_free - free the conditions
 * @filter: filter
 */
void filter_free(struct filter *filter)
{
	free(filter->condition);
	filter->condition = NULL;
}
