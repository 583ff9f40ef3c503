// SPDX-License-Identifier: GPL-2.0
/*
 * What vshm perf has measured: a line for each interval and the result, or one
 * object of JSON with both.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "js.h"
#include "perf.h"

/**
 * struct perf_report - a report that is being made
 * @perf: what is measured
 * @last: what was counted at the last interval
 * @since: what was counted since, for a moment
 * @seconds: when that was
 * @intervals: array of all of them, for JSON
 */
struct perf_report {
	const struct perf	*perf;
	struct perf_count	last;
	struct perf_count	since;
	double			seconds;
	struct json_object	*intervals;
};

static const double percents[] = { 50, 90, 99, 99.9 };

#define NR_PERCENTS	(sizeof(percents) / sizeof(percents[0]))

/**
 * perf_mode_name - name of what is measured
 * @mode: what that is
 *
 * Return: the name.
 */
const char *perf_mode_name(enum perf_mode mode)
{
	static const char * const names[] = {
		[PERF_SEND] = "send",
		[PERF_RECEIVE] = "receive",
		[PERF_RTT] = "rtt",
		[PERF_CONNECT] = "connect",
	};

	return names[mode];
}

static bool has_latency(const struct perf *perf)
{
	return perf->mode == PERF_RTT || perf->mode == PERF_CONNECT;
}

static const char *socket_type(const struct perf *perf)
{
	char number[12];

	snprintf(number, sizeof(number), "%d", perf->type);
	/* one of the names, which outlive the number */
	return type_name(number);
}

static double per_second(uint64_t n, double seconds)
{
	return seconds > 0 ? (double)n / seconds : 0;
}

static double us(uint64_t ns)
{
	return (double)ns / 1000;
}

static double mean_us(const struct latency *latency)
{
	return latency->count ? us(latency->sum) / (double)latency->count : 0;
}

/* Three significant digits at least: 1.23, 12.3, 123, 1234. */
static const char *us_text(double value, char *buf, size_t size)
{
	snprintf(buf, size, "%.*f", value < 10 ? 2 : value < 100 ? 1 : 0, value);
	return buf;
}

static bool add_rates(struct json_object *obj, const struct perf_count *count,
		      double seconds)
{
	return js_add(obj, "bytes", json_object_new_uint64(count->bytes)) &&
	       js_add(obj, "messages", json_object_new_uint64(count->messages)) &&
	       js_add(obj, "bytes_per_second",
		      js_double(per_second(count->bytes, seconds))) &&
	       js_add(obj, "messages_per_second",
		      js_double(per_second(count->messages, seconds)));
}

static bool add_latency(struct json_object *obj, const struct latency *latency)
{
	struct json_object *us_obj = json_object_new_object();
	char name[16];
	size_t i;
	bool ok;

	ok = js_add(us_obj, "count", json_object_new_uint64(latency->count)) &&
	     js_add(us_obj, "min", js_double(us(latency->min))) &&
	     js_add(us_obj, "mean", js_double(mean_us(latency)));
	for (i = 0; ok && i < NR_PERCENTS; i++) {
		snprintf(name, sizeof(name), "p%g", percents[i]);
		ok = js_add(us_obj, name,
			    js_double(us(latency_percentile(latency, percents[i]))));
	}
	ok = ok && js_add(us_obj, "max", js_double(us(latency->max)));
	return js_add(obj, "latency_us", us_obj) && ok;
}

static struct json_object *interval_json(const struct perf_report *report,
					 double from, double to)
{
	struct json_object *obj = json_object_new_object();

	if (js_add(obj, "from", js_double(from)) &&
	    js_add(obj, "to", js_double(to)) &&
	    add_rates(obj, &report->since, to - from) &&
	    (!has_latency(report->perf) ||
	     add_latency(obj, &report->since.latency)))
		return obj;
	json_object_put(obj);
	return NULL;
}

static void print_head(const struct perf *perf)
{
	char text[ENDPOINT_TEXT], size[32];

	printf("%s %s %s, %s, %u %s", perf_mode_name(perf->mode),
	       perf->mode == PERF_RECEIVE ? "from" : "to",
	       endpoint_text(&perf->to, text), socket_type(perf),
	       perf->connections,
	       perf->connections == 1 ? "connection" : "connections");
	if (perf->mode == PERF_CONNECT)
		puts(" at a time");
	else
		printf(", messages of %s\n",
		       size_text(perf->size, size, sizeof(size)));
	printf("%s%8s %8s", terminal_bold(), "SECONDS",
	       perf->mode == PERF_CONNECT ? "CONNS" :
	       perf->mode == PERF_RTT ? "TRIPS" : "MESSAGES");
	if (has_latency(perf))
		printf(" %8s %9s %9s %9s %9s", "PER_S", "MEAN_US", "P50_US",
		       "P99_US", "MAX_US");
	else
		printf(" %8s %8s %8s", "PER_S", "BYTES", "BYTES_S");
	printf("%s\n", terminal_plain());
}

static void print_line(const struct perf *perf, const struct perf_count *count,
		       double at, double seconds)
{
	const struct latency *latency = &count->latency;
	char a[32], b[32], c[32], d[32];

	printf("%8.1f %8s %8s", at, rate_text((double)count->messages, a, sizeof(a)),
	       rate_text(per_second(count->messages, seconds), b, sizeof(b)));
	if (has_latency(perf))
		printf(" %9s %9s %9s %9s\n",
		       us_text(mean_us(latency), a, sizeof(a)),
		       us_text(us(latency_percentile(latency, 50)), b, sizeof(b)),
		       us_text(us(latency_percentile(latency, 99)), c, sizeof(c)),
		       us_text(us(latency->max), d, sizeof(d)));
	else
		printf(" %8s %8s\n", rate_text((double)count->bytes, a, sizeof(a)),
		       rate_text(per_second(count->bytes, seconds), b, sizeof(b)));
}

static void print_us(double value)
{
	char text[32];

	printf(" %9s", us_text(value, text, sizeof(text)));
}

static void print_latency(const struct latency *latency)
{
	char name[32];
	size_t i;

	printf("%s %9s %9s", terminal_bold(), "MIN_US", "MEAN_US");
	for (i = 0; i < NR_PERCENTS; i++) {
		snprintf(name, sizeof(name), "P%g_US", percents[i]);
		printf(" %9s", name);
	}
	printf(" %9s%s\n", "MAX_US", terminal_plain());
	print_us(us(latency->min));
	print_us(mean_us(latency));
	for (i = 0; i < NR_PERCENTS; i++)
		print_us(us(latency_percentile(latency, percents[i])));
	print_us(us(latency->max));
	putchar('\n');
}

static void print_result(const struct perf *perf, const struct perf_count *total,
			 double seconds)
{
	char text[32];

	printf("%s%s: %s per second", terminal_bold(), perf_mode_name(perf->mode),
	       rate_text(per_second(total->messages, seconds), text, sizeof(text)));
	if (!has_latency(perf))
		printf(", %sB/s", rate_text(per_second(total->bytes, seconds), text,
					    sizeof(text)));
	printf("%s\n", terminal_plain());
	printf("%" PRIu64 " %s", total->messages,
	       perf->mode == PERF_CONNECT ? "connections" :
	       perf->mode == PERF_RTT ? "round trips" : "messages");
	if (perf->mode != PERF_CONNECT)
		printf(", %" PRIu64 " bytes", total->bytes);
	printf(" in %.3f s\n", seconds);
	if (has_latency(perf))
		print_latency(&total->latency);
}

/**
 * report_start - begin to report
 * @perf: what is measured
 *
 * Return: the report, freed with report_free(), or NULL if memory is short.
 */
struct perf_report *report_start(const struct perf *perf)
{
	struct perf_report *report = calloc(1, sizeof(*report));

	if (!report)
		return NULL;
	report->perf = perf;
	report->intervals = json_object_new_array();
	return report;
}

/**
 * report_interval - report what was done since the last time
 * @report: report
 * @seconds: how long it is since the start
 * @total: what was done since the start
 *
 * Return: 0, or -1 if memory is short.
 */
int report_interval(struct perf_report *report, double seconds,
		    const struct perf_count *total)
{
	const struct perf *perf = report->perf;
	bool first = !report->seconds;
	int ret = 0;

	report->since = *total;
	report->since.messages -= report->last.messages;
	report->since.bytes -= report->last.bytes;
	latency_subtract(&report->since.latency, &report->last.latency);
	if (perf->json) {
		if (!js_append(report->intervals,
			       interval_json(report, report->seconds, seconds)))
			ret = -1;
	} else if (!perf->quiet) {
		if (first)
			print_head(perf);
		print_line(perf, &report->since, seconds,
			   seconds - report->seconds);
		fflush(stdout);
	}
	report->last = *total;
	report->seconds = seconds;
	return ret;
}

/**
 * report_end - report the result
 * @report: report
 * @seconds: how long it took
 * @total: what was done
 *
 * Return: 0, or -1 if memory is short.
 */
int report_end(struct perf_report *report, double seconds,
	       const struct perf_count *total)
{
	const struct perf *perf = report->perf;
	char text[ENDPOINT_TEXT];
	struct json_object *obj;

	if (!perf->json) {
		print_result(perf, total, seconds);
		return 0;
	}
	obj = json_object_new_object();
	if (!js_add(obj, "mode", js_string(perf_mode_name(perf->mode))) ||
	    !js_add(obj, "type", js_string(socket_type(perf))) ||
	    !js_add(obj, "to", js_string(endpoint_text(&perf->to, text))) ||
	    !js_add(obj, "connections",
		    json_object_new_uint64(perf->connections)) ||
	    !js_add(obj, "size", json_object_new_uint64(perf->size)) ||
	    !js_add(obj, "seconds", js_double(seconds)) ||
	    !add_rates(obj, total, seconds) ||
	    (has_latency(perf) && !add_latency(obj, &total->latency)) ||
	    !js_add(obj, "intervals", json_object_get(report->intervals))) {
		json_object_put(obj);
		return -1;
	}
	return print_json(obj) ? -1 : 0;
}

/**
 * report_free - free a report
 * @report: report, or NULL
 */
void report_free(struct perf_report *report)
{
	if (!report)
		return;
	json_object_put(report->intervals);
	free(report);
}
