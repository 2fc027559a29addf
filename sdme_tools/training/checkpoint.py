"""Checkpoints: weights as safetensors, and everything else in the same file's metadata as JSON.

One file, so weights and what they mean can't be parted. The SHA-256 of all tensors is part of the metadata: a file that
was changed, or that another program wrote, is refused. Nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from sdme_tools.errors import TrainingError
from sdme_tools.training.batches import Standardisation
from sdme_tools.training.loop import TrainedNetwork, TrainSettings
from sdme_tools.training.networks import build_network
from sdme_tools.training.table_file import write_atomically

FORMAT = "sdme_tools.checkpoint/1"
_KEY = "sdme_tools"


def save_checkpoint(trained: TrainedNetwork, path: Path) -> None:
    """Write `path` (.safetensors) and, for people, the same description beside it as `.json`.

    Both are written under a temporary name and renamed, so that an interruption leaves the old file or none.
    """
    tensors = {f"network.{name}": tensor.cpu().contiguous() for name, tensor in trained.network.state_dict().items()}
    for modality in trained.input_dims:
        tensors[f"mean.{modality}"] = torch.from_numpy(trained.standardisation.mean[modality])
        tensors[f"deviation.{modality}"] = torch.from_numpy(trained.standardisation.deviation[modality])
    description = {
        "format": FORMAT,
        "input_dims": trained.input_dims,
        "label_names": list(trained.label_names),
        "settings": trained.settings.model_dump(),
    }
    description["sha256"] = _fingerprint(tensors, description)
    write_atomically(path, save(tensors, metadata={_KEY: json.dumps(description)}))
    write_atomically(path.with_suffix(".json"), (json.dumps(description, indent=2) + "\n").encode())


def load_checkpoint(path: Path) -> TrainedNetwork:
    """Read a checkpoint onto the CPU, ready to predict.

    Raises:
        TrainingError: The file is missing, not a checkpoint of sdme_tools, or was changed after it was written.
    """
    cure = "give the .safetensors file that sdme train wrote, or train again"
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        description = json.loads(metadata[_KEY])
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise TrainingError(f"{path}: not a checkpoint of sdme_tools ({error})", cure=cure) from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise TrainingError(f"{path}: not a checkpoint of the format {FORMAT}", cure=cure)
    expected = description.pop("sha256", None)
    got = _fingerprint(tensors, description)
    if got != expected:
        raise TrainingError(f"{path}: changed after it was written; got sha256 {got}, expected {expected}", cure=cure)
    return _rebuild(tensors, description)


def _rebuild(tensors: dict[str, Tensor], description: dict[str, Any]) -> TrainedNetwork:
    """Make the network again from a description whose fingerprint was right."""
    settings = TrainSettings.model_validate(description["settings"])
    input_dims: dict[str, int] = description["input_dims"]
    label_names = tuple(description["label_names"])
    network = build_network(settings.network, input_dims, len(label_names), settings)
    prefix = "network."
    network.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    network.eval()
    standardisation = Standardisation(
        mean={modality: np.asarray(tensors[f"mean.{modality}"]) for modality in input_dims},
        deviation={modality: np.asarray(tensors[f"deviation.{modality}"]) for modality in input_dims},
    )
    return TrainedNetwork(network, settings, input_dims, label_names, standardisation)


def _fingerprint(tensors: dict[str, Tensor], description: dict[str, Any]) -> str:
    """SHA-256 over the description and every tensor's name, type, shape and bytes, in the order of names."""
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for name in sorted(tensors):
        array = tensors[name].numpy()
        digest.update(f"{name}|{array.dtype}|{array.shape}|".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
