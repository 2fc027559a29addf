"""A corpus in which everything is that a corpus can hold: real media, rounds, people's work, releases, runs, leftovers.

Built on the three dyads of `tests.unit.release.tiny_corpus`: bob is in `dinner` with ann, and nowhere else.
"""

import hashlib
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from sdme_tools.annotation.consensus_rounds import decide_round
from sdme_tools.annotation.create import RoundRequest, create_round
from sdme_tools.annotation.label_studio_media import serve_folder
from sdme_tools.annotation.ledger import Ledger
from sdme_tools.annotation.queue_plans import tasks_by_queue
from sdme_tools.annotation.round_files import read_round
from sdme_tools.corpus.corpus import TABLE_NAMES, Corpus
from sdme_tools.corpus.table import write_record, write_table, write_text
from sdme_tools.records.annotation import (
    Annotation,
    Condition,
    ConsensusMethod,
    ConsensusRule,
    Submission,
    SubmissionState,
    TaskRole,
)
from sdme_tools.records.identity import (
    Judgement,
    LinkFinding,
    Sighting,
    Speaker,
    SpeakerDecision,
    SpeakerKind,
    SpeakerLink,
    TrustedRow,
)
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import Span
from sdme_tools.records.studio import LedgerEvent, SeenTask
from sdme_tools.records.utterance import Drop, Transcript, Utterance
from sdme_tools.records.wording import TranscriptEdit, hash_text
from sdme_tools.release.build import build_release
from sdme_tools.training.features.store import load_feature_table
from tests.factories import make_track, write_measures_of
from tests.unit.release.tiny_corpus import DYADS, SOURCE, make_corpus, utterance_ids, vote

FILES = {"dinner": "Señora Núñez.wav", "lunch": "lunch.wav", "tea": "tea.wav"}
WORDS = {"dinner": "quince xylophone", "lunch": "apple", "tea": "pear"}
EDITED = {"dinner": "zeugma", "lunch": "plum"}


def make_full_corpus(root: Path) -> Corpus:
    """Make it; `root`'s parent takes what does not belong into the corpus."""
    corpus = make_corpus(root)
    rows = [
        f"{FILES[name]},{name if place == 0 else ''},evening,{who},,\n"
        for name, pair in DYADS.items()
        for place, who in enumerate(pair)
    ]
    write_text(corpus.layout.seats, "file,recording_id,session_id,participant_id,seat,channel\n" + "".join(rows))
    for name in DYADS:
        _fill_recording(corpus, name)
    vote(corpus, root.parent / "votes.csv")
    _make_round(corpus, "pilot", tuple(Condition))
    _make_round(corpus, "second", (Condition.TEXT,))
    write_record(corpus.layout.consensus_rule("second"), ConsensusRule(method=ConsensusMethod.DAWID_SKENE))
    _make_identity(corpus)
    released = build_release(corpus, "1.0.0").folder
    load_feature_table(released)
    _leave_things(corpus)
    return corpus


def likeness_of(name: str) -> np.ndarray:
    """The embeddings of a recording's people."""
    seed = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
    return np.random.default_rng(seed).normal(size=(2, 16)).astype(np.float32)


def _fill_recording(corpus: Corpus, name: str) -> None:
    layout = corpus.layout
    source = corpus.root / "raw" / f"{name}.wav"
    source.parent.mkdir(exist_ok=True)
    source.write_bytes(f"sound of {name}".encode() * 50)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    recording = corpus.recording(name).model_copy(update={"sha256": digest, "size_bytes": source.stat().st_size})
    write_record(layout.recording(name), recording)
    utterances = corpus.read(name, Utterance)
    texts = [f"{WORDS[name]} number {place}" for place in range(len(utterances))]
    transcripts = [
        Transcript(utterance_id=u.utterance_id, text=text, language="en", source=SOURCE)
        for u, text in zip(utterances, texts, strict=True)
    ]
    write_table(layout.table(name, TABLE_NAMES[Transcript]), transcripts)
    if name in EDITED:
        edit = TranscriptEdit(utterance_id=utterances[1].utterance_id, text=EDITED[name], based_on=hash_text(texts[1]))
        write_table(layout.table(name, TABLE_NAMES[TranscriptEdit]), [edit])
    _track(corpus, recording)
    drop = Drop(
        recording_id=name, stage="segment", span=Span(start_ms=0, end_ms=10), reason="too_short", detail=f"in {name}"
    )
    write_table(layout.dropped(name, "segment"), [drop])


def _track(corpus: Corpus, recording: Recording) -> None:
    track = make_track(recording, [(20, 20, 40, 40)] * 40).model_copy(
        update={"track_id": f"{recording.recording_id}_t1", "participant_id": recording.participants[1].participant_id}
    )
    write_table(corpus.layout.table(recording.recording_id, "face_tracks"), [track])
    write_measures_of(track, corpus.layout.recording_dir(recording.recording_id))


def _make_round(corpus: Corpus, round_id: str, conditions: tuple[Condition, ...]) -> None:
    """A round of every utterance, pushed to a server of which nothing is left but what was remembered, and answered."""
    raters = tuple(f"r{number}" for number in range(1, 3 * len(conditions) + 1))
    create_round(corpus, RoundRequest(round_id, conditions, raters, per_item=3, wash_out=()))
    folder = corpus.layout.round_dir(round_id)
    serve_folder(corpus.layout, round_id)
    files = read_round(folder)
    ledger = Ledger(folder / "ledger.jsonl", "own")
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for number, (queue, tasks) in enumerate(tasks_by_queue(files).items(), start=1):
        ledger.add(LedgerEvent.CREATED, queue, project_id=number)
        ledger.add(LedgerEvent.SENDING, queue, project_id=number, num_tasks=len(tasks), first_key=tasks[0]["task_key"])
    entries = [entry.model_copy(update={"at": at}) for entry in ledger.entries]  # the same bytes each time
    write_table(folder / "ledger.jsonl", entries)
    write_record(folder / "round.json", files.campaign)
    labels = files.campaign.labels
    tasks = files.assignments
    places = {name: place for place, name in enumerate(utterance_ids(corpus))}
    meant = {item.item_id: places[item.utterance_id] for item in files.items}
    chosen = {t.task_key: labels[(meant[t.item_id] + (t.rater_id == "r3" and t.order % 2)) % 3] for t in tasks}
    write_table(
        folder / "submissions.jsonl",
        [
            Submission(
                task_key=t.task_key,
                answer_id=str(n),
                version=0,
                state=SubmissionState.SUBMITTED,
                label=chosen[t.task_key],
            )
            for n, t in enumerate(tasks)
        ],
    )
    write_table(
        folder / "seen_tasks.jsonl",
        [SeenTask(task_key=t.task_key, project_id=1, task_id=n, updated_at="") for n, t in enumerate(tasks)],
    )
    write_table(
        folder / "annotations.jsonl",
        [
            Annotation(item_id=t.item_id, rater_id=t.rater_id, role=TaskRole.REGULAR, label=chosen[t.task_key])
            for t in tasks
        ],
    )
    decide_round(corpus, round_id)


def _make_identity(corpus: Corpus) -> None:
    layout = corpus.layout
    layout.identity.mkdir()
    for name in DYADS:
        layout.likeness(name).parent.mkdir(exist_ok=True)
        with layout.likeness(name).open("wb") as file:
            np.savez(file, names=np.array(DYADS[name]), faces=likeness_of(name))
        write_text(layout.likeness(name).with_suffix(".json"), json.dumps({"of": name}))
    people = [
        Speaker(
            speaker_id=who,
            kind=SpeakerKind.PARTICIPANT,
            recording_ids=(name,),
            num_utterances=4,
            speech_ms=9,
            num_faces=1,
            voice_ms=9,
        )
        for name, pair in DYADS.items()
        for who in pair
    ]
    write_table(layout.speakers, people)
    link = SpeakerLink(
        speaker_a="bob",
        speaker_b="eve",
        confidence=0.6,
        face_similarity=0.5,
        voice_similarity=None,
        finding=LinkFinding.TWO_PARTICIPANTS,
        sources=(SOURCE,),
    )
    write_table(layout.speaker_links, [link])
    write_table(layout.participant_doubts, [])
    write_table(
        layout.speaker_decisions,
        [
            _decide("bob", "eve", None),
            _decide("cleo", "dinner_t1", Sighting(recording_id="dinner", t_ms=500, box=(20, 20, 40, 40))),
            _decide("cleo", "eve", None),
        ],
    )
    trusted = [TrustedRow(participant_id=w, recording_id=r, seat=None, channel=None) for r in DYADS for w in DYADS[r]]
    write_table(layout.trusted_rows, trusted)
    layout.speaker_sheet(1).write_bytes(b"\x89PNG of everybody")


def _decide(a: str, b: str, sighting_b: Sighting | None) -> SpeakerDecision:
    return SpeakerDecision(
        speaker_a=a, speaker_b=b, judgement=Judgement.DIFFERENT, sighting_a=None, sighting_b=sighting_b
    )


def _leave_things(corpus: Corpus) -> None:
    """What people and killed commands leave in the folder."""
    (corpus.layout.recording_dir("tea") / ".tmp-77-utterances.jsonl").write_text("half of bob of dinner_1000_1800")
    half = corpus.layout.releases / ".tmp-9.9.9" / "data"
    half.mkdir(parents=True)
    (half / "train-00000-of-00001.parquet").write_bytes(b"PAR1 bob dinner_1000_1800")
    previews = corpus.root / "previews" / "dinner"
    previews.mkdir(parents=True)
    (previews / "contact_01.png").write_bytes(b"\x89PNG")
    (corpus.root / "previews" / "tea").mkdir()
    (corpus.root / "previews" / "tea" / "contact_01.png").write_bytes(b"\x89PNG")
    (corpus.root / "notes.txt").write_text("eve was late")
    with zipfile.ZipFile(corpus.root / "sent.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("table.csv", "utterance_id,text\ndinner_1000_1800,quince\n" * 20)
