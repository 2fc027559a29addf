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
from tests.unit.training.tables import small_table, without

ROWS = np.arange(6)


def build(name: str, table: FeatureTable) -> nn.Module:
    torch.manual_seed(0)
    return build_network(name, table.feature_dims, len(table.label_names), NetworkConfig(width=16)).eval()


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
