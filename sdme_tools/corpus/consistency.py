"""Whether the tables of a corpus were made from one another: told from receipts, without any backend installed."""

import hashlib
from collections.abc import Iterator

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.receipt import Receipt, read_receipt
from sdme_tools.records.recording import Recording


def hash_recording(recording: Recording) -> str:
    """SHA-256 of what stages depend on: what the file holds and who sits where, not where the file lies."""
    return hashlib.sha256(recording.model_dump_json(exclude={"source"}).encode()).hexdigest()


def find_inconsistencies(corpus: Corpus) -> list[str]:
    """Name each stage whose output was made from other tables than those that lie there now.

    Changed settings are not seen here: an older segmentation is consistent as long as all stages rest on it.
    """
    return [problem for recording in corpus.recordings() for problem in _inconsistencies(corpus, recording)]


def _inconsistencies(corpus: Corpus, recording: Recording) -> Iterator[str]:
    folder = corpus.layout.recording_dir(recording.recording_id) / "receipts"
    read = {path.stem: read_receipt(path) for path in sorted(folder.glob("*.json")) if "." not in path.stem}
    receipts: dict[str, Receipt] = {stage: receipt for stage, receipt in read.items() if receipt is not None}
    now = {output.path: output.sha256 for receipt in receipts.values() for output in receipt.outputs}
    now["recording"] = hash_recording(recording)
    for stage, receipt in receipts.items():
        for name, sha256 in receipt.basis.inputs.items():
            if now.get(name) != sha256:
                yield f"{recording.recording_id}: {stage} was made from another {name} than the present one"
