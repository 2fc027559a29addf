"""What a release is made of before anything of it is written: plain values that every writer takes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sdme_tools.corpus.votes import RoundVote
from sdme_tools.records.config import CorpusSection, ReleaseSection
from sdme_tools.records.release import Exclusion, ReleaseRow, Split
from sdme_tools.records.splitting import SplitReport
from sdme_tools.release.columns import Columns
from sdme_tools.release.privacy import Disguise


@dataclass(frozen=True)
class Division:
    """Where each utterance stands."""

    splits: Mapping[str, Split]
    """Utterance id -> split."""
    report: SplitReport
    """How it was found, and how good it is."""
    folds: Mapping[str, int] = field(default_factory=dict)
    """Utterance id -> fold, 0-based; empty unless folds were asked for."""


@dataclass(frozen=True)
class ReleaseContent:
    """Everything that goes out, and what stays at home."""

    version: str
    corpus: CorpusSection
    settings: ReleaseSection
    rows: Sequence[ReleaseRow]
    exclusions: Sequence[Exclusion]
    division: Division
    scan_votes: Callable[[], Iterator[RoundVote]] = lambda: iter(())
    """Reads the votes of all rounds from the corpus, on utterances that stay at home too."""
    disguise: Disguise = Disguise()  # noqa: RUF009 - frozen, and empty
    """What was laid over rows and votes: whatever else is taken from the corpus needs it too."""
    num_names: int = 0
    """Names that were replaced in the texts of the rows."""

    @property
    def columns(self) -> Columns:
        """The columns of its shards."""
        answers = (*self.corpus.labels, self.corpus.cannot_tell)
        return Columns(self.corpus.labels, answers, self.settings.clips, self.division.folds)
