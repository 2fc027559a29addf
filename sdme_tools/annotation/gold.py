"""Known answers: from a file, or from what an earlier round agreed on."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sdme_tools.annotation.round_files import RoundFiles
from sdme_tools.annotation.sheets import read_known_answers
from sdme_tools.errors import AnnotationError
from sdme_tools.records.annotation import Condition

_ROUND = "round:"


def find_gold(
    source: str | None, rounds: Mapping[str, RoundFiles], labels: Sequence[str], min_share: float
) -> dict[Condition, dict[str, str]]:
    """Find known answers by condition and utterance.

    Args:
        source: Path of a CSV file, or 'round:ROUND' for what at least `min_share` of a round's votes agree on;
            None = there are none.
        rounds: The rounds of the corpus.
        labels: What an answer may be.
        min_share: Share of the votes, 0 to 1.

    Raises:
        AnnotationError: there is no such round or file, or it holds no known answer.
    """
    if source is None:
        return {}
    gold: dict[Condition, dict[str, str]] = {}
    if source.startswith(_ROUND):
        round_id = source.removeprefix(_ROUND)
        if round_id not in rounds:
            raise AnnotationError(f"--gold {source}: no such round", cure="`sdme round list DIR` lists them")
        for row in rounds[round_id].consensus:
            if row.label is not None and row.distribution[row.label] >= min_share * row.num_raters:
                gold.setdefault(row.condition, {})[row.utterance_id] = row.label
    else:
        for answer in read_known_answers(Path(source), labels):
            for condition in (answer.condition,) if answer.condition else Condition:
                gold.setdefault(condition, {})[answer.utterance_id] = answer.label
    if not gold:
        raise AnnotationError(f"--gold {source}: holds no known answer", cure="give another round, or a CSV file")
    return gold
