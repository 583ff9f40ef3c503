// SPDX-License-Identifier: GPL-2.0
/*
 * vshm guest args: what has to be given to QEMU, or to libvirt, so that a
 * guest has its ends of links.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/vshm.h>

#include "js.h"
#include "vshm.h"

/* One for news, one to ask the device who the peer is. */
#define VECTORS	2

/* Where the guest's QEMU connects to a link, or NULL if that has no such end. */
static const char *end_of(struct json_object *links, size_t i, uint64_t cid)
{
	struct json_object *link = json_object_array_get_idx(links, i), *side;
	struct json_object *sides = js_get_array(link, "sides");

	for (i = 0; sides && i < json_object_array_length(sides); i++) {
		side = json_object_array_get_idx(sides, i);
		if (js_get_number(side, "cid") == cid)
			return js_get_string(side, "socket");
	}
	return NULL;
}

/* A shell's single-quoted string where it needs one. */
static void put_shell(FILE *out, const char *s)
{
	if (!s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-,=:+@%")]) {
		fputs(s, out);
		return;
	}
	putc('\'', out);
	for (; *s; s++) {
		if (*s == '\'')
			fputs("'\\''", out);
		else
			putc(*s, out);
	}
	putc('\'', out);
}

static void put_xml(FILE *out, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '\'':
			fputs("&apos;", out);
			break;
		default:
			putc(*s, out);
		}
	}
}

/* The value of -chardev, in which commas are doubled; NULL if memory is short. */
static char *chardev(unsigned int nr, const char *path)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fprintf(out, "socket,id=vshm%u,path=", nr);
	for (; *path; path++) {
		if (*path == ',')
			putc(',', out);
		putc(*path, out);
	}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

static int print_qemu(unsigned int nr, const char *path)
{
	char *text = chardev(nr, path);

	if (!text)
		return -1;
	fputs("-chardev ", stdout);
	put_shell(stdout, text);
	printf(" -device ivshmem-doorbell,chardev=vshm%u,vectors=%d\n", nr,
	       VECTORS);
	free(text);
	return 0;
}

static void put_libvirt(FILE *out, unsigned int nr, const char *path)
{
	fprintf(out, "<shmem name='vshm%u'>\n", nr);
	fputs("  <model type='ivshmem-doorbell'/>\n", out);
	fputs("  <server path='", out);
	put_xml(out, path);
	fputs("'/>\n", out);
	fprintf(out, "  <msi vectors='%d' ioeventfd='on'/>\n", VECTORS);
	fputs("</shmem>\n", out);
}

static bool add_json(struct json_object *qemu, struct json_object *libvirt,
		     unsigned int nr, const char *path)
{
	char *text = chardev(nr, path), *xml = NULL;
	char device[64];
	size_t size;
	FILE *out;
	bool ok = false;

	snprintf(device, sizeof(device), "ivshmem-doorbell,chardev=vshm%u,vectors=%d",
		 nr, VECTORS);
	out = open_memstream(&xml, &size);
	if (out) {
		put_libvirt(out, nr, path);
		ok = !fclose(out) && text &&
		     js_append(qemu, js_string("-chardev")) &&
		     js_append(qemu, js_string(text)) &&
		     js_append(qemu, js_string("-device")) &&
		     js_append(qemu, js_string(device)) &&
		     js_append(libvirt, js_string(xml));
	}
	free(xml);
	free(text);
	return ok;
}

static int print_json_args(struct json_object *links, uint64_t cid)
{
	struct json_object *qemu = json_object_new_array();
	struct json_object *libvirt = json_object_new_array();
	struct json_object *obj = json_object_new_object();
	unsigned int nr = 0;
	const char *path;
	bool ok = true;
	size_t i;

	for (i = 0; ok && i < json_object_array_length(links); i++) {
		path = end_of(links, i, cid);
		if (path)
			ok = add_json(qemu, libvirt, nr++, path);
	}
	ok = js_add(obj, "qemu", qemu) && ok;
	ok = js_add(obj, "libvirt", libvirt) && ok;
	if (ok)
		return print_json(obj);
	json_object_put(obj);
	return print_json(NULL);
}

static int print_qemu_args(struct json_object *links, uint64_t cid)
{
	const struct error no_memory = { .text = "out of memory" };
	unsigned int nr = 0;
	const char *path;
	size_t i;

	for (i = 0; i < json_object_array_length(links); i++) {
		path = end_of(links, i, cid);
		if (path && print_qemu(nr++, path))
			return fail(&no_memory);
	}
	return EXIT_SUCCESS;
}

static void print_libvirt_args(struct json_object *links, uint64_t cid)
{
	unsigned int nr = 0;
	const char *path;
	size_t i;

	for (i = 0; i < json_object_array_length(links); i++) {
		path = end_of(links, i, cid);
		if (path)
			put_libvirt(stdout, nr++, path);
	}
}

/**
 * guest_args - vshm guest args CID [qemu|libvirt]
 * @opt: command line, with a number as CID
 * @links: the links that vshmd serves
 *
 * Return: exit status.
 */
int guest_args(const struct options *opt, struct json_object *links)
{
	uint64_t cid = strtoull(opt->word[2], NULL, 10);
	const char *what = opt->nr > 3 ? opt->word[3] : NULL;
	struct error err;
	size_t i;
	int ret = EXIT_SUCCESS;

	for (i = 0; i < json_object_array_length(links); i++) {
		if (end_of(links, i, cid))
			break;
	}
	if (i == json_object_array_length(links)) {
		error_set(&err, "vshmd serves no guest with CID %s: see 'vshm guest list'",
			  opt->word[2]);
		return fail(&err);
	}
	if (opt->json)
		return print_json_args(links, cid);
	if (!what)
		puts("# arguments of QEMU");
	if (!what || !strcmp(what, "qemu"))
		ret = print_qemu_args(links, cid);
	if (!what)
		puts("\n<!-- libvirt: inside <devices> -->");
	if (!what || !strcmp(what, "libvirt"))
		print_libvirt_args(links, cid);
	return ret;
}
