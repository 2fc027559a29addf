"""Train a small diarization pipeline in pyannote.audio's own format on synthetic dialogues, for tests and benchmarks.

    python -m tests.tooling.train_diarization tests/data/diarization

It learns from the example's own espeak-ng voices only: the first eight lines of each of its eight speakers, at several
speeds, which make further voices. Whoever tests takes the last two. What it writes is laid out like
speaker-diarization-community-1: config.yaml, segmentation/, embedding/, plda/. It shows that the ordinary path loads
and runs such a folder; it is no diarizer for real recordings.

The same seed writes the same bytes on the same kind of processor; the committed folder is what the defaults write, in
23 minutes on a busy machine. The clustering's threshold is chosen at the end, on dialogues of the last two lines whose
seeds (100 to 109) no test or benchmark uses.

The front end of the segmentation (how the sound is scaled, and the band-pass filters) keeps its initial values, which
are spaced as the ear hears: learning them takes three quarters of the time. The embedding is pyannote's XVectorMFCC,
whose layers are 512 to 1500 wide. A few channels are trained and the others are zero, and the checkpoint is compressed,
so that the folder stays small enough for a repository.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

os.environ |= {"PYANNOTE_METRICS_ENABLED": "0", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "1"}
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # sums in one order: the same folder each time

import numpy as np
import torch
from numpy.typing import NDArray
from pyannote.audio import Pipeline
from pyannote.audio.core.task import Problem, Resolution, Specifications
from pyannote.audio.models.embedding import XVectorMFCC
from pyannote.audio.models.segmentation import PyanNet
from pyannote.audio.utils.permutation import permutate
from pyannote.audio.utils.powerset import Powerset
from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate
from torch.nn import functional

from tests.tooling.dialogue_windows import NUM_LOCAL, NUM_SAMPLES, WINDOW_S, Windows, draw_windows, vary_voices
from tests.tooling.dialogues import RATE_HZ, SpokenLine, mix_dialogue, read_lines
from tests.tooling.pyannote_folder import write_config, write_model, write_plda

NUM_TRAINING_LINES = 8
KEPT_CHANNELS = (64, 64, 64, 64, 128)
DIMENSION = 64
CHOOSING_SEEDS = range(100, 110)
THRESHOLDS = tuple(round(0.4 + 0.05 * step, 2) for step in range(17))

Voices = dict[str, list[SpokenLine]]


def main() -> None:
    """Train both networks, choose the threshold, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--segmentation-steps", type=int, default=2400)
    parser.add_argument("--embedding-steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    voices = vary_voices([line for line in read_lines() if line.number < NUM_TRAINING_LINES])
    torch.manual_seed(given.seed)
    write_model(given.folder / "segmentation", train_segmentation(voices, given.segmentation_steps, given.seed))
    torch.manual_seed(given.seed)
    embedding, vectors, speakers = train_embedding(voices, given.embedding_steps, given.seed)
    write_model(given.folder / "embedding", embedding)
    write_plda(given.folder / "plda", vectors, speakers)
    write_config(given.folder, THRESHOLDS[0])
    write_config(given.folder, choose_threshold(given.folder))


def train_segmentation(voices: Voices, num_steps: int, seed: int, batch_size: int = 24) -> PyanNet:
    """Learn who of up to three speaks when in a window, at most two at once (powerset, permutation-free)."""
    model = PyanNet(
        sincnet={"stride": 20}, lstm={"hidden_size": 64, "num_layers": 2}, linear={"hidden_size": 64, "num_layers": 1}
    )
    model.specifications = Specifications(
        problem=Problem.MONO_LABEL_CLASSIFICATION,
        resolution=Resolution.FRAME,
        duration=WINDOW_S,
        classes=[f"speaker#{number}" for number in range(1, NUM_LOCAL + 1)],
        powerset_max_classes=2,
        permutation_invariant=True,
    )
    model.setup()
    for part in (model.sincnet.wav_norm1d, model.sincnet.conv1d[0]):
        part.requires_grad_(requires_grad=False)
    learning = [values for values in model.parameters() if values.requires_grad]
    powerset = Powerset(NUM_LOCAL, 2)
    optimizer = torch.optim.Adam(learning)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=num_steps)
    losses = []
    for step in range(num_steps):
        windows = draw_windows(voices, seed * 100_000 + step, batch_size, model.num_frames(NUM_SAMPLES))
        logits = model(windows.sounds)
        with torch.no_grad():
            matched, _ = permutate(powerset.to_multilabel(logits), windows.marks)
            wanted = powerset.to_powerset(matched.float()).argmax(dim=-1)
        loss = functional.nll_loss(logits.flatten(0, 1), wanted.flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        _report("segmentation", losses, num_steps)
    return model


def _report(part: str, losses: Sequence[float], num_steps: int) -> None:
    if len(losses) % 100 == 0 or len(losses) == num_steps:
        print(f"{part} {len(losses)}: loss {np.mean(losses[-100:]):.3f}", flush=True)


def _thin_xvector() -> XVectorMFCC:
    """An XVectorMFCC whose layers have only the channels that are trained."""
    model = XVectorMFCC(dimension=DIMENSION, mfcc={"n_mfcc": 30, "log_mels": True, "melkwargs": {"n_mels": 40}})
    inputs, layers = 30, []
    for kept, size, dilation in zip(KEPT_CHANNELS, model.kernel_size, model.dilation, strict=True):
        convolution = torch.nn.Conv1d(inputs, kept, kernel_size=size, dilation=dilation)
        layers += [convolution, torch.nn.LeakyReLU(), torch.nn.BatchNorm1d(kept)]
        inputs = kept
    model.tdnns = torch.nn.ModuleList(layers)
    model.embedding = torch.nn.Linear(2 * inputs, DIMENSION)
    model.specifications = Specifications(
        problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=WINDOW_S, permutation_invariant=False
    )
    return model


def _widen(thin: XVectorMFCC) -> XVectorMFCC:
    """The same network in the published shape, the further channels at zero."""
    wide = XVectorMFCC(dimension=DIMENSION, mfcc=thin.hparams.mfcc)
    wide.specifications = thin.specifications
    with torch.no_grad():
        for values in (*wide.tdnns.parameters(), *wide.embedding.parameters()):
            values.zero_()
        for ours, theirs in zip(thin.tdnns.state_dict().items(), wide.tdnns.state_dict().values(), strict=True):
            theirs[tuple(slice(0, length) for length in ours[1].shape)] = ours[1]
        half, width = thin.embedding.in_features // 2, wide.embedding.in_features // 2
        wide.embedding.weight[:, :half] = thin.embedding.weight[:, :half]
        wide.embedding.weight[:, width : width + half] = thin.embedding.weight[:, half:]
        wide.embedding.bias.copy_(thin.embedding.bias)
    return wide.eval()


def train_embedding(
    voices: Voices, num_steps: int, seed: int, batch_size: int = 32
) -> tuple[XVectorMFCC, NDArray[np.float64], NDArray[np.int64]]:
    """Learn to tell the voices apart by what of a window is theirs alone, as the pipeline asks (cosine softmax).

    Returns:
        The network, and the vectors of the training lines with their speakers.
    """
    model, names = _thin_xvector(), sorted(voices)
    centres = torch.nn.Parameter(torch.randn(len(names), DIMENSION))
    optimizer = torch.optim.Adam([*model.parameters(), centres])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=num_steps)
    losses = []
    for step in range(num_steps):
        windows = draw_windows(voices, seed * 100_000 + 50_000 + step, batch_size, model.num_frames(NUM_SAMPLES))
        alone, present, wanted = _alone(windows, names)
        vectors = functional.normalize(model(windows.sounds, weights=alone)[present])
        cosines = vectors @ functional.normalize(centres).T
        margin = 0.2 * functional.one_hot(wanted, len(names))
        loss = functional.cross_entropy(20 * (cosines - margin), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        _report("embedding", losses, num_steps)
    model.eval()
    lines = [line for name in names for line in voices[name]]
    with torch.no_grad():
        found = [model(torch.from_numpy(line.voice)[None, None])[0].double().numpy() for line in lines]
    return _widen(model), np.stack(found), np.array([names.index(line.speaker) for line in lines])


def _alone(windows: Windows, names: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Where each speaks alone (float32[B, NUM_LOCAL, num_frames]), for whom that is half a second, who those are."""
    alone = (windows.marks * (windows.marks.sum(dim=-1, keepdim=True) == 1)).transpose(1, 2)
    present = alone.mean(dim=-1) * WINDOW_S >= 0.5
    who = [names.index(windows.speakers[row][column]) for row, column in present.nonzero().tolist()]
    everything = torch.ones_like(alone)  # the deviation of nothing has no gradient, not even for one that is left out
    return torch.where(present[..., None], alone, everything), present, torch.tensor(who)


def choose_threshold(folder: Path) -> float:
    """The distance between clusters with the lowest DER on the choosing dialogues; of several, the middle one."""
    lines = [line for line in read_lines() if line.number >= NUM_TRAINING_LINES]
    pipeline = Pipeline.from_pretrained(folder)
    pipeline.training = True  # keeps segmentation and embeddings of a file from one threshold to the next
    parameters = pipeline.parameters(instantiated=True)
    metrics = [DiarizationErrorRate() for _ in THRESHOLDS]
    for seed in CHOOSING_SEEDS:
        sound, turns = mix_dialogue(lines, seed, duration_ms=20_000, num_speakers=2 + seed % 2, overlap_share=0.3)
        truth = Annotation()
        for number, turn in enumerate(turns):
            truth[Segment(turn.span.start_ms / 1000, turn.span.end_ms / 1000), number] = turn.speaker
        file = {"waveform": torch.from_numpy(sound)[None], "sample_rate": RATE_HZ, "uri": str(seed)}
        for threshold, metric in zip(THRESHOLDS, metrics, strict=True):
            parameters["clustering"]["threshold"] = threshold
            found = pipeline.instantiate(parameters)(file).speaker_diarization
            metric(truth, found, uem=Timeline([Segment(0, 20)]))
    errors = [abs(metric) for metric in metrics]
    best = [threshold for threshold, error in zip(THRESHOLDS, errors, strict=True) if error == min(errors)]
    for threshold, error in zip(THRESHOLDS, errors, strict=True):
        print(f"threshold {threshold}: DER {error:.3f} on seeds {CHOOSING_SEEDS[0]} to {CHOOSING_SEEDS[-1]}")
    return best[len(best) // 2]


if __name__ == "__main__":
    main()
