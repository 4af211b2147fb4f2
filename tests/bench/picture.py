"""The picture of growth: rates over the size of the history, on logarithmic axes, as plain SVG."""

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from statistics import median
from xml.sax.saxutils import escape

Point = tuple[float, Sequence[float]]
"""A size, and the samples measured there."""

XMLNS = "http://www.w3.org/2000/svg"
WIDTH, HEIGHT = 860, 520
LEFT, RIGHT, TOP, BOTTOM = 80, 250, 40, 60
COLOURS = ("#0b5fa5", "#b3471d", "#2b7a3d", "#6d3f99", "#8a6d00", "#444444", "#0a7d83", "#a11d5b")


def growth(title: str, series: Mapping[str, Sequence[Point]], unit: str = "per second") -> str:
    """One line for each series, with the range of its samples at every size. Series without points are left out."""
    drawn = {name: sorted(points) for name, points in series.items() if points}
    sizes = [size for points in drawn.values() for size, _ in points] or [1.0]
    values = [v for points in drawn.values() for _, samples in points for v in samples if v > 0] or [1.0]
    across, up = _axis(sizes, LEFT, WIDTH - RIGHT), _axis(values, HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="{XMLNS}" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="24" font-size="16">{escape(title)}</text>',
        *_grid(sizes, values, across, up),
        f'<text x="{LEFT}" y="{HEIGHT - 14}">events in the ledger</text>',
        f'<text x="14" y="{TOP - 8}">{escape(unit)}</text>',
    ]
    for n, (name, points) in enumerate(drawn.items()):
        parts += _line(name, points, COLOURS[n % len(COLOURS)], TOP + 18 * n, across, up)
    return "\n".join([*parts, "</svg>"]) + "\n"


class _Scale:
    def __init__(self, low: int, high: int, start: float, end: float) -> None:
        self.low, self.high, self.start, self.end = low, high, start, end

    def __call__(self, value: float) -> float:
        return self.start + (log10(value) - self.low) / (self.high - self.low) * (self.end - self.start)


def _axis(values: Sequence[float], start: float, end: float) -> _Scale:
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    return _Scale(low, max(high, low + 1), start, end)


def _grid(sizes: Sequence[float], values: Sequence[float], across: _Scale, up: _Scale) -> list[str]:
    parts: list[str] = []
    for power in range(up.low, up.high + 1):
        y = up(10.0**power)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10**power:,}</text>')
    for power in range(across.low, across.high + 1):
        x = across(10.0**power)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#dddddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{10**power:,}</text>')
    return parts


def _line(name: str, points: Sequence[Point], colour: str, at: float, across: _Scale, up: _Scale) -> list[str]:
    middle = [(across(size), up(median(samples))) for size, samples in points if median(samples) > 0]
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in middle)
    parts = [f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>']
    for size, samples in points:
        low, high = min(samples), max(samples)
        if low <= 0:
            continue
        x = across(size)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{up(low):.1f}" y2="{up(high):.1f}" stroke="{colour}"/>')
        parts.append(f'<circle cx="{x:.1f}" cy="{up(median(samples)):.1f}" r="4" fill="{colour}"/>')
    edge = WIDTH - RIGHT + 16
    parts.append(f'<rect x="{edge}" y="{at}" width="12" height="12" fill="{colour}"/>')
    parts.append(f'<text x="{edge + 18}" y="{at + 10}">{escape(name)}</text>')
    return parts
