"""Tokens/s as bars, one panel for each number of clients, each on a scale of its own."""

from html import escape

from benchmarks.peers.plot import BARS, HEAD, LINE, MARGIN, OURS, STYLE, THEIRS
from benchmarks.text.rivals import OURS as DAYLIGHT

__all__ = ["plot"]

NAMES = 350  # the width of the titles


def plot(found, path):
    """found: {rival: Found}. Writes an SVG of its own, white behind it."""
    parts, top = [], 10
    for clients in sorted({number for one in found.values() for number in one.load}):
        rates = [
            (f"{one.title}, {one.precision}", one.load[clients]["rate"], name in DAYLIGHT.values())
            for name, one in found.items()
            if clients in one.load
        ]
        parts.append(f'<g transform="translate(0,{top})">{panel(clients, sorted(rates, key=lambda one: -one[1]))}</g>')
        top += HEAD + LINE * len(rates)
    width = NAMES + BARS + MARGIN
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" width="{width}" height="{top}">'
    back = f'<style>{STYLE}</style><rect width="100%" height="100%" fill="white"/>'
    path.write_text(f"{head}{back}{''.join(parts)}</svg>\n", encoding="utf-8")


def panel(clients, rates):
    many = "1 client" if clients == 1 else f"{clients} clients at once"
    parts = [f'<text class="model" x="10" y="16">tokens/s, {many}, greedy, streamed</text>']
    for number, (title, rate, ours) in enumerate(rates):
        y, length = HEAD - 18 + LINE * number, BARS * rate / rates[0][1]
        parts.append(f'<text x="{NAMES - 8}" y="{y + 12}" text-anchor="end">{escape(title)}</text>')
        parts.append(f'<rect x="{NAMES}" y="{y}" width="{length:.0f}" height="15" fill="{OURS if ours else THEIRS}"/>')
        parts.append(f'<text x="{NAMES + length + 5:.0f}" y="{y + 12}">{rate:,.0f}</text>')
    return "".join(parts)
