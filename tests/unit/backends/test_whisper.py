"""Whisper: batches, windows, and checkpoints that are missing, damaged or worse."""

import hashlib
import pickle
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
import whisper
from whisper.model import ModelDimensions, Whisper
from whisper.tokenizer import get_tokenizer

from sdme_tools.backends.asr import checkpoint
from sdme_tools.backends.asr.decoding import make_mel
from sdme_tools.backends.asr.whisper import WhisperTranscriber, fetch_whisper
from sdme_tools.backends.asr.windows import Piece, Window, cut_pieces
from sdme_tools.backends.protocols import TranscriptionRequest
from sdme_tools.errors import BackendError, ConfigError
from sdme_tools.records.span import Span
from sdme_tools.records.stage_config import TranscribeSection

RATE_HZ = 16_000


def _settings(**given: object) -> TranscribeSection:
    """Without another try: what an untrained model writes is always doubtful."""
    return TranscribeSection.model_validate({"retry": False, **given})


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with en.pt and multilingual.pt: official form, tiny, untrained, but what they write differs by sound."""
    folder = tmp_path_factory.mktemp("whisper")
    for name, num_tokens in (("en", 51_864), ("multilingual", 51_865)):
        torch.save(_make_checkpoint(num_tokens), folder / f"{name}.pt")
    return folder


def _make_checkpoint(num_tokens: int) -> dict[str, object]:
    torch.manual_seed(0)
    dimensions = ModelDimensions(
        n_mels=80, n_audio_ctx=1500, n_audio_state=16, n_audio_head=2, n_audio_layer=1,
        n_vocab=num_tokens, n_text_ctx=448, n_text_state=16, n_text_head=2, n_text_layer=1,
    )  # fmt: skip
    model = Whisper(dimensions)
    with torch.no_grad():
        tokens = torch.nn.functional.normalize(model.decoder.token_embedding.weight.normal_())
        model.decoder.token_embedding.weight.copy_(tokens)
        end = tokens[get_tokenizer(multilingual=num_tokens == 51_865).eot]
        # The later the place in the text, the likelier its end, so that a text ends after about ten tokens.
        model.decoder.positional_embedding.copy_(torch.randn(448, 16) * 0.3 + end * torch.arange(448)[:, None] * 6)
        model.decoder.blocks[0].cross_attn.out.weight *= 60
        model.decoder.blocks[0].mlp[2].weight *= 30
        model.encoder.conv1.weight *= 30
    return {"dims": asdict(dimensions), "model_state_dict": model.state_dict()}


def _make_requests(*seconds: float) -> list[TranscriptionRequest]:
    random = np.random.default_rng(0)
    requests = []
    for place, duration_s in enumerate(seconds):
        num_samples = round(duration_s * RATE_HZ)
        hum = np.sin(np.arange(num_samples) * random.uniform(0.01, 1))
        requests.append(
            TranscriptionRequest(
                utterance_id=f"u{place}",
                recording=Path("dinner.mp4"),
                span=Span(start_ms=0, end_ms=round(duration_s * 1000)),
                voice=(random.standard_normal(num_samples) * hum * 0.1).astype(np.float32),
            )
        )
    return requests


@pytest.mark.parametrize("name", ["en", "multilingual"])
def test_batches_give_what_one_by_one_gives_in_the_order_asked(checkpoints: Path, name: str) -> None:
    requests = _make_requests(1.0, 3.0, 0.4, 2.0, 1.5)
    model = str(checkpoints / f"{name}.pt")
    together = WhisperTranscriber(_settings(model=model, batch_size=4), "cpu").transcribe(requests)
    alone = WhisperTranscriber(_settings(model=model, batch_size=1), "cpu").transcribe(requests)
    assert together == alone
    assert [transcript.utterance_id for transcript in together] == [request.utterance_id for request in requests]
    assert len({transcript.text for transcript in together}) > 1
    assert all(transcript.avg_logprob <= 0 and transcript.no_speech_prob >= 0 for transcript in together)


def test_the_tokens_are_those_of_whisper_itself(checkpoints: Path) -> None:
    requests = _make_requests(1.0, 3.0, 2.0)
    model = whisper.load_model(str(checkpoints / "en.pt"), device="cpu")
    options = whisper.DecodingOptions(language="en", fp16=False, without_timestamps=True)
    expected = [
        whisper.decode(model, whisper.log_mel_spectrogram(whisper.pad_or_trim(request.voice)), options)
        for request in requests
    ]
    got = whisper.decode(
        model, make_mel([Window(Piece(0, "u", 0, request.voice)) for request in requests], 80, "cpu"), options
    )
    assert [result.tokens for result in got] == [result.tokens for result in expected]
    settings = _settings(model=str(checkpoints / "en.pt"), batch_size=2)
    transcripts = WhisperTranscriber(settings, "cpu").transcribe(requests)
    assert [transcript.text for transcript in transcripts] == [result.text for result in expected]


def test_language_is_detected_for_each_or_fixed(checkpoints: Path) -> None:
    requests = _make_requests(1.0, 2.0)
    model = str(checkpoints / "multilingual.pt")
    detected = WhisperTranscriber(_settings(model=model), "cpu").transcribe(requests)
    assert all(0 < transcript.language_probability <= 1 for transcript in detected)
    fixed = WhisperTranscriber(_settings(model=model, language="de"), "cpu").transcribe(requests)
    assert [(transcript.language, transcript.language_probability) for transcript in fixed] == [("de", None)] * 2
    english = WhisperTranscriber(_settings(model=str(checkpoints / "en.pt")), "cpu").transcribe(requests)
    assert [(transcript.language, transcript.language_probability) for transcript in english] == [("en", None)] * 2


@pytest.mark.parametrize(("name", "language"), [("en", "de"), ("multilingual", "xx")])
def test_a_language_that_the_model_does_not_know_is_refused(checkpoints: Path, name: str, language: str) -> None:
    settings = _settings(model=str(checkpoints / f"{name}.pt"), language=language)
    with pytest.raises(ConfigError, match=language):
        WhisperTranscriber(settings, "cpu").transcribe(_make_requests(1.0))


def test_more_than_thirty_seconds_are_cut_where_it_is_quiet() -> None:
    voice = np.random.default_rng(0).standard_normal(70 * RATE_HZ).astype(np.float32)
    voice[27 * RATE_HZ : 27 * RATE_HZ + RATE_HZ // 10] = 0
    windows = [piece.voice for piece in cut_pieces(0, "u", voice)]
    assert np.array_equal(np.concatenate(windows), voice)
    assert len(windows[0]) == round(27.05 * RATE_HZ)
    assert all(len(window) <= 30 * RATE_HZ for window in windows)
    assert len(cut_pieces(0, "u", voice[: 30 * RATE_HZ])) == 1


def test_a_checkpoint_that_does_not_bear_short_windows_is_found_out(checkpoints: Path) -> None:
    requests = _make_requests(1.0, 3.0, 0.4, 2.0, 1.5)
    model = str(checkpoints / "en.pt")
    short = WhisperTranscriber(_settings(model=model, min_window_s=2.0), "cpu").transcribe(requests)
    full = WhisperTranscriber(_settings(model=model), "cpu").transcribe(requests)
    assert [transcript.text for transcript in short] == [transcript.text for transcript in full]
    assert all("redone" in transcript.flags for transcript in short)


def test_windows_of_an_utterance_are_joined(checkpoints: Path) -> None:
    (request,) = _make_requests(45.0)
    transcriber = WhisperTranscriber(_settings(model=str(checkpoints / "en.pt")), "cpu")
    (whole,) = transcriber.transcribe([request])
    parts = [
        TranscriptionRequest(request.utterance_id, request.recording, request.span, piece.voice)
        for piece in cut_pieces(0, "u", request.voice)
    ]
    assert len(parts) == 2
    assert whole.text == " ".join(transcript.text for transcript in transcriber.transcribe(parts))


def test_doubts_are_flagged_by_the_thresholds_of_whisper(checkpoints: Path) -> None:
    settings = _settings(model=str(checkpoints / "en.pt"))
    for transcript in WhisperTranscriber(settings, "cpu").transcribe(_make_requests(1.0, 2.0)):
        assert ("low_confidence" in transcript.flags) == (transcript.avg_logprob < -1.0)
        assert ("repetitive" in transcript.flags) >= (transcript.compression_ratio > 2.4)
        assert ("empty" in transcript.flags) == (not transcript.text)


def test_source_names_the_weights(checkpoints: Path) -> None:
    path = checkpoints / "en.pt"
    source = WhisperTranscriber(_settings(model=str(path)), "cpu").identify()
    assert source.weights == hashlib.sha256(path.read_bytes()).hexdigest()


def _transcribe_with(path: Path) -> None:
    WhisperTranscriber(_settings(model=str(path)), "cpu").transcribe(_make_requests(0.5))


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    content = _make_checkpoint(51_864)
    content["model_state_dict"]["encoder.conv1.bias"][3] = float("nan")
    torch.save(content, tmp_path / "nan.pt")
    with pytest.raises(BackendError, match=r"not finite.*encoder\.conv1\.bias"):
        _transcribe_with(tmp_path / "nan.pt")


@pytest.mark.parametrize("kept", [0, 10, 20_000, -100])
def test_a_damaged_checkpoint_is_refused(checkpoints: Path, tmp_path: Path, kept: int) -> None:
    (tmp_path / "cut.pt").write_bytes((checkpoints / "en.pt").read_bytes()[:kept])
    with pytest.raises(BackendError, match=r"cut\.pt cannot be used"):
        _transcribe_with(tmp_path / "cut.pt")


@pytest.mark.parametrize("content", [{}, [1, 2], {"dims": {"n_mels": 80}, "model_state_dict": {}}])
def test_what_is_no_whisper_model_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(BackendError, match="does not hold a Whisper model"):
        _transcribe_with(tmp_path / "other.pt")


class _Bomb:
    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._marker,)


@pytest.mark.parametrize(
    "save", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content, protocol=2))]
)
def test_code_in_a_checkpoint_is_never_run(tmp_path: Path, save: Callable[[object, Path], None]) -> None:
    marker = tmp_path / "it-ran"
    save({"dims": _Bomb(marker), "model_state_dict": {}}, tmp_path / "bomb.pt")
    with pytest.raises(BackendError, match="not unpickled"):
        _transcribe_with(tmp_path / "bomb.pt")
    assert not marker.exists()


def test_a_path_that_does_not_exist_names_itself(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"missing\.pt"):
        _transcribe_with(tmp_path / "missing.pt")


def test_a_name_that_is_not_fetched_says_all_ways_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(BackendError) as caught:
        WhisperTranscriber(_settings(model="turbo"), "cpu").identify()
    assert str(tmp_path / "whisper" / "large-v3-turbo.pt") in caught.value.what
    for way in ("sdme models fetch whisper:turbo", "[transcribe] model", 'backend = "sidecar"'):
        assert way in caught.value.cure


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(BackendError, match=r"known: tiny\.en, tiny, base\.en"):
        WhisperTranscriber(_settings(model="gigantic"), "cpu").identify()


def test_a_file_in_the_cache_with_another_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "whisper").mkdir()
    (tmp_path / "whisper" / "tiny.pt").write_bytes(b"half a download")
    with pytest.raises(BackendError, match=r"tiny\.pt is damaged"):
        WhisperTranscriber(_settings(model="tiny"), "cpu").transcribe(_make_requests(0.5))


def test_fetching_checks_the_hash_and_leaves_nothing_half_done(
    checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (checkpoints / "en.pt").read_bytes()
    right, wrong = hashlib.sha256(content).hexdigest(), "0" * 64
    published = {}
    for name, sha256 in (("good", right), ("bad", wrong)):
        (tmp_path / sha256).mkdir()
        (tmp_path / sha256 / f"{name}.pt").write_bytes(content)
        published[name] = f"file://{tmp_path}/{sha256}/{name}.pt"
    published["gone"] = f"file://{tmp_path}/{right}/gone.pt"
    monkeypatch.setattr(checkpoint, "list_published", lambda: published)  # the same addresses, on this disk
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert fetch_whisper("good").read_bytes() == content
    WhisperTranscriber(_settings(model="good"), "cpu").transcribe(_make_requests(0.5))
    for name in ("bad", "gone"):
        with pytest.raises(BackendError, match="could not be fetched"):
            fetch_whisper(name)
    assert [path.name for path in (tmp_path / "whisper").iterdir()] == ["good.pt"]


def test_no_requests_need_no_checkpoint() -> None:
    assert WhisperTranscriber(_settings(model="missing.pt"), "cpu").transcribe([]) == []
