"""Train a small diarization pipeline in pyannote.audio's own format on synthetic dialogues, for tests and benchmarks.

    python -m tests.tooling.train_diarization tests/data/diarization

It learns from the example's own espeak-ng voices only: the first eight lines of each of its eight speakers, at several
speeds, which make further voices. Whoever tests takes the last two. What it writes is laid out like
speaker-diarization-community-1: config.yaml, segmentation/, embedding/, plda/. It shows that the ordinary path loads
and runs such a folder; it is no diarizer for real recordings. The clustering's
threshold was chosen on three dialogues (seeds 100 to 102) that no test or benchmark uses.

The embedding is pyannote's XVectorMFCC, whose layers are 512 to 1500 wide. A few channels are trained and
the others are zero, and the checkpoint is compressed, so that the folder stays small enough for a repository.
"""

import argparse
import io
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

os.environ |= {"PYANNOTE_METRICS_ENABLED": "0", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "1"}

import numpy as np
import torch
from numpy.typing import NDArray
from pyannote.audio.core.task import Problem, Resolution, Specifications
from pyannote.audio.models.embedding import XVectorMFCC
from pyannote.audio.models.segmentation import PyanNet
from pyannote.audio.utils.permutation import permutate
from pyannote.audio.utils.powerset import Powerset
from torch.nn import functional

from tests.tooling.dialogues import RATE_HZ, SpokenLine, TrueTurn, mix_dialogue, read_lines

WINDOW_S = 3.0
NUM_LOCAL = 3
"""Most speakers in a window; at most two at a time."""
NUM_TRAINING_LINES = 8
PARTS = ("segmentation", "embedding")
KEPT_CHANNELS = (64, 64, 64, 64, 128)
DIMENSION = 64

CONFIG = """dependencies:
  pyannote.audio: 4.0.0
pipeline:
  name: pyannote.audio.pipelines.SpeakerDiarization
  params:
    clustering: AgglomerativeClustering
    segmentation: $model/segmentation
    segmentation_step: 0.25
    segmentation_batch_size: 32
    embedding: $model/embedding
    embedding_batch_size: 32
    embedding_exclude_overlap: true
    plda: $model/plda
params:
  clustering:
    method: centroid
    min_cluster_size: 3
    threshold: 0.95
  segmentation:
    min_duration_off: 0.0
"""


def main() -> None:
    """Train both networks and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--segmentation-steps", type=int, default=450)
    parser.add_argument("--embedding-steps", type=int, default=250)
    parser.add_argument(
        "--parts", nargs="+", choices=["segmentation", "embedding"], default=["segmentation", "embedding"]
    )
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)  # sums in one order: the same folder each time
    lines = speed_up([line for line in read_lines() if line.number < NUM_TRAINING_LINES], (0.85, 1.0, 1.18))
    if "segmentation" in given.parts:
        torch.manual_seed(given.seed)
        write_model(given.folder / "segmentation", train_segmentation(lines, given.segmentation_steps, given.seed))
    if "embedding" in given.parts:
        torch.manual_seed(given.seed)
        embedding, vectors, speakers = train_embedding(lines, given.embedding_steps, given.seed)
        write_model(given.folder / "embedding", embedding)
        write_plda(given.folder / "plda", vectors, speakers)
    (given.folder / "config.yaml").write_text(CONFIG, encoding="utf-8")


def speed_up(lines: Sequence[SpokenLine], factors: Sequence[float]) -> list[SpokenLine]:
    """The lines at several speeds: pitch and formants move along, so that each speed is another voice."""
    changed = []
    for line in lines:
        for factor in factors:
            places = np.arange(0, len(line.voice) - 1, factor)
            voice = np.interp(places, np.arange(len(line.voice)), line.voice).astype(np.float32)
            changed.append(SpokenLine(f"{line.speaker}@{factor:g}", line.number, voice))
    return changed


def train_segmentation(lines: Sequence[SpokenLine], num_steps: int, seed: int, batch_size: int = 8) -> PyanNet:
    """Learn who of up to three speaks when in five seconds, at most two at once (powerset, permutation-free)."""
    model = PyanNet(
        sincnet={"stride": 20}, lstm={"hidden_size": 48, "num_layers": 2}, linear={"hidden_size": 48, "num_layers": 1}
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
    powerset = Powerset(NUM_LOCAL, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=num_steps)
    for step in range(num_steps):
        sounds, targets = _windows(lines, seed * 100_000 + step, batch_size, model)
        logits = model(sounds)
        with torch.no_grad():
            matched, _ = permutate(powerset.to_multilabel(logits), targets)
            wanted = powerset.to_powerset(matched.float()).argmax(dim=-1)
        loss = functional.nll_loss(logits.flatten(0, 1), wanted.flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0 or step == num_steps - 1:
            print(f"segmentation {step}: loss {loss.item():.3f}", flush=True)
    return model


def _windows(
    lines: Sequence[SpokenLine], seed: int, batch_size: int, model: PyanNet
) -> tuple[torch.Tensor, torch.Tensor]:
    """float32[B, 1, num_samples] and float32[B, num_frames, NUM_LOCAL]; four windows of each dialogue."""
    rng = np.random.default_rng(seed)
    length = int(WINDOW_S * RATE_HZ)
    sounds, targets = [], []
    for number in range(batch_size // 4):
        voice, turns = mix_dialogue(
            lines,
            seed * 17 + number,
            duration_ms=30_000,
            num_speakers=int(rng.integers(1, NUM_LOCAL + 1)),
            overlap_share=0.4,
            noise_db=float(rng.uniform(-70, -30)),
        )
        for _ in range(4):
            start = int(rng.integers(len(voice) - length))
            sounds.append(voice[start : start + length])
            targets.append(_mark(turns, start / 16, model.num_frames(length)))
    return torch.from_numpy(np.stack(sounds))[:, None], torch.from_numpy(np.stack(targets))


def _mark(turns: Sequence[TrueTurn], start_ms: float, num_frames: int) -> NDArray[np.float32]:
    """float32[num_frames, NUM_LOCAL]: who speaks in each frame of a window."""
    middles = start_ms + (np.arange(num_frames) + 0.5) * WINDOW_S * 1000 / num_frames
    marks = np.zeros((num_frames, NUM_LOCAL), np.float32)
    speakers = list(dict.fromkeys(turn.speaker for turn in turns))
    for turn in turns:
        inside = (middles >= turn.span.start_ms) & (middles < turn.span.end_ms)
        marks[inside, speakers.index(turn.speaker)] = 1
    return marks


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
    lines: Sequence[SpokenLine], num_steps: int, seed: int, batch_size: int = 48
) -> tuple[XVectorMFCC, NDArray[np.float64], NDArray[np.int64]]:
    """Learn to tell the voices apart (cosine softmax); returns the training vectors and their speakers too."""
    rng = np.random.default_rng(seed)
    model = _thin_xvector()
    model.specifications = Specifications(
        problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=WINDOW_S, permutation_invariant=False
    )
    names = sorted({line.speaker for line in lines})
    centres = torch.nn.Parameter(torch.randn(len(names), DIMENSION))
    optimizer = torch.optim.Adam([*model.parameters(), centres], lr=1e-3)
    for step in range(num_steps):
        picked = [lines[int(place)] for place in rng.integers(len(lines), size=batch_size)]
        sounds = torch.from_numpy(np.stack([_excerpt(line, rng) for line in picked]))[:, None]
        wanted = torch.tensor([names.index(line.speaker) for line in picked])
        vectors = functional.normalize(model(sounds))
        cosines = vectors @ functional.normalize(centres).T
        margin = 0.2 * functional.one_hot(wanted, len(names))
        loss = functional.cross_entropy(20 * (cosines - margin), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0 or step == num_steps - 1:
            print(f"embedding {step}: loss {loss.item():.3f}", flush=True)
    model = _widen(model.eval())
    with torch.no_grad():
        kept = [line for line in lines for _ in range(2)]
        found = [model(torch.from_numpy(_excerpt(line, rng))[None, None])[0].double().numpy() for line in kept]
    return model, np.stack(found), np.array([names.index(line.speaker) for line in kept])


def _excerpt(line: SpokenLine, rng: np.random.Generator) -> NDArray[np.float32]:
    """float32[24000]: a second and a half of a line at any level, over a little noise."""
    length = 24_000
    voice = np.resize(line.voice, max(length, len(line.voice)))
    start = int(rng.integers(len(voice) - length + 1))
    noise = 10 ** (rng.uniform(-70, -35) / 20) * rng.standard_normal(length)
    return (10 ** (rng.uniform(-12, 0) / 20) * voice[start : start + length] + noise).astype(np.float32)


def write_model(folder: Path, model: PyanNet | XVectorMFCC) -> None:
    """Write a checkpoint where Pipeline.from_pretrained looks for it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pytorch_model.bin").write_bytes(pack_checkpoint(model))


def pack_checkpoint(model: PyanNet | XVectorMFCC) -> bytes:
    """A Lightning checkpoint as pyannote.audio saves it, its zip compressed."""
    checkpoint = {
        "state_dict": {name: values.contiguous() for name, values in model.state_dict().items()},
        "pytorch-lightning_version": "2.6.6",
        "hyper_parameters": dict(model.hparams),
    }
    model.on_save_checkpoint(checkpoint)
    plain, packed = io.BytesIO(), io.BytesIO()
    torch.save(checkpoint, plain)
    with (
        zipfile.ZipFile(plain) as source,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target,
    ):
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name), source.read(name), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def write_plda(folder: Path, vectors: NDArray[np.float64], speakers: NDArray[np.int64]) -> None:
    """Centring, whitening and the two covariances of the training vectors, as pyannote.audio.utils.vbx reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    mean1 = vectors.mean(axis=0)
    unit = _to_length_one(vectors - mean1) * np.sqrt(DIMENSION)
    lda = np.eye(DIMENSION)
    mean2 = (unit @ lda).mean(axis=0)
    flat = _to_length_one(unit @ lda - mean2) * np.sqrt(DIMENSION)
    means = np.stack([flat[speakers == speaker].mean(axis=0) for speaker in np.unique(speakers)])
    within = np.cov((flat - means[speakers]).T) + 1e-3 * np.eye(DIMENSION)
    between = np.cov(means.T) + 1e-6 * np.eye(DIMENSION)
    # tr whitens within and makes between diagonal: within = inv(tr' tr), between = inv(tr' / psi tr)
    root = np.linalg.inv(np.linalg.cholesky(within))
    psi, turn = np.linalg.eigh(root @ between @ root.T)
    np.savez(folder / "xvec_transform.npz", mean1=mean1, mean2=mean2, lda=lda)
    np.savez(folder / "plda.npz", mu=flat.mean(axis=0), tr=turn.T @ root, psi=psi)


def _to_length_one(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


if __name__ == "__main__":
    main()
