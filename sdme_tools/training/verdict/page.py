"""The report as one HTML page that needs nothing else: pictures lie in it, and it asks no network for anything."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Sequence
from html import escape

from sdme_tools.training.metrics import Interval
from sdme_tools.training.verdict.gate import Gate, Status
from sdme_tools.training.verdict.suspects import FILE_NAME, Suspect
from sdme_tools.training.verdict.validate import Verdict

_SHOWN_SUSPECTS = 20
_MARKS = {Status.PASS: "✓", Status.WARN: "!", Status.FAIL: "✗", Status.NOT_MEASURED: "–"}
_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { margin-top: 2.2rem; border-bottom: 1px solid #ddd; }
table { border-collapse: collapse; margin: .6rem 0; } th { text-align: left; font-weight: 600; }
td, th { padding: .15rem 1.1rem .15rem 0; vertical-align: top; } td.number { white-space: nowrap; }
.gate { border-left: .4rem solid #999; padding: .1rem 1rem .3rem; margin: 1rem 0; background: #fafafa; }
.gate h3 { margin: .4rem 0 .1rem; font-size: 1.05rem; } .note { color: #777; }
.status { font-weight: 700; padding: .05rem .5rem; border-radius: .3rem; color: #fff; background: #777; }
.pass { border-color: #3a7d44; } .warn { border-color: #b7791f; } .fail { border-color: #b3261e; }
.status.pass { background: #3a7d44; } .status.warn { background: #b7791f; } .status.fail { background: #b3261e; }
figure { margin: 1.2rem 0; } img { max-width: 100%; height: auto; } figcaption { color: #555; }
@media print { .gate { break-inside: avoid; } }
"""


def render_page(verdict: Verdict) -> str:
    """Lay the whole report out."""
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            # An empty icon, or browsers ask the server for one.
            '<link rel="icon" href="data:,">',
            f"<title>{escape(verdict.subject)}: does it hold?</title>\n<style>{_STYLE}</style>\n</head>\n<body>",
            f"<h1>{escape(verdict.subject)}: does it hold?</h1>",
            f"<p>{_status(verdict.status)} {escape(verdict.judged_by)}.</p>",
            *_overview(verdict.gates),
            "<h2>Gates</h2>",
            *(_gate(gate) for gate in verdict.gates),
            "<h2>Networks</h2>",
            *_networks(verdict),
            *_suspects(verdict.suspects),
            "<h2>Pictures</h2>",
            *(_picture(caption, content) for caption, content in verdict.pictures.items()),
            "</body>\n</html>\n",
        ]
    )


def _status(status: Status) -> str:
    return f'<span class="status {status.name.lower()}">{_MARKS[status]} {escape(status.value)}</span>'


def _overview(gates: Sequence[Gate]) -> Iterator[str]:
    yield '<table class="overview">'
    for gate in gates:
        yield f'<tr><td>{_status(gate.status)}</td><td><a href="#{gate.key}">{escape(gate.title)}</a></td></tr>'
    yield "</table>"


def _gate(gate: Gate) -> str:
    rows = "".join(
        f'<tr><td>{escape(one.name)}</td><td class="number">{escape(one.text())}</td>'
        f'<td class="note">{escape(one.note)}</td></tr>'
        for one in gate.figures
    )
    return (
        f'<section class="gate {gate.status.name.lower()}" id="{gate.key}"><h3>{escape(gate.title)} '
        f"{_status(gate.status)}</h3><p>{escape(gate.says)}</p>"
        + (f"<table>{rows}</table>" if rows else "")
        + "</section>"
    )


def _networks(verdict: Verdict) -> Iterator[str]:
    yield "<table><tr><th>network</th><th>UA</th><th>± over seeds</th><th>WA</th><th>macro F1</th><th>ECE</th></tr>"
    for name, scores in verdict.networks.items():
        calibrated = verdict.calibration.get(name)
        cells = [
            _interval(scores.metrics["ua"]),
            "–" if math.isnan(scores.ua_over_seeds) else f"{scores.ua_over_seeds:.3f}",
            _interval(scores.metrics["wa"]),
            _interval(scores.metrics["f1_macro"]),
            "–" if calibrated is None else f"{calibrated.ece:.3f}",
        ]
        yield f"<tr><td>{escape(name)}</td>" + "".join(f'<td class="number">{cell}</td>' for cell in cells) + "</tr>"
    yield "</table>"
    yield '<p class="note">UA: mean recall of the classes. WA: accuracy. ECE: expected calibration error.</p>'


def _interval(interval: Interval) -> str:
    bounds = "" if math.isnan(interval.low) else f" ({interval.low:.3f} to {interval.high:.3f})"
    return f"{interval.value:.3f}{bounds}"


def _suspects(suspects: Sequence[Suspect]) -> Iterator[str]:
    if not suspects:
        return
    yield f"<h2>Suspect labels</h2><p>The {min(len(suspects), _SHOWN_SUSPECTS)} most doubtful of {len(suspects)}; "
    yield f"all are in {FILE_NAME}.</p><table><tr><th>utterance</th><th>label</th><th>networks say</th></tr>"
    for one in suspects[:_SHOWN_SUSPECTS]:
        label = f"{one.label} ({one.confidence_in_label:.2f})"
        suggested = f"{one.suggested} ({one.confidence_in_suggested:.2f})"
        yield f"<tr><td>{escape(one.utterance_id)}</td><td>{escape(label)}</td><td>{escape(suggested)}</td></tr>"
    yield "</table>"


def _picture(caption: str, content: bytes) -> str:
    encoded = base64.b64encode(content).decode("ascii")
    text = escape(caption)
    return f'<figure><img alt="{text}" src="data:image/png;base64,{encoded}"><figcaption>{text}</figcaption></figure>'
