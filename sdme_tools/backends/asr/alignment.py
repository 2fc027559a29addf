"""When Whisper heard each word: its cross-attention, read out while it is shown its own text.

Needs no other model: some heads of the decoder look at the sound of the word that is written next. Published models
come with a list of those heads; of others, all heads of the later half of the layers are taken, as openai-whisper does.

Source: after whisper/timing.py of openai-whisper 20250625, find_alignment, which takes one window at a time.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from sdme_tools.backends.asr.words import APPENDED, PREPENDED, HeardWord, find_sounding, follow_tokens, place_words
from sdme_tools.backends.packages import require_package
from sdme_tools.backends.protocols import Voice

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from whisper.decoding import DecodingResult
    from whisper.model import Whisper
    from whisper.tokenizer import Tokenizer

MEDIAN_STEPS = 3
"""Width of the median filter over time. whisper/timing.py has 7, which swallows short words."""
LEAST_ATTENTION = 1e-4
"""No step is quite impossible."""
ROWS_AT_A_TIME = 64
"""Tokens whose probability is computed together."""
END_STEPS = 25
"""After the voice, where the end of the text looks: without a place of its own it takes one among the words."""


def align_words(
    model: "Whisper",
    tokenizer: "Tokenizer",
    voices: Sequence[Voice],
    results: Sequence["DecodingResult"],
) -> list[list[HeardWord]]:
    """Tell the time of every word of a batch that was decoded without timestamps.

    Args:
        model: what decoded them.
        tokenizer: in their language.
        voices: what was heard, each from the first step of its features.
        results: what was written, with the encoder's output.
    """
    torch = require_package("torch")
    texts = [[token for token in result.tokens if token < tokenizer.eot] for result in results]
    rows = [[*tokenizer.sot_sequence_including_notimestamps, *text, tokenizer.eot] for text in texts]
    width = max(map(len, rows))
    shown = torch.tensor([row + row[-1:] * (width - len(row)) for row in rows], device=model.device)
    states, looks = _show(model, shown, torch.stack([result.audio_features for result in results]))
    first = len(tokenizer.sot_sequence)  # the position after it writes the first token of the text
    sounding = [np.pad(find_sounding(voice), (0, END_STEPS))[: looks.shape[-1]] for voice in voices]
    attention = [
        look[:, : len(row), : len(steps)].float().softmax(dim=-1).mean(dim=0)[first:-1]
        for look, row, steps in zip(looks, rows, sounding, strict=True)
    ]
    begins = follow_tokens([_share_steps(part).cpu().numpy() for part in attention])
    weights = [part.cpu().numpy() for part in attention]
    logprobs = _log_probabilities(model, states[:, first:].unbind(), texts)
    return [_make_words(tokenizer, *parts) for parts in zip(texts, logprobs, begins, weights, sounding, strict=True)]


def _show(model: "Whisper", shown: "torch.Tensor", features: "torch.Tensor") -> tuple["torch.Tensor", "torch.Tensor"]:
    """Run the decoder over texts that are known.

    Returns:
        Its last states, [B, T, D], and the scores of the alignment heads, float32[B, heads, T, steps].
    """
    decoder = model.decoder
    with _watch(model) as kept:
        x = decoder.token_embedding(shown) + decoder.positional_embedding[: shown.shape[1]]
        x = x.to(features.dtype)
        for block in decoder.blocks:
            x = block(x, features, mask=decoder.mask)
    return decoder.ln(x), require_package("torch").cat(kept, dim=1)


@contextmanager
def _watch(model: "Whisper") -> Iterator[list["torch.Tensor"]]:
    """Keep the scores of the alignment heads of each layer that has some; the fast kernels do not give any."""
    kept: list[torch.Tensor] = []
    heads: dict[int, list[int]] = {}
    for layer, head in model.alignment_heads.indices().T.tolist():
        heads.setdefault(layer, []).append(head)

    def keep(layer: int) -> Any:  # noqa: ANN401 - torch's hooks are untyped
        return lambda _module, _given, made: kept.append(made[1][:, heads[layer]])

    hooks = [model.decoder.blocks[layer].cross_attn.register_forward_hook(keep(layer)) for layer in sorted(heads)]
    try:
        with require_package("whisper.model").disable_sdpa():
            yield kept
    finally:
        for hook in hooks:
            hook.remove()


def _share_steps(attention: "torch.Tensor") -> "torch.Tensor":
    """How much each step belongs to each token, smoothed over time: log of the tokens' shares of the attention to it.

    The path through this is the likeliest one, where openai-whisper adds up standardised attention, of which a few
    steps that hardly any token looks at can outweigh all others.

    Args:
        attention: float32[T, steps], rows that sum to 1.
    """
    floored = attention + LEAST_ATTENTION
    shares = (floored / floored.sum(dim=-2, keepdim=True)).log()
    margin = MEDIAN_STEPS // 2
    if shares.shape[-1] <= margin:
        return shares
    pad = require_package("torch.nn.functional").pad
    padded: torch.Tensor = pad(shares[None], (margin, margin), mode="reflect")[0]
    return padded.unfold(-1, MEDIAN_STEPS, 1).sort().values[..., margin]


def _log_probabilities(
    model: "Whisper", states: Sequence["torch.Tensor"], texts: Sequence[list[int]]
) -> list[list[float]]:
    """The log-probability of each token of each text, states [>= len(text), D] being those that write them.

    So many rows at a time that the vocabulary is not read anew for each text, and few enough to stay small.
    """
    if not any(texts):
        return [[] for _ in texts]
    torch = require_package("torch")
    rows = torch.cat([state[: len(text)] for state, text in zip(states, texts, strict=True)])
    tokens = torch.tensor([token for text in texts for token in text], device=rows.device)
    vocabulary = model.decoder.token_embedding.weight.to(rows.dtype)
    parts = []
    for some, chosen in zip(rows.split(ROWS_AT_A_TIME), tokens.split(ROWS_AT_A_TIME), strict=True):
        scores = (some @ vocabulary.T).float()
        parts.append(scores.gather(1, chosen[:, None])[:, 0] - scores.logsumexp(dim=-1))
    written = iter(torch.cat(parts).tolist())
    return [list(islice(written, len(text))) for text in texts]


def _make_words(
    tokenizer: "Tokenizer",
    text: list[int],
    logprobs: list[float],
    begins: "NDArray[np.int64]",
    weights: "NDArray[np.float32]",
    sounding: "NDArray[np.bool_]",
) -> list[HeardWord]:
    """Join tokens to words, punctuation to its word, and cut off silence."""
    timing = require_package("whisper.timing")
    if not text:
        return []
    words, tokens = tokenizer.split_to_word_tokens([*text, tokenizer.eot])
    joined = [timing.WordTiming(word, part, 0.0, 0.0, 0.0) for word, part in zip(words[:-1], tokens[:-1], strict=True)]
    timing.merge_punctuations(joined, PREPENDED, APPENDED)
    kept = [(word.word, len(word.tokens)) for word in joined if word.tokens]
    return place_words(kept, logprobs, begins, weights, sounding)
