"""A checkpoint of openai-whisper as a folder that faster-whisper reads: made for tests, which have no published one."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
import torch
from ctranslate2.specs import WhisperSpec
from whisper.tokenizer import Tokenizer, get_tokenizer

NUM_STEPS = 1501
"""Timestamp tokens: 0 to 30 s in steps of 20 ms."""


def convert_checkpoint(checkpoint: Path, folder: Path) -> Path:
    """Write model.bin, config.json, vocabulary.json and tokenizer.json."""
    content = torch.load(checkpoint, weights_only=True)
    dimensions, weights = content["dims"], {k: v.float().numpy() for k, v in content["model_state_dict"].items()}
    tokenizer = get_tokenizer(multilingual=dimensions["n_vocab"] >= 51_865)
    spec = WhisperSpec(*(dimensions[f"n_{side}_{part}"] for side in ("audio", "text") for part in ("layer", "head")))
    _fill_encoder(spec.encoder, weights)
    _fill_decoder(spec.decoder, weights)
    special = dict(tokenizer.special_tokens.items())
    vocabulary = [_as_characters(tokenizer.encoding.decode_single_token_bytes(n)) for n in range(tokenizer.eot)]
    vocabulary += sorted(special, key=special.__getitem__)
    spec.register_vocabulary(vocabulary)
    half = dimensions["n_text_layer"] // 2
    spec.config.alignment_heads = [
        [layer, head] for layer in range(half, dimensions["n_text_layer"]) for head in range(dimensions["n_text_head"])
    ]
    spec.config.suppress_ids, spec.config.lang_ids = [], list(tokenizer.all_language_tokens)
    spec.config.suppress_ids_begin = [*tokenizer.encode(" "), tokenizer.eot]
    spec.validate()
    folder.mkdir(parents=True)
    spec.save(str(folder))
    _make_tokenizer(tokenizer, special).save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": dimensions["n_mels"]}))
    return folder


def _fill_encoder(spec: Any, weights: dict[str, np.ndarray]) -> None:
    for name in ("conv1", "conv2"):
        conv = getattr(spec, name)
        conv.weight, conv.bias = weights[f"encoder.{name}.weight"], weights[f"encoder.{name}.bias"]
    spec.position_encodings.encodings = weights["encoder.positional_embedding"]
    _fill_norm(spec.layer_norm, weights, "encoder.ln_post")
    for number, layer in enumerate(spec.layer):
        _fill_layer(layer, weights, f"encoder.blocks.{number}")


def _fill_decoder(spec: Any, weights: dict[str, np.ndarray]) -> None:
    spec.embeddings.weight = weights["decoder.token_embedding.weight"]
    spec.projection.weight = weights["decoder.token_embedding.weight"]
    spec.position_encodings.encodings = weights["decoder.positional_embedding"]
    _fill_norm(spec.layer_norm, weights, "decoder.ln")
    for number, layer in enumerate(spec.layer):
        name = f"decoder.blocks.{number}"
        _fill_layer(layer, weights, name)
        _fill_norm(layer.attention.layer_norm, weights, f"{name}.cross_attn_ln")
        _fill_linear(layer.attention.linear[0], weights, f"{name}.cross_attn", "query")
        _fill_linear(layer.attention.linear[1], weights, f"{name}.cross_attn", "key", "value")
        _fill_linear(layer.attention.linear[2], weights, f"{name}.cross_attn", "out")


def _fill_layer(layer: Any, weights: dict[str, np.ndarray], name: str) -> None:
    _fill_norm(layer.self_attention.layer_norm, weights, f"{name}.attn_ln")
    _fill_linear(layer.self_attention.linear[0], weights, f"{name}.attn", "query", "key", "value")
    _fill_linear(layer.self_attention.linear[1], weights, f"{name}.attn", "out")
    _fill_norm(layer.ffn.layer_norm, weights, f"{name}.mlp_ln")
    _fill_linear(layer.ffn.linear_0, weights, f"{name}.mlp", "0")
    _fill_linear(layer.ffn.linear_1, weights, f"{name}.mlp", "2")


def _fill_norm(spec: Any, weights: dict[str, np.ndarray], name: str) -> None:
    spec.gamma, spec.beta = weights[f"{name}.weight"], weights[f"{name}.bias"]


def _fill_linear(spec: Any, weights: dict[str, np.ndarray], name: str, *parts: str) -> None:
    """Join the parts into one matrix; Whisper's keys have no bias, which is a bias of zero."""
    matrices = [weights[f"{name}.{part}.weight"] for part in parts]
    zero = np.zeros(len(matrices[0]), np.float32)
    spec.weight = np.concatenate(matrices)
    spec.bias = np.concatenate([weights.get(f"{name}.{part}.bias", zero) for part in parts])


def _make_tokenizer(tokenizer: Tokenizer, special: dict[str, int]) -> tokenizers.Tokenizer:
    """Build Hugging Face's form of whisper's tokenizer; which pairs were merged follows from the order of its ranks."""
    ranks = tokenizer.encoding._mergeable_ranks
    merges = [
        _split(token, rank, ranks) for token, rank in sorted(ranks.items(), key=lambda item: item[1]) if len(token) > 1
    ]
    vocabulary = {_as_characters(token): rank for token, rank in ranks.items()}
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, merges))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    made.add_special_tokens(
        [tokenizers.AddedToken(token, special=True) for token in sorted(special, key=special.__getitem__)]
    )
    assert all(made.token_to_id(token) == number for token, number in special.items())
    return made


def _split(token: bytes, rank: int, ranks: dict[bytes, int]) -> tuple[str, str]:
    """Merge the bytes of a token in order of rank, short of the token itself; two parts are left."""
    parts = [token[place : place + 1] for place in range(len(token))]
    while len(parts) > 2:
        best = min(range(len(parts) - 1), key=lambda place: ranks.get(parts[place] + parts[place + 1], rank))
        parts[best : best + 2] = [parts[best] + parts[best + 1]]
    return _as_characters(parts[0]), _as_characters(parts[1])


def _as_characters(token: bytes) -> str:
    """GPT-2's way to write bytes as printable characters."""
    return "".join(_CHARACTERS[number] for number in token)


_PRINTABLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
_OTHERS = [number for number in range(256) if number not in _PRINTABLE]
_CHARACTERS = {n: chr(n) for n in _PRINTABLE} | {n: chr(256 + place) for place, n in enumerate(_OTHERS)}
