from .account import Account
from .conversion import PARTS, convert, make_nlp
from .description import Conversion, CorpusDescription, find_transformer, make_config, prepare
from .docs import record_to_doc, records_to_docs
from .formats import READERS, list_files, register_format
from .formats.brat import read_brat
from .formats.cmeee import read_cmeee_json, read_cmeee_text
from .formats.conll import read_conll
from .formats.docbin import read_docbin
from .formats.genia import read_genia
from .formats.iob2 import read_iob2
from .formats.jsonl import read_jsonl
from .formats.label_studio import read_label_studio
from .formats.maintie import read_maintie
from .project import ProjectReport, init_project
from .record import CorpusError, Dropped, Entity, Record
from .splits import IdSplit, read_ids, split_by_fractions, split_by_ids, split_by_sizes

__all__ = [
    "PARTS",
    "READERS",
    "Account",
    "Conversion",
    "CorpusDescription",
    "CorpusError",
    "Dropped",
    "Entity",
    "IdSplit",
    "ProjectReport",
    "Record",
    "convert",
    "find_transformer",
    "init_project",
    "list_files",
    "make_config",
    "make_nlp",
    "prepare",
    "read_brat",
    "read_cmeee_json",
    "read_cmeee_text",
    "read_conll",
    "read_docbin",
    "read_genia",
    "read_ids",
    "read_iob2",
    "read_jsonl",
    "read_label_studio",
    "read_maintie",
    "record_to_doc",
    "records_to_docs",
    "register_format",
    "split_by_fractions",
    "split_by_ids",
    "split_by_sizes",
]
