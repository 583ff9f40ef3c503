// SPDX-License-Identifier: GPL-2.0
/*
 * The state machine. Calls drive every legal move; the table shows each state,
 * and the tracepoint vshm:vshm_state each move: all legal ones, no other.
 */
#include "vshm_dgram.h"
#include "vshm_diag.h"
#include "vshm_pair.h"
#include "vshm_proc.h"
#include "vshm_tracefs.h"

#define EXPECT_STATE(name, fd) EXPECT_STREQ(name, vshm_proc_get(fd, "state"))

TEST(bound_and_listening)
{
	int fd = vshm_socket(0);

	VSHM_NEEDS_TABLE();
	EXPECT_STATE("UNCONNECTED", fd);
	ASSERT_EQ(0, vshm_bind(fd, VSHM_CID_ANY, VSHM_PORT_ANY));
	EXPECT_STATE("BOUND", fd);
	ASSERT_EQ(0, listen(fd, 1));
	EXPECT_STATE("LISTENING", fd);
	close(fd);
}

TEST(refused_is_bound)
{
	int fd = vshm_socket(0);

	VSHM_NEEDS_TABLE();
	EXPECT_EQ(-1, vshm_connect(fd, VSHM_CID_LOCAL, vshm_unused_port()));
	EXPECT_STATE("BOUND", fd);
	close(fd);
}

TEST_F(pair, half_then_whole)
{
	VSHM_NEEDS_TABLE();
	EXPECT_STATE("CONNECTED", self->c);
	EXPECT_STATE("CONNECTED", self->s);
	ASSERT_EQ(0, shutdown(self->c, SHUT_WR));
	EXPECT_STATE("SHUTDOWN", self->c);
	EXPECT_STATE("SHUTDOWN", self->s);
	ASSERT_EQ(0, shutdown(self->s, SHUT_WR));
	EXPECT_STATE("DISCONNECTED", self->c);
	EXPECT_STATE("DISCONNECTED", self->s);
}

TEST_F(pair, read_half)
{
	VSHM_NEEDS_TABLE();
	ASSERT_EQ(0, shutdown(self->s, SHUT_RD));
	EXPECT_STATE("SHUTDOWN", self->c);
	EXPECT_STATE("SHUTDOWN", self->s);
	ASSERT_EQ(0, shutdown(self->s, SHUT_WR));
	EXPECT_STATE("DISCONNECTED", self->c);
	EXPECT_STATE("DISCONNECTED", self->s);
}

TEST_F(pair, both_at_once)
{
	VSHM_NEEDS_TABLE();
	ASSERT_EQ(0, shutdown(self->c, SHUT_RDWR));
	EXPECT_STATE("DISCONNECTED", self->c);
	EXPECT_STATE("DISCONNECTED", self->s);
}

TEST_F(pair, peer_closes)
{
	VSHM_NEEDS_TABLE();
	close(self->c);
	self->c = -1;
	EXPECT_STATE("DISCONNECTED", self->s);
}

TEST_F(pair, peer_resets)
{
	VSHM_NEEDS_TABLE();
	ASSERT_EQ(1, send(self->c, "x", 1, 0));
	close(self->s);
	self->s = -1;
	EXPECT_STATE("DISCONNECTED", self->c);
}

TEST(listener_closes)
{
	int fd = vshm_listener(1);
	int c = vshm_client(fd);

	VSHM_NEEDS_TABLE();
	EXPECT_STATE("CONNECTED", c);
	close(fd);
	EXPECT_STATE("DISCONNECTED", c);
	close(c);
}

/* Calls that a state does not allow fail and leave it as it was. */
static void try_all(struct __test_metadata *_metadata, int fd,
		    const char *state, bool can_listen, bool can_shut)
{
	EXPECT_STATE(state, fd);
	EXPECT_EQ(-1, vshm_bind(fd, VSHM_CID_ANY, VSHM_PORT_ANY));
	EXPECT_STATE(state, fd);
	EXPECT_EQ(-1, accept4(fd, NULL, NULL, SOCK_CLOEXEC));
	EXPECT_STATE(state, fd);
	if (!can_listen) {
		EXPECT_EQ(-1, listen(fd, 1));
		EXPECT_STATE(state, fd);
	}
	if (!can_shut) {
		EXPECT_EQ(-1, shutdown(fd, SHUT_RDWR));
		EXPECT_STATE(state, fd);
	}
}

TEST(refused_in_bound)
{
	int fd = vshm_socket(0);

	VSHM_NEEDS_TABLE();
	ASSERT_EQ(0, vshm_bind(fd, VSHM_CID_ANY, VSHM_PORT_ANY));
	try_all(_metadata, fd, "BOUND", true, false);
	close(fd);
}

TEST(refused_in_listening)
{
	int fd = vshm_listener(1);

	VSHM_NEEDS_TABLE();
	ASSERT_EQ(0, vshm_nonblock(fd));
	try_all(_metadata, fd, "LISTENING", true, true);
	EXPECT_EQ(-1, vshm_connect(fd, VSHM_CID_LOCAL, vshm_unused_port()));
	EXPECT_STATE("LISTENING", fd);
	close(fd);
}

TEST_F(pair, refused_in_connected)
{
	VSHM_NEEDS_TABLE();
	for (int i = 0; i < 2; i++)
		try_all(_metadata, i ? self->c : self->s, "CONNECTED", false,
			true);
	EXPECT_EQ(-1, vshm_connect(self->c, VSHM_CID_LOCAL, vshm_unused_port()));
	EXPECT_STATE("CONNECTED", self->c);
}

TEST_F(pair, refused_in_shutdown)
{
	VSHM_NEEDS_TABLE();
	ASSERT_EQ(0, shutdown(self->c, SHUT_WR));
	for (int i = 0; i < 2; i++)
		try_all(_metadata, i ? self->c : self->s, "SHUTDOWN", false,
			true);
	EXPECT_EQ(-1, vshm_connect(self->c, VSHM_CID_LOCAL, vshm_unused_port()));
	EXPECT_STATE("SHUTDOWN", self->c);
}

TEST_F(pair, refused_in_disconnected)
{
	VSHM_NEEDS_TABLE();
	ASSERT_EQ(0, shutdown(self->c, SHUT_RDWR));
	for (int i = 0; i < 2; i++)
		try_all(_metadata, i ? self->c : self->s, "DISCONNECTED",
			false, true);
	EXPECT_EQ(-1, vshm_connect(self->c, VSHM_CID_LOCAL, vshm_unused_port()));
	EXPECT_STATE("DISCONNECTED", self->c);
}

/* All moves that there are. */

static const char * const state_names[VSHM_NR_STATES] = {
	"unconnected", "bound", "listening", "connecting", "connected",
	"shutdown", "disconnected", "terminated",
};

static const struct {
	enum vshm_state from;
	enum vshm_state to;
} legal[] = {
	{ VSHM_UNCONNECTED, VSHM_BOUND },
	{ VSHM_UNCONNECTED, VSHM_CONNECTED },	/* accepted */
	{ VSHM_UNCONNECTED, VSHM_TERMINATED },
	{ VSHM_BOUND, VSHM_LISTENING },
	{ VSHM_BOUND, VSHM_CONNECTING },
	{ VSHM_BOUND, VSHM_CONNECTED },		/* datagrams */
	{ VSHM_BOUND, VSHM_TERMINATED },
	{ VSHM_LISTENING, VSHM_DISCONNECTED },	/* ended */
	{ VSHM_LISTENING, VSHM_TERMINATED },
	{ VSHM_CONNECTING, VSHM_CONNECTED },
	{ VSHM_CONNECTING, VSHM_BOUND },
	{ VSHM_CONNECTED, VSHM_BOUND },		/* datagrams */
	{ VSHM_CONNECTED, VSHM_SHUTDOWN },
	{ VSHM_CONNECTED, VSHM_DISCONNECTED },
	{ VSHM_SHUTDOWN, VSHM_DISCONNECTED },
	{ VSHM_DISCONNECTED, VSHM_TERMINATED },
};

static int state_of(const char *line, const char *field)
{
	const char *p = strstr(line, field);

	if (!p)
		return -1;
	p += strlen(field);
	for (int i = 0; i < VSHM_NR_STATES; i++) {
		size_t len = strlen(state_names[i]);

		if (!strncasecmp(p, state_names[i], len) &&
		    strchr(" \n", p[len]))
			return i;
	}
	return -1;
}

/* Counts the moves in the trace; -1 for a line that is not understood. */
static int read_moves(int moves[VSHM_NR_STATES][VSHM_NR_STATES])
{
	FILE *f = fopen(VSHM_TRACE "/trace", "r");
	char line[512];
	int n = 0;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		int from, to;

		if (line[0] == '#' || !strstr(line, "vshm_state:"))
			continue;
		from = state_of(line, "from=");
		to = state_of(line, "to=");
		if (from < 0 || to < 0) {
			n = -1;
			break;
		}
		moves[from][to]++;
		n++;
	}
	fclose(f);
	return n;
}

FIXTURE(trace) {
};

FIXTURE_SETUP(trace)
{
}

FIXTURE_TEARDOWN(trace)
{
	vshm_trace_free();
}

static void drive_all_moves(struct __test_metadata *_metadata)
{
	int listener, c, s, fd[2];

	close(vshm_socket(0));			/* unconnected, terminated */
	c = vshm_socket(0);
	ASSERT_EQ(-1, vshm_connect(c, VSHM_CID_LOCAL, vshm_unused_port()));
	close(c);				/* bound, terminated */
	listener = vshm_listener(2);
	ASSERT_LE(0, listener);
	c = vshm_client(listener);
	s = accept(listener, NULL, NULL);
	ASSERT_LE(0, s);
	ASSERT_EQ(0, shutdown(c, SHUT_WR));
	ASSERT_EQ(0, shutdown(s, SHUT_WR));
	close(c);
	close(s);
	c = vshm_client(listener);		/* never accepted */
	close(listener);
	close(c);
	listener = vshm_listener(1);		/* ended */
	ASSERT_EQ(0, vshm_diag_destroy(vshm_diag_num(listener, "id")));
	close(listener);
	ASSERT_EQ(0, vshm_pair_open(fd));	/* closed */
	close(fd[0]);
	close(fd[1]);
	ASSERT_EQ(0, vshm_pair_open(fd));	/* reset */
	ASSERT_EQ(1, send(fd[0], "x", 1, 0));
	close(fd[1]);
	close(fd[0]);
	c = vshm_dgram_bound();
	ASSERT_EQ(0, vshm_connect(c, VSHM_CID_LOCAL, vshm_port(c)));
	ASSERT_EQ(0, vshm_dissolve(c));
	close(c);
}

TEST_F(trace, moves)
{
	int moves[VSHM_NR_STATES][VSHM_NR_STATES] = { 0 };

	if (!vshm_trace_on("/vshm_state"))
		SKIP(return, "no tracepoint vshm:vshm_state");
	drive_all_moves(_metadata);
	vshm_trace_off();
	ASSERT_LT(0, read_moves(moves));
	for (size_t i = 0; i < ARRAY_SIZE(legal); i++) {
		EXPECT_LT(0, moves[legal[i].from][legal[i].to]) {
			TH_LOG("never: %s to %s", state_names[legal[i].from],
			       state_names[legal[i].to]);
		}
		moves[legal[i].from][legal[i].to] = 0;
	}
	for (int from = 0; from < VSHM_NR_STATES; from++) {
		for (int to = 0; to < VSHM_NR_STATES; to++) {
			EXPECT_EQ(0, moves[from][to]) {
				TH_LOG("illegal: %s to %s", state_names[from],
				       state_names[to]);
			}
		}
	}
}

/* Connects and closes, until it is told to stop; @len is the port. */
static long call_visits(struct vshm_call *call)
{
	long visits = 0;

	while (!__atomic_load_n(&call->flags, __ATOMIC_RELAXED)) {
		int fd = vshm_socket(SOCK_NONBLOCK);

		vshm_connect(fd, VSHM_CID_LOCAL, call->len);
		close(fd);
		visits++;
	}
	return visits;
}

/* A connection that arrives while its listener is ended is in no queue. */
TEST(ended_while_visited)
{
	struct vshm_call call[2];

	VSHM_NEEDS_TABLE();
	for (int round = 0; round < 100; round++) {
		int fd = vshm_listener(1000);
		uint64_t id = vshm_diag_num(fd, "id");

		for (int i = 0; i < 2; i++) {
			call[i] = (struct vshm_call) {
				.fn = call_visits, .len = vshm_port(fd),
			};
			ASSERT_EQ(0, vshm_call_start(&call[i]));
		}
		usleep(500);
		ASSERT_EQ(0, vshm_diag_destroy(id));
		for (int i = 0; i < 2; i++) {
			__atomic_store_n(&call[i].flags, 1, __ATOMIC_RELAXED);
			EXPECT_LE(0, vshm_call_end(&call[i]));
		}
		ASSERT_STREQ("0", vshm_proc_get(fd, "connq")) {
			TH_LOG("round %d", round);
		}
		close(fd);
	}
}

TEST_HARNESS_MAIN
