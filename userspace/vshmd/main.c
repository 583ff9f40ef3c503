// SPDX-License-Identifier: GPL-2.0
/*
 * vshmd: start, event loop, reload, end.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "vshm_run.h"
#include "vshmd.h"

#define NR_SIGNALS	3

/**
 * struct process - what only this file needs
 * @d: everything else
 * @signals: SIGINT, SIGTERM, SIGHUP
 * @pid_fd: lock of the pid file, or -1
 * @ready_fd: for daemon_ready(), or -1
 */
struct process {
	struct vshmd	d;
	struct event	*signals[NR_SIGNALS];
	int		pid_fd;
	int		ready_fd;
};

static bool conflicts(const struct specs *specs, const struct spec *spec)
{
	struct error why;
	size_t i;

	for (i = 0; i < specs->nr; i++) {
		if (spec_conflict(&specs->spec[i], spec, &why))
			return true;
	}
	return false;
}

static int copy_all(struct specs *to, const struct specs *from,
		    struct error *err)
{
	struct spec copy;
	size_t i;

	for (i = 0; i < from->nr; i++) {
		if (spec_copy(&copy, &from->spec[i]))
			return error_set(err, "out of memory");
		if (specs_add(to, &copy, err)) {
			spec_free(&copy);
			return -1;
		}
	}
	return 0;
}

/* Links that were asked for at run time stay, unless the others need the place. */
static int copy_requested(struct specs *to, const struct vshmd *d,
			  struct error *err)
{
	const struct link *link;
	struct spec copy;

	TAILQ_FOREACH(link, &d->links, entry) {
		if (link->spec.origin != ORIGIN_CONTROL ||
		    conflicts(to, &link->spec))
			continue;
		if (spec_copy(&copy, &link->spec))
			return error_set(err, "out of memory");
		if (specs_add(to, &copy, err)) {
			spec_free(&copy);
			return -1;
		}
	}
	return 0;
}

/*
 * Without a configuration file, or without host, the policy is somebody else's
 * business.
 */
static bool has_policy(const struct vshmd *d, const struct config *config,
		       const struct specs *wanted)
{
	bool has = config->nr_rules || policy_applied();
	size_t i;

	for (i = 0; !has && i < wanted->nr; i++)
		has = spec_is_host(&wanted->spec[i]);
	return has && d->opt.config;
}

/* Put the command line and a configuration in force. */
static int apply(struct vshmd *d, const struct config *config, bool all,
		 struct error *err)
{
	struct specs wanted = { 0 };
	int ret = -1;

	if (copy_all(&wanted, &d->opt.links, err) ||
	    copy_all(&wanted, &config->links, err) ||
	    copy_requested(&wanted, d, err)) {
		log_msg(LOG_ERR, "%s", err->text);
		goto out;
	}
	ret = links_apply(d, &wanted, all);
	if (ret && all)
		goto out;
	if (has_policy(d, config, &wanted) &&
	    policy_apply(config->rules, config->nr_rules))
		ret = -1;
out:
	specs_free(&wanted);
	return ret;
}

/**
 * vshmd_reload - read the configuration again, and put it in force
 * @d: everything
 * @err: what is wrong with it
 *
 * A configuration that is wrong changes nothing. One that is right stays in
 * force even if some of its links cannot be started; the next reload tries
 * them again.
 *
 * Return: 0, or -1 after logging what is wrong.
 */
int vshmd_reload(struct vshmd *d, struct error *err)
{
	const struct log_fields about = {
		.event = "reload_failed",
		.path = d->opt.config,
	};
	struct config config;
	int ret;

	notify_reloading();
	if (!d->opt.config)
		config_init(&config, &d->opt);
	else if (config_load(&config, d->opt.config, &d->opt, err)) {
		log_event(LOG_ERR, &about,
			  "%s; the configuration stays as it was", err->text);
		notify_ready(d);
		return -1;
	}
	ret = apply(d, &config, false, err);
	config_free(&d->config);
	d->config = config;
	links_announce(d);
	if (ret)
		log_event(LOG_WARNING, &about,
			  "the configuration is in force in part: correct it and reload");
	else
		log_msg(LOG_NOTICE, "the configuration is in force");
	notify_ready(d);
	return ret;
}

static void on_signal(evutil_socket_t signum, short what, void *arg)
{
	struct vshmd *d = arg;
	struct error err;

	(void)what;
	if (signum == SIGHUP && d->opt.config) {
		vshmd_reload(d, &err);
		return;
	}
	if (signum == SIGHUP && d->opt.daemon)
		return;
	if (signum == SIGINT)
		d->keeping = false;
	log_msg(LOG_INFO, "SIG%s: leaving", sigabbrev_np((int)signum));
	event_base_loopbreak(d->base);
}

static void on_libevent_log(int severity, const char *msg)
{
	log_msg(severity >= EVENT_LOG_WARN ? LOG_WARNING : LOG_DEBUG,
		"libevent: %s", msg);
}

static int start_loop(struct process *p)
{
	static const int signums[NR_SIGNALS] = { SIGINT, SIGTERM, SIGHUP };
	struct vshmd *d = &p->d;
	int i;

	signal(SIGPIPE, SIG_IGN);
	event_set_log_callback(on_libevent_log);
	d->base = event_base_new();
	if (!d->base)
		goto err;
	for (i = 0; i < NR_SIGNALS; i++) {
		p->signals[i] = evsignal_new(d->base, signums[i], on_signal, d);
		if (!p->signals[i] || event_add(p->signals[i], NULL))
			goto err;
	}
	return 0;

err:
	log_msg(LOG_ERR, "cannot create the event loop: %s", strerror(errno));
	return -1;
}

/* Of the links of an earlier process, those that still can. */
static int take_over(struct vshmd *d)
{
	if (!d->opt.keep)
		return 0;
	if (keep_open(d->opt.keep))
		return -1;
	restore_links(d);
	d->keeping = !TAILQ_EMPTY(&d->links);
	keep_drop_rest();
	return 0;
}

/*
 * With links of an earlier process, a wrong configuration is no reason to end:
 * they are served until it is corrected.
 */
static int start_links(struct vshmd *d)
{
	struct error err;
	struct config config;
	int ret;

	if (!d->opt.config) {
		config_init(&config, &d->opt);
	} else if (config_load(&config, d->opt.config, &d->opt, &err)) {
		log_msg(LOG_ERR, "%s", err.text);
		return d->keeping ? 0 : -1;
	}
	ret = apply(d, &config, !d->keeping, &err);
	config_free(&d->config);
	d->config = config;
	return d->keeping ? 0 : ret;
}

static const char *control_path(const struct vshmd *d)
{
	if (d->opt.control)
		return d->opt.control;
	if (d->config.control)
		return d->config.control;
	return d->opt.config ? VSHM_CONTROL : NULL;
}

static int start(struct process *p)
{
	struct vshmd *d = &p->d;
	const char *control;

	if (d->opt.daemon) {
		p->ready_fd = daemon_fork();
		if (p->ready_fd < 0)
			return -1;
	}
	/* What cannot be done is said when a socket shall be there. */
	if (d->opt.config || d->opt.keep || d->opt.control)
		mkdir(VSHM_RUN_DIR, 0755);
	if (start_loop(p))
		return -1;
	if (d->opt.pid_file) {
		p->pid_fd = pidfile_create(d->opt.pid_file);
		if (p->pid_fd < 0)
			return -1;
	}
	if (take_over(d) || start_links(d))
		return -1;
	control = control_path(d);
	if (control && control_start(d, control))
		return -1;
	if (!d->opt.no_sandbox && sandbox_enter())
		return -1;
	if (p->ready_fd >= 0 && daemon_ready(p->ready_fd))
		return -1;
	d->keeping = keep_enabled();
	links_announce(d);
	notify_start(d->base);
	notify_ready(d);
	return 0;
}

/* Undo start(), however far it got. */
static void stop(struct process *p)
{
	struct vshmd *d = &p->d;
	int i;

	notify_stopping();
	notify_stop();
	control_stop();
	policy_end(d->keeping);
	links_stop_all(d);
	keep_close();
	if (p->pid_fd >= 0)
		pidfile_remove(d->opt.pid_file, p->pid_fd);
	for (i = 0; i < NR_SIGNALS; i++) {
		if (p->signals[i])
			event_free(p->signals[i]);
	}
	if (d->base)
		event_base_free(d->base);
	libevent_global_shutdown();
	config_free(&d->config);
	options_free(&d->opt);
}

/* --check: say what is wrong, or that nothing is. */
static int check(struct options *opt)
{
	struct config config;
	struct error err;
	int ret;

	ret = config_load(&config, opt->config, opt, &err);
	if (ret) {
		log_msg(LOG_ERR, "%s", err.text);
	} else {
		printf("%s: %zu links, %zu rules\n", opt->config,
		       config.links.nr, config.nr_rules);
		config_free(&config);
	}
	options_free(opt);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct process p = { .pid_fd = -1, .ready_fd = -1 };
	int status = EXIT_FAILURE;

	if (daemon_std_fds())
		return EXIT_FAILURE;
	options_parse(&p.d.opt, argc, argv);
	log_init(p.d.opt.verbose, p.d.opt.log_format);
	if (p.d.opt.check)
		return check(&p.d.opt);
	TAILQ_INIT(&p.d.links);
	config_init(&p.d.config, &p.d.opt);

	if (!start(&p)) {
		if (event_base_dispatch(p.d.base) < 0)
			log_msg(LOG_ERR, "the event loop failed: %s",
				strerror(errno));
		else
			status = EXIT_SUCCESS;
	}
	stop(&p);
	return status;
}
