from typing import Callable, Dict, Iterator

from .brat import read_brat
from .cmeee import read_cmeee_json, read_cmeee_text
from .conll import read_conll
from .docbin import read_docbin
from .folder import over_folder
from .genia import read_genia
from .iob2 import read_iob2
from .jsonl import read_jsonl
from .label_studio import read_label_studio
from .maintie import read_maintie
from .record import Record

# Each reads a file or a folder of files.
READERS: Dict[str, Callable[..., Iterator[Record]]] = {
    "genia": over_folder(read_genia),
    "cmeee": over_folder(read_cmeee_text),
    "cmeee-json": over_folder(read_cmeee_json),
    "maintie": over_folder(read_maintie),
    "brat": read_brat,
    "iob2": over_folder(read_iob2),
    "conll": over_folder(read_conll),
    "jsonl": over_folder(read_jsonl),
    "label-studio": over_folder(read_label_studio),
    "docbin": over_folder(read_docbin),
}
