"""faster-whisper: Whisper models in the form of CTranslate2, which computes them several times faster on a CPU.

Uses the package's model, tokenizer and features, not its pipeline: windows are chosen and watched as for openai-whisper
(work.py), so the two differ in their arithmetic alone. The word times come from CTranslate2's alignment.
"""

import hashlib
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sdme_tools.backends.asr.decoder import Spoken, WindowDecoder
from sdme_tools.backends.asr.readings import Reading
from sdme_tools.backends.asr.windows import Piece, Window
from sdme_tools.backends.asr.words import APPENDED, PREPENDED, HeardWord, find_sounding, place_words
from sdme_tools.backends.asr.work import write_down
from sdme_tools.backends.packages import require_package, require_version
from sdme_tools.backends.protocols import TranscriptionRequest, Voice
from sdme_tools.backends.weights import hash_weights
from sdme_tools.errors import BackendError, ConfigError
from sdme_tools.records.base import Source
from sdme_tools.records.stage_config import TranscribeSection
from sdme_tools.records.utterance import Transcript

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXTRA = "faster-whisper"
MODEL_FILES = ("model.bin", "config.json", "tokenizer.json")
"""What a model's folder must hold; vocabulary and preprocessor settings lie beside them."""
LONGEST_TEXT = 224
"""Tokens, as in openai-whisper: half of what the decoder can hold."""

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


class FasterWhisperTranscriber:
    """Transcription by faster-whisper with a model folder, or a published model that was fetched."""

    pools = True

    def __init__(self, settings: TranscribeSection, device: Literal["cpu", "cuda"]) -> None:
        self._settings = settings
        self._device = device

    def identify(self) -> Source:
        """Name the package's version and the hash of the model.

        Raises:
            BackendError: the package is not installed, or the model is not on this machine.
        """
        version = require_version("faster-whisper", extra=EXTRA)
        return Source(
            backend="faster-whisper", version=version, weights=_hash_folder(find_folder(self._settings.model))
        )

    def identify_for(self, recording: Path) -> Source:
        """Return the same for every recording: nothing beside it is read."""
        del recording
        return self.identify()

    def transcribe(self, requests: Sequence[TranscriptionRequest]) -> list[Transcript]:
        """Write down each utterance; an empty text where nothing was recognised, doubts as flags.

        Raises:
            BackendError: the model is missing or unusable, or there is no such device.
            ConfigError: the model does not know the language that corpus.toml sets.
        """
        if not requests:
            return []
        source = self.identify()
        model = _load(find_folder(self._settings.model), self._device, source.weights)
        language = self._settings.language
        known = list(model.supported_languages)
        if language and language not in known:
            raise ConfigError(
                f'[transcribe] language = "{language}" is not known to {self._settings.model}, which knows '
                f"{', '.join(known)}",
                cure='write the code of one of them, or ""',
            )
        return write_down(_CtDecoder(model, language), requests, self._settings, source)


def find_folder(model: str) -> Path:
    """Tell which folder a model name or path means, without loading it or asking the network.

    Raises:
        BackendError: the folder lacks something, or the name is neither known nor fetched; says what to do.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        missing = [name for name in MODEL_FILES if not (path / name).is_file()]
        if missing:
            raise BackendError(
                f"{path.absolute()} is no model of faster-whisper: it lacks {', '.join(missing)}",
                cure="name a folder that CTranslate2 made of a Whisper model, with its tokenizer.json",
            )
        return path
    if len(path.parts) > 1 or path.exists():
        raise BackendError(
            f"[transcribe] model names {path.absolute()}, which is no folder",
            cure="faster-whisper needs a folder in the form of CTranslate2, not a checkpoint of openai-whisper",
        )
    return _find_fetched(model)


def _find_fetched(name: str) -> Path:
    utils = _require_known(name)
    try:
        return Path(utils.download_model(name, local_files_only=True))
    except (OSError, ValueError) as error:
        raise BackendError(
            f'the faster-whisper model "{name}" is not on this machine',
            cure=f"run `sdme models fetch faster-whisper:{name}`, or name a folder as [transcribe] model",
        ) from error


def fetch_faster_whisper(name: str) -> Path:
    """Download a published model into the cache of the Hugging Face hub, unless it is there; return its folder.

    Raises:
        BackendError: the name is not known, faster-whisper is not installed, or the download fails.
    """
    utils = _require_known(name)
    try:
        return Path(utils.download_model(name))
    except Exception as error:  # the hub's client raises errors of half a dozen libraries
        raise BackendError(
            f'the faster-whisper model "{name}" could not be fetched: {str(error).splitlines()[0]}',
            cure="check the network, or bring the folder from elsewhere and name it as [transcribe] model",
        ) from error


def _require_known(name: str) -> Any:  # noqa: ANN401 - an untyped module
    utils = require_package("faster_whisper.utils", extra=EXTRA)
    known = utils.available_models()
    if name not in known:
        raise BackendError(
            f'"{name}" is neither a folder nor a faster-whisper model; known: {", ".join(known)}',
            cure="correct [transcribe] model in corpus.toml: one of these names, or the path of a model's folder",
        )
    return utils


def _hash_folder(folder: Path) -> str:
    """One hash over everything in the folder that decides the text."""
    files = sorted(path for path in folder.iterdir() if path.suffix in (".bin", ".json", ".txt"))
    lines = "".join(f"{path.name} {hash_weights(path)}\n" for path in files)
    return hashlib.sha256(lines.encode()).hexdigest()


@lru_cache(maxsize=1)
def _load(folder: Path, device: str, weights: str) -> Any:  # noqa: ANN401 - an untyped class
    del weights  # part of the key: a folder whose content changed is loaded again
    package = require_package("faster_whisper", extra=EXTRA)
    threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
    try:
        return package.WhisperModel(
            str(folder),
            device=device,
            compute_type="float16" if device == "cuda" else "float32",
            cpu_threads=threads,
            local_files_only=True,
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise BackendError(
            f"the model {folder} cannot be used on {device}: {str(error).splitlines()[0]}",
            cure="give a folder that CTranslate2 made of a Whisper model, whole; or another --device",
        ) from error


class _CtDecoder(WindowDecoder):
    """A Whisper model of CTranslate2 with the language that corpus.toml sets."""

    def __init__(self, model: Any, language: str) -> None:  # noqa: ANN401
        self._model = model
        self._language = language if model.model.is_multilingual else "en"

    def encode(self, windows: Sequence[Window]) -> "NDArray[Any]":
        """Hear windows of one length: float[B, num_steps, D], on the host, where rows can be picked out."""
        mel = np.stack([self._make_mel(window) for window in windows])
        storage = require_package("faster_whisper.transcribe", extra=EXTRA).get_ctranslate2_storage(mel)
        with _explained(len(windows)):
            return np.array(self._model.model.encode(storage, to_cpu=True))

    def _make_mel(self, window: Window) -> "NDArray[np.float32]":
        voice = np.zeros(window.num_samples, np.float32)
        voice[: len(window.piece.voice)] = window.piece.voice
        mel: NDArray[np.float32] = self._model.feature_extractor(voice, padding=0)
        return mel

    def read_again(self, piece: Piece, heard: "NDArray[Any]", before: Reading, temperature: float) -> Reading:
        """Write a piece down by drawing tokens instead of taking the likeliest; the utterance's id is the seed."""
        seed = hashlib.sha256(f"{piece.name} {piece.offset_ms} {temperature}".encode()).digest()[:4]
        require_package("ctranslate2", extra=EXTRA).set_random_seed(int.from_bytes(seed))
        spoken = [(before.language, before.language_probability)]
        (reading,) = self._write_in(before.language, [piece.voice], heard[None], spoken, temperature)
        return reading

    def _tell_languages(self, features: "NDArray[Any]") -> list[Spoken]:
        if self._language:
            return [(self._language, None)] * len(features)
        found = self._model.model.detect_language(_store(features))
        return [(best[0][0][2:-2], best[0][1]) for best in found]

    def _write_in(
        self,
        language: str,
        voices: Sequence[Voice],
        features: "NDArray[Any]",
        spoken: Sequence[Spoken],
        temperature: float = 0.0,
    ) -> list[Reading]:
        transcribe = require_package("faster_whisper.transcribe", extra=EXTRA)
        tokenizer = transcribe.Tokenizer(
            self._model.hf_tokenizer, self._model.model.is_multilingual, task="transcribe", language=language
        )
        prompt = self._model.get_prompt(tokenizer, [], without_timestamps=True)
        with _explained(len(voices)):
            results = self._model.model.generate(
                _store(features),
                [prompt] * len(voices),
                beam_size=1,
                max_length=len(prompt) + LONGEST_TEXT,
                return_scores=True,
                return_no_speech_prob=True,
                suppress_tokens=list(transcribe.get_suppressed_tokens(tokenizer, [-1])),
                **({"sampling_topk": 0, "sampling_temperature": temperature} if temperature else {}),
            )
        texts = [[token for token in result.sequences_ids[0] if token < tokenizer.eot] for result in results]
        words = self._align(voices, features, tokenizer, texts)
        return [
            Reading(
                words=tuple(heard),
                language=language,
                language_probability=probability,
                # The score is the sum over the tokens and the end, over the number of tokens without it.
                avg_logprob=min(0.0, result.scores[0] * len(text) / (len(text) + 1)),
                no_speech_prob=result.no_speech_prob,
                is_whole=len(text) < LONGEST_TEXT,
            )
            for result, text, heard, (_, probability) in zip(results, texts, words, spoken, strict=True)
        ]

    def _align(
        self,
        voices: Sequence[Voice],
        features: "NDArray[Any]",
        tokenizer: Any,  # noqa: ANN401
        texts: list[list[int]],
    ) -> list[list[HeardWord]]:
        sounding = [find_sounding(voice) for voice in voices]
        num_frames = [2 * max(1, len(steps)) for steps in sounding]
        aligned = self._model.model.align(_store(features), tokenizer.sot_sequence, texts, num_frames)
        return [
            _make_words(tokenizer, text, found, steps) if text else []
            for text, found, steps in zip(texts, aligned, sounding, strict=True)
        ]


def _store(features: "NDArray[Any]") -> Any:  # noqa: ANN401
    return require_package("ctranslate2", extra=EXTRA).StorageView.from_array(np.ascontiguousarray(features))


@contextmanager
def _explained(num_windows: int) -> Iterator[None]:
    """Explain what CTranslate2 says when it runs out of memory."""
    try:
        yield
    except RuntimeError as error:
        if "memory" not in str(error):
            raise
        raise BackendError(
            f"the memory of the device does not hold a batch of {num_windows} windows of 30 s",
            cure="lower [transcribe] batch_size in corpus.toml, or take a smaller model",
        ) from error


def _make_words(
    tokenizer: Any,  # noqa: ANN401
    text: list[int],
    aligned: Any,  # noqa: ANN401
    sounding: "NDArray[np.bool_]",
) -> list[HeardWord]:
    """Join tokens to words, punctuation to its word, and cut off silence."""
    transcribe = require_package("faster_whisper.transcribe", extra=EXTRA)
    begins = np.full(len(text) + 1, len(sounding))
    for token, step in reversed(aligned.alignments):
        begins[token] = step
    words, tokens = tokenizer.split_to_word_tokens([*text, tokenizer.eot])
    joined = [{"word": word, "tokens": part} for word, part in zip(words[:-1], tokens[:-1], strict=True)]
    transcribe.merge_punctuations(joined, PREPENDED, APPENDED)
    kept = [(word["word"], len(word["tokens"])) for word in joined if word["tokens"]]
    logprobs = [math.log(max(probability, 1e-10)) for probability in aligned.text_token_probs]
    return place_words(kept, logprobs, begins, np.ones((len(begins), len(sounding)), np.float32), sounding)
