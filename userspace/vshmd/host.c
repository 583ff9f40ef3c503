// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a link that is the kernel's: it gets the same memory as a guest,
 * through /dev/vshm. The open file is the attachment.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vshm_run.h"
#include "vshmd.h"

static const char *open_remedy(int err)
{
	switch (err) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return "load the module vshm_host, or set \"host\" to false to join guests with each other only";
	case EACCES:
	case EPERM:
		return "run vshmd as root, with CAP_NET_ADMIN";
	default:
		return "look at the kernel's messages";
	}
}

static const char *attach_remedy(int err)
{
	switch (err) {
	case EPERM:
		return "run vshmd as root, with CAP_NET_ADMIN";
	case EEXIST:
	case EBUSY:
	case EADDRINUSE:
		return "there is a link to this CID already: stop the other vshmd, or choose another CID";
	case ENOTTY:
		return "the module vshm_host is of another version: load the one that belongs to this vshmd";
	case ENOMEM:
	case EDQUOT:
		return "give the link less memory, or raise the limit on locked memory";
	default:
		return "look at the kernel's messages";
	}
}

/**
 * host_open - open the device
 *
 * Return: descriptor, or -1 after logging why.
 */
int host_open(void)
{
	const struct log_fields about = {
		.event = "no_device",
		.path = VSHM_DEVICE,
	};
	int fd = open(VSHM_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		log_event(LOG_ERR, &about, VSHM_DEVICE ": %s: %s",
			  strerror(errno), open_remedy(errno));
	return fd;
}

/**
 * host_attach - give the kernel its end of a link
 * @link: a link to the host, with its memory and doorbells, which the kernel has
 *	not
 *
 * Return: 0, or -1 after logging why; then the kernel has it not.
 */
int host_attach(struct link *link)
{
	const struct log_fields about = {
		.event = "attach_failed",
		.link = link->name,
		.path = VSHM_DEVICE,
	};
	struct vshm_attach attach = {
		.size = sizeof(attach),
		.memory_fd = link->memfd,
		.in_fd = link->side[0].doorbell,
		.out_fd = link->side[1].doorbell,
		.cid = link->spec.cid[0],
		.peer_cid = link->spec.cid[1],
		.max_connections = link->spec.max_connections,
	};

	link->host_fd = host_open();
	if (link->host_fd < 0)
		return -1;
	if (ioctl(link->host_fd, VSHM_IOC_ATTACH, &attach)) {
		log_event(LOG_ERR, &about, "link %s: " VSHM_DEVICE
			  ": cannot attach the host: %s: %s", link->name,
			  strerror(errno), attach_remedy(errno));
		host_detach(link);
		return -1;
	}
	return 0;
}

/**
 * host_detach - take the kernel's end of a link away
 * @link: the link; the guest is told by the kernel that the host is gone, once
 *	nobody else has the file
 */
void host_detach(struct link *link)
{
	if (link->host_fd >= 0)
		close(link->host_fd);
	link->host_fd = -1;
}
