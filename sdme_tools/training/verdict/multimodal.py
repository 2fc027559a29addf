"""Gate 2: do several modalities say more than the best of them, and does each of them say anything?"""

from __future__ import annotations

from sdme_tools.training.evaluation import compare, presence, score
from sdme_tools.training.verdict.evidence import SINGLE_NETWORK, Evidence
from sdme_tools.training.verdict.gate import Figure, Gate, Status, percent, points, settle

KEY, TITLE = "multimodal", "Is fusion worth more than the best single modality?"


def judge_multimodal(evidence: Evidence) -> Gate:
    """Pass where fusion beats the best modality and none is mute; fail where it is worse, or a modality is empty."""
    table, fused = evidence.table, evidence.fused
    alone = {modality: score(table, judged)["ua"] for modality, judged in evidence.single.items()}
    counts = presence(table)
    figures = [
        Figure.of(f"UA of {m} alone", ua, f"{SINGLE_NETWORK}; {counts[m]} utterances have it")
        for m, ua in alone.items()
    ]
    empty = [f"{modality} is empty: no labelled utterance has it." for modality in evidence.empty_modalities]
    if len(alone) < 2:
        says = " ".join([*empty, "There is one modality only, nothing to fuse."])
        return Gate(KEY, TITLE, Status.FAIL if empty else Status.NOT_MEASURED, says, figures)
    best = max(alone, key=lambda modality: alone[modality].value)
    gain = compare(table, fused, evidence.single[best])["ua"]
    figures += [
        Figure.of(f"UA of {evidence.settings.networks[0]}", score(table, fused)["ua"]),
        Figure.of(f"UA over {best} alone", gain, "paired; chosen as best on the same utterances"),
    ]
    mute = [modality for modality, ua in alone.items() if not ua.low > evidence.chance]
    remarks = [
        f"{m} alone ({percent(alone[m].value)}) is not told apart from chance ({percent(evidence.chance)}): weak, or "
        "not of these clips."
        for m in mute
    ]
    if gain.low > 0:
        status, says = Status.PASS, f"Yes: {points(gain.value)} of UA over {best}, the best alone."
    elif gain.high < 0:
        status, says = Status.FAIL, f"No: fusion is worse than {best} alone ({points(gain.value)} of UA)."
    else:
        status, says = Status.WARN, f"Fusion does not beat {best} alone beyond doubt ({points(gain.value)} of UA)."
    if remarks and status is Status.PASS:
        status = Status.WARN
    if empty:
        status = Status.FAIL
    gate = Gate(KEY, TITLE, status, " ".join([says, *empty, *remarks]), figures)
    # An empty modality is a fact, however few speakers there are.
    return gate if empty else settle(gate, evidence.num_speakers)
