import json
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest
import srsly
from spacy.tokens import DocBin
from spacy.vocab import Vocab

from spacy_eiou.corpora import CorpusError, Dropped, Entity, Reading, Record, convert, make_nlp
from spacy_eiou.corpora._files import CorpusFile
from spacy_eiou.corpora.conversion import check_records, find_format

ITEMS = [
    {"text": "the IL-2 gene", "spans": [[4, 13, "DNA"], [4, 8, "protein"]]},
    {"text": "binds", "spans": []},
    {"text": "IL-2", "spans": [[0, 4, "protein"], [0, 2, "protein"]]},
]


def read_found(path, corpus_format=None):
    found, paths = find_format(corpus_format, [Path(path)])
    return Reading().read(found, paths)


def convert_jsonl(source, output, **options):
    return convert(source, output, corpus_format="jsonl", lang="en", **options)


def read_docs(path):
    return list(DocBin().from_disk(path).get_docs(Vocab()))


def write_jsonl(path, items):
    srsly.write_jsonl(path, items)
    return path


@pytest.fixture
def source(tmp_path):
    return write_jsonl(tmp_path / "data.jsonl", ITEMS)


@pytest.fixture
def numbered(tmp_path):
    items = [{"id": f"r{i}", "text": f"text {i}", "spans": []} for i in range(10)]
    return write_jsonl(tmp_path / "numbered.jsonl", items)


def test_one_file(source, tmp_path, capsys):
    output = tmp_path / "new" / "data.spacy"
    accounts = convert_jsonl(source, output)
    assert list(accounts) == [output]
    docs = read_docs(output)
    assert [doc.text for doc in docs] == [item["text"] for item in ITEMS]
    assert [doc.user_data["record_id"] for doc in docs] == ["data-1", "data-2", "data-3"]
    assert [[(span.text, span.label_) for span in doc.spans["sc"]] for doc in docs] == [
        [("IL-2 gene", "DNA"), ("IL-2", "protein")],
        [],
        [("IL-2", "protein")],
    ]
    account = json.loads(output.with_suffix(".json").read_text(encoding="utf-8"))
    assert account == accounts[output].to_dict()
    assert account["entities_per_label"] == {"protein": 2, "DNA": 1}
    assert account["dropped_entities"]["misaligned"]["count"] == 1
    assert sorted(path.name for path in output.parent.iterdir()) == ["data.json", "data.spacy"]
    assert capsys.readouterr() == ("", "")


def test_tokenizer_and_spans_key(source, tmp_path):
    tokenizer = "spacy_eiou.CharacterTokenizer.v1"
    convert_jsonl(
        source, tmp_path / "data.spacy", tokenizer=tokenizer, spans_key="genes", strict=True
    )
    docs = read_docs(tmp_path / "data.spacy")
    assert [len(doc) for doc in docs] == [13, 5, 4]
    assert [len(doc.spans["genes"]) for doc in docs] == [2, 0, 2]


def test_strict_writes_nothing(source, tmp_path):
    with pytest.raises(CorpusError, match="--strict is set"):
        convert_jsonl(source, tmp_path / "data.spacy", strict=True)
    assert [path.name for path in tmp_path.iterdir()] == ["data.jsonl"]


def test_skipped_records_are_counted(tmp_path):
    items = [{**ITEMS[0], "answer": answer} for answer in ("accept", "reject")]
    source = write_jsonl(tmp_path / "data.jsonl", items)
    (account,) = convert_jsonl(source, tmp_path / "data.spacy").values()
    assert (account.documents, account.skipped) == (1, {"answer: reject": 1})
    assert len(read_docs(tmp_path / "data.spacy")) == 1
    with pytest.raises(CorpusError, match="--strict is set"):
        convert_jsonl(source, tmp_path / "strict.spacy", strict=True)


@pytest.mark.parametrize(
    "split, sizes",
    [
        ({"split_sizes": [7, 2, 1]}, [7, 2, 1]),
        ({"split_sizes": [6, 4]}, [6, 4]),
        ({"split_fractions": [0.6, 0.2, 0.2]}, [6, 2, 2]),
    ],
)
def test_splits(numbered, tmp_path, split, sizes):
    accounts = convert_jsonl(numbered, tmp_path / "corpus", **split)
    names = ["train", "dev", "test"][: len(sizes)]
    assert list(accounts) == [tmp_path / "corpus" / f"{name}.spacy" for name in names]
    parts = [read_docs(path) for path in accounts]
    assert [len(part) for part in parts] == sizes
    assert len({doc.user_data["record_id"] for part in parts for doc in part}) == 10
    assert {path.name for path in (tmp_path / "corpus").iterdir()} == {
        f"{name}.{suffix}" for name in names for suffix in ("spacy", "json")
    }


def test_parts_that_are_converted_one_by_one_are_compared(source, tmp_path):
    convert_jsonl(source, tmp_path / "train.spacy")
    (tmp_path / "test.spacy").write_bytes(b"damaged")
    dev = write_jsonl(tmp_path / "dev.jsonl", [*ITEMS[1:], {"text": "new", "spans": []}])
    with pytest.warns(UserWarning) as caught:
        convert(dev, tmp_path / "dev.spacy", lang="en")
    (message,) = [str(warning.message) for warning in caught]
    assert message.startswith("2 of 3 documents of dev have a text, or belong to a document")


def test_whole_documents_of_parts(in_tmp_path):
    items = [
        {"text": text, "spans": [[2, 4, "X"]], "group": group}
        for text, group in [("a bc", "1"), ("d ef", "1"), ("g hi", "2"), ("j kl", "2")]
    ]
    write_jsonl("a.jsonl", items)
    train, dev = convert_jsonl(
        Path("a.jsonl"), Path("out"), split_sizes=[3, 1], whole_documents=True
    ).values()
    assert (train.documents, dev.documents) == (2, 1)
    first, second = read_docs("out/train.spacy")
    assert (first.text, second.text) == ("a bc d ef", "g hi")
    assert [span.text for span in first.spans["sc"]] == ["bc", "ef"]
    assert first.user_data == {"record_id": "a-1", "group": "1"}
    write_jsonl("b.jsonl", [{"text": "a", "spans": []}])
    with pytest.raises(CorpusError, match=r"b\.jsonl: expected records that say which document"):
        convert_jsonl(Path("b.jsonl"), Path("b.spacy"), whole_documents=True)


def test_seed(numbered, tmp_path):
    texts = []
    for seed in (0, 0, 1):
        convert_jsonl(numbered, tmp_path / "out", split_fractions=[0.5, 0.5], seed=seed)
        texts.append([doc.text for doc in read_docs(tmp_path / "out" / "dev.spacy")])
    assert texts[0] == texts[1] != texts[2]


def test_id_lists(numbered, tmp_path):
    lists = [tmp_path / "a.txt", tmp_path / "b.txt"]
    lists[0].write_text("r3\nr1\nmissing\n")
    lists[1].write_text("r2\n")
    with (
        pytest.warns(UserWarning, match="1 ids match no record: missing"),
        pytest.warns(UserWarning, match="7 records are unlisted: r0"),
    ):
        convert_jsonl(numbered, tmp_path / "corpus", split_ids=lists)
    docs = read_docs(tmp_path / "corpus" / "train.spacy")
    assert [doc.user_data["record_id"] for doc in docs] == ["r1", "r3"]
    with pytest.raises(CorpusError, match="1 ids match no record"):
        convert_jsonl(numbered, tmp_path / "strict", split_ids=lists, strict=True)
    assert not (tmp_path / "strict").exists()


def test_complete_id_lists_are_strict(numbered, tmp_path):
    lists = [tmp_path / name for name in ("a.txt", "b.txt")]
    for path, ids in zip(lists, (range(5), range(5, 10)), strict=True):
        path.write_text("\n".join(f"r{i}" for i in ids))
    paths = convert_jsonl(numbered, tmp_path / "corpus", split_ids=lists, strict=True)
    train, dev = ([doc.user_data["record_id"] for doc in read_docs(path)] for path in paths)
    assert train == ["r0", "r1", "r2", "r3", "r4"]
    assert dev == ["r5", "r6", "r7", "r8", "r9"]


@pytest.mark.parametrize("level, label", [(None, "A"), (0, "Entity"), (2, "A/B")])
def test_level(tmp_path, level, label):
    item = {"text": "a", "tokens": ["a"], "entities": [{"start": 0, "end": 1, "type": "A/B/C"}]}
    source = tmp_path / "gold.json"
    source.write_text(json.dumps([item]))
    output = tmp_path / "out.spacy"
    convert(source, output, corpus_format="maintie", lang="en", level=level)
    (doc,) = read_docs(output)
    assert [span.label_ for span in doc.spans["sc"]] == [label]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"corpus_format": "xml"}, "Expected a format from bioc, brat, .*, not 'xml'"),
        ({"corpus_format": "iob2"}, "data.jsonl, line 1: expected a token and its tags"),
        ({"lang": "qq"}, "Can't create the tokenizer"),
        ({"tokenizer": "none"}, "Can't create the tokenizer"),
        ({"level": 1}, "Expected no level: the format 'jsonl' has none"),
        ({"corpus_format": "maintie", "level": 4}, "Expected another level than 4"),
        ({"split_sizes": [2, 2]}, "sum to 3"),
        ({"split_sizes": [3]}, "Expected two or three parts"),
        ({"split_sizes": [2, 1], "split_fractions": [0.5, 0.5]}, "Expected one way to split"),
        ({"split_ids": [Path("nowhere.txt"), Path("b.txt")]}, "nowhere.txt: expected a file"),
        ({"tokenizer": "none", "to": "jsonl", "lang": None}, "Expected a language"),
        ({"model": "m"}, "Expected no model: the format 'docbin' tells no suggestions"),
    ],
)
def test_errors(source, tmp_path, changes, message):
    options = {"corpus_format": "jsonl", "lang": "en", **changes}
    with pytest.raises(CorpusError, match=message):
        convert(source, tmp_path / "out.spacy", **options)
    assert [path.name for path in tmp_path.iterdir()] == ["data.jsonl"]


ACCEPTED = [{"text": text, "spans": [[0, 2, "X"]]} for text in ("IL-2", "IL-2", "IL-3")]


@pytest.mark.parametrize(
    "options, message",
    [
        (
            {"output_path": Path("out.xml")},
            "Expected an output file with the suffix .spacy, not out.xml. To write another format, "
            "choose it with --to: bioc",
        ),
        (
            {"output_path": Path("dir.spacy")},
            "dir.spacy: expected a file to write, not a directory",
        ),
        (
            {"output_path": Path("account.spacy")},
            "account.json: expected a file to write, not a directory",
        ),
        (
            {"output_path": Path("a.spacy"), "input_path": Path("a.json")},
            "Expected another output path: a.json is read, and would be lost",
        ),
        ({"input_path": Path("none")}, "none: expected a file or a directory to read"),
        (
            {"split_ids": [Path("a.json"), Path("none")]},
            "none: expected a file or a directory to read",
        ),
        ({"split_sizes": [3]}, "Expected two or three parts (train, dev, test), not 1"),
        ({"split_sizes": [1] * 4}, "Expected two or three parts (train, dev, test), not 4"),
        (
            {"split_sizes": [2, 1], "split_ids": []},
            "Expected one way to split: by sizes, by fractions or by ids",
        ),
        ({"merge": "x"}, "Expected --merge to be one of first, majority, union, not 'x'"),
        (
            {"strict": True, "split_sizes": [2, 1], "output_path": Path("out")},
            "Expected to keep all entities and records as they are, since --strict is set:\n"
            "2 entities dropped (misaligned)\n1 entities dropped (misaligned)",
        ),
        (
            {"input_path": Path("skipped.jsonl")},
            "skipped.jsonl: expected a document, but its 2 records are all skipped "
            "(answer: reject)",
        ),
    ],
)
def test_whole_messages(in_tmp_path, options, message):
    write_jsonl("a.jsonl", ACCEPTED)
    write_jsonl("a.json", ACCEPTED)
    write_jsonl("skipped.jsonl", [{"text": "a", "answer": "reject"}] * 2)
    for name in ("dir.spacy", "account.json"):
        Path(name).mkdir()
    arguments = {"input_path": Path("a.jsonl"), "output_path": Path("out.spacy"), **options}
    with pytest.raises(CorpusError) as caught:
        convert(**arguments, corpus_format="jsonl", lang="en")
    assert str(caught.value) == message


def test_options_of_the_reader(in_tmp_path):
    item = {"body": "😀 IL-2", "text": "x", "spans": [[3, 7, "A"]], "tokens": ["😀", "IL-", "2"]}
    write_jsonl(
        "a.jsonl", [{**item, "annotator": "ann", "spans": []}, {**item, "annotator": "ben"}]
    )
    (account,) = convert(
        Path("a.jsonl"),
        Path("a.spacy"),
        lang="en",
        offsets="utf-16",
        text_key="body",
        keep_tokens=True,
        annotator="ben",
        merge="first",
    ).values()
    (doc,) = read_docs("a.spacy")
    assert [token.text for token in doc] == ["😀", "IL-", "2"]
    assert [span.text for span in doc.spans["sc"]] == ["IL-2"]
    assert (account.agreement, account.changed) == (0, {})
    write_jsonl("b.jsonl", [{"tokens": ["IL-2"], "tags": [1]}])
    convert(Path("b.jsonl"), Path("b.spacy"), lang="en", tag_names=["O", "B-X"])
    (doc,) = read_docs("b.spacy")
    assert [span.label_ for span in doc.spans["sc"]] == ["X"]


def write_drugs(*ends):
    """Write a text for each end of the entity "Aspirin", which is 7."""
    items = [{"text": f"Aspirin in {end} mg.", "spans": [[0, end, "DRUG"]]} for end in ends]
    return write_jsonl(Path("drugs.jsonl"), items)


INCLUSIVE = (
    "{} of {} entities end one character before the end of a token: the ends seem to be inclusive, "
    "but an end is expected to be the offset after the last character. Add 1 to each end"
)
ALL_DROPPED = "drugs.jsonl: expected entities that can be kept, but all are dropped ({}). The first"


@pytest.mark.parametrize("options", [{"output_path": "a.spacy"}, {"to": "iob2"}])
def test_inclusive_ends_of_all_entities(in_tmp_path, options):
    with pytest.raises(CorpusError) as caught:
        convert(write_drugs(6, 6, 6), **{"output_path": "a.iob2", "lang": "en", **options})
    assert str(caught.value) == (
        f"{ALL_DROPPED.format('3 misaligned')} is 'Aspiri' in drugs-1, characters 0 to 6. "
        f"{INCLUSIVE.format(3, 3)}"
    )
    assert [path.name for path in Path().iterdir()] == ["drugs.jsonl"]


@pytest.mark.parametrize("options", [{}, {"split_sizes": [1, 2]}])
def test_inclusive_ends_of_most_entities(in_tmp_path, options):
    source = write_drugs(7, 6, 6)
    output = Path("out" if options else "out.spacy")
    accounts = list(convert_jsonl(source, output, **options).values())
    assert sum(account.dropped["misaligned"] for account in accounts) == 2
    assert accounts[-1].warnings[0] == INCLUSIVE.format(2, 3)
    with pytest.raises(CorpusError) as caught:
        convert_jsonl(source, Path("strict.spacy"), strict=True)
    losses = f"{INCLUSIVE.format(2, 3)}\n2 entities dropped (misaligned)"
    assert str(caught.value).endswith(f"--strict is set:\n{losses}")


def test_ends_of_some_entities_are_no_inclusive_ends(in_tmp_path):
    (account,) = convert_jsonl(write_drugs(7, 7, 6), Path("a.spacy")).values()
    assert account.dropped == {"misaligned": 1}
    assert not any("inclusive" in warning for warning in account.warnings)


@pytest.mark.parametrize(
    "items, reasons, place, hint",
    [
        (
            [{"text": "IL-2", "spans": [[0, 2, "X"]]}],
            "1 misaligned",
            "'IL' in drugs-1, characters 0 to 2",
            " Misaligned ones do not begin and end with a token: try another --tokenizer",
        ),
        (
            [{"text": "a  b", "spans": [[1, 2, "X"]]}, {"text": "a", "spans": [[0, 1, ""]]}],
            "1 whitespace, 1 no label",
            "' ' in drugs-1, characters 1 to 2",
            "",
        ),
    ],
)
def test_no_entity_is_left(in_tmp_path, items, reasons, place, hint):
    with pytest.raises(CorpusError) as caught:
        convert_jsonl(write_jsonl(Path("drugs.jsonl"), items), Path("a.spacy"))
    assert str(caught.value) == f"{ALL_DROPPED.format(reasons)} is {place}.{hint}"


def test_there_need_not_be_an_entity(in_tmp_path):
    source = write_jsonl(Path("a.jsonl"), [{"text": "a", "spans": []}])
    (account,) = convert_jsonl(source, Path("a.spacy"), strict=True).values()
    assert account.documents == 1


def test_warnings_are_in_the_account_of_the_last_part(in_tmp_path):
    items = [{"text": "IL-2", "spans": [[0, 4, "X"]]}] * 2
    write_jsonl("a.jsonl", items)
    first, last = convert_jsonl(Path("a.jsonl"), Path("out"), split_sizes=[1, 1]).values()
    assert (first.warnings, last.warnings) == (
        [],
        [
            "1 of 1 documents of dev have a text, or belong to a document, that an earlier part "
            "has too: scores on them are too high ('IL-2')"
        ],
    )


def make_bad(n_bad, n_records=1):
    bad = Record("a", "x", (Entity(0, 1, "X"),), dropped=(Dropped("", "", Entity(0, 0, ""), ""),))
    return [
        replace(bad, bad=tuple(map(str, range(n_bad)))),
        *[Record("b", "x", ())] * (n_records - 1),
    ]


def list_numbers(n):
    return "".join(f"\n{number}" for number in range(n))


@pytest.mark.parametrize(
    "records, max_bad, message",
    [
        ([], 0.1, "expected at least one record"),
        (
            [Record("a", "", (), skipped="malformed", bad=("why",))],
            1,
            "expected at least one record\nwhy",
        ),
        (make_bad(1), 0.01, None),
        (make_bad(0), 0, None),
        (make_bad(2, 18), 0.1, None),
        (
            make_bad(1),
            0,
            "1 of 3 items are malformed, more than a share of 0 (to let more pass: --max-bad)\n0",
        ),
        (
            make_bad(20, 2),
            0.1,
            "20 of 4 items are malformed, more than a share of 0.1 (to let more pass: --max-bad)"
            f"{list_numbers(20)}",
        ),
        (
            make_bad(22),
            0.1,
            "22 of 3 items are malformed, more than a share of 0.1 (to let more pass: --max-bad)"
            f"{list_numbers(20)}\n... and 2 more",
        ),
    ],
)
def test_malformed_items(records, max_bad, message):
    paths = [Path("a"), Path("b")]
    if message is None:
        check_records(records, paths, max_bad)
    else:
        with pytest.raises(CorpusError) as caught:
            check_records(records, paths, max_bad)
        assert str(caught.value) == f"a: {message}"


def test_files_in_no_known_format(in_tmp_path):
    Path("d").mkdir()
    write_jsonl("d/a.jsonl", ACCEPTED)
    corpus_format, paths = find_format(None, [Path("d")])
    assert (corpus_format.name, paths) == ("jsonl", [CorpusFile(Path("d/a.jsonl"), "a.jsonl")])
    assert find_format("brat", [Path("d")])[1] == [Path("d")]
    for number in range(10, 31):
        Path(f"d/{number}.md").touch()
    names = ", ".join(f"{number}.md" for number in range(10, 30))
    with pytest.warns(UserWarning) as caught:
        paths = find_format(None, [Path("d")])[1]
    assert paths == [CorpusFile(Path("d/a.jsonl"), "a.jsonl")]
    message = f"Left out 21 files that are in no known format: {names} ..."
    assert [str(warning.message) for warning in caught] == [message]
    Path("d/30.md").unlink()
    with pytest.warns(UserWarning, match=r"Left out 20 files .*29\.md$"):
        find_format(None, [Path("d")])


def test_files_beside_those_of_the_corpus_change_no_ids(in_tmp_path):
    for name in "ab":
        Path(f"d/{name}").mkdir(parents=True)
        write_jsonl(f"d/{name}/data.jsonl", ACCEPTED)
    ids = [f"{name}/data-{number}" for name in "ab" for number in (1, 2, 3)]
    assert [record.id for record in read_found("d")] == ids
    Path("d/README.md").write_text("About these files")
    with pytest.warns(UserWarning, match=r"Left out 1 files .*: README\.md$"):
        assert [record.id for record in read_found("d")] == ids


def test_a_readme_in_an_archive_is_left_out(in_tmp_path):
    write_jsonl("data.jsonl", ACCEPTED)
    with ZipFile("corpus.zip", "w") as archive:
        archive.write("data.jsonl")
        archive.writestr("README.md", "About these files")
    for corpus_format in (None, "jsonl"):
        with pytest.warns(UserWarning, match=r"Left out 1 files .*: README\.md$"):
            records = read_found("corpus.zip", corpus_format)
        assert [record.id for record in records] == ["data-1", "data-2", "data-3"]


def test_a_damaged_file_in_an_archive_is_an_error(in_tmp_path):
    write_jsonl("data.jsonl", ACCEPTED)
    with ZipFile("corpus.zip", "w") as archive:
        archive.write("data.jsonl")
        archive.writestr("damaged.jsonl", '{"tex')
    records = read_found("corpus.zip", "jsonl")
    assert [len(record.bad) for record in records] == [1, 0, 0, 0]


def test_id_lists_that_do_not_match(in_tmp_path):
    write_jsonl("a.jsonl", [{"id": f"r{i}", "text": "x", "spans": []} for i in range(5)])
    Path("a.txt").write_text("r1\nmissing\nlost\n")
    Path("b.txt").write_text("r3\n")
    lists = [Path("a.txt"), Path("b.txt")]
    problems = ["2 ids match no record: missing ...", "3 records are unlisted: r0 ..."]
    with pytest.warns(UserWarning) as caught:
        convert(Path("a.jsonl"), Path("out"), lang="en", split_ids=lists)
    assert [str(warning.message) for warning in caught] == problems
    with pytest.raises(CorpusError) as caught:
        convert_jsonl(Path("a.jsonl"), Path("out"), split_ids=lists, strict=True)
    expected = f"Expected id lists that match the corpus, but {'; '.join(problems)}"
    assert str(caught.value) == expected


def test_losses_of_all_kinds(in_tmp_path):
    lines = [
        {"text": "IL-2", "spans": [[0, 9, "X"], [0, 4, ""], [0, 4, "X"]]},
        {"text": "IL-2 ", "spans": [[0, 5, "X"]]},
        {"text": "a", "answer": "ignore"},
    ]
    write_jsonl("a.jsonl", lines)
    with pytest.raises(CorpusError) as caught:
        convert_jsonl(Path("a.jsonl"), Path("a.spacy"), max_bad=1, strict=True)
    assert str(caught.value).splitlines()[1:] == [
        "a.jsonl, line 1: expected offsets from 0 to 4, the length of the text, but 'X' has 0 to 9",
        "a.jsonl, line 1: expected a label for 'IL-2' at 0",
        "1 records skipped (answer: ignore)",
        "1 entities dropped (outside of the text)",
        "1 entities dropped (no label)",
        "1 entities changed (white space trimmed)",
    ]


def test_options_that_are_given():
    assert Reading().get_options() == {}
    reading = Reading("utf-8", 0, "body", ("O",), True, "ann", "first", 0.5)
    assert reading.get_options() == {
        "offsets": "utf-8",
        "level": 0,
        "text_key": "body",
        "tag_names": ["O"],
        "keep_tokens": True,
    }


def test_corpus_without_records(tmp_path):
    source = write_jsonl(tmp_path / "data.jsonl", [])
    with pytest.raises(CorpusError, match="expected at least one record"):
        convert_jsonl(source, tmp_path / "out.spacy")


def test_corpus_whose_records_are_all_skipped(tmp_path):
    source = write_jsonl(tmp_path / "data.jsonl", [{**ITEMS[0], "answer": "reject"}])
    with pytest.raises(CorpusError, match=r"its 1 records are all skipped \(answer: reject\)"):
        convert_jsonl(source, tmp_path / "out.spacy")
    assert not (tmp_path / "out.spacy").exists()


def test_corpus_that_is_not_there(tmp_path):
    with pytest.raises(CorpusError, match=r"none\.jsonl: expected a file or a directory"):
        convert_jsonl(tmp_path / "none.jsonl", tmp_path / "out.spacy")


def test_output_is_a_file_with_the_suffix(source, tmp_path):
    with pytest.raises(CorpusError, match=r"suffix \.spacy"):
        convert_jsonl(source, tmp_path / "out")
    (tmp_path / "out.spacy").mkdir()
    with pytest.raises(CorpusError, match="expected a file to write, not a directory"):
        convert_jsonl(source, tmp_path / "out.spacy")


def test_input_is_never_overwritten(source, tmp_path):
    source = source.rename(tmp_path / "data.json")
    with pytest.raises(CorpusError, match="Expected another output path"):
        convert_jsonl(source, tmp_path / "data.spacy")
    assert json.loads(source.read_text().splitlines()[0]) == ITEMS[0]


def test_other_format_in_parts(numbered, tmp_path):
    for _ in range(2):
        accounts = convert(numbered, tmp_path / "out", to="jsonl", split_sizes=[8, 2], strict=True)
    assert list(accounts) == [tmp_path / "out" / name for name in ("train.jsonl", "dev.jsonl")]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("train.jsonl", "train.jsonl.account.json", "dev.jsonl", "dev.jsonl.account.json")
    }
    assert [item["id"] for item in srsly.read_jsonl(tmp_path / "out" / "dev.jsonl")] == ["r8", "r9"]
    (account,) = convert(tmp_path / "out", tmp_path / "all", to="brat").values()
    assert account.documents == 10
    with pytest.raises(CorpusError, match=r"expected an output outside of .*out, which would hold"):
        convert(tmp_path / "out", tmp_path / "out" / "brat", to="brat")
    assert not (tmp_path / "out" / "brat").exists()


def test_strict_counts_what_a_format_can_not_hold(source, tmp_path):
    options = {"to": "conll", "lang": "en"}
    with pytest.raises(CorpusError, match=r"1 entities dropped \(misaligned\)"):
        convert(source, tmp_path / "data.conll", **options, strict=True)
    assert not (tmp_path / "data.conll").exists()
    (account,) = convert(source, tmp_path / "data.conll", **options).values()
    assert json.loads((tmp_path / "data.conll.account.json").read_text()) == {
        **account.to_dict(),
        "files": ["data.conll", "data.conll.account.json"],
    }
    assert account.to_dict()["longest_in_characters"] == 9


def test_predictions_of_a_model(source, tmp_path):
    convert(source, tmp_path / "tasks.jsonl", to="prodigy", lang="en", model="m", max_bad=1)
    tasks = list(srsly.read_jsonl(tmp_path / "tasks.jsonl"))
    assert [task["meta"]["model"] for task in tasks] == ["m"] * 3
    assert not any("answer" in task for task in tasks)


def test_strict_counts_groups_and_scores(tmp_path):
    span = {"start": 0, "end": 4, "label": "X", "score": 0.5}
    item = {"text": "IL-2", "group": "a", "spans": [span]}
    source = write_jsonl(tmp_path / "data.jsonl", [item])
    with pytest.raises(CorpusError, match="holds no groups: those of 1 documents are lost"):
        convert(source, tmp_path / "out.txt", to="pubtator", strict=True)
    convert(source, tmp_path / "out.jsonl", to="jsonl", strict=True)
    (written,) = srsly.read_jsonl(tmp_path / "out.jsonl")
    assert (written["group"], written["spans"][0]["score"]) == ("a", 0.5)


def test_nothing_of_an_output_replaces_another(source, numbered, tmp_path):
    with pytest.raises(CorpusError, match=r"out.xml: expected a file that ends in .json"):
        convert(source, tmp_path / "out.xml", to="label-studio")
    convert(numbered, tmp_path / "out", to="label-studio", split_sizes=[8, 2])
    tasks = (tmp_path / "out" / "train.json").read_bytes()
    with pytest.raises(CorpusError, match=r"train.json: expected an account of convert"):
        convert(numbered, tmp_path / "out", lang="en", split_sizes=[8, 2])
    assert (tmp_path / "out" / "train.json").read_bytes() == tasks


def test_a_file_that_convert_did_not_write_is_never_replaced(source, tmp_path):
    output = tmp_path / "train.spacy"
    output.write_bytes(b"mine")
    with pytest.raises(CorpusError, match=r"train.spacy: expected a file that convert has written"):
        convert_jsonl(source, output)
    assert output.read_bytes() == b"mine"


def test_a_file_that_is_read_is_never_replaced(source, tmp_path):
    folder = tmp_path / "folder"
    convert_jsonl(source, folder / "train.spacy")
    before = (folder / "train.spacy").read_bytes()
    for options in ({"to": "docbin"}, {"to": "jsonl"}):
        with pytest.raises(CorpusError, match=r"another output path: .*train.* is read|outside of"):
            convert(folder, folder, lang="en", split_fractions=[0.5, 0.5], **options)
    assert (folder / "train.spacy").read_bytes() == before


def test_only_the_parts_that_are_named_are_compared(source, tmp_path, recwarn):
    train = tmp_path / "train.spacy"
    convert_jsonl(source, train)
    convert_jsonl(source, tmp_path / "dev.spacy", beside=[])
    assert not recwarn
    with pytest.warns(UserWarning, match="documents of dev have a text"):
        convert_jsonl(source, tmp_path / "dev.spacy", beside=[train])


def test_no_record_that_the_format_can_hold(tmp_path):
    source = write_jsonl(
        tmp_path / "data.jsonl", [{"text": "a", "answer": "reject"}, {"text": " ", "spans": []}]
    )
    with pytest.raises(CorpusError) as caught:
        convert(source, tmp_path / "data.iob2", to="iob2", lang="en")
    assert str(caught.value) == (
        f"{source}: no record can be written as iob2 (answer: reject, no tokens to write in "
        "columns)"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["data.jsonl"]


def test_failed_write_leaves_the_old_file(source, tmp_path, monkeypatch):
    output = tmp_path / "data.spacy"
    convert_jsonl(source, output)
    old = output.read_bytes()
    source.write_bytes(source.read_bytes() * 2)
    write_bytes = Path.write_bytes

    def fill_disk(path, data):
        write_bytes(path, data[:10])
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", fill_disk)
    with pytest.raises(OSError, match="disk full"):
        convert_jsonl(source, output)
    assert output.read_bytes() == old
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["data.json", "data.jsonl", "data.spacy"]


def test_make_nlp_has_nothing_but_a_tokenizer():
    nlp = make_nlp("en", "spacy_eiou.WhitespaceTokenizer.v1")
    assert nlp.pipe_names == []
    assert [token.text for token in nlp("IL-2.")] == ["IL-2."]
