"""Rounds of any size for tests and benchmarks of the server: real files of a round, written by hand."""

import json
from pathlib import Path

from sdme_tools.annotation.contract import make_contract
from sdme_tools.annotation.tasks import TEXT_CONDITIONS
from sdme_tools.annotation.templates import (
    default_template,
    find_template,
    list_files,
    make_questionnaire,
    render_template,
)
from sdme_tools.corpus.corpus import TABLE_NAMES, Corpus
from sdme_tools.corpus.table import write_record, write_table, write_text
from sdme_tools.records.annotation import Assignment, Condition, Item, Round, TaskRole, make_item_id
from sdme_tools.records.span import Span
from sdme_tools.records.utterance import MediaFile, Utterance, make_utterance_id
from tests.factories import SOURCE

LABELS = ("calm", "upset")
CANNOT_TELL = "cannot tell"


def make_round(
    root: Path,
    *,
    num_items: int,
    raters: tuple[str, ...] = ("r1", "r2"),
    conditions: tuple[Condition, ...] = (Condition.TEXT,),
    media: bytes = b"",
    round_id: str = "pilot",
) -> Corpus:
    """A corpus with one round in which every rater answers every item."""
    corpus = Corpus.create(root, LABELS)
    utterances = [_make_utterance(number) for number in range(num_items)]
    folder = corpus.layout.recording_dir("din")
    folder.mkdir(parents=True)
    write_text(folder / "recording.json", json.dumps({}))
    write_table(corpus.layout.table("din", TABLE_NAMES[Utterance]), utterances)
    place = corpus.layout.round_dir(round_id)
    items = [_make_item(round_id, u, c, place, media) for c in conditions for u in utterances]
    campaign = Round(round_id=round_id, labels=LABELS, cannot_tell=CANNOT_TELL, origin="label_studio")
    tasks = [
        Assignment(
            task_key=f"{rater}{item.condition.value[:2]}{number:06d}",
            round_id=round_id,
            item_id=item.item_id,
            rater_id=rater,
            role=TaskRole.REGULAR,
            order=number % num_items,
        )
        for rater in raters
        for number, item in enumerate(items)
    ]
    write_table(place / "items.jsonl", items)
    write_table(place / "assignments.jsonl", tasks)
    questions = make_questionnaire(LABELS, CANNOT_TELL, corpus.config.annotate)
    for condition in conditions:
        rendered = render_template(find_template(default_template(condition)), questions, condition)
        for name, text in list_files(rendered, condition):
            write_text(place / name, text)
    contract = make_contract(campaign, place, items)
    write_record(place / "round.json", campaign.model_copy(update={"contract": contract}))
    return corpus


def _make_utterance(number: int) -> Utterance:
    span = Span(start_ms=1000 * number, end_ms=1000 * number + 900)
    return Utterance(
        utterance_id=make_utterance_id("din", span, None), recording_id="din", span=span, speech_ms=900, source=SOURCE
    )


def _make_item(round_id: str, utterance: Utterance, condition: Condition, place: Path, media: bytes) -> Item:
    file = None
    if condition is not Condition.TEXT:
        suffix = "flac" if condition is Condition.VOICE else "mp4"
        path = place / "media" / f"{condition.value}{utterance.span.start_ms:08d}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(media)
        import hashlib

        file = MediaFile(path=f"media/{path.name}", sha256=hashlib.sha256(media).hexdigest(), size_bytes=len(media))
    text = f'words <b>of</b> {utterance.utterance_id} & "more" שלום 😀' if condition in TEXT_CONDITIONS else None
    return Item(
        item_id=make_item_id(utterance.utterance_id, condition),
        round_id=round_id,
        utterance_id=utterance.utterance_id,
        condition=condition,
        text=text,
        media=file,
    )
