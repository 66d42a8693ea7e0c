"""Bars beside each other, as an SVG that reads on light and dark pages."""

from html import escape

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 900, 320, 70, 50, 40
COLOURS = {"direct": "#9aa0a6", "tidegate": "#1a73e8"}
OTHERS = ["#e8710a", "#9334e6", "#188038", "#c5221f"]


def step(most):
    """A round distance between lines, of which four to eight fit."""
    size = 1
    while most / size > 8:
        size = size * 2 if str(size)[0] != "2" else size * 5 // 2
    return size


def bars(title, groups):
    """`groups`: the label of each, and its values by name."""
    names = list(dict.fromkeys(name for _, values in groups for name, value in values.items() if value))
    others = iter(OTHERS * len(names))
    colours = {name: COLOURS.get(name) or next(others) for name in names}
    most = max((value for _, values in groups for value in values.values() if value), default=1)
    scale = (HEIGHT - TOP - BOTTOM) / most
    room = (WIDTH - LEFT) / len(groups)
    thick = room * 0.8 / max(len(names), 1)
    floor = HEIGHT - BOTTOM
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="11" fill="#5f6368">',
        f'<text x="{LEFT}" y="18" font-size="14" font-weight="bold">{escape(title)}</text>',
    ]
    for at, name in enumerate(names):
        x = LEFT + at * 110
        out.append(f'<rect x="{x}" y="27" width="10" height="10" fill="{colours[name]}"/><text x="{x + 15}" y="36">{escape(name)}</text>')
    line = 0
    while line <= most:
        y = floor - line * scale
        out.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#5f6368" stroke-opacity=".25"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{line:,}</text>')
        line += step(most)
    for at, (label, values) in enumerate(groups):
        start = LEFT + room * (at + 0.1)
        for place, name in enumerate(names):
            value = values.get(name)
            if value:
                x, y = start + place * thick, floor - value * scale
                out.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{thick * 0.9:.1f}" height="{value * scale:.1f}" fill="{colours[name]}"/>')
        out.append(f'<text x="{start + room * 0.4:.1f}" y="{floor + 16}" text-anchor="middle">{escape(label)}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"
