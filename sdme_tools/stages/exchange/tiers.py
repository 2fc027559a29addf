"""What the formats with tiers share: utterances by speaker, laid into layers in which nothing overlaps."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sdme_tools.corpus.view import UtteranceView
from sdme_tools.records.span import Span
from sdme_tools.records.utterance import UtteranceKind

UNKNOWN = "unknown"
NO_WORDS, VOCAL = "[no words]", "[vocal]"
_FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Layer:
    """Utterances of one speaker that follow each other without overlap."""

    name: str
    """The speaker, with a number from the second layer on."""
    speaker: str
    utterances: tuple[UtteranceView, ...]


def name_speaker(view: UtteranceView) -> str:
    """The participant, else the voice, else 'unknown'."""
    return view.speaker or UNKNOWN


def lay(utterances: Sequence[UtteranceView]) -> list[Layer]:
    """Sort utterances, given in order of time, into layers: speakers by name, each with as many layers as it takes."""
    stacks: dict[str, list[list[UtteranceView]]] = {}
    for view in utterances:
        stack = stacks.setdefault(name_speaker(view), [])
        start_ms = view.utterance.span.start_ms
        free = next((layer for layer in stack if layer[-1].utterance.span.end_ms <= start_ms), None)
        if free is None:
            stack.append([view])
        else:
            free.append(view)
    return [
        Layer(speaker if number == 1 else f"{speaker} {number}", speaker, tuple(layer))
        for speaker, stack in sorted(stacks.items())
        for number, layer in enumerate(stack, start=1)
    ]


def say(view: UtteranceView) -> str:
    """The text on one line; where there is none, in brackets what there is instead."""
    text = clean(view.text)
    return text or (VOCAL if view.utterance.kind is UtteranceKind.VOCAL else NO_WORDS)


def clean(text: str) -> str:
    """The text on one line, without the control characters that XML forbids. Source: XML 1.0, 2.2."""
    return " ".join(_FORBIDDEN.sub(" ", text).split())


def place_words(layer: Layer) -> list[tuple[Span, str]]:
    """The timed words of a layer, cut to their utterance and to the word before; what nothing is left of joins that."""
    placed: list[tuple[Span, str]] = []
    for view in layer.utterances:
        first = len(placed)
        for word in view.wording.words if view.wording else ():
            start_ms = max(word.span.start_ms, placed[-1][0].end_ms if len(placed) > first else 0)
            end_ms = min(word.span.end_ms, view.utterance.span.end_ms)
            start_ms = max(start_ms, view.utterance.span.start_ms)
            text = clean(word.text)
            if text and start_ms < end_ms:
                placed.append((Span(start_ms=start_ms, end_ms=end_ms), text))
            elif text and len(placed) > first:
                placed[-1] = (placed[-1][0], f"{placed[-1][1]} {text}")
    return placed
