"""Corpus: the folder as an object. Reads; the one who writes holds the lock."""

import fcntl
import json
import os
import socket
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from sdme_tools.corpus.layout import Layout
from sdme_tools.corpus.sheets import PARTICIPANT_COLUMNS, SEAT_COLUMNS, SeatRow, read_participants, read_seats
from sdme_tools.corpus.table import TEMPORARY_PREFIX, explain, read_record, read_table, write_text
from sdme_tools.errors import ConfigError, CorpusError, raise_together
from sdme_tools.records.base import Record
from sdme_tools.records.config import CorpusConfig, CorpusSection
from sdme_tools.records.corpus_toml import anchor_paths, render_corpus_toml
from sdme_tools.records.face import Binding, FaceTrack
from sdme_tools.records.quality import UtteranceQuality
from sdme_tools.records.recording import Participant, Recording
from sdme_tools.records.speaking import Speaking
from sdme_tools.records.utterance import Clip, Drop, Transcript, Utterance
from sdme_tools.records.wording import TranscriptEdit

TABLE_NAMES: dict[type[Record], str] = {
    Utterance: "utterances",
    FaceTrack: "face_tracks",
    Speaking: "speaking",
    Binding: "bindings",
    Transcript: "transcripts",
    TranscriptEdit: "transcript_edits",
    UtteranceQuality: "quality",
    Clip: "clips",
}

Kind = TypeVar("Kind", bound=Record)


class Corpus:
    """A corpus folder. Nothing is cached: what is asked for is read."""

    def __init__(self, root: Path, config: CorpusConfig) -> None:
        self.root = root
        self.layout = Layout(root)
        self.config = config

    @classmethod
    def create(cls, root: Path, labels: Sequence[str] | None = None) -> "Corpus":
        """Make a new corpus folder with its settings and the two sheets to fill in.

        Raises:
            ConfigError: the labels are impossible.
            CorpusError: there is a corpus already.
        """
        layout = Layout(root)
        if layout.config.exists():
            raise CorpusError(
                f"{layout.config}: there is a corpus already", cure="choose another folder, or edit that file"
            )
        try:
            section = CorpusSection(labels=tuple(labels)) if labels else CorpusSection()
        except ValidationError as error:
            raise ConfigError("; ".join(explain(error)), cure="name at least two distinct labels") from error
        config = CorpusConfig(corpus=section)
        for path, columns in ((layout.participants, PARTICIPANT_COLUMNS), (layout.seats, SEAT_COLUMNS)):
            if not path.exists():
                write_text(path, ",".join(columns) + "\n")
        write_text(layout.config, render_corpus_toml(config))
        return cls(root, config)

    @classmethod
    def open(cls, root: Path, *, to_withdraw: bool = False) -> "Corpus":
        """Open an existing corpus and check its settings.

        Args:
            root: The folder.
            to_withdraw: Open it although a withdrawal is half done: in order to finish that.

        Raises:
            CorpusError: there is no corpus, or a withdrawal in it is half done.
            ConfigError: corpus.toml is no TOML, has an unknown key or a wrong value; lists them all.
        """
        path = Layout(root).config
        if not path.is_file():
            raise CorpusError(f"{root}: no corpus here (no corpus.toml)", cure=f"make one with `sdme init {root}`")
        try:
            config = CorpusConfig.model_validate_json(_toml_as_json(path))
        except ValidationError as error:
            raise_together(
                ConfigError, f"{path} has mistakes:", explain(error), cure="mend these keys; see the comments"
            )
            raise
        corpus = cls(root, anchor_paths(config, root))
        if not to_withdraw:
            corpus._require_no_withdrawal()
        return corpus

    def participants(self) -> dict[str, Participant]:
        """Everybody in participants.csv by id."""
        return read_participants(self.layout.participants)

    def seats(self) -> list[SeatRow]:
        """The rows of recordings.csv."""
        return read_seats(self.layout.seats, self.participants())

    def recording_ids(self) -> list[str]:
        """Ids of all ingested recordings, sorted."""
        return sorted(path.parent.name for path in self.layout.recordings.glob("*/recording.json"))

    def recording(self, recording_id: str) -> Recording:
        """One recording.

        Raises:
            CorpusError: it was never ingested, or its file is damaged.
        """
        return read_record(self.layout.recording(recording_id), Recording)

    def recordings(self) -> list[Recording]:
        """All ingested recordings, sorted by id."""
        return [self.recording(recording_id) for recording_id in self.recording_ids()]

    def source_path(self, recording: Recording) -> Path:
        """Where a recording's raw file lies."""
        return self.root / recording.source  # an absolute source stays itself

    def read(self, recording_id: str, kind: type[Kind]) -> list[Kind]:
        """A stage's table, empty where the stage has not run."""
        return read_table(self.layout.table(recording_id, TABLE_NAMES[kind]), kind)

    def drops(self, recording_id: str) -> list[Drop]:
        """What the stages left out of a recording."""
        folder = self.layout.recording_dir(recording_id) / "dropped"
        return [drop for path in sorted(folder.glob("*.jsonl")) for drop in read_table(path, Drop)]

    def rounds(self) -> list[str]:
        """Ids of all annotation rounds, sorted."""
        folders = (path.parent.name for path in self.layout.rounds.glob("*/round.json"))
        return sorted(name for name in folders if not name.startswith(TEMPORARY_PREFIX))

    @contextmanager
    def hold(self, *, to_withdraw: bool = False) -> Iterator[None]:
        """Be the one process that writes this corpus; the lock goes with the process, however it ends.

        Raises:
            CorpusError: another process holds it, or a withdrawal is half done and this is not `to_withdraw`.
        """
        with self.layout.lock.open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise CorpusError(
                    f"{self.root}: another process writes this corpus ({self._read_holder()})",
                    cure="wait until it is done; nothing was changed",
                ) from error
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}")
            file.flush()
            try:
                if not to_withdraw:
                    self._require_no_withdrawal()
                yield
            finally:
                file.truncate(0)

    def _require_no_withdrawal(self) -> None:
        """Nothing may be made of a corpus from which somebody is half gone: it could bring them back."""
        if self.layout.withdrawal.exists():
            raise CorpusError(
                f"{self.root}: a withdrawal is half done ({self.layout.withdrawal.name})",
                cure=f"finish it: sdme withdraw {self.root}",
            )

    def _read_holder(self) -> str:
        """Tell who holds the lock; between taking it and signing it there is an instant in which nobody knows."""
        for _ in range(20):
            if holder := self.layout.lock.read_text(encoding="utf-8").strip():
                return holder
            time.sleep(0.05)
        return "which has not signed its lock"


def _toml_as_json(path: Path) -> str:
    try:
        return json.dumps(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not readable as TOML ({error})", cure="mend that place") from error
