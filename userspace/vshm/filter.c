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

#include <linux/vshm.h>
#include <linux/vshm_diag.h>

#include "filter.h"

/* In the order of enum vshm_state, then the activities. */
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

/*
 * The words, and the columns that have the value, either of them; and what the
 * kernel can be asked for, 0 for nothing.
 */
static const struct {
	const char	*word;
	const char	*column;
	const char	*other;
	enum kind	kind;
	uint16_t	attr;
} fields[] = {
	{ "state", "state", NULL, KIND_STATE, VSHM_DIAG_REQ_STATES },
	{ "type", "l.type", NULL, KIND_TYPE, VSHM_DIAG_REQ_TYPES },
	{ "cid", "l.cid", "r.cid", KIND_CID, 0 },
	{ "l.cid", "l.cid", NULL, KIND_CID, VSHM_DIAG_REQ_LOCAL_CID },
	{ "r.cid", "r.cid", NULL, KIND_CID, VSHM_DIAG_REQ_REMOTE_CID },
	{ "port", "l.port", "r.port", KIND_PORT, 0 },
	{ "l.port", "l.port", NULL, KIND_PORT, VSHM_DIAG_REQ_LOCAL_PORT },
	{ "r.port", "r.port", NULL, KIND_PORT, VSHM_DIAG_REQ_REMOTE_PORT },
	{ "uid", "uid", NULL, KIND_USER, VSHM_DIAG_REQ_UID },
	{ "inode", "inode", NULL, KIND_NUMBER, 0 },
	{ "id", "id", NULL, KIND_NUMBER, VSHM_DIAG_REQ_ID },
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
			return error_set(err, "state '%s' is not known: give a status, sending or receiving",
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

/* What the kernel has to be asked for: a mask of states or types, or a value. */
static uint64_t wanted(const struct condition *c, bool *can)
{
	static const int numbers[] = { SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM };
	unsigned int i = 0;

	switch (fields[c->field].kind) {
	case KIND_STATE:
		while (states[i] && strcasecmp(c->value, states[i]))
			i++;
		/* activities are asked for in another way, and not here */
		*can = i < VSHM_NR_STATES;
		return 1ULL << i;
	case KIND_TYPE:
		while (i < 2 && strcasecmp(c->value, types[i]))
			i++;
		return 1ULL << numbers[i];
	default:
		return strcmp(c->value, "*") ? strtoull(c->value, NULL, 10) :
					       VSHM_CID_ANY;
	}
}

/* What is asked for of one field, if the kernel can be asked for just that. */
static void put_field(const struct filter *filter, int field,
		      struct nlmsghdr *nlh)
{
	bool is_mask = fields[field].kind == KIND_STATE ||
		       fields[field].kind == KIND_TYPE;
	bool can = fields[field].attr;
	uint64_t value = 0;
	size_t i, nr = 0;

	for (i = 0; can && i < filter->nr; i++) {
		const struct condition *c = &filter->condition[i];

		if (c->field != field || c->negative)
			continue;
		value |= wanted(c, &can);
		nr++;
	}
	/* alternatives make a mask, but no number */
	if (!can || !nr || (nr > 1 && !is_mask))
		return;
	if (fields[field].attr == VSHM_DIAG_REQ_ID)
		mnl_attr_put_u64(nlh, VSHM_DIAG_REQ_ID, value);
	else
		mnl_attr_put_u32(nlh, fields[field].attr, (uint32_t)value);
}

/**
 * filter_put - have the kernel leave out what does not fit
 * @filter: conditions
 * @nlh: request for a dump, with room for all of &enum vshm_diag_req_attr
 *
 * The kernel does not know all conditions: what it shows still has to be looked
 * at with filter_match().
 */
void filter_put(const struct filter *filter, struct nlmsghdr *nlh)
{
	int field;

	for (field = 0; field < NR_FIELDS; field++)
		put_field(filter, field, nlh);
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
