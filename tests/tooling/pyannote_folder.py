"""Writing a diarization pipeline the way pyannote.audio loads one: config.yaml, segmentation/, embedding/, plda/."""

import io
import zipfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pyannote.audio import Model

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
    threshold: {threshold:g}
  segmentation:
    min_duration_off: 0.0
"""


def write_config(folder: Path, threshold: float) -> None:
    """Write config.yaml with the distance above which two clusters are two speakers."""
    (folder / "config.yaml").write_text(CONFIG.format(threshold=threshold), encoding="utf-8")


def write_model(folder: Path, model: Model) -> None:
    """Write a checkpoint where Pipeline.from_pretrained looks for it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pytorch_model.bin").write_bytes(pack_checkpoint(model))


def pack_checkpoint(model: Model) -> bytes:
    """A Lightning checkpoint as pyannote.audio saves it, its zip compressed.

    Weights are rounded to half precision but stay float32: their last bits are zeros, which compress.
    """
    weights = {name for name, _ in model.named_parameters()}
    checkpoint = {
        "state_dict": {
            name: (values.half().float() if name in weights else values).contiguous()
            for name, values in model.state_dict().items()
        },
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
    """Centring, whitening and the two covariances of the training vectors, as pyannote.audio.utils.vbx reads them.

    Args:
        folder: where to.
        vectors: float64[N, D]
        speakers: int64[N], 0 to the number of speakers - 1, each at least once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    size = vectors.shape[1]
    mean1 = vectors.mean(axis=0)
    unit = _to_length_one(vectors - mean1) * np.sqrt(size)
    lda = np.eye(size)
    mean2 = (unit @ lda).mean(axis=0)
    flat = _to_length_one(unit @ lda - mean2) * np.sqrt(size)
    means = np.stack([flat[speakers == speaker].mean(axis=0) for speaker in np.unique(speakers)])
    within = np.cov((flat - means[speakers]).T) + 1e-3 * np.eye(size)
    between = np.cov(means.T) + 1e-6 * np.eye(size)
    # tr whitens within and makes between diagonal: within = inv(tr' tr), between = inv(tr' / psi tr)
    root = np.linalg.inv(np.linalg.cholesky(within))
    psi, turn = np.linalg.eigh(root @ between @ root.T)
    np.savez(folder / "xvec_transform.npz", mean1=mean1, mean2=mean2, lda=lda)
    np.savez(folder / "plda.npz", mu=flat.mean(axis=0), tr=turn.T @ root, psi=psi)


def _to_length_one(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
