"""What the pictures say in words: whom an utterance is bound to and why, and what is doubtful about it."""

from sdme_tools.records.face import BindingReason
from sdme_tools.stages.preview.glimpses import Sight
from sdme_tools.stages.preview.style import format_time

IN_WORDS = {
    BindingReason.NO_VIDEO: "the recording has no pictures",
    BindingReason.NO_FACE: "no face is seen for long enough",
    BindingReason.NO_LANDMARKS: "no face could be judged",
    BindingReason.OVERLAP: "two voices at once",
    BindingReason.SEVERAL_CANDIDATES: "two faces fit about equally",
    BindingReason.OFF_SCREEN: "no mouth moves with the voice",
}


_NOTABLE_OFF_SCREEN, _NOTABLE_OFFSET_MS = 0.1, 60


def describe_binding(sight: Sight) -> str:
    """The verdict in one line."""
    binding = sight.view.binding
    if binding is None:
        return "not bound yet: the bind stage has not run"
    if binding.track_id is None:
        reason = binding.reason
        return f"NO FACE CLAIMED: {reason.value.replace('_', ' ')} ({IN_WORDS.get(reason, 'see the stage bind')})"
    return f"FACE {sight.letter_of(binding.track_id)} SPEAKS"


def describe_utterance(sight: Sight) -> tuple[str, str]:
    """The facts in one line, and the doubts in another (empty where there are none)."""
    view, binding = sight.view, sight.view.binding
    span = view.utterance.span
    facts = [
        f"speaker {view.speaker or 'unknown'}",
        *(_figures(sight) if binding else ()),
        f"{format_time(span.start_ms)} – {format_time(span.end_ms)} ({span.duration_ms / 1000:.1f} s)",
    ]
    if view.label is not None:
        facts.append(f"label {view.label}")
    if view.wording is not None and view.wording.language:
        facts.append(f"language {view.wording.language}")
    doubts = [flag.replace("_", " ") for flag in view.flags]
    if view.utterance.overlap_ms:
        doubts.append(f"{view.utterance.overlap_ms} ms of overlap")
    if view.quality is not None:
        doubts += [gate.replace("_", " ") for gate in view.quality.failed_gates]
    if view.wording is not None and view.wording.edit is not None:
        facts.append("text corrected by " + (view.wording.edit.editor or "a person"))
        doubts += ["the machine's text has changed since"] if view.wording.is_outdated else []
    return "   ·   ".join(facts), ", ".join(doubts)


def _figures(sight: Sight) -> list[str]:
    binding = sight.view.binding
    if binding is None or binding.score is None:
        return []
    figures = [f"score {binding.score:.2f}"]
    if binding.margin is not None and binding.runner_up_track_id is not None:
        figures.append(f"margin {binding.margin:.2f} over face {sight.letter_of(binding.runner_up_track_id)}")
    if binding.confidence is not None:
        figures.append(f"confidence {binding.confidence:.2f}")
    if binding.off_screen is not None and binding.off_screen >= _NOTABLE_OFF_SCREEN:
        figures.append(f"off screen {binding.off_screen:.2f}")
    if binding.offset_ms is not None and abs(binding.offset_ms) >= _NOTABLE_OFFSET_MS:
        figures.append(f"sound {abs(binding.offset_ms)} ms {'after' if binding.offset_ms > 0 else 'before'} the lips")
    return figures
