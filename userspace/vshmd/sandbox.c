// SPDX-License-Identifier: GPL-2.0
/*
 * What vshmd gives up once it serves: capabilities that it has no use for, new
 * privileges by whatever it would execute, and every system call but those
 * that it makes. It parses what clients and files say, so this bounds what a
 * mistake there is worth.
 *
 * A call that is not in the list fails with EPERM, as a library copes with it;
 * one that has no other use than to break out ends the process.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cap-ng.h>
#include <seccomp.h>

#include "vshmd.h"

/* Files of others, and their owners; host links, and memory that is pinned. */
static const unsigned int kept_caps[] = {
	CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_IPC_LOCK, CAP_NET_ADMIN,
};

static const char *const allowed[] = {
	/* descriptors */
	"close", "dup", "dup2", "dup3", "fcntl", "ioctl", "lseek", "pipe",
	"pipe2", "pread64", "preadv2", "pwrite64", "read", "readv", "write",
	"writev",
	/* files: configuration, sockets, pid file, users and groups */
	"access", "chdir", "chmod", "chown", "faccessat", "faccessat2", "fchmod",
	"fchmodat", "fchown", "fchownat", "flock", "fstat", "fstatfs",
	"ftruncate", "getcwd", "getdents64", "lchown", "link", "linkat",
	"lstat", "mkdir", "mkdirat", "newfstatat", "open", "openat",
	"readlink", "readlinkat", "rename", "renameat", "renameat2", "stat",
	"statfs", "statx", "umask", "unlink", "unlinkat",
	/* sockets */
	"accept", "accept4", "bind", "connect", "getpeername", "getsockname",
	"getsockopt", "listen", "recvfrom", "recvmmsg", "recvmsg", "sendmmsg",
	"sendmsg", "sendto", "setsockopt", "shutdown",
	/* links */
	"eventfd2", "fallocate", "memfd_create",
	/* the event loop, and time */
	"clock_getres", "clock_gettime", "clock_nanosleep", "epoll_create",
	"epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2",
	"epoll_wait", "gettimeofday", "nanosleep", "poll", "ppoll", "pselect6",
	"select", "setitimer", "time", "timerfd_create", "timerfd_gettime",
	"timerfd_settime",
	/* memory */
	"brk", "madvise", "mremap", "munmap",
	/* the process itself */
	"exit", "exit_group", "futex", "getegid", "geteuid", "getgid",
	"getgroups", "getpgrp", "getpid", "getppid", "getrandom", "getresgid",
	"getresuid", "getrlimit", "getrusage", "gettid", "getuid",
	"membarrier", "prlimit64", "restart_syscall", "rseq", "rt_sigaction",
	"rt_sigpending", "rt_sigprocmask", "rt_sigreturn",
	"rt_sigtimedwait", "sched_getaffinity", "sched_yield",
	"set_robust_list", "sigaltstack", "sysinfo", "tgkill", "uname",
};

static const char *const deadly[] = {
	"bpf", "delete_module", "execve", "execveat", "finit_module",
	"init_module", "io_uring_setup", "kexec_load", "mount",
	"open_by_handle_at", "perf_event_open", "pivot_root",
	"process_vm_readv", "process_vm_writev", "ptrace", "setns", "unshare",
	"userfaultfd",
};

static int add_rules(scmp_filter_ctx ctx, uint32_t action,
		     const char *const *names, size_t nr)
{
	size_t i;
	int ret;

	for (i = 0; i < nr; i++) {
		int call = seccomp_syscall_resolve_name(names[i]);

		/* not on this machine, or younger than the library */
		if (call == __NR_SCMP_ERROR)
			continue;
		ret = seccomp_rule_add(ctx, action, call, 0);
		if (ret && ret != -EDOM)
			return ret;
	}
	return 0;
}

/* No memory that can be executed, and no sockets but those of UNIX. */
static int add_conditions(scmp_filter_ctx ctx)
{
	static const int calls[] = { SCMP_SYS(mmap), SCMP_SYS(mprotect) };
	int ret = 0;
	size_t i;

	for (i = 0; !ret && i < sizeof(calls) / sizeof(*calls); i++)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 1,
				       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC,
					       0));
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket),
				       1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW,
				       SCMP_SYS(socketpair), 1,
				       SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	/* what libevent and libsystemd name their process by, and no more */
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
				       SCMP_A0(SCMP_CMP_EQ, PR_GET_NAME));
	return ret;
}

static int filter_calls(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int ret;

	if (!ctx)
		return -ENOMEM;
	ret = add_rules(ctx, SCMP_ACT_ALLOW, allowed,
			sizeof(allowed) / sizeof(*allowed));
	if (!ret)
		ret = add_rules(ctx, SCMP_ACT_KILL_PROCESS, deadly,
				sizeof(deadly) / sizeof(*deadly));
	if (!ret)
		ret = add_conditions(ctx);
	if (!ret)
		ret = seccomp_load(ctx);
	seccomp_release(ctx);
	return ret;
}

static int drop_caps(void)
{
	size_t i;

	if (capng_get_caps_process())
		return -EPERM;
	/* of those kept, what is there at all; none can be got again */
	for (i = 0; i <= CAP_LAST_CAP; i++) {
		size_t k = 0;

		while (k < sizeof(kept_caps) / sizeof(*kept_caps) &&
		       kept_caps[k] != i)
			k++;
		if (k == sizeof(kept_caps) / sizeof(*kept_caps))
			capng_update(CAPNG_DROP, CAPNG_EFFECTIVE |
				     CAPNG_PERMITTED | CAPNG_INHERITABLE,
				     (unsigned int)i);
	}
	return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}

/**
 * sandbox_enter - give up what is not needed to serve
 *
 * A kernel without filters of system calls is no reason to end: what it has is
 * given up, and the rest said.
 *
 * Return: 0, or -1 after logging why.
 */
int sandbox_enter(void)
{
	int ret = drop_caps();

	/* the libraries that know users and groups: none is loaded later */
	getpwnam("-");
	getgrnam("-");
	if (!ret && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		ret = -errno;
	if (ret) {
		log_msg(LOG_ERR, "cannot give up privileges: %s: --no-sandbox keeps them",
			strerror(-ret));
		return -1;
	}
	ret = filter_calls();
	if (ret == -EINVAL || ret == -ENOSYS || ret == -ECANCELED) {
		log_msg(LOG_NOTICE, "this kernel cannot filter system calls: going on without");
		return 0;
	}
	if (ret)
		log_msg(LOG_ERR, "cannot filter system calls: %s: --no-sandbox does not",
			strerror(-ret));
	return ret ? -1 : 0;
}
