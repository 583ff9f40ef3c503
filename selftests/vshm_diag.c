// SPDX-License-Identifier: GPL-2.0
#include "vshm_diag.h"
#include "vshm_test.h"

#include <linux/genetlink.h>
#include <linux/sock_diag.h>
#include <sys/stat.h>

#define HEADERS	((int)NLMSG_LENGTH(GENL_HDRLEN))
#define SEQUENCE	0x5eed	/* number of every request */
#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* Where a column of the table is found: a nest or 0, and an attribute. */
static const struct {
	const char *name;
	int nest;
	int attr;
} columns[] = {
	{ "id", 0, VSHM_DIAG_ID },
	{ "state", 0, VSHM_DIAG_STATE },
	{ "activity", 0, VSHM_DIAG_ACTIVITY },
	{ "sendq", 0, VSHM_DIAG_SENDQ },
	{ "recvq", 0, VSHM_DIAG_RECVQ },
	{ "connq", 0, VSHM_DIAG_CONNQ },
	{ "connlim", 0, VSHM_DIAG_CONNQ_LIMIT },
	{ "uid", 0, VSHM_DIAG_UID },
	{ "inode", 0, VSHM_DIAG_INODE },
	{ "l.id", VSHM_DIAG_LOCAL, VSHM_DIAG_END_ID },
	{ "l.type", VSHM_DIAG_LOCAL, VSHM_DIAG_END_TYPE },
	{ "l.proto", VSHM_DIAG_LOCAL, VSHM_DIAG_END_PROTOCOL },
	{ "l.opts", VSHM_DIAG_LOCAL, VSHM_DIAG_END_OPTIONS },
	{ "l.cid", VSHM_DIAG_LOCAL, VSHM_DIAG_END_CID },
	{ "l.port", VSHM_DIAG_LOCAL, VSHM_DIAG_END_PORT },
	{ "l.event", VSHM_DIAG_LOCAL, VSHM_DIAG_END_EVENT },
	{ "l.family", VSHM_DIAG_LOCAL, VSHM_DIAG_END_FAMILY },
	{ "l.block", VSHM_DIAG_LOCAL, VSHM_DIAG_END_NONBLOCK },
	{ "r.id", VSHM_DIAG_REMOTE, VSHM_DIAG_END_ID },
	{ "r.type", VSHM_DIAG_REMOTE, VSHM_DIAG_END_TYPE },
	{ "r.proto", VSHM_DIAG_REMOTE, VSHM_DIAG_END_PROTOCOL },
	{ "r.opts", VSHM_DIAG_REMOTE, VSHM_DIAG_END_OPTIONS },
	{ "r.cid", VSHM_DIAG_REMOTE, VSHM_DIAG_END_CID },
	{ "r.port", VSHM_DIAG_REMOTE, VSHM_DIAG_END_PORT },
	{ "r.event", VSHM_DIAG_REMOTE, VSHM_DIAG_END_EVENT },
	{ "r.family", VSHM_DIAG_REMOTE, VSHM_DIAG_END_FAMILY },
	{ "r.block", VSHM_DIAG_REMOTE, VSHM_DIAG_END_NONBLOCK },
	{ "tx.bytes", VSHM_DIAG_TX, VSHM_DIAG_DIR_BYTES },
	{ "rx.bytes", VSHM_DIAG_RX, VSHM_DIAG_DIR_BYTES },
	{ "shutdown", 0, VSHM_DIAG_SHUTDOWN },
	{ "error", 0, VSHM_DIAG_ERROR },
	{ "tx.calls", VSHM_DIAG_TX, VSHM_DIAG_DIR_CALLS },
	{ "tx.waits", VSHM_DIAG_TX, VSHM_DIAG_DIR_WAITS },
	{ "tx.wakeups", VSHM_DIAG_TX, VSHM_DIAG_DIR_WAKEUPS },
	{ "rx.calls", VSHM_DIAG_RX, VSHM_DIAG_DIR_CALLS },
	{ "rx.waits", VSHM_DIAG_RX, VSHM_DIAG_DIR_WAITS },
	{ "rx.wakeups", VSHM_DIAG_RX, VSHM_DIAG_DIR_WAKEUPS },
	{ "drops", VSHM_DIAG_RX, VSHM_DIAG_DIR_DROPS },
	/* from here on, of sock_diag alone */
	{ "age", 0, VSHM_DIAG_AGE },
	{ "tx.threads", VSHM_DIAG_TX, VSHM_DIAG_DIR_THREADS },
	{ "rx.threads", VSHM_DIAG_RX, VSHM_DIAG_DIR_THREADS },
	{ "tx.limit", VSHM_DIAG_TX, VSHM_DIAG_DIR_LIMIT },
	{ "rx.limit", VSHM_DIAG_RX, VSHM_DIAG_DIR_LIMIT },
	{ "tx.ring", VSHM_DIAG_TX, VSHM_DIAG_DIR_RING },
	{ "rx.ring", VSHM_DIAG_RX, VSHM_DIAG_DIR_RING },
	{ "rx.rings", VSHM_DIAG_RX, VSHM_DIAG_DIR_RINGS },
	{ "buffer_min", 0, VSHM_DIAG_BUFFER_MIN },
	{ "buffer_max", 0, VSHM_DIAG_BUFFER_MAX },
	{ "connect_timeout", 0, VSHM_DIAG_CONNECT_TIMEOUT },
	{ "link.local", VSHM_DIAG_LINK, VSHM_DIAG_LINK_LOCAL_CID },
	{ "link.peer", VSHM_DIAG_LINK, VSHM_DIAG_LINK_PEER_CID },
	{ "link.up", VSHM_DIAG_LINK, VSHM_DIAG_LINK_UP },
	{ "link.slot", VSHM_DIAG_LINK, VSHM_DIAG_LINK_SLOT },
	{ "link.peer_slot", VSHM_DIAG_LINK, VSHM_DIAG_LINK_PEER_SLOT },
	{ "old_state", 0, VSHM_DIAG_OLD_STATE },
};

/* Those that /proc/net/vshm has, too, by the same name. */
const char * const vshm_diag_columns[] = {
	"id", "sendq", "recvq", "connq", "connlim", "uid", "inode",
	"l.id", "l.type", "l.proto", "l.opts", "l.cid", "l.port", "l.event",
	"l.family", "l.block", "r.id", "r.type", "r.proto", "r.opts", "r.cid",
	"r.port", "r.event", "r.family", "r.block", "tx.bytes", "rx.bytes",
	"shutdown", "error", "tx.calls", "tx.waits", "tx.wakeups", "rx.calls",
	"rx.waits", "rx.wakeups", "drops", NULL
};

/**
 * vshm_diag_open - a netlink socket for requests
 *
 * Return: a descriptor that waits for a while only, or -1 with errno.
 */
int vshm_diag_open(void)
{
	struct timeval tv = { .tv_sec = 60 };
	int size = 4 << 20;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
			NETLINK_SOCK_DIAG);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

/**
 * vshm_diag_init - start a request, which asks for everything
 * @q: request
 * @type: SOCK_DIAG_BY_FAMILY or SOCK_DESTROY
 * @flags: NLM_F_DUMP or 0
 */
void vshm_diag_init(struct vshm_diag_query *q, int type, int flags)
{
	memset(q, 0, sizeof(*q));
	q->nlh.nlmsg_len = NLMSG_LENGTH(sizeof(q->req));
	q->nlh.nlmsg_type = type;
	q->nlh.nlmsg_flags = NLM_F_REQUEST | flags;
	q->nlh.nlmsg_seq = SEQUENCE;
	q->req.sdiag_family = vshm_family();
	q->req.vdiag_states = ~0U;
	q->req.vdiag_show = VSHM_DIAG_SHOW_ALL;
	memset(q->req.vdiag_cookie, 0xff, sizeof(q->req.vdiag_cookie));
}

/**
 * vshm_diag_add - add an attribute
 * @q: request
 * @attr: number
 * @data: what it carries
 * @len: bytes of that
 */
void vshm_diag_add(struct vshm_diag_query *q, int attr, const void *data,
		   int len)
{
	struct nlattr *nla = (void *)((char *)q + q->nlh.nlmsg_len);

	nla->nla_type = attr;
	nla->nla_len = NLA_HDRLEN + len;
	memcpy((char *)nla + NLA_HDRLEN, data, len);
	q->nlh.nlmsg_len += NLA_HDRLEN + NLA_ALIGN(len);
}

void vshm_diag_add_u32(struct vshm_diag_query *q, int attr, uint32_t value)
{
	vshm_diag_add(q, attr, &value, sizeof(value));
}

void vshm_diag_add_id(struct vshm_diag_query *q, uint64_t id)
{
	vshm_diag_add(q, VSHM_DIAG_REQ_ID, &id, sizeof(id));
}

static void parse(const struct nlattr **attr, const void *data, int len)
{
	const struct nlattr *nla = data;

	while (len >= NLA_HDRLEN && nla->nla_len >= NLA_HDRLEN &&
	       nla->nla_len <= len) {
		int type = nla->nla_type & NLA_TYPE_MASK;
		int step = NLA_ALIGN(nla->nla_len);

		if (type < VSHM_DIAG_ATTRS)
			attr[type] = nla;
		len -= step;
		nla = (const void *)((const char *)nla + step);
	}
}

static void parse_sock(struct vshm_diag_sock *sock, const void *data, int len)
{
	parse(sock->attr, data, len);
	for (int i = 0; i < VSHM_DIAG_ATTRS; i++) {
		const struct nlattr *nla = sock->attr[i];

		if (nla && nla->nla_type & NLA_F_NESTED)
			parse(sock->nest[i], (const char *)nla + NLA_HDRLEN,
			      nla->nla_len - NLA_HDRLEN);
	}
}

/* One answer: 0 to go on, 1 at the end, or a negative errno. */
static int answer(const struct nlmsghdr *nlh, vshm_diag_fn fn, void *arg)
{
	struct vshm_diag_sock sock = { };
	const struct nlmsgerr *err = NLMSG_DATA(nlh);

	if (nlh->nlmsg_seq != SEQUENCE)
		return -EBADMSG;
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		return -EINTR;
	switch (nlh->nlmsg_type) {
	case NLMSG_ERROR:
		return err->error ? err->error : 1;
	case NLMSG_DONE:
		return 1;
	case SOCK_DIAG_BY_FAMILY:
		memcpy(&sock.msg, NLMSG_DATA(nlh), sizeof(sock.msg));
		parse_sock(&sock,
			   (const char *)NLMSG_DATA(nlh) + sizeof(sock.msg),
			   nlh->nlmsg_len - NLMSG_LENGTH(sizeof(sock.msg)));
		if (fn)
			fn(&sock, arg);
		return !(nlh->nlmsg_flags & NLM_F_MULTI);
	default:
		return -EPROTO;
	}
}

static int read_answers(int fd, vshm_diag_fn fn, void *arg)
{
	static __thread char buf[1 << 16];
	const struct nlmsghdr *nlh;
	int n = 0, ret = 0, len;

	while (!ret) {
		len = recv(fd, buf, sizeof(buf), 0);
		if (len <= 0)
			return len ? -errno : -EPIPE;
		for (nlh = (void *)buf; !ret && NLMSG_OK(nlh, len);
		     nlh = NLMSG_NEXT(nlh, len)) {
			ret = answer(nlh, fn, arg);
			n += nlh->nlmsg_type == SOCK_DIAG_BY_FAMILY;
		}
	}
	return ret < 0 ? ret : n;
}

/**
 * vshm_diag_run_on - make a request
 * @fd: what vshm_diag_open() returned
 * @q: request
 * @fn: called for each socket of the answer; may be NULL
 * @arg: for @fn
 *
 * Return: number of sockets, or the negative errno of the answer; -EINTR for a
 * dump that the kernel calls inconsistent.
 */
int vshm_diag_run_on(int fd, struct vshm_diag_query *q, vshm_diag_fn fn,
		     void *arg)
{
	/* without NLM_F_DUMP, success may have no other answer */
	if (q->nlh.nlmsg_type == SOCK_DESTROY)
		q->nlh.nlmsg_flags |= NLM_F_ACK;
	if (send(fd, q, q->nlh.nlmsg_len + q->more, 0) < 0)
		return -errno;
	return read_answers(fd, fn, arg);
}

/* The same, by a netlink socket of its own. */
int vshm_diag_run(struct vshm_diag_query *q, vshm_diag_fn fn, void *arg)
{
	int fd = vshm_diag_open(), ret = -errno;

	if (fd < 0)
		return ret;
	ret = vshm_diag_run_on(fd, q, fn, arg);
	close(fd);
	return ret;
}

int vshm_diag_count(struct vshm_diag_query *q)
{
	return vshm_diag_run(q, NULL, NULL);
}

static void take_id(const struct vshm_diag_sock *sock, void *arg)
{
	*(uint64_t *)arg = vshm_diag_value(sock->attr[VSHM_DIAG_ID]);
}

/**
 * vshm_diag_poke - send a request that may be wrong, and wait for nothing
 * @q: request, of which all is sent
 * @id: takes the ID of a socket, if the answer is there and has one
 *
 * Return: 0, or -1 with errno.
 */
int vshm_diag_poke(const struct vshm_diag_query *q, uint64_t *id)
{
	int fd = vshm_diag_open(), ret = 0;
	char buf[8192];
	struct nlmsghdr *nlh = (void *)buf;
	ssize_t len;

	if (fd < 0 || send(fd, q, sizeof(*q), MSG_DONTWAIT) < 0)
		ret = -1;
	while (!ret && (len = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		if (NLMSG_OK(nlh, len) &&
		    nlh->nlmsg_type == SOCK_DIAG_BY_FAMILY)
			answer(nlh, take_id, id);
	close(fd);
	return ret;
}

/**
 * vshm_diag_value - the number that an attribute carries
 * @attr: attribute or NULL
 *
 * Return: the number, or all ones when there is none.
 */
uint64_t vshm_diag_value(const struct nlattr *attr)
{
	uint64_t value = 0;

	if (!attr || attr->nla_len - NLA_HDRLEN > (int)sizeof(value))
		return UINT64_MAX;
	memcpy(&value, (const char *)attr + NLA_HDRLEN,
	       attr->nla_len - NLA_HDRLEN);
	return value;
}

/**
 * vshm_diag_column - what the table calls a column
 * @sock: socket
 * @column: its name
 *
 * Return: the number, or all ones when sock_diag did not tell.
 */
uint64_t vshm_diag_column(const struct vshm_diag_sock *sock,
			  const char *column)
{
	for (size_t i = 0; i < COUNT(columns); i++)
		if (!strcmp(columns[i].name, column))
			return vshm_diag_value(columns[i].nest ?
				sock->nest[columns[i].nest][columns[i].attr] :
				sock->attr[columns[i].attr]);
	return UINT64_MAX;
}

struct wanted {
	const char *column;
	uint64_t value;
};

static void take_column(const struct vshm_diag_sock *sock, void *arg)
{
	struct wanted *w = arg;

	w->value = vshm_diag_column(sock, w->column);
}

/**
 * vshm_diag_num - one number of one socket, now
 * @fd: the socket
 * @column: what the table calls it
 *
 * Return: the number, or all ones when there is none.
 */
uint64_t vshm_diag_num(int fd, const char *column)
{
	struct wanted w = { .column = column, .value = UINT64_MAX };
	struct vshm_diag_query q;
	struct stat st;

	if (fstat(fd, &st))
		return UINT64_MAX;
	vshm_diag_init(&q, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
	q.req.vdiag_ino = st.st_ino;
	return vshm_diag_run(&q, take_column, &w) == 1 ? w.value : UINT64_MAX;
}

/**
 * vshm_diag_wait - wait until a socket has a number
 * @fd: the socket
 * @column: what the table calls it
 * @value: what to wait for
 *
 * Return: whether it came within VSHM_WAIT_MS.
 */
bool vshm_diag_wait(int fd, const char *column, uint64_t value)
{
	uint64_t end = vshm_now_ms() + VSHM_WAIT_MS;

	while (vshm_diag_num(fd, column) != value) {
		if (vshm_now_ms() > end)
			return false;
		usleep(1000);
	}
	return true;
}

/**
 * vshm_diag_destroy_on - end a socket
 * @fd: what vshm_diag_open() returned
 * @id: unique ID of the socket
 *
 * Return: 0 or a negative errno.
 */
int vshm_diag_destroy_on(int fd, uint64_t id)
{
	struct vshm_diag_query q;
	int ret;

	vshm_diag_init(&q, SOCK_DESTROY, 0);
	vshm_diag_add_id(&q, id);
	ret = vshm_diag_run_on(fd, &q, NULL, NULL);
	return ret < 0 ? ret : 0;
}

/* The same, by a netlink socket of its own. */
int vshm_diag_destroy(uint64_t id)
{
	int fd = vshm_diag_open(), ret = -errno;

	if (fd < 0)
		return ret;
	ret = vshm_diag_destroy_on(fd, id);
	close(fd);
	return ret;
}

/* The multicast group of a name, from the attributes of a family. */
static int find_group(const struct nlattr *groups, const char *name)
{
	const struct nlattr *list[VSHM_DIAG_ATTRS] = { };

	parse(list, (const char *)groups + NLA_HDRLEN,
	      groups->nla_len - NLA_HDRLEN);
	for (int i = 0; i < VSHM_DIAG_ATTRS; i++) {
		const struct nlattr *grp[VSHM_DIAG_ATTRS] = { };

		if (!list[i])
			continue;
		parse(grp, (const char *)list[i] + NLA_HDRLEN,
		      list[i]->nla_len - NLA_HDRLEN);
		if (!strcmp((const char *)grp[CTRL_ATTR_MCAST_GRP_NAME] +
			    NLA_HDRLEN, name))
			return vshm_diag_value(grp[CTRL_ATTR_MCAST_GRP_ID]);
	}
	return -1;
}

/**
 * vshm_event_open - listen to events
 * @group: VSHM_GENL_SOCKETS or VSHM_GENL_LINKS
 *
 * Return: a descriptor that waits for a while only, or -1.
 */
int vshm_event_open(const char *group)
{
	struct timeval tv = { .tv_sec = VSHM_WAIT_MS / 1000 };
	const struct nlattr *attr[VSHM_DIAG_ATTRS] = { };
	struct {
		struct nlmsghdr nlh;
		struct genlmsghdr genl;
		struct nlattr nla;
		char name[8];
	} q = {
		.nlh.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN + NLA_HDRLEN + 5),
		.nlh.nlmsg_type = GENL_ID_CTRL,
		.nlh.nlmsg_flags = NLM_F_REQUEST,
		.genl.cmd = CTRL_CMD_GETFAMILY,
		.genl.version = 1,
		.nla.nla_len = NLA_HDRLEN + sizeof(VSHM_GENL_NAME),
		.nla.nla_type = CTRL_ATTR_FAMILY_NAME,
		.name = VSHM_GENL_NAME,
	};
	char buf[8192];
	int fd, len, id;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (send(fd, &q, q.nlh.nlmsg_len, 0) < 0)
		goto err;
	len = recv(fd, buf, sizeof(buf), 0);
	if (len < HEADERS ||
	    ((struct nlmsghdr *)buf)->nlmsg_type == NLMSG_ERROR)
		goto err;
	parse(attr, buf + HEADERS, len - HEADERS);
	id = attr[CTRL_ATTR_MCAST_GROUPS] ?
		find_group(attr[CTRL_ATTR_MCAST_GROUPS], group) : -1;
	if (id > 0 && !setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &id,
				  sizeof(id)))
		return fd;
err:
	close(fd);
	return -1;
}

/**
 * vshm_event_read - the next event
 * @fd: what vshm_event_open() returned
 * @sock: filled in with attributes, which lie in @buf
 * @buf: room for the message
 * @size: bytes of it
 *
 * Return: &enum vshm_event, or -1 with errno.
 */
int vshm_event_read(int fd, struct vshm_diag_sock *sock, char *buf,
		    unsigned int size)
{
	int len = recv(fd, buf, size, 0);

	if (len < HEADERS)
		return -1;
	memset(sock, 0, sizeof(*sock));
	parse_sock(sock, buf + HEADERS, len - HEADERS);
	return ((struct genlmsghdr *)(buf + NLMSG_HDRLEN))->cmd;
}
