"""Checksums of saved weights, and of the labels that belong to them: nothing else tells a damaged
weight, or labels in another order, from sound ones."""

from hashlib import sha256
from pathlib import Path
from typing import Dict

import srsly

from .origin import read_pipeline

CHECKSUMS_NAME = "checksums.json"


def compute_checksums(path: Path) -> Dict[str, str]:
    """Compute the checksums of the weights that a saved component needs: its own, and those of the
    components before it in the pipeline, an encoder among them. The file of its settings may be
    changed, such as by a calibration, so that only its labels count.

    path (Path): Directory of the component.
    RETURNS (Dict[str, str]): The checksum of each file, by its path in the pipeline.
    """
    # spaCy saves the config before the components, and the components in their order.
    pipeline = read_pipeline(path)
    names = [*(pipeline.earlier if pipeline else ()), path.name]
    files = [*(path.parent / name / "model" for name in names), path / "cfg"]
    return {
        file_path.relative_to(path.parent).as_posix(): _hash_saved(file_path)
        for file_path in files
        if file_path.is_file()
    }


def check_checksums(path: Path) -> None:
    """Check that the weights and labels are those that were saved, if their checksums are there.

    path (Path): Directory of the component.
    RAISES (ValueError): If a file has changed.
    """
    if not (path / CHECKSUMS_NAME).exists():
        return
    for name, checksum in srsly.read_json(path / CHECKSUMS_NAME).items():
        file_path = path.parent / name
        if file_path.is_file() and _hash_saved(file_path) != checksum:
            raise ValueError(
                f"'{file_path}' is not what was saved. If it was replaced on purpose, remove "
                f"'{path / CHECKSUMS_NAME}'."
            )


def _hash_saved(path: Path) -> str:
    if path.name == "cfg":
        labels = srsly.json_dumps(srsly.read_json(path)["labels"])
        return sha256(labels.encode("utf8")).hexdigest()
    return hash_file(path)


def hash_file(path: Path) -> str:
    """RETURNS (str): The SHA-256 of the content of a file."""
    digest = sha256()
    with path.open("rb") as file_:
        # The weights of a transformer are large.
        while chunk := file_.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()
