"""Votes that are no corpus's, and labels that are known beforehand, as CSV files."""

from dataclasses import dataclass
from pathlib import Path

from sdme_tools.annotation.votes import Ballot, Vote, parse_votes, read_cells
from sdme_tools.errors import AnnotationError, raise_together


@dataclass(frozen=True)
class VoteFile:
    """A checked file of votes."""

    name: str
    labels: tuple[str, ...]
    """The classes: as told, else all that occur, in the order of the alphabet."""
    votes: list[Vote]

    @property
    def speaker_of(self) -> dict[str, str]:
        """Utterance -> speaker, where the file tells it."""
        return {vote.utterance_id: vote.speaker_id for vote in self.votes if vote.speaker_id is not None}


def read_votes_file(path: Path, labels: tuple[str, ...], cannot_tell: str) -> VoteFile:
    """Read votes as `sdme votes import` takes them, and speaker_id besides, on utterances of any name.

    Raises:
        AnnotationError: the file cannot be read or anything in it is wrong; lists every fault with its line number.
    """
    ballot = Ballot(labels=labels or None, cannot_tell=cannot_tell, utterance_ids=None)
    votes = parse_votes(read_bytes(path), str(path), ballot)
    speakers: dict[str, str] = {}
    wrong = {
        f"utterance {vote.utterance_id} is {speakers[vote.utterance_id]!r}'s and {vote.speaker_id!r}'s"
        for vote in votes
        if vote.speaker_id is not None and speakers.setdefault(vote.utterance_id, vote.speaker_id) != vote.speaker_id
    }
    raise_together(AnnotationError, f"{path}:", sorted(wrong), cure="an utterance has one speaker: mend speaker_id")
    found = labels or tuple(sorted({vote.label for vote in votes} - {cannot_tell}))
    return VoteFile(path.stem, found, votes)


def read_bytes(path: Path) -> bytes:
    """Read a CSV file that a user named.

    Raises:
        AnnotationError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise AnnotationError(
            f"{path}: cannot be read ({error.strerror})", cure="give the path of a CSV file"
        ) from error


def read_known_labels(path: Path) -> dict[str, str]:
    """Read the columns utterance_id and label: labels that are known beforehand, such as what an actor was to show.

    Raises:
        AnnotationError: the file cannot be read or anything in it is wrong; lists every fault with its line number.
    """
    problems: list[str] = []
    known: dict[str, str] = {}
    for line, cells in read_cells(read_bytes(path), str(path), ("utterance_id", "label"), (), problems):
        name, label = cells["utterance_id"], cells["label"]
        if not name or not label:
            problems.append(f"line {line}: utterance_id or label is empty")
        elif known.setdefault(name, label) != label:
            problems.append(f"line {line}: {name} is {label!r}, but {known[name]!r} before")
    raise_together(AnnotationError, f"{path} cannot be read:", problems, cure="mend the lines named above")
    return known
