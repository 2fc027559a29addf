"""Votes in CSV files as people's programs write them, and all that can be wrong with them."""

import pytest

from sdme_tools.annotation.votes import Ballot, Vote, parse_votes
from sdme_tools.errors import AnnotationError
from sdme_tools.records.annotation import Condition

BALLOT = Ballot(labels=("neutral", "happiness"), cannot_tell="cannot tell", utterance_ids={"a_0_10", "a_10_20"})


def parse(text: str | bytes) -> list[Vote]:
    return parse_votes(text if isinstance(text, bytes) else text.encode(), "votes.csv", BALLOT)


def fail(text: str | bytes) -> str:
    with pytest.raises(AnnotationError) as caught:
        parse(text)
    return str(caught.value)


PLAIN = "utterance_id,rater_id,label\na_0_10,r1,neutral\na_10_20,r1,cannot tell\n"


def test_reads_votes_in_the_order_of_the_file() -> None:
    assert parse(PLAIN) == [
        Vote("a_0_10", "r1", "neutral", Condition.FULL, None),
        Vote("a_10_20", "r1", "cannot tell", Condition.FULL, None),
    ]


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.encode("utf-8-sig"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace(",", " , "),
        PLAIN.rstrip("\n"),
        PLAIN + "\n,,\n",
        '"utterance_id","rater_id","label"\n"a_0_10","r1","neutral"\n"a_10_20","r1","cannot tell"\n',
        "label,utterance_id,rater_id\nneutral,a_0_10,r1\ncannot tell,a_10_20,r1\n",
        PLAIN + "a_0_10,r1,neutral\n",
    ],
    ids=["bom", "semicolon", "tab", "crlf", "spaces", "no_last_newline", "blank", "quoted", "order", "repeated"],
)
def test_means_the_same_however_it_was_saved(text: str | bytes) -> None:
    assert parse(text) == parse(PLAIN)


def test_optional_columns() -> None:
    header = "utterance_id,rater_id,label,condition,confidence\n"
    votes = parse(header + "a_0_10,r1,neutral,voice,0.25\na_0_10,r1,happiness,,\n")
    assert votes == [
        Vote("a_0_10", "r1", "neutral", Condition.VOICE, 0.25),
        Vote("a_0_10", "r1", "happiness", Condition.FULL, None),
    ]


def test_all_faults_are_told_at_once_with_their_lines() -> None:
    message = fail(
        "utterance_id,rater_id,label,condition,confidence\n"
        "b_0_10,r1,neutral,,\n"
        "a_0_10,,neutral,,\n"
        "a_0_10,Anna Müller,anger,smell,1.5\n"
        "a_0_10,r1,neutral\n"
        "a_0_10,r1,neutral,,\n"
        "a_0_10,r1,happiness,,\n"
    )
    for fault in (
        "line 2: utterance 'b_0_10' is not in the corpus",
        "line 3: rater_id is empty",
        "line 4: rater_id 'Anna Müller' must be a pseudonym",
        "line 4: label 'anger' is not one of neutral, happiness, cannot tell",
        "line 4: condition 'smell' is not one of full, video, voice, text",
        "line 4: confidence '1.5' is not a number from 0 to 1",
        "line 5: got 3 cells, expected 5",
        "line 7: rater r1 says 'happiness' of a_0_10 (full), but 'neutral' in line 6",
    ):
        assert fault in message


def test_line_numbers_count_lines_of_the_file_not_rows() -> None:
    assert "line 5: label" in fail('utterance_id,rater_id,label\na_0_10,r1,"neutral\n"\n\na_0_10,r2,joy\n')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "column 'utterance_id' is missing"),
        ("utterance,rater_id,label\n", "column 'utterance' is not known"),
        ("utterance_id,rater_id,label,label\n", "column 'label' stands there twice"),
        ("utterance_id,rater_id,label\n", "has no votes"),
        (PLAIN.replace("neutral", "joyé").encode("latin-1"), "not UTF-8: line 2 has the byte 0xe9"),
        (PLAIN.encode("utf-16"), "not UTF-8: line 1"),
        ('utterance_id,rater_id,label\na_0_10,r1,"neutral\n', "is a quotation mark missing?"),
        ("utterance_id,rater_id,label,confidence\na_0_10,r1,neutral,nan\n", "confidence 'nan'"),
        (b"\x00\x01\x02", "column 'utterance_id' is missing"),
    ],
)
def test_what_is_no_file_of_votes_is_named(text: str | bytes, expected: str) -> None:
    message = fail(text)
    assert expected in message
    assert "cure:" in message
