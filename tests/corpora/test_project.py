import json
import os
import zipfile
from pathlib import Path

import pytest
import srsly
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab

from spacy_eiou.corpora import (
    PARTS,
    Conversion,
    CorpusDescription,
    CorpusError,
    Entity,
    Reading,
    Record,
    init_project,
    make_nlp,
    prepare,
    split_by_fractions,
)
from spacy_eiou.corpora.project import (
    choose_fractions,
    count_misaligned,
    describe_corpus,
    make_project,
    split_records,
)

CONFIGS = Path(__file__).parents[2] / "configs"
TEXTS = ["IL-2 gene", "IL-3 gene", "IL-4 gene"]
SPANS = [(0, 9, "DNA"), (0, 4, "protein")]


def write_jsonl(path, texts=TEXTS):
    path.mkdir(exist_ok=True)
    srsly.write_jsonl(path / "notes.jsonl", [{"text": text, "spans": SPANS} for text in texts])
    return path / "notes.jsonl"


def write_brat(path):
    folder = path / "notes"
    folder.mkdir()
    for number, text in enumerate(TEXTS):
        (folder / f"{number}.txt").write_text(text, encoding="utf8")
        lines = [f"T{s}\t{label} {s} {e}\t{text[s:e]}" for s, e, label in SPANS]
        (folder / f"{number}.ann").write_text("\n".join(lines), encoding="utf8")
    return folder


def write_iob2(path):
    rows = [f"{text.split()[0]} B-DNA B-protein\ngene I-DNA O\n" for text in TEXTS]
    (path / "notes.iob2").write_text("\n".join(rows), encoding="utf8")
    return path / "notes.iob2"


def write_conll(path):
    rows = [f"{text.split()[0]} NN B-DNA\ngene NN E-DNA\n" for text in TEXTS]
    (path / "notes.conll").write_text("\n".join(rows), encoding="utf8")
    return path / "notes.conll"


def write_label_studio(path):
    regions = [
        {"type": "labels", "value": {"start": start, "end": end, "labels": [label]}}
        for start, end, label in SPANS
    ]
    tasks = [{"data": {"text": text}, "annotations": [{"result": regions}]} for text in TEXTS]
    (path / "notes.json").write_text(json.dumps(tasks), encoding="utf8")
    return path / "notes.json"


def write_docbin(path):
    docs = [Doc(Vocab(), words=text.split(), spaces=[True, False]) for text in TEXTS]
    for doc in docs:
        doc.spans["sc"] = [Span(doc, 0, 2, "DNA"), Span(doc, 0, 1, "protein")]
    DocBin(docs=docs).to_disk(path / "notes.spacy")
    return path / "notes.spacy"


WRITERS = {
    "jsonl": write_jsonl,
    "brat": write_brat,
    "iob2": write_iob2,
    "conll": write_conll,
    "label-studio": write_label_studio,
    "docbin": write_docbin,
}


def run_prepare(project_dir, monkeypatch):
    """Run the first step of the workflow."""
    monkeypatch.chdir(project_dir)
    prepare(Path("configs/corpus.yml"), Path("corpus"), config_path=Path("configs/cnn.cfg"))


def read_docs(path):
    return [
        (doc.text, [(span.start_char, span.end_char, span.label_) for span in doc.spans["sc"]])
        for doc in DocBin().from_disk(path).get_docs(Vocab())
    ]


def list_names(path):
    return {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}


@pytest.mark.parametrize("corpus_format", WRITERS)
def test_project_can_be_prepared(tmp_path, monkeypatch, corpus_format):
    train = WRITERS[corpus_format](tmp_path)
    project_dir = tmp_path / "my project"
    report = init_project(project_dir, [train], corpus_format=corpus_format)
    assert (report.corpus_format, report.n_files) == (corpus_format, 6 if train.is_dir() else 1)
    run_prepare(project_dir, monkeypatch)
    parts = [
        read_docs(project_dir / "corpus" / f"{part}.spacy") for part in ("train", "dev", "test")
    ]
    spans = SPANS[:1] if corpus_format == "conll" else SPANS
    assert sorted(doc for part in parts for doc in part) == [(text, spans) for text in TEXTS]
    assert [len(part) for part in parts] == [1, 1, 1]


def test_files(tmp_path):
    data = write_jsonl(tmp_path).read_bytes()
    project_dir = tmp_path / "My Notes (2)"
    report = init_project(project_dir, [tmp_path / "notes.jsonl"])
    assert report.misaligned == {"spacy.Tokenizer.v1": 0}
    assert (report.n_entities, report.account.documents) == (6, 3)
    names = {"project.yml", "README.md", ".gitignore", "assets/train/notes.jsonl"}
    names |= {"configs/corpus.yml", "configs/cnn.cfg", "configs/transformer.cfg"}
    names |= {"configs/few_examples.cfg", "configs/transformer_pretraining.cfg"}
    assert list_names(project_dir) == names
    assert (project_dir / "assets" / "train" / "notes.jsonl").read_bytes() == data
    for name in (
        "cnn.cfg",
        "few_examples.cfg",
        "transformer.cfg",
        "transformer_pretraining.cfg",
    ):
        assert (project_dir / "configs" / name).read_bytes() == (CONFIGS / name).read_bytes()
    assert srsly.read_yaml(project_dir / "configs" / "corpus.yml") == {
        "lang": "en",
        "tokenizer": "spacy.Tokenizer.v1",
        "convert": [
            {
                "input": "train",
                "output": ".",
                "format": "jsonl",
                "split_fractions": [0.3334, 0.3333, 0.3333],
            }
        ],
    }
    variables = srsly.read_yaml(project_dir / "project.yml")["vars"]
    assert variables["name"] == "my_notes_2"
    assert (variables["config"], variables["transformer"], variables["size"]) == (
        "cnn",
        "",
        "medium",
    )


@pytest.mark.parametrize(
    "given, converted, evaluated",
    [
        (["train"], {"train": [0.8, 0.1, 0.1]}, "test"),
        (["train", "test"], {"train": [0.9, 0.1], "test": None}, "test"),
        (["train", "dev"], {"train": None, "dev": None}, "dev"),
        (["train", "dev", "test"], {"train": None, "dev": None, "test": None}, "test"),
    ],
)
def test_parts_that_are_not_given_are_split_off(tmp_path, given, converted, evaluated):
    notes = write_jsonl(tmp_path, [f"IL-{number} gene" for number in range(30)])
    init_project(tmp_path / "project", **{part: [notes] for part in given})
    conversions = srsly.read_yaml(tmp_path / "project" / "configs" / "corpus.yml")["convert"]
    assert {item["input"]: item.get("split_fractions") for item in conversions} == converted
    commands = srsly.read_yaml(tmp_path / "project" / "project.yml")["commands"]
    (evaluate,) = (command for command in commands if command["name"] == "evaluate")
    assert evaluate["deps"][1] == f"corpus/{evaluated}.spacy"
    assert commands[0]["deps"][: len(given)] == [f"assets/{part}" for part in given]
    readme = (tmp_path / "project" / "README.md").read_text("utf8")
    assert ("These scores are too good" in readme) == (evaluated == "dev")


def test_workflow_is_that_of_the_repository():
    corpus = CorpusDescription(
        lang="en", tokenizer="a", convert=[Conversion(input="a", output=".", format="jsonl")]
    )
    project = srsly.yaml_loads(make_project("a", corpus, ["train"], None)["project.yml"])
    repository = srsly.read_yaml(CONFIGS.parent / "project.yml")
    workflows = repository["workflows"]
    assert project["workflows"] == workflows
    names = {command["name"] for command in repository["commands"]}
    assert {command["name"] for command in project["commands"]} == names
    for command in project["commands"]:
        for name in {*command.get("deps", []), *command.get("outputs", [])} - {"${vars.texts}"}:
            assert name.split("/")[0] in project["directories"]


def test_several_files_and_folders_of_a_part(tmp_path, monkeypatch):
    for name in ("a", "b"):
        write_jsonl(tmp_path / name)
    (tmp_path / "b" / "notes.jsonl").rename(tmp_path / "b" / "more.jsonl")
    project_dir = tmp_path / "project"
    init_project(
        project_dir, [tmp_path / "a" / "notes.jsonl", tmp_path / "b"], dev=[tmp_path / "a"]
    )
    assert list_names(project_dir / "assets") == {
        "train/notes.jsonl",
        "train/more.jsonl",
        "dev/notes.jsonl",
    }
    run_prepare(project_dir, monkeypatch)
    assert len(read_docs(project_dir / "corpus" / "train.spacy")) == 6


@pytest.mark.parametrize("name", ["org/model", "my-package"])
def test_transformer(tmp_path, name):
    init_project(tmp_path / "project", [write_jsonl(tmp_path)], transformer=name)
    variables = srsly.read_yaml(tmp_path / "project" / "project.yml")["vars"]
    assert (variables["config"], variables["transformer"]) == ("transformer", name)


def test_size_of_the_encoder(tmp_path):
    path = write_jsonl(tmp_path)
    init_project(tmp_path / "project", [path], size="large")
    assert srsly.read_yaml(tmp_path / "project" / "project.yml")["vars"]["size"] == "large"
    with pytest.raises(CorpusError, match="not 'huge'"):
        init_project(tmp_path / "other", [path], size="huge")
    assert not (tmp_path / "other").exists()


def test_folder_of_a_transformer_is_found_from_the_project(tmp_path, monkeypatch):
    (tmp_path / "my model").mkdir()
    monkeypatch.chdir(tmp_path)
    init_project(tmp_path / "project", [write_jsonl(tmp_path)], transformer="my model")
    variables = srsly.read_yaml(tmp_path / "project" / "project.yml")["vars"]
    assert variables["transformer"] == str((tmp_path / "my model").resolve())


def test_other_tokenizers_are_compared_if_entities_are_misaligned(tmp_path):
    records = [{"text": f"IL-{n}-mediated", "spans": [[0, 4, "protein"]]} for n in range(3)]
    srsly.write_jsonl(tmp_path / "notes.jsonl", records)
    report = init_project(
        tmp_path / "project",
        [tmp_path / "notes.jsonl"],
        tokenizer="spacy_eiou.WhitespaceTokenizer.v1",
    )
    assert list(report.misaligned.items()) == [
        ("spacy_eiou.WhitespaceTokenizer.v1", 3),
        ("spacy.Tokenizer.v1", 0),
        ("spacy_eiou.BiomedicalTokenizer.v1", 0),
        ("spacy_eiou.CharacterTokenizer.v1", 0),
    ]


def test_no_tokenizer_is_the_cure_for_inclusive_ends(tmp_path):
    records = [{"text": f"Aspirin in {n} mg.", "spans": [[0, 6, "DRUG"]]} for n in range(3)]
    srsly.write_jsonl(tmp_path / "notes.jsonl", records)
    report = init_project(tmp_path / "project", [tmp_path / "notes.jsonl"])
    assert report.misaligned == {"spacy.Tokenizer.v1": 3}
    assert report.account.warnings[0].startswith(
        "3 of 3 entities end one character before the end of a token: the ends seem to be inclusive"
    )


def test_misaligned_entities_are_counted_whatever_tokens_the_corpus_has():
    record = Record("a", "seal leaked.", (Entity(5, 11, "X"),), words=("seal", "leaked", "."))
    assert count_misaligned(make_nlp("en", None), [record]) == 0
    assert count_misaligned(make_nlp("en", "spacy_eiou.WhitespaceTokenizer.v1"), [record]) == 1


def test_bad_record_is_named_and_nothing_written(tmp_path):
    notes = write_jsonl(tmp_path)
    notes.write_text(notes.read_text("utf8") + '{"text": "IL-2"}\n' * 2, encoding="utf8")
    with pytest.raises(CorpusError, match=r"2 of 11 .*--max-bad(?s:.*)line 4: expected one list"):
        init_project(tmp_path / "project", [notes])
    assert not (tmp_path / "project").exists()
    report = init_project(tmp_path / "project", [notes], max_bad=0.5)
    assert len(report.account.bad) == 2


@pytest.mark.parametrize(
    "options, message",
    [
        ({"corpus_format": "xml"}, "Expected a format from bioc, .*, not 'xml'"),
        ({"lang": "xx-none"}, "Can't create the tokenizer"),
        ({"tokenizer": "none"}, "Can't create the tokenizer"),
    ],
)
def test_unknown_names(tmp_path, options, message):
    with pytest.raises(CorpusError, match=message):
        init_project(tmp_path / "project", [write_jsonl(tmp_path)], **options)
    assert not (tmp_path / "project").exists()


def test_directory_that_is_not_empty_needs_force(tmp_path):
    project_dir = tmp_path / "project"
    init_project(project_dir, [write_jsonl(tmp_path)])
    (project_dir / "project.yml").write_text("mine", encoding="utf8")
    with pytest.raises(CorpusError, match="expected an empty directory, or --force"):
        init_project(project_dir, [tmp_path / "notes.jsonl"])
    assert (project_dir / "project.yml").read_text("utf8") == "mine"
    # The files may be those that are in the project already.
    init_project(project_dir, [project_dir / "assets" / "train"], force=True)
    assert (project_dir / "project.yml").read_text("utf8").startswith('title: "project"')


def test_files_of_an_earlier_project_are_not_mixed_in(tmp_path):
    project_dir = tmp_path / "project"
    init_project(project_dir, [write_jsonl(tmp_path)])
    os.rename(tmp_path / "notes.jsonl", tmp_path / "other.jsonl")
    with pytest.raises(CorpusError, match=r"notes\.jsonl: expected no other files here"):
        init_project(project_dir, [tmp_path / "other.jsonl"], force=True)


def test_files_of_the_same_name(tmp_path):
    paths = [write_jsonl(tmp_path / name) for name in ("a", "b")]
    with pytest.raises(CorpusError, match=r"2 are named 'notes\.jsonl'"):
        init_project(tmp_path / "project", paths)


def test_a_file_with_the_name_of_a_folder(tmp_path):
    write_jsonl(tmp_path / "a").rename(tmp_path / "a" / "x")
    (tmp_path / "b").mkdir()
    write_jsonl(tmp_path / "b" / "x")
    with pytest.raises(CorpusError, match="'x' is a file and a folder"):
        init_project(tmp_path / "project", [tmp_path / "a", tmp_path / "b"])
    assert not (tmp_path / "project").exists()


def test_files_of_the_same_name_in_folders_are_other_documents(tmp_path):
    for name in "abcdef":
        (tmp_path / "data" / name).mkdir(parents=True)
        document = f"-DOCSTART- O\n\n{name} B-X\n\n"
        (tmp_path / "data" / name / "data.conll").write_text(document, encoding="utf8")
    init_project(tmp_path / "project", [tmp_path / "data"])
    description = srsly.read_yaml(tmp_path / "project" / "configs" / "corpus.yml")
    assert description["convert"][0]["split_fractions"] == [0.6666, 0.1667, 0.1667]


def test_folders_in_folders_and_archives_are_copied_as_they_are(tmp_path, monkeypatch):
    for name in ("notes", "abstracts"):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "a.txt").write_text(f"IL-2 {name}", encoding="utf8")
        (tmp_path / "data" / name / "a.ann").write_text("T1\tX 0 4\tIL-2\n", encoding="utf8")
    (tmp_path / "data" / "README.md").write_text("About.\n", encoding="utf8")
    with zipfile.ZipFile(tmp_path / "data" / "more.zip", "w") as archive:
        archive.writestr("b.txt", "IL-2 more")
        archive.writestr("b.ann", "T1\tX 0 4\tIL-2\n")
    with pytest.warns(UserWarning, match=r"Left out 1 files .* README\.md"):
        report = init_project(tmp_path / "project", [tmp_path / "data"])
    assert (report.corpus_format, report.n_files, report.n_entities) == ("brat", 5, 3)
    assert list_names(tmp_path / "project" / "assets" / "train") == {
        *("abstracts/a.ann", "abstracts/a.txt", "notes/a.ann", "notes/a.txt", "more.zip")
    }
    run_prepare(tmp_path / "project", monkeypatch)
    parts = [read_docs(tmp_path / "project" / "corpus" / f"{part}.spacy") for part in PARTS]
    texts = {text for docs in parts for text, _ in docs}
    assert texts == {"IL-2 abstracts", "IL-2 notes", "IL-2 more"}


def test_options_of_reading_are_those_of_the_project(tmp_path, monkeypatch):
    items = [{"body": f"😀 IL-{n}", "spans": [[3, 7, "protein"]]} for n in range(3)]
    srsly.write_jsonl(tmp_path / "notes.jsonl", items)
    init_project(
        tmp_path / "project",
        [tmp_path / "notes.jsonl"],
        corpus_format="jsonl",
        text_key="body",
        offsets="utf-16",
    )
    run_prepare(tmp_path / "project", monkeypatch)
    ((text, spans),) = read_docs(tmp_path / "project" / "corpus" / "dev.spacy")
    assert [text[start:end] for start, end, _ in spans] == [text[2:]]


def test_whole_documents(tmp_path, monkeypatch):
    items = [
        {"text": f"IL-{n}", "spans": [[0, 4, "protein"]], "group": str(n // 2)} for n in range(8)
    ]
    srsly.write_jsonl(tmp_path / "notes.jsonl", items)
    report = init_project(tmp_path / "project", [tmp_path / "notes.jsonl"], whole_documents=True)
    assert (report.account.documents, report.n_entities) == (4, 8)
    run_prepare(tmp_path / "project", monkeypatch)
    ((text, spans),) = read_docs(tmp_path / "project" / "corpus" / "dev.spacy")
    assert (len(text.split()), len(spans)) == (2, 2)
    srsly.write_jsonl(tmp_path / "notes.jsonl", [{**item, "group": None} for item in items])
    with pytest.raises(CorpusError, match="expected records that say which document"):
        init_project(tmp_path / "other", [tmp_path / "notes.jsonl"], whole_documents=True)


def test_hidden_file_and_missing_file(tmp_path):
    hidden = write_jsonl(tmp_path).rename(tmp_path / ".hidden.jsonl")
    for path, message in ((hidden, "does not read files whose name"), (tmp_path / "a", "expected")):
        with pytest.raises(CorpusError, match=message):
            init_project(tmp_path / "project", [path])
    assert not (tmp_path / "project").exists()


GROUPS = st.none() | st.sampled_from("ab")


@given(st.lists(GROUPS, min_size=1, max_size=30), st.booleans())
def test_no_part_is_empty(groups, has_test):
    records = [Record(str(i), str(i), (), group=group) for i, group in enumerate(groups)]
    n_documents = groups.count(None) + len(set(groups) - {None})
    given_parts = {"train": records, "test": records} if has_test else {"train": records}
    if n_documents < (2 if has_test else 3):
        with pytest.raises(CorpusError, match="documents to split into train, dev"):
            choose_fractions(given_parts)
    else:
        parts = split_by_fractions(records, choose_fractions(given_parts))
        assert len(parts) == (2 if has_test else 3)
        assert all(parts)


def test_part_of_rejected_records_is_refused(tmp_path):
    records = [{"text": text, "spans": SPANS, "answer": "reject"} for text in TEXTS]
    srsly.write_jsonl(tmp_path / "notes.jsonl", records)
    with pytest.raises(CorpusError, match=r"Expected at least 3 documents .* not 0"):
        init_project(tmp_path / "project", [tmp_path / "notes.jsonl"])


def test_train_part_without_entities_is_refused(tmp_path):
    srsly.write_jsonl(tmp_path / "notes.jsonl", [{"text": text, "spans": []} for text in TEXTS])
    with pytest.raises(CorpusError, match="Expected an entity in the train part"):
        init_project(tmp_path / "project", [tmp_path / "notes.jsonl"])


SKIPPED = '{"text": "a", "answer": "reject"}\n'
LINE = '{"text": "a", "spans": [[0, 1, "X"]]}\n'
FILES = {
    "a.jsonl": LINE,
    "d/a.jsonl": LINE,
    "empty/.hidden": "",
    ".a.jsonl": LINE,
    "skipped.jsonl": SKIPPED,
    "none.jsonl": '{"text": "a", "spans": []}\n',
    "p/assets/train/a.jsonl": "",
    "p/assets/train/old.jsonl": "",
    "bad.jsonl": "{}\n{}\n" + LINE,
}


@pytest.mark.parametrize(
    "paths, options, message",
    [
        (
            ["a.jsonl"],
            {"force": False},
            "p: expected an empty directory, or --force to write into it",
        ),
        (["x"], {}, "x: expected an annotated file or a directory of them"),
        (
            [".a.jsonl"],
            {},
            ".a.jsonl: expected another name, since a project does not read files whose name "
            "begins with a dot",
        ),
        (["a.jsonl"], {"dev": ["x"]}, "x: expected an annotated file or a directory of them"),
        (["a.jsonl"], {"test": ["x"]}, "x: expected an annotated file or a directory of them"),
        (["empty"], {"corpus_format": "jsonl"}, "empty: expected a file in the format 'jsonl'"),
        (
            ["a.jsonl", "d/a.jsonl"],
            {},
            "Expected files of different names, but 2 are named 'a.jsonl'",
        ),
        (
            ["a.jsonl"],
            {},
            "p/assets/train/old.jsonl: expected no other files here, they would be read too",
        ),
        (
            ["a.jsonl"],
            {"to": "q"},
            "Expected at least 3 documents to split into train, dev, test, not 1",
        ),
        (
            ["a.jsonl"],
            {"to": "q", "test": ["d"]},
            "Expected at least 2 documents to split into train, dev, not 1",
        ),
        (
            ["a.jsonl"],
            {"to": "q", "dev": ["skipped.jsonl"]},
            "Expected a document in the dev part, but its 1 records are all skipped "
            "(answer: reject)",
        ),
        (
            ["none.jsonl"],
            {"to": "q", "dev": ["a.jsonl"]},
            "Expected an entity in the train part, but there is none to learn from",
        ),
        (
            ["a.jsonl"],
            {"to": "q", "dev": ["d", "bad.jsonl"]},
            "d/a.jsonl: 2 of 6 items are malformed, more than a share of 0.3 (to let more pass: "
            "--max-bad)\nbad.jsonl, line 1: expected an object with 'text', not {}. The field of "
            "the text can be chosen with --text-key\nbad.jsonl, line 2: expected an object with "
            "'text', not {}. The field of the text can be chosen with --text-key",
        ),
    ],
)
def test_whole_messages(in_tmp_path, paths, options, message):
    for name, content in FILES.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(content)
    options = {"force": True, "max_bad": 0.3, **options}
    for part in ("dev", "test"):
        options[part] = [Path(path) for path in options.get(part, [])]
    with pytest.raises(CorpusError) as caught:
        init_project(Path(options.pop("to", "p")), [Path(path) for path in paths], **options)
    assert str(caught.value) == message


def make_records(n, n_skipped=0):
    skipped = [Record(f"s{i}", f"s{i}", (), skipped="why") for i in range(n_skipped)]
    return [*skipped, *(Record(str(i), str(i), ()) for i in range(n))]


@pytest.mark.parametrize(
    "parts, fractions",
    [
        ({"train": make_records(3, 5)}, [0.3334, 0.3333, 0.3333]),
        ({"train": make_records(100)}, [0.8, 0.1, 0.1]),
        ({"train": make_records(2), "test": []}, [0.5, 0.5]),
        ({"train": make_records(1), "dev": []}, None),
    ],
)
def test_fractions(parts, fractions):
    assert choose_fractions(parts) == fractions


def test_parts_that_are_split_off_are_those_of_the_fractions():
    parts = {"train": make_records(4), "test": make_records(1)}
    split = split_records(parts, [0.5, 0.5])
    train, dev = split_by_fractions(parts["train"], [0.5, 0.5])
    assert split == {"train": train, "test": parts["test"], "dev": dev}
    assert split_records(parts, None) == parts


def test_description_of_the_files():
    corpus = describe_corpus(
        ["train", "test"], "jsonl", "de", "t", [0.5, 0.5], Reading(text_key="body", max_bad=0.5)
    )
    options = {"format": "jsonl", "text_key": "body", "max_bad": 0.5}
    assert corpus.model_dump(exclude_defaults=True) == {
        "lang": "de",
        "tokenizer": "t",
        "convert": [
            {"input": "train", "output": ".", "split_fractions": [0.5, 0.5], **options},
            {"input": "test", "output": "test.spacy", **options},
        ],
    }
    (conversion,) = describe_corpus(["dev"], "brat", "en", "t", None).convert
    assert (conversion.output, conversion.split_fractions) == ("dev.spacy", None)


@pytest.mark.parametrize(
    "title, name",
    [
        ("My  Corpus-2!", "my_corpus_2"),
        ("_a_", "a"),
        ("模型", "model"),
        ("XyX", "xyx"),
        ("2024 a", "model_2024_a"),
        ("100%", "model_100"),
    ],
)
def test_name_of_the_model(title, name):
    corpus = describe_corpus(["train", "dev"], "jsonl", "en", "t", None)
    files = make_project(title, corpus, ["train", "dev"], None)
    project = srsly.yaml_loads(files["project.yml"].decode("utf8"))
    assert (project["title"], project["vars"]["name"]) == (title, name)
    assert sorted(files) == [
        ".gitignore",
        "README.md",
        "configs/cnn.cfg",
        "configs/corpus.yml",
        "configs/few_examples.cfg",
        "configs/transformer.cfg",
        "configs/transformer_pretraining.cfg",
        "project.yml",
    ]


def test_file_without_records_is_refused(tmp_path):
    (tmp_path / "notes.jsonl").touch()
    with pytest.raises(CorpusError, match=r"notes\.jsonl \(empty\)"):
        init_project(tmp_path / "project", [tmp_path / "notes.jsonl"])
    with pytest.raises(CorpusError, match=r"notes\.jsonl: expected at least one record"):
        init_project(tmp_path / "project", [tmp_path / "notes.jsonl"], corpus_format="jsonl")
