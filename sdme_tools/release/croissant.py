"""croissant.json: what catalogues and loaders of data sets read, with the fields of responsible AI.

Source: Croissant 1.0 and Croissant RAI 1.0, MLCommons.
"""

import json
from collections.abc import Iterator

from sdme_tools.records.certificate import Certificate
from sdme_tools.records.config import NOT_STATED
from sdme_tools.release.card import CONFIG_NAMES

_CONTEXT = {
    "@language": "en", "@vocab": "https://schema.org/", "citeAs": "cr:citeAs", "column": "cr:column",
    "conformsTo": "dct:conformsTo", "cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"}, "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/", "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"}, "extract": "cr:extract", "field": "cr:field",
    "fileObject": "cr:fileObject", "fileProperty": "cr:fileProperty", "fileSet": "cr:fileSet", "format": "cr:format",
    "includes": "cr:includes", "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath", "key": "cr:key",
    "md5": "cr:md5", "parentField": "cr:parentField", "path": "cr:path", "recordSet": "cr:recordSet",
    "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated", "replace": "cr:replace",
    "samplingRate": "cr:samplingRate", "sc": "https://schema.org/", "separator": "cr:separator", "source": "cr:source",
    "subField": "cr:subField", "transform": "cr:transform",
}  # fmt: skip
_TYPES = {
    "string": "sc:Text", "bool": "sc:Boolean", "int64": "sc:Integer", "int32": "sc:Integer", "double": "sc:Float",
}  # fmt: skip
_MEDIA_TYPES = {".parquet": "application/x-parquet", ".jsonl": "application/jsonlines", ".tar": "application/x-tar"}


def render_croissant(certificate: Certificate) -> str:
    """Write the metadata of all tables and every column in them."""
    about = certificate.about
    document = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": about.name,
        "version": about.version,
        "description": about.description,
        "license": about.licence,
        "creator": [{"@type": "sc:Organization", "name": name} for name in about.creators or (NOT_STATED,)],
        "citeAs": f"{', '.join(about.creators) or NOT_STATED}: {about.name} {about.version}",
        "isLiveDataset": False,
        "inLanguage": [name for name in certificate.figures.languages if name],
        **_responsible_ai(certificate),
        "distribution": list(_distribution(certificate)),
        "recordSet": list(_record_sets(certificate)),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _responsible_ai(certificate: Certificate) -> dict[str, object]:
    about, figures, balance = certificate.about, certificate.figures, certificate.balance
    agreement = [
        f"{row.round_id}, {row.condition.value}: Krippendorff's alpha "
        + (f"{row.alpha.value:.3f}" if row.alpha.value is not None else f"undefined ({row.alpha.undefined})")
        for row in certificate.agreement
    ]
    shares = ", ".join(f"{label} {count / figures.num_utterances:.1%}" for label, count in figures.labels.items())
    raters = ", ".join(f"{count} utterances by {num}" for num, count in figures.raters_per_utterance.items())
    stages = "; ".join(f"{s.stage}: {s.num_kept} kept, {s.num_dropped} dropped" for s in balance.stages)
    return {
        "rai:dataCollection": about.collection,
        "rai:dataCollectionType": ["Video recording of interaction", "Human annotation"],
        "rai:dataPreprocessingProtocol": [stages or "not recorded"],
        "rai:dataAnnotationProtocol": [
            f"round {proof.round_id}: {proof.method.value}, {proof.num_raters} raters, {proof.num_votes} votes, shown: "
            + ", ".join(condition.value for condition in proof.conditions)
            for proof in certificate.rounds
        ],
        "rai:dataAnnotationPlatform": sorted({proof.origin for proof in certificate.rounds}),
        "rai:dataAnnotationAnalysis": agreement or ["not measured"],
        "rai:annotationsPerItem": raters or "none",
        "rai:machineAnnotationTools": [about.made_by],
        "rai:dataBiases": [f"share of labels: {shares}", f"{len(figures.speakers)} speakers"],
        "rai:dataLimitations": [
            f"{balance.num_seen - balance.num_released} of {balance.num_seen} utterances are left out: "
            + (", ".join(f"{reason} {count}" for reason, count in balance.excluded.items()) or "none")
        ],
        "rai:personalSensitiveInformation": [
            "voices and faces of people under pseudonyms",
            f"consent of every speaker covers the scope {about.scope.value}",
        ],
        "rai:dataReleaseMaintenancePlan": "A release never changes; who withdraws leaves the next version. "
        f"Contact: {about.contact}",
    }


def _distribution(certificate: Certificate) -> Iterator[dict[str, object]]:
    for file in certificate.files:
        suffix = file.path[file.path.rindex(".") :] if "." in file.path else ""
        yield {
            "@type": "cr:FileObject",
            "@id": file.path,
            "name": file.path,
            "contentUrl": file.path,
            "contentSize": f"{file.size_bytes} B",
            "encodingFormat": _MEDIA_TYPES.get(suffix, "application/octet-stream"),
            "sha256": file.sha256,
        }
    for folder, name in _folders(certificate):
        yield {
            "@type": "cr:FileSet",
            "@id": f"files-{name}",
            "name": f"files-{name}",
            "encodingFormat": "application/x-parquet",
            "includes": f"{folder}/*.parquet",
        }


def _folders(certificate: Certificate) -> list[tuple[str, str]]:
    """Folders that have tables, and what their configuration is called."""
    paths = [file.path for file in certificate.files if file.path.endswith(".parquet")]
    return [(folder, name) for folder, name in CONFIG_NAMES.items() if any(p.startswith(f"{folder}/") for p in paths)]


def _record_sets(certificate: Certificate) -> Iterator[dict[str, object]]:
    for folder, name in _folders(certificate):
        columns = certificate.columns.get(folder, {})
        yield {
            "@type": "cr:RecordSet",
            "@id": name,
            "name": name,
            "field": [
                {
                    "@type": "cr:Field",
                    "@id": f"{name}/{column}",
                    "name": column,
                    "dataType": _data_type(column, kind),
                    "source": {"fileSet": {"@id": f"files-{name}"}, "extract": {"column": column}},
                }
                for column, kind in columns.items()
            ],
        }


def _data_type(column: str, kind: str) -> str:
    if kind.startswith("struct"):
        return "sc:AudioObject" if column == "voice" else "sc:VideoObject"
    return "sc:DateTime" if kind.startswith("timestamp") else _TYPES.get(kind, "sc:Text")
