// SPDX-License-Identifier: GPL-2.0
/*
 * The socket table: by sock_diag(7), or from procfs where the user names a
 * directory, or the module is one that does not answer.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "diag.h"
#include "filter.h"
#include "sockets.h"

/**
 * sockets_read - read sockets
 * @opt: command line
 * @filter: some of those that do not fit are left out
 * @table: takes the others, with at least the columns of procfs; freed with
 *	table_free()
 * @err: what is wrong
 *
 * Return: 0 or -1.
 */
int sockets_read(const struct options *opt, const struct filter *filter,
		 struct table *table, struct error *err)
{
	static bool told;
	int ret;

	if (opt->proc)
		return proc_read(table, opt->proc, "vshm", err);
	ret = diag_read(filter, table, err);
	if (ret != -ENOENT)
		return ret ? -1 : 0;
	if (proc_read(table, PROC_NET, "vshm", err))
		return -1;
	if (!told)
		fputs("vshm: this module does not know sock_diag(7): what " PROC_NET " has is shown\n",
		      stderr);
	told = true;
	return 0;
}

/**
 * sockets_add_names - add the names of the columns that are shown unasked
 * @out: table
 *
 * Return: 0, or -1 if memory is short.
 */
int sockets_add_names(struct table *out)
{
	static const char * const names[] = {
		"STATE", "ACT", "TYPE", "RECV-Q", "SEND-Q", "LOCAL", "PEER",
		"UID",
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (table_add(out, names[i]))
			return -1;
	}
	return 0;
}

static bool is_listening(const struct table *t, size_t row)
{
	return !strcasecmp(table_get(t, row, "state"), "listening");
}

/**
 * sockets_peer - the remote address for people
 * @t: sockets
 * @row: number of the socket's row
 * @buf: where it goes
 * @size: bytes there
 *
 * Return: @buf: CID and port, stars where there is no peer.
 */
const char *sockets_peer(const struct table *t, size_t row, char *buf, size_t size)
{
	const char *port = table_get(t, row, "r.port");
	bool peer = strcmp(port, "0") && strcmp(port, "*") &&
		    strcmp(port, "-") && !is_listening(t, row);

	snprintf(buf, size, "%s:%s", peer ? table_get(t, row, "r.cid") : "*",
		 peer ? port : "*");
	return buf;
}

/**
 * sockets_add - add what is shown unasked of a socket
 * @out: table
 * @t: sockets
 * @row: number of the socket's row
 *
 * A listener's queue is that of connections.
 *
 * Return: 0, or -1 if memory is short.
 */
int sockets_add(struct table *out, const struct table *t, size_t row)
{
	bool listening = is_listening(t, row);
	char peer[ADDRESS_TEXT];

	if (table_add(out, table_get(t, row, "state")) ||
	    table_add(out, table_get(t, row, "activity")) ||
	    table_add(out, type_name(table_get(t, row, "l.type"))) ||
	    table_add(out, table_get(t, row, listening ? "connq" : "recvq")) ||
	    table_add(out, table_get(t, row, listening ? "connlim" : "sendq")) ||
	    table_addf(out, "%s:%s", table_get(t, row, "l.cid"),
		      table_get(t, row, "l.port")) ||
	    table_add(out, sockets_peer(t, row, peer, sizeof(peer))) ||
	    table_add(out, table_get(t, row, "uid")))
		return -1;
	return 0;
}
