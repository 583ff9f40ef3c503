// SPDX-License-Identifier: GPL-2.0
/*
 * What was measured: tables for people, JSON, and columns for gnuplot.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

/* Is it a rate, of which more is better? */
static bool is_rate(size_t k)
{
	return k * sizeof(double) < offsetof(struct results, rtt);
}

/**
 * report_rounds() - make one figure of those of several rounds
 *
 * The median, or, where instructions are counted, the best: there the rounds
 * differ only by whether the scheduler lets a reader that is woken run at once.
 */
void report_rounds(void)
{
	for (int i = 0; i < NR_PEERS; i++) {
		struct peer *p = &peers[i];

		for (size_t k = 0; k < sizeof(p->r) / sizeof(double); k++) {
			double of[ROUNDS_MAX];
			int take = plan.rounds / 2;

			for (int n = 0; n < plan.rounds; n++)
				of[n] = ((double *)&p->rounds[n])[k];
			qsort(of, plan.rounds, sizeof(*of), compare_doubles);
			if (plan.best)
				take = is_rate(k) ? plan.rounds - 1 : 0;
			((double *)&p->r)[k] = of[take];
		}
	}
}

static const char *size_name(size_t size)
{
	static char name[24];

	if (size >= 1024 && size % 1024 == 0)
		snprintf(name, sizeof(name), "%zu KiB", size / 1024);
	else
		snprintf(name, sizeof(name), "%zu B", size);
	return name;
}

static void print_number(double value)
{
	if (value)
		printf(" %9.*f", value < 100 ? 1 : 0, value);
	else
		printf(" %9s", "-");
}

static bool any(const double *values, int n)
{
	for (int i = 0; i < n; i++)
		if (values[i])
			return true;
	return false;
}

static void print_sizes(const char *what)
{
	printf("\n%-16s", what);
	for (int i = 0; i < plan.nr_sizes; i++)
		printf(" %9s", size_name(plan.sizes[i]));
	printf("\n");
}

static void print_row(const char *name, const double *values, int n)
{
	if (!any(values, n))
		return;
	printf("%-16s", name);
	for (int i = 0; i < n; i++)
		print_number(values[i]);
	printf("\n");
}

/* Of AF_VSHM, the type that a neighbour is compared with. */
static int ours(int other)
{
	return peers[other].type == SOCK_SEQPACKET ? VSHM_SEQPACKET :
	       peers[other].type == SOCK_DGRAM ? VSHM_DGRAM : VSHM;
}

/* How many times as good as @other; above 1 is better in every row. */
static void print_ratios(int other, const double *a, const double *b, int n)
{
	char name[40];

	if (!peers[ours(other)].present || !peers[other].present || !any(a, n) ||
	    !any(b, n))
		return;
	snprintf(name, sizeof(name), "over %s", peers[other].name);
	printf("%-16s", name);
	for (int i = 0; i < n; i++) {
		if (a[i] && b[i])
			printf(" %8.2fx", a[i] / b[i]);
		else
			printf(" %9s", "-");
	}
	printf("\n");
}

static void print_streams(void)
{
	int n = plan.nr_sizes;

	print_sizes("one way, MB/s");
	for (int i = 0; i < NR_PEERS; i++)
		print_row(peers[i].name, peers[i].r.stream, n);
	for (int i = UNIX; i < NR_PEERS; i++)
		print_ratios(i, peers[ours(i)].r.stream, peers[i].r.stream, n);
}

static void print_duplex(void)
{
	bool some = false;

	for (int i = 0; i < NR_PEERS; i++)
		some |= any(peers[i].r.duplex, plan.nr_sizes);
	if (!some)
		return;
	print_sizes("both ways, MB/s");
	for (int i = 0; i < NR_PEERS; i++)
		print_row(peers[i].name, peers[i].r.duplex, plan.nr_sizes);
}

struct times {
	double row[6];
};

static struct times times(int peer)
{
	const struct results *r = &peers[peer].r;

	return (struct times){ { r->rtt.mean, r->rtt.p50, r->rtt.p99, r->rtt.p999,
				 r->connect, r->polled.mean } };
}

static void print_times(void)
{
	int n = plan.busy_poll ? 6 : 5;

	printf("\n%-16s %9s %9s %9s %9s %9s", "us", "64 B rtt", "p50", "p99",
	       "p99.9", "connect");
	printf(plan.busy_poll ? " %9s\n" : "\n", "polled");
	for (int i = 0; i < NR_PEERS; i++)
		print_row(peers[i].name, times(i).row, n);
	for (int i = UNIX; i < NR_PEERS; i++)
		print_ratios(i, times(i).row, times(ours(i)).row, n);
}

static void print_growth(void)
{
	printf("\n%-16s", "us, connections");
	for (int i = 0; i < plan.nr_growth; i++)
		printf(" %9d", plan.growth[i]);
	printf("\n");
	for (int i = 0; i < NR_PEERS; i++) {
		char name[40];

		snprintf(name, sizeof(name), "%s 64 B", peers[i].name);
		print_row(name, peers[i].r.growth_stream, plan.nr_growth);
		snprintf(name, sizeof(name), "%s rtt", peers[i].name);
		print_row(name, peers[i].r.growth_rtt, plan.nr_growth);
	}
	printf("\n%-16s %9s %9s %9s\n", "beside", "KiB idle", "64 B, us", "rtt, us");
	for (int i = 0; i < NR_PEERS; i++) {
		const struct results *r = &peers[i].r;

		print_row(peers[i].name, (double []){ r->idle_kib,
			  r->stalled_stream, r->stalled_rtt }, 3);
	}
}

static void print_bound(void)
{
	printf("\n%-16s %9s %9d %9s %9d\n", "us, listeners", "listen 1",
	       plan.bound, "connect 1", plan.bound);
	for (int i = 0; i < NR_PEERS; i++) {
		const struct results *r = &peers[i].r;

		print_row(peers[i].name, (double []){ r->bind[0], r->bind[1],
			  r->bind_connect[0], r->bind_connect[1] }, 4);
	}
}

/** report_tables() - print what was measured */
void report_tables(void)
{
	print_streams();
	print_duplex();
	print_times();
	if (plan.nr_growth)
		print_growth();
	if (plan.bound)
		print_bound();
	for (int i = 0; i < NR_PEERS; i++)
		if (peers[i].r.parallel[0])
			printf("\n%s, messages of 64 KiB: 1 pair %.0f MB/s, %d pairs %.0f MB/s, %.2fx\n",
			       peers[i].name, peers[i].r.parallel[0], plan.pairs,
			       peers[i].r.parallel[1],
			       peers[i].r.parallel[1] / peers[i].r.parallel[0]);
}

static void json_sizes(FILE *out, const char *name, const double *values)
{
	fprintf(out, ",\n    \"%s\": {", name);
	for (int i = 0; i < plan.nr_sizes; i++)
		fprintf(out, "%s\"%zu\": %.3f", i ? ", " : "", plan.sizes[i],
			values[i]);
	fprintf(out, "}");
}

static void json_growth(FILE *out, const char *name, const double *values)
{
	fprintf(out, ",\n    \"%s\": {", name);
	for (int i = 0; i < plan.nr_growth; i++)
		fprintf(out, "%s\"%d\": %.3f", i ? ", " : "", plan.growth[i],
			values[i]);
	fprintf(out, "}");
}

/**
 * report_json() - write what was measured as JSON
 * @path: file
 *
 * Return: 0, or -1 with errno set.
 */
int report_json(const char *path)
{
	FILE *out = fopen(path, "w");
	const char *comma = "";

	if (!out)
		return -1;
	fprintf(out, "{");
	for (int i = 0; i < NR_PEERS; i++) {
		const struct peer *p = &peers[i];

		if (!p->present)
			continue;
		fprintf(out, "%s\n  \"%s\": {\n"
			"    \"rtt_us\": {\"mean\": %.3f, \"p50\": %.3f, \"p99\": %.3f, \"p99.9\": %.3f},\n"
			"    \"rtt_polled_us\": %.3f,\n"
			"    \"connect_us\": %.3f,\n"
			"    \"parallel_mb_s\": [%.3f, %.3f],\n"
			"    \"idle_kib\": %.3f,\n"
			"    \"stalled_us\": [%.3f, %.3f],\n"
			"    \"bind_us\": [%.3f, %.3f],\n"
			"    \"bind_connect_us\": [%.3f, %.3f]",
			comma, p->name, p->r.rtt.mean, p->r.rtt.p50, p->r.rtt.p99,
			p->r.rtt.p999, p->r.polled.mean, p->r.connect, p->r.parallel[0], p->r.parallel[1],
			p->r.idle_kib, p->r.stalled_stream, p->r.stalled_rtt,
			p->r.bind[0], p->r.bind[1], p->r.bind_connect[0],
			p->r.bind_connect[1]);
		json_sizes(out, "one_way_mb_s", p->r.stream);
		json_sizes(out, "both_ways_mb_s", p->r.duplex);
		json_growth(out, "growth_64b_us", p->r.growth_stream);
		json_growth(out, "growth_rtt_us", p->r.growth_rtt);
		fprintf(out, "\n  }");
		comma = ",";
	}
	fprintf(out, "\n}\n");
	return fclose(out);
}

/**
 * report_data() - write one-way rates in columns, as gnuplot reads them
 * @path: file
 *
 * Return: 0, or -1 with errno set.
 */
int report_data(const char *path)
{
	FILE *out = fopen(path, "w");

	if (!out)
		return -1;
	fprintf(out, "size");
	for (int i = 0; i < NR_PEERS; i++)
		if (peers[i].present)
			fprintf(out, " %s", peers[i].name);
	for (int k = 0; k < plan.nr_sizes; k++) {
		fprintf(out, "\n%zu", plan.sizes[k]);
		for (int i = 0; i < NR_PEERS; i++)
			if (!peers[i].present)
				continue;
			else if (peers[i].r.stream[k])
				fprintf(out, " %.3f", peers[i].r.stream[k]);
			else
				fprintf(out, " ?");
	}
	fprintf(out, "\n");
	return fclose(out);
}
