import gzip
import re
import tarfile
import zlib
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Dict, Iterator, List, Optional, Tuple
from typing import Counter as CounterType
from xml.parsers import expat

from ..draft import Draft, Mention
from ..record import Dropped, Entity, UnreadableError
from ._xml import make_parser
from .registry import Sample, register_format

CHUNK_SIZE = 1 << 16
LABEL = re.compile(r"G#(DNA|RNA|protein|cell_line|cell_type)(_|$)")


def _recognizes(sample: Sample) -> bool:
    return sample.path.name.endswith((".tgz", ".tar.gz")) or (
        sample.text.lstrip().startswith("<") and "<bibliomisc" in sample.text
    )


@register_format("genia", recognizes=_recognizes)
def read_genia(path: Path) -> Iterator[Draft]:
    """Read the GENIA term corpus, one record per sentence. Subtypes of DNA, RNA and protein are
    collapsed, cell_line and cell_type are kept. All other annotations are dropped: other types,
    coordinated terms (`sem="(AND ...)"`) and the fragments of those, which have no type.

    The id of a record is the MEDLINE id of its abstract, which is also its group, and the number
    of the sentence.

    path (Path): GENIAcorpus3.02.xml, or the .tgz archive that holds it.
    YIELDS (Draft): The sentences, in the order of the corpus.
    RAISES (UnreadableError): If the archive or the XML is malformed, or the XML declares entities.
    """
    builder = _SentenceBuilder(path)
    parser = make_parser(builder, path, "UTF-8")
    try:
        with _open_xml(path) as file:
            while chunk := file.read(CHUNK_SIZE):
                parser.Parse(chunk)
                yield from builder.take_records()
        parser.Parse(b"", True)
    except expat.ExpatError as err:
        raise UnreadableError(f"{path}: expected well-formed XML ({err})") from err
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as err:
        raise UnreadableError(f"{path}: expected a complete .tgz archive ({err})") from err


@contextmanager
def _open_xml(path: Path) -> Iterator[IO[bytes]]:
    if not path.name.endswith((".tgz", ".tar.gz")):
        with path.open("rb") as file:
            yield file
        return
    with tarfile.open(path, "r:gz") as archive:
        members = [member for member in archive if member.isfile() and member.name.endswith(".xml")]
        if len(members) != 1:
            raise UnreadableError(
                f"{path}: expected one .xml file in the archive, not {len(members)}"
            )
        member_file = archive.extractfile(members[0])
        assert member_file is not None
        yield member_file


class _SentenceBuilder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.records: List[Draft] = []
        self.sentence_counts: CounterType[str] = Counter()
        self.medline_id: Optional[str] = None
        self.text: Optional[List[str]] = None
        self.length = 0
        self.open_terms: List[Tuple[int, Optional[str]]] = []
        self.terms: List[Tuple[int, int, Optional[str]]] = []

    def take_records(self) -> List[Draft]:
        records, self.records = self.records, []
        return records

    def start_element(self, tag: str, attributes: Dict[str, str]) -> None:
        if tag == "article":
            self.medline_id = None
        elif tag == "cons" and self.text is not None:
            self.open_terms.append((self.length, attributes.get("sem")))
        elif tag in ("bibliomisc", "sentence") and self.text is None:
            self.text = []
            self.length = 0
            self.terms = []
        elif tag == "cons" or self.text is not None:
            raise UnreadableError(f"{self.path}, {self.medline_id}: did not expect <{tag}> here")

    def end_element(self, tag: str) -> None:
        if tag == "cons":
            start, sem = self.open_terms.pop()
            self.terms.append((start, self.length, sem))
        elif tag == "bibliomisc":
            self.medline_id = self._take_text().strip()
        elif tag == "sentence":
            self.records.append(self._make_record(self._take_text()))

    def add_text(self, text: str) -> None:
        if self.text is not None:
            self.text.append(text)
            self.length += len(text)

    def _take_text(self) -> str:
        assert self.text is not None
        text = "".join(self.text)
        self.text = None
        return text

    def _make_record(self, text: str) -> Draft:
        if not self.medline_id:
            raise UnreadableError(f"{self.path}: expected <bibliomisc> before the first <sentence>")
        self.sentence_counts[self.medline_id] += 1
        record_id = f"{self.medline_id}-{self.sentence_counts[self.medline_id]}"
        where = f"{self.path}, {record_id}"
        draft = Draft(text, where, id=record_id, group=self.medline_id, is_located=True)
        for start, end, sem in self.terms:
            match = LABEL.match(sem or "")
            if match:
                draft.mentions.append(Mention(start, end, match[1], where=where))
            else:
                entity = Entity(start, end, sem or "")
                draft.dropped.append(
                    Dropped(_get_reason(sem), record_id, entity, text[start:end], where)
                )
        return draft


def _get_reason(sem: Optional[str]) -> str:
    if not sem:
        return "untyped fragment"
    return "coordinated term" if sem.startswith("(") else "other type"
