"""What every transcriber must do; a new one is one more name here."""

import json
from pathlib import Path

import av
import numpy as np
import pytest

from sdme_tools.backends.protocols import Transcriber, TranscriptionRequest
from sdme_tools.backends.registry import BACKENDS, create_transcriber
from sdme_tools.errors import ConfigError
from sdme_tools.records.span import Span
from sdme_tools.records.stage_config import TranscribeSection
from tests.ctranslate2_folder import convert_checkpoint

EXAMPLES = Path(__file__).parents[2] / "examples"
LINES = json.loads((EXAMPLES / "speech" / "speech.json").read_text())[:4]
PAUSE_MS = 1000


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The example's checkpoint in the form that each backend reads."""
    checkpoint = EXAMPLES / "models" / "whisper-example.pt"
    folder = convert_checkpoint(checkpoint, tmp_path_factory.mktemp("ctranslate2") / "example")
    return {"faster-whisper": folder, "whisper": checkpoint, "sidecar": checkpoint}


@pytest.fixture(params=[*sorted(BACKENDS["transcribe"]), "whisper short", "faster-whisper short"])
def transcriber(request: pytest.FixtureRequest, models: dict[str, Path]) -> Transcriber:
    name, _, short = request.param.partition(" ")
    settings = TranscribeSection(backend=name, model=str(models[name]), batch_size=3, min_window_s=2 if short else 30)
    return create_transcriber(settings, "cpu")


@pytest.fixture
def requests(tmp_path: Path) -> list[TranscriptionRequest]:
    """Four lines as utterances of one recording, a second apart, with a sidecar beside it that gives two of them."""
    made, t_ms = [], 0
    for line in LINES:
        voice = _read(EXAMPLES / "speech" / line["file"])
        span = Span(start_ms=t_ms, end_ms=t_ms + len(voice) // 16)
        made.append(TranscriptionRequest(f"dinner_{span.start_ms}_{span.end_ms}", tmp_path / "dinner.mp4", span, voice))
        t_ms = span.end_ms + PAUSE_MS
    cues = [
        {"start_ms": request.span.start_ms, "end_ms": request.span.end_ms, "text": line["text"]}
        for request, line in zip(made[:2], LINES, strict=False)
    ]
    (tmp_path / "dinner.json").write_text(json.dumps(cues))
    return made


def _read(path: Path) -> np.ndarray:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=16_000)
    with av.open(str(path)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in (*frames, *resampler.resample(None))])


def test_one_transcript_a_request_in_order(transcriber: Transcriber, requests: list[TranscriptionRequest]) -> None:
    shuffled = [requests[place] for place in (2, 0, 3, 1)]
    forwards, backwards = transcriber.transcribe(requests), transcriber.transcribe(shuffled)
    alone = [transcriber.transcribe([request])[0] for request in requests]
    assert [transcript.utterance_id for transcript in forwards] == [request.utterance_id for request in requests]
    assert [transcript.utterance_id for transcript in backwards] == [request.utterance_id for request in shuffled]
    assert [transcript.text for transcript in backwards] == [forwards[place].text for place in (2, 0, 3, 1)]
    assert [transcript.text for transcript in forwards] == [transcript.text for transcript in alone]


def test_the_same_call_gives_the_same_rows(transcriber: Transcriber, requests: list[TranscriptionRequest]) -> None:
    assert transcriber.transcribe(requests) == transcriber.transcribe(requests)


def test_words_are_those_of_the_text_within_the_utterance_and_in_order(
    transcriber: Transcriber, requests: list[TranscriptionRequest]
) -> None:
    for transcript, request in zip(transcriber.transcribe(requests), requests, strict=True):
        words = transcript.words
        assert not words or " ".join(word.text for word in words) == transcript.text
        assert all(request.span.overlap_ms(word.span) == word.span.duration_ms for word in words)
        assert [word.span.start_ms for word in words] == sorted(word.span.start_ms for word in words)


def test_what_is_written_is_what_was_said(transcriber: Transcriber, requests: list[TranscriptionRequest]) -> None:
    for transcript, line in zip(transcriber.transcribe(requests)[:2], LINES, strict=False):
        said = line["text"].lower().strip(".?!").split()
        written = transcript.text.lower().strip(".?!").split()
        assert len(set(said) & set(written)) >= 0.8 * len(set(said)), transcript.text


def test_no_text_is_flagged_empty(transcriber: Transcriber, requests: list[TranscriptionRequest]) -> None:
    for transcript in transcriber.transcribe(requests):
        assert ("empty" in transcript.flags) == (not transcript.text)


def test_nothing_gives_nothing(transcriber: Transcriber) -> None:
    assert transcriber.transcribe([]) == []


def test_it_names_itself_and_what_it_read(transcriber: Transcriber, requests: list[TranscriptionRequest]) -> None:
    source = transcriber.identify_for(requests[0].recording)
    assert source == transcriber.identify_for(requests[0].recording)
    assert source.backend == transcriber.identify().backend
    assert all(transcript.source == source for transcript in transcriber.transcribe(requests))


@pytest.mark.parametrize("name", ["whisper", "faster-whisper"])
def test_a_checkpoint_that_bears_short_windows_says_the_same_in_them(
    name: str, models: dict[str, Path], requests: list[TranscriptionRequest]
) -> None:
    short, full = (
        create_transcriber(
            TranscribeSection(backend=name, model=str(models[name]), min_window_s=shortest_s), "cpu"
        ).transcribe(requests)
        for shortest_s in (2, 30)
    )
    assert [transcript.text for transcript in short] == [transcript.text for transcript in full]
    assert not any("redone" in transcript.flags for transcript in short)


@pytest.mark.parametrize("name", ["whisper", "faster-whisper"])
def test_a_language_that_the_model_does_not_know_is_refused_with_those_it_knows(
    name: str, models: dict[str, Path], requests: list[TranscriptionRequest]
) -> None:
    settings = TranscribeSection(backend=name, model=str(models[name]), language="xx")
    with pytest.raises(ConfigError, match=r'language = "xx" .* en') as caught:
        create_transcriber(settings, "cpu").transcribe(requests)
    assert caught.value.cure
