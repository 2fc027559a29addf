"""Releases with a file in them that cannot be decoded."""

import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def damage_media(release: Path, utterance_id: str, column: str) -> None:
    """Put a file that cannot be decoded into a release, which then says that it was released so."""
    manifest = json.loads((release / "manifest.json").read_text())
    for file in manifest["files"]:
        if not file["path"].startswith("data/"):
            continue
        shard = pq.read_table(release / file["path"])
        rows = shard.to_pylist()
        for row in rows:
            if row["utterance_id"] == utterance_id:
                row[column]["bytes"] = b"no media at all"
        changed = pa.Table.from_pylist(rows, schema=shard.schema)
        layout = {"compression": "NONE", "use_dictionary": False, "write_page_index": True, "max_rows_per_page": 1}
        pq.write_table(changed, release / file["path"], **layout)
        content = (release / file["path"]).read_bytes()
        file |= {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    (release / "manifest.json").write_text(json.dumps(manifest))
