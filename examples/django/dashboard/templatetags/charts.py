"""Bar charts as inline SVG, drawn on the server: no script, no library, colours from the stylesheet."""

from django import template
from django.utils.html import format_html, format_html_join

register = template.Library()

WIDTH = 480
ROW = 34
BAR = 18
LABEL = 92
VALUE = 64


@register.simple_tag
def bar_chart(title, rows):
    """Draws `rows`, pairs of label and number, as horizontal bars from zero to the largest of them."""
    top = max((value for _, value in rows), default=0) or 1
    room = WIDTH - LABEL - VALUE
    bars = []
    for place, (label, value) in enumerate(rows):
        width = max(3, room * value / top)
        middle = place * ROW + ROW / 2
        bars.append(
            (
                place,
                f"{middle - BAR / 2:.1f}",
                f"{width:.1f}",
                f"{middle:.1f}",
                label,
                f"{LABEL + width + 8:.1f}",
                compact(value),
            )
        )
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '<line class="axis" x1="{}" y1="0" x2="{}" y2="{}"/>{}</svg>',
        WIDTH,
        ROW * len(rows),
        title,
        LABEL,
        LABEL,
        ROW * len(rows),
        format_html_join(
            "",
            f'<g class="bar bar-{{0}}"><rect x="{LABEL}" y="{{1}}" width="{{2}}" height="{BAR}" rx="3"/>'
            f'<text class="label" x="{LABEL - 10}" y="{{3}}" dy=".35em" text-anchor="end">{{4}}</text>'
            '<text class="value" x="{5}" y="{3}" dy=".35em">{6}</text></g>',
            bars,
        ),
    )


@register.filter
def compact(value):
    """103141 → 103.1 k: what fits behind a bar. The table beside it has the whole number."""
    value = float(value)
    for size, suffix in ((1e9, " bn"), (1e6, " m"), (1e4, " k")):
        if abs(value) >= size:
            return f"{value / (1e3 if size == 1e4 else size):.1f}{suffix}"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.2f}"


@register.filter
def exact(value, decimals=0):
    """With thousands separated and as many decimals as the column has."""
    return f"{float(value):,.{decimals}f}"
