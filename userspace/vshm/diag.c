// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets by sock_diag(7): the attributes of <linux/vshm_diag.h> as a table
 * that has the columns of /proc/net/vshm, and more.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <linux/sock_diag.h>
#include <linux/vshm_diag.h>

#include "diag.h"
#include "endpoint.h"

/* How a value is written. */
enum form {
	FORM_NUMBER,	/* of 1, 4 or 8 bytes */
	FORM_HEX,
	FORM_ANY,	/* a number, or the star of CIDs and ports */
	FORM_STATE,
	FORM_ACTIVITY,
	FORM_BLOCK,
	FORM_UP,
	FORM_STRING,
};

#define LOCAL	VSHM_DIAG_LOCAL
#define REMOTE	VSHM_DIAG_REMOTE
#define TX	VSHM_DIAG_TX
#define RX	VSHM_DIAG_RX
#define LINK	VSHM_DIAG_LINK

/* The columns; @nest is the attribute that @attr is in, or 0. */
static const struct {
	const char	*name;
	uint16_t	nest;
	uint16_t	attr;
	enum form	form;
} columns[] = {
	{ "id", 0, VSHM_DIAG_ID, FORM_NUMBER },
	{ "state", 0, VSHM_DIAG_STATE, FORM_STATE },
	{ "activity", 0, VSHM_DIAG_ACTIVITY, FORM_ACTIVITY },
	{ "sendq", 0, VSHM_DIAG_SENDQ, FORM_NUMBER },
	{ "recvq", 0, VSHM_DIAG_RECVQ, FORM_NUMBER },
	{ "connq", 0, VSHM_DIAG_CONNQ, FORM_NUMBER },
	{ "connlim", 0, VSHM_DIAG_CONNQ_LIMIT, FORM_NUMBER },
	{ "uid", 0, VSHM_DIAG_UID, FORM_NUMBER },
	{ "inode", 0, VSHM_DIAG_INODE, FORM_NUMBER },
	{ "l.id", LOCAL, VSHM_DIAG_END_ID, FORM_NUMBER },
	{ "l.type", LOCAL, VSHM_DIAG_END_TYPE, FORM_NUMBER },
	{ "l.proto", LOCAL, VSHM_DIAG_END_PROTOCOL, FORM_NUMBER },
	{ "l.opts", LOCAL, VSHM_DIAG_END_OPTIONS, FORM_HEX },
	{ "l.cid", LOCAL, VSHM_DIAG_END_CID, FORM_ANY },
	{ "l.port", LOCAL, VSHM_DIAG_END_PORT, FORM_ANY },
	{ "l.event", LOCAL, VSHM_DIAG_END_EVENT, FORM_HEX },
	{ "l.family", LOCAL, VSHM_DIAG_END_FAMILY, FORM_NUMBER },
	{ "l.block", LOCAL, VSHM_DIAG_END_NONBLOCK, FORM_BLOCK },
	{ "r.id", REMOTE, VSHM_DIAG_END_ID, FORM_NUMBER },
	{ "r.type", REMOTE, VSHM_DIAG_END_TYPE, FORM_NUMBER },
	{ "r.proto", REMOTE, VSHM_DIAG_END_PROTOCOL, FORM_NUMBER },
	{ "r.opts", REMOTE, VSHM_DIAG_END_OPTIONS, FORM_HEX },
	{ "r.cid", REMOTE, VSHM_DIAG_END_CID, FORM_ANY },
	{ "r.port", REMOTE, VSHM_DIAG_END_PORT, FORM_ANY },
	{ "r.event", REMOTE, VSHM_DIAG_END_EVENT, FORM_HEX },
	{ "r.family", REMOTE, VSHM_DIAG_END_FAMILY, FORM_NUMBER },
	{ "r.block", REMOTE, VSHM_DIAG_END_NONBLOCK, FORM_BLOCK },
	{ "tx.bytes", TX, VSHM_DIAG_DIR_BYTES, FORM_NUMBER },
	{ "rx.bytes", RX, VSHM_DIAG_DIR_BYTES, FORM_NUMBER },
	{ "age", 0, VSHM_DIAG_AGE, FORM_NUMBER },
	{ "shutdown", 0, VSHM_DIAG_SHUTDOWN, FORM_NUMBER },
	{ "error", 0, VSHM_DIAG_ERROR, FORM_NUMBER },
	{ "tx.calls", TX, VSHM_DIAG_DIR_CALLS, FORM_NUMBER },
	{ "tx.waits", TX, VSHM_DIAG_DIR_WAITS, FORM_NUMBER },
	{ "tx.wakeups", TX, VSHM_DIAG_DIR_WAKEUPS, FORM_NUMBER },
	{ "rx.calls", RX, VSHM_DIAG_DIR_CALLS, FORM_NUMBER },
	{ "rx.waits", RX, VSHM_DIAG_DIR_WAITS, FORM_NUMBER },
	{ "rx.wakeups", RX, VSHM_DIAG_DIR_WAKEUPS, FORM_NUMBER },
	{ "drops", RX, VSHM_DIAG_DIR_DROPS, FORM_NUMBER },
	{ "tx.threads", TX, VSHM_DIAG_DIR_THREADS, FORM_NUMBER },
	{ "rx.threads", RX, VSHM_DIAG_DIR_THREADS, FORM_NUMBER },
	{ "tx.limit", TX, VSHM_DIAG_DIR_LIMIT, FORM_NUMBER },
	{ "rx.limit", RX, VSHM_DIAG_DIR_LIMIT, FORM_NUMBER },
	{ "tx.ring", TX, VSHM_DIAG_DIR_RING, FORM_NUMBER },
	{ "rx.ring", RX, VSHM_DIAG_DIR_RING, FORM_NUMBER },
	{ "rx.rings", RX, VSHM_DIAG_DIR_RINGS, FORM_NUMBER },
	{ "buffer_min", 0, VSHM_DIAG_BUFFER_MIN, FORM_NUMBER },
	{ "buffer_max", 0, VSHM_DIAG_BUFFER_MAX, FORM_NUMBER },
	{ "timeout", 0, VSHM_DIAG_CONNECT_TIMEOUT, FORM_NUMBER },
	{ "link.kind", LINK, VSHM_DIAG_LINK_KIND, FORM_STRING },
	{ "link.local", LINK, VSHM_DIAG_LINK_LOCAL_CID, FORM_NUMBER },
	{ "link.peer", LINK, VSHM_DIAG_LINK_PEER_CID, FORM_NUMBER },
	{ "link.state", LINK, VSHM_DIAG_LINK_UP, FORM_UP },
	{ "link.slot", LINK, VSHM_DIAG_LINK_SLOT, FORM_NUMBER },
	{ "link.peer_slot", LINK, VSHM_DIAG_LINK_PEER_SLOT, FORM_NUMBER },
	{ "link.epoch", LINK, VSHM_DIAG_LINK_EPOCH, FORM_NUMBER },
	{ "link.peer_epoch", LINK, VSHM_DIAG_LINK_PEER_EPOCH, FORM_NUMBER },
	{ "link.connections", LINK, VSHM_DIAG_LINK_CONNECTIONS, FORM_NUMBER },
	{ "link.resets", LINK, VSHM_DIAG_LINK_RESETS, FORM_NUMBER },
	{ "link.violations", LINK, VSHM_DIAG_LINK_VIOLATIONS, FORM_NUMBER },
	{ "old_state", 0, VSHM_DIAG_OLD_STATE, FORM_STATE },
};

#define NR_COLUMNS	(sizeof(columns) / sizeof(columns[0]))

/* The last columns are of events alone. */
#define NR_SOCKET	(NR_COLUMNS - 6)

/* More than any enumeration of attributes has. */
#define NR_ATTRS	32

/* The column of an attribute, by the nest that it is in, plus one; 0 for none. */
static uint8_t column_of[NR_ATTRS][NR_ATTRS];

/**
 * struct row - a message as attributes
 * @nest: the attribute that is being looked into, or 0
 * @attr: that of each column, or NULL
 */
struct row {
	uint16_t		nest;
	const struct nlattr	*attr[NR_COLUMNS];
};

static uint64_t number_of(const struct nlattr *attr)
{
	switch (mnl_attr_get_payload_len(attr)) {
	case sizeof(uint8_t):
		return mnl_attr_get_u8(attr);
	case sizeof(uint32_t):
		return mnl_attr_get_u32(attr);
	case sizeof(uint64_t):
		return mnl_attr_get_u64(attr);
	default:
		return 0;
	}
}

static const char *state_text(uint64_t state)
{
	static const char * const names[] = {
		[VSHM_UNCONNECTED] = "UNCONNECTED",
		[VSHM_BOUND] = "BOUND",
		[VSHM_LISTENING] = "LISTENING",
		[VSHM_CONNECTING] = "CONNECTING",
		[VSHM_CONNECTED] = "CONNECTED",
		[VSHM_SHUTDOWN] = "SHUTDOWN",
		[VSHM_DISCONNECTED] = "DISCONNECTED",
		[VSHM_TERMINATED] = "TERMINATED",
	};

	return state < VSHM_NR_STATES ? names[state] : "?";
}

static const char *activity_text(uint64_t activity)
{
	static const char * const names[] = { "-", "S", "R", "SR" };

	return names[activity & (VSHM_SENDING | VSHM_RECEIVING)];
}

/* As printf() would have it, which most of the time would go into otherwise. */
static const char *decimal(uint64_t number, char *buf, size_t size)
{
	char *start = buf + size - 1;

	*start = '\0';
	do {
		*--start = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	return start;
}

static const char *cell_text(enum form form, const struct nlattr *attr, char *buf,
			     size_t size)
{
	uint64_t number = number_of(attr);

	switch (form) {
	case FORM_NUMBER:
		break;
	case FORM_HEX:
		snprintf(buf, size, "0x%" PRIx64, number);
		return buf;
	case FORM_ANY:
		if (number == VSHM_CID_ANY)
			return "*";
		break;
	case FORM_STATE:
		return state_text(number);
	case FORM_ACTIVITY:
		return activity_text(number);
	case FORM_BLOCK:
		return number ? "nonblock" : "block";
	case FORM_UP:
		return number ? "up" : "down";
	case FORM_STRING:
		return mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0 ?
			"?" : mnl_attr_get_str(attr);
	}
	return decimal(number, buf, size);
}

static bool is_nest(uint16_t type)
{
	return type == LOCAL || type == REMOTE || type == TX || type == RX ||
	       type == LINK;
}

static int parse_attr(const struct nlattr *attr, void *data)
{
	uint16_t type = mnl_attr_get_type(attr);
	struct row *row = data;

	if (!row->nest && is_nest(type)) {
		row->nest = type;
		mnl_attr_parse_nested(attr, parse_attr, row);
		row->nest = 0;
		return MNL_CB_OK;
	}
	if (type < NR_ATTRS && column_of[row->nest][type])
		row->attr[column_of[row->nest][type] - 1] = attr;
	return MNL_CB_OK;
}

static int add_names(struct table *table, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		if (table_add(table, columns[i].name))
			return -1;
		column_of[columns[i].nest][columns[i].attr] = (uint8_t)(i + 1);
	}
	table->columns = nr;
	return 0;
}

/**
 * diag_add_names - add the names of the columns that events have
 * @table: table, empty
 *
 * Return: 0, or -1 if memory is short.
 */
int diag_add_names(struct table *table)
{
	return add_names(table, NR_COLUMNS);
}

/**
 * diag_add_row - add a message that the kernel has sent
 * @table: table with names of columns
 * @nlh: message
 * @header: bytes before its attributes
 *
 * Return: 0, or -1 if memory is short.
 */
int diag_add_row(struct table *table, const struct nlmsghdr *nlh, size_t header)
{
	struct row row = { 0 };
	char buf[32];
	size_t i;

	mnl_attr_parse(nlh, (unsigned int)header, parse_attr, &row);
	for (i = 0; i < table->columns; i++) {
		if (table_add(table, !row.attr[i] ? "-" :
			      cell_text(columns[i].form, row.attr[i], buf, sizeof(buf))))
			return -1;
	}
	return 0;
}

static int dump_cb(const struct nlmsghdr *nlh, void *data)
{
	if (!diag_add_row(data, nlh, sizeof(struct vshm_diag_msg)))
		return MNL_CB_OK;
	errno = ENOMEM;
	return MNL_CB_ERROR;
}

static struct nlmsghdr *put_request(void *buf, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct vshm_diag_req *req;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	req = mnl_nlmsg_put_extra_header(nlh, sizeof(*req));
	req->sdiag_family = (uint8_t)endpoint_family();
	req->vdiag_states = UINT32_MAX;
	req->vdiag_show = VSHM_DIAG_SHOW_ALL;
	req->vdiag_cookie[0] = UINT32_MAX;
	req->vdiag_cookie[1] = UINT32_MAX;
	return nlh;
}

/**
 * diag_read - read sockets
 * @filter: leave out what the kernel knows not to fit
 * @table: takes the others, freed with table_free()
 * @err: what is wrong
 *
 * Return: 0, -ENOENT if the kernel does not know such requests for this family,
 * or another negative errno.
 */
int diag_read(const struct filter *filter, struct table *table,
	      struct error *err)
{
	char buf[256] = "";
	struct nlmsghdr *nlh = put_request(buf, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
	struct netlink nl;
	int ret;

	filter_put(filter, nlh);
	memset(table, 0, sizeof(*table));
	if (netlink_open(&nl, NETLINK_SOCK_DIAG, err))
		return -EINVAL;
	ret = add_names(table, NR_SOCKET) ? -ENOMEM :
		netlink_ask(&nl, nlh, dump_cb, table);
	netlink_close(&nl);
	if (ret) {
		error_set(err, "sock_diag: %s", strerror(-ret));
		table_free(table);
	}
	return ret;
}

/**
 * diag_destroy - end a socket
 * @nl: socket of NETLINK_SOCK_DIAG
 * @id: its unique ID
 *
 * Return: 0 or a negative errno.
 */
int diag_destroy(struct netlink *nl, uint64_t id)
{
	char buf[256] = "";
	struct nlmsghdr *nlh = put_request(buf, SOCK_DESTROY, NLM_F_ACK);

	mnl_attr_put_u64(nlh, VSHM_DIAG_REQ_ID, id);
	return netlink_ask(nl, nlh, NULL, NULL);
}
