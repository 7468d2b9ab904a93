"""Inputs that people bring, each with its right value: what is read of it, and what is told."""

import gzip
import json
import zipfile

import pytest
import spacy

from corpus_util import assert_malformed
from spacy_eiou.corpora import CorpusError, Reading, convert, record_to_doc
from spacy_eiou.corpora.conversion import find_format

NLP = spacy.blank("en")
CRLF_TEXT = "The pump leaks.\r\nIt needs a new seal.\r\n"
EMOJI_TEXT = "😀😀 Replace part A B C D now"
PROSE = "The boiler feed pump failed"
PUMP = [("boiler feed pump", "EQ"), ("boiler", "EQ")]


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        path.write_bytes(data.encode("utf8"))
    return folder


def read(folder, files, **options):
    """Read files in the format that their content tells."""
    corpus_format, paths = find_format(None, [write(folder, files)])
    return Reading(**options).read(corpus_format, paths)


def list_entities(records):
    return [[(r.text[e.start : e.end], e.label) for e in r.entities] for r in records]


def list_changes(records):
    return [[changed.reason for changed in record.changed] for record in records]


def list_dropped(records):
    return [[dropped.reason for dropped in record.dropped] for record in records]


def make_task(text, *regions, **fields):
    results = [
        {"type": "labels", "value": {"start": start, "end": end, "labels": labels, **stated}}
        for start, end, labels, stated in regions
    ]
    return {"id": 1, "data": {"text": text}, "annotations": [{"result": results, **fields}]}


def make_line(text, *spans, **fields):
    return json.dumps({"text": text, "spans": [list(span) for span in spans], **fields})


# Offsets


@pytest.mark.parametrize(
    "text, spans, found",
    [
        ("Seal leaks 🔥 badly on pump", [(23, 27, "X")], ["pump"]),
        (
            "😀 Pump P7 leaks at flange F2 .",
            [(3, 10, "X"), (20, 29, "X")],
            ["Pump P7", "flange F2"],
        ),
        (EMOJI_TEXT, [{"start": 18, "end": 19, "label": "X", "text": "A"}], ["A"]),
    ],
)
def test_utf16_offsets_are_found_out(tmp_path, text, spans, found):
    line = json.dumps({"text": text, "spans": spans})
    records = read(tmp_path, {"a.jsonl": line})
    assert [word for word, _ in list_entities(records)[0]] == found
    assert list_changes(records) == [["offsets count utf-16"] * len(found)]


@pytest.mark.parametrize(
    "offsets, found", [(None, ["B", "C"]), ("utf-16", ["A", "B"]), ("characters", ["B", "C"])]
)
def test_offsets_of_which_nothing_tells_how_they_count_are_named(tmp_path, offsets, found):
    line = make_line(EMOJI_TEXT, (18, 19, "X"), (20, 21, "X"))
    records = read(tmp_path, {"a.jsonl": line}, offsets=offsets)
    assert [word for word, _ in list_entities(records)[0]] == found
    changes = list_changes(records)[0]
    assert len(changes) == (0 if offsets else 2)
    assert all("taken to count characters; else choose --offsets utf-16" in c for c in changes)


def test_text_stated_elsewhere_in_the_file_tells_how_all_offsets_count(tmp_path):
    stated = {"start": 18, "end": 19, "label": "X", "text": "A"}
    lines = [
        make_line(EMOJI_TEXT, (20, 21, "X")),
        json.dumps({"text": EMOJI_TEXT, "spans": [stated]}),
    ]
    assert list_entities(read(tmp_path, {"a.jsonl": "\n".join(lines)})) == [
        [("B", "X")],
        [("A", "X")],
    ]


def test_single_cut_word_tells_nothing(tmp_path):
    records = read(tmp_path, {"a.jsonl": make_line("😀 pumps leak", (3, 7, "X"))})
    assert list_entities(records) == [[("umps", "X")]]
    assert "taken to count characters" in list_changes(records)[0][0]


@pytest.mark.parametrize(
    "text, count",
    [
        ("A seal.\r\nA new seal.\r\n", lambda text: len(text.replace("\r\n", "\n"))),
        ("😀 A new seal leaks.", lambda text: len(text.encode("utf-16-le")) // 2),
        ("😀 A new seal leaks.", lambda text: len(text.encode())),
    ],
)
def test_two_misplaced_offsets_tell_how_they_count(tmp_path, text, count):
    start = count(text[: text.rindex("seal")])
    records = read(tmp_path, {"a.jsonl": make_line(text, (start, start + 4, "X"))})
    assert list_entities(records) == [[("seal", "X")]]


def test_entities_in_tokens_do_not_depend_on_how_offsets_count(tmp_path):
    files = {"a.tsv": "😀\tB-X\npump\tB-Y\n", "b.tsv": "a😀b\tB-X\n"}
    assert list_changes(read(tmp_path, files)) == [[], []]


@pytest.mark.parametrize("text", ["a\nb pump", "a\r\nb pump", "é pump", "😀 pump", "😀\r\né pump"])
@pytest.mark.parametrize(
    "count",
    [
        lambda text: len(text),
        lambda text: len(text.encode("utf-16-le")) // 2,
        lambda text: len(text.encode("utf-8")),
        lambda text: len(text.replace("\r\n", "\n")),
        lambda text: len(text.replace("\r\n", "\n").replace("\n", "\r\n")),
    ],
)
def test_each_way_to_count_is_found_out(tmp_path, text, count):
    start = count(text[: text.index("pump")])
    span = {"start": start, "end": start + 4, "label": "X", "text": "pump"}
    records = read(tmp_path, {"a.jsonl": json.dumps({"text": text, "spans": [span]})})
    assert list_entities(records) == [[("pump", "X")]]


def test_mixture_of_countings_is_an_error_that_names_the_option(tmp_path):
    spans = [{"start": start, "end": start + 1, "label": "X", "text": "A"} for start in (16, 18)]
    line = json.dumps({"text": EMOJI_TEXT, "spans": spans})
    with pytest.raises(CorpusError, match=r"line 1, do not count characters, .*--offsets: charac"):
        read(tmp_path, {"a.jsonl": line})
    (record,) = read(tmp_path, {"a.jsonl": line}, offsets="utf-16")
    assert (len(record.entities), len(record.bad)) == (1, 1)


@pytest.mark.parametrize(
    "files",
    [
        {"a.txt": CRLF_TEXT, "a.ann": "T1\tEQ 4 8\tpump\nT2\tPART 31 35\tseal\n"},
        {
            "a.json": [
                make_task(
                    CRLF_TEXT,
                    (4, 8, ["EQ"], {"text": "pump"}),
                    (31, 35, ["PART"], {"text": "seal"}),
                )
            ]
        },
    ],
)
def test_line_ends_that_count_as_one_character(tmp_path, files):
    records = read(tmp_path, files)
    assert list_entities(records) == [[("pump", "EQ"), ("seal", "PART")]]
    assert list_changes(records) == [["offsets count characters-crlf-as-one"]]


def test_offset_beyond_the_end_is_dropped(tmp_path):
    tasks = [
        make_task("Mill gearbox is noisy.", (0, 12, ["EQ"], {"text": "Mill gearbox"})),
        make_task("Seal leaks", (5, 12, ["STATE"], {"text": "leaks"})),
    ]
    records = read(tmp_path, {"a.json": tasks})
    assert list_entities(records) == [[("Mill gearbox", "EQ")], []]
    assert list_dropped(records) == [[], ["outside of the text"]]
    assert "a.json, task 2: expected offsets from 0 to 10" in records[1].bad[0]


@pytest.mark.parametrize("stated", ["Cafe\u0301", "Caf\u00e9"])
@pytest.mark.parametrize("text", ["Cafe\u0301 pump", "Caf\u00e9 pump"])
def test_accents_may_be_composed_in_the_stated_text(tmp_path, text, stated):
    span = {"start": 0, "end": text.index(" "), "label": "X", "text": stated}
    records = read(tmp_path, {"a.jsonl": json.dumps({"text": text, "spans": [span]})})
    assert list_entities(records) == [[(text.removesuffix(" pump"), "X")]]


@pytest.mark.parametrize(
    "name, text",
    [
        ("a.jsonl", make_line("pump", (0, 4, "EQ")) + "\r" + make_line("seal", (0, 4, "EQ"))),
        ("a.conll", "pump\tB-EQ\r\rseal\tB-EQ\r"),
        ("a.pubtator", "1|t|pump\r1\t0\t4\tpump\tEQ\t-\r\r2|t|seal\r2\t0\t4\tseal\tEQ\t-\r"),
        ("a.cmeee", "pump|||0 3 EQ|||\rseal|||0 3 EQ|||\r"),
        ("a.csv", 'text,label\rpump,"[[0, 4, ""EQ""]]"\rseal,"[[0, 4, ""EQ""]]"\r'),
    ],
)
def test_lines_that_end_with_cr(tmp_path, name, text):
    assert list_entities(read(tmp_path, {name: text})) == [[("pump", "EQ")], [("seal", "EQ")]]


@pytest.mark.parametrize("text", ["1|t|pump", "a|||0 3 EQ|||"])
def test_json_whose_text_looks_like_another_format(tmp_path, text):
    (record,) = read(tmp_path, {"a.jsonl": make_line(text, (0, 1, "X"))})
    assert (record.text, list_entities([record])) == (text, [[(text[0], "X")]])


def test_text_in_utf_16_is_named(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(make_line("pump").encode("utf-16"))
    with pytest.raises(CorpusError, match="text in UTF-16, which has to be saved as UTF-8"):
        read(tmp_path, {})


def test_blank_label_is_none(tmp_path):
    records = read(tmp_path, {"a.jsonl": make_line("pump", (0, 4, " "), (0, 4, "EQ"))})
    assert list_entities(records) == [[("pump", "EQ")]]
    assert list_dropped(records) == [["no label"]]


# Folders and archives


def test_archives_in_archives_and_compressed_files_in_them(tmp_path):
    with zipfile.ZipFile(tmp_path / "inner.zip", "w") as inner:
        inner.writestr("folder/", b"")
        inner.writestr("folder/b.jsonl.gz", gzip.compress(make_line("seal").encode()))
        inner.writestr("folder/c.jsonl.gz", gzip.compress(b'{"text": 1}'))
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as outer:
        outer.write(tmp_path / "inner.zip", "inner.zip")
        outer.writestr("a.jsonl", make_line("pump"))
    (tmp_path / "inner.zip").unlink()
    records = read(tmp_path, {})
    assert [(record.id, record.text) for record in records[:2]] == [
        ("a-1", "pump"),
        ("inner/folder/b-1", "seal"),
    ]
    where = f"{tmp_path}/outer.zip/inner.zip/folder/c.jsonl.gz/c.jsonl, line 1"
    assert records[2].id == where
    assert records[2].bad[0].startswith(where)


# brat


@pytest.mark.parametrize("start, is_told", [(0, True), (1, False), (3, False)])
def test_byte_order_mark_may_count_or_not(tmp_path, start, is_told):
    files = {"a.txt": "\ufeffpump", "a.ann": f"T1\tEQ {start} {start + 4}\tpump\n"}
    records = read(tmp_path, files)
    assert list_entities(records) == [[("pump", "EQ")]]
    assert ("offsets do not count the byte order mark" in list_changes(records)[0]) == is_told


def test_fragments_over_white_space_are_joined(tmp_path):
    text = "Checked the boiler\nfeed pump seal.\n  Drive\n  motor ok.\n"
    lines = [
        "T1\tcomponent 12 18;19 33\tboiler feed pump seal",
        "T2\tequipment 12 18\tboiler",
        "T3\tcomponent 37 42;45 50\tDrive motor",
        "T4\tactivity 0 7;19 23\tChecked feed",
    ]
    records = read(tmp_path, {"a.txt": text, "a.ann": "\n".join(lines)})
    assert list_entities(records) == [
        [
            ("boiler\nfeed pump seal", "component"),
            ("boiler", "equipment"),
            ("Drive\n  motor", "component"),
        ]
    ]
    assert list_changes(records) == [["joined over white space"] * 2]
    assert list_dropped(records) == [["discontinuous"]]


CANCER = "History of cancer of skin. Pain.\n"


@pytest.mark.parametrize(
    "text, line, reason",
    [
        (CANCER, "sT1\tCondition 11 17\tcancer", "malformed"),
        (CANCER, "T5\tVisit 0 17\tHistory of skin", "text differs"),
    ],
)
def test_one_bad_line_is_dropped_and_named(tmp_path, text, line, reason):
    records = read(tmp_path, {"a.txt": text, "a.ann": f"{line}\nT2\tCondition 27 31\tPain\n"})
    assert list_entities(records) == [[("Pain", "Condition")]]
    assert list_dropped(records) == [[reason]]
    assert_malformed(lambda: records, r"a\.ann, line 1: expected ")


def test_white_space_at_the_end_of_an_entity(tmp_path):
    files = {"a.txt": "History of prostate cancer\r\nNone.\n"}
    files["a.ann"] = "T1\tCondition 11 27\tprostate cancer\n"
    records = read(tmp_path, files)
    assert list_entities(records) == [[("prostate cancer", "Condition")]]
    assert list_changes(records) == [["white space trimmed"]]


def test_files_of_shared_tasks_and_folders_in_folders(tmp_path):
    files = {f"{folder}/a.txt": "IL-2 gene expression" for folder in ("notes", "abstracts")}
    files["notes/a.ann"] = "T1\tProtein 0 4\tIL-2\nN1\tReference T1 UniProt:P60568\tIL2\n"
    files["abstracts/a.a1"] = "T1\tProtein 0 4\tIL-2\n"
    files["abstracts/a.a2"] = "T2\tTrigger 10 20\texpression\nE1\tTrigger:T2 Theme:T1\n"
    records = read(tmp_path, files)
    assert [record.id for record in records] == ["abstracts/a", "notes/a"]
    assert list_entities(records) == [
        [("IL-2", "Protein"), ("expression", "Trigger")],
        [("IL-2", "Protein")],
    ]
    assert [e.kb_id for record in records for e in record.entities] == ["", "", "UniProt:P60568"]


def test_white_space_at_the_edges_in_any_format(tmp_path):
    lines = [
        make_line("Boiler feed pump seal", (0, 17, "EQ"), (6, 16, "PART"), (0, 7, "EQ")),
        make_line("Valve  A12 \n leaks", (0, 13, "EQ"), (10, 13, "EQ")),
    ]
    records = read(tmp_path, {"a.jsonl": "\n".join(lines)})
    assert list_entities(records) == [
        [("Boiler feed pump", "EQ"), ("feed pump", "PART"), ("Boiler", "EQ")],
        [("Valve  A12", "EQ")],
    ]
    assert list_dropped(records) == [[], ["whitespace"]]
    assert [record_to_doc(NLP, record)[1] for record in records] == [[], []]


# Columns

PRODUCT = [("boiler pump", "PROD")]
NESTED = [("FC Kickers Darmstadt", "ORG"), ("Darmstadt", "LOC")]
GERMEVAL = "1\tFC\tB-ORG\tO\n2\tKickers\tI-ORG\tO\n3\tDarmstadt\tI-ORG\tB-LOC\n4\tsiegt\tO\tO\n"


@pytest.mark.parametrize(
    "name, text, entities",
    [
        ("a.conll", "# id 5 domain=en\nthe _ _ O\nboiler _ _ B-PROD\npump _ _ I-PROD\n", PRODUCT),
        ("a.conll", "boiler\tB-PROD\npump\tI-PROD\n#\tO\n", PRODUCT),
        ("a.conll", "#\tO\nboiler\tB-PROD\npump\tI-PROD\n", PRODUCT),
        (
            "a.iob2",
            "# sent_id = 1\n# text = Acme Paris\n1\tAcme\tB-ORG\t-\ts\n2\tParis\tI-ORG\t-\ts\n",
            [("Acme Paris", "ORG")],
        ),
        ("a.iob2", "1-2\tzum\t_\t-\ts\n1\tzu\tO\t-\ts\n2\tAcme\tB-ORG\t-\ts\n", [("Acme", "ORG")]),
        ("a.tsv", GERMEVAL, NESTED),
        ("a.tsv", GERMEVAL.replace("siegt", "si\0egt"), NESTED),
        (
            "a.tsv",
            "".join(f"{i}\t{line[2:]}\n" for i, line in enumerate(GERMEVAL.splitlines())),
            NESTED,
        ),
        *(
            (
                "a.conll",
                f"TALLA\tB-Finding{separator}B-Disease\nBAJA\tO|I-Disease\n",
                [("TALLA", "Finding"), ("TALLA BAJA", "Disease")],
            )
            for separator in "|;,+"
        ),
        ("a.conll", "T\tB-a,b|O\nB\tI-a,b|B-c/B-d\n", [("T B", "a,b"), ("B", "c/B-d")]),
        ("a.tsv", f"#\thttp://example.org [2009-10-17]\n{GERMEVAL}", NESTED),
        ("a.conll", GERMEVAL, NESTED),
        (
            "a.conll",
            "TALLA\tB-Finding|B-Disease\nBAJA\tI-Disease\nDE\tO\nPIE\tB-Body_Part\n",
            [("TALLA", "Finding"), ("TALLA BAJA", "Disease"), ("PIE", "Body_Part")],
        ),
        (
            "a.conll",
            "EU NNP B-NP B-ORG\nrejects VBZ B-VP O\nGerman JJ B-NP B-MISC\ncall NN I-NP O\n",
            [("EU", "ORG"), ("German", "MISC")],
        ),
    ],
)
def test_columns(tmp_path, name, text, entities):
    records = read(tmp_path, {name: text})
    assert list_entities(records) == [entities]
    assert list_changes(records) == [[]]
    assert records[0].bad == ()


@pytest.mark.parametrize(
    "text, entities, n_orphans",
    [
        (
            "BAJA\tB-Finding|B-Disease\nDEL\tI-Disease\nBAJA\tI-Finding|I-Disease\n",
            [("BAJA", "Finding"), ("BAJA DEL BAJA", "Disease"), ("BAJA", "Finding")],
            1,
        ),
        (
            "PERDIDA B-Disease\nDE I-Disease\nDIENTES I-Disease B-Body_Part\nDEBIDA I-Finding\n",
            [("PERDIDA DE DIENTES", "Disease"), ("DEBIDA", "Finding"), ("DIENTES", "Body_Part")],
            1,
        ),
        # IOB1
        ("A I-X\nB I-X\nC O\nD I-X\n", [("A B", "X"), ("D", "X")], 0),
    ],
)
def test_entity_that_begins_with_i(tmp_path, text, entities, n_orphans):
    records = read(tmp_path, {"a.iob2": text})
    assert list_entities(records) == [entities]
    assert list_changes(records) == [["begins with I- rather than B-"] * n_orphans]


# JSON

WORDS = PROSE.split()
OBJECTS = [{"start": start, "end": end, "label": "EQ"} for start, end in ((4, 20), (4, 10))]
TRIPLES = [[4, 20, "EQ"], [4, 10, "EQ"]]
STATED = [{**item, "text": PROSE[item["start"] : item["end"]]} for item in OBJECTS]


@pytest.mark.parametrize(
    "content",
    [
        [{"text": PROSE, "spans": OBJECTS}],
        [{"text": PROSE, "entities": TRIPLES}],
        {"data": PROSE, "label": TRIPLES},
        {"text": PROSE, "spans": [{"start": 4, "end": e, "type": "EQ"} for e in (20, 10)]},
        {"text": PROSE, "label": [], "entities": OBJECTS, "relations": []},
        {
            "examples": [
                {
                    "content": PROSE,
                    "annotations": [
                        {"start": s, "end": e, "tag": "EQ", "value": PROSE[s:e]}
                        for s, e, _ in TRIPLES
                    ],
                }
            ]
        },
        {"classes": ["EQ"], "annotations": [[PROSE, {"entities": TRIPLES}], None]},
        [[PROSE, {"entities": TRIPLES}]],
        json.dumps([PROSE, {"entities": TRIPLES}]),
        [{"documentName": "a.txt", "document": PROSE, "annotation": STATED}],
        [
            {
                "id": 1,
                "text": PROSE,
                "label": [{"start": 4, "end": e, "labels": ["EQ"]} for e in (20, 10)],
                "annotator": 1,
            }
        ],
        {
            "doc_key": "d",
            "sentences": [WORDS[:2], WORDS[2:]],
            "ner": [[[1, 3, "EQ"]], [[1, 1, "EQ"]]],
        },
        [{"tokenized_text": WORDS, "ner": [[1, 3, "EQ"], [1, 1, "EQ"]]}],
        [{"tokens": WORDS, "entities": [{"type": "EQ", "start": 1, "end": e} for e in (4, 2)]}],
        {"tokens": WORDS, "mentions": [{"start": 1, "end": e, "labels": ["EQ"]} for e in (4, 2)]},
        {"text": PROSE, "annotation": [["EQ", s, e] for s, e, _ in TRIPLES]},
        {"text": PROSE, "spans": {"start": [4, 4], "end": [20, 10], "label": ["EQ", "EQ"]}},
        {"text": PROSE, "tokens": WORDS, "entities": STATED},
        {"text": PROSE, "tokens": WORDS, "entities": TRIPLES},
        {"text": PROSE, "ents": OBJECTS[:1], "spans": {"x": [], "sc": OBJECTS}},
        {
            "text": PROSE,
            "denotations": [{"span": {"begin": 4, "end": e}, "obj": "EQ"} for e in (20, 10)],
        },
        {
            "text": PROSE,
            "entities": [{"category": "EQ", "offset": 4, "length": n} for n in (16, 6)],
        },
        {"text": PROSE, "entities": [{"offsets": [[4, e]], "label": "EQ"} for e in (20, 10)]},
        {"text": PROSE, "entities": [{"span": [4, e], "label": "EQ"} for e in (20, 10)]},
        {
            "text": PROSE,
            "entities": [{"start_char": 4, "end_char": e, "label": "EQ"} for e in (20, 10)],
        },
        {
            "content": PROSE,
            "annotation": [
                {"label": ["EQ"], "points": [{"start": s, "end": e - 1, "text": PROSE[s:e]}]}
                for s, e, _ in TRIPLES
            ],
        },
        {"text": PROSE, "label": {"EQ": {PROSE[s:e]: [[s, e - 1]] for s, e, _ in TRIPLES}}},
        {
            "rasa_nlu_data": {
                "common_examples": [
                    {
                        "text": PROSE,
                        "intent": "report",
                        "entities": [
                            {"start": s, "end": e, "value": PROSE[s:e], "entity": "EQ"}
                            for s, e, _ in TRIPLES
                        ],
                    }
                ]
            }
        },
        [{"sentence": WORDS, "ner": [{"index": [*range(1, e)], "type": "EQ"} for e in (4, 2)]}],
        {
            "tokens": WORDS,
            "entity_mentions": [{"start": 1, "end": e, "entity_type": "EQ"} for e in (4, 2)],
        },
        {
            "tokens": [{"text": word, "id": i} for i, word in enumerate(WORDS)],
            "entities": [{"type": "EQ", "start": 1, "end": e} for e in (4, 2)],
        },
        "text,label\n" + f'{PROSE},"[[4, 20, ""EQ""], [4, 10, ""EQ""]]"\n',
        "text;entities\n" + f'{PROSE};"[[4, 20, ""EQ""], [4, 10, ""EQ""]]"\n',
    ],
)
def test_exports_of_tools(tmp_path, content):
    records = read(tmp_path, {"a.txt": content})
    assert list_entities(records) == [PUMP]
    assert (records[0].text, records[0].bad, records[0].changed) == (PROSE, (), ())


@pytest.mark.parametrize(
    "tags, options",
    [
        (["O", "B-EQ", "I-EQ", "I-EQ", "O"], {}),
        ([0, 1, 2, 2, 0], {"tag_names": ["O", "B-EQ", "I-EQ"]}),
    ],
)
def test_tokens_with_tags(tmp_path, tags, options):
    nested = [tags[0], tags[1], *tags[:1] * 3]
    for key in ("ner_tags", "ner"):
        line = {"id": "0", "tokens": WORDS, key: tags}
        assert list_entities(read(tmp_path, {"a.jsonl": line}, **options)) == [PUMP[:1]]
    line = {"tokens": WORDS, "ner_tags": tags, "ner_nested_tags": nested}
    assert list_entities(read(tmp_path, {"a.jsonl": line}, **options)) == [PUMP]


def test_tokens_of_an_entity_that_is_discontinuous(tmp_path):
    entities = [{"index": [1, 3], "type": "EQ"}, {"index": [1, 9], "type": "EQ"}]
    records = read(tmp_path, {"a.json": [{"sentence": WORDS, "ner": entities}]})
    assert list_dropped(records) == [["malformed", "discontinuous"]]
    assert_malformed(lambda: records, "expected an entity within the 5 tokens, not .1, 9.")


def test_tags_that_are_numbers_need_names(tmp_path):
    with pytest.raises(CorpusError, match="--tag-names O,B-Part,I-Part"):
        read(tmp_path, {"a.jsonl": {"tokens": ["a"], "ner_tags": [0]}})


def test_text_that_is_stated_of_tokens(tmp_path):
    spans = [{"start": 1, "end": end, "type": "EQ", "text": "boiler feed pump"} for end in (4, 3)]
    records = read(tmp_path, {"a.jsonl": {"tokens": WORDS, "mentions": spans}})
    assert list_entities(records) == [PUMP[:1]]
    assert_malformed(
        lambda: records, "expected 'boiler feed pump' at tokens 1 to 3, but 'boiler feed' is there"
    )


def test_fields_of_entities_of_other_lengths(tmp_path):
    line = {"text": PROSE, "spans": {"start": [4], "end": [20, 10], "label": ["EQ", "EQ"]}}
    assert_malformed(
        lambda: read(tmp_path, {"a.jsonl": line}), "'spans': expected as many values in each field"
    )


def test_long_text_of_a_line_and_of_a_table(tmp_path):
    line = {"text": f"{'a' * 200_000} pump", "spans": [[200_001, 200_005, "EQ"]]}
    files = {"a.jsonl": f"{json.dumps(line)}\n{json.dumps(line)}\n"}
    assert list_entities(read(tmp_path / "lines", files)) == [[("pump", "EQ")]] * 2
    table = f'text,label\n{"a" * 200_000} pump,"[[200001, 200005, ""EQ""]]"\n'
    assert list_entities(read(tmp_path / "table", {"a.csv": table})) == [[("pump", "EQ")]]


def test_table_of_entities_beside_texts(tmp_path):
    header = "document_id\tentity_type\tentity_text\tentity_span\n"
    rows = f"{header}d1\tDISO\tleukemia\t8-16\nd1\tDISO\tAcute\t0-5\nd2\tDISO\tx\t0-1\n"
    records = read(tmp_path, {"spans.tsv": rows, "d1.txt": "Acute   leukemia"})
    assert list_entities(records) == [[], [("leukemia", "DISO"), ("Acute", "DISO")]]
    assert_malformed(lambda: records, "line 4: expected the text in a file d2.txt beside the table")


# Identifiers

CHEMICAL = ("Aspirin", "Chemical", "MESH:D001241")
DISEASE = ("Aspirin-induced asthma", "Disease", "MESH:D055963")
TITLE, ABSTRACT = "Aspirin-induced asthma in 😀.", "We study IL-2 &amp; asthma."
GENE = ("IL-2", "Gene", "")


def make_passage(offset, text, *annotations):
    return {
        "offset": offset,
        "text": text,
        "annotations": [
            {
                "infons": {"type": label, "identifier": kb_id},
                "text": word,
                "locations": [{"offset": offset + text.index(word), "length": len(word)}],
            }
            for word, label, kb_id in annotations
        ],
    }


def to_xml(passage):
    annotations = [
        f'<annotation id="{number}"><infon key="type">{item["infons"]["type"]}</infon>'
        f'<infon key="identifier">{item["infons"]["identifier"]}</infon>'
        f'<location offset="{item["locations"][0]["offset"]}" '
        f'length="{item["locations"][0]["length"]}"/><text>{item["text"]}</text></annotation>'
        for number, item in enumerate(passage["annotations"])
    ]
    text = passage["text"].replace("&", "&amp;")
    return (
        f"<passage><infon key='type'>title</infon><offset>{passage['offset']}</offset>"
        f"<text>{text}</text>{''.join(annotations)}</passage>"
    )


PASSAGES = [make_passage(0, TITLE, CHEMICAL, DISEASE), make_passage(len(TITLE) + 1, ABSTRACT, GENE)]


@pytest.mark.parametrize(
    "content",
    [
        {"source": "", "documents": [{"id": "900001", "passages": PASSAGES}]},
        f"<?xml version='1.0'?><!DOCTYPE collection SYSTEM 'BioC.dtd'><collection><document>"
        f"<id>900001</id>{''.join(map(to_xml, PASSAGES))}</document></collection>",
        f"900001|t|{TITLE}\n900001|a|{ABSTRACT}\n900001\t0\t7\tAspirin\tChemical\tMESH:D001241\n"
        "900001\t0\t22\tAspirin-induced asthma\tDisease\tMESH:D055963\n"
        f"900001\t{len(TITLE) + 10}\t{len(TITLE) + 14}\tIL-2\tGene\t-\n"
        "900001\tCID\tMESH:D001241\tMESH:D001249\n",
    ],
    ids=["json", "xml", "pubtator"],
)
def test_identifiers_are_kept(tmp_path, content):
    (record,) = read(tmp_path, {"a": content})
    assert (record.id, record.text, record.bad) == ("900001", f"{TITLE}\n{ABSTRACT}", ())
    found = [(record.text[e.start : e.end], e.label, e.kb_id) for e in record.entities]
    assert found == [CHEMICAL, DISEASE, GENE]
    doc, _ = record_to_doc(NLP, record)
    assert {span.kb_id_ for span in doc.spans["sc"]} >= {"MESH:D001241", "MESH:D055963"}


@pytest.mark.parametrize(
    "content",
    [
        "\n".join(json.dumps({"id": i, "passages": PASSAGES}) for i in "12"),
        json.dumps([{"id": i, "passages": PASSAGES} for i in "12"]),
        json.dumps({"PubTator3": [{"id": i, "passages": PASSAGES} for i in "12"]}),
    ],
)
def test_documents_of_bioc_in_lines_and_lists(tmp_path, content):
    records = read(tmp_path, {"a.json": content})
    assert [(record.id, len(record.entities), record.bad) for record in records] == [
        ("1", 3, ()),
        ("2", 3, ()),
    ]


def test_tasks_of_label_studio_in_lines(tmp_path):
    task = make_task("IL-2 gene", (0, 4, ["X"], {}))
    records = read(tmp_path, {"a.json": f"{json.dumps(task)}\n{{bad\n{json.dumps(task)}\n"})
    assert list_entities(records) == [[("IL-2", "X")], [], [("IL-2", "X")]]
    assert_malformed(lambda: records, "task 2: expected a task with 'data'")


def test_numbers_that_go_on_over_sentences(tmp_path):
    records = read(tmp_path, {"a.tsv": "1\tIL-2\tB-X\n2\tis\tO\n\n3\tIL-4\tB-X\n"})
    assert [record.text for record in records] == ["IL-2 is", "IL-4"]


SENTENCE = "😀 boiler feed pump failed ."
WEBANNO = f"""#FORMAT=WebAnno TSV 3.3
#T_SP=custom.Span|identifier|label
#T_RL=custom.Relation|kind|BT_custom.Span


#Text={SENTENCE}
1-1\t0-2\t😀\t_\t_\t_\t_\t
1-2\t3-9\tboiler\t*[1]|D\\_1[2]\tEQ[1]|part[2]\t_\t_\t
1-3\t10-14\tfeed\t*[1]\tEQ[1]\t_\t_\t
1-4\t15-19\tpump\t*[1]\tEQ[1]\t_\t_\t
1-5\t20-26\tfailed\t_\t_\t_\t_\t
1-6\t27-28\t.\t_\t_\t_\t_\t

#Text=It was old .
2-1\t29-31\tIt\t_\t_\t_\t_\t
2-2\t32-35\twas\t_\t_\t_\t_\t
2-3\t36-39\told\t_\tstate\t_\t_\t
2-4\t40-41\t.\t_\t_\t_\t_\t
"""


def test_webanno(tmp_path):
    records = read(tmp_path, {"a.tsv": WEBANNO})
    assert records[0].text == f"{SENTENCE}\nIt was old ."
    assert list_entities(records) == [
        [("boiler feed pump", "EQ"), ("boiler", "part"), ("old", "state")]
    ]
    assert [entity.kb_id for entity in records[0].entities] == ["", "D_1", ""]


def test_uima_cas(tmp_path):
    structures = [
        {"%ID": 1, "%TYPE": "uima.cas.Sofa", "sofaString": SENTENCE},
        {"%ID": 2, "%TYPE": "custom.Span", "@sofa": 1, "begin": 3, "end": 19, "label": "EQ"},
        {"%ID": 3, "%TYPE": "x.segmentation.type.Token", "@sofa": 1, "begin": 3, "end": 9},
    ]
    records = read(tmp_path, {"a.json": {"%TYPES": {}, "%FEATURE_STRUCTURES": structures}})
    assert list_entities(records) == [[("boiler feed pump", "EQ")]]
    assert list_changes(records) == [[]]


# Label Studio and Prodigy


def test_only_string_of_a_task_is_its_text(tmp_path):
    task = make_task("", (0, 5, ["EQ"], {}))
    task["data"] = {"report": "Valve leaks.", "number": 3}
    assert list_entities(read(tmp_path, {"a.json": [task]})) == [[("Valve", "EQ")]]
    task["data"]["title"] = "Work order"
    records = read(tmp_path, {"a.json": [task]}, text_key="report")
    assert list_entities(records) == [[("Valve", "EQ")]]


@pytest.mark.parametrize("address", ["/data/upload/3/0a1b-notes.txt", "https://example.org/a.txt"])
def test_address_of_a_text_is_an_error(tmp_path, address):
    tasks = [make_task(address, (1, 5, ["EQ"], {})), make_task("Valve leaks.")]
    with pytest.raises(CorpusError, match="task 1: expected a text, not the address of one"):
        read(tmp_path, {"a.json": tasks})


@pytest.mark.parametrize("labels", [[], None])
def test_region_without_a_label_is_dropped(tmp_path, labels):
    records = read(
        tmp_path, {"a.json": [make_task("Valve leaks.", (0, 5, ["EQ"], {}), (6, 11, labels, {}))]}
    )
    assert list_entities(records) == [[("Valve", "EQ")]]
    assert list_dropped(records) == [["no label"]]
    assert_malformed(lambda: records, r"a\.json, task 1: expected a label for 'leaks' at 6")


def test_text_that_word_granularity_left_behind(tmp_path):
    task = make_task("Mill gearbox is noisy.", (0, 12, ["EQ"], {"text": "ill gearb"}))
    records = read(tmp_path, {"a.json": [task]})
    assert list_dropped(records) == [["text differs"]]


def test_each_label_of_a_region_is_an_entity(tmp_path):
    task = make_task("Mill gearbox", (0, 12, ["Equipment", "Rotating"], {}))
    found = [[("Mill gearbox", "Equipment"), ("Mill gearbox", "Rotating")]]
    assert list_entities(read(tmp_path, {"a.json": [task]})) == found


def test_span_without_a_label_and_own_tokens_of_prodigy(tmp_path):
    text = "no.12/b is worn"
    words = ["no", ".", "12", "/", "b", "is", "worn"]
    item = {
        "text": text,
        "tokens": [{"text": word, "id": i} for i, word in enumerate(words)],
        "spans": [{"start": 3, "end": 5, "label": "N"}, {"start": 0, "end": 2, "label": None}],
        "answer": "accept",
    }
    (record,) = read(tmp_path, {"a.jsonl": item}, keep_tokens=True)
    assert record.words == tuple(words)
    doc, dropped = record_to_doc(NLP, record)
    assert ([span.text for span in doc.spans["sc"]], dropped) == (["12"], [])
    assert list_dropped([record]) == [["no label"]]
    assert read(tmp_path, {"a.jsonl": item})[0].words is None


# All of it


def test_what_is_malformed_is_all_listed_and_refused_from_a_share_on(tmp_path):
    good = make_line("IL-2 gene", (0, 4, "protein"))
    lines = [good] * 8 + ["{", '{"text": 1}']
    source = write(tmp_path, {"a.jsonl": "\n".join(lines)}) / "a.jsonl"
    with pytest.raises(CorpusError, match=r"2 of 18 items (?s:.*)line 9: (?s:.*)line 10: "):
        convert(source, tmp_path / "a.spacy", lang="en")
    accounts = convert(source, tmp_path / "a.spacy", lang="en", max_bad=0.2)
    (account,) = accounts.values()
    assert [problem.partition(": ")[0] for problem in account.bad] == [
        f"{source}, line {number}" for number in (9, 10)
    ]
    assert account.skipped == {"malformed": 2}
    saved = json.loads((tmp_path / "a.json").read_text("utf8"))
    assert saved["malformed"] == account.bad
    with pytest.raises(CorpusError, match="--strict is set"):
        convert(source, tmp_path / "b.spacy", lang="en", max_bad=0.2, strict=True)
    assert not (tmp_path / "b.spacy").exists()


def test_single_bad_item_passes_unless_none_may(tmp_path):
    source = write(tmp_path, {"a.jsonl": make_line("IL-2", (0, 4, "X")) + "\n{"}) / "a.jsonl"
    assert len(convert(source, tmp_path / "a.spacy", lang="en")) == 1
    with pytest.raises(CorpusError, match="1 of 3 items are malformed"):
        convert(source, tmp_path / "a.spacy", lang="en", max_bad=0)


@pytest.mark.parametrize("span", [(0, 5, "X"), (0, 4, "")])
def test_strict_makes_each_change_an_error(tmp_path, span):
    source = write(tmp_path, {"a.jsonl": make_line("IL-2 gene", span)}) / "a.jsonl"
    with pytest.raises(CorpusError, match=r"1 entities (changed|dropped)"):
        convert(source, tmp_path / "a.spacy", lang="en", strict=True)
