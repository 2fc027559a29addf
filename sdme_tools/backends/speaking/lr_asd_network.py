"""The network of LR-ASD: does this face make this voice? Grey crops and cepstra in, a logit a picture out.

B faces are looked at together, padded to T pictures; `length`, int64[B], tells how many are a face's own. Padding is
kept zero wherever the network looks along time, so that each face gets what it would get alone.

Source: Liao et al., "LR-ASD: Lightweight and Robust Network for Active Speaker Detection", IJCV 2025; our own
implementation. The names of the modules are those of the published state dict.
"""

import torch
from torch import Tensor, nn

MEAN, DEVIATION = 0.4161, 0.1688
"""Of the grey values of the faces that the published weights were trained on."""
CHANNELS = (32, 64, 128)
SUMMARY = CHANNELS[-1]


def _hold(width: int, length: Tensor) -> Tensor:
    """bool[B, width]: what belongs to each row; the rest pads it, and must be zero wherever time is looked along."""
    return torch.arange(width, device=length.device) < length[:, None]


def _turn_round(width: int, length: Tensor) -> Tensor:
    """int64[B, width, 1]: places that turn each row round and leave its padding at the end."""
    places = torch.arange(width, device=length.device).expand(len(length), width)
    return torch.where(_hold(width, length), length[:, None] - 1 - places, places).unsqueeze(2)


def _norm_3d(channels: int) -> nn.BatchNorm3d:
    return nn.BatchNorm3d(channels, eps=1e-3, momentum=0.01)


def _norm_2d(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class _VisualBlock(nn.Module):
    """Two convolutions over the picture, then two over time."""

    def __init__(self, given: int, made: int, *, stride: int) -> None:
        super().__init__()
        half = made // 2
        self.s_1 = nn.Conv3d(given, half, (1, 5, 5), (1, stride, stride), (0, 2, 2), bias=False)
        self.s_norm_1 = _norm_3d(half)
        self.s_2 = nn.Conv3d(half, made, (1, 3, 3), padding=(0, 1, 1), bias=False)
        self.s_norm_2 = _norm_3d(made)
        self.t_1 = nn.Conv3d(made, made, (5, 1, 1), padding=(2, 0, 0), bias=False)
        self.t_norm_1 = _norm_3d(made)
        self.t_2 = nn.Conv3d(made, made, (3, 1, 1), padding=(1, 0, 0), bias=False)
        self.t_norm_2 = _norm_3d(made)

    def forward(self, x: Tensor, length: Tensor) -> Tensor:
        held = _hold(x.shape[2], length)[:, None, :, None, None]
        x = torch.relu(self.s_norm_1(self.s_1(x)))
        x = torch.relu(self.s_norm_2(self.s_2(x))) * held
        x = torch.relu(self.t_norm_1(self.t_1(x))) * held
        return torch.relu(self.t_norm_2(self.t_2(x))) * held


class _AudioBlock(nn.Module):
    """Two convolutions over the cepstra, then two over time."""

    def __init__(self, given: int, made: int) -> None:
        super().__init__()
        half = made // 2
        self.m_1 = nn.Conv2d(given, half, (5, 1), padding=(2, 0), bias=False)
        self.m_norm_1 = _norm_2d(half)
        self.m_2 = nn.Conv2d(half, made, (3, 1), padding=(1, 0), bias=False)
        self.m_norm_2 = _norm_2d(made)
        self.t_1 = nn.Conv2d(made, made, (1, 5), padding=(0, 2), bias=False)
        self.t_norm_1 = _norm_2d(made)
        self.t_2 = nn.Conv2d(made, made, (1, 3), padding=(0, 1), bias=False)
        self.t_norm_2 = _norm_2d(made)

    def forward(self, x: Tensor, length: Tensor) -> Tensor:
        held = _hold(x.shape[3], length)[:, None, None, :]
        x = torch.relu(self.m_norm_1(self.m_1(x)))
        x = torch.relu(self.m_norm_2(self.m_2(x))) * held
        x = torch.relu(self.t_norm_1(self.t_1(x))) * held
        return torch.relu(self.t_norm_2(self.t_2(x))) * held


class _VisualEncoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block1 = _VisualBlock(1, CHANNELS[0], stride=2)
        self.block2 = _VisualBlock(CHANNELS[0], CHANNELS[1], stride=1)
        self.block3 = _VisualBlock(CHANNELS[1], CHANNELS[2], stride=1)
        self._pool = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))

    def forward(self, x: Tensor, length: Tensor) -> Tensor:
        """float32[B, 1, T, 112, 112] -> float32[B, T, 128]."""
        x = self._pool(self.block1(x, length))
        x = self._pool(self.block2(x, length))
        seen: Tensor = self.block3(x, length).amax(dim=(3, 4)).transpose(1, 2)
        return seen


class _AudioEncoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block1 = _AudioBlock(1, CHANNELS[0])
        self.block2 = _AudioBlock(CHANNELS[0], CHANNELS[1])
        self.block3 = _AudioBlock(CHANNELS[1], CHANNELS[2])
        self._pool = nn.MaxPool3d((1, 1, 3), (1, 1, 2), (0, 0, 1))

    def forward(self, x: Tensor, length: Tensor) -> Tensor:
        """float32[B, 1, 13, 4T] -> float32[B, T, 128]."""
        x = self._pool(self.block1(x, 4 * length))
        x = self._pool(self.block2(x, 2 * length))
        heard: Tensor = self.block3(x, length).mean(dim=2).transpose(1, 2)
        return heard


class _Weighting(nn.Module):
    """Each value of a picture's summary, weighted by what the whole summary says."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = nn.Conv1d(width, width, 1, bias=False)
        self.bn = nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        """float32[B, T, width] -> float32[B, T, width]."""
        return x * torch.sigmoid(self.bn(self.attention(x.transpose(1, 2)))).transpose(1, 2)


class _Detector(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru_forward = nn.GRU(2 * SUMMARY, SUMMARY // 2, batch_first=True)
        self.gru_backward = nn.GRU(2 * SUMMARY, SUMMARY // 2, batch_first=True)
        self.attention = _Weighting(SUMMARY)

    def forward(self, x: Tensor, length: Tensor) -> Tensor:
        """float32[B, T, 256] -> float32[B, T, 128]."""
        turned = _turn_round(x.shape[1], length)
        onwards, _ = self.gru_forward(x)
        back, _ = self.gru_backward(torch.take_along_dim(x, turned, dim=1))
        summary: Tensor = self.attention(torch.cat((onwards, torch.take_along_dim(back, turned, dim=1)), dim=2))
        return summary


class _Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.visualEncoder = _VisualEncoder()
        self.audioEncoder = _AudioEncoder()
        self.fusion = _Weighting(2 * SUMMARY)
        self.detector = _Detector()


class _Head(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.FC = nn.Linear(SUMMARY, 2)


class LrAsdNetwork(nn.Module):
    """The two encoders, their fusion and the head that tells talking from not."""

    def __init__(self) -> None:
        super().__init__()
        self.model = _Model()
        self.lossAV = _Head()
        self.lossV = _Head()
        """Serves training only; it is here because the published state dict has it."""

    def look(self, crops: Tensor, length: Tensor) -> Tensor:
        """uint8[B, T, 112, 112] -> float32[B, T, 128]."""
        normalised = (crops.float() / 255 - MEAN) / DEVIATION
        seen: Tensor = self.model.visualEncoder(normalised.unsqueeze(1), length)
        return seen

    def listen(self, cepstra: Tensor, length: Tensor) -> Tensor:
        """float32[B, 4T, 13] -> float32[B, T, 128]."""
        heard: Tensor = self.model.audioEncoder(cepstra.unsqueeze(1).transpose(2, 3), length)
        return heard

    def judge(self, seen: Tensor, heard: Tensor, length: Tensor) -> Tensor:
        """float32[B, T, 128] each -> float32[B, T]: log odds of talking against not."""
        summary = self.model.detector(self.model.fusion(torch.cat((heard, seen), dim=2)), length)
        silent, talking = self.lossAV.FC(summary).unbind(dim=2)
        odds: Tensor = talking - silent
        return odds
