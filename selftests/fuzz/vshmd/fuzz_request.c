// SPDX-License-Identifier: GPL-2.0
/*
 * Lines that come in at vshmd's control socket: each has an answer that is an
 * object with "ok", and with "error" if that is false.
 */
#include "stubs.h"

static void check_answer(struct json_object *answer)
{
	const char *text = json_object_to_json_string(answer);
	struct json_object *again = json_tokener_parse(text), *ok;

	if (!json_object_object_get_ex(again, "ok", &ok) ||
	    (!json_object_get_boolean(ok) && !js_get_string(again, "error")))
		abort();
	json_object_put(again);
}

/* One line after the other, to the same vshmd. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *line, *rest = text;
	struct json_object *answer;

	memcpy(text, data, size);
	text[size] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		answer = request_run(&stub_vshmd, line);
		if (!answer)
			abort();
		check_answer(answer);
		json_object_put(answer);
	}
	free(text);
	while (!TAILQ_EMPTY(&stub_vshmd.links))
		links_stop_one(TAILQ_FIRST(&stub_vshmd.links),
			       &stub_vshmd.links);
	return 0;
}
