#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""JSON and the schemas of userspace/vshm/schema: schema.py NAME <JSON

Reads one value, or several one after the other, and ends with status 0 if there
is one at least and all fit the schema NAME, with 4 if that cannot be found out.
"""
import json
import os
import sys

SCHEMAS = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                       "../../userspace/vshm/schema")


def available():
    try:
        import jsonschema  # noqa: F401, pylint: disable=import-outside-toplevel
        return True
    except ImportError:
        return False


def check(name, value):
    """Raise an exception that says what does not fit."""
    import jsonschema  # pylint: disable=import-outside-toplevel
    with open(os.path.join(SCHEMAS, name + ".json"), encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.Draft7Validator(schema).validate(value)


def values(text):
    """The JSON values in a text."""
    decoder = json.JSONDecoder()
    text = text.strip()
    while text:
        value, end = decoder.raw_decode(text)
        yield value
        text = text[end:].lstrip()


def main():
    if not available():
        print("python3-jsonschema is missing")
        return 4
    found = 0
    for value in values(sys.stdin.read()):
        check(sys.argv[1], value)
        found += 1
    return not found


if __name__ == "__main__":
    sys.exit(main())
