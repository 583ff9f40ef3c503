// SPDX-License-Identifier: GPL-2.0
/*
 * Sends or receives one long stream and prints its SHA-256, without a byte
 * being stored. Generating, hashing and the socket are in one process, because
 * pipes between programs cost an emulated guest more than everything else.
 *
 *   vshm_bulk send CID PORT BYTES
 *   vshm_bulk receive PORT
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <linux/vshm.h>

/* An emulated CPU is twice as fast without vectors. */
#pragma GCC optimize("no-tree-vectorize")

#define CHUNK	(256 << 10)

struct sha256 {
	uint32_t state[8];
	uint64_t bytes;
	size_t fill;
	uint8_t block[64];
};

/* The first 32 bits of the fractional parts of the cube roots of primes. */
static uint32_t round_constant[64];

/* ... and of the square roots of the first eight, where hashing starts. */
static uint32_t initial[8];

/* First 32 bits of the fraction of the @degree-th root of @n, by bisection. */
static uint32_t root_fraction(unsigned int n, int degree)
{
	/* fixed point with 32 bits of fraction; 7 or 19 are the largest roots */
	uint64_t root = 0;

	for (uint64_t bit = 1ULL << 37; bit; bit >>= 1) {
		unsigned __int128 power = root | bit;
		unsigned __int128 limit = (unsigned __int128)n << 32;

		for (int i = 1; i < degree; i++)
			power *= root | bit;
		if (power <= limit << (32 * (degree - 1)))
			root |= bit;
	}
	return root;
}

static int is_prime(unsigned int n)
{
	for (unsigned int d = 2; d * d <= n; d++)
		if (n % d == 0)
			return 0;
	return 1;
}

static void sha256_init(struct sha256 *s)
{
	for (unsigned int n = 2, i = 0; i < 64; n++) {
		if (!is_prime(n))
			continue;
		if (i < 8)
			initial[i] = root_fraction(n, 2);
		round_constant[i++] = root_fraction(n, 3);
	}
	memset(s, 0, sizeof(*s));
	memcpy(s->state, initial, sizeof(initial));
}

static inline uint32_t ror(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

/* @turn: how often the roles of the variables have moved on, modulo 8 */
static inline __attribute__((always_inline))
void sha256_round(uint32_t *v, int turn, uint32_t add)
{
	uint32_t a = v[-turn & 7], b = v[(1 - turn) & 7], c = v[(2 - turn) & 7];
	uint32_t e = v[(4 - turn) & 7], f = v[(5 - turn) & 7];

	add += v[(7 - turn) & 7] + ((e & f) ^ (~e & v[(6 - turn) & 7])) +
	       (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25));
	v[(3 - turn) & 7] += add;
	v[(7 - turn) & 7] = add + ((a & b) ^ (a & c) ^ (b & c)) +
			    (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22));
}

static void sha256_block(struct sha256 *s, const uint8_t *p)
{
	uint32_t w[64], v[8];

	for (int i = 0; i < 16; i++) {
		memcpy(&w[i], p + 4 * i, 4);
		w[i] = __builtin_bswap32(w[i]);
	}
	for (int i = 16; i < 64; i++) {
		uint32_t a = w[i - 15], b = w[i - 2];

		w[i] = w[i - 16] + w[i - 7] +
		       (ror(a, 7) ^ ror(a, 18) ^ a >> 3) +
		       (ror(b, 17) ^ ror(b, 19) ^ b >> 10);
	}
	memcpy(v, s->state, sizeof(v));
	/* the eight variables stay where they are, their roles move on */
	for (int i = 0; i < 64; i += 8) {
#pragma GCC unroll 8
		for (int j = 0; j < 8; j++)
			sha256_round(v, j, round_constant[i + j] + w[i + j]);
	}
	for (int i = 0; i < 8; i++)
		s->state[i] += v[i];
}

static void sha256_add(struct sha256 *s, const uint8_t *p, size_t len)
{
	s->bytes += len;
	while (len) {
		size_t n = sizeof(s->block) - s->fill;

		if (!s->fill && len >= sizeof(s->block)) {
			sha256_block(s, p);
			n = sizeof(s->block);
		} else {
			if (n > len)
				n = len;
			memcpy(s->block + s->fill, p, n);
			s->fill = (s->fill + n) % sizeof(s->block);
			if (!s->fill)
				sha256_block(s, s->block);
		}
		p += n;
		len -= n;
	}
}

static void sha256_print(struct sha256 *s)
{
	static const uint8_t padding[64] = { 0x80 };
	uint64_t bytes = s->bytes;
	uint64_t bits = __builtin_bswap64(bytes * 8);

	sha256_add(s, padding, 1 + (119 - bytes % 64) % 64);
	sha256_add(s, (uint8_t *)&bits, sizeof(bits));
	for (int i = 0; i < 8; i++)
		printf("%08x", s->state[i]);
	printf(" %llu bytes\n", (unsigned long long)bytes);
}

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int bulk_send(int fd, uint64_t bytes, struct sha256 *s)
{
	static uint64_t data[CHUNK / 8];
	uint64_t x;

	if (getrandom(&x, sizeof(x), 0) != sizeof(x))
		return fail("getrandom");
	x |= 1;
	while (bytes) {
		size_t len = bytes < CHUNK ? bytes : CHUNK;

		for (size_t i = 0; i < CHUNK / 8; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			data[i] = x;
		}
		sha256_add(s, (uint8_t *)data, len);
		for (size_t done = 0; done < len;) {
			ssize_t n = write(fd, (char *)data + done, len - done);

			if (n < 0)
				return fail("write");
			done += n;
		}
		bytes -= len;
	}
	return 0;
}

static int bulk_receive(int fd, struct sha256 *s)
{
	static uint8_t data[CHUNK];
	ssize_t n;

	while ((n = read(fd, data, sizeof(data))) > 0)
		sha256_add(s, data, n);
	return n ? fail("read") : 0;
}

int main(int argc, char **argv)
{
	const char *family = getenv("VSHM_FAMILY");
	struct sockaddr_vshm addr = {
		.svs_family = family ? atoi(family) : AF_VSHM,
		.svs_cid = VSHM_CID_ANY,
	};
	int fd = socket(addr.svs_family, SOCK_STREAM, 0);
	struct sha256 s;
	int status;

	if (fd < 0)
		return fail("socket");
	sha256_init(&s);
	if (argc == 5 && !strcmp(argv[1], "send")) {
		addr.svs_cid = strtoul(argv[2], NULL, 0);
		addr.svs_port = strtoul(argv[3], NULL, 0);
		if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
			return fail("connect");
		status = bulk_send(fd, strtoull(argv[4], NULL, 0), &s);
	} else if (argc == 3 && !strcmp(argv[1], "receive")) {
		addr.svs_port = strtoul(argv[2], NULL, 0);
		if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
		    listen(fd, 1))
			return fail("listen");
		fd = accept(fd, NULL, NULL);
		if (fd < 0)
			return fail("accept");
		status = bulk_receive(fd, &s);
	} else {
		fprintf(stderr, "usage: vshm_bulk send CID PORT BYTES\n"
				"       vshm_bulk receive PORT\n");
		return 2;
	}
	sha256_print(&s);
	return status;
}
