/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the daemon and the command meet.
 */
#ifndef _VSHM_RUN_H
#define _VSHM_RUN_H

#define VSHM_VERSION_STRING	"0.1"

#define VSHM_RUN_DIR		"/run/vshm"
#define VSHM_CONTROL		VSHM_RUN_DIR "/control"
#define VSHM_KEEP		VSHM_RUN_DIR "/keep"
#define VSHM_CONFIG		"/etc/vshm/vshmd.conf"
#define VSHM_DEVICE		"/dev/vshm"

/* Longest request at the control socket; answers can be longer. */
#define VSHM_CONTROL_LINE	(64U << 10)

#endif /* _VSHM_RUN_H */
