"""What every network must keep: padding and missing modalities change nothing, gradients stay finite."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from sdme_tools.errors import TrainingError
from sdme_tools.training.batches import Batch, BatchSource, Standardisation
from sdme_tools.training.dataset import FeatureTable
from sdme_tools.training.networks import LossContext, NetworkConfig, build_network
from sdme_tools.training.registry import NETWORKS
from tests.unit.training.tables import small_table, with_dialogues, without

ROWS = np.arange(6)


def build(name: str, table: FeatureTable) -> nn.Module:
    torch.manual_seed(0)
    config = NetworkConfig(width=16, modality="face" if name == "unimodal" else None)
    return build_network(name, table.feature_dims, len(table.label_names), config).eval()


def collate(table: FeatureTable, rows: np.ndarray = ROWS) -> Batch:
    return BatchSource(table, Standardisation.fit(small_table()), max_steps=64).collate(rows)


@pytest.mark.parametrize("name", NETWORKS)
def test_padding_changes_nothing_whatever_it_holds(name: str) -> None:
    table = without(small_table(), "face", [1])
    network, batch = build(name, table), collate(table)
    longer = {m: torch.cat([s, torch.zeros(len(ROWS), 5, s.shape[2])], dim=1) for m, s in batch.sequences.items()}
    masks = {m: torch.cat([s, torch.zeros(len(ROWS), 5, dtype=torch.bool)], dim=1) for m, s in batch.masks.items()}
    rubbish = {m: torch.where(masks[m][:, :, None], longer[m], 99.0) for m in longer}
    expected = network(batch).logits
    got = network(dataclasses.replace(batch, sequences=rubbish, masks=masks)).logits
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("name", NETWORKS)
def test_company_changes_nothing(name: str) -> None:
    table = without(small_table(), "voice", [0, 3])
    network = build(name, table)
    together = network(collate(table)).logits
    alone = torch.cat([network(collate(table, np.array([row]))).logits for row in ROWS])
    torch.testing.assert_close(alone, together)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("warm_up", [True, False])
def test_gradients_are_finite_with_one_modality(name: str, warm_up: bool) -> None:
    table = without(without(small_table(), "voice", ROWS.tolist()), "face", ROWS.tolist())
    network, batch = build(name, table), collate(table)
    terms = network.loss(network(batch), batch, LossContext(torch.ones(2), warm_up=warm_up))
    torch.stack(list(terms.values())).sum().backward()
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    assert gradients
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("name", NETWORKS)
def test_what_a_missing_modality_would_have_held_changes_nothing(name: str) -> None:
    table = without(small_table(), "face", [1, 4])
    network, batch = build(name, table), collate(table)
    held = dict(batch.sequences)
    held["face"] = torch.where(batch.present[:, 1, None, None], held["face"], 99.0)
    torch.testing.assert_close(network(dataclasses.replace(batch, sequences=held)).logits, network(batch).logits)


@pytest.mark.parametrize("name", NETWORKS)
def test_modalities_are_used(name: str) -> None:
    # Each says something else without the face; else the tests above would pass a network that looks at nothing.
    table = small_table()
    network = build(name, table)
    with_face, lacking = network(collate(table)).logits, network(collate(without(table, "face", [0]))).logits
    assert not torch.allclose(with_face[0], lacking[0])


@pytest.mark.parametrize("name", NETWORKS)
def test_losses_look_at_nothing_that_is_missing(name: str) -> None:
    table = without(without(small_table(), "voice", [0, 2]), "face", [1])
    network, batch = build(name, table), collate(table)
    held = {m: torch.where(batch.masks[m][:, :, None], s, 99.0) for m, s in batch.sequences.items()}
    terms = []
    for one in (batch, dataclasses.replace(batch, sequences=held)):
        torch.manual_seed(1)  # hard negatives are drawn
        terms.append(network.loss(network(one), one, LossContext(torch.ones(2))))
    assert terms[0].keys() == terms[1].keys()
    for term in terms[0]:
        torch.testing.assert_close(terms[0][term], terms[1][term])


@pytest.mark.parametrize("name", NETWORKS)
def test_a_loss_of_a_rare_class_counts_by_its_weight(name: str) -> None:
    table = small_table()
    network, batch = build(name, table), collate(table)
    is_first = batch.labels == 0
    assert is_first.any() and not is_first.all()
    weights = torch.tensor([1.0, 0.0])
    output = network(batch)
    got = network.loss(output, batch, LossContext(weights))["label"]
    relabelled = dataclasses.replace(batch, labels=torch.where(is_first, 0, 0))
    assert not torch.isclose(got, network.loss(output, relabelled, LossContext(weights))["label"])
    logits = output.logits if output.unimodal_logits is None or name != "late" else output.unimodal_logits.flatten(0, 1)
    repeats = len(logits) // len(is_first)
    by_hand = nn.functional.cross_entropy(logits, batch.labels.repeat_interleave(repeats), reduction="none")
    torch.testing.assert_close(got, by_hand[is_first.repeat_interleave(repeats)].mean())


def dialogue_batch(table: FeatureTable, rows: list[int], *, batch_size: int = 64, max_dialogue: int = 32) -> Batch:
    source = BatchSource(table, Standardisation.fit(small_table()), max_steps=64)
    return next(source.dialogue_batches(np.array(rows), batch_size=batch_size, max_dialogue=max_dialogue))


def test_mmmie_reads_the_dialogue_and_padding_of_dialogues_changes_nothing() -> None:
    table = with_dialogues(small_table())
    network = build("mmmie", table)
    alone = network(collate(table, np.array([8, 9]))).logits
    short = dialogue_batch(table, [8, 9])
    together = dialogue_batch(table, [0, 8, 9])
    assert short.rows.tolist() == [8, 9]
    assert together.rows.tolist() == [0, 1, 2, 3, 8, 9]
    assert together.wanted.tolist() == [True, False, False, False, True, True]
    torch.testing.assert_close(network(together).logits[4:], network(short).logits)
    assert not torch.allclose(network(short).logits, alone)


def test_mmmie_reads_who_spoke_and_when_only_with_identity() -> None:
    table = with_dialogues(small_table())
    batch = dialogue_batch(table, [0])
    swapped = dataclasses.replace(batch, role=1 - batch.role)
    backwards = dataclasses.replace(batch, place=batch.place.flip(0))
    told = build("mmmie", table)
    config = NetworkConfig(width=16, use_identity=False)
    untold = build_network("mmmie", table.feature_dims, 2, config).eval()
    for other in (swapped, backwards):
        assert not torch.allclose(told(other).logits, told(batch).logits)
        torch.testing.assert_close(untold(other).logits, untold(batch).logits)


def test_mmmie_learns_no_label_of_context() -> None:
    table = with_dialogues(small_table())
    network, batch = build("mmmie", table), dialogue_batch(table, [0, 1])
    output, context = network(batch), LossContext(torch.ones(2))
    assert batch.labels.tolist()[2:] == [-1, -1]
    expected = nn.functional.cross_entropy(output.logits[:2], batch.labels[:2])
    torch.testing.assert_close(network.loss(output, batch, context)["label"], expected)


def test_the_fit_of_q_and_the_bound_reach_different_weights() -> None:
    table = small_table()
    network, batch = build("mmmie", table), collate(table)
    of_q = {name for name, _ in network.named_parameters() if name.startswith("likelihoods")}
    for term, only_q in (("fit", True), ("bound", False)):
        network.zero_grad()
        network.loss(network(batch), batch, LossContext(torch.ones(2)))[term].backward()
        reached = {name for name, p in network.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
        assert reached
        assert reached <= of_q if only_q else not reached & of_q


@pytest.mark.parametrize(
    ("network", "without_loss", "terms"),
    [
        ("foal", {}, {"label", "alignment", "matching"}),
        ("foal", {"lambda_avel": 0.0}, {"label", "matching"}),
        ("foal", {"lambda_mem": 0.0}, {"label", "alignment"}),
        ("mmmie", {}, {"label", "shared", "bound", "fit"}),
        ("mmmie", {"lambda_nce": 0.0}, {"label", "bound", "fit"}),
        ("mmmie", {"lambda_club": 0.0}, {"label", "shared"}),
    ],
)
def test_a_loss_of_weight_zero_is_left_out(network: str, without_loss: dict[str, float], terms: set[str]) -> None:
    table = small_table()
    made = build_network(network, table.feature_dims, 2, NetworkConfig(width=16, **without_loss))
    batch = collate(table)
    assert set(made.loss(made(batch), batch, LossContext(torch.ones(2)))) == terms


def test_late_fusion_is_the_mean_of_what_the_modalities_present_say() -> None:
    table = without(small_table(), "face", [0])
    output = build("late", table)(collate(table))
    alone = output.unimodal_logits.softmax(dim=-1)
    torch.testing.assert_close(output.logits.softmax(dim=1)[0], (alone[0, 0] + alone[0, 2]) / 2)
    torch.testing.assert_close(output.logits.softmax(dim=1)[1], alone[1].mean(dim=0))


@pytest.mark.parametrize("name", ["relevance", "foal", "mmmie", "late"])
def test_a_loss_refuses_the_output_of_another_network(name: str) -> None:
    table = small_table()
    batch = collate(table)
    with pytest.raises(TrainingError, match="output of another network"):
        build(name, table).loss(build("concat", table)(batch), batch, LossContext(torch.ones(2)))


def test_unimodal_wants_to_know_which() -> None:
    dims = {"voice": 3, "face": 4}
    for modality in (None, "text"):
        with pytest.raises(TrainingError, match=r"expected one of voice, face(.|\n)*--modality"):
            build_network("unimodal", dims, 2, NetworkConfig(modality=modality))
    build_network("unimodal", {"voice": 3}, 2, NetworkConfig())


def test_foal_wants_two_modalities() -> None:
    with pytest.raises(TrainingError, match="expected at least two to align"):
        build_network("foal", {"voice": 3}, 2, NetworkConfig())


def test_relevance_sums_to_one_over_what_is_present() -> None:
    table = without(small_table(), "face", [2])
    relevance = build("relevance", table)(collate(table)).relevance
    torch.testing.assert_close(relevance.sum(dim=1), torch.ones(len(ROWS)))
    assert relevance[2, 1] == 0
    assert (relevance[0] > 0).all()


@pytest.mark.parametrize("name", ["nonsense", "sdme_tools.nowhere:Class", "sdme_tools.errors:NoSuchNetwork"])
def test_an_unknown_network_is_an_error_with_the_known_ones(name: str) -> None:
    with pytest.raises(TrainingError, match="relevance"):
        build_network(name, {"voice": 3}, 2, NetworkConfig())
