"""Praat: a TextGrid with tiers of utterances, words and labels for each speaker.

Source: Praat manual, TextGrid file formats, https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html
"""

from pathlib import Path

from praatio.data_classes.interval_tier import IntervalTier
from praatio.data_classes.textgrid import Textgrid

from sdme_tools.corpus.view import RecordingView
from sdme_tools.records.span import Span
from sdme_tools.stages.exchange.tiers import lay, place_words, say

Entries = list[tuple[Span, str]]


def write_textgrid(view: RecordingView, path: Path) -> None:
    """Write a recording's utterances; an utterance without words says so in brackets, since an empty one is no mark."""
    ends = [u.utterance.span.end_ms for u in view.utterances]
    end_ms = max([view.recording.duration_ms, *ends])
    grid = Textgrid(0.0, end_ms / 1000)
    for layer in lay(view.utterances):
        tiers: dict[str, Entries] = {
            f"{layer.name} utterances": [(u.utterance.span, say(u)) for u in layer.utterances],
            f"{layer.name} words": place_words(layer),
            f"{layer.name} labels": [(u.utterance.span, u.label) for u in layer.utterances if u.label is not None],
        }
        for name, entries in tiers.items():
            if entries or name.endswith("utterances"):
                grid.addTier(_make_tier(name, entries, end_ms))
    grid.save(str(path), format="long_textgrid", includeBlankSpaces=True)


def _make_tier(name: str, entries: Entries, end_ms: int) -> IntervalTier:
    intervals = [(span.start_ms / 1000, span.end_ms / 1000, text) for span, text in entries]
    return IntervalTier(name, intervals, 0.0, end_ms / 1000)
