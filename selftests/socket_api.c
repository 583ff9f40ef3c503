// SPDX-License-Identifier: GPL-2.0
/* Creating, binding and naming sockets, and their options. */
#include "vshm_place.h"
#include <kselftest_harness.h>

#include <stddef.h>
#include <sys/resource.h>
#include <sys/time.h>

#define IN_A_ROW	8000	/* ports */
#define SOON_US		100	/* less than it takes to look at each of them */

TEST(create)
{
	int fd = vshm_socket(0);

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, fcntl(fd, F_GETFL) & O_NONBLOCK);
	EXPECT_EQ(0, fcntl(fd, F_GETFD) & FD_CLOEXEC);
	EXPECT_EQ(0, close(fd));
}

TEST(create_flags)
{
	int fd = vshm_socket(SOCK_NONBLOCK | SOCK_CLOEXEC);

	ASSERT_LE(0, fd);
	EXPECT_NE(0, fcntl(fd, F_GETFL) & O_NONBLOCK);
	EXPECT_NE(0, fcntl(fd, F_GETFD) & FD_CLOEXEC);
	EXPECT_EQ(0, close(fd));
}

TEST(create_bad_protocol)
{
	EXPECT_EQ(-1, socket(vshm_family(), SOCK_STREAM, 6));
	EXPECT_EQ(EPROTONOSUPPORT, errno);
}

TEST(create_bad_type)
{
	static const int types[] = { SOCK_RAW, SOCK_RDM };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		EXPECT_EQ(-1, socket(vshm_family(), types[i], 0));
		EXPECT_EQ(ESOCKTNOSUPPORT, errno);
	}
}

FIXTURE(one) {
	int fd;
};

FIXTURE_SETUP(one)
{
	self->fd = vshm_socket(0);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(one)
{
	close(self->fd);
}

TEST_F(one, generic_options)
{
	EXPECT_EQ(SOCK_STREAM, vshm_getint(self->fd, SOL_SOCKET, SO_TYPE));
	EXPECT_EQ(vshm_family(), vshm_getint(self->fd, SOL_SOCKET, SO_DOMAIN));
	EXPECT_EQ(0, vshm_getint(self->fd, SOL_SOCKET, SO_PROTOCOL));
	EXPECT_EQ(0, vshm_getint(self->fd, SOL_SOCKET, SO_ERROR));
	EXPECT_EQ(0, vshm_getint(self->fd, SOL_SOCKET, SO_ACCEPTCONN));
	ASSERT_EQ(0, vshm_bind(self->fd, VSHM_CID_ANY, VSHM_PORT_ANY));
	ASSERT_EQ(0, listen(self->fd, 1));
	EXPECT_EQ(1, vshm_getint(self->fd, SOL_SOCKET, SO_ACCEPTCONN));
}

TEST_F(one, generic_buffers)
{
	static const int names[] = { SO_SNDBUF, SO_RCVBUF };
	int val = 32768;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		EXPECT_LT(0, vshm_getint(self->fd, SOL_SOCKET, names[i]));
		EXPECT_EQ(0, setsockopt(self->fd, SOL_SOCKET, names[i], &val,
					sizeof(val)));
		EXPECT_LE(val, vshm_getint(self->fd, SOL_SOCKET, names[i]));
	}
}

TEST_F(one, bind_any_port)
{
	struct sockaddr_vshm name;
	int other = vshm_socket(0);

	ASSERT_LE(0, other);
	ASSERT_EQ(0, vshm_bind(self->fd, VSHM_CID_ANY, VSHM_PORT_ANY));
	ASSERT_EQ(0, vshm_bind(other, VSHM_CID_ANY, VSHM_PORT_ANY));
	name = vshm_name(self->fd);
	EXPECT_LT(VSHM_PORT_PRIVILEGED, (int64_t)name.svs_port);
	EXPECT_NE(VSHM_PORT_ANY, name.svs_port);
	EXPECT_NE(vshm_port(other), name.svs_port);
	close(other);
}

/* However many ports in a row others have, one that is free is soon found. */
TEST(bind_any_port_in_a_row)
{
	struct rlimit files = { 2 * IN_A_ROW, 2 * IN_A_ROW };
	uint64_t us[2];
	uint32_t port;
	int fd[2];

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	ASSERT_EQ(0, vshm_ns_enter(vshm_ns_new()));
	for (int i = 0; i < 2; i++) {
		fd[i] = vshm_socket(0);
		ASSERT_LE(0, fd[i]);
		us[i] = vshm_now_us();
		ASSERT_EQ(0, vshm_bind(fd[i], VSHM_CID_ANY, VSHM_PORT_ANY));
		us[i] = vshm_now_us() - us[i];
		port = vshm_port(fd[i]);
		for (uint32_t n = 1; n <= IN_A_ROW && !i; n++)
			ASSERT_EQ(0, vshm_bind(vshm_socket(0), VSHM_CID_ANY,
					       port + n));
	}
	printf("# a port in %llu us, behind others in %llu us\n",
	       (unsigned long long)us[0], (unsigned long long)us[1]);
	if (vshm_counted())
		EXPECT_GT(SOON_US, us[1]);
}

TEST_F(one, bind_name)
{
	struct sockaddr_vshm addr, want;
	socklen_t len = sizeof(addr);
	uint32_t port = 51966;

	/* another program may have the port */
	while (vshm_bind(self->fd, VSHM_CID_LOCAL, port) && port < 52000)
		port++;
	want = vshm_addr(VSHM_CID_LOCAL, port);
	memset(&addr, 0xff, sizeof(addr));
	ASSERT_EQ(0, getsockname(self->fd, (struct sockaddr *)&addr, &len));
	EXPECT_EQ(sizeof(addr), len);
	EXPECT_EQ(0, memcmp(&want, &addr, sizeof(addr)));
}

TEST_F(one, name_short_buffer)
{
	struct sockaddr_vshm addr;
	socklen_t len = offsetof(struct sockaddr_vshm, svs_cid);

	ASSERT_EQ(0, vshm_bind(self->fd, VSHM_CID_LOCAL, VSHM_PORT_ANY));
	memset(&addr, 0xff, sizeof(addr));
	ASSERT_EQ(0, getsockname(self->fd, (struct sockaddr *)&addr, &len));
	EXPECT_EQ(sizeof(addr), len);
	EXPECT_EQ(vshm_port(self->fd), addr.svs_port);
	EXPECT_EQ(0xffffffffU, addr.svs_cid);
}

TEST_F(one, name_of_unbound)
{
	struct sockaddr_vshm addr;
	socklen_t len = sizeof(addr);

	ASSERT_EQ(0, getsockname(self->fd, (struct sockaddr *)&addr, &len));
	EXPECT_EQ(sizeof(addr), len);
	EXPECT_EQ(vshm_family(), addr.svs_family);
}

TEST_F(one, no_peer_name)
{
	struct sockaddr_vshm addr;
	socklen_t len = sizeof(addr);

	EXPECT_EQ(-1, getpeername(self->fd, (struct sockaddr *)&addr, &len));
	EXPECT_EQ(ENOTCONN, errno);
	ASSERT_EQ(0, vshm_bind(self->fd, VSHM_CID_ANY, VSHM_PORT_ANY));
	EXPECT_EQ(-1, getpeername(self->fd, (struct sockaddr *)&addr, &len));
	EXPECT_EQ(ENOTCONN, errno);
	ASSERT_EQ(0, listen(self->fd, 1));
	EXPECT_EQ(-1, getpeername(self->fd, (struct sockaddr *)&addr, &len));
	EXPECT_EQ(ENOTCONN, errno);
}

TEST_F(one, bind_twice)
{
	ASSERT_EQ(0, vshm_bind(self->fd, VSHM_CID_ANY, VSHM_PORT_ANY));
	EXPECT_EQ(-1, vshm_bind(self->fd, VSHM_CID_ANY, VSHM_PORT_ANY));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(one, bind_foreign_cid)
{
	EXPECT_EQ(-1, vshm_bind(self->fd, 0xcafe0000, VSHM_PORT_ANY));
	EXPECT_EQ(EADDRNOTAVAIL, errno);
	EXPECT_EQ(0, vshm_bind(self->fd, VSHM_CID_LOCAL, VSHM_PORT_ANY));
}

TEST_F(one, bind_again_after_close)
{
	uint32_t port;
	int fd;

	ASSERT_EQ(0, vshm_bind(self->fd, VSHM_CID_ANY, VSHM_PORT_ANY));
	port = vshm_port(self->fd);
	close(self->fd);
	fd = vshm_socket(0);
	EXPECT_EQ(0, vshm_bind(fd, VSHM_CID_ANY, port));
	close(fd);
}

TEST_F(one, bind_privileged)
{
	uint32_t port;

	if (geteuid())
		SKIP(return, "needs root");
	for (port = VSHM_PORT_PRIVILEGED; port > 900; port--)
		if (!vshm_bind(self->fd, VSHM_CID_ANY, port))
			break;
	ASSERT_LT(900, (int)port);
	close(self->fd);
	ASSERT_EQ(0, setresuid(65534, 65534, 65534));
	self->fd = vshm_socket(0);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(-1, vshm_bind(self->fd, VSHM_CID_ANY, port));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, vshm_bind(self->fd, VSHM_CID_ANY, 0));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(0, vshm_bind(self->fd, VSHM_CID_ANY, VSHM_PORT_ANY));
	EXPECT_LT(VSHM_PORT_PRIVILEGED, (int64_t)vshm_port(self->fd));
}

/* A malformed address, the same for bind() and connect(). */
FIXTURE(bad_address) {
	int fd;
	struct sockaddr_vshm addr;
};

FIXTURE_VARIANT(bad_address) {
	size_t at;	/* byte to spoil */
	socklen_t len;
	int error;
};

#define BAD(field, how_long, what)					\
	{								\
		.at = offsetof(struct sockaddr_vshm, field),		\
		.len = how_long,					\
		.error = what,						\
	}

#define WHOLE sizeof(struct sockaddr_vshm)

FIXTURE_VARIANT_ADD(bad_address, family) BAD(svs_family, WHOLE, EAFNOSUPPORT);
FIXTURE_VARIANT_ADD(bad_address, reserved) BAD(svs_reserved1, WHOLE, EINVAL);
FIXTURE_VARIANT_ADD(bad_address, flags) BAD(svs_flags, WHOLE, EINVAL);
FIXTURE_VARIANT_ADD(bad_address, zero0) BAD(svs_zero[0], WHOLE, EINVAL);
FIXTURE_VARIANT_ADD(bad_address, zero2) BAD(svs_zero[2], WHOLE, EINVAL);
/* nothing spoilt that matters, but too short: */
FIXTURE_VARIANT_ADD(bad_address, short) BAD(svs_port, WHOLE - 1, EINVAL);
FIXTURE_VARIANT_ADD(bad_address, family_only) BAD(svs_port, 2, EINVAL);
FIXTURE_VARIANT_ADD(bad_address, empty) BAD(svs_port, 0, EINVAL);

FIXTURE_SETUP(bad_address)
{
	self->fd = vshm_socket(0);
	ASSERT_LE(0, self->fd);
	self->addr = vshm_addr(VSHM_CID_LOCAL, 54321);
	((uint8_t *)&self->addr)[variant->at] ^= 0x40;
}

FIXTURE_TEARDOWN(bad_address)
{
	close(self->fd);
}

/* AF_VSOCK does not look at all of it. */
static bool overlooked(size_t at)
{
	return vshm_family() == AF_VSOCK &&
	       (at == offsetof(struct sockaddr_vshm, svs_reserved1) ||
		at >= offsetof(struct sockaddr_vshm, svs_zero));
}

TEST_F(bad_address, bind)
{
	if (overlooked(variant->at)) {
		EXPECT_EQ(0, bind(self->fd, (struct sockaddr *)&self->addr,
				  variant->len));
		return;
	}
	EXPECT_EQ(-1, bind(self->fd, (struct sockaddr *)&self->addr,
			   variant->len));
	EXPECT_EQ(variant->error, errno);
	EXPECT_EQ(0, vshm_bind(self->fd, VSHM_CID_ANY, VSHM_PORT_ANY));
}

TEST_F(bad_address, connect)
{
	EXPECT_EQ(-1, connect(self->fd, (struct sockaddr *)&self->addr,
			      variant->len));
	EXPECT_EQ(overlooked(variant->at) ? VSHM_REFUSED : variant->error,
		  errno);
}

/* Two sockets want one port; CID 0 stands for that of the link's own end. */
FIXTURE(port_in_use) {
	struct vshm_place p;
	uint32_t cid[2];
	int fd;
	int other;
};

FIXTURE_VARIANT(port_in_use) {
	int side;
	uint32_t cid[2];
	bool free;
};

FIXTURE_VARIANT_ADD(port_in_use, any_any) {
	-1, { VSHM_CID_ANY, VSHM_CID_ANY }, false };
FIXTURE_VARIANT_ADD(port_in_use, any_local) {
	-1, { VSHM_CID_ANY, VSHM_CID_LOCAL }, false };
FIXTURE_VARIANT_ADD(port_in_use, local_any) {
	-1, { VSHM_CID_LOCAL, VSHM_CID_ANY }, false };
FIXTURE_VARIANT_ADD(port_in_use, same) {
	-1, { VSHM_CID_LOCAL, VSHM_CID_LOCAL }, false };
FIXTURE_VARIANT_ADD(port_in_use, host_any) {
	0, { 0, VSHM_CID_ANY }, false };
FIXTURE_VARIANT_ADD(port_in_use, any_host) {
	0, { VSHM_CID_ANY, 0 }, false };
FIXTURE_VARIANT_ADD(port_in_use, host_host) { 0, { 0, 0 }, false };
FIXTURE_VARIANT_ADD(port_in_use, host_local) {
	0, { 0, VSHM_CID_LOCAL }, true };
FIXTURE_VARIANT_ADD(port_in_use, guest_any) {
	1, { 0, VSHM_CID_ANY }, false };
FIXTURE_VARIANT_ADD(port_in_use, any_guest) {
	1, { VSHM_CID_ANY, 0 }, false };
FIXTURE_VARIANT_ADD(port_in_use, guest_guest) { 1, { 0, 0 }, false };
FIXTURE_VARIANT_ADD(port_in_use, local_guest) {
	1, { VSHM_CID_LOCAL, 0 }, true };

FIXTURE_SETUP(port_in_use)
{
	ASSERT_EQ(0, vshm_place_make(&self->p, SOCK_STREAM, variant->side));
	for (int i = 0; i < 2; i++)
		self->cid[i] = variant->cid[i] ?: self->p.own;
	self->fd = vshm_place_socket(&self->p);
	self->other = vshm_place_socket(&self->p);
	ASSERT_LE(0, self->other);
	ASSERT_EQ(0, vshm_bind(self->fd, self->cid[0], VSHM_PORT_ANY));
}

FIXTURE_TEARDOWN(port_in_use)
{
	close(self->fd);
	close(self->other);
	EXPECT_TRUE(vshm_place_close(&self->p));
}

TEST_F(port_in_use, bind)
{
	uint32_t port = vshm_port(self->fd);

	if (!variant->free) {
		EXPECT_EQ(-1, vshm_bind(self->other, self->cid[1], port));
		EXPECT_EQ(EADDRINUSE, errno);
		close(self->fd);
		self->fd = -1;
	}
	EXPECT_EQ(0, vshm_bind(self->other, self->cid[1], port));
	EXPECT_EQ(self->cid[1], vshm_name(self->other).svs_cid);
}

/* Options of the family's own level. */
static uint64_t get_size(int fd, int name)
{
	uint64_t val = UINT64_MAX;
	socklen_t len = sizeof(val);

	if (getsockopt(fd, vshm_family(), name, &val, &len) ||
	    len != sizeof(val))
		return UINT64_MAX;
	return val;
}

static int set_size(int fd, int name, uint64_t val)
{
	return setsockopt(fd, vshm_family(), name, &val, sizeof(val));
}

TEST_F(one, buffer_defaults)
{
	uint64_t size = get_size(self->fd, SO_VSHM_BUFFER_SIZE);

	EXPECT_EQ(524288U, size);
	EXPECT_GE(size, get_size(self->fd, SO_VSHM_BUFFER_MIN_SIZE));
	EXPECT_LE(size, get_size(self->fd, SO_VSHM_BUFFER_MAX_SIZE));
}

TEST_F(one, buffer_size_within_limits)
{
	uint64_t min = get_size(self->fd, SO_VSHM_BUFFER_MIN_SIZE);
	uint64_t max = get_size(self->fd, SO_VSHM_BUFFER_MAX_SIZE);

	ASSERT_NE(UINT64_MAX, min);
	ASSERT_NE(UINT64_MAX, max);
	EXPECT_EQ(0, set_size(self->fd, SO_VSHM_BUFFER_SIZE, max + 1));
	EXPECT_EQ(max, get_size(self->fd, SO_VSHM_BUFFER_SIZE));
	EXPECT_EQ(0, set_size(self->fd, SO_VSHM_BUFFER_SIZE, 0));
	EXPECT_EQ(min, get_size(self->fd, SO_VSHM_BUFFER_SIZE));
	EXPECT_EQ(0, set_size(self->fd, SO_VSHM_BUFFER_SIZE, 65536));
	EXPECT_EQ(65536U, get_size(self->fd, SO_VSHM_BUFFER_SIZE));
}

TEST_F(one, buffer_limits_move_size)
{
	EXPECT_EQ(0, set_size(self->fd, SO_VSHM_BUFFER_MAX_SIZE, 1 << 20));
	EXPECT_EQ(1U << 20, get_size(self->fd, SO_VSHM_BUFFER_MAX_SIZE));
	EXPECT_EQ(0, set_size(self->fd, SO_VSHM_BUFFER_SIZE, 1 << 20));
	EXPECT_EQ(1U << 20, get_size(self->fd, SO_VSHM_BUFFER_SIZE));
	EXPECT_EQ(0, set_size(self->fd, SO_VSHM_BUFFER_MAX_SIZE, 1 << 17));
	EXPECT_EQ(1U << 17, get_size(self->fd, SO_VSHM_BUFFER_SIZE));
	EXPECT_EQ(0, set_size(self->fd, SO_VSHM_BUFFER_SIZE, 4096));
	EXPECT_EQ(0, set_size(self->fd, SO_VSHM_BUFFER_MIN_SIZE, 1 << 16));
	EXPECT_EQ(1U << 16, get_size(self->fd, SO_VSHM_BUFFER_SIZE));
}

TEST_F(one, option_short_value)
{
	int val = 4096;
	socklen_t len = sizeof(val);

	EXPECT_EQ(-1, setsockopt(self->fd, vshm_family(), SO_VSHM_BUFFER_SIZE,
				 &val, len));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, getsockopt(self->fd, vshm_family(), SO_VSHM_BUFFER_SIZE,
				 &val, &len));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(one, option_unknown)
{
	uint64_t val = 0;
	socklen_t len = sizeof(val);

	EXPECT_EQ(-1, getsockopt(self->fd, vshm_family(), 4711, &val, &len));
	EXPECT_EQ(ENOPROTOOPT, errno);
	EXPECT_EQ(-1, setsockopt(self->fd, vshm_family(), 4711, &val, len));
	EXPECT_EQ(ENOPROTOOPT, errno);
	EXPECT_EQ(-1, getsockopt(self->fd, 255, SO_VSHM_BUFFER_SIZE, &val,
				 &len));
	EXPECT_EQ(ENOPROTOOPT, errno);
}

TEST_F(one, option_peer_host_id)
{
	uint32_t id = 0xffffffff;
	socklen_t len = sizeof(id);

	EXPECT_EQ(0, getsockopt(self->fd, vshm_family(),
				SO_VSHM_PEER_HOST_VM_ID, &id, &len));
	EXPECT_EQ(sizeof(id), len);
	EXPECT_EQ(-1, setsockopt(self->fd, vshm_family(),
				 SO_VSHM_PEER_HOST_VM_ID, &id, len));
}

TEST_F(one, option_trusted)
{
	int trusted;

	trusted = vshm_getint(self->fd, vshm_family(), SO_VSHM_TRUSTED);
	EXPECT_TRUE(trusted == 0 || trusted == 1);
	EXPECT_EQ(-1, setsockopt(self->fd, vshm_family(), SO_VSHM_TRUSTED,
				 &trusted, sizeof(trusted)));
}

/* The timeout of connect(), in both layouts of a time. */
TEST_F(one, option_connect_timeout)
{
	struct timeval tv = { .tv_sec = 3, .tv_usec = 500000 };
	int64_t new[2] = { 0 };
	socklen_t len = sizeof(new);
	int level = vshm_family();

	EXPECT_EQ(0, setsockopt(self->fd, level, SO_VSHM_CONNECT_TIMEOUT_OLD,
				&tv, sizeof(tv)));
	EXPECT_EQ(0, getsockopt(self->fd, level, SO_VSHM_CONNECT_TIMEOUT_NEW,
				new, &len));
	EXPECT_EQ(3, new[0]);
	EXPECT_EQ(500000, new[1]);
	new[0] = 1;
	EXPECT_EQ(0, setsockopt(self->fd, level, SO_VSHM_CONNECT_TIMEOUT_NEW,
				new, sizeof(new)));
	len = sizeof(tv);
	EXPECT_EQ(0, getsockopt(self->fd, level, SO_VSHM_CONNECT_TIMEOUT_OLD,
				&tv, &len));
	EXPECT_EQ(1, tv.tv_sec);
	EXPECT_EQ(500000, tv.tv_usec);
}

TEST_F(one, option_connect_timeout_bad)
{
	int64_t bad[][2] = { { 1, 1000000 }, { -1, 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-1, setsockopt(self->fd, vshm_family(),
					 SO_VSHM_CONNECT_TIMEOUT_NEW,
					 bad[i], sizeof(bad[i])));
		EXPECT_EQ(ERANGE, errno);
	}
}

TEST_HARNESS_MAIN
