"""Rows of recordings.csv that the last `sdme speakers link` found doubtful."""

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import read_table
from sdme_tools.records.identity import ParticipantDoubt


def read_doubts(corpus: Corpus) -> list[ParticipantDoubt]:
    """Read the doubts about rows that are still there; whether a mended row is right, the next link tells.

    Raises:
        CorpusError: a table is damaged.
    """
    rows = {
        (seated.participant_id, recording.recording_id)
        for recording in corpus.recordings()
        for seated in recording.participants
    }
    return [
        doubt
        for doubt in read_table(corpus.layout.participant_doubts, ParticipantDoubt)
        if all((doubt.participant_id, name) in rows for name in (*doubt.recording_ids, *doubt.elsewhere))
    ]
