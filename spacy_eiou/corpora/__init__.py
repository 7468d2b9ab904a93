from typing import Callable, Dict, Iterator

from .account import Account
from .brat import read_brat
from .cmeee import read_cmeee_json, read_cmeee_text
from .docs import record_to_doc, records_to_docs
from .genia import read_genia
from .iob2 import read_iob2
from .jsonl import read_jsonl
from .maintie import read_maintie
from .record import CorpusError, Dropped, Entity, Record
from .splits import IdSplit, read_ids, split_by_fractions, split_by_ids, split_by_sizes

READERS: Dict[str, Callable[..., Iterator[Record]]] = {
    "genia": read_genia,
    "cmeee": read_cmeee_text,
    "cmeee-json": read_cmeee_json,
    "maintie": read_maintie,
    "brat": read_brat,
    "iob2": read_iob2,
    "jsonl": read_jsonl,
}

__all__ = [
    "READERS",
    "Account",
    "CorpusError",
    "Dropped",
    "Entity",
    "IdSplit",
    "Record",
    "read_brat",
    "read_cmeee_json",
    "read_cmeee_text",
    "read_genia",
    "read_ids",
    "read_iob2",
    "read_jsonl",
    "read_maintie",
    "record_to_doc",
    "records_to_docs",
    "split_by_fractions",
    "split_by_ids",
    "split_by_sizes",
]
