"""What the annotation tool is given of a task: what the rater sees and hears, a key, and nothing else.

Neither the utterance, its speaker, the recording nor the task's role stands in it; media names are hashes.
"""

from defusedxml.ElementTree import fromstring

from sdme_tools.errors import AnnotationError
from sdme_tools.records.annotation import Assignment, Condition, Item, Round, RoundDesign, TaskRole

TASK_KEY = "task_key"
ANSWER_LABEL, ANSWER_CONFIDENCE, ANSWER_REASON = "label", "confidence", "reason"
"""Names of the controls in every template, under which the answers come back: a label as it stands in corpus.toml,
a confidence from 0 to 1 as text, and a reason's code from [annotate]."""

PREDICTION_SOURCE = "prediction"
"""What the tool calls the model whose predictions raters see, if they see any."""

MEDIA_KEYS = {Condition.FULL: "video", Condition.VIDEO: "video", Condition.VOICE: "audio"}
"""Data key of the media that a condition shows."""
TEXT_CONDITIONS = (Condition.FULL, Condition.TEXT)
"""Conditions that show the words, under the data key 'text'."""


def data_keys(condition: Condition) -> tuple[str, ...]:
    """Data keys that tasks of a condition have, and that its template may use."""
    media = (MEDIA_KEYS[condition],) if condition in MEDIA_KEYS else ()
    return (TASK_KEY, *media, *(("text",) if condition in TEXT_CONDITIONS else ()))


def build_task(campaign: Round, item: Item, assignment: Assignment) -> dict[str, str]:
    """Make the data of a task, with its media as a path relative to the corpus folder.

    Raises:
        AnnotationError: the item is not the assignment's, or lacks what its condition shows.
    """
    if (item.item_id, item.round_id, assignment.round_id) != (assignment.item_id, campaign.round_id, campaign.round_id):
        raise AnnotationError(
            f"task {assignment.task_key} of round {assignment.round_id} asks for {assignment.item_id}, got "
            f"{item.item_id} of round {item.round_id}",
            cure="give the item that the assignment names, of the same round",
        )
    media = None if item.media is None else f"rounds/{campaign.round_id}/{item.media.path}"
    values = {TASK_KEY: assignment.task_key, "text": item.text, MEDIA_KEYS.get(item.condition, ""): media}
    found = {key: values.get(key) for key in data_keys(item.condition)}
    if missing := [key for key, value in found.items() if value is None]:
        raise AnnotationError(
            f"item {item.item_id} has no {' and no '.join(missing)}, which condition {item.condition.value} shows",
            cure="tasks are built of rounds that `sdme round create` made",
        )
    return {key: value for key, value in found.items() if value is not None}


def find_prediction(design: RoundDesign | None, item: Item, assignment: Assignment) -> str | None:
    """What a rater is told that a model takes an item for: of regular tasks alone, and where the round says so."""
    shows = design is not None and design.show_predictions and design.adjudicates is None
    return item.prediction if shows and assignment.role is TaskRole.REGULAR else None


def build_prediction(label: str, label_config: str) -> dict[str, object]:
    """Make the prediction of a task as the annotation tool takes it."""
    control = next(tag for tag in fromstring(label_config).iter() if tag.get("name") == ANSWER_LABEL)
    chosen = {"from_name": ANSWER_LABEL, "to_name": control.get("toName"), "type": "choices"}
    return {"model_version": PREDICTION_SOURCE, "result": [{**chosen, "value": {"choices": [label]}}]}
