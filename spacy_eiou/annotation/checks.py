"""What has to hold of the paths of a run before anything is opened."""

from pathlib import Path
from typing import Collection, Iterable

from ..corpora import CorpusError
from .paths import is_within, real_path, show_path
from .resume import get_exports, get_work_files


def check_outputs(
    output_path: Path,
    exports: Collection[Path],
    folders: Collection[Path],
    inputs: Iterable[Path],
    *,
    force: bool,
) -> None:
    """Check that a run only writes what is not there yet, or what may be overwritten, and nothing
    that it reads. Paths are compared after links have been followed.

    output_path (Path): The main output.
    exports (Collection[Path]): The others.
    folders (Collection[Path]): Those of all of them that are folders.
    inputs (Iterable[Path]): The files and folders that are read.
    force (bool): Whether output files may be overwritten.
    RAISES (CorpusError): If a path is not as expected.
    """
    outputs = [output_path, *exports]
    written = [real_path(path) for output in outputs for path in (output, *get_work_files(output))]
    for index, path in enumerate(written):
        if any(is_within(path, other) for other in written[:index] + written[index + 1 :]):
            raise CorpusError(
                "Expected an output path of its own for each output, and none in the place of a "
                f"work file or in another output: {show_path(path)}"
            )
    for read in inputs:
        if any(is_within(real_path(read), path) for path in written):
            raise CorpusError(
                f"Expected another output path: {show_path(read)} is read, and would be lost"
            )
    own = get_exports(output_path)
    # A run that was stopped while it finished has put its own there.
    for path in (path for path in outputs if path.exists() and real_path(path) not in own):
        shown = show_path(path)
        if path in folders:
            if not path.is_dir():
                raise CorpusError(f"Expected a new output directory: {shown} is a file")
            if any(path.iterdir()):
                raise CorpusError(f"Expected a new output directory: {shown} is not empty")
        elif path.is_dir():
            raise CorpusError(f"Expected an output file: {shown} is a directory")
        elif not force:
            raise CorpusError(f"Expected a new output file. To overwrite {shown}, set --force")


def check_outside(outputs: Iterable[Path], folders: Collection[Path], what: str) -> None:
    """Check that no output is in one of some files and folders.

    outputs (Iterable[Path]): The outputs.
    folders (Collection[Path]): The files and folders.
    what (str): What these are.
    RAISES (CorpusError): If an output is in one.
    """
    places = [real_path(folder) for folder in folders]
    for path in outputs:
        if any(is_within(real_path(path), place) for place in places):
            raise CorpusError(f"Expected an output outside of {what}, not {show_path(path)}")
