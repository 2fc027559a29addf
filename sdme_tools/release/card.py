"""README.md: the dataset card, written from the certificate alone; no figure in it was typed by anybody.

The YAML at its head is what Hugging Face reads: which files are which configuration and split, licence, languages.
The body is the data statement.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from sdme_tools.records.annotation import ConsensusMethod
from sdme_tools.records.certificate import AgreementFigures, Certificate, Estimated, RoundProof
from sdme_tools.records.config import NOT_STATED
from sdme_tools.records.recording import Consent
from sdme_tools.records.release import Split
from sdme_tools.release.licences import find_spdx
from sdme_tools.release.rows import REASONS

CONFIG_NAMES = {"data": "default", "tabular": "tabular", "annotations": "annotations"}
"""Folder of tables -> what the configuration is called."""
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_MAX_SPEAKERS = 100
_SCOPES = {
    Consent.INTERNAL: "the institution that recorded them, and nobody else",
    Consent.RESEARCH: "research, on request",
    Consent.PUBLIC: "everybody",
}
_METHODS = {
    ConsensusMethod.PLURALITY: "the answer with the most votes; where several share the first place there is no label",
    ConsensusMethod.MAJORITY: "the answer with more than half of the votes",
    ConsensusMethod.WEIGHTED: "votes weighed by each rater's accuracy on items whose label is known",
    ConsensusMethod.DAWID_SKENE: "labels and raters' errors estimated together (Dawid and Skene, 1979)",
    ConsensusMethod.MACE: "labels and how often raters spam estimated together (Hovy and others, 2013)",
}


def render_card(certificate: Certificate) -> str:
    """Write the card."""
    about = certificate.about
    parts = [
        _front_matter(certificate),
        f"# {about.name} {about.version}",
        f"{_sentence(about.description)} {_overview(certificate)}",
        "Every figure below was measured on this release and stands in `certificate.json`; "
        "`sdme verify` measures all of them again.",
        *_sections(certificate),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(certificate: Certificate) -> str:
    about, figures = certificate.about, certificate.figures
    languages = [name for name in figures.languages if name.isalpha() and len(name) in (2, 3)]
    spdx = find_spdx(about.licence)
    licence = [f"license: {spdx.lower()}"] if spdx else ["license: other", f"license_name: {_quote(about.licence)}"]
    size = next((name for most, name in _SIZES if figures.num_utterances < most), "n>1M")
    lines = [
        "---",
        f"pretty_name: {_quote(about.name)}",
        *licence,
        *_yaml_list("language", languages),
        *_yaml_list("tags", ["emotion", "multimodal", "audio", "video", "text", f"scope-{about.scope.value}"]),
        *_yaml_list("size_categories", [size]),
        "configs:",
        *_configurations(certificate),
        "---",
    ]
    return "\n".join(lines)


def _yaml_list(name: str, values: Sequence[str]) -> list[str]:
    return [f"{name}:", *(f"- {value}" for value in values)] if values else []


def _configurations(certificate: Certificate) -> Iterator[str]:
    files: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for file in certificate.files:
        folder, _, name = file.path.partition("/")
        if folder in CONFIG_NAMES and name.endswith(".parquet"):
            files[folder][name.partition("-")[0]].append(file.path)
    for folder, name in CONFIG_NAMES.items():
        if folder in files:
            yield f"- config_name: {name}"
            yield from ["  default: true"] if name == "default" else []
            yield "  data_files:"
            for split in Split:
                if split.value in files[folder]:
                    yield f"  - split: {split.value}"
                    yield f"    path: {folder}/{split.value}-*.parquet"


def _overview(certificate: Certificate) -> str:
    figures = certificate.figures
    return (
        f"It holds {figures.num_utterances} utterances ({_hours(figures.duration_ms)}) by {len(figures.speakers)} "
        f"speakers in {figures.num_recordings} recordings of {figures.num_sessions} sessions, each with one of "
        f"{len(certificate.about.labels)} labels: {', '.join(certificate.about.labels)}."
    )


def _sections(certificate: Certificate) -> Iterator[str]:
    yield "## How it was collected"
    yield _sentence(certificate.about.collection)
    yield _consent(certificate)
    yield "## How it was segmented and what was left out"
    yield from _balance(certificate)
    yield "## How it was annotated"
    yield from _annotation(certificate)
    yield "## Labels and splits"
    yield from _splits(certificate)
    yield "## Speakers"
    yield from _speakers(certificate)
    yield "## Durations and words"
    yield from _durations(certificate)
    yield "## Known limits"
    yield "\n".join(f"- {limit}" for limit in _limits(certificate))
    yield "## Terms"
    yield from _terms(certificate)


def _consent(certificate: Certificate) -> str:
    scope = certificate.about.scope
    return (
        f"Consent: this release is for {_SCOPES[scope]} (scope `{scope.value}`). It holds only speakers whose recorded "
        f"consent covers that. Ids of speakers and raters are pseudonyms."
    )


def _balance(certificate: Certificate) -> Iterator[str]:
    balance = certificate.balance
    if balance.stages:
        yield _table(
            ("stage", "seen", "kept", "dropped", "why"),
            [
                (s.stage, s.num_kept + s.num_dropped, s.num_kept, s.num_dropped, _count(s.reasons))
                for s in balance.stages
            ],
        )
    yield (
        f"Of {balance.num_seen} utterances in the corpus {balance.num_released} are released and "
        f"{balance.num_seen - balance.num_released} are not."
    )
    if balance.excluded:
        meanings = {reason: REASONS.get(reason, "").partition(":")[0] for reason in balance.excluded}
        left_out = [(reason, count, meanings[reason]) for reason, count in balance.excluded.items()]
        yield _table(("left out because", "utterances", "meaning"), left_out)


def _annotation(certificate: Certificate) -> Iterator[str]:
    if not certificate.rounds:
        yield "How labels came about was not recorded when this release was built."
    else:
        yield _table(
            ("round", "made by", "conditions", "raters", "items", "votes", "method", "raters saw (digest)"),
            [_round_row(proof) for proof in certificate.rounds],
        )
        yield "\n".join(
            f"- `{method.value}`: {_METHODS[method]}." for method in dict.fromkeys(p.method for p in certificate.rounds)
        )
    raters = certificate.figures.raters_per_utterance
    if raters:
        told = ", ".join(f"{count} by {num}" for num, count in raters.items())
        yield f"Votes on an utterance with everything shown: {told} (utterances by number of votes)."
    if certificate.agreement:
        yield "Agreement on the released utterances, with intervals of 95 % over speakers (bootstrap):"
        yield _table(
            ("round", "condition", "votes", "utterances", "raters", "equal pairs", "Krippendorff's α", "Gwet's AC1"),
            [_agreement_row(row) for row in certificate.agreement],
        )
    yield "![share of votes for the label](pictures/agreement.png)"


def _round_row(proof: RoundProof) -> tuple[object, ...]:
    conditions = ", ".join(condition.value for condition in proof.conditions)
    digest = proof.contract[:12] if proof.contract else "made elsewhere"
    name = f"{proof.round_id} (adjudicates {proof.adjudicates})" if proof.adjudicates else proof.round_id
    counts = proof.num_raters, proof.num_items, proof.num_votes
    return name, proof.origin, conditions, *counts, proof.method.value, digest


def _agreement_row(row: AgreementFigures) -> tuple[object, ...]:
    figures = (_estimate(found) for found in (row.percent, row.alpha, row.ac1))
    return row.round_id, row.condition.value, row.num_votes, row.num_utterances, row.num_raters, *figures


def _estimate(found: Estimated) -> str:
    if found.value is None:
        return f"undefined: {found.undefined}"
    interval = f" [{found.low:.3f}, {found.high:.3f}]" if found.low is not None and found.high is not None else ""
    return f"{found.value:.3f}{interval}"


def _splits(certificate: Certificate) -> Iterator[str]:
    figures, division = certificate.figures, certificate.division
    labels = certificate.about.labels
    rows: list[Sequence[object]] = [
        (split.value, s.num_utterances, s.num_speakers, _hours(s.duration_ms), *(s.labels[label] for label in labels))
        for split, s in figures.splits.items()
    ]
    rows.append(
        ("all", figures.num_utterances, len(figures.speakers), _hours(figures.duration_ms), *figures.labels.values())
    )
    yield _table(("split", "utterances", "speakers", "h:mm:ss", *labels), rows)
    yield "![utterances by label](pictures/labels.png)"
    gap = "" if division.optimality_gap is None else f", optimality gap {division.optimality_gap:.4f}"
    yield (
        f"Utterances that share {' or '.join(certificate.about.group_by)} never stand in two splits: "
        f"{len(division.groups)} groups (method: {division.method}{gap})."
    )
    if division.deviations:
        worst = sorted(division.deviations, key=lambda d: -abs(d.got - d.wished))[:10]
        yield "Largest deviations from the wished shares:"
        yield _table(
            ("split", "of", "wished", "got"), [(d.split, d.of, f"{d.wished:.4f}", f"{d.got:.4f}") for d in worst]
        )
    yield "Looked for in two splits or folds:"
    yield _table(
        ("what", "promised not to be shared", "compared", "shared"),
        [
            (leak.of, "yes" if leak.is_barred else "no", leak.num_compared, leak.num_shared)
            for leak in certificate.leaks
        ],
    )


def _speakers(certificate: Certificate) -> Iterator[str]:
    speakers, labels = certificate.figures.speakers, certificate.about.labels
    if len(speakers) > _MAX_SPEAKERS:
        yield f"The first {_MAX_SPEAKERS} of {len(speakers)}; all stand in `certificate.json`."
    yield _table(
        ("speaker", "split", "utterances", "h:mm:ss", *labels),
        [
            (s.speaker_id, s.split.value, s.num_utterances, _hours(s.duration_ms), *(s.labels[x] for x in labels))
            for s in speakers[:_MAX_SPEAKERS]
        ],
    )
    if certificate.pictures.shown:
        yield "One face each of some speakers, all of whom consent to this release:"
        yield "![faces of some speakers](pictures/faces.png)"


def _durations(certificate: Certificate) -> Iterator[str]:
    figures = certificate.figures
    shortest, low, median, high, longest = (f"{ms / 1000:.2f}" for ms in figures.duration_quartiles_ms)
    yield (
        f"Utterances last {shortest} to {longest} s, {median} s in the median, half of them {low} to {high} s. "
        f"They hold {figures.num_words} words; people corrected the text of {figures.num_edited_texts} utterances, "
        f"{figures.num_empty_texts} have no words, {figures.num_faces} have a face video."
    )
    yield "![utterances by duration](pictures/durations.png)"
    if figures.languages:
        told = [(name or "not known", count) for name, count in figures.languages.items()]
        yield _table(("language", "utterances"), told)


def _limits(certificate: Certificate) -> Iterator[str]:
    figures, about = certificate.figures, certificate.about
    common = max(about.labels, key=lambda label: figures.labels[label])
    yield f"The commonest label, {common}, is {figures.labels[common] / figures.num_utterances:.1%} of the utterances."
    missing = [label for label in about.labels if not figures.labels[label]]
    if missing:
        yield f"No utterance has the label {', '.join(missing)}."
    for split, summary in figures.splits.items():
        lacking = [label for label in about.labels if not summary.labels[label] and label not in missing]
        if lacking:
            yield f"The split {split.value} has no utterance with the label {', '.join(lacking)}."
    alone = [label for label in about.labels if sum(s.labels[label] > 0 for s in figures.speakers) == 1]
    if alone:
        yield f"Only one speaker has the label {', '.join(alone)}."
    one_vote = figures.raters_per_utterance.get(1, 0)
    if one_vote:
        yield f"{one_vote} utterances have the vote of one rater only: nothing is known of how far others agree."
    num_recognised = figures.num_utterances - figures.num_edited_texts
    if num_recognised:
        yield f"The text of {num_recognised} utterances is a recogniser's, uncorrected."
    if figures.num_faces < figures.num_utterances:
        yield f"{figures.num_utterances - figures.num_faces} utterances have no face video."
    for leak in certificate.leaks:
        if leak.num_shared:
            yield f"{leak.num_shared} of {leak.num_compared} values of {leak.of} stand in several splits."
    if not certificate.agreement:
        yield "How far raters agree was not measured."


def _terms(certificate: Certificate) -> Iterator[str]:
    about = certificate.about
    creators = ", ".join(about.creators) or NOT_STATED
    yield f"Licence: {about.licence}. Made by: {creators}. Contact: {about.contact}."
    yield (
        f"Built by {about.made_by}. A release never changes; who withdraws leaves the next version. To check this one: "
        f"`sdme verify FOLDER`, with `--digest` and the digest that its makers published."
    )


def _count(reasons: dict[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in reasons.items())


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(_cell(value) for value in line)} |" for line in lines)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _hours(milliseconds: int) -> str:
    seconds = round(milliseconds / 1000)
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _sentence(text: str) -> str:
    told = text.strip()
    return "Not stated." if told == NOT_STATED else told


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
