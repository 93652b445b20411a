# SPDX-License-Identifier: Apache-2.0
"""Bars side by side as an SVG file: one panel a quantity, one bar a contender, its figure beside it. Nothing else: no axes, no
lines, no colours to choose."""

import html

COLOURS = {"sluice": "#0b6e99"}  # ours by name's beginning; others are grey
OTHER, TEXT, FAINT = "#9aa5ad", "#1f2328", "#59636e"
LABEL, PANEL, LINE, HEAD = 190, 210, 22, 58


def figure(value):
    """Three digits that count."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def bars(title, panels):
    """panels: [(what it is, {contender: value or None})]. Every panel has its own scale, which begins at 0."""
    names = list(dict.fromkeys(name for _, values in panels for name in values))
    width, height = LABEL + PANEL * len(panels), HEAD + LINE * len(names) + 10
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
           ' font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="#ffffff"/>', text(8, 20, title, size=14, weight="bold")]  # fmt: skip
    for row, name in enumerate(names):
        out.append(text(LABEL - 8, HEAD + LINE * row + 15, name, anchor="end"))
    for column, (what, values) in enumerate(panels):
        left = LABEL + PANEL * column
        out.append(text(left, 44, what, fill=FAINT))
        largest = max((value for value in values.values() if value), default=1)
        for row, name in enumerate(names):
            value, top = values.get(name), HEAD + LINE * row
            if value is None:
                out.append(text(left, top + 15, "not measured", fill=FAINT))
                continue
            length = max(1.0, (PANEL - 90) * value / largest)
            colour = next((c for start, c in COLOURS.items() if name.startswith(start)), OTHER)
            out.append(f'<rect x="{left}" y="{top + 3}" width="{length:.1f}" height="{LINE - 6}" fill="{colour}"/>')
            out.append(text(left + length + 5, top + 15, figure(value)))
    return "\n".join([*out, "</svg>", ""])


def text(x, y, words, anchor="start", fill=TEXT, size=12, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" fill="{fill}" font-size="{size}" font-weight="{weight}">'
            f"{html.escape(str(words))}</text>")  # fmt: skip
