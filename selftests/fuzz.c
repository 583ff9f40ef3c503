// SPDX-License-Identifier: GPL-2.0
/*
 * Calls drawn at random, some right and some wrong, on sockets that several
 * tasks share: over loopback, two links and forwarding, while the links come
 * and go and signals interrupt what blocks; once as they are, once with
 * requests for memory that fail.
 *
 * The tasks share files and not memory: where user space of one process does not
 * run on several CPUs at once, as in User-Mode Linux, its calls still do. Each
 * draws from a seed of its own, which comes from the one that is printed.
 * VSHM_SEED and VSHM_STEPS in the environment set the seed and the number of
 * steps of each task.
 */
#include "vshm_bed.h"
#include "vshm_fault.h"
#include "vshm_fuzz.h"
#include "vshm_proc.h"
#include "vshm_traffic.h"
#include <kselftest_harness.h>

#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define TASKS		4
#define STEPS		2500
#define CALLS		10	/* in each step */
#define POOL		48	/* sockets at a time */
#define PORTS		12	/* that are used often */
#define FDS		4	/* that are sent in one message */
#define BUFFER		(96 * 1024)
#define ERRNO_MAX	133	/* a program never sees those above */

static int epoll_fd;

/**
 * struct shared - memory of all tasks
 * @pool: sockets
 * @beds: links of the host to both guests
 * @f: the tasks
 */
static struct shared {
	int pool[POOL];
	struct vshm_bed beds[2];
	struct fuzz f[TASKS];
} *shared;

static int any_fd(struct fuzz *f)
{
	return __atomic_load_n(&shared->pool[draw(f) % POOL], __ATOMIC_RELAXED);
}

/* A new socket takes the place of another. */
static int keep(struct fuzz *f, int fd)
{
	int old;

	if (fd < 0)
		return -1;
	old = __atomic_exchange_n(&shared->pool[draw(f) % POOL], fd,
				  __ATOMIC_RELAXED);
	if (old >= 0)
		close(old);
	return 0;
}

/* Bytes of the program, of which the last may be out of reach. */
static void *any_buf(struct fuzz *f, size_t *len)
{
	static const size_t most[] = { 0, 1, 64, 3000, BUFFER, BUFFER };

	*len = most[draw(f) % 6];
	if (*len > 1)
		*len = draw(f) % *len;
	if (often(f, 32))
		return f->buf;
	if (often(f, 2))
		return f->buf + BUFFER - *len / 2;
	return (void *)(draw(f) << (draw(f) % 32));
}

static int any_size(struct fuzz *f, int right)
{
	return often(f, 16) ? right : (int)(draw(f) % 256) - 8;
}

static socklen_t any_addr(struct fuzz *f, struct sockaddr_vshm *addr)
{
	static const uint32_t cids[] = {
		VSHM_CID_LOCAL, VSHM_CID_LOCAL, VSHM_CID_HOST, 3, 4, 5,
		VSHM_CID_ANY, VSHM_CID_HYPERVISOR,
	};

	*addr = vshm_addr(often(f, 32) ? cids[draw(f) % 8] : any_value(f),
			  often(f, 16) ? 5000 + draw(f) % PORTS : any_value(f));
	if (!often(f, 64))
		((uint8_t *)addr)[draw(f) % sizeof(*addr)] = draw(f);
	return any_size(f, sizeof(*addr));
}

/*
 * Where requests fail, nothing may block: the frame of a signal that interrupts
 * it would be a copy that fails, too, and end the program.
 */
static bool may_block(struct fuzz *f)
{
	return f->nth < 0 && often(f, 2);
}

static int known_type(struct fuzz *f)
{
	static const int types[] = {
		SOCK_STREAM, SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM,
	};

	return types[draw(f) % 4];
}

static int any_type(struct fuzz *f)
{
	int flags = may_block(f) ? 0 : SOCK_NONBLOCK;

	return (often(f, 32) ? known_type(f) : (int)(draw(f) % 16)) | flags;
}

static int call_socket(struct fuzz *f)
{
	int protocol = often(f, 16) ? 0 : (int)(draw(f) % 64);

	return keep(f, socket(vshm_family(), any_type(f), protocol));
}

static int call_pair(struct fuzz *f)
{
	int fd[2];

	if (socketpair(vshm_family(), any_type(f), 0, fd))
		return -1;
	keep(f, fd[0]);
	return keep(f, fd[1]);
}

static int call_close(struct fuzz *f)
{
	int fd = __atomic_exchange_n(&shared->pool[draw(f) % POOL], -1,
				     __ATOMIC_RELAXED);

	return fd < 0 ? 0 : close(fd);
}

static int call_dup(struct fuzz *f)
{
	return keep(f, dup(any_fd(f)));
}

static int call_bind(struct fuzz *f)
{
	struct sockaddr_vshm addr;
	socklen_t len = any_addr(f, &addr);

	return bind(any_fd(f), (struct sockaddr *)&addr, len);
}

static int call_listen(struct fuzz *f)
{
	return listen(any_fd(f), draw(f) % 8);
}

static int call_connect(struct fuzz *f)
{
	struct sockaddr_vshm addr;
	socklen_t len = any_addr(f, &addr);

	return connect(any_fd(f), (struct sockaddr *)&addr, len);
}

/* What goes on in a program's life most of the time. */
static int call_client(struct fuzz *f)
{
	struct sockaddr_vshm addr = vshm_addr(draw(f) % 4 + 1,
					      5000 + draw(f) % PORTS);
	int fd = socket(vshm_family(), known_type(f) | SOCK_NONBLOCK, 0);
	int ret;

	if (fd < 0)
		return -1;
	ret = connect(fd, (struct sockaddr *)&addr, sizeof(addr));
	keep(f, fd);
	return ret;
}

static int call_server(struct fuzz *f)
{
	struct sockaddr_vshm addr = vshm_addr(VSHM_CID_ANY,
					      5000 + draw(f) % PORTS);
	int fd = socket(vshm_family(), known_type(f) | SOCK_NONBLOCK, 0);
	int ret;

	if (fd < 0)
		return -1;
	ret = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ?:
	      listen(fd, draw(f) % 8);
	keep(f, fd);
	return ret;
}

static int call_accept(struct fuzz *f)
{
	struct sockaddr_vshm addr;
	socklen_t len = any_size(f, sizeof(addr));
	bool named = often(f, 2);

	return keep(f, accept4(any_fd(f), named ? (void *)&addr : NULL,
			       named ? &len : NULL,
			       may_block(f) ? 0 : SOCK_NONBLOCK));
}

static int any_flags(struct fuzz *f)
{
	int flags = MSG_NOSIGNAL | (often(f, 4) ? MSG_DONTWAIT : 0);

	if (!often(f, 4))
		flags |= draw(f) & (MSG_PEEK | MSG_TRUNC | MSG_WAITALL |
				    MSG_EOR | MSG_MORE);
	return often(f, 64) ? flags : (int)draw(f) | MSG_NOSIGNAL;
}

static struct msghdr *any_msg(struct fuzz *f, struct msghdr *msg,
			      struct iovec *iov, int max)
{
	*msg = (struct msghdr) { .msg_iov = iov, .msg_iovlen = draw(f) % max };
	for (size_t i = 0; i < msg->msg_iovlen; i++)
		iov[i].iov_base = any_buf(f, &iov[i].iov_len);
	return msg;
}

/* Room for all that can go beside a message. */
union control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(FDS * sizeof(int)) +
		 CMSG_SPACE(sizeof(struct ucred))];
};

static void add_control(struct fuzz *f, struct msghdr *msg, int type,
			const void *data, size_t len)
{
	struct cmsghdr *c = (void *)((char *)msg->msg_control +
				     msg->msg_controllen);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = often(f, 32) ? type : (int)(draw(f) % 8);
	c->cmsg_len = often(f, 32) ? CMSG_LEN(len) : any_value(f);
	memcpy(CMSG_DATA(c), data, len);
	msg->msg_controllen += CMSG_SPACE(len);
}

/* Some of these cannot be sent. */
static int any_file(struct fuzz *f, const int *pipe)
{
	const int files[] = { pipe[0], pipe[1], pipe[1], epoll_fd, any_fd(f) };

	return files[draw(f) % (often(f, 4) ? 3 : 5)];
}

static int call_send(struct fuzz *f)
{
	size_t len;
	void *buf = any_buf(f, &len);

	return send(any_fd(f), buf, len, any_flags(f));
}

static int call_sendmsg(struct fuzz *f)
{
	struct iovec iov[12];
	struct msghdr msg;

	any_msg(f, &msg, iov, 12);
	if (!often(f, 32)) {
		msg.msg_control = f->buf;
		msg.msg_controllen = draw(f) % 64;
	}
	return sendmsg(any_fd(f), &msg, any_flags(f));
}

/* Descriptors, credentials, or both. */
static int call_send_control(struct fuzz *f)
{
	struct ucred cred = { getpid(), getuid(), getgid() };
	union control control = { 0 };
	int end[2], fd[FDS], n = draw(f) % (FDS + 1), ret;
	struct iovec iov[3];
	struct msghdr msg;

	if (pipe(end))
		return -1;
	for (int i = 0; i < n; i++)
		fd[i] = any_file(f, end);
	if (!often(f, 8))
		((uint32_t *)&cred)[draw(f) % 3] = any_value(f);
	any_msg(f, &msg, iov, 3);
	msg.msg_control = &control;
	if (often(f, 3))
		add_control(f, &msg, SCM_RIGHTS, fd, n * sizeof(*fd));
	if (!often(f, 3))
		add_control(f, &msg, SCM_CREDENTIALS, &cred, sizeof(cred));
	ret = sendmsg(any_fd(f), &msg, any_flags(f));
	close(end[0]);
	close(end[1]);
	return ret;
}

/* Some are used from now on, as any program would. */
static void take_files(struct fuzz *f, struct msghdr *msg)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		int *fd = (int *)CMSG_DATA(c);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (; (char *)(fd + 1) <= (char *)c + c->cmsg_len; fd++) {
			if (often(f, 8))
				close(*fd);
			else
				keep(f, *fd);
		}
	}
}

static int call_sendto(struct fuzz *f)
{
	struct sockaddr_vshm addr;
	socklen_t len = any_addr(f, &addr);

	return sendto(any_fd(f), f->buf, 10, any_flags(f), (void *)&addr, len);
}

static int call_recv(struct fuzz *f)
{
	size_t len;
	void *buf = any_buf(f, &len);

	return recv(any_fd(f), buf, len, any_flags(f));
}

static int call_recvmsg(struct fuzz *f)
{
	union control control;
	struct iovec iov[12];
	struct msghdr msg;
	int ret;

	any_msg(f, &msg, iov, 12);
	if (often(f, 4)) {
		msg.msg_control = &control;
		msg.msg_controllen = often(f, 4) ? sizeof(control) :
						   draw(f) % sizeof(control);
	}
	ret = recvmsg(any_fd(f), &msg, any_flags(f));
	if (ret >= 0 && msg.msg_control)
		take_files(f, &msg);
	return ret;
}

static int call_splice(struct fuzz *f)
{
	int fd[2], ret;

	if (pipe2(fd, O_NONBLOCK))
		return -1;
	if (often(f, 2)) {
		ret = write(fd[1], f->buf, draw(f) % 9000);
		ret = splice(fd[0], NULL, any_fd(f), NULL, 9000,
			     SPLICE_F_NONBLOCK);
	} else {
		ret = splice(any_fd(f), NULL, fd[1], NULL, draw(f) % 9000,
			     SPLICE_F_NONBLOCK);
	}
	close(fd[0]);
	close(fd[1]);
	return ret;
}

static int call_shutdown(struct fuzz *f)
{
	return shutdown(any_fd(f), often(f, 16) ? (int)(draw(f) % 3) :
						 (int)any_value(f));
}

static int call_poll(struct fuzz *f)
{
	struct pollfd p[4];

	for (int i = 0; i < 4; i++)
		p[i] = (struct pollfd) { any_fd(f), draw(f), 0 };
	return poll(p, 4, draw(f) % 3);
}

static int call_epoll(struct fuzz *f)
{
	struct epoll_event event = { .events = draw(f) | EPOLLET };

	event.events &= ~EPOLLEXCLUSIVE;
	if (often(f, 3))
		return epoll_ctl(epoll_fd, EPOLL_CTL_ADD + draw(f) % 3,
				 any_fd(f), &event);
	return epoll_wait(epoll_fd, &event, 1, draw(f) % 2);
}

static int any_option(struct fuzz *f, int *name)
{
	static const int generic[] = {
		SO_RCVTIMEO, SO_SNDTIMEO, SO_RCVLOWAT, SO_RCVBUF, SO_SNDBUF,
		SO_LINGER, SO_REUSEADDR, SO_KEEPALIVE, SO_ERROR, SO_TYPE,
		SO_PEEK_OFF, SO_BUSY_POLL, SO_ACCEPTCONN, SO_DOMAIN,
		SO_PASSCRED, SO_PASSCRED, SO_PEERCRED,
	};

	if (!often(f, 32)) {
		*name = draw(f) % 80;
		return draw(f) % 300;
	}
	if (often(f, 2)) {
		*name = generic[draw(f) % (sizeof(generic) / sizeof(*generic))];
		return SOL_SOCKET;
	}
	*name = draw(f) % 10;
	return vshm_family();
}

static int call_setsockopt(struct fuzz *f)
{
	uint64_t value[2] = { any_value(f), any_value(f) };
	int name, level = any_option(f, &name);

	if (name == SO_RCVTIMEO || name == SO_SNDTIMEO)
		value[0] = 0;
	return setsockopt(any_fd(f), level, name, value,
			  often(f, 8) ? 8 * (1 + draw(f) % 2) : draw(f) % 17);
}

static int call_getsockopt(struct fuzz *f)
{
	int name, level = any_option(f, &name);
	socklen_t len = any_size(f, 16);

	return getsockopt(any_fd(f), level, name, f->buf, &len);
}

static int call_name(struct fuzz *f)
{
	struct sockaddr_vshm addr[16];
	socklen_t len = any_size(f, sizeof(*addr));

	return (often(f, 2) ? getsockname : getpeername)(any_fd(f),
							 (void *)addr, &len);
}

static int call_ioctl(struct fuzz *f)
{
	static const unsigned long known[] = {
		FIONREAD, SIOCOUTQ, FIONBIO, FIOASYNC,
	};
	int value = !may_block(f);

	return ioctl(any_fd(f), often(f, 16) ? known[draw(f) % 4] : draw(f),
		     often(f, 16) ? (void *)&value : (void *)draw(f));
}

static int call_fcntl(struct fuzz *f)
{
	if (often(f, 4))
		return fcntl(any_fd(f), F_SETFL,
			     (may_block(f) ? 0 : O_NONBLOCK) |
			     (draw(f) & O_ASYNC));
	return fcntl(any_fd(f), F_SETOWN, getpid());
}

static int call_table(struct fuzz *f)
{
	int fd = open(often(f, 4) ? VSHM_PROC_PATH : VSHM_PROC_LINKS,
		      O_RDONLY);
	int ret = read(fd, f->buf, draw(f) % 5000);

	close(fd);
	return ret;
}

/* What lies at the end of these never is a region. */
static int call_device(struct fuzz *f)
{
	static const unsigned long known[] = {
		VSHM_IOC_ATTACH, VSHM_IOC_POLICY,
	};
	int fd = open(VSHM_DEVICE, O_RDWR), ret;
	struct {
		struct vshm_attach attach;
		uint64_t more[4];
	} arg = { .attach = vshm_bed_args(&shared->beds[0], 0) };
	uint32_t *word = (uint32_t *)&arg;

	for (int i = draw(f) % 4; i >= 0; i--)
		word[draw(f) % (sizeof(arg) / 4)] = any_value(f);
	/* the CIDs of the links stay those of the links */
	arg.attach.memory_fd = often(f, 2) ? any_fd(f) : (int)any_value(f);
	if (arg.attach.memory_fd == shared->beds[0].memfd ||
	    arg.attach.memory_fd == shared->beds[1].memfd)
		arg.attach.memory_fd = -1;
	ret = ioctl(fd, often(f, 8) ? known[draw(f) % 2] : draw(f),
		    often(f, 8) ? (void *)&arg : (void *)draw(f));
	close(fd);
	return ret;
}

/*
 * One end goes and comes back; one task does it. A task that duplicates a
 * number that it read long ago may hold the device open for a while.
 */
static void bounce(struct fuzz *f)
{
	struct vshm_bed *bed = &shared->beds[draw(f) % 2];
	int side = draw(f) % 2;

	vshm_bed_detach(bed, side);
	while (vshm_bed_attach(bed, side))
		call_close(f);
	vshm_ns_enter(f->ns);
}

static int (* const fuzz_table[])(struct fuzz *f) = {
	call_socket, call_pair, call_close, call_dup, call_bind, call_listen,
	call_connect, call_client, call_client, call_client, call_server,
	call_server, call_accept, call_accept, call_accept, call_accept,
	call_send, call_send, call_send, call_sendmsg, call_send_control,
	call_send_control, call_sendto, call_recv, call_recv, call_recv,
	call_recvmsg, call_recvmsg, call_splice, call_shutdown,
	call_poll, call_epoll, call_setsockopt, call_getsockopt, call_name,
	call_ioctl, call_fcntl, call_table, call_device, fuzz_diag,
};

static void fuzz_call(struct fuzz *f)
{
	unsigned int i = draw(f) % (sizeof(fuzz_table) / sizeof(*fuzz_table));
	bool fault = f->nth >= 0 && !often(f, 3);
	int ret, err;

	if (fault) {
		pthread_sigmask(SIG_BLOCK, &f->signals, NULL);
		vshm_fault_arm(f->nth, 1 + draw(f) % (1 + draw(f) % 30));
	}
	ret = fuzz_table[i](f);
	err = errno;
	if (fault) {
		vshm_fault_disarm(f->nth);
		pthread_sigmask(SIG_UNBLOCK, &f->signals, NULL);
	}
	f->calls++;
	f->good += ret >= 0;
	if (ret < 0 && err > ERRNO_MAX)
		f->strange = err;
}

static void fuzz_run(struct fuzz *f)
{
	if (vshm_ns_enter(f->ns))
		abort();
	sigemptyset(&f->signals);
	sigaddset(&f->signals, SIGUSR1);
	if (f->nth >= 0)
		f->nth = open(VSHM_FAULT_NTH, O_RDWR);
	for (int step = 0; step < f->steps; step++) {
		for (int i = 0; i < CALLS; i++)
			fuzz_call(f);
		if (f->bounces && !(draw(f) % 100))
			bounce(f);
	}
	if (f->nth >= 0)
		close(f->nth);
}

FIXTURE(fuzz) {
	int ns[3];
	long taint;
};

FIXTURE_SETUP(fuzz)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, shared);
	self->taint = vshm_taint();
	for (int i = 0; i < 3; i++)
		self->ns[i] = vshm_ns_new();
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, vshm_bed_link(&shared->beds[i], self->ns[0],
					   VSHM_CID_HOST, self->ns[i + 1],
					   3 + i));
	ASSERT_EQ(0, vshm_ns_policy(self->ns[0], VSHM_CID_ANY, VSHM_CID_ANY,
				    1));
	ASSERT_EQ(0, vshm_catch_usr1());
	sigaction(SIGIO, &ignore, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	for (int i = 0; i < POOL; i++)
		shared->pool[i] = -1;
	epoll_fd = epoll_create1(0);
}

FIXTURE_TEARDOWN(fuzz)
{
	for (int i = 0; i < POOL; i++)
		if (shared->pool[i] >= 0)
			close(shared->pool[i]);
	close(epoll_fd);
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0, vshm_bed_up(&shared->beds[i]));
		EXPECT_TRUE(vshm_bed_idle(&shared->beds[i]));
		EXPECT_EQ(0, vshm_bed_num(&shared->beds[i], 0, "violations"));
		EXPECT_EQ(0, vshm_bed_num(&shared->beds[i], 1, "violations"));
	}
	for (int i = 0; i < 3; i++)
		EXPECT_TRUE(vshm_ns_empty(self->ns[i]));
	for (int i = 0; i < 2; i++)
		vshm_bed_free(&shared->beds[i]);
	EXPECT_EQ(0, vshm_locked_kb());
	EXPECT_EQ(self->taint, vshm_taint());
	munmap(shared, sizeof(*shared));
}

static char *fuzz_buffer(void)
{
	char *buf = mmap(NULL, 2 * BUFFER, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (buf == MAP_FAILED || mprotect(buf + BUFFER, BUFFER, PROT_NONE))
		abort();
	return buf;
}

/* Interrupts what blocks, until all have ended; returns whether all went well. */
static bool fuzz_tick(struct fuzz *f)
{
	int left = TASKS, status;
	bool ok = true;

	while (left) {
		usleep(5000);
		for (int i = 0; i < TASKS; i++) {
			if (!f[i].pid)
				continue;
			if (waitpid(f[i].pid, &status, WNOHANG)) {
				ok &= !status;
				f[i].pid = 0;
				left--;
			} else {
				kill(f[i].pid, SIGUSR1);
			}
		}
	}
	return ok;
}

static pid_t fuzz_start(struct fuzz *f)
{
	pid_t pid;

	fflush(NULL);
	pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fuzz_run(f);
		_exit(0);
	}
	return pid;
}

static void fuzz(struct __test_metadata *_metadata, FIXTURE_DATA(fuzz) *self,
		 bool faults)
{
	const char *steps = getenv("VSHM_STEPS");
	unsigned long calls = 0, good = 0;
	unsigned int seed = vshm_seed();

	for (int i = 0; i < TASKS; i++) {
		struct fuzz *f = &shared->f[i];

		*f = (struct fuzz) {
			.random = (seed + i) * 2654435761ULL + 1,
			.ns = self->ns[i % 3],
			.steps = steps ? atoi(steps) : STEPS,
			.nth = faults ? 0 : -1,
			.buf = fuzz_buffer(),
			.bounces = !i,
		};
		f->pid = fuzz_start(f);
		ASSERT_LT(0, f->pid);
	}
	EXPECT_TRUE(fuzz_tick(shared->f));
	for (int i = 0; i < TASKS; i++) {
		struct fuzz *f = &shared->f[i];

		munmap(f->buf, 2 * BUFFER);
		calls += f->calls;
		good += f->good;
		EXPECT_EQ(0, f->strange);
	}
	printf("# %lu calls, %lu of them successful\n", calls, good);
	/* the draw is of some use */
	EXPECT_LT(calls / 20, good);
}

TEST_F_TIMEOUT(fuzz, calls, 200)
{
	fuzz(_metadata, self, false);
}

TEST_F_TIMEOUT(fuzz, faults, 200)
{
	if (!vshm_fault_prepare())
		SKIP(return, "no fault injection");
	fuzz(_metadata, self, true);
}

TEST_HARNESS_MAIN
