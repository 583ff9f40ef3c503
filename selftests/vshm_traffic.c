// SPDX-License-Identifier: GPL-2.0
#include "vshm_traffic.h"
#include "vshm_echo.h"
#include "vshm_test.h"

#include <dirent.h>
#include <sys/mman.h>

static volatile sig_atomic_t stop;

static void on_term(int sig)
{
	stop = 1;
}

/* One conversation with the server; 0 or errno. */
static int converse(uint32_t cid, uint32_t port, size_t bytes,
		    unsigned int seed)
{
	struct timeval patience = { 5, 0 };
	int fd = vshm_socket(0), err = 0;

	if (fd < 0)
		return errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	errno = 0;
	if (vshm_connect(fd, cid, port) ||
	    vshm_send_all(fd, bytes, 3000, 0, seed) ||
	    vshm_recv_all(fd, bytes, 5000, 0, seed))
		err = errno ?: ENODATA;
	close(fd);
	return err;
}

static void client(const struct vshm_traffic *t)
{
	struct vshm_score *score = t->score;
	uint32_t cid = t->bed->end[!t->from].cid;

	while (!stop) {
		int err = converse(cid, t->port, t->bytes, getpid());

		if (stop)
			break;
		if (err == ENODATA && score->mortal)
			err = ECONNRESET;
		switch (err) {
		case 0:
			__atomic_fetch_add(&score->good, 1, __ATOMIC_RELAXED);
			break;
		case ECONNRESET:
		case EPIPE:
		case EHOSTUNREACH:
			__atomic_fetch_add(&score->lost, 1, __ATOMIC_RELAXED);
			/* while there is no link, others may make one */
			usleep(1000);
			break;
		default:
			score->error = err;
		}
	}
}

/* An attached end is detached only when nobody has it open any more. */
static void close_devices(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	char name[64];
	int fd;

	while (dir && (entry = readdir(dir))) {
		fd = atoi(entry->d_name);
		if (readlinkat(dirfd(dir), entry->d_name, name,
			       sizeof(name)) == sizeof(VSHM_DEVICE) - 1 &&
		    !memcmp(name, VSHM_DEVICE, sizeof(VSHM_DEVICE) - 1))
			close(fd);
	}
	if (dir)
		closedir(dir);
}

/* A child in a namespace, without any end of a link; it closes @ready. */
static pid_t actor(int ns, int ready)
{
	struct sigaction sa = { .sa_handler = on_term };
	pid_t pid;

	sigaction(SIGTERM, &sa, NULL);
	pid = vshm_fork();
	if (!pid) {
		close_devices();
		if (vshm_ns_enter(ns))
			_exit(1);
		close(ready);
	}
	return pid;
}

static int start_server(struct vshm_traffic *t, int ready)
{
	t->server = actor(t->bed->end[!t->from].ns, ready);
	if (!t->server)
		_exit(vshm_echo_serve(t->listener, &stop) ? 1 : 0);
	return t->server < 0 ? -1 : 0;
}

static int start_client(struct vshm_traffic *t, int i, int ready)
{
	t->client[i] = actor(t->bed->end[t->from].ns, ready);
	if (!t->client[i]) {
		close(t->listener);
		client(t);
		_exit(0);
	}
	return t->client[i] < 0 ? -1 : 0;
}

/**
 * vshm_traffic_start - let a server and its clients run
 * @t: filled in; to be given to vshm_traffic_stop()
 * @bed: link between them, which stays where it is
 * @from: side of the clients
 * @clients: how many
 * @bytes: what each conversation is about
 *
 * Return: 0, or -1 with errno.
 */
int vshm_traffic_start(struct vshm_traffic *t, const struct vshm_bed *bed,
		       int from, int clients, size_t bytes)
{
	int ready[2];
	char b;

	*t = (struct vshm_traffic) {
		.clients = clients, .bed = bed, .from = from, .bytes = bytes,
		.listener = vshm_ns_listener(bed->end[!from].ns, SOMAXCONN),
	};
	t->score = mmap(NULL, sizeof(*t->score), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (t->listener < 0 || t->score == MAP_FAILED || pipe(ready))
		return -1;
	t->port = vshm_port(t->listener);
	if (start_server(t, ready[1]))
		return -1;
	for (int i = 0; i < clients; i++)
		if (start_client(t, i, ready[1]))
			return -1;
	close(ready[1]);
	/* the end of the pipe: all have closed it */
	while (read(ready[0], &b, 1) > 0)
		;
	close(ready[0]);
	return 0;
}

/**
 * vshm_traffic_kill - kill the server or a client, and start it again
 * @t: traffic
 * @who: number of a client; the one after the last is the server
 *
 * Return: 0, or -1 with errno.
 */
int vshm_traffic_kill(struct vshm_traffic *t, int who)
{
	pid_t *pid = who < t->clients ? &t->client[who] : &t->server;

	t->score->mortal = true;
	if (kill(*pid, SIGKILL) || waitpid(*pid, NULL, 0) != *pid)
		return -1;
	return who < t->clients ? start_client(t, who, -1) :
				  start_server(t, -1);
}

/**
 * vshm_traffic_stop - end the server and its clients
 * @t: traffic
 *
 * Return: 0 when all of them ended well.
 */
int vshm_traffic_stop(struct vshm_traffic *t)
{
	int ret = 0;

	for (int i = 0; i < t->clients; i++)
		kill(t->client[i], SIGTERM);
	for (int i = 0; i < t->clients; i++)
		ret |= vshm_wait(t->client[i]);
	kill(t->server, SIGTERM);
	ret |= vshm_wait(t->server);
	close(t->listener);
	munmap(t->score, sizeof(*t->score));
	return ret;
}

/**
 * vshm_traffic_flows - wait until clients have had some more success
 * @t: traffic
 *
 * Return: whether it came within VSHM_WAIT_MS.
 */
bool vshm_traffic_flows(const struct vshm_traffic *t)
{
	unsigned long *good = &t->score->good;
	unsigned long goal = __atomic_load_n(good, __ATOMIC_RELAXED) +
			     2 * t->clients;
	uint64_t end = vshm_now_ms() + VSHM_WAIT_MS;

	while (__atomic_load_n(good, __ATOMIC_RELAXED) < goal) {
		if (vshm_now_ms() > end)
			return false;
		usleep(1000);
	}
	return true;
}

/**
 * vshm_seed - what random numbers start from
 *
 * Return: VSHM_SEED of the environment, or another number each time.
 */
unsigned int vshm_seed(void)
{
	const char *s = getenv("VSHM_SEED");
	unsigned int seed = (unsigned int)time(NULL) ^ getpid() << 16;

	if (s)
		seed = strtoul(s, NULL, 0);
	printf("# VSHM_SEED=%u\n", seed);
	return seed;
}
