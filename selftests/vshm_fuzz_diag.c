// SPDX-License-Identifier: GPL-2.0
/* Requests to sock_diag, drawn at random. */
#include "vshm_diag.h"
#include "vshm_fuzz.h"

#include <linux/sock_diag.h>
#include <string.h>

/**
 * fuzz_diag - make a request, with some of it wrong; now and then it ends a socket
 * @f: task
 *
 * Return: 0, or -1 with errno.
 */
int fuzz_diag(struct fuzz *f)
{
	static uint64_t id;
	struct vshm_diag_query q;
	uint32_t *word = (uint32_t *)&q;
	const size_t fixed = sizeof(q.nlh) + sizeof(q.req);

	vshm_diag_init(&q, often(f, 16) ? SOCK_DIAG_BY_FAMILY : SOCK_DESTROY,
		       often(f, 2) ? NLM_F_DUMP : 0);
	if (often(f, 2))
		vshm_diag_add_id(&q, often(f, 4) ? id : draw(f));
	while (often(f, 3) && q.nlh.nlmsg_len < fixed + sizeof(q.attrs) - 16)
		vshm_diag_add(&q, draw(f) % (VSHM_DIAG_REQ_MAX + 2), &word[4],
			      draw(f) % 12);
	if (!often(f, 3))
		word[draw(f) % (fixed / 4)] = any_value(f);
	if (!often(f, 4))
		memset(q.attrs + draw(f) % 64, draw(f), 16);
	return vshm_diag_poke(&q, &id);
}
