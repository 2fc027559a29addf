"""What a verdict leaves behind: report.html for people, report.json for programs, suspects.csv, relevance.parquet."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sdme_tools.training.experiment import SeededPredictions
from sdme_tools.training.report import without_nan
from sdme_tools.training.table_file import write_atomically, write_parquet
from sdme_tools.training.verdict.evidence import Evidence
from sdme_tools.training.verdict.page import render_page
from sdme_tools.training.verdict.suspects import FILE_NAME, write_suspects
from sdme_tools.training.verdict.validate import Verdict


def write_verdict(verdict: Verdict, folder: Path) -> list[Path]:
    """Write all files of a report, each at once, and return them.

    relevance.parquet has a row for each judged utterance: utterance_id, speaker_id, label, predicted,
    probability_<label> and, from the first network that weighs, relevance_<modality> (null where it is missing) with
    relevance_sd_<modality> over seeds; all are means over seeds.
    """
    paths = [folder / name for name in ("report.html", "report.json", FILE_NAME, "relevance.parquet")]
    write_atomically(paths[0], render_page(verdict).encode())
    write_atomically(paths[1], (json.dumps(report_content(verdict), indent=2, ensure_ascii=False) + "\n").encode())
    write_suspects(list(verdict.suspects), paths[2])
    write_parquet(relevance_rows(verdict.evidence), paths[3])
    return paths


def report_content(verdict: Verdict) -> dict[str, Any]:
    """Everything but the pictures; NaN is null."""
    content = {
        "format": "sdme_tools.verdict/1",
        "subject": verdict.subject,
        "status": verdict.status,
        "judged_by": verdict.judged_by,
        "plan": verdict.evidence.plan.name,
        "settings": verdict.evidence.settings.model_dump(mode="json"),
        "gates": [asdict(gate) for gate in verdict.gates],
        "networks": {name: asdict(scores) for name, scores in verdict.networks.items()},
        "views": {name: asdict(interval) for name, interval in verdict.views.items()},
        "calibration": {name: asdict(one) for name, one in verdict.calibration.items()},
        "num_suspects": len(verdict.suspects),
    }
    plain: dict[str, Any] = without_nan(content)
    return plain


def relevance_rows(evidence: Evidence) -> Any:  # noqa: ANN401 - pyarrow ships no types
    """Predictions and relevance of each judged utterance as a `pyarrow.Table`."""
    table, names = evidence.table, evidence.table.label_names
    judged = next((one for one in evidence.networks.values() if one.relevance is not None), evidence.fused)
    rows, mean = judged.rows, judged.mean_probabilities
    columns: dict[str, Any] = {
        "utterance_id": [table.utterance_ids[row] for row in rows],
        "speaker_id": [table.speaker_ids[row] for row in rows],
        "label": [names[table.labels[row]] for row in rows],
        "predicted": [names[index] for index in mean.argmax(axis=1)],
    }
    columns |= {f"probability_{name}": mean[:, place] for place, name in enumerate(names)}
    return pa.table(columns | _relevance_columns(evidence, judged))


def _relevance_columns(evidence: Evidence, judged: SeededPredictions) -> dict[str, Any]:
    if judged.relevance is None:
        return {}
    columns: dict[str, Any] = {}
    for place, modality in enumerate(evidence.table.modalities):
        column = evidence.table.sequences[modality]
        missing = np.array([column[row] is None for row in judged.rows])
        weights = judged.relevance[:, :, place]
        columns[f"relevance_{modality}"] = pa.array(weights.mean(axis=0), pa.float32(), mask=missing)
        columns[f"relevance_sd_{modality}"] = pa.array(weights.std(axis=0), pa.float32(), mask=missing)
    return columns
