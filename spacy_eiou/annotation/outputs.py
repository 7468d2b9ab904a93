"""What a run of `annotate` is to write, and where."""

import os
import re
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Union

from ..corpora import CorpusError
from ..files import real_path
from .checks import (
    check_addresses,
    check_apart,
    check_new,
    check_outside,
    check_part_folder,
    check_shards_folder,
)
from .paths import follow_link, is_remote, show_path
from .prediction import Annotation
from .resume import get_exports, part_of
from .shards import OUTPUT_FORMATS, REJECTED_SUFFIX, get_output_format, get_shard_names
from .sinks import GRAPH_WRITERS, write_brat, write_html
from .source_files import SourceFile
from .tasks import TaskWriter, name_tasks

Writer = Callable[[Iterable[Annotation], Path], None]


class Outputs(NamedTuple):
    """The outputs of a run.

    path (Path): The main one. If it is to be at an address, where it is made before.
    address (str): This address, or "".
    suffix (str): Its suffix, or that of its files, one of `OUTPUT_FORMATS`.
    is_folder (bool): Whether it is a folder of shards.
    rejected_path (Path): The file of what is rejected, or the folder of such files.
    writers (Dict[Path, Writer]): The exports, and what writes them.
    new_folders (List[Path]): Those of them that are folders.
    """

    path: Path
    address: str
    suffix: str
    is_folder: bool
    rejected_path: Path
    writers: Dict[Path, Writer]
    new_folders: List[Path]

    @property
    def exports(self) -> List[Path]:
        """RETURNS (List[Path]): All but the main one."""
        return [] if self.is_folder else [*self.writers, self.rejected_path]

    @property
    def all(self) -> List[Path]:
        """RETURNS (List[Path]): All of them."""
        return [self.path, *self.exports]

    @property
    def shards(self) -> str:
        """RETURNS (str): The folder of the shards."""
        return str(self.locate(self.path if self.is_folder else part_of(self.path)))

    @property
    def shard_suffix(self) -> str:
        """RETURNS (str): The suffix of the shards. Lines are packed when they are merged."""
        return self.suffix if self.is_folder or self.suffix == ".parquet" else ".jsonl"

    @property
    def files(self) -> List[Union[str, Path]]:
        """RETURNS (List[Union[str, Path]]): Where its files are to be, before and in the end. Those
        of a shard stand for all of them, and of a folder of texts a .txt file."""
        shard = [f"{self.shards}/{name}" for name in get_shard_names(0, self.shard_suffix)]
        if self.is_folder:
            return [*shard]
        texts = [place / "text.txt" for path in self.new_folders for place in (path, part_of(path))]
        return [*map(self.locate, self.all), *shard, *texts]

    def locate(self, path: Path) -> Union[str, Path]:
        """RETURNS (Union[str, Path]): Where a path beside the main one is to be in the end."""
        return f"{self.address.rpartition('/')[0]}/{path.name}" if self.address else path


@contextmanager
def planning_outputs(
    output_path: Union[str, Path],
    output_format: str,
    graph_path: Optional[Path],
    brat_path: Optional[Path],
    html_path: Optional[Path],
    tasks: Optional[TaskWriter],
) -> Iterator[Outputs]:
    """Tell the outputs of a run from its arguments, see `annotate`. What is to be at an address is
    made in a folder of this machine, which is there as long as the run. Of a link, the output is
    what it leads to.

    output_path (Union[str, Path]): The main output.
    output_format (str): Suffix of the files of a folder, without the first dot.
    graph_path (Optional[Path]): The graph.
    brat_path (Optional[Path]): The directory of brat standoff annotation.
    html_path (Optional[Path]): The page.
    tasks (Optional[TaskWriter]): What writes tasks.
    YIELDS (Outputs): The outputs.
    RAISES (CorpusError): If a path or a suffix is not as expected.
    """
    shown = show_path(output_path)
    if isinstance(output_path, Path) and re.match("[a-z0-9+]{2,}:/", shown):
        raise CorpusError(f"Expected an address to be a string, not the path {shown}")
    address = str(output_path).rstrip("/") if is_remote(str(output_path)) else ""
    writers = {
        follow_link(path): write
        for path, write in _get_writers(graph_path, brat_path, html_path).items()
    }
    with TemporaryDirectory() if address else nullcontext("") as here:
        path = Path(here, os.path.basename(address)) if address else Path(output_path)
        # The folder "." has no name.
        path = path if path.name else real_path(path)
        is_folder = not path.suffix or path.is_dir() or f"{output_path}" == f"{address}/"
        suffix = f".{output_format}" if is_folder else get_output_format(path.name)
        if suffix not in OUTPUT_FORMATS:
            raise CorpusError(
                f"Expected an output file with the suffix {', '.join(OUTPUT_FORMATS)}, or a "
                f"folder, which has none, not {shown}"
            )
        if (writers or tasks) and (is_folder or suffix == ".parquet" or address):
            raise CorpusError(
                "Expected one local .jsonl output, to write a graph, brat files, a page or tasks"
            )
        rejected_path = path
        if not is_folder:
            rejected_path = path.with_name(path.name.removesuffix(suffix) + REJECTED_SUFFIX)
        new_folders = [] if brat_path is None else [follow_link(brat_path)]
        if tasks is not None:
            planned = tasks.plan(name_tasks(path, suffix))
            planned = {follow_link(place): write for place, write in planned.items()}
            writers.update(planned)
            new_folders += tasks.get_folders(planned)
        path, rejected_path = map(follow_link, (path, rejected_path))
        yield Outputs(path, address, suffix, is_folder, rejected_path, writers, new_folders)


def check_outputs(
    outputs: Outputs, input_path: Union[str, Path], sources: List[SourceFile], *, force: bool
) -> None:
    """Check that outputs meet nothing that is read, and are not there yet, or may be overwritten.

    outputs (Outputs): The outputs.
    input_path (Union[str, Path]): The texts, see `find_sources`.
    sources (List[SourceFile]): Their files.
    force (bool): Whether output files may be overwritten.
    RAISES (CorpusError): If an output is not as expected.
    """
    locations = [source.location for source in sources]
    if outputs.address:
        addresses = [str(outputs.locate(path)) for path in outputs.all]
        check_addresses(addresses, locations, outputs.shards, force=force)
        return
    check_apart(outputs.all, locations)
    if outputs.is_folder:
        check_shards_folder(outputs.path, force=force)
    # The next run would read what this one writes.
    check_outside(
        [outputs.path] if outputs.is_folder else outputs.new_folders, [input_path], "the input"
    )
    own = get_exports(outputs.path)
    if not outputs.is_folder:
        check_part_folder(part_of(outputs.path))
        check_new(outputs.all, outputs.new_folders, own=own, force=force)


def _get_writers(
    graph_path: Optional[Path], brat_path: Optional[Path], html_path: Optional[Path]
) -> Dict[Path, Writer]:
    writers: Dict[Path, Writer] = {}
    paths = [path for path in (graph_path, brat_path, html_path) if path is not None]
    if len(set(paths)) < len(paths):
        raise CorpusError(
            "Expected an output path of its own for each output, not "
            f"{', '.join(map(show_path, paths))}"
        )
    if graph_path is not None:
        if graph_path.suffix not in GRAPH_WRITERS:
            raise CorpusError(
                f"Expected a graph file that ends in {' or '.join(GRAPH_WRITERS)}, not "
                f"{show_path(graph_path)}"
            )
        writers[graph_path] = GRAPH_WRITERS[graph_path.suffix]
    if brat_path is not None:
        writers[brat_path] = write_brat
    if html_path is not None:
        writers[html_path] = write_html
    return writers
