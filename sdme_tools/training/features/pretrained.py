"""Pretrained encoders: models of transformers, from a folder on this machine.

A model is a folder as `save_pretrained` or the hub makes it, or NAME@REVISION of one that `sdme models fetch
transformers:NAME@REVISION` has brought. Nothing is downloaded here, no code that comes with a model is run, and weights
are read as tensors only (safetensors, or PyTorch's files with weights_only): a pickle that holds more is refused.
"""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from sdme_tools.backends.device import require_torch_device
from sdme_tools.backends.packages import require_package, require_version
from sdme_tools.backends.weights import FETCH_COMMAND, hash_weights, locate_transformers
from sdme_tools.errors import BackendError, TrainingError
from sdme_tools.records.base import Source
from sdme_tools.training.features.encoders import EncoderSettings, Modality, list_known

_AROUND = ("*.json", "*.txt", "*.model")
_TENSORS = "*.safetensors"
_PICKLES = "pytorch_model*.bin"
_UNUSED = ("pooler.", "masked_spec_embed", "embeddings.mask_token")
"""Weights that no encoder here looks at: the only ones that a checkpoint may lack."""

Item = TypeVar("Item")


class PretrainedModel:
    """A model's folder: what it is, and the loaded model when it is first needed."""

    def __init__(self, modality: Modality, settings: EncoderSettings, kinds: Collection[str]) -> None:
        self._modality = modality
        self._settings = settings
        self._kinds = kinds
        self._model: Any = None

    @cached_property
    def folder(self) -> Path:
        """Where the model lies.

        Raises:
            TrainingError: The name is neither an encoder, nor a folder, nor NAME@REVISION.
            BackendError: The model has not been fetched.
        """
        name = self._settings.name
        folder = Path(name).expanduser()
        if folder.is_dir():
            return folder
        model, _, revision = name.partition("@")
        if not revision:
            raise TrainingError(
                f"--{self._modality} {name}: neither an encoder nor a folder",
                cure=f"use one of {list_known(self._modality)}, the folder of a model, or NAME@REVISION of one that "
                f"`{FETCH_COMMAND} transformers:NAME@REVISION` has brought",
            )
        fetched = locate_transformers(model, revision)
        if not fetched.is_dir():
            raise BackendError(
                f"--{self._modality}: the model {name} is not on this machine",
                cure=f"run `{FETCH_COMMAND} transformers:{name}`, or name a folder that holds it",
            )
        return fetched

    @cached_property
    def kind(self) -> str:
        """The architecture, as config.json says.

        Raises:
            BackendError: There is no config.json, or it is none of the architectures that this modality knows.
        """
        path = self.folder / "config.json"
        try:
            kind = json.loads(path.read_bytes()).get("model_type")
        except (OSError, ValueError, AttributeError) as error:
            raise BackendError(
                f"{self.folder} is no model of transformers: config.json cannot be read ({error})",
                cure="name a folder that save_pretrained or the hub made",
            ) from error
        if kind not in self._kinds:
            raise BackendError(
                f"{self.folder} is a model of the type {kind!r}, which --{self._modality} does not know",
                cure=f"choose one of the types {', '.join(sorted(self._kinds))}",
            )
        return str(kind)

    @cached_property
    def config(self) -> Any:  # noqa: ANN401 - of the model's own class
        """The configuration with the defaults of its architecture filled in."""
        return _transformers().CONFIG_MAPPING[self.kind].from_pretrained(self.folder, local_files_only=True)

    @property
    def source(self) -> Source:
        """Architecture and name, version of transformers, and a hash of every file that the model consists of."""
        digest = hashlib.sha256()
        for path in _list_files(self.folder):
            digest.update(f"{path.name} {hash_weights(path)}\n".encode())
        name = self._settings.name if "@" in self._settings.name else self.folder.name
        version = f"1/transformers {require_version('transformers', extra='train')}"
        return Source(backend=f"{self.kind}:{name}", version=version, weights=digest.hexdigest())

    def load(self, choose_class: Callable[[ModuleType], Any]) -> Any:  # noqa: ANN401
        """Load the model onto its device, ready to predict; once.

        Args:
            choose_class: Picks the class out of the package.

        Raises:
            BackendError: The weights are missing, incomplete or damaged, or hold something other than tensors; there
                is no CUDA device.
        """
        if self._model is None:
            require_torch_device(self._settings.device, f"--{self._modality}")
            self._model = self._load(choose_class(_transformers())).eval().to(self._settings.device)
        return self._model

    def _load(self, model_class: Any) -> Any:  # noqa: ANN401
        torch, safetensors = require_package("torch", extra="train"), require_package("safetensors", extra="train")
        cure = "copy the model's folder again whole; best with weights as safetensors"
        try:
            model, found = model_class.from_pretrained(
                self.folder,
                local_files_only=True,
                trust_remote_code=False,
                weights_only=True,
                use_safetensors=bool(list(self.folder.glob(_TENSORS))),
                dtype=torch.float32,
                output_loading_info=True,
            )
        except (
            *(OSError, ValueError, RuntimeError, KeyError),
            *(pickle.UnpicklingError, safetensors.SafetensorError),
        ) as error:
            first = (str(error).strip().splitlines() or [""])[0]
            raise BackendError(
                f"{self.folder}: the weights cannot be loaded ({type(error).__name__}: {first})", cure=cure
            ) from error
        missing = sorted(name for name in found["missing_keys"] if not name.startswith(_UNUSED))
        if missing or found["mismatched_keys"]:
            shown = ", ".join([*missing, *(str(key) for key in found["mismatched_keys"])][:5])
            raise BackendError(f"{self.folder}: the weights lack {shown}: they would be random", cure=cure)
        return model

    def load_processor(self, name: str, **options: object) -> Any:  # noqa: ANN401
        """Load what prepares the input: AutoTokenizer, AutoFeatureExtractor or AutoImageProcessor.

        Raises:
            BackendError: Its files are missing or damaged.
        """
        processor_class = getattr(_transformers(), name)
        try:
            return processor_class.from_pretrained(
                self.folder, local_files_only=True, trust_remote_code=False, **options
            )
        except Exception as error:  # tokenizers raise bare Exception
            first = (str(error).strip().splitlines() or [""])[0]
            raise BackendError(
                f"{self.folder}: what prepares its input cannot be loaded ({type(error).__name__}: {first})",
                cure="copy the model's folder again whole, with preprocessor_config.json or the tokenizer's files",
            ) from error

    @contextmanager
    def computing(self) -> Iterator[Any]:
        """Yield torch, without gradients; memory that does not suffice is told with a batch size to try.

        Raises:
            BackendError: The device's memory does not suffice.
        """
        torch = require_package("torch", extra="train")
        try:
            with torch.inference_mode():
                yield torch
        except torch.OutOfMemoryError as error:
            size = self._settings.batch_size
            raise BackendError(
                f"--{self._modality}: the GPU's memory does not suffice for batches of {size}",
                cure=f"try --batch-size {size // 2}" if size > 1 else "use --device cpu, or a smaller model",
            ) from error

    def batches(self, items: Sequence[Item]) -> Iterator[Sequence[Item]]:
        """Cut into batches of the size that was asked for."""
        size = self._settings.batch_size
        return (items[start : start + size] for start in range(0, len(items), size))


def _list_files(folder: Path) -> list[Path]:
    """The files that a model is loaded from, in the order of their names."""
    weights = list(folder.glob(_TENSORS)) or list(folder.glob(_PICKLES))
    if not weights:
        raise BackendError(
            f"{folder} holds no weights", cure="copy the model's folder again whole, with model.safetensors"
        )
    around = [path for pattern in _AROUND for path in folder.glob(pattern)]
    return sorted({*weights, *around})


def _transformers() -> ModuleType:
    """The package, silent, and without asking anybody on the network."""
    package = require_package("transformers", extra="train")
    package.logging.set_verbosity_error()
    package.logging.disable_progress_bar()
    return package
