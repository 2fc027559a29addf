"""Who speaks, by LR-ASD: a network that looks at mouth and cheeks and hears the voice, picture by picture.

The published weights are fetched with `sdme models fetch lr-asd`; weights that you trained yourself are named as
[speaking] model. Of the two published files the one trained on AVA is fetched: it tells a mouth that makes this voice
from one that merely moves, which the one fine-tuned on TalkSet does not.

The offset of sound and lips is found by moving what was heard against what was seen and asking again: only the small
last part of the network runs anew.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from pickle import UnpicklingError  # what torch raises when it refuses to unpickle; nothing here unpickles
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.device import require_torch_device
from sdme_tools.backends.packages import require_package
from sdme_tools.backends.protocols import CROP_PX, SPEAKING_RATE_HZ, SpeakingAnswer, SpeakingQuestion
from sdme_tools.backends.registry import Device
from sdme_tools.backends.speaking.mfcc import NUM_CEPSTRA, measure_cepstra
from sdme_tools.backends.weights import FETCH_COMMAND, LR_ASD, find_model, hash_weights
from sdme_tools.errors import BackendError
from sdme_tools.records.base import Source
from sdme_tools.records.stage_config import SpeakingSection

if TYPE_CHECKING:
    import torch

    from sdme_tools.backends.speaking.lr_asd_network import LrAsdNetwork

VERSION = "1"
"""Raise it with any change of a score: receipts and rows carry it."""
CEPSTRA_PER_PICTURE = 4
UNDECIDED = 4.0
"""The network's log odds at which a face as likely talks as not, taken from them: it gives 7 to 9 to talkers, -9 to
frozen listeners, but 0 to 4 to listeners that move a little and often more to silent moving lips. It moves no face
past another."""
MAX_SHIFT = 10
"""Pictures by which sound and lips may be apart: 400 ms."""
MIN_PICTURES_FOR_OFFSET = 3 * MAX_SHIFT
"""Fewer tell nothing about the offset."""


class LrAsd:
    """Speaking scores from LR-ASD; one batch holds faces of many utterances."""

    needs_crops = True

    def __init__(self, settings: SpeakingSection, device: Device) -> None:
        self._settings = settings
        self._device = device

    def identify(self) -> Source:
        """Name the backend and the hash of its weights.

        Raises:
            BackendError: the weights are not on this machine.
        """
        return Source(backend="lr-asd", version=VERSION, weights=hash_weights(self._find_weights()))

    def score(self, questions: Sequence[SpeakingQuestion]) -> list[SpeakingAnswer]:
        """Score every face; the batches hold at most `batch_frames` pictures, a longer face goes alone.

        Raises:
            BackendError: the weights are missing or are not this network's, or the device's memory does not do.
        """
        if not questions:
            return []
        network = load_network(self._find_weights(), self._device)
        answers: dict[int, SpeakingAnswer] = {}
        for batch in _make_batches(questions, self._settings.batch_frames):
            answers.update(zip(batch, self._score_batch(network, [questions[i] for i in batch]), strict=True))
        return [answers[place] for place in range(len(questions))]

    def _find_weights(self) -> Path:
        return find_model(LR_ASD, self._settings.model)

    def _score_batch(self, network: "LrAsdNetwork", questions: Sequence[SpeakingQuestion]) -> list[SpeakingAnswer]:
        torch = require_package("torch")
        lengths = [len(question.mouth_opening) for question in questions]
        given = (_pad_crops(questions, max(lengths)), _pad_cepstra(questions, max(lengths)))
        try:
            with torch.inference_mode():
                crops, cepstra, size, loud = (
                    torch.from_numpy(values).to(self._device)
                    for values in (*given, np.array(lengths), _find_loud(questions, max(lengths)))
                )
                seen, heard = network.look(crops, size), network.listen(cepstra, size)
                odds = network.judge(seen, heard, size).cpu().numpy()
                agreement = _measure_agreement(network, seen, heard, size, loud)
        except torch.OutOfMemoryError as error:
            raise BackendError(
                f"lr-asd: {sum(lengths)} pictures do not fit into the device's memory",
                cure="lower [speaking] batch_frames in corpus.toml, or run with --device cpu",
            ) from error
        return [_answer(odds[row, :length], agreement[row]) for row, length in enumerate(lengths)]


def _make_batches(questions: Sequence[SpeakingQuestion], most: int) -> Iterator[list[int]]:
    """Places of questions of like length, so that little is padded; at least one a batch."""
    batch: list[int] = []
    for place in sorted(range(len(questions)), key=lambda i: (len(questions[i].mouth_opening), i)):
        if batch and (len(batch) + 1) * len(questions[place].mouth_opening) > most:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _pad_crops(questions: Sequence[SpeakingQuestion], length: int) -> NDArray[np.uint8]:
    padded = np.zeros((len(questions), length, CROP_PX, CROP_PX), np.uint8)
    for row, question in enumerate(questions):
        if question.crops is None:
            raise BackendError("lr-asd was asked about a face without its pictures", cure="report this as a bug")
        padded[row, : len(question.crops)] = question.crops
    return padded


def _pad_cepstra(questions: Sequence[SpeakingQuestion], length: int) -> NDArray[np.float32]:
    padded = np.zeros((len(questions), CEPSTRA_PER_PICTURE * length, NUM_CEPSTRA), np.float32)
    for row, question in enumerate(questions):
        num_windows = CEPSTRA_PER_PICTURE * len(question.mouth_opening)
        padded[row, :num_windows] = measure_cepstra(question.voice, num_windows)
    return padded


def _find_loud(questions: Sequence[SpeakingQuestion], length: int) -> NDArray[np.bool_]:
    """bool[B, length]: the louder half of each face's pictures, where somebody most likely speaks."""
    loud = np.zeros((len(questions), length), bool)
    for row, question in enumerate(questions):
        num_pictures = len(question.mouth_opening)
        energy = np.square(question.voice, dtype=np.float64).reshape(num_pictures, -1).sum(axis=1)
        loud[row, :num_pictures] = energy >= np.median(energy)
    return loud


def _measure_agreement(
    network: "LrAsdNetwork", seen: "torch.Tensor", heard: "torch.Tensor", size: "torch.Tensor", loud: "torch.Tensor"
) -> NDArray[np.float32]:
    """float32[B, 2·MAX_SHIFT + 1]: mean log odds of the loud pictures with the sound taken from so many pictures later.

    Each row is turned round within its own length: what leaves it at one end comes in at the other.
    """
    torch = require_package("torch")
    places = torch.arange(seen.shape[1], device=seen.device)
    held = places < size[:, None]
    columns = []
    for shift in range(-MAX_SHIFT, MAX_SHIFT + 1):
        moved = torch.where(held, (places + shift) % size[:, None], places).unsqueeze(2)
        odds = network.judge(seen, torch.take_along_dim(heard, moved, dim=1), size)
        columns.append((odds * loud).sum(dim=1) / loud.sum(dim=1))
    agreement: NDArray[np.float32] = torch.stack(columns, dim=1).cpu().numpy()
    return agreement


def _answer(odds: NDArray[np.float32], agreement: NDArray[np.float32]) -> SpeakingAnswer:
    scores = (1 / (1 + np.exp(UNDECIDED - odds))).astype(np.float32)
    if len(odds) < MIN_PICTURES_FOR_OFFSET:
        return SpeakingAnswer(scores)
    best = int(agreement.argmax())
    lead = float(agreement[best] - np.median(agreement))
    return SpeakingAnswer(scores, (best - MAX_SHIFT) * 1000 // SPEAKING_RATE_HZ, lead)


@lru_cache(maxsize=1)
def load_network(weights: Path, device: Device) -> "LrAsdNetwork":
    """Load the weights, or return the network this process loaded last if it is the same.

    Raises:
        BackendError: there is no such device, or the file is damaged, holds other weights, or holds code.
    """
    torch = require_package("torch")
    from sdme_tools.backends.speaking.lr_asd_network import LrAsdNetwork

    require_torch_device(device, "[speaking]")
    network = LrAsdNetwork()
    try:
        network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    except (RuntimeError, UnpicklingError, ValueError, TypeError, KeyError, AttributeError, EOFError, OSError) as error:
        raise BackendError(
            f"{weights} does not hold the weights of LR-ASD: {str(error).splitlines()[0]}",
            cure=f"run `{FETCH_COMMAND} lr-asd`, or correct {LR_ASD.setting} in corpus.toml",
        ) from error
    return network.eval().to(device)
