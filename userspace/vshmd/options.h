/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _VSHMD_OPTIONS_H
#define _VSHMD_OPTIONS_H

#include "log.h"
#include "spec.h"

/**
 * struct options - what the command line says
 * @links: the links
 * @size: bytes of shared memory of a link that names no size
 * @mode: permissions of sockets for which nothing else is said
 * @config: configuration file, or NULL
 * @control: control socket, or NULL
 * @keep: where descriptors are kept, or NULL
 * @pid_file: pid file, or NULL
 * @log_format: how messages look
 * @daemon: go to the background
 * @check: only look whether the configuration is right
 * @no_sandbox: keep all privileges
 * @verbose: log clients that come and go
 *
 * All paths are from the root directory.
 */
struct options {
	struct specs	links;
	uint64_t	size;
	mode_t		mode;
	char		*config;
	char		*control;
	char		*keep;
	char		*pid_file;
	enum log_format	log_format;
	bool		daemon;
	bool		check;
	bool		no_sandbox;
	bool		verbose;
};

void options_parse(struct options *opt, int argc, char **argv);
void options_free(struct options *opt);

#endif /* _VSHMD_OPTIONS_H */
