"""Train the example's small English Whisper on examples/speech/, from scratch, on a CPU in about ten minutes.

    python examples/train_whisper.py examples/models/whisper-example.pt

The result is an ordinary checkpoint of openai-whisper ({"dims", "model_state_dict"}, fp16) with the official
tokenizer, so `whisper.load_model(path)` reads it. It knows the words of examples/cast.py and nothing else.

It hears short windows, which most of its training holds, as well as the 30 s that openai-whisper gives it. And since
the true times of the words are known, the cross-attention of the last layer, by which openai-whisper tells the time of
words, is taught to lie on the word that is written next, so that the word times can be trusted.
"""

import argparse
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from augment import STEP, Augmentation, Example, load_speech
from numpy.typing import NDArray
from torch.nn import functional
from whisper.audio import HOP_LENGTH, N_FFT, N_FRAMES, SAMPLE_RATE, mel_filters
from whisper.model import ModelDimensions, Whisper
from whisper.tokenizer import Tokenizer, get_tokenizer

DIMENSIONS = ModelDimensions(
    n_mels=80, n_audio_ctx=1500, n_audio_state=64, n_audio_head=4, n_audio_layer=2,
    n_vocab=51864, n_text_ctx=448, n_text_state=64, n_text_head=4, n_text_layer=2,
)  # fmt: skip
IGNORED = -100
BATCH_SIZE, FULL_BATCH_SIZE = 32, 4
END_S = 0.5  # where the end of the text looks: this much after the last word
DRAW_FOR = 100  # steps, after which examples are drawn anew; each is used about twice
SHARE_TIMED = 0.25  # of utterances are written with timestamps
WEIGHT_OF_PLACE = 0.2  # of where the attention lies, against what is written


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


@dataclass(frozen=True)
class Lesson:
    """What the decoder is shown, what it shall say next, and where in the sound it shall look for that.

    shown and targets hold numbers of the vocabulary, places (first, end) in encoder steps or None.
    """

    shown: list[int]
    targets: list[int]
    places: list[tuple[int, int] | None]


class Vocabulary:
    """The few thousand tokens that can occur, numbered 0, 1, …; the 50,000 others are one more, the rest."""

    def __init__(self, tokenizer: Tokenizer, texts: set[str]) -> None:
        self.tokenizer = tokenizer
        special = [tokenizer.sot, tokenizer.eot, tokenizer.no_timestamps, tokenizer.no_speech]
        steps = range(tokenizer.timestamp_begin, tokenizer.timestamp_begin + N_FRAMES // 2 + 1)
        # every run of words that an excerpt can begin with has a space before its first one
        self._words = {word: tokenizer.encode(" " + word) for text in texts for word in text.split()}
        words = {token for tokens in self._words.values() for token in tokens}
        self.tokens = sorted({*special, *steps, *words, *tokenizer.encode(".")})
        self._number = {token: number for number, token in enumerate(self.tokens)}
        self.num_rest = DIMENSIONS.n_vocab - len(self.tokens)

    def lesson(self, example: Example, *, timed: bool, dotted: bool) -> Lesson:
        """Write an example down, with timestamps or without.

        Silence is answered with nothing or, as whisper.decode forbids an empty text by default, with a full stop.
        """
        tokenizer = self.tokenizer
        written: list[tuple[int, tuple[int, int] | None]] = [(tokenizer.sot, None)]
        written += [] if timed else [(tokenizer.no_timestamps, None)]
        for segment in example.segments:
            start, stop = (t // STEP for t in (segment.bounds[0][0], segment.bounds[-1][1]))
            first, last = (tokenizer.timestamp_begin + step for step in (start, stop))
            written += [(first, (start, start + 5))] if timed else []
            written += [
                (token, (a // STEP, max(a // STEP + 2, b // STEP)))
                for word, (a, b) in zip(segment.words, segment.bounds, strict=True)
                for token in self._words[word]
            ]
            written += [(last, (max(0, stop - 3), stop + 2))] if timed else []
        if not example.segments and dotted:
            written += [(token, None) for token in tokenizer.encode(".")]
        end = example.segments[-1].bounds[-1][1] // STEP if example.segments else 0
        written += [(tokenizer.eot, (end, end + round(END_S * SAMPLE_RATE / STEP)) if end else None)]
        numbers = [self._number[token] for token, _ in written]
        targets, places = numbers[1:], [place for _, place in written[1:]]
        if not example.segments:
            targets[0] = self._number[tokenizer.no_speech]
        return Lesson(numbers[:-1], targets, places)


class Gaze:
    """Keeps what the last layer's cross-attention computes, from which openai-whisper tells the time of words."""

    def __init__(self, model: Whisper) -> None:
        attention = model.decoder.blocks[-1].cross_attn
        self._num_heads = attention.n_head
        self._kept: dict[str, torch.Tensor] = {}
        for name in ("query", "key"):
            getattr(attention, name).register_forward_hook(
                lambda _module, _given, made, name=name: self._kept.__setitem__(name, made)
            )

    def log_attention(self) -> torch.Tensor:
        """Where each position looked: log-probabilities, float32[B, heads, positions, frames]."""
        query, key = (
            kept.view(*kept.shape[:2], self._num_heads, -1).transpose(1, 2)
            for kept in (self._kept["query"], self._kept["key"])
        )
        return (query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5).log_softmax(dim=-1)

    def loss(self, lessons: list[Lesson]) -> torch.Tensor:
        """Mean of -log(share of the attention that lies on the word to be written next)."""
        attention = self.log_attention()
        frames = torch.arange(attention.shape[-1])
        missed = []
        for looked, lesson in zip(attention, lessons, strict=True):
            at = [position for position, place in enumerate(lesson.places) if place]
            if at:
                bounds = torch.tensor([place for place in lesson.places if place])
                inside = (frames >= bounds[:, :1]) & (frames < bounds[:, 1:])
                missed.append(-looked[:, at].masked_fill(~inside, -30.0).logsumexp(dim=-1).flatten())
        return torch.cat(missed).mean() if missed else torch.zeros(())


class Trainer:
    """The model with a small embedding table in place of its own, whose unused rows need no arithmetic.

    Giving all unused tokens one shared row, counted num_rest times, makes the softmax exactly the full one's.
    """

    def __init__(self, model: Whisper, vocabulary: Vocabulary) -> None:
        self.model, self.vocabulary = model, vocabulary
        self.gaze = Gaze(model)
        self.embedding = torch.nn.Parameter(torch.randn(len(vocabulary.tokens) + 1, DIMENSIONS.n_text_state) * 0.1)
        model.decoder.token_embedding.weight.requires_grad_(False)
        torch.nn.init.normal_(model.decoder.positional_embedding, std=0.05)  # Whisper() leaves it uninitialised

    def begin_from(self, weights: dict[str, torch.Tensor]) -> None:
        """Take over what was trained before."""
        self.model.load_state_dict(weights)
        table, tokens = self.model.decoder.token_embedding.weight, self.vocabulary.tokens
        unused = next(token for token in range(len(table)) if token not in tokens)
        with torch.no_grad():
            self.embedding[:] = table[[*tokens, unused]]

    def parameters(self) -> list[torch.nn.Parameter]:
        """Everything that is trained."""
        return [self.embedding, *(p for p in self.model.parameters() if p.requires_grad)]

    def loss(self, batch: "Batch", random: np.random.Generator) -> torch.Tensor:
        """Mean cross entropy of the next token, the true ones before it given, and how far the attention was off."""
        heard = encode(self.model, batch.mel.float())
        lessons = [
            self.vocabulary.lesson(
                example,
                timed=bool(example.segments) and random.random() < SHARE_TIMED,
                dotted=random.random() < 0.5,
            )
            for example in batch.examples
        ]
        width = max(len(lesson.shown) for lesson in lessons)
        shown = torch.tensor([[*one.shown, *[0] * (width - len(one.shown))] for one in lessons])
        targets = torch.tensor([[*one.targets, *[IGNORED] * (width - len(one.targets))] for one in lessons])
        decoder = self.model.decoder
        x = functional.embedding(shown, self.embedding) + decoder.positional_embedding[:width]
        for block in decoder.blocks:
            x = block(x, heard, mask=decoder.mask)
        logits = decoder.ln(x) @ self.embedding.T
        logits = logits + functional.one_hot(torch.tensor(len(self.embedding) - 1)) * math.log(self.vocabulary.num_rest)
        written = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
        return written + WEIGHT_OF_PLACE * self.gaze.loss(lessons)

    def finish(self) -> None:
        """Put the trained rows where the model has its own."""
        with torch.no_grad():
            table = self.model.decoder.token_embedding.weight
            table[:] = self.embedding[-1]
            table[self.vocabulary.tokens] = self.embedding[:-1]


@dataclass(frozen=True)
class Batch:
    """Examples and the log-mel spectrogram of each, float16[B, 80, T]."""

    examples: list[Example]
    mel: torch.Tensor


def draw_short(augmentation: Augmentation, num_batches: int) -> list[Batch]:
    """Utterances in short windows, sorted by length, so that a batch carries little padding."""
    examples = [augmentation.draw() for _ in range(num_batches * BATCH_SIZE)]
    examples.sort(key=lambda example: len(example.signal))
    parts = [examples[first : first + BATCH_SIZE] for first in range(0, len(examples), BATCH_SIZE)]
    return [Batch(part, pad([example.signal for example in part])) for part in parts]


def draw_full(augmentation: Augmentation, num_batches: int) -> list[Batch]:
    """Utterances padded to 30 s."""
    return [make_full([augmentation.draw() for _ in range(FULL_BATCH_SIZE)]) for _ in range(num_batches)]


def make_full(examples: list[Example]) -> Batch:
    """Pad to 30 s."""
    mel = [
        on_full_window(log_mel([one.signal], len(one.signal) // STEP * STEP), as_transcribe=place % 2 == 0)
        for place, one in enumerate(examples)
    ]
    return Batch(examples, torch.cat(mel).half())


def pad(signals: list[NDArray[np.float32]]) -> torch.Tensor:
    """Log-mel spectrograms in the window that sdme_tools/backends/asr/windows.py gives the longest."""
    seconds = math.ceil((max(map(len, signals)) / SAMPLE_RATE + 1) / 2) * 2
    return log_mel(signals, min(seconds * SAMPLE_RATE, N_FRAMES * HOP_LENGTH)).half()


Draw = Callable[[Augmentation, int], list[Batch]]


def train(trainer: Trainer, augmentation: Augmentation, course: list[tuple[Draw, int]], seed: int) -> Iterator[int]:
    """Train on each kind of batch for so many steps; yields the number of each step."""
    random = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(trainer.parameters(), lr=1.0, betas=(0.9, 0.98), weight_decay=0.01)
    kinds = [draw for draw, num_steps in course for _ in range(num_steps)]
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate(step, len(kinds)))
    began, losses = time.monotonic(), []
    batches: list[Batch] = []
    for step, draw in enumerate(kinds):
        if step % DRAW_FOR == 0 or draw is not kinds[step - 1]:
            batches = draw(augmentation, DRAW_FOR // 2)
        loss = trainer.loss(batches[random.integers(len(batches))], random)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(trainer.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % 50 == 49:
            passed_s = time.monotonic() - began
            print(f"step {step + 1}/{len(kinds)} loss {np.mean(losses[-50:]):.3f} {passed_s:.0f} s", flush=True)
        yield step


def on_full_window(mel: torch.Tensor, *, as_transcribe: bool) -> torch.Tensor:
    """Pad float32[B, 80, T] to the 3000 frames of 30 s, in one of whisper's two ways.

    The usual one is what silence looks like: 8 below the loudest, scaled. whisper.transcribe pads with 0 instead, which
    looks like faint noise.
    """
    silence = mel.amax(dim=(1, 2), keepdim=True) - 8.0 / 4.0
    padding = torch.zeros_like(silence) if as_transcribe else silence
    return torch.cat([mel, padding.expand(-1, mel.shape[1], N_FRAMES - mel.shape[2])], dim=2)


def learning_rate(step: int, total: int) -> float:
    """Rise to the peak in 150 steps, then fall along a cosine."""
    return 2.5e-3 * min(1.0, (step + 1) / 150) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / total)))


def main() -> None:
    """Train and write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("output", type=Path)
    parser.add_argument("--from", dest="start", type=Path, help="a checkpoint of this script to go on from")
    parser.add_argument("--steps", type=int, default=2000, help="steps on short windows")
    parser.add_argument("--full-steps", type=int, default=200, help="steps on windows of 30 s")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    speech = load_speech()
    vocabulary = Vocabulary(get_tokenizer(multilingual=False), {" ".join(one.words) for one in speech})
    trainer = Trainer(Whisper(DIMENSIONS), vocabulary)
    if arguments.start:
        trainer.begin_from(torch.load(arguments.start, weights_only=True)["model_state_dict"])
    course = [(draw_short, arguments.steps), (draw_full, arguments.full_steps)]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    for step in train(trainer, Augmentation(speech, arguments.seed), course, arguments.seed):
        if step % 200 == 199:
            save(trainer, arguments.output)
    save(trainer, arguments.output)
    print(f"{arguments.output}: {arguments.output.stat().st_size:,} bytes")


def save(trainer: Trainer, output: Path) -> None:
    """Write the checkpoint as it is now."""
    trainer.finish()
    weights = {name: value.half() for name, value in trainer.model.state_dict().items()}
    torch.save({"dims": asdict(DIMENSIONS), "model_state_dict": weights}, output)


if __name__ == "__main__":
    main()
