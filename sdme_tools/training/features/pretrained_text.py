"""Text by RoBERTa, XLM-RoBERTa, BERT and their kin: the last hidden layer, one step a piece of a word.

The model's own tokenizer cuts the text, puts its marks around it (they are steps too), and cuts off what is beyond 128
pieces.

Source: Liu et al. 2019, arXiv:1907.11692; Conneau et al. 2019, arXiv:1911.02116; Devlin et al. 2018, arXiv:1810.04805.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from sdme_tools.records.feature_table import ModalityEncoding
from sdme_tools.training.dataset import Features
from sdme_tools.training.features.encoders import EncoderSettings, Prepared
from sdme_tools.training.features.pretrained import PretrainedModel

MAX_STEPS = 128

_KINDS = (
    *("roberta", "xlm-roberta", "camembert", "bert", "distilbert", "electra", "albert", "mpnet"),
    *("deberta-v2", "modernbert"),
)


class PretrainedText:
    """`float32[T, hidden size]`, one step a piece of a word, T ≤ 128."""

    def __init__(self, settings: EncoderSettings) -> None:
        self._model = PretrainedModel("text", settings, _KINDS)
        self._lock = threading.Lock()

    def describe(self) -> ModalityEncoding:
        """Name the model and the hash of its files. Raises as `PretrainedModel`."""
        return ModalityEncoding(
            encoder=self._model.source,
            num_features=self._model.config.hidden_size,
            steps_per_second=None,
            max_steps=MAX_STEPS,
        )

    @cached_property
    def _tokenizer(self) -> Any:  # noqa: ANN401 - of the model's own class
        return self._model.load_processor("AutoTokenizer")

    def prepare(self, content: bytes) -> Prepared | None:
        """Cut a text into pieces, `int64[T]`; None where it holds no word."""
        with self._lock:  # fast tokenizers are not made for several threads
            text = content.decode("utf-8")
            pieces = self._tokenizer(text, truncation=True, max_length=MAX_STEPS)["input_ids"]
            num_marks = self._tokenizer.num_special_tokens_to_add()
        return np.array(pieces, np.int64) if len(pieces) > num_marks else None

    def encode(self, prepared: Sequence[Prepared]) -> list[Features]:
        """Run the model over texts padded to the longest of their batch.

        Raises:
            BackendError: The model cannot be loaded, or the GPU's memory does not suffice.
        """
        model = self._model.load(lambda package: package.AutoModel)
        encoded: list[Features] = []
        for batch in self._model.batches(prepared):
            longest = max(len(pieces) for pieces in batch)
            padding = self._tokenizer.pad_token_id or 0
            ids = np.full((len(batch), longest), padding, np.int64)
            mask = np.zeros((len(batch), longest), np.int64)
            for row, pieces in enumerate(batch):
                ids[row, : len(pieces)], mask[row, : len(pieces)] = pieces, 1
            with self._model.computing() as torch:
                given = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
                hidden = model(**{name: tensor.to(model.device) for name, tensor in given.items()}).last_hidden_state
                encoded += [
                    steps[: len(pieces)].float().cpu().numpy() for steps, pieces in zip(hidden, batch, strict=True)
                ]
        return encoded
