"""What can be shown of an utterance under which condition, and the files that raters are shown.

A round has media of its own, under names that are hashes: raters see addresses, and those of the corpus would tell
recording, time and speaker. Clips and voices are linked, which costs no space and holds them as they were; clips
without sound are copies, because a mute button can be pressed.
"""

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdme_tools.annotation.tasks import TEXT_CONDITIONS
from sdme_tools.corpus.receipt import describe_file
from sdme_tools.errors import AnnotationError
from sdme_tools.media.encode import strip_sound
from sdme_tools.records.annotation import Condition, Item, make_item_id
from sdme_tools.records.utterance import Clip, MediaFile


@dataclass(frozen=True)
class Showable:
    """An utterance as far as raters can be shown it.

    Attributes:
        utterance_id: Its name.
        folder: The recording's folder, to which the clip's paths are relative.
        clip: Its cut-out material; None where there is none.
        text: Its words as they count now; None where nothing was transcribed.
    """

    utterance_id: str
    folder: Path
    clip: Clip | None
    text: str | None

    def why_not(self, condition: Condition) -> str | None:
        """What is missing for a condition; None where it can be shown."""
        if condition is Condition.TEXT:
            return None if self.text else "no words"
        if self.clip is None:
            return "no clips"
        if condition is Condition.VOICE:
            return None
        if self.clip.clip is None:
            return "no pictures"
        return "not transcribed" if condition is Condition.FULL and self.text is None else None


def split_showable(
    utterances: Sequence[Showable], conditions: Sequence[Condition]
) -> tuple[list[Showable], dict[str, int]]:
    """Keep what can be shown under every condition, and count the reasons for the rest."""
    reasons = {u.utterance_id: next(filter(None, map(u.why_not, conditions)), None) for u in utterances}
    left_out = Counter(reason for reason in reasons.values() if reason is not None)
    return [u for u in utterances if reasons[u.utterance_id] is None], dict(sorted(left_out.items()))


def find_missing_media(utterances: Sequence[Showable], conditions: Sequence[Condition]) -> Iterator[str]:
    """Name each file that must be shown and is not there as it was made."""
    for utterance in utterances:
        for file in dict.fromkeys(filter(None, (_file_of(utterance, condition) for condition in conditions))):
            path = utterance.folder / file.path
            if not path.is_file():
                yield f"{path}: is missing"
            elif path.stat().st_size != file.size_bytes:
                yield f"{path}: has {path.stat().st_size} bytes, expected {file.size_bytes}"


def _file_of(utterance: Showable, condition: Condition) -> MediaFile | None:
    if utterance.clip is None or condition is Condition.TEXT:
        return None
    return utterance.clip.voice if condition is Condition.VOICE else utterance.clip.clip


def make_item(
    round_id: str,
    utterance: Showable,
    condition: Condition,
    gold_label: str | None,
    folder: Path,
    *,
    prediction: str | None = None,
) -> Item:
    """Put an item's media into the round's folder and describe it.

    Raises:
        MediaError: a clip cannot be read.
        OSError: a file cannot be written.
    """
    item_id = make_item_id(utterance.utterance_id, condition)
    source = _file_of(utterance, condition)
    media = None
    if source is not None:
        target = _name_media(round_id, item_id, source, folder)
        if condition is Condition.VIDEO:
            strip_sound(utterance.folder / source.path, target)
            media = describe_file(target, folder)
        else:
            _link(utterance.folder / source.path, target)
            media = source.model_copy(update={"path": target.relative_to(folder).as_posix()})
    return Item(
        item_id=item_id,
        round_id=round_id,
        utterance_id=utterance.utterance_id,
        condition=condition,
        gold_label=gold_label,
        text=utterance.text if condition in TEXT_CONDITIONS else None,
        media=media,
        prediction=prediction,
    )


def show_again(round_id: str, item: Item, from_folder: Path, gold_label: str | None, folder: Path) -> Item:
    """Take an item of another round over as it was shown there, under a new name.

    Raises:
        OSError: a file cannot be written.
    """
    media = item.media
    if media is not None:
        target = _name_media(round_id, item.item_id, media, folder)
        _link(from_folder / media.path, target)
        media = media.model_copy(update={"path": target.relative_to(folder).as_posix()})
    return item.model_copy(update={"round_id": round_id, "gold_label": gold_label, "media": media})


def _name_media(round_id: str, item_id: str, source: MediaFile, folder: Path) -> Path:
    """A place in the round's folder whose name tells nothing."""
    name = hashlib.sha256(f"{round_id}\n{item_id}".encode()).hexdigest()[:16]
    target = folder / "media" / f"{name}{Path(source.path).suffix}"
    target.parent.mkdir(exist_ok=True)
    return target


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links, or another one
        shutil.copyfile(source, target)


def require_some(utterances: Sequence[Showable], left_out: dict[str, int]) -> None:
    """Refuse a round of nothing.

    Raises:
        AnnotationError: nothing can be shown; says why.
    """
    if not utterances:
        reasons = ", ".join(f"{number} {reason}" for reason, number in left_out.items()) or "there are none"
        raise AnnotationError(
            f"no utterance can be shown under all conditions of the round ({reasons})",
            cure="run `sdme run` up to clips, or choose other conditions",
        )
