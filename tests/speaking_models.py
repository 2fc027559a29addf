"""Small model files for speaking scorers, made here: a TorchScript and an ONNX file, and weights of LR-ASD."""

from collections.abc import Sequence
from pathlib import Path

import torch

from sdme_tools.backends.speaking.lr_asd_network import LrAsdNetwork


class Brightness(torch.nn.Module):
    """How bright the crop is: a picture's score is its mean grey over 255."""

    def forward(self, crops: torch.Tensor, voice: torch.Tensor) -> torch.Tensor:
        return crops.float().mean(dim=(1, 2)) / 255 + 0 * voice.mean()


class Backwards(torch.nn.Module):
    """One score for the whole face, which is not the interface."""

    def forward(self, crops: torch.Tensor, voice: torch.Tensor) -> torch.Tensor:
        return crops.float().mean().unsqueeze(0)


def write_torchscript(path: Path, module: torch.nn.Module | None = None) -> Path:
    """Write the module, Brightness unless another is given."""
    torch.jit.script(module or Brightness()).save(str(path))
    return path


def write_lr_asd(path: Path) -> Path:
    """Write weights of the network that nobody trained."""
    torch.manual_seed(0)
    torch.save(LrAsdNetwork().state_dict(), path)
    return path


def write_onnx(path: Path, *, inputs: Sequence[str] = ("crops", "voice")) -> Path:
    """Write the graph of Brightness, byte by byte: the package that writes such files is not needed for this alone."""
    cast = _message((1, inputs[0]), (2, "grey"), (4, "Cast"), (5, _message((1, "to"), (3, 1), (20, 2))))
    axes = _message((1, "axes"), (8, 1), (8, 2), (20, 7))
    keep = _message((1, "keepdims"), (3, 0), (20, 2))
    mean = _message((1, "grey"), (2, "mean"), (4, "ReduceMean"), (5, axes), (5, keep))
    divide = _message((1, "mean"), (1, "white"), (2, "scores"), (4, "Div"))
    white = _message((1, 1), (2, 1), (8, "white"), (9, b"\x00\x00\x7f\x43"))  # one float32, 255
    graph = _message(
        *((1, node) for node in (cast, mean, divide)),
        (2, "brightness"),
        (5, white),
        (11, _value(inputs[0], 2, "T", 112, 112)),
        (11, _value(inputs[1], 1, "N")),
        (12, _value("scores", 1, "T")),
    )
    path.write_bytes(_message((1, 8), (7, graph), (8, _message((2, 13)))))
    return path


def _value(name: str, kind: int, *dimensions: str | int) -> bytes:
    shape = _message(*((1, _message((2 if isinstance(d, str) else 1, d))) for d in dimensions))
    return _message((1, name), (2, _message((1, _message((1, kind), (2, shape))))))


def _message(*fields: tuple[int, int | str | bytes]) -> bytes:
    """A protocol buffer message of numbered fields."""
    written = b""
    for number, value in fields:
        if isinstance(value, int):
            written += _varint(number << 3) + _varint(value)
        else:
            content = value.encode() if isinstance(value, str) else value
            written += _varint(number << 3 | 2) + _varint(len(content)) + content
    return written


def _varint(value: int) -> bytes:
    written = b""
    while value > 127:
        written += bytes([value & 127 | 128])
        value >>= 7
    return written + bytes([value])
