"""What only the corpus knows of a release: what stages dropped, how labels came about, and the state it was in."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sdme_tools.corpus.consistency import hash_recording
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.receipt import describe_file, read_receipt
from sdme_tools.errors import ReleaseError, raise_together
from sdme_tools.records.certificate import About, AgreementFigures, Balance, CorpusState, RoundProof, StageCount
from sdme_tools.records.release import Exclusion, ReleaseRow
from sdme_tools.release.proof import ReleasedVote


@dataclass(frozen=True)
class DerivedLabel:
    """What the votes on an utterance give."""

    labels: tuple[str, ...]
    """The labels that its rounds find, each once: a released utterance has exactly one."""
    posterior: Mapping[str, float]
    """Round that found a label -> how likely it is."""
    votes: Mapping[str, int]
    """Votes by answer, over all rounds."""


class Judge(Protocol):
    """The annotation layer, which this layer may not import: `audit/judge.py` is it."""

    def prove_rounds(self, folders: Iterable[Path]) -> tuple[RoundProof, ...]:
        """How the labels of each round come from its votes."""

    def derive_labels(
        self, votes: Iterable[ReleasedVote], rounds: Sequence[RoundProof], about: About
    ) -> Iterator[tuple[str, DerivedLabel]]:
        """Utterance, and what its released votes give by the receipts of their rounds."""

    def measure_agreement(
        self, votes: Sequence[ReleasedVote], speaker_of: Mapping[str, str], about: About
    ) -> tuple[AgreementFigures, ...]:
        """How far raters agree on what is released."""


@dataclass(frozen=True)
class Evidence:
    """What only the corpus knows of a release."""

    balance: Balance
    rounds: tuple[RoundProof, ...]
    state: CorpusState


def gather_evidence(
    corpus: Corpus, rows: Sequence[ReleaseRow], exclusions: Sequence[Exclusion], judge: Judge | None
) -> Evidence:
    """Read what the certificate says of the corpus.

    Raises:
        ReleaseError: a stage's drops are not as many as its receipt says, or labels are not what their votes give.
    """
    folders = [corpus.layout.round_dir(name) for name in corpus.rounds()]
    return Evidence(
        balance=Balance(
            stages=tuple(_count_stages(corpus)),
            num_seen=len(rows) + len(exclusions),
            num_released=len(rows),
            excluded=dict(sorted(Counter(exclusion.reason for exclusion in exclusions).items())),
        ),
        rounds=judge.prove_rounds(folders) if judge else (),
        state=_hash_corpus(corpus),
    )


def _count_stages(corpus: Corpus) -> Iterable[StageCount]:
    """What each stage kept and dropped, over all recordings, as receipts and the tables of drops say."""
    kept, told, reasons = Counter[str](), Counter[str](), defaultdict[str, Counter[str]](Counter)
    for recording_id in corpus.recording_ids():
        for path in sorted((corpus.layout.recording_dir(recording_id) / "receipts").glob("*.json")):
            receipt = read_receipt(path) if "." not in path.stem else None
            if receipt is not None:
                kept[receipt.basis.stage] += receipt.num_kept
                told[receipt.basis.stage] += receipt.num_dropped
        for drop in corpus.drops(recording_id):
            reasons[drop.stage][drop.reason] += 1
    problems = [
        f"{stage}: its receipts tell of {told[stage]} drops, its tables hold {reasons[stage].total()}"
        for stage in sorted(kept)
        if told[stage] != reasons[stage].total()
    ]
    cure = f"run `sdme run {corpus.root}` again"
    raise_together(ReleaseError, "kept and dropped are not what was seen:", problems, cure=cure)
    for stage in kept:
        yield StageCount(
            stage=stage,
            num_kept=kept[stage],
            num_dropped=told[stage],
            reasons=dict(sorted(reasons[stage].items())),
        )


def _hash_corpus(corpus: Corpus) -> CorpusState:
    """Hash every table that a release can depend on; where the corpus lies does not count."""
    lines: dict[str, list[str]] = defaultdict(list)
    for recording in corpus.recordings():
        lines["recording"].append(f"{recording.recording_id} {hash_recording(recording)}")
        folder = corpus.layout.recording_dir(recording.recording_id)
        for path in sorted(folder.glob("*.jsonl")):
            lines[path.stem].append(f"{recording.recording_id} {describe_file(path, folder).sha256}")
    for name in corpus.rounds():
        folder = corpus.layout.round_dir(name)
        for path in sorted([*folder.glob("*.jsonl"), *folder.glob("*.json")]):
            lines[f"round_{path.stem}"].append(f"{name} {describe_file(path, folder).sha256}")
    for path in (corpus.layout.participants, corpus.layout.speaker_decisions):
        if path.exists():
            lines[path.stem].append(describe_file(path, path.parent).sha256)
    tables = {kind: _hash_lines(its) for kind, its in sorted(lines.items())}
    return CorpusState(tables=tables, digest=_hash_lines(f"{kind} {digest}" for kind, digest in tables.items()))


def _hash_lines(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
