#!/usr/bin/env python3
"""Draws docs/architecture.svg from docs/architecture.txt, which explains its own lines, and counts the page's walks.

Without an argument it writes the picture, and the lines `Counted:` of the page. With `--check` it writes nothing, and
the exit code is 1 if either is not current.
"""

import re
import shlex
import sys
from html import escape
from pathlib import Path

SOURCE = Path(__file__).resolve().with_suffix(".txt")
PICTURE = SOURCE.with_suffix(".svg")
PAGE = SOURCE.with_suffix(".md")

STYLE = """<style>
  text { font: 12px system-ui, sans-serif; fill: #57606a }
  .title { font-weight: 600; font-size: 13px; fill: #24292f } .lane { font-weight: 600 } .label { font-size: 11px }
  rect { stroke: #8c959f; fill: #ffffff } rect.lane { stroke-dasharray: 5 4; fill: #f6f8fa } rect.lock { fill: #ddf4ff }
  polyline { stroke: #24292f; fill: none; stroke-width: 1.2; marker-end: url(#head) } #head path { fill: #24292f }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 } .title { fill: #e6edf3 } .lane { fill: #9198a1 }
    rect { stroke: #656c76; fill: #0d1117 } rect.lane { fill: #151b23 } rect.lock { fill: #12304f }
    polyline { stroke: #e6edf3 } #head path { fill: #e6edf3 }
  }
</style>
<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">
  <path d="M0 0 8 4 0 8z"/>
</marker>"""

#: Pixels that a character takes at the most, about; a line that would not fit into its box is an error.
CHARACTER = {"title": 7.4, "line": 6.2}


class Malformed(Exception):
    """A line of the text that cannot be drawn."""


def box(kind, x, y, width, height, title, *lines):
    for text, size in [(title, "title"), *((line, "line") for line in lines)]:
        if len(text) * CHARACTER[size] > width - 12:
            raise Malformed(f"'{text}' is too long for a box {width} wide")
    if 22 + 16 * len(lines) > height:
        raise Malformed(f"the box '{title}' is too low for {len(lines)} lines")
    top = y + (height - 16 * (len(lines) + 1)) / 2 + 12
    yield f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>'
    yield f'<text class="title" x="{x + 10}" y="{top:g}">{escape(title)}</text>'
    for number, line in enumerate(lines, 1):
        yield f'<text x="{x + 10}" y="{top + 16 * number:g}">{escape(line)}</text>'


def lane(x, y, width, height, title):
    yield f'<rect class="lane" x="{x}" y="{y}" width="{width}" height="{height}" rx="8"/>'
    yield f'<text class="lane" x="{x + 12}" y="{y + 22}">{escape(title)}</text>'


def draw(words):
    """The elements of one line of the text, lanes first: they lie behind everything else."""
    kind, *rest = words
    if kind in ("lane", "box", "lock"):
        x, y, width, height = map(int, rest[:4])
        return lane(x, y, width, height, *rest[4:]) if kind == "lane" else box(kind, x, y, width, height, *rest[4:])
    if kind == "arrow":
        return [f'<polyline points="{" ".join(rest)}"/>']
    if kind == "label":
        x, y, anchor, text = rest
        return [f'<text class="label" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>']
    raise Malformed(f"'{kind}' is neither canvas, lane, box, lock, arrow nor label")


def render(text):
    """The SVG of a text."""
    lines = [words for words in (shlex.split(line, comments=True) for line in text.splitlines()) if words]
    _, width, height, label = next(words for words in lines if words[0] == "canvas")
    drawn = [words for words in lines if words[0] != "canvas"]
    drawn.sort(key=lambda words: words[0] != "lane")
    elements = [element for words in drawn for element in draw(words)]
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(label)}">'
    return "\n".join([head, STYLE, *elements, "</svg>", ""])


def tables(text):
    """The tables of a page: the number of the line before each, and its rows as dictionaries by column."""
    found, before, header = [], 0, None
    for number, line in enumerate(text.splitlines()):
        if not line.startswith("|"):
            header = None
            before = number if line else before
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if header is None:
            header = cells
            found.append((before, []))
        elif not set(line) <= set("|-: "):
            found[-1][1].append(dict(zip(header, cells, strict=True)))
    return found


def named(row):
    """The functions that a row of a walk names, each with its file: those that pass the message on, and the helpers."""
    file = row["file"].strip("`")
    functions = [(file, name) for name in re.findall(r"`([^`]+)[(][)]`", row["functions"])]
    helpers = []
    for path, name in re.findall(r"`([^`]+/[^`]+)`:|`([^`]+)[(][)]`", row["helpers"]):
        file = path or file
        if name:
            helpers.append((file, name))
    return functions, helpers


def count(rows):
    """How many functions in how many files some rows of a walk name: all, and those that pass the message on."""
    functions = {pair for row in rows for pair in named(row)[0]}
    helpers = {pair for row in rows for pair in named(row)[1]}
    whole, part = (
        f"{len(pairs)} functions in {len({file for file, _ in pairs})} files"
        for pairs in (functions | helpers, functions)
    )
    return f"{whole}; {part} pass the message on"


def with_counts(text):
    """The page with its lines `Counted:` as its walks have it."""
    lines = text.splitlines()
    for before, rows in tables(text):
        if not lines[before].startswith("Counted:"):
            continue
        if "handler" in rows[0]:
            ways = {way: [row for row in rows if row["handler"] in ("both", way)] for way in ("strand", "inline")}
            lines[before] = "Counted: " + ". ".join(f"`{way}`: {count(ways[way])}" for way in ways) + "."
        else:
            lines[before] = f"Counted: {count(rows)}."
    return "\n".join(lines) + "\n"


def main(arguments):
    made = {PICTURE: render(SOURCE.read_text()), PAGE: with_counts(PAGE.read_text())}
    stale = [path for path, text in made.items() if not path.exists() or path.read_text() != text]
    if arguments == ["--check"]:
        return f"not current: {', '.join(path.name for path in stale)}; run docs/architecture.py" if stale else 0
    if arguments:
        return __doc__
    for path in stale:
        path.write_text(made[path])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
