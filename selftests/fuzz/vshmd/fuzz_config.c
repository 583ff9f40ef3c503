// SPDX-License-Identifier: GPL-2.0
/*
 * The configuration file of vshmd: whatever it holds, it is understood or
 * refused, and a link that is understood survives being written down.
 */
#include "stubs.h"

static void check_link(const struct spec *spec)
{
	struct json_object *obj = spec_to_json(spec);
	struct spec again;

	if (!obj || spec_from_json(&again, obj) ||
	    !spec_same_link(spec, &again))
		abort();
	spec_free(&again);
	json_object_put(obj);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config;
	struct error err = { "" };
	char path[64];
	size_t i;

	stub_file(data, size, path, sizeof(path));
	if (config_load(&config, path, &stub_vshmd.opt, &err)) {
		/* it says why */
		if (!err.text[0])
			abort();
		return 0;
	}
	for (i = 0; i < config.links.nr; i++)
		check_link(&config.links.spec[i]);
	config_free(&config);
	return 0;
}
