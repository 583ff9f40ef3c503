// SPDX-License-Identifier: GPL-2.0
/*
 * vshm stat: what goes through the links, and how many sockets there are.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "js.h"
#include "vshm.h"

static const char help[] =
	"Usage: vshm stat [INTERVAL [COUNT]]\n"
	"\n"
	"How many sockets there are, and the counters of each link: all that was counted\n"
	"so far, or, every INTERVAL seconds, per second what was since the last time,\n"
	"COUNT times or until interrupted.\n"
	"  CONN            connections\n"
	"  TX, RX          bytes sent and received\n"
	"  RUNG, HEARD     doorbells sent and received\n"
	"  QUIET           notifications that needed no doorbell\n"
	"  HEAP            memory in use for rings, of what the own half has\n"
	"  RESETS, VIOL    resets and violations of the protocol, always in total\n"
	"\n"
	"  -e            which sockets send and receive, and bytes queued, as well: this\n"
	"                looks at every socket\n"
	"  -j            JSON: one object, or one a line\n"
	"  -w[SECONDS]   painted over, instead of INTERVAL\n";

/* Counters, and what they are called. */
static const struct {
	const char	*column;
	const char	*name;
	const char	*name_rate;
} counters[] = {
	{ "tx.bytes", "TX", "TX/S" },
	{ "rx.bytes", "RX", "RX/S" },
	{ "rung", "RUNG", "RUNG/S" },
	{ "heard", "HEARD", "HEARD/S" },
	{ "quiet", "QUIET", "QUIET/S" },
};

#define NR_COUNTERS	(sizeof(counters) / sizeof(counters[0]))

static const char * const states[] = {
	"unconnected", "bound", "listening", "connecting", "connected",
	"shutdown", "disconnected", "terminated",
};

#define NR_STATES	(sizeof(states) / sizeof(states[0]))

/**
 * struct totals - all sockets taken together
 * @nr: how many there are
 * @state: how many are in each state
 * @all: what follows is known
 * @sending: how many send
 * @receiving: how many receive
 * @sendq: bytes in their send queues
 * @recvq: bytes in their receive queues
 */
struct totals {
	uint64_t	nr;
	uint64_t	state[NR_STATES];
	bool		all;
	uint64_t	sending;
	uint64_t	receiving;
	uint64_t	sendq;
	uint64_t	recvq;
};

/**
 * struct sample - what the kernel shows at one time
 * @ns: which time, 0 if there is no sample
 * @links: its links
 * @totals: its sockets
 */
struct sample {
	uint64_t	ns;
	struct table	links;
	struct totals	totals;
};

/**
 * struct stat - what is shown
 * @opt: command line
 * @last: the last sample, if rates are wanted
 * @rates: show rates once there is @last
 */
struct stat {
	const struct options	*opt;
	struct sample		last;
	bool			rates;
};

/* The kernel's own totals, one line of names and numbers: a table without rows. */
static int read_totals(struct totals *totals, const char *dir, struct error *err)
{
	struct table t;
	size_t i, state;

	if (proc_read(&t, dir, "vshm_sockstat", err))
		return -1;
	for (i = 1; i + 1 < t.columns; i += 2) {
		uint64_t value = strtoull(table_cell(&t, 0, i + 1), NULL, 10);

		if (!strcmp(table_cell(&t, 0, i), "inuse"))
			totals->nr = value;
		for (state = 0; state < NR_STATES; state++) {
			if (!strcasecmp(table_cell(&t, 0, i), states[state]))
				totals->state[state] = value;
		}
	}
	table_free(&t);
	return 0;
}

/* What only the sockets themselves tell. */
static int count_sockets(struct totals *totals, const char *dir, struct error *err)
{
	struct table t;
	size_t row;

	if (proc_read(&t, dir, "vshm", err))
		return -1;
	totals->all = true;
	for (row = 1; row < table_rows(&t); row++) {
		const char *activity = table_get(&t, row, "activity");

		totals->sending += !!strchr(activity, 'S');
		totals->receiving += !!strchr(activity, 'R');
		totals->sendq += table_number(&t, row, "sendq");
		totals->recvq += table_number(&t, row, "recvq");
	}
	table_free(&t);
	return 0;
}

static int sample_read(struct sample *sample, const struct options *opt,
		       struct error *err)
{
	memset(sample, 0, sizeof(*sample));
	if (read_totals(&sample->totals, opt->proc, err) ||
	    (opt->extended && count_sockets(&sample->totals, opt->proc, err)) ||
	    proc_read(&sample->links, opt->proc, "vshm_links", err))
		return -1;
	sample->ns = now_ns();
	return 0;
}

/* The row that a link had in another sample, or 0. */
static size_t find_link(const struct table *in, const struct table *links,
			size_t row)
{
	static const char * const key[] = { "kind", "local", "peer", "epoch" };
	size_t i, k;

	for (i = 1; i < table_rows(in); i++) {
		for (k = 0; k < 4; k++) {
			if (strcmp(table_get(in, i, key[k]),
				   table_get(links, row, key[k])))
				break;
		}
		if (k == 4)
			return i;
	}
	return 0;
}

/* What a counter has counted since the last sample, of a new link all of it. */
static uint64_t since(const struct sample *now, const struct sample *last,
		      size_t row, const char *column)
{
	size_t before = last->ns ? find_link(&last->links, &now->links, row) : 0;
	uint64_t value = table_number(&now->links, row, column), old = 0;

	if (before)
		old = table_number(&last->links, before, column);
	return old > value ? value : value - old;
}

static double seconds_between(const struct sample *last, const struct sample *now)
{
	return last->ns ? (double)(now->ns - last->ns) / 1e9 : 1;
}

static int add_names(struct table *out, bool rates)
{
	size_t i;

	if (table_add(out, "LINK") || table_add(out, "STATE") ||
	    table_add(out, "CONN"))
		return -1;
	for (i = 0; i < NR_COUNTERS; i++) {
		if (table_add(out, rates ? counters[i].name_rate :
						 counters[i].name))
			return -1;
	}
	if (table_add(out, "HEAP") || table_add(out, "RESETS") ||
	    table_add(out, "VIOL"))
		return -1;
	out->columns = out->cells;
	return 0;
}

static int add_heap(struct table *out, const struct table *links, size_t row)
{
	uint64_t size = table_number(links, row, "heap");

	/* loopback takes its rings from the kernel's memory */
	if (!size)
		return table_add(out, "-");
	return table_addf(out, "%.1f%%",
			 100.0 * (double)table_number(links, row, "heap_used") /
			 (double)size);
}

static int add_link(struct table *out, const struct sample *now,
		    const struct sample *last, size_t row)
{
	const struct table *links = &now->links;
	double seconds = seconds_between(last, now);
	char text[32];
	size_t i;

	if (table_addf(out, "%s-%s", table_get(links, row, "local"),
		      table_get(links, row, "peer")) ||
	    table_add(out, table_get(links, row, "state")) ||
	    table_add(out, table_get(links, row, "connections")))
		return -1;
	for (i = 0; i < NR_COUNTERS; i++) {
		const char *column = counters[i].column;

		if (table_column(links, column) < 0)
			strcpy(text, "-");
		else
			rate_text((double)since(now, last, row, column) / seconds,
				  text, sizeof(text));
		if (table_add(out, text))
			return -1;
	}
	return add_heap(out, links, row) ||
	       table_add(out, table_get(links, row, "resets")) ||
	       table_add(out, table_get(links, row, "violations"));
}

static void print_totals(const struct totals *totals)
{
	char sendq[32], recvq[32];
	size_t i;

	printf("%s%" PRIu64 " socket%s%s", terminal_bold(), totals->nr,
	       totals->nr == 1 ? "" : "s", terminal_plain());
	for (i = 0; i < NR_STATES; i++) {
		if (totals->state[i])
			printf(", %" PRIu64 " %s", totals->state[i], states[i]);
	}
	if (totals->sending)
		printf(", %" PRIu64 " sending", totals->sending);
	if (totals->receiving)
		printf(", %" PRIu64 " receiving", totals->receiving);
	if (totals->sendq || totals->recvq)
		printf("\nbytes queued: %s to send, %s received",
		       rate_text((double)totals->sendq, sendq, sizeof(sendq)),
		       rate_text((double)totals->recvq, recvq, sizeof(recvq)));
	putchar('\n');
}

static int print_sample(const struct sample *now, const struct sample *last)
{
	struct table out = { 0 };
	size_t row;
	int ret;

	print_totals(&now->totals);
	ret = add_names(&out, last->ns);
	for (row = 1; !ret && row < table_rows(&now->links); row++)
		ret = add_link(&out, now, last, row);
	if (!ret)
		ret = table_print(&out);
	table_free(&out);
	return ret;
}

static struct json_object *totals_json(const struct totals *totals)
{
	struct json_object *obj = json_object_new_object();
	struct json_object *by_state = json_object_new_object();
	bool ok = true;
	size_t i;

	for (i = 0; i < NR_STATES; i++)
		ok = js_add(by_state, states[i],
			    json_object_new_uint64(totals->state[i])) && ok;
	ok = js_add(obj, "total", json_object_new_uint64(totals->nr)) && ok;
	ok = js_add(obj, "states", by_state) && ok;
	if (totals->all) {
		ok = js_add(obj, "sending",
			    json_object_new_uint64(totals->sending)) && ok;
		ok = js_add(obj, "receiving",
			    json_object_new_uint64(totals->receiving)) && ok;
		ok = js_add(obj, "sendq",
			    json_object_new_uint64(totals->sendq)) && ok;
		ok = js_add(obj, "recvq",
			    json_object_new_uint64(totals->recvq)) && ok;
	}
	if (ok)
		return obj;
	json_object_put(obj);
	return NULL;
}

/* The link as it is, and the rates. */
static struct json_object *link_json(const struct sample *now,
				     const struct sample *last, size_t row)
{
	struct json_object *obj = table_row_json(&now->links, row);
	struct json_object *rates;
	double seconds = seconds_between(last, now);
	bool ok = obj;
	size_t i;

	if (!last->ns)
		return obj;
	rates = json_object_new_object();
	for (i = 0; i < NR_COUNTERS; i++) {
		const char *column = counters[i].column;

		if (table_column(&now->links, column) >= 0)
			ok = js_add(rates, column,
				    js_double((double)since(now, last, row, column) /
					      seconds)) && ok;
	}
	if (js_add(obj, "per_second", rates) && ok)
		return obj;
	json_object_put(obj);
	return NULL;
}

static struct json_object *sample_json(const struct sample *now,
				       const struct sample *last)
{
	struct json_object *obj = json_object_new_object();
	struct json_object *links = json_object_new_array();
	bool ok = true;
	size_t row;

	for (row = 1; row < table_rows(&now->links); row++)
		ok = js_append(links, link_json(now, last, row)) && ok;
	if (last->ns)
		ok = js_add(obj, "seconds",
			    js_double(seconds_between(last, now))) && ok;
	ok = js_add(obj, "sockets", totals_json(&now->totals)) && ok;
	ok = js_add(obj, "links", links) && ok;
	if (ok)
		return obj;
	json_object_put(obj);
	return NULL;
}

static int show(void *arg)
{
	const struct error no_memory = { .text = "out of memory" };
	struct stat *stat = arg;
	struct sample now;
	struct error err;
	int status = EXIT_SUCCESS;

	if (sample_read(&now, stat->opt, &err))
		return fail(&err);
	if (stat->opt->json && stat->rates)
		status = print_json_line(sample_json(&now, &stat->last));
	else if (stat->opt->json)
		status = print_json(sample_json(&now, &stat->last));
	else if (print_sample(&now, &stat->last))
		status = fail(&no_memory);
	table_free(&stat->last.links);
	if (stat->rates)
		stat->last = now;
	else
		table_free(&now.links);
	return status;
}

static int show_rates(struct stat *stat, double interval, uint64_t count)
{
	uint64_t next = now_ns(), i;
	struct error err;
	int status;

	stop_on_signals();
	if (sample_read(&stat->last, stat->opt, &err))
		return fail(&err);
	for (i = 0; !count || i < count; i++) {
		next = tick_after(next, interval);
		pause_until(next);
		if (stopped())
			break;
		if (i && !stat->opt->json)
			putchar('\n');
		status = show(stat);
		if (status || fflush(stdout))
			return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

/**
 * do_stat - vshm stat
 * @opt: command line
 *
 * Return: exit status.
 */
int do_stat(struct options *opt)
{
	struct stat stat = { .opt = opt };
	double interval = 0;
	uint64_t count = 0;
	int status;

	status = parse_own(opt, help, NULL, NULL, NULL);
	if (status >= 0)
		return status;
	if (opt->nr > 1 && (seconds_parse(opt->word[1], &interval) || !interval))
		return usage(help, opt, "'%s' is no number of seconds above 0",
			     opt->word[1]);
	if (opt->nr > 2 && (number_parse(opt->word[2], UINT64_MAX, &count) || !count))
		return usage(help, opt, "'%s' is no number above 0", opt->word[2]);
	if (opt->nr > 3)
		return usage(help, opt, "'%s' is too much: give INTERVAL and COUNT",
			     opt->word[3]);
	if (interval && opt->watch)
		return usage(help, opt, "INTERVAL and -w are the same: give one");
	stat.rates = interval || opt->watch;
	status = interval ? show_rates(&stat, interval, count) :
			    watch(opt, show, &stat);
	table_free(&stat.last.links);
	return status;
}
