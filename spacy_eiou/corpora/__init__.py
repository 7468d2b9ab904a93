from .account import Account
from .brat import read_brat
from .cmeee import read_cmeee_json, read_cmeee_text
from .conll import read_conll
from .conversion import PARTS, convert, make_nlp
from .description import Conversion, CorpusDescription, find_transformer, make_config, prepare
from .docbin import read_docbin
from .docs import record_to_doc, records_to_docs
from .folder import list_files, over_folder
from .formats import READERS
from .genia import read_genia
from .iob2 import read_iob2
from .jsonl import read_jsonl
from .label_studio import read_label_studio
from .maintie import read_maintie
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
    "over_folder",
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
    "split_by_fractions",
    "split_by_ids",
    "split_by_sizes",
]
