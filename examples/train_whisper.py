"""Train the example's small English Whisper on examples/speech/, from scratch, on a CPU in about ten minutes.

    python examples/train_whisper.py examples/models/whisper-example.pt

The result is an ordinary checkpoint of openai-whisper ({"dims", "model_state_dict"}, fp16) with the official
tokenizer, so `whisper.load_model(path)` reads it. It knows the words of examples/cast.py and nothing else.
"""

import argparse
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from augment import Augmentation, Example, load_speech
from numpy.typing import NDArray
from torch.nn import functional
from whisper.audio import HOP_LENGTH, N_FFT, N_FRAMES, SAMPLE_RATE, mel_filters
from whisper.model import ModelDimensions, Whisper
from whisper.tokenizer import Tokenizer, get_tokenizer

DIMENSIONS = ModelDimensions(
    n_mels=80, n_audio_ctx=1500, n_audio_state=64, n_audio_head=4, n_audio_layer=2,
    n_vocab=51864, n_text_ctx=448, n_text_state=64, n_text_head=4, n_text_layer=2,
)  # fmt: skip
LAST_TIMESTAMP_S = 12.0  # no training example is longer
IGNORED = -100
BATCH_SIZE, FULL_BATCH_SIZE = 32, 8
STEPS_PER_DRAW = 200  # examples are drawn anew after so many steps; each is used about twice


def log_mel(signals: list[NDArray[np.float32]], num_samples: int) -> torch.Tensor:
    """Whisper's log-mel spectrogram of each signal padded to num_samples.

    whisper.log_mel_spectrogram takes the loudest point of the whole batch as reference; a batch must take each one's.

    Returns:
        float32[B, 80, num_samples / 160].
    """
    padded = torch.zeros(len(signals), num_samples)
    for row, signal in zip(padded, signals, strict=True):
        row[: len(signal)] = torch.from_numpy(signal[:num_samples])
    spectrum = torch.stft(padded, N_FFT, HOP_LENGTH, window=torch.hann_window(N_FFT), return_complex=True)
    power = mel_filters("cpu", DIMENSIONS.n_mels) @ spectrum[..., :-1].abs().square()
    decibel = power.clamp(min=1e-10).log10()
    loudest = decibel.amax(dim=(1, 2), keepdim=True)
    return (torch.maximum(decibel, loudest - 8.0) + 4.0) / 4.0


def encode(model: Whisper, mel: torch.Tensor) -> torch.Tensor:
    """Run the model's encoder on a window shorter than 30 s; most of a full one is padding, and costs the most."""
    encoder = model.encoder
    x = functional.gelu(encoder.conv2(functional.gelu(encoder.conv1(mel)))).permute(0, 2, 1)
    x = x + encoder.positional_embedding[: x.shape[1]]
    for block in encoder.blocks:
        x = block(x)
    heard: torch.Tensor = encoder.ln_post(x)
    return heard


class Vocabulary:
    """The few hundred tokens that can occur, numbered 0, 1, …; the 51,000 others are one more, the rest."""

    def __init__(self, tokenizer: Tokenizer, texts: set[str]) -> None:
        self.tokenizer = tokenizer
        special = [tokenizer.sot, tokenizer.eot, tokenizer.no_timestamps, tokenizer.no_speech]
        steps = range(tokenizer.timestamp_begin, tokenizer.timestamp_begin + round(LAST_TIMESTAMP_S / 0.02))
        # every run of words that an excerpt can begin with has a space before its first one
        words = {token for text in texts for word in text.split() for token in tokenizer.encode(" " + word)}
        self.tokens = sorted({*special, *steps, *words, *tokenizer.encode(".")})
        self._number = {token: number for number, token in enumerate(self.tokens)}
        self.num_rest = DIMENSIONS.n_vocab - len(self.tokens)

    def sequences(self, example: Example, random: np.random.Generator) -> tuple[list[int], list[int]]:
        """What the decoder is shown and what it shall say next, by number.

        Silence is answered with nothing or, as whisper.decode forbids an empty text by default, with a full stop.
        """
        tokenizer = self.tokenizer
        text = example.text or ("." if random.random() < 0.5 else "")
        tokens = tokenizer.encode(f" {text}" if example.text else text)
        if example.text and random.random() < 0.25:
            first = tokenizer.timestamp_begin + round(example.start_s / 0.02)
            last = tokenizer.timestamp_begin + round(example.end_s / 0.02)
            tokens = [tokenizer.sot, first, *tokens, last, tokenizer.eot]
        else:
            tokens = [tokenizer.sot, tokenizer.no_timestamps, *tokens, tokenizer.eot]
        numbers = [self._number[token] for token in tokens]
        targets = numbers[1:]
        if not example.text:
            targets[0] = self._number[tokenizer.no_speech]
        return numbers[:-1], targets


class Trainer:
    """The model with a small embedding table in place of its own, whose unused rows need no arithmetic.

    Giving all unused tokens one shared row, counted num_rest times, makes the softmax exactly the full one's.
    """

    def __init__(self, model: Whisper, vocabulary: Vocabulary) -> None:
        self.model, self.vocabulary = model, vocabulary
        self.embedding = torch.nn.Parameter(torch.randn(len(vocabulary.tokens) + 1, DIMENSIONS.n_text_state) * 0.1)
        model.decoder.token_embedding.weight.requires_grad_(False)
        torch.nn.init.normal_(model.decoder.positional_embedding, std=0.05)  # Whisper() leaves it uninitialised

    def parameters(self) -> list[torch.nn.Parameter]:
        """Everything that is trained."""
        return [self.embedding, *(p for p in self.model.parameters() if p.requires_grad)]

    def loss(self, examples: list[Example], mel: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
        """Mean cross entropy of the next token, the true ones before it given."""
        heard = encode(self.model, mel)
        pairs = [self.vocabulary.sequences(example, random) for example in examples]
        width = max(len(shown) for shown, _ in pairs)
        shown = torch.tensor([[*shown, *[0] * (width - len(shown))] for shown, _ in pairs])
        targets = torch.tensor([[*target, *[IGNORED] * (width - len(target))] for _, target in pairs])
        decoder = self.model.decoder
        x = functional.embedding(shown, self.embedding) + decoder.positional_embedding[:width]
        for block in decoder.blocks:
            x = block(x, heard, mask=decoder.mask)
        logits = decoder.ln(x) @ self.embedding.T
        logits = logits + functional.one_hot(torch.tensor(len(self.embedding) - 1)) * math.log(self.vocabulary.num_rest)
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)

    def finish(self) -> None:
        """Put the trained rows where the model has its own."""
        with torch.no_grad():
            table = self.model.decoder.token_embedding.weight
            table[:] = self.embedding[-1]
            table[self.vocabulary.tokens] = self.embedding[:-1]


@dataclass(frozen=True)
class Batch:
    """Examples of about one length and their log-mel spectrograms, float16[B, 80, T]."""

    examples: list[Example]
    mel: torch.Tensor


def batches_of(examples: list[Example], size: int) -> list[Batch]:
    """Sort by length and cut into batches, so that a batch carries little padding."""
    ordered = sorted(examples, key=lambda example: len(example.signal))
    batches = []
    for first in range(0, len(ordered), size):
        part = ordered[first : first + size]
        num_samples = math.ceil(len(part[-1].signal) / SAMPLE_RATE * 5 + 1) * SAMPLE_RATE // 5
        batches.append(Batch(part, log_mel([example.signal for example in part], num_samples).half()))
    return batches


def train(trainer: Trainer, augmentation: Augmentation, num_steps: int, num_full_steps: int, seed: int) -> None:
    """Train on short windows, then get used to full ones for num_full_steps."""
    random = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(trainer.parameters(), lr=1.0, betas=(0.9, 0.98), weight_decay=0.01)
    total = num_steps + num_full_steps
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate(step, total))
    began, losses = time.monotonic(), []
    batches: list[Batch] = []
    for step in range(total):
        full = step >= num_steps
        if step % STEPS_PER_DRAW == 0:
            batches = batches_of([augmentation.draw() for _ in range(STEPS_PER_DRAW // 2 * BATCH_SIZE)], BATCH_SIZE)
        batch = batches[random.integers(len(batches))]
        examples, mel = batch.examples, batch.mel.float()
        if full:
            chosen = random.permutation(len(examples))[:FULL_BATCH_SIZE]
            examples = [examples[index] for index in chosen]
            mel = on_full_window(mel[chosen])
        loss = trainer.loss(examples, mel, random)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(trainer.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % 50 == 49:
            passed_s = time.monotonic() - began
            print(f"step {step + 1}/{total} loss {np.mean(losses[-50:]):.3f} {passed_s:.0f} s", flush=True)


def on_full_window(mel: torch.Tensor) -> torch.Tensor:
    """Pad float32[B, 80, T] to the 3000 frames of 30 s with what silence looks like: 8 below the loudest, scaled."""
    silence = mel.amax(dim=(1, 2), keepdim=True) - 8.0 / 4.0
    return torch.cat([mel, silence.expand(-1, mel.shape[1], N_FRAMES - mel.shape[2])], dim=2)


def learning_rate(step: int, total: int) -> float:
    """Rise to the peak in 150 steps, then fall along a cosine."""
    return 2.5e-3 * min(1.0, (step + 1) / 150) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / total)))


def main() -> None:
    """Train and write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("output", type=Path)
    parser.add_argument("--steps", type=int, default=2200, help="steps on short windows")
    parser.add_argument("--full-steps", type=int, default=150, help="steps on full 30 s windows, afterwards")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    speech = load_speech()
    vocabulary = Vocabulary(get_tokenizer(multilingual=False), {" ".join(one.words) for one in speech})
    trainer = Trainer(Whisper(DIMENSIONS), vocabulary)
    train(trainer, Augmentation(speech, arguments.seed), arguments.steps, arguments.full_steps, arguments.seed)
    trainer.finish()
    weights = {name: value.half() for name, value in trainer.model.state_dict().items()}
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"dims": asdict(DIMENSIONS), "model_state_dict": weights}, arguments.output)
    print(f"{arguments.output}: {arguments.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
