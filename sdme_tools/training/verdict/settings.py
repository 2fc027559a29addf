"""How much a validation trains."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from sdme_tools.training.loop import TrainSettings


class ValidateSettings(BaseModel):
    """What `sdme validate` may be told.

    Attributes:
        networks: What is trained on all modalities; the gates judge the first of them.
        seeds: Trainings of each network on each partition.
        control_seeds: The same for controls: shuffled labels, the learning curve, suspect labels beside a split.
        folds: Folds over speakers.
        min_test_speakers: With fewer in the table's test split, folds judge all speakers instead.
        curve_shares: Shares of the training speakers that the learning curve also trains on.
        epochs: At most this many.
        learning_rate: Of every training.
        device: "auto" takes CUDA where there is one.
        seed: The first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    networks: tuple[str, ...] = Field(default=("relevance", "concat"), min_length=1)
    seeds: int = Field(default=5, ge=1)
    control_seeds: int = Field(default=2, ge=1)
    folds: int = Field(default=5, ge=3)
    min_test_speakers: int = Field(default=10, ge=2)
    curve_shares: tuple[float, ...] = (0.25, 0.5, 0.75)
    epochs: int = Field(default=60, ge=2)
    learning_rate: float = Field(default=TrainSettings().learning_rate, gt=0)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    seed: int = Field(default=0, ge=0)

    @property
    def num_controls(self) -> int:
        """Seeds of a control: never more than those of the networks."""
        return min(self.seeds, self.control_seeds)

    def training(self, network: str) -> TrainSettings:
        """The settings of one network's trainings."""
        warm_up = min(TrainSettings().warm_up_epochs, self.epochs // 2)
        return TrainSettings(
            network=network,
            seed=self.seed,
            epochs=self.epochs,
            warm_up_epochs=warm_up,
            learning_rate=self.learning_rate,
            device=self.device,
        )
