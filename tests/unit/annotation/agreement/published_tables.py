"""Published tables of votes, typed from the papers, with which every implementation is compared."""

import numpy as np
from numpy.typing import NDArray

KRIPPENDORFF = """
1 2 3 3 2 1 4 1 2 . . .
1 2 3 3 2 2 4 1 2 5 . 3
. 3 3 3 2 3 4 2 2 5 1 .
1 2 3 3 2 4 4 1 2 5 1 .
"""
"""Krippendorff, Computing Krippendorff's Alpha-Reliability (2011): four raters (lines), twelve units; . = no vote."""

FLEISS = """
00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031
00501 30012 51000 02040 10203 00006 01050 02013 20040 10041 05010 40002 02040 10500 00006
"""
"""Fleiss (1971), table 1: votes of six raters on 30 patients: depression, personality disorder, schizophrenia,
neurosis, other."""

TEN_BY_FIVE = """
0 0 0 0 14 / 0 2 6 4 2 / 0 0 3 5 6 / 0 3 9 2 0 / 2 2 8 1 1 / 7 7 0 0 0 / 3 2 6 3 0 / 2 5 3 2 2 / 6 5 2 1 0 / 0 2 2 3 7
"""
"""The common worked example of Fleiss' kappa: ten units, fourteen raters, five categories."""

DAWID_SKENE = """
1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223
4444444 2223343 1111111 2223212 1211111 1112111 1111111 1111111 2222221 2221322
2222222 2222221 2223222 2212222 1111111 1111111 2322222 1111111 1111111 1121121
1111111 3333233 1111111 2222222 2223232 4334343 2212232 2323233 3333432 1111111
1111111 1212111 2322222 1211111 2222222
"""
"""Dawid & Skene (1979), table 1: 45 patients; three answers of rater 1, then raters 2 to 5."""


def krippendorff_votes() -> list[list[int | None]]:
    """Four raters of twelve votes."""
    return [[None if c == "." else int(c) for c in line.split()] for line in KRIPPENDORFF.split("\n") if line]


def fleiss_counts() -> NDArray[np.float64]:
    """float64[30, 5]."""
    return np.array([[float(c) for c in word] for word in FLEISS.split()])


def ten_by_five_counts() -> NDArray[np.float64]:
    """float64[10, 5]."""
    return np.array([[float(c) for c in row.split()] for row in TEN_BY_FIVE.split("/")])


def dawid_skene_votes() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Patient, rater and label of each vote, all from 0."""
    votes = np.array([[int(c) - 1 for c in word] for word in DAWID_SKENE.split()])
    patient = np.repeat(np.arange(45), 7)
    rater = np.tile([0, 0, 0, 1, 2, 3, 4], 45)
    return patient, rater, votes.ravel()
