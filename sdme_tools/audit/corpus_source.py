"""A corpus as it is audited: its recordings, its clips, and whether its tables fit one another."""

from collections.abc import Iterator
from pathlib import Path

from sdme_tools.audit.checks import make_finding
from sdme_tools.audit.items import Item, Row, Source
from sdme_tools.corpus.consistency import find_inconsistencies
from sdme_tools.corpus.corpus import TABLE_NAMES, Corpus
from sdme_tools.corpus.receipt import describe_file
from sdme_tools.corpus.view import RecordingView, read_labels, read_view
from sdme_tools.records.audit import Finding
from sdme_tools.records.utterance import Clip, Utterance


def read_corpus(corpus: Corpus) -> Source:
    """Read every table, and hash every clip against what the clips stage wrote down.

    Raises:
        CorpusError: a table is damaged.
    """
    labels = read_labels(corpus)
    items: list[Item] = []
    findings = [make_finding("half_renewed", what.split(":")[0], what) for what in find_inconsistencies(corpus)]
    files: dict[str, Path] = {}
    for name in corpus.recording_ids():
        view = read_view(corpus, name, labels)
        clips = {clip.utterance_id: clip for clip in corpus.read(name, Clip)}
        for item in _items_of(view, clips):
            items.append(item)
            files |= {key: corpus.root / key for key in item.media.values()}
        if view.source.is_file():
            files[view.recording.recording_id] = view.source
            items.append(Item(view.recording.recording_id, {"recording": view.recording.recording_id}))
        else:
            findings.append(make_finding("orphan_row", name, f"its raw file {view.source} is gone"))
        findings += _compare_tables(corpus, view)
        findings += _compare_clips(corpus, view, clips)
    there = {key: path for key, path in files.items() if path.is_file()}
    present = [Item(i.where, {r: k for r, k in i.media.items() if k in there}, i.row) for i in items]
    skipped = ("a corpus has no splits before it is released: audit the release for those",)
    return Source("corpus", tuple(i for i in present if i.media), there, tuple(findings), skipped=skipped)


def _items_of(view: RecordingView, clips: dict[str, Clip]) -> Iterator[Item]:
    for utterance in view.utterances:
        clip = clips.get(utterance.utterance.utterance_id)
        if clip is not None:
            folder = f"recordings/{view.recording.recording_id}"
            files = {"voice": clip.voice, "clip": clip.clip, "face": clip.face}
            media = {role: f"{folder}/{file.path}" for role, file in files.items() if file is not None}
            text = utterance.wording.text if utterance.wording else None
            row = Row(text, utterance.label, utterance.speaker, None, view.recording.session_id)
            yield Item(utterance.utterance.utterance_id, media, row)


def _compare_tables(corpus: Corpus, view: RecordingView) -> Iterator[Finding]:
    """Rows of utterances that are no more, and edits whose ground has changed."""
    name = view.recording.recording_id
    known = {u.utterance.utterance_id for u in view.utterances}
    for kind, table in TABLE_NAMES.items():
        rows = corpus.read(name, kind) if kind is not Utterance and "utterance_id" in kind.model_fields else []
        for row in rows:
            if (utterance_id := getattr(row, "utterance_id", None)) not in known:
                yield make_finding("orphan_row", f"{name}/{table}.jsonl", f"utterance {utterance_id} is no more")
    for utterance in view.utterances:
        if utterance.wording is not None and utterance.wording.is_outdated:
            what = "the machine's text has changed under a person's edit"
            yield make_finding("edit_outdated", utterance.utterance.utterance_id, what)


def _compare_clips(corpus: Corpus, view: RecordingView, clips: dict[str, Clip]) -> Iterator[Finding]:
    folder = corpus.layout.recording_dir(view.recording.recording_id)
    named = set()
    for clip in clips.values():
        for file in (clip.voice, clip.clip, clip.face):
            if file is None:
                continue
            path, where = folder / file.path, f"recordings/{view.recording.recording_id}/{file.path}"
            named.add(path)
            if not path.is_file():
                yield make_finding("orphan_row", where, "the file of this clip is gone")
            elif describe_file(path, folder).sha256 != file.sha256:
                yield make_finding("file_changed", where, "it is not what the clips stage wrote")
    for path in sorted(corpus.layout.media(view.recording.recording_id).glob("*/*")):
        if path not in named:
            yield make_finding("orphan_file", path.relative_to(corpus.root).as_posix(), "no clip names it")
