"""The requests/s of one row as bars, one panel a model and form, on a scale where each line is ten times the last.

Daylight has a colour of its own, and so have the ceiling and the echoes, which run no model.
"""

from html import escape
from math import ceil, floor, log10

from benchmarks.peers.rivals import CEILING, DAYLIGHT, RIVALS

__all__ = ["plot"]

QUESTION = "1 row"
WORDS = {"lists": "numbers in a list", "names": "columns by name"}
NAMES, BARS, MARGIN = 210, 420, 70  # widths: titles, bars, numbers to their right
LINE, HEAD = 22, 44  # heights
OURS, THEIRS, LIMIT, NO_MODEL = "#d97706", "#64748b", "#0f766e", "#cbd5e1"
STYLE = "text{font:13px system-ui,sans-serif;fill:#334155}.model{font-weight:600}.grid{stroke:#cbd5e1}"


def plot(found, path):
    """found: {(model, form): {rival: Found}}. Writes an SVG of its own, white behind it."""
    parts, top = [], 10
    for (model, form), rivals in found.items():
        rates = [(name, one.title, one.load[QUESTION]["rate"]) for name, one in rivals.items() if QUESTION in one.load]
        if rates:
            drawn, height = panel(f"{model}, {WORDS[form]}", sorted(rates, key=lambda rate: -rate[2]))
            parts.append(f'<g transform="translate(0,{top})">{drawn}</g>')
            top += height
    width = NAMES + BARS + MARGIN
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" width="{width}" height="{top}">'
    back = f'<style>{STYLE}</style><rect width="100%" height="100%" fill="white"/>'
    path.write_text(f"{head}{back}{''.join(parts)}</svg>\n", encoding="utf-8")


def colour_of(name):
    if RIVALS[name].echo:
        return NO_MODEL
    return OURS if name.startswith(DAYLIGHT) else LIMIT if name == CEILING else THEIRS


def panel(heading, rates):
    """(one panel of bars, its height)."""
    low, high = floor(log10(rates[-1][2])), ceil(log10(rates[0][2]))
    bottom = HEAD + LINE * len(rates)

    def across(rate):
        return NAMES + BARS * (log10(rate) - low) / max(1, high - low)

    parts = [
        f'<text class="model" x="10" y="16">{escape(heading)}: requests/s, one row, 16 connections, 2 workers</text>'
    ]
    for power in range(low, high + 1):
        x = across(10**power)
        parts.append(f'<line class="grid" x1="{x:.0f}" x2="{x:.0f}" y1="{HEAD - 8}" y2="{bottom - 4}"/>')
        parts.append(f'<text x="{x:.0f}" y="{HEAD - 12}" text-anchor="middle">{10**power:,}</text>')
    for number, (name, title, rate) in enumerate(rates):
        y, colour = HEAD + LINE * number, colour_of(name)
        length = across(rate) - NAMES
        parts.append(f'<text x="{NAMES - 8}" y="{y + 12}" text-anchor="end">{escape(title)}</text>')
        parts.append(f'<rect x="{NAMES}" y="{y}" width="{length:.0f}" height="15" fill="{colour}"/>')
        parts.append(f'<text x="{NAMES + length + 5:.0f}" y="{y + 12}">{rate:,.0f}</text>')
    return "".join(parts), bottom + 16
