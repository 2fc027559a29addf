"""A participant withdraws: what is to be done, kept as a journal until it is done, and the tombstone that stays."""

from datetime import date
from enum import StrEnum

from pydantic import NonNegativeInt

from sdme_tools.records.annotation import Condition
from sdme_tools.records.base import Record
from sdme_tools.records.recording import Consent, Identifier, RecordingId


class SharedRule(StrEnum):
    """What becomes of a recording in which others appear beside the one who withdraws."""

    DROP = "drop"
    """It is removed as a whole."""
    REFUSE = "refuse"
    """Nothing is done, and the recordings are named: people decide."""


class WithdrawalScope(StrEnum):
    """What a participant withdraws from; each one includes those before it."""

    PUBLIC = "public"
    RESEARCH = "research"
    INTERNAL = "internal"
    """From every release; the material stays in the corpus."""
    ALL = "all"
    """From the corpus: everything of them is deleted."""

    @property
    def consent_after(self) -> Consent:
        """The consent that is left."""
        order = [Consent.RESEARCH, Consent.INTERNAL, Consent.NONE, Consent.NONE]
        return order[list(WithdrawalScope).index(self)]


class RoundLoss(Record):
    """What a round of annotation loses."""

    round_id: Identifier
    num_items: NonNegativeInt
    num_tasks: NonNegativeInt
    num_votes: NonNegativeInt
    is_whole: bool
    """Nothing is left of it: the round goes too."""


class ServerTasks(Record):
    """Tasks on an annotation server that show the participant."""

    round_id: Identifier
    server: str
    """As the ledger calls it."""
    condition: Condition
    rater_id: Identifier
    project_id: NonNegativeInt
    task_keys: tuple[str, ...]
    media: tuple[str, ...]
    """Names of the files that the tasks show."""


class AffectedRelease(Record):
    """A version that holds the participant. Copies of it that were handed out cannot be recalled."""

    version: str
    scope: str
    """Whom it was made for; empty where its manifest cannot be read."""
    manifest_sha256: str


class Withdrawal(Record):
    """Everything that is to be done: the plan that is shown, and the journal while it is carried out."""

    participant_id: Identifier
    scope: WithdrawalScope
    begun_on: date
    number: NonNegativeInt
    """How many tombstones there were before this one."""
    recordings: tuple[RecordingId, ...] = ()
    """They are in these recordings, which go as a whole."""
    shared: tuple[RecordingId, ...] = ()
    """Of those, the ones in which others are seen, heard or listed."""
    uncertain: tuple[RecordingId, ...] = ()
    """Not among those: somebody there is taken for them by `sdme speakers link`, and nobody decided."""
    utterance_ids: tuple[Identifier, ...] = ()
    """Everything said in these recordings."""
    num_own_utterances: NonNegativeInt = 0
    num_clips: NonNegativeInt = 0
    num_tracks: NonNegativeInt = 0
    num_transcripts: NonNegativeInt = 0
    num_edits: NonNegativeInt = 0
    files: tuple[str, ...] = ()
    """What recordings.csv calls the files of these recordings."""
    source_hashes: tuple[str, ...] = ()
    """Of the files of these recordings, keyed."""
    key_check: str = ""
    sources: tuple[str, ...] = ()
    """Files outside of the corpus, which it only refers to."""
    delete_sources: bool = False
    copies: tuple[str, ...] = ()
    """Files that were copied into the corpus."""
    num_decisions: NonNegativeInt = 0
    """Decisions of people about anybody in these recordings."""
    relink: bool = False
    """Speakers were compared before: they are compared anew without these recordings."""
    rounds: tuple[RoundLoss, ...] = ()
    server_tasks: tuple[ServerTasks, ...] = ()
    use_server: bool = True
    """False = the tasks on the server are left to people."""
    releases: tuple[AffectedRelease, ...] = ()
    runs: tuple[str, ...] = ()
    """What was trained on these releases, or holds features of the participant; paths relative to the corpus."""
    other_files: tuple[str, ...] = ()
    """Files in the corpus folder that no command keeps there and that name them: previews, exports, notes; likewise."""
    remove_others: bool = False
    not_searched: tuple[str, ...] = ()
    """Hidden folders in the corpus folder, such as .git: people have to look into them."""


class Tombstone(Record):
    """What is remembered of a withdrawal: nothing that tells who it was."""

    withdrawn_on: date
    scope: WithdrawalScope
    num_recordings: NonNegativeInt
    num_shared: NonNegativeInt
    """Recordings that went although others appear in them."""
    num_utterances: NonNegativeInt
    num_votes: NonNegativeInt
    num_tasks_left: NonNegativeInt
    """Tasks on an annotation server that were left to people to delete."""
    sources: tuple[str, ...]
    """Keyed hashes of the recordings' files: none of them is taken in again."""
    key_check: str
    """Tells whether a key is the one of these hashes."""
    releases: tuple[AffectedRelease, ...]
    """Versions that held the participant; copies that others have cannot be recalled."""
