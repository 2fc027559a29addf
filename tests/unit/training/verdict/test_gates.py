"""Gates on evidence whose right answer is known by construction."""

import numpy as np
import pytest

from sdme_tools.training.verdict.ambiguity import judge_ambiguity
from sdme_tools.training.verdict.ceiling import judge_ceiling
from sdme_tools.training.verdict.evidence import CurvePoint
from sdme_tools.training.verdict.gate import Gate, Status
from sdme_tools.training.verdict.human_relevance import judge_human_relevance
from sdme_tools.training.verdict.leaks import judge_background_probe, judge_shuffled, judge_speaker_probe
from sdme_tools.training.verdict.learnable import judge_learnable
from sdme_tools.training.verdict.learning_curve import judge_learning_curve
from sdme_tools.training.verdict.multimodal import judge_multimodal
from sdme_tools.training.verdict.release_facts import Ballot, ReleaseFacts
from sdme_tools.training.verdict.subgroups import judge_subgroups
from sdme_tools.training.verdict.suspects import find_suspects, judge_suspects

from .evidence_made import CLIPS, judged, make_evidence, make_table

TABLE = make_table()
GOOD, POOR = judged(TABLE, wrong=(0,)), judged(TABLE, wrong=(0, 1, 2, 3, 5))


def figure(gate: Gate, name: str) -> float:
    return next(one.value for one in gate.figures if one.name == name)


def test_labels_that_are_known_are_learnable_and_guesses_are_not() -> None:
    assert judge_learnable(make_evidence(TABLE, GOOD)).status is Status.PASS
    gate = judge_learnable(make_evidence(TABLE, POOR))
    assert gate.status is Status.FAIL
    assert figure(gate, "UA") == pytest.approx(0.5)
    assert figure(gate, "UA of chance") == 0.5


def test_few_speakers_neither_pass_nor_fail() -> None:
    small = make_table(num_speakers=4)
    for wrong in ((0,), (0, 1, 2, 3, 5)):
        gate = judge_learnable(make_evidence(small, judged(small, wrong)))
        assert gate.status is Status.WARN
        assert gate.says.startswith("Too few speakers to tell (4;")


def test_fusion_must_beat_the_best_modality_and_each_must_say_something() -> None:
    modest = dict.fromkeys(TABLE.modalities, judged(TABLE, wrong=(0, 1, 2)))
    assert judge_multimodal(make_evidence(TABLE, GOOD, single=modest)).status is Status.PASS
    mute = judge_multimodal(make_evidence(TABLE, GOOD, single=modest | {"voice": POOR}))
    assert mute.status is Status.WARN
    assert "voice alone (50.0 %) is not told apart from chance" in mute.says
    better = judge_multimodal(make_evidence(TABLE, judged(TABLE, (0, 1)), single=modest | {"face": GOOD}))
    assert better.status is Status.FAIL
    assert "worse than face alone (-10.0 points" in better.says


def test_a_network_that_learned_shuffled_labels_must_know_nothing() -> None:
    assert judge_shuffled(make_evidence(TABLE, GOOD, shuffled=POOR)).status is Status.PASS
    assert judge_shuffled(make_evidence(TABLE, GOOD, shuffled=GOOD)).status is Status.FAIL


def test_a_speaker_who_always_gets_one_label_is_found() -> None:
    assert judge_speaker_probe(make_evidence(TABLE, GOOD)).status is Status.PASS
    labels = (np.arange(len(TABLE)) // CLIPS) % 2
    bound = type(TABLE)(**{**vars(TABLE), "labels": labels})
    evidence = make_evidence(bound, judged(bound, wrong=(0,)))
    gate = judge_speaker_probe(evidence)
    assert gate.status is Status.FAIL
    assert figure(gate, "UA of who speaks alone") == pytest.approx(1.0)


def test_a_recording_condition_that_tells_the_label_is_found() -> None:
    assert judge_background_probe(make_evidence(TABLE, GOOD)).status is Status.PASS
    told = ReleaseFacts(background={"voice_snr_db": np.where(TABLE.labels == 1, 30.0, 10.0)})
    gate = judge_background_probe(make_evidence(TABLE, GOOD, facts=told))
    assert gate.status is Status.FAIL
    assert figure(gate, "UA of the background alone") == pytest.approx(1.0)
    assert "voice_snr_db" in gate.figures[0].note


def ballots(*, odd_one: int) -> list[Ballot]:
    """Three raters a clip give its label, but the third is wrong on the first `odd_one` clips of each speaker."""
    return [
        Ballot(row, f"r{rater}", "full", int(label if rater < 2 or row % CLIPS >= odd_one else 1 - label))
        for row, label in enumerate(TABLE.labels)
        for rater in range(3)
    ]


def test_the_ceiling_leaves_each_rater_out() -> None:
    gate = judge_ceiling(make_evidence(TABLE, judged(TABLE, (0, 1)), facts=ReleaseFacts(ballots=ballots(odd_one=2))))
    # On disputed clips the third rater is wrong, and the first two face a tie of the others, which is left out.
    assert figure(gate, "accuracy of a rater") == pytest.approx((8 * 3) / (8 * 3 + 2))
    assert figure(gate, "accuracy of the network") == pytest.approx((8 * 3) / (8 * 3 + 2))
    assert gate.status is Status.PASS
    sharper = judge_ceiling(make_evidence(TABLE, judged(TABLE), facts=ReleaseFacts(ballots=ballots(odd_one=2))))
    assert sharper.status is Status.WARN


def test_the_learning_curve_is_told_rising_flat_or_falling() -> None:
    def curve(*wrong: tuple[int, ...]) -> Gate:
        sizes = (20.0, 40.0, 80.0)
        points = [CurvePoint(0, n, n / 10, judged(TABLE, w)) for n, w in zip(sizes, wrong, strict=True)]
        return judge_learning_curve(make_evidence(TABLE, GOOD, curve=points))

    rising = curve((0, 1, 2), (0, 1), (0,))
    assert rising.status is Status.WARN
    assert rising.says.startswith("Still rising")
    # Ten points a doubling: another fifth brings 10 · log2(1.2).
    assert figure(rising, "gain of 20 % more") == pytest.approx(0.1 * np.log2(1.2))
    assert curve((0,), (0,), (0,)).status is Status.PASS
    assert curve((0,), (0, 1), (0, 1, 2)).status is Status.FAIL


def test_suspects_are_the_labels_that_networks_contradict() -> None:
    evidence = make_evidence(TABLE, GOOD)
    suspects = find_suspects(evidence)
    assert {one.utterance_id for one in suspects} == {f"u{row:03d}" for row in range(0, len(TABLE), CLIPS)}
    assert {(one.label, one.suggested) for one in suspects} == {("calm", "upset")}
    assert judge_suspects(evidence, suspects).status is Status.WARN
    assert "may be random" in judge_suspects(make_evidence(TABLE, POOR), suspects).says


def test_relevance_is_held_against_people() -> None:
    weights = np.full((len(TABLE), 3), 0.4)
    foreign = np.arange(len(TABLE)) % 3
    weights[np.arange(len(TABLE)), foreign] = 0.2
    asked = [
        Ballot(row, "r0", condition, int(label if foreign[row] != place else 1 - label))
        for row, label in enumerate(TABLE.labels)
        for place, condition in enumerate(("voice", "video", "text"))
    ]
    facts = ReleaseFacts(ballots=asked)
    gate = judge_human_relevance(make_evidence(TABLE, judged(TABLE, (0,), weights), facts=facts))
    assert gate.status is Status.PASS
    assert figure(gate, "AUROC") == figure(gate, "rank correlation") == pytest.approx(1.0)
    even = judge_human_relevance(
        make_evidence(TABLE, judged(TABLE, (0,), np.full((len(TABLE), 3), 1 / 3)), facts=facts)
    )
    assert even.status is Status.WARN
    assert figure(even, "AUROC") == pytest.approx(0.5)


def test_a_group_that_is_served_worse_is_named() -> None:
    old = [int(speaker[1:]) < 4 for speaker in TABLE.speaker_ids]
    facts = ReleaseFacts(attributes={"age_group": ["old" if one else "young" for one in old]})
    assert judge_subgroups(make_evidence(TABLE, GOOD, facts=facts)).status is Status.PASS
    said = np.where(np.array(old)[None, :, None], judged(TABLE, (0, 1, 2, 3)).probabilities, GOOD.probabilities)
    gate = judge_subgroups(make_evidence(TABLE, type(GOOD)(GOOD.rows, said), facts=facts))
    assert gate.status is Status.WARN
    assert "age_group old (-30.0 points)" in gate.says


def test_votes_tell_how_ambiguous_labels_are() -> None:
    shares = np.where(TABLE.labels[:, None] == np.arange(2), 1.0, 0.0)
    shares[::CLIPS] = 0.5
    gate = judge_ambiguity(make_evidence(TABLE, GOOD, facts=ReleaseFacts(vote_shares=shares)))
    assert gate.status is Status.PASS
    assert figure(gate, "share of the votes for the label") == pytest.approx(0.95)
    assert figure(gate, "share of unanimous labels") == pytest.approx(0.9)
    assert (figure(gate, "WA on unanimous utterances"), figure(gate, "WA on disputed utterances")) == (1.0, 0.0)
    assert figure(gate, "cross-entropy to the hard labels, network") == pytest.approx(
        0.9 * -np.log(0.9) + 0.1 * -np.log(0.1), rel=1e-5
    )


def test_what_the_release_does_not_have_is_not_measured() -> None:
    evidence = make_evidence(TABLE, GOOD)
    gates = [judge_ceiling(evidence), judge_human_relevance(evidence), judge_subgroups(evidence)]
    gates += [judge_ambiguity(evidence), judge_learning_curve(evidence)]
    assert {gate.status for gate in gates} == {Status.NOT_MEASURED}
    assert all(gate.says for gate in gates)
