"""The picture of the table: a bar chart, as SVG text. It follows the reader's light or dark theme."""

import math
from html import escape

WIDTH, LEFT, RIGHT, TOP = 860, 250, 90, 92
BAR, GAP, GROUP_GAP = 12, 3, 16
TICKS = [0.5, 1, 2, 5, 10, 20, 50, 100, 200]

# Hues that stay apart for the colour-blind (Okabe and Ito), Jackfield's the strongest.
COLOURS = {
    "jackfield": "#d55e00",
    "jackfield-strand": "#e69f00",
    "jackfield-swift": "#f0c75e",
    "ws": "#56b4e9",
    "nchan": "#009e73",
    "python": "#999999",
}

STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 16px; font-weight: 600 } .ours { font-size: 11px; font-weight: 600 }
  .small { font-size: 11px; fill: #57606a }
  .axis { stroke: #d0d7de } .base { stroke: #24292f } .bound { stroke: #cf222e; stroke-width: 2 }
  .spread { stroke: #24292f; stroke-opacity: .55 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9198a1 } .axis { stroke: #3d444d } .base { stroke: #e6edf3 }
    .bound { stroke: #ff7b72 }
    .spread { stroke: #ffffff }
  }"""


def _place(value):
    """The x of a ratio, on a logarithmic scale."""
    low, high = math.log(TICKS[0]), math.log(TICKS[-1])
    share = (math.log(min(max(value, TICKS[0]), TICKS[-1])) - low) / (high - low)
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def draw(rows, servers, about):
    """One group of bars for each row of ratios, one bar for each server with its spread; a red mark shows the bound."""
    rows = [row for row in rows if row["measure"] == "ratio" and row["target"] and len(row["cells"]) > 1]
    shown = [
        server for server in servers if server.name in COLOURS and any(server.name in row["cells"] for row in rows)
    ]
    shown.sort(key=lambda server: not server.name.startswith("jackfield"))
    groups = [(row, [server for server in shown if server.name in row["cells"]]) for row in rows]
    height = TOP + sum(len(bars) * (BAR + GAP) + GROUP_GAP for _, bars in groups) + 34
    bottom = height - 34

    parts = [
        '<text class="title" x="16" y="26">Server CPU per unit of work, bare epoll server = 1</text>',
        f'<text class="small" x="16" y="44">median and spread of interleaved rounds; logarithmic, shorter is better; '
        f"{escape(about['processor'])}, Linux {escape(about['kernel'])}, {about['date']}</text>",
    ]
    x = 16
    for server in shown:
        title = escape(server.title.replace("*", ""))
        parts.append(
            f'<rect x="{x}" y="56" width="10" height="10" rx="2" fill="{COLOURS[server.name]}"/>'
            f'<text class="small" x="{x + 14}" y="65">{title}</text>'
        )
        x += 30 + 6.1 * len(title)
    parts.append(
        f'<line class="bound" x1="{x + 5}" x2="{x + 5}" y1="54" y2="68"/><text class="small" x="{x + 14}" '
        'y="65">bound</text>'
    )
    for tick in TICKS:
        place = _place(tick)
        parts.append(
            f'<line class="{"base" if tick == 1 else "axis"}" x1="{place:.1f}" x2="{place:.1f}" y1="{TOP - 12}" '
            f'y2="{bottom}"/>'
            f'<text class="small" x="{place:.1f}" y="{bottom + 16}" text-anchor="middle">{tick:g}</text>'
        )
    y = TOP
    for row, bars in groups:
        tall = len(bars) * (BAR + GAP)
        parts.append(
            f'<text x="{LEFT - 12}" y="{y + tall / 2 + 3:.1f}" text-anchor="end">{escape(_short(row["title"]))}</text>'
        )
        for index, server in enumerate(bars):
            cell = row["cells"][server.name]
            top, start, end = y + index * (BAR + GAP), _place(TICKS[0]), _place(cell["median"])
            value = f"{cell['median']:.2f}" if cell["median"] < 10 else f"{cell['median']:.0f}"
            parts.append(
                f'<rect x="{start:.1f}" y="{top}" width="{max(1, end - start):.1f}" height="{BAR}" rx="2" '
                f'fill="{COLOURS[server.name]}">'
                f"<title>{escape(server.title.replace('*', ''))}: {value}</title></rect>"
            )
            least, most = _place(cell["least"]), _place(cell["most"])
            if most - least > 2:
                parts.append(
                    f'<line class="spread" x1="{least:.1f}" x2="{most:.1f}" y1="{top + BAR / 2}" y2="{top + BAR / 2}"/>'
                )
            # To the right of the bar, its spread, the bound and the line of the bare server.
            label, style = max(end, most) + 5, "small"
            if label - 7 < _place(1) < label + 25:
                label = _place(1) + 5
            if server.name == "jackfield":
                bound, style = _place(row["target"]), "ours"
                parts.append(
                    f'<line class="bound" x1="{bound:.1f}" x2="{bound:.1f}" y1="{top - 2}" y2="{top + BAR + 2}"/>'
                )
                if label - 10 < bound < label + 30:
                    label = bound + 6
            parts.append(f'<text class="{style}" x="{label:.1f}" y="{top + BAR - 2}">{value}</text>')
        y += tall + GROUP_GAP
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img" '
        'aria-label="Server CPU per message of Jackfield and its peers as a multiple of a bare epoll server">\n'
        f"<style>{STYLE}\n</style>\n"
        f"{body}\n</svg>\n"
    )


def _short(title):
    """A label that fits beside the bars."""
    return (
        title.replace(", 100 connections", "")
        .replace("fan-out to 1,000, 128 bytes, 1 publish in flight", "fan-out to 1,000")
        .replace("the same, 8 publishes in flight", "fan-out to 1,000, 8 in flight")
    )
