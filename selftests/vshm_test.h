/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every test of AF_VSHM needs: sockets and addresses in one call, a byte
 * pattern that shows a lost or misplaced byte, and calls made by a second
 * thread that can be waited for until they block.
 */
#ifndef VSHM_TEST_H
#define VSHM_TEST_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <linux/sockios.h>
#include <linux/vshm.h>

/* How many times as long things may take here as on a machine of its own. */
static inline int vshm_slow(void)
{
	const char *s = getenv("VM_SLOW");
	int factor = s ? atoi(s) : 1;

	return factor > 0 ? factor : 1;
}

/* How long to wait for what should happen at once. */
#define VSHM_WAIT_MS	(4000 * vshm_slow())

static inline int vshm_family(void)
{
	const char *s = getenv("VSHM_FAMILY");

	return s && *s ? atoi(s) : AF_VSHM;
}

/* What connect() says where nobody listens, and where no link leads. */
#define VSHM_REFUSED	(vshm_family() == AF_VSOCK ? ECONNRESET : ECONNREFUSED)
#define VSHM_UNREACHABLE	(vshm_family() == AF_VSOCK ? ENODEV : EHOSTUNREACH)

static inline int vshm_socket(int flags)
{
	return socket(vshm_family(), SOCK_STREAM | flags, 0);
}

static inline struct sockaddr_vshm vshm_addr(uint32_t cid, uint32_t port)
{
	return (struct sockaddr_vshm) {
		.svs_family = vshm_family(),
		.svs_cid = cid,
		.svs_port = port,
	};
}

static inline int vshm_bind(int fd, uint32_t cid, uint32_t port)
{
	struct sockaddr_vshm addr = vshm_addr(cid, port);

	return bind(fd, (struct sockaddr *)&addr, sizeof(addr));
}

static inline int vshm_connect(int fd, uint32_t cid, uint32_t port)
{
	struct sockaddr_vshm addr = vshm_addr(cid, port);

	return connect(fd, (struct sockaddr *)&addr, sizeof(addr));
}

/* Address of a socket, or all zero when there is none. */
static inline struct sockaddr_vshm vshm_name(int fd)
{
	struct sockaddr_vshm addr = { 0 };
	socklen_t len = sizeof(addr);

	if (getsockname(fd, (struct sockaddr *)&addr, &len))
		memset(&addr, 0, sizeof(addr));
	return addr;
}

static inline struct sockaddr_vshm vshm_peer(int fd)
{
	struct sockaddr_vshm addr = { 0 };
	socklen_t len = sizeof(addr);

	if (getpeername(fd, (struct sockaddr *)&addr, &len))
		memset(&addr, 0, sizeof(addr));
	return addr;
}

static inline uint32_t vshm_port(int fd)
{
	return vshm_name(fd).svs_port;
}

/* A socket that listens on a free port of every local CID. */
static inline int vshm_listener(int backlog)
{
	int fd = vshm_socket(0);

	if (fd < 0)
		return -1;
	if (vshm_bind(fd, VSHM_CID_ANY, VSHM_PORT_ANY) || listen(fd, backlog)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A port that nobody listens on. */
static inline uint32_t vshm_unused_port(void)
{
	int fd = vshm_listener(1);
	uint32_t port = vshm_port(fd);

	close(fd);
	return port;
}

/* A socket connected to @listener over loopback. */
static inline int vshm_client(int listener)
{
	int fd = vshm_socket(0);

	if (fd < 0)
		return -1;
	if (vshm_connect(fd, VSHM_CID_LOCAL, vshm_port(listener))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* pair[0] connected, pair[1] was accepted. */
static inline int vshm_pair_open(int pair[2])
{
	int listener = vshm_listener(1);

	if (listener < 0)
		return -1;
	pair[0] = vshm_client(listener);
	pair[1] = pair[0] < 0 ? -1 : accept(listener, NULL, NULL);
	close(listener);
	return pair[1] < 0 ? -1 : 0;
}

static inline int vshm_nonblock(int fd)
{
	return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static inline int vshm_getint(int fd, int level, int name)
{
	int val = -1;
	socklen_t len = sizeof(val);

	if (getsockopt(fd, level, name, &val, &len))
		return -1;
	return val;
}

static inline int vshm_so_error(int fd)
{
	return vshm_getint(fd, SOL_SOCKET, SO_ERROR);
}

/* Bytes in the receive queue, and sent but not yet read by the peer. */
static inline int vshm_inq(int fd)
{
	int n = -1;

	return ioctl(fd, FIONREAD, &n) ? -1 : n;
}

static inline int vshm_outq(int fd)
{
	int n = -1;

	return ioctl(fd, SIOCOUTQ, &n) ? -1 : n;
}

static inline uint64_t vshm_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static inline uint64_t vshm_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* Is time that of the guest's instructions? Elsewhere other work makes it late. */
static inline bool vshm_counted(void)
{
	const char *accel = getenv("VM_ACCEL");

	return accel && !strcmp(accel, "icount");
}

/* What poll() says of @fd, after up to @ms for one of @events to show. */
static inline int vshm_poll(int fd, int events, int ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, ms) < 0 ? -1 : p.revents;
}

/* The byte at one position of a stream; @seed tells streams apart. */
static inline uint8_t vshm_byte(uint64_t pos, unsigned int seed)
{
	return (pos ^ pos >> 7 ^ pos >> 15) + seed;
}

static inline void vshm_fill(void *buf, size_t len, uint64_t pos,
			     unsigned int seed)
{
	uint8_t *p = buf;

	for (size_t i = 0; i < len; i++)
		p[i] = vshm_byte(pos + i, seed);
}

/* Index of the first byte that is not the pattern's, or @len. */
static inline size_t vshm_check(const void *buf, size_t len, uint64_t pos,
				unsigned int seed)
{
	const uint8_t *p = buf;
	size_t i;

	for (i = 0; i < len && p[i] == vshm_byte(pos + i, seed); i++)
		;
	return i;
}

/* Sets a limit of this network namespace; 0, or a negative errno. */
static inline int vshm_limit_set(const char *name, const char *value)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/vshm/%s", name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	n = write(fd, value, strlen(value));
	if (n < 0)
		n = -errno;
	close(fd);
	return n < 0 ? n : 0;
}

/* One message of data, with a piece of control data of SOL_SOCKET. */
static inline ssize_t vshm_send_with(int fd, const void *data, size_t len,
				     int type, const void *what, size_t bytes)
{
	union {
		struct cmsghdr align;
		char buf[256];
	} control = { 0 };
	struct iovec iov = { (void *)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = CMSG_SPACE(bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(c), what, bytes);
	return sendmsg(fd, &msg, MSG_NOSIGNAL);
}

/* Sends the pattern from @pos on, all of it; 0, or -1 with errno. */
static inline int vshm_send_all(int fd, size_t len, size_t chunk,
				uint64_t pos, unsigned int seed)
{
	uint8_t *buf = malloc(chunk);
	uint64_t end = pos + len;

	while (buf && pos < end) {
		size_t n = end - pos < chunk ? end - pos : chunk;
		ssize_t r;

		vshm_fill(buf, n, pos, seed);
		r = send(fd, buf, n, MSG_NOSIGNAL);
		if (r < 0)
			break;
		pos += r;
	}
	free(buf);
	return pos == end ? 0 : -1;
}

/* Receives @len bytes of the pattern; 0, or -1: early end, or a wrong byte. */
static inline int vshm_recv_all(int fd, size_t len, size_t chunk,
				uint64_t pos, unsigned int seed)
{
	uint8_t *buf = malloc(chunk);
	uint64_t end = pos + len;

	while (buf && pos < end) {
		size_t n = end - pos < chunk ? end - pos : chunk;
		ssize_t r = recv(fd, buf, n, 0);

		if (r <= 0)
			break;
		if (vshm_check(buf, r, pos, seed) != (size_t)r) {
			errno = EILSEQ;
			break;
		}
		pos += r;
	}
	free(buf);
	return pos == end ? 0 : -1;
}

/* Sends the pattern until the queue is full; the number of bytes it took. */
static inline ssize_t vshm_send_full(int fd, unsigned int seed)
{
	static uint8_t buf[8192];
	ssize_t total = 0;
	ssize_t r;

	for (;;) {
		vshm_fill(buf, sizeof(buf), total, seed);
		r = send(fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (r < 0)
			return errno == EAGAIN ? total : -1;
		total += r;
	}
}

/**
 * struct vshm_call - a call made by a second thread
 * @fn: what it does; its value becomes @ret, and errno becomes @err
 * @fd: argument for @fn, as are @buf, @len and @flags
 */
struct vshm_call {
	long (*fn)(struct vshm_call *call);
	int fd;
	void *buf;
	size_t len;
	int flags;
	long ret;
	int err;
	bool done;
	pid_t tid;
	pthread_t thread;
};

static inline void *vshm_call_run(void *arg)
{
	struct vshm_call *call = arg;

	__atomic_store_n(&call->tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	errno = 0;
	call->ret = call->fn(call);
	call->err = errno;
	__atomic_store_n(&call->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static inline int vshm_call_start(struct vshm_call *call)
{
	call->done = false;
	call->tid = 0;
	return pthread_create(&call->thread, NULL, vshm_call_run, call);
}

static inline bool vshm_call_done(struct vshm_call *call)
{
	return __atomic_load_n(&call->done, __ATOMIC_ACQUIRE);
}

static inline char vshm_thread_state(pid_t tid)
{
	char path[64], line[512];
	char *p = NULL;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	f = fopen(path, "r");
	if (!f)
		return 0;
	if (fgets(line, sizeof(line), f))
		p = strrchr(line, ')');
	fclose(f);
	return p && p[1] ? p[2] : 0;
}

/* Waits until the call sleeps; false when it returned instead. */
static inline bool vshm_call_blocks(struct vshm_call *call)
{
	uint64_t end = vshm_now_ms() + VSHM_WAIT_MS;
	pid_t tid;

	while (!vshm_call_done(call) && vshm_now_ms() < end) {
		tid = __atomic_load_n(&call->tid, __ATOMIC_ACQUIRE);
		if (tid && vshm_thread_state(tid) == 'S')
			return !vshm_call_done(call);
		usleep(1000);
	}
	return false;
}

/* Waits for the call's end and gives its value; errno as the call left it. */
static inline long vshm_call_end(struct vshm_call *call)
{
	pthread_join(call->thread, NULL);
	errno = call->err;
	return call->ret;
}

static inline long vshm_call_recv(struct vshm_call *call)
{
	return recv(call->fd, call->buf, call->len, call->flags);
}

static inline long vshm_call_send(struct vshm_call *call)
{
	return send(call->fd, call->buf, call->len,
		    call->flags | MSG_NOSIGNAL);
}

/* The pattern from 0 on, with @flags as seed. */
static inline long vshm_call_send_all(struct vshm_call *call)
{
	return vshm_send_all(call->fd, call->len, 60000, 0, call->flags);
}

static inline long vshm_call_recv_all(struct vshm_call *call)
{
	return vshm_recv_all(call->fd, call->len, 50000, 0, call->flags);
}

static inline long vshm_call_accept(struct vshm_call *call)
{
	return accept(call->fd, NULL, NULL);
}

static inline void vshm_on_signal(int sig)
{
}

/* Makes SIGUSR1 interrupt calls and do nothing else. */
static inline int vshm_catch_usr1(void)
{
	struct sigaction sa = { .sa_handler = vshm_on_signal };

	return sigaction(SIGUSR1, &sa, NULL);
}

/* A child that dies with its parent. */
static inline pid_t vshm_fork(void)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

/* The child's exit code, or -1 when it did not exit. */
static inline int vshm_wait(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

#endif /* VSHM_TEST_H */
