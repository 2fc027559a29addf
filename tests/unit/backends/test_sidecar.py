"""Sidecars: each form read, whose words they are, and every way a file can be wrong."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdme_tools.backends.asr.cues import Cue
from sdme_tools.backends.asr.sidecar import SidecarTranscriber, deal_cue, find_sidecar
from sdme_tools.backends.protocols import TranscriptionRequest
from sdme_tools.errors import BackendError
from sdme_tools.records.span import Span
from sdme_tools.records.stage_config import TranscribeSection
from sdme_tools.records.utterance import Transcript

SRT = (
    "1\n00:00:01,000 --> 00:00:02,000\nHello <i>there</i>,\nAnna.\n\n2\n00:00:03,000 --> 00:00:04,500\nGood morning.\n"
)
VTT = """WEBVTT

00:01.000 --> 00:02.000
Hello there, Anna.

2
00:00:03.000 --> 00:00:04.500 align:start
Good morning.
"""
OWN = [
    {"start_ms": 3000, "end_ms": 4500, "text": " Good morning.", "language": "en"},
    {"start_ms": 1000, "end_ms": 2000, "text": "Hello there, Anna."},
]
WHISPER = {
    "text": "…",
    "language": "en",
    "segments": [
        {"id": 0, "start": 1.0, "end": 2.0, "text": " Hello there, Anna.", "tokens": [1, 2]},
        {"id": 1, "start": 3.0, "end": 4.5, "text": " Good morning."},
    ],
}
FORMS = {".srt": SRT, ".vtt": VTT, ".json": json.dumps(OWN)}


def _request(recording: Path, start_ms: int, end_ms: int) -> TranscriptionRequest:
    return TranscriptionRequest(
        utterance_id=f"dinner_{start_ms}_{end_ms}",
        recording=recording,
        span=Span(start_ms=start_ms, end_ms=end_ms),
        voice=np.zeros(0, np.float32),
    )


def _transcribe(recording: Path, *spans: tuple[int, int], language: str = "") -> list[Transcript]:
    requests = [_request(recording, start_ms, end_ms) for start_ms, end_ms in spans]
    return SidecarTranscriber(TranscribeSection(backend="sidecar", language=language), "cpu").transcribe(requests)


@pytest.mark.parametrize(("suffix", "content"), [*FORMS.items(), (".json", json.dumps(WHISPER))])
def test_every_form_gives_the_same_words(tmp_path: Path, suffix: str, content: str) -> None:
    (tmp_path / f"dinner{suffix}").write_text(content, encoding="utf-8-sig", newline="\r\n")
    transcripts = _transcribe(tmp_path / "dinner.mp4", (2800, 4600), (5000, 6000), (900, 2100))
    assert [transcript.text for transcript in transcripts] == ["Good morning.", "", "Hello there, Anna."]
    assert [transcript.flags for transcript in transcripts] == [(), ("empty",), ()]
    assert transcripts[0].utterance_id == "dinner_2800_4600"


def test_the_language_is_that_of_the_setting_else_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "dinner.json").write_text(json.dumps(OWN))
    spans = ((900, 2100), (2800, 4600))
    assert [t.language for t in _transcribe(tmp_path / "dinner.mp4", *spans)] == [None, "en"]
    assert [t.language for t in _transcribe(tmp_path / "dinner.mp4", *spans, language="de")] == ["de", "de"]


def test_the_first_form_that_exists_is_read_and_hashed(tmp_path: Path) -> None:
    recording = tmp_path / "dinner one.mp4"
    transcriber = SidecarTranscriber(TranscribeSection(backend="sidecar"), "cpu")
    for suffix in (".txt", ".json", ".vtt", ".srt"):
        path = recording.with_suffix(suffix)
        path.write_text(FORMS.get(suffix, "Hello."))
        assert find_sidecar(recording) == path
        assert transcriber.identify_for(recording).weights == hashlib.sha256(path.read_bytes()).hexdigest()
    assert transcriber.identify().weights is None


def test_none_at_all_names_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(BackendError) as caught:
        _transcribe(tmp_path / "dinner.mp4", (0, 1000))
    for name in ("dinner.srt", "dinner.vtt", "dinner.json", "dinner.txt"):
        assert name in caught.value.what


def test_plain_text_serves_a_sole_utterance_only(tmp_path: Path) -> None:
    (tmp_path / "dinner.txt").write_text("Good\nmorning.\n")
    (transcript,) = _transcribe(tmp_path / "dinner.mp4", (0, 1000))
    assert transcript.text == "Good morning."
    with pytest.raises(BackendError, match="2 utterances") as caught:
        _transcribe(tmp_path / "dinner.mp4", (0, 1000), (2000, 3000))
    assert "dinner.srt" in caught.value.cure


@pytest.mark.parametrize(
    ("suffix", "content", "place"),
    [
        (".srt", "1\n00:00:01,000 -> 00:00:02,000\nHello\n", "line 2"),
        (".srt", "1\n00:00:01,000 --> 00:00:02,000\nHello\n\n2\n00:00:03,000 --> later\nBye\n", "line 6"),
        (".srt", "1\n00:00:03,000 --> 00:00:02,000\nHello\n", "3000 ms"),
        (".srt", "just some words\n", "no cue found"),
        (".vtt", "00:01.000 --> 00:02.000\nHello\n", "line 1"),
        (".vtt", "WEBVTT\n\n00:01 --> 00:02\nHello\n", "line 3"),
        (".json", '[\n{"start_ms": 1,\n}]', "line 3"),
        (".json", '[{"start_ms": 0, "end_ms": 5, "text": "a"}, {"start_ms": 0.5, "end_ms": 9}]', "entry 2, text"),
        (".json", '[{"start_ms": 0, "end_ms": 5, "text": "a", "langauge": "en"}]', "entry 1, langauge"),
        (".json", '[{"start_ms": 5, "end_ms": 5, "text": "a"}]', "entry 1"),
        (".json", '{"turns": []}', "segments"),
        (".json", '{"segments": [{"start": NaN, "end": 1, "text": "a"}]}', "segments, entry 1, start"),
        (".json", "3", "the file"),
    ],
)
def test_a_malformed_file_is_named_with_the_place(tmp_path: Path, suffix: str, content: str, place: str) -> None:
    (tmp_path / f"dinner{suffix}").write_text(content)
    with pytest.raises(BackendError, match=f"dinner{suffix}") as caught:
        _transcribe(tmp_path / "dinner.mp4", (0, 1000))
    assert place in caught.value.what


def test_another_encoding_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "dinner.srt").write_bytes("1\n00:00:01,000 --> 00:00:02,000\nGrüße\n".encode("latin-1"))
    with pytest.raises(BackendError, match=r"dinner\.srt, line 3: this is not UTF-8"):
        _transcribe(tmp_path / "dinner.mp4", (0, 1000))


def _deal(cue: tuple[int, int, str], *spans: tuple[int, int]) -> dict[tuple[int, int], str]:
    requests = [_request(Path("dinner.mp4"), *span) for span in spans]
    dealt = deal_cue(Cue(Span(start_ms=cue[0], end_ms=cue[1]), cue[2]), requests)
    return {spans[place]: " ".join(words) for place, words in dealt}


def test_a_cue_over_two_utterances_is_dealt_out_by_time() -> None:
    assert _deal((0, 6000, "a b c d e f"), (0, 3000), (4500, 6000)) == {(0, 3000): "a b c d", (4500, 6000): "e f"}


def test_inexact_ends_of_a_cue_give_no_word_to_the_neighbour() -> None:
    words = " ".join("abcdefghij")
    assert _deal((0, 2200, words), (0, 1900), (2000, 5000)) == {(0, 1900): words}


def test_of_two_who_speak_at_once_the_cue_is_whose_time_fits() -> None:
    assert _deal((0, 5000, "a b c d"), (0, 5000), (4000, 8000)) == {(0, 5000): "a b c d"}
    assert _deal((4000, 8000, "e f"), (0, 5000), (4000, 8000)) == {(4000, 8000): "e f"}


def test_a_cue_in_a_pause_is_nobodys() -> None:
    assert _deal((3000, 4000, "[laughter]"), (0, 3000), (4000, 5000)) == {}


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 3000)), max_size=5),
    st.integers(0, 5000),
    st.integers(1, 5000),
    st.integers(0, 12),
)
def test_every_word_of_a_cue_is_given_once_and_in_order(
    spans: list[tuple[int, int]], start_ms: int, duration_ms: int, num_words: int
) -> None:
    requests = [_request(Path("dinner.mp4"), start, start + length) for start, length in spans]
    words = [f"w{number}" for number in range(num_words)]
    cue = Cue(Span(start_ms=start_ms, end_ms=start_ms + duration_ms), " ".join(words))
    dealt = deal_cue(cue, requests)
    if any(cue.span.overlap_ms(request.span) for request in requests):
        assert [word for _, its_words in dealt for word in its_words] == words
    else:
        assert dealt == []
