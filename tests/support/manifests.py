"""manifests: stages as if they had written what a test put there."""

from pathlib import Path

from koalign.hashing import hash_path
from koalign.jsonl import read_json, write_json


def record_outputs(stage: Path) -> None:
    """Write the files of a stage folder into its manifest as they are now."""
    manifest = read_json(stage / "manifest.json")
    outputs = {name: hash_path(stage / name) for name in manifest["outputs"]}
    write_json(stage / "manifest.json", {**manifest, "outputs": outputs, "seal": ""})
