"""Rows of recordings.csv that the last `sdme speakers link` found doubtful and nobody has found right since."""

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import read_table
from sdme_tools.records.identity import ParticipantDoubt, TrustedRow


def read_doubts(corpus: Corpus) -> list[ParticipantDoubt]:
    """Read the doubts about rows that are still there; whether a mended row is right, the next link tells.

    Raises:
        CorpusError: a table is damaged.
    """
    rows = list_rows(corpus)
    trusted = set(read_table(corpus.layout.trusted_rows, TrustedRow))
    return [
        doubt
        for doubt in read_table(corpus.layout.participant_doubts, ParticipantDoubt)
        if (named := [rows.get(key) for key in rows_of(doubt)]) and None not in named and not set(named) <= trusted
    ]


def list_rows(corpus: Corpus) -> dict[tuple[str, str], TrustedRow]:
    """(participant, recording) -> the row as it stands."""
    return {
        (seated.participant_id, recording.recording_id): TrustedRow(
            participant_id=seated.participant_id,
            recording_id=recording.recording_id,
            seat=seated.seat,
            channel=seated.channel,
        )
        for recording in corpus.recordings()
        for seated in recording.participants
    }


def rows_of(doubt: ParticipantDoubt) -> list[tuple[str, str]]:
    """(participant, recording) of every row that a doubt is about."""
    return [(doubt.participant_id, name) for name in (*doubt.recording_ids, *doubt.elsewhere)]
