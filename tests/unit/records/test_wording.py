"""The one function that lays a person's edit over the machine's text."""

from hypothesis import given
from hypothesis import strategies as st

from sdme_tools.records.base import Source
from sdme_tools.records.span import Span
from sdme_tools.records.utterance import Transcript, Word
from sdme_tools.records.wording import TranscriptEdit, hash_text, settle_wording, settle_wordings, tidy_text

SOURCE = Source(backend="made", version="1")


def transcript(text: str, name: str = "r_0_900") -> Transcript:
    words = [Word(text=word, span=Span(start_ms=100 * i, end_ms=100 * i + 90)) for i, word in enumerate(text.split())]
    return Transcript(utterance_id=name, text=text, words=tuple(words), source=SOURCE)


def edit(text: str, machine: str, name: str = "r_0_900") -> TranscriptEdit:
    return TranscriptEdit(utterance_id=name, text=text, editor="e01", based_on=hash_text(machine))


def timed(machine: str, written: str) -> list[tuple[str, int, int]]:
    wording = settle_wording(transcript(machine), edit(written, machine))
    return [(word.text, word.span.start_ms, word.span.end_ms) for word in wording.words]


def test_the_edit_counts_and_the_machine_text_stays_to_be_seen() -> None:
    wording = settle_wording(transcript("we met mary"), edit("We met Marie.", "we met mary"))
    assert (wording.text, wording.machine_text, wording.is_outdated) == ("We met Marie.", "we met mary", False)
    assert settle_wording(transcript("we met mary"), None).text == "we met mary"


def test_a_machine_text_that_changed_under_an_edit_is_told() -> None:
    assert settle_wording(transcript("we met harry"), edit("We met Marie.", "we met mary")).is_outdated
    assert not settle_wording(transcript("we  met mary "), edit("We met Marie.", "we met mary")).is_outdated


def test_edits_of_utterances_that_are_no_more_are_left_aside() -> None:
    found = settle_wordings([transcript("a")], [edit("b", "a", "r_5_6")])
    assert {name: wording.text for name, wording in found.items()} == {"r_0_900": "a"}


def test_words_keep_their_times_and_none_are_invented() -> None:
    assert timed("we met mary", "We met Marie.") == [("We", 0, 90), ("met", 100, 190), ("Marie.", 200, 290)]
    assert timed("it was alot of fun", "it was a lot of fun")[2] == ("a lot", 200, 290)
    assert timed("a lot of fun", "alot of fun")[0] == ("alot", 0, 190)
    assert timed("met mary", "so we met mary too")[0] == ("so we met", 0, 90)
    assert timed("met mary", "so we met mary too")[1] == ("mary too", 100, 190)
    assert timed("met mary", "") == []


@given(st.lists(st.sampled_from("abcd"), max_size=8), st.lists(st.sampled_from("abcdX"), max_size=8))
def test_every_written_word_is_there_in_order_if_any_has_a_time(machine: list[str], written: list[str]) -> None:
    words = timed(" ".join(machine), " ".join(written))
    assert not words or " ".join(word for word, _, _ in words) == " ".join(written)
    assert [start for _, start, _ in words] == sorted(start for _, start, _ in words)


@given(st.text())
def test_a_tidy_text_stays_as_it_is(text: str) -> None:
    assert tidy_text(tidy_text(text)) == tidy_text(text)
    assert hash_text(tidy_text(text)) == hash_text(text)
