#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Draws the state machine of a socket from the table that the kernel uses.

state-machine.py [--check]

Reads vshm_moves[] in kernel/state.c and writes state-machine.svg beside this
file. With --check nothing is written: the exit status says whether the picture
is the one that would be, and whether state-machine.rst names the same moves.
"""
import math
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent / "kernel" / "state.c"
PICTURE = HERE / "state-machine.svg"
TEXT = HERE / "state-machine.rst"

WIDTH, HEIGHT = 130, 34

# Where the middle of each state is drawn. A state that is new needs a place.
PLACES = {
    "UNCONNECTED": (320, 40),
    "BOUND": (320, 140),
    "LISTENING": (270, 260),
    "CONNECTING": (470, 260),
    "CONNECTED": (670, 260),
    "SHUTDOWN": (670, 360),
    "DISCONNECTED": (440, 440),
    "TERMINATED": (80, 340),
}


def read_moves(source):
    """The table as a dictionary: state to states, in the order of the file."""
    table = re.search(r"vshm_moves\[.*?\] = \{(.*?)\n\};", source, re.S)
    if not table:
        sys.exit(f"{SOURCE}: no table vshm_moves[]")
    moves = {}
    for state, to in re.findall(r"\[VSHM_(\w+)\]\s*=\s*(.*?),\n",
                                table.group(1) + "\n", re.S):
        moves[state] = re.findall(r"TO\((\w+)\)", to)
    unknown = {s for s in moves if s not in PLACES}
    unknown |= {t for to in moves.values() for t in to if t not in moves}
    if unknown:
        sys.exit(f"{SOURCE}: no place for {', '.join(sorted(unknown))}")
    return moves


def border(box, start, towards):
    """Where a line that starts inside of a box leaves it."""
    scale = math.inf
    for middle, half, at, to in zip(box, (WIDTH / 2, HEIGHT / 2), start, towards):
        if to != at:
            scale = min(scale, (middle + math.copysign(half, to - at) - at) / (to - at))
    return tuple(at + (to - at) * scale for at, to in zip(start, towards))


def shifted(start, end, by):
    """Both points moved to the right of the way from one to the other."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy)
    sx, sy = -dy / length * by, dx / length * by
    return ((start[0] + sx, start[1] + sy), (end[0] + sx, end[1] + sy))


def arrow(moves, start, end):
    """A line of the picture; moves both ways are drawn side by side."""
    by = 7 if start in moves[end] else 0
    a, b = shifted(PLACES[start], PLACES[end], by)
    (x1, y1), (x2, y2) = border(PLACES[start], a, b), border(PLACES[end], b, a)
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
            f' marker-end="url(#head)"><title>{start} to {end}</title></line>')


def draw(moves):
    """The picture as text."""
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="760" height="480"',
        ' font-family="sans-serif" font-size="13" stroke="#333">',
        '<!-- SPDX-License-Identifier: GPL-2.0 -->',
        '<!-- made by state-machine.py from kernel/state.c -->',
        '<rect width="760" height="480" fill="#fff" stroke="none"/>',
        '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5"'
        ' markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0L10 5L0 10z" fill="#333"/></marker></defs>',
    ]
    lines += [arrow(moves, start, end)
              for start, to in moves.items() for end in to]
    for state in moves:
        x, y = PLACES[state]
        lines.append(f'<rect x="{x - WIDTH / 2:.0f}" y="{y - HEIGHT / 2:.0f}"'
                     f' width="{WIDTH}" height="{HEIGHT}" rx="6"'
                     f' fill="#eef"/>')
        lines.append(f'<text x="{x}" y="{y + 5}" text-anchor="middle"'
                     f' stroke="none">{state}</text>')
    return "\n".join(lines + ["</svg>", ""])


def documented(text):
    """The moves that the table in the text names."""
    moves, state = {}, None
    for line in text[text.index("Legal moves"):].splitlines():
        row = re.match(r"(?:``([A-Z]+)``)? +(``[A-Z]+``.*|none)$", line)
        if not row or not (row.group(1) or state):
            state = None
            continue
        state = row.group(1) or state
        moves.setdefault(state, []).extend(
            re.findall(r"``([A-Z]+)``", row.group(2)))
    return moves


def main():
    """Writes the picture, or checks it."""
    moves = read_moves(SOURCE.read_text())
    picture = draw(moves)
    if sys.argv[1:] != ["--check"]:
        PICTURE.write_text(picture)
        return 0
    status = 0
    if not PICTURE.exists() or PICTURE.read_text() != picture:
        print(f"{PICTURE.name} is not that of kernel/state.c: make doc")
        status = 1
    if documented(TEXT.read_text()) != moves:
        print(f"{TEXT.name} has other legal moves than kernel/state.c")
        status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
