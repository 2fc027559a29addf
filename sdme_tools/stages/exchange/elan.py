"""ELAN: an .eaf whose media are linked by relative path, with utterances, words, labels and ids for each speaker.

Words lie inside their utterance (Included_In); label and id belong to it (Symbolic_Association): move an utterance in
ELAN and they go along.

Source: EAF Annotation Format 2.8, https://www.mpi.nl/tools/elan/EAF_Annotation_Format_2.8_and_ELAN.pdf
"""

import os
from pathlib import Path

from pympi.Elan import Eaf, to_eaf

from sdme_tools.corpus.view import RecordingView
from sdme_tools.stages.exchange.tiers import Layer, clean, lay, place_words

_MIME_TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".mpg": "video/mpeg",
    ".wav": "audio/x-wav",
}
_NO_DATE = "1970-01-01T00:00:00+00:00"
"""The format demands a date; the time of writing would make other bytes of the same corpus."""


def write_eaf(view: RecordingView, path: Path, folder: Path) -> None:
    """Write a recording's utterances to `path`, with the media as seen from `folder`, where the file will lie."""
    eaf = Eaf(author="sdme_tools")
    eaf.adocument["DATE"] = _NO_DATE
    eaf.header = {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"}
    eaf.remove_tier("default")
    eaf.add_linguistic_type("words", constraints="Included_In")
    eaf.add_linguistic_type("about", constraints="Symbolic_Association", timealignable=False)
    media = Path(os.path.relpath(view.source.absolute(), folder.absolute())).as_posix()
    media = media if media.startswith(".") else f"./{media}"
    eaf.add_linked_file(media, relpath=media, mimetype=_MIME_TYPES.get(view.source.suffix.lower(), "unknown"))
    layers = lay(view.utterances)
    for layer in layers:
        _add_layer(eaf, layer)
    if not layers:
        eaf.add_tier("utterances")
    _order_times(eaf)
    to_eaf(path, eaf)


def _add_layer(eaf: Eaf, layer: Layer) -> None:
    tier = layer.name
    eaf.add_tier(tier, part=layer.speaker)
    for view in layer.utterances:
        eaf.add_annotation(tier, view.utterance.span.start_ms, view.utterance.span.end_ms, clean(view.text))
    words = place_words(layer)
    if words:
        eaf.add_tier(f"{tier} words", "words", tier, part=layer.speaker)
        for span, text in words:
            eaf.add_annotation(f"{tier} words", span.start_ms, span.end_ms, text)
    about = {
        "label": [(view, view.label) for view in layer.utterances if view.label is not None],
        "id": [(view, view.utterance.utterance_id) for view in layer.utterances],
    }
    for name, entries in about.items():
        if entries:
            eaf.add_tier(f"{tier} {name}", "about", tier, part=layer.speaker)
            for view, value in entries:
                eaf.add_ref_annotation(f"{tier} {name}", tier, view.utterance.span.middle_ms, clean(value))


def _order_times(eaf: Eaf) -> None:
    """Number the time slots in order of time, as ELAN does."""
    ordered = sorted(eaf.timeslots.items(), key=lambda slot: (slot[1], int(slot[0][2:])))
    names = {old: f"ts{number}" for number, (old, _) in enumerate(ordered, start=1)}
    eaf.timeslots = {names[old]: t_ms for old, t_ms in ordered}
    for aligned, *_ in eaf.tiers.values():
        for name, (start, end, *rest) in aligned.items():
            aligned[name] = (names[start], names[end], *rest)
