"""Voices by the GE2E encoder that the package resemblyzer publishes; the network and its features are written anew.

Three LSTM layers over 40 mel bands, a linear layer and ReLU; a voice is cut into pieces of 1.6 s that overlap by half,
and their embeddings are averaged. Only numbers are read out of the weights, never objects.
The features are not logarithmic, so an embedding changes with the level. resemblyzer raises quiet voices to −30 dBFS
and hears louder ones as they are; here every voice is brought to one level. On the voices of 14 AMI excerpts (6 pairs
of one person in two recordings, 173 of two people) the area under the ROC is .947 as resemblyzer does it and at
−30 dBFS, .971 at −27, .978 at −24, .967 at −20.
Evidence: those cosines are .87 ± .07 and .67 ± .07, which would give a slope of 40 round .77; a slope of 25 round .79
is taken, because six pairs are few, and because room and microphone make voices of one recording day alike.
Source: Wan et al. 2018, "Generalized End-to-End Loss for Speaker Verification", arXiv:1710.10467; weights and features
of resemblyzer 0.1.4 (Apache-2.0).
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.device import require_torch_device
from sdme_tools.backends.identity.sound import HOP, NUM_MELS, cut_silence, measure_mel
from sdme_tools.backends.packages import require_package
from sdme_tools.backends.protocols import VOICE_RATE_HZ, Voice
from sdme_tools.backends.registry import Device
from sdme_tools.backends.weights import VOICE_ENCODER, find_model, hash_weights
from sdme_tools.errors import BackendError
from sdme_tools.records.base import Source
from sdme_tools.records.stage_config import IdentitySection

if TYPE_CHECKING:
    import torch

VERSION = "1"
NUM_DIMENSIONS = 256
PIECE_FRAMES, STEP_FRAMES = 160, 77
"""1.6 s, and 1.3 pieces a second, as resemblyzer cuts them."""
MIN_COVERAGE = 0.75
"""A last piece with less than this of voice is left out, unless it is the only one."""
MIN_VOICE_MS = 400
"""Less voice than this says nothing reliable of whose it is."""
LEVEL_DBFS = -24.0
BATCH_SIZE = 64
EVEN_COSINE, EVIDENCE_SLOPE, MAX_EVIDENCE = 0.79, 25.0, 4.0


class ResemblyzerVoices:
    """Voices by GE2E, on the CPU or a GPU."""

    def __init__(self, settings: IdentitySection, device: Device) -> None:
        self._settings = settings
        self._device = device

    def identify(self) -> Source:
        """Name the version of this code and the hash of the weights.

        Raises:
            BackendError: the weights are missing or damaged.
        """
        return Source(backend="resemblyzer", version=VERSION, weights=hash_weights(self._locate()))

    def embed_voices(self, voices: Sequence[Voice]) -> NDArray[np.float32]:
        """Return float32[N, 256] of length 1 each; NaN where less than MIN_VOICE_MS is left without its silences.

        Raises:
            BackendError: torch is not installed, or the weights are missing, damaged or something else.
        """
        embeddings = np.full((len(voices), NUM_DIMENSIONS), np.nan, np.float32)
        pieces = [cut_pieces(voice) for voice in voices]
        owners = np.repeat(np.arange(len(voices)), [len(p) for p in pieces])
        if not len(owners):
            return embeddings
        found = self._embed_pieces(np.concatenate(pieces))
        for number in np.unique(owners):
            mean = found[owners == number].mean(axis=0)
            embeddings[number] = mean / np.linalg.norm(mean)
        return embeddings

    def weigh_evidence(self, cosines: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return natural log likelihood ratios for cosines, at most MAX_EVIDENCE either way; see the top."""
        return np.clip(EVIDENCE_SLOPE * (np.asarray(cosines, np.float64) - EVEN_COSINE), -MAX_EVIDENCE, MAX_EVIDENCE)

    def _embed_pieces(self, pieces: NDArray[np.float32]) -> NDArray[np.float64]:
        torch = require_package("torch", extra="identity")
        network = _load(self._locate(), self._device)
        batches = []
        with torch.inference_mode():
            for start in range(0, len(pieces), BATCH_SIZE):
                mels = torch.from_numpy(pieces[start : start + BATCH_SIZE]).to(self._device)
                batches.append(_run(network, mels).double().cpu().numpy())
        return np.concatenate(batches)

    def _locate(self) -> Path:
        return find_model(VOICE_ENCODER, self._settings.voice_model)


def cut_pieces(voice: Voice) -> NDArray[np.float32]:
    """Return float32[P, 160, 40] mel spectra of the voice's pieces; P = 0 where there is too little voice."""
    spoken = cut_silence(voice)
    if len(spoken) < MIN_VOICE_MS * VOICE_RATE_HZ // 1000:
        return np.empty((0, PIECE_FRAMES, NUM_MELS), np.float32)
    num_frames = -(-(len(spoken) + 1) // HOP)
    starts = list(range(0, max(1, num_frames - PIECE_FRAMES + STEP_FRAMES + 1), STEP_FRAMES))
    if len(starts) > 1 and (len(spoken) - starts[-1] * HOP) / (PIECE_FRAMES * HOP) < MIN_COVERAGE:
        starts.pop()
    missing = max(0, (starts[-1] + PIECE_FRAMES) * HOP - len(spoken))
    mel = measure_mel(np.pad(_set_level(spoken), (0, missing)))
    return np.stack([mel[start : start + PIECE_FRAMES] for start in starts])


def _set_level(voice: Voice) -> Voice:
    level = 10 * np.log10(np.mean(np.square(voice.astype(np.float64))))
    return np.asarray(voice * 10 ** ((LEVEL_DBFS - level) / 20), np.float32)


def _run(network: "torch.nn.ModuleDict", mels: "torch.Tensor") -> "torch.Tensor":
    """float32[B, 160, 40] -> float32[B, 256] of length 1."""
    torch = require_package("torch", extra="identity")
    _, (hidden, _) = network["lstm"](mels)
    return torch.nn.functional.normalize(torch.relu(network["linear"](hidden[-1])), dim=1)  # type: ignore[no-any-return]


@lru_cache(maxsize=2)
def _load(path: Path, device: Device) -> "torch.nn.ModuleDict":
    torch = require_package("torch", extra="identity")
    require_torch_device(device, "[identity]")
    network = torch.nn.ModuleDict(
        {"lstm": torch.nn.LSTM(NUM_MELS, 256, 3, batch_first=True), "linear": torch.nn.Linear(256, NUM_DIMENSIONS)}
    )
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
        # The two numbers of the GE2E loss come along and are of no use here.
        network.load_state_dict({k: v for k, v in weights.items() if k.startswith(("lstm.", "linear."))})
    except UnpicklingError as error:
        raise _refuse(path, "it holds more than numbers (code or damage), and is not unpickled") from error
    except (OSError, RuntimeError, ValueError, EOFError, LookupError, TypeError, AttributeError) as error:
        raise _refuse(path, (str(error) or type(error).__name__).splitlines()[0]) from error
    return network.to(device).eval()  # type: ignore[no-any-return]


def _refuse(path: Path, why: str) -> BackendError:
    return BackendError(
        f"the voice encoder {path} cannot be used: {why}",
        cure='name a copy of resemblyzer\'s pretrained.pt as [identity] voice_model, or write ""',
    )
