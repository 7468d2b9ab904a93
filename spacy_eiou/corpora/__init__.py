from ..extras import find_transformer
from ._files import list_files, printable
from .account import Account
from .annotators import MERGES, merge_annotators
from .checks import LabeledText, find_warnings
from .conversion import PARTS, Reading, convert, make_nlp
from .description import ENCODER_SIZES, Conversion, CorpusDescription, make_config, prepare
from .docbin import create_corpus
from .docs import record_to_doc, records_to_docs
from .draft import Draft, Mention, parse_each
from .formats import READERS, WRITERS, Sample, Target, register_format, register_writer
from .formats.bioc import read_bioc
from .formats.brat import read_brat
from .formats.cmeee import read_cmeee_json, read_cmeee_text
from .formats.conll import read_conll
from .formats.docbin import read_docbin
from .formats.genia import read_genia
from .formats.iob2 import read_iob2
from .formats.jsonl import read_json_items, read_jsonl
from .formats.label_studio import read_label_studio
from .formats.maintie import read_maintie
from .formats.parquet import read_parquet
from .formats.pubtator import read_pubtator
from .formats.table import read_table
from .formats.uima_cas import read_uima_cas
from .formats.webanno import read_webanno
from .offsets import COUNTINGS
from .project import ProjectReport, init_project
from .record import Changed, CorpusError, Dropped, Entity, Record
from .splits import IdSplit, read_ids, split_by_fractions, split_by_ids, split_by_sizes
from .writing import write_records

__all__ = [
    "COUNTINGS",
    "ENCODER_SIZES",
    "MERGES",
    "PARTS",
    "READERS",
    "WRITERS",
    "Account",
    "Changed",
    "Conversion",
    "CorpusDescription",
    "CorpusError",
    "Draft",
    "Dropped",
    "Entity",
    "IdSplit",
    "LabeledText",
    "Mention",
    "ProjectReport",
    "Reading",
    "Record",
    "Sample",
    "Target",
    "convert",
    "create_corpus",
    "find_transformer",
    "find_warnings",
    "init_project",
    "list_files",
    "make_config",
    "make_nlp",
    "merge_annotators",
    "parse_each",
    "prepare",
    "printable",
    "read_bioc",
    "read_brat",
    "read_cmeee_json",
    "read_cmeee_text",
    "read_conll",
    "read_docbin",
    "read_genia",
    "read_ids",
    "read_iob2",
    "read_json_items",
    "read_jsonl",
    "read_label_studio",
    "read_maintie",
    "read_parquet",
    "read_pubtator",
    "read_table",
    "read_uima_cas",
    "read_webanno",
    "record_to_doc",
    "records_to_docs",
    "register_format",
    "register_writer",
    "split_by_fractions",
    "split_by_ids",
    "split_by_sizes",
    "write_records",
]
