// SPDX-License-Identifier: GPL-2.0
/*
 * Going to the background. The child does all the work of starting, with its
 * messages still on the terminal, while the parent waits at a pipe for one
 * byte: everything is ready.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vshmd.h"

/**
 * daemon_std_fds - make sure that descriptors 0 to 2 are open
 *
 * Otherwise a socket could become stderr.
 *
 * Return: 0, or -1 with errno set.
 */
int daemon_std_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

/* In the parent: wait for the child, and exit as it does. */
static _Noreturn void wait_ready(int fd, pid_t child)
{
	ssize_t len;
	char byte;
	int status;

	do
		len = read(fd, &byte, 1);
	while (len < 0 && errno == EINTR);
	if (len == 1)
		_exit(EXIT_SUCCESS);

	if (waitpid(child, &status, 0) == child && WIFEXITED(status) &&
	    WEXITSTATUS(status))
		_exit(WEXITSTATUS(status));
	log_msg(LOG_ERR, "the process in the background died while starting");
	_exit(EXIT_FAILURE);
}

/**
 * daemon_fork - continue in a child process
 *
 * Returns in the child only. The parent exits, with status 0 once the child
 * calls daemon_ready(), or with the child's if it exits before.
 *
 * Return: descriptor for daemon_ready(), or -1 after logging why.
 */
int daemon_fork(void)
{
	int fds[2];
	pid_t child;

	if (pipe2(fds, O_CLOEXEC)) {
		log_msg(LOG_ERR, "cannot create a pipe: %s", strerror(errno));
		return -1;
	}
	child = fork();
	if (child < 0) {
		log_msg(LOG_ERR, "cannot fork: %s", strerror(errno));
		close(fds[0]);
		close(fds[1]);
		return -1;
	}
	if (child > 0) {
		close(fds[1]);
		wait_ready(fds[0], child);
	}
	close(fds[0]);
	setsid();
	return fds[1];
}

/**
 * daemon_ready - leave the terminal to the parent, and let it exit
 * @fd: what daemon_fork() returned
 *
 * Return: 0, or -1 after logging why.
 */
int daemon_ready(int fd)
{
	int null, i;

	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || chdir("/")) {
		log_msg(LOG_ERR, "cannot go to the background: %s",
			strerror(errno));
		if (null >= 0)
			close(null);
		close(fd);
		return -1;
	}
	log_to_syslog();
	for (i = STDIN_FILENO; i <= STDERR_FILENO; i++)
		dup2(null, i);
	close(null);

	/* A parent that was killed does not need the news. */
	if (write(fd, "", 1) != 1)
		log_msg(LOG_WARNING, "nobody waits for the start to complete");
	close(fd);
	return 0;
}
