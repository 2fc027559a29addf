"""Which stages of a recording are fresh, stale, missing or failed: decided from receipts alone."""

from pydantic import JsonValue

from sdme_tools.corpus.consistency import hash_recording
from sdme_tools.corpus.corpus import TABLE_NAMES, Corpus
from sdme_tools.corpus.receipt import Basis, Freshness, is_fresh, read_receipt
from sdme_tools.records.config import CorpusConfig
from sdme_tools.records.recording import Recording
from sdme_tools.stages.pipeline import Stage, stages_before


def basis_of(corpus: Corpus, recording: Recording, stage: Stage) -> Basis | None:
    """What the stage's output would be made from now; None while a stage before it has no output.

    Raises:
        BackendError: the stage's model, weights or package is not there.
    """
    inputs = {"recording": hash_recording(recording)}
    for before in stages_before(stage):
        receipt = read_receipt(corpus.layout.receipt(recording.recording_id, before.name))
        if receipt is None:
            return None
        table = f"{TABLE_NAMES[before.writes]}.jsonl"
        inputs[table] = receipt.output_hash(table)
        inputs |= {output.path: output.sha256 for output in receipt.outputs if output.path in stage.reads_files}
    return Basis(
        stage=stage.name,
        stage_version=stage.version,
        parameters=_parameters_of(corpus.config, stage),
        backend=stage.identify(corpus.config, corpus.source_path(recording), recording),
        inputs=inputs,
    )


def _parameters_of(config: CorpusConfig, stage: Stage) -> dict[str, JsonValue]:
    parameters: dict[str, JsonValue] = getattr(config, stage.section).model_dump(
        mode="json", exclude=set(stage.neutral)
    )
    for name in stage.sections_too:
        more = getattr(config, name).model_dump(mode="json", exclude=set(stage.neutral))
        parameters |= {f"{name}.{setting}": value for setting, value in more.items()}
    return parameters


def freshness_of(corpus: Corpus, recording: Recording, stage: Stage) -> Freshness:
    """Where the stage stands.

    Raises:
        BackendError: the stage's model, weights or package is not there.
    """
    receipt = read_receipt(corpus.layout.receipt(recording.recording_id, stage.name))
    if receipt is None:
        failed = corpus.layout.failure(recording.recording_id, stage.name).exists()
        return Freshness.FAILED if failed else Freshness.MISSING
    basis = basis_of(corpus, recording, stage)
    if basis is None or not is_fresh(receipt, basis, corpus.layout.recording_dir(recording.recording_id)):
        return Freshness.STALE
    return Freshness.FRESH
