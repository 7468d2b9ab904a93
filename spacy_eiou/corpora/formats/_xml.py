import re
from pathlib import Path
from typing import Any, Optional, Protocol
from xml.parsers import expat
from xml.sax.saxutils import escape

from ..record import UnreadableError

# What XML 1.0 has no way to write. Python's strings hold no half characters here.
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class XMLBuilder(Protocol):
    """What is told of the elements and the text of a file, in their order."""

    def start_element(self, tag: str, attributes: Any) -> None: ...

    def end_element(self, tag: str) -> None: ...

    def add_text(self, text: str) -> None: ...


def make_parser(builder: XMLBuilder, path: Path, encoding: Optional[str] = None) -> Any:
    """Make a parser of XML that refuses entities: declared ones can expand without bound, and
    undeclared ones would vanish from the text.

    builder (XMLBuilder): What is told of the file.
    path (Path): The file, for error messages.
    encoding (Optional[str]): Its encoding. If None, the one that it states.
    RETURNS (Any): The parser of `expat`, which raises `UnreadableError` at an entity.
    """

    def refuse_entity(name: str, *_: object) -> None:
        raise UnreadableError(
            f"{path}: did not expect the XML entity '{name}'. Write out its replacement"
        )

    parser = expat.ParserCreate(encoding)
    parser.buffer_text = True
    parser.StartElementHandler = builder.start_element
    parser.EndElementHandler = builder.end_element
    parser.CharacterDataHandler = builder.add_text
    parser.EntityDeclHandler = refuse_entity
    parser.SkippedEntityHandler = refuse_entity
    return parser


def parse_xml(builder: XMLBuilder, path: Path) -> None:
    """Parse a file of XML, in the encoding that it states.

    builder (XMLBuilder): What is told of the file.
    path (Path): The file.
    RAISES (UnreadableError): If it is not well-formed, or has entities.
    """
    parser = make_parser(builder, path)
    try:
        with path.open("rb") as file:
            parser.ParseFile(file)
    except UnreadableError:
        raise
    # The last two are about its encoding.
    except (expat.ExpatError, LookupError, ValueError) as err:
        raise UnreadableError(f"{path}: expected well-formed XML ({err})") from err


def is_xml(path: Path) -> bool:
    """RETURNS (bool): Whether a file begins as XML does."""
    with path.open("rb") as file:
        return file.read(100).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def escape_xml(text: str) -> str:
    """RETURNS (str): A text as XML that a parser makes the same text of. It would turn a carriage
    return into a line feed."""
    return escape(text, {"\r": "&#13;"})
