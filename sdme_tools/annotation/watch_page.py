"""A round's status as one HTML page with pictures: opens in a browser, loads nothing, runs nothing."""

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape

from sdme_tools.annotation.intervals import Rate
from sdme_tools.annotation.watch import RaterStatus, RoundStatus

_COLOURS = (
    "#4477aa",
    "#ee6677",
    "#228833",
    "#ccbb44",
    "#66ccee",
    "#aa3377",
    "#ee8866",
    "#44bb99",
    "#eedd88",
    "#99ddff",
)
_GREY = "#bbbbbb"
"""'Cannot tell'. Source of the colours: Paul Tol, Colour Schemes (2021), bright and light."""
_NAME_PX, _PLOT_PX, _ROW_PX = 130, 420, 22
_STYLE = """body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:1000px;padding:0 1em;color:#222}
h2{margin:2em 0 .4em}table{border-collapse:collapse}td,th{padding:.2em .8em .2em 0;text-align:left;vertical-align:top}
td.n{text-align:right}svg{display:block}svg text{font:12px system-ui,sans-serif;fill:#222}.flag{color:#a03000}
.key{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 1em}p.note{color:#555;max-width:46em}"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def render_status_page(status: RoundStatus, made_at: str) -> str:
    """Write the page; `made_at` says of when it tells."""
    title = f"Round {status.round_id}"
    flagged = [rater for rater in status.raters if rater.flags]
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{status.num_done} of {status.num_assigned} tasks done, as of {escape(made_at)}.</p>",
        *_section("To be looked at", _list_flags(flagged), "A flag is a question, not a verdict: look at the answers."),
        *_section("Done", [_draw_progress(status.raters)]),
        *_section("Hidden gold right", [_draw_rates(status.raters, "gold")], _INTERVALS),
        *_section("Same answer when asked again", [_draw_rates(status.raters, "repeats")], _INTERVALS),
        *_section("As most others", [_draw_rates(status.raters, "with_others")], _INTERVALS),
        *_section("Answers given", [_draw_shares(status), *_legend(status.labels)], _SHARES),
        *_section("Time", [_draw_times(status.raters)], "Median seconds an answer, as the annotation tool says."),
        *_section("Votes an item", _count_items(status)),
    ]
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    head += f"<title>{escape(title)}</title><style>{_STYLE}</style>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n'


_INTERVALS = "The dot is the share, the line Wilson's 95 % interval; nothing is drawn of raters without such tasks."
_SHARES = "Above: the rater. Below, thinner: the others, on the same clips."


def _section(title: str, content: Sequence[str], note: str = "") -> Iterator[str]:
    yield f"<h2>{title}</h2>"
    yield f'<p class="note">{note}</p>' if note else ""
    yield "".join(content) or "<p>nothing</p>"


def _list_flags(raters: Sequence[RaterStatus]) -> list[str]:
    rows = "".join(
        f'<tr><td>{escape(r.rater_id)}</td><td class="flag">{"<br>".join(map(escape, r.flags))}</td></tr>'
        for r in raters
    )
    return [f"<table>{rows}</table>"] if rows else []


def _chart(raters: Sequence[RaterStatus], draw: Sequence[str], row_px: int = _ROW_PX, *, axis: bool = True) -> str:
    """Rows with the raters' names, and what was drawn into them from x = _NAME_PX on."""
    height = row_px * len(raters) + (20 if axis else 4)
    names = (f'<text x="0" y="{n * row_px + 15}">{escape(r.rater_id[:18])}</text>' for n, r in enumerate(raters))
    lines = ""
    if axis:
        for tick in range(5):
            x = _NAME_PX + _PLOT_PX * tick / 4
            lines += f'<line x1="{x}" x2="{x}" y1="0" y2="{height - 18}" stroke="#ddd"/>'
            lines += f'<text x="{x}" y="{height - 4}" text-anchor="middle">{25 * tick} %</text>'
    width = _NAME_PX + _PLOT_PX + 160
    return f'<svg width="{width}" height="{height}" role="img">{lines}{"".join(names)}{"".join(draw)}</svg>'


def _bar(x: float, y: float, width: float, height: float, colour: str, title: str) -> str:
    shape = f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{height:.1f}" fill="{colour}">'
    return f"{shape}<title>{escape(title)}</title></rect>"


def _say(row: int, text: str) -> str:
    return f'<text x="{_NAME_PX + _PLOT_PX + 12}" y="{row * _ROW_PX + 15}">{escape(text)}</text>'


def _draw_progress(raters: Sequence[RaterStatus]) -> str:
    draw = []
    for n, r in enumerate(raters):
        share = r.num_done / r.num_assigned if r.num_assigned else 0.0
        pace = f", {r.answers_per_hour:.0f} an hour" if r.answers_per_hour else ""
        draw += [
            _bar(_NAME_PX, n * _ROW_PX + 4, _PLOT_PX * min(1, share), 14, _COLOURS[0], f"{share:.0%}"),
            _say(n, f"{r.num_done} of {r.num_assigned}{pace}"),
        ]
    return _chart(raters, draw)


def _draw_rates(raters: Sequence[RaterStatus], name: str) -> str:
    draw = []
    for n, r in enumerate(raters):
        rate: Rate = getattr(r, name)
        if not rate.num:
            continue
        y = n * _ROW_PX + 11
        low, share, high = (_NAME_PX + _PLOT_PX * x for x in (rate.low, rate.share, rate.high))
        draw += [
            f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}" stroke="{_COLOURS[0]}" stroke-width="2"/>',
            f'<circle cx="{share:.1f}" cy="{y}" r="4" fill="{_COLOURS[0]}"/>',
            _say(n, f"{rate.num_right} of {rate.num}"),
        ]
    return _chart(raters, draw)


def _colour(number: int, labels: Sequence[str]) -> str:
    return _GREY if number == len(labels) - 1 else _COLOURS[number % len(_COLOURS)]


def _draw_shares(status: RoundStatus) -> str:
    draw = []
    for n, r in enumerate(status.raters):
        for shares, y, height in ((r.label_shares, 3, 14), (r.others_label_shares, 18, 6)):
            x = float(_NAME_PX)
            for number, label in enumerate(status.labels):
                width = _PLOT_PX * shares[label]
                title = f"{label} {shares[label]:.0%}"
                draw.append(_bar(x, n * 30 + y, width, height, _colour(number, status.labels), title))
                x += width
    return _chart(status.raters, draw, 30)


def _legend(labels: Sequence[str]) -> Iterator[str]:
    for number, label in enumerate(labels):
        yield '<span><svg class="key" width="12" height="12"><rect width="12" height="12" '
        yield f'fill="{_colour(number, labels)}"/></svg>{escape(label)}</span>'


def _draw_times(raters: Sequence[RaterStatus]) -> str:
    longest = max((r.median_ms for r in raters if r.median_ms is not None), default=0.0)
    draw = []
    for n, r in enumerate(raters):
        if r.median_ms is None or not longest:
            continue
        of_clip = f" ({r.median_of_clip:.1f} × the clip)" if r.median_of_clip is not None else ""
        width = _PLOT_PX * r.median_ms / longest
        draw += [
            _bar(_NAME_PX, n * _ROW_PX + 4, width, 14, _COLOURS[2], "median"),
            _say(n, f"{r.median_ms / 1000:.1f} s{of_clip}"),
        ]
    return _chart(raters, draw, axis=False)


def _count_items(status: RoundStatus) -> list[str]:
    counts = Counter((sum(item.votes.values()), item.num_expected) for item in status.items)
    rows = "".join(
        f'<tr><td class="n">{have} of {expected}</td><td class="n">{number}</td></tr>'
        for (have, expected), number in sorted(counts.items())
    )
    return [f"<table><tr><th>votes</th><th>items</th></tr>{rows}</table>"] if rows else []
