// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink, with libmnl: requests with their answers, and the multicast groups
 * of a generic netlink family.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/genetlink.h>

#include "netlink.h"
#include "vshm.h"

/* Room for events that come faster than they are written. */
#define EVENT_BUFFER	(4 << 20)

/**
 * netlink_open - make a netlink socket
 * @nl: takes it
 * @bus: NETLINK_SOCK_DIAG or NETLINK_GENERIC
 * @err: what is wrong
 *
 * Return: 0 or -1.
 */
int netlink_open(struct netlink *nl, int bus, struct error *err)
{
	nl->seq = 0;
	nl->socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (nl->socket && mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		netlink_close(nl);
	if (!nl->socket)
		return error_set(err, "netlink: %s", strerror(errno));
	return 0;
}

/**
 * netlink_close - close a netlink socket
 * @nl: socket
 */
void netlink_close(struct netlink *nl)
{
	if (nl->socket)
		mnl_socket_close(nl->socket);
	nl->socket = NULL;
}

/**
 * netlink_ask - make a request
 * @nl: socket
 * @nlh: request, without a number
 * @cb: gets each message of the answer, or NULL
 * @data: for @cb
 *
 * Return: 0 after the end of the answer, or a negative errno.
 */
int netlink_ask(struct netlink *nl, struct nlmsghdr *nlh, mnl_cb_t cb, void *data)
{
	unsigned int portid = mnl_socket_get_portid(nl->socket);
	ssize_t len;
	int ret;

	nlh->nlmsg_seq = ++nl->seq;
	if (mnl_socket_sendto(nl->socket, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		len = mnl_socket_recvfrom(nl->socket, nl->buf, sizeof(nl->buf));
		if (len < 0)
			return -errno;
		ret = mnl_cb_run(nl->buf, (size_t)len, nl->seq, portid, cb, data);
	} while (ret > MNL_CB_STOP);
	return ret < 0 ? -errno : 0;
}

/**
 * struct group - a multicast group, one that is looked for or one that is there
 * @name: its name
 * @id: its number, 0 until it is found
 */
struct group {
	const char	*name;
	uint32_t	id;
};

static int parse_group(const struct nlattr *attr, void *data)
{
	struct group *one = data;

	if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_NAME &&
	    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		one->name = mnl_attr_get_str(attr);
	else if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_ID &&
		 mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
		one->id = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int parse_groups(const struct nlattr *attr, void *data)
{
	struct group *group = data;
	struct group one = { 0 };

	mnl_attr_parse_nested(attr, parse_group, &one);
	if (one.name && !strcmp(one.name, group->name))
		group->id = one.id;
	return MNL_CB_OK;
}

static int parse_family(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GROUPS)
		mnl_attr_parse_nested(attr, parse_groups, data);
	return MNL_CB_OK;
}

static int family_cb(const struct nlmsghdr *nlh, void *data)
{
	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), parse_family, data);
	return MNL_CB_OK;
}

/**
 * netlink_join - join a multicast group of a generic netlink family
 * @nl: socket of NETLINK_GENERIC
 * @family: name of the family
 * @group: name of the group
 * @err: what is wrong
 *
 * Return: 0 or -1.
 */
int netlink_join(struct netlink *nl, const char *family, const char *group,
		 struct error *err)
{
	struct group wanted = { .name = group };
	char buf[256] = "";
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl;
	int size = EVENT_BUFFER, ret;

	nlh->nlmsg_type = GENL_ID_CTRL;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = CTRL_CMD_GETFAMILY;
	genl->version = 1;
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, family);
	ret = netlink_ask(nl, nlh, family_cb, &wanted);
	if (ret || !wanted.id)
		return error_set(err, "generic netlink has no events of %s: load the module vshm, or a newer one: modprobe vshm",
				 family);
	/* root may have more than the limit for all */
	if (setsockopt(mnl_socket_get_fd(nl->socket), SOL_SOCKET, SO_RCVBUFFORCE,
		       &size, sizeof(size)))
		setsockopt(mnl_socket_get_fd(nl->socket), SOL_SOCKET, SO_RCVBUF,
			   &size, sizeof(size));
	if (mnl_socket_setsockopt(nl->socket, NETLINK_ADD_MEMBERSHIP, &wanted.id,
				  sizeof(wanted.id)) < 0)
		return error_set(err, "group %s: %s", group, strerror(errno));
	return 0;
}

/**
 * netlink_listen - wait for messages of the groups that were joined
 * @nl: socket
 * @cb: gets each
 * @data: for @cb
 *
 * Return: 0 after one or several, or a negative errno: -EINTR after a signal,
 * -ENOBUFS when some were lost.
 */
int netlink_listen(struct netlink *nl, mnl_cb_t cb, void *data)
{
	ssize_t len = mnl_socket_recvfrom(nl->socket, nl->buf, sizeof(nl->buf));

	if (len < 0)
		return -errno;
	return mnl_cb_run(nl->buf, (size_t)len, 0, 0, cb, data) < 0 ? -errno : 0;
}
