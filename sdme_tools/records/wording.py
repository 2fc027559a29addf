"""Whose words count: people's edits of transcripts, and the one function that lays an edit over the machine's text."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from sdme_tools.records.base import Record
from sdme_tools.records.recording import Identifier
from sdme_tools.records.span import Span
from sdme_tools.records.utterance import Transcript, Word


class TranscriptEdit(Record):
    """What a person wrote in place of the machine's text; kept apart from it, so a re-run never overwrites it."""

    utterance_id: Identifier
    text: str
    """Empty where the person says that no words are spoken."""
    editor: Identifier | None = None
    """Pseudonym of who wrote it; None = not told."""
    based_on: str
    """Hash (see `hash_text`) of the machine's text that the person had before them."""


@dataclass(frozen=True)
class Wording:
    """What an utterance says, everything considered."""

    utterance_id: str
    text: str
    """The text that counts: the edit where there is one, else the machine's."""
    words: tuple[Word, ...]
    """Timed words of that text, as far as the machine gave times."""
    language: str | None
    machine_text: str
    edit: TranscriptEdit | None = None

    @property
    def is_outdated(self) -> bool:
        """Whether the machine's text under the edit has changed since the person saw it."""
        return self.edit is not None and self.edit.based_on != hash_text(self.machine_text)


def settle_wording(transcript: Transcript, edit: TranscriptEdit | None) -> Wording:
    """Lay a person's edit, if there is one, over the machine's transcript: everything downstream asks here."""
    text = transcript.text if edit is None else edit.text
    return Wording(
        utterance_id=transcript.utterance_id,
        text=text,
        words=transcript.words if edit is None else _carry_times(transcript.words, text),
        language=transcript.language,
        machine_text=transcript.text,
        edit=edit,
    )


def settle_wordings(transcripts: Iterable[Transcript], edits: Iterable[TranscriptEdit]) -> dict[str, Wording]:
    """Settle each transcript, by utterance; edits of utterances that are no more are left aside."""
    by_utterance = {edit.utterance_id: edit for edit in edits}
    return {t.utterance_id: settle_wording(t, by_utterance.get(t.utterance_id)) for t in transcripts}


def tidy_text(text: str) -> str:
    """The text as it is compared and kept: composed characters (NFC), single spaces, no line ends."""
    return re.sub(r"[ \t\r\n\f\v]+", " ", unicodedata.normalize("NFC", text)).strip(" ")


def hash_text(text: str) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a text as it is compared: enough to tell versions apart."""
    return hashlib.sha256(tidy_text(text).encode()).hexdigest()[:16]


def _carry_times(words: tuple[Word, ...], text: str) -> tuple[Word, ...]:
    """Give the words of an edited text the times of the machine's, without inventing any.

    Words that both have keep their times, and so do as many words as they replace. Where the number differs, what was
    written there is one entry over the time of all that it replaces; what was added joins the entry before it.
    """
    written = text.split()
    if not words or not written:
        return ()
    matcher = SequenceMatcher(None, [_key(word.text) for word in words], [_key(word) for word in written], False)
    carried: list[Word] = []
    waiting: list[str] = []  # added before the first word that has a time
    for _, i1, i2, j1, j2 in matcher.get_opcodes():
        for span, wording in _pair(words[i1:i2], written[j1:j2]):
            if span is not None:
                carried.append(Word(text=" ".join([*waiting, wording]), span=span))
                waiting = []
            elif carried:
                carried[-1] = Word(text=f"{carried[-1].text} {wording}", span=carried[-1].span)
            else:
                waiting.append(wording)
    return tuple(carried)


def _pair(machine: tuple[Word, ...], written: list[str]) -> Iterator[tuple[Span | None, str]]:
    if len(machine) == len(written):
        yield from ((word.span, wording) for word, wording in zip(machine, written, strict=True))
    elif written:
        yield (machine[0].span.hull(machine[-1].span) if machine else None), " ".join(written)


def _key(word: str) -> str:
    """A word without case and punctuation."""
    return re.sub(r"\W", "", word.casefold()) or word
