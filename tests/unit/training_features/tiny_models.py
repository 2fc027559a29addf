"""Models in the ordinary formats, tiny and never trained: configuration, weights, and what prepares input."""

import json
from pathlib import Path

import torch
import transformers

WORDS = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "turn", "va", "ça", "##s", "!", *"0123456789"]

_TRUNK = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
_CONV = {"conv_dim": (16, 16), "conv_kernel": (400, 4), "conv_stride": (160, 2), "num_conv_pos_embeddings": 16}


def make_voice_model(folder: Path, kind: str, *, norm: str = "layer", head: bool = False) -> Path:
    """wav2vec2, wavlm or hubert, of 50 steps a second; with a head as fine-tuned models have, if asked."""
    prefix = {"wav2vec2": "Wav2Vec2", "wavlm": "WavLM", "hubert": "Hubert"}[kind]
    torch.manual_seed(0)
    config = getattr(transformers, f"{prefix}Config")(
        **_TRUNK, **_CONV, feat_extract_norm=norm, num_conv_pos_embedding_groups=2, do_stable_layer_norm=norm == "layer"
    )
    getattr(transformers, prefix + ("ForCTC" if head else "Model"))(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(return_attention_mask=norm == "layer").save_pretrained(folder)
    return folder


def make_whisper(folder: Path) -> Path:
    """Whisper of two layers, for windows of 30 s as all are."""
    torch.manual_seed(0)
    config = transformers.WhisperConfig(
        d_model=16,
        encoder_layers=2,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        vocab_size=60,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
    )
    transformers.WhisperModel(config).save_pretrained(folder)
    transformers.WhisperFeatureExtractor().save_pretrained(folder)
    return folder


def make_clip(folder: Path) -> Path:
    """CLIP, both towers, as published."""
    torch.manual_seed(0)
    vision = {**_TRUNK, "image_size": 32, "patch_size": 16, "projection_dim": 12}
    words = {**_TRUNK, "vocab_size": 60, "max_position_embeddings": 20}
    config = transformers.CLIPConfig(vision_config=vision, text_config=words, projection_dim=12)
    transformers.CLIPModel(config).save_pretrained(folder)
    size = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    _write(folder / "preprocessor_config.json", {"image_processor_type": "CLIPImageProcessor", **size})
    return folder


def make_vit(folder: Path) -> Path:
    """ViT with the head of a classifier."""
    torch.manual_seed(0)
    config = transformers.ViTConfig(**_TRUNK, image_size=32, patch_size=16)
    transformers.ViTForImageClassification(config).save_pretrained(folder)
    _write(
        folder / "preprocessor_config.json",
        {"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 32}},
    )
    return folder


def make_text_model(folder: Path, kind: str) -> Path:
    """bert, roberta or xlm-roberta as a masked language model, with a tokenizer of some words."""
    prefix = {"bert": "Bert", "roberta": "Roberta", "xlm-roberta": "XLMRoberta"}[kind]
    torch.manual_seed(0)
    config = getattr(transformers, f"{prefix}Config")(
        **_TRUNK, vocab_size=len(WORDS), max_position_embeddings=140, pad_token_id=WORDS.index("[PAD]")
    )
    getattr(transformers, f"{prefix}ForMaskedLM")(config).save_pretrained(folder)
    vocabulary = {word: place for place, word in enumerate(WORDS)}
    transformers.BertTokenizer(vocab=vocabulary, do_lower_case=True, strip_accents=False).save_pretrained(folder)
    return folder


def _write(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content))
