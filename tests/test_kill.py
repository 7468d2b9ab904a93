import json
import os
import runpy
import shutil
import signal
import sys
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
import spacy
from thinc.api import Config

from spacy_eiou.corpora import WRITERS, Entity, Record, convert
from spacy_eiou.corpora.writing import check_outputs, hold_records, write_parts
from spacy_eiou.files import write_file
from spacy_eiou.pipeline.calibration import save_pipeline

NLP = spacy.blank("en")
KILL = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "fuzz" / "kill_writers.py"))[
    "kill"
]
CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


def run_and_kill(step, function):
    """Call a function in another process, which is killed before its change number `step` to the
    file system. RETURNS (bool): Whether it was killed, rather than done before."""
    pid = os.fork()
    if pid == 0:
        steps = count(1)

        def kill(event, args):
            writes = event == "open" and args[2] is not None and args[2] & os.O_CREAT
            if (writes or event in CHANGES) and next(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(kill)
        try:
            function()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def get_files(folder):
    """RETURNS: The content of each file, without those that a killed process left unfinished."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.parts)
    }


def kill_at_each_step(tmp_path, old, function):
    """Kill the function at each of its steps, each time with a copy of the old output.
    RETURNS: The files after each kill, and last those after a run that was not killed."""
    states = []
    for step in count(1):
        output = tmp_path / f"output{step}"
        shutil.copytree(old, output)
        was_killed = run_and_kill(step, lambda: function(output))  # noqa: B023
        states.append(get_files(output))
        if not was_killed:
            return states


def test_one_file_is_the_old_or_the_new_one(tmp_path):
    write_file(tmp_path / "old" / "file", b"old" * 1000)
    states = kill_at_each_step(
        tmp_path, tmp_path / "old", lambda output: write_file(output / "file", b"new" * 2000)
    )
    assert len(states) > 2
    contents = [state["file"] for state in states]
    assert set(contents) == {b"old" * 1000, b"new" * 2000}
    assert contents == sorted(contents, reverse=True)


def convert_with_seed(source, output, seed):
    convert(source, output, corpus_format="jsonl", lang="en", split_fractions=[0.5, 0.5], seed=seed)


def test_converted_parts_never_belong_to_different_splits(tmp_path):
    source = tmp_path / "data.jsonl"
    lines = [json.dumps({"text": f"text {number}", "spans": []}) for number in range(8)]
    source.write_text("\n".join(lines))
    convert_with_seed(source, tmp_path / "old", 0)
    old = get_files(tmp_path / "old")
    states = kill_at_each_step(
        tmp_path, tmp_path / "old", lambda output: convert_with_seed(source, output, 1)
    )
    new = states[-1]
    assert old.keys() == new.keys() == {"train.spacy", "train.json", "dev.spacy", "dev.json"}
    assert old["dev.spacy"] != new["dev.spacy"]
    assert states[0] == old
    # A file is missing for an instant: nobody can train with what is there
    complete = [state for state in states if "train.spacy" in state]
    assert all(state in (old, new) for state in complete)
    assert len(states) - len(complete) == len(old)


def write_corpus(output, name, label):
    records = [Record("r", "IL-2 gene", (Entity(0, 4, label),), words=("IL-2", "gene"))]
    writer = WRITERS[name]
    paths = [output / "parts" / f"{part}{writer.suffix}" for part in ("train", "dev")]
    check_outputs(writer, paths)
    write_parts(writer, {path: hold_records(writer, records, NLP) for path in paths})


@pytest.mark.parametrize(
    "name, before",
    [
        *((name, "nothing") for name in WRITERS),
        *((name, "empty folder") for name in ("brat", "pubtator")),
        *((name, "corpus") for name in ("bioc", "label-studio")),
    ],
)
def test_written_parts_are_the_old_or_the_new_ones(tmp_path, name, before):
    (tmp_path / "old").mkdir()
    if before == "empty folder":
        (tmp_path / "old" / "parts").mkdir()
    elif before == "corpus":
        write_corpus(tmp_path / "old", name, "old")
    old = get_files(tmp_path / "old")
    # Also imports what else each killed process would
    write_corpus(tmp_path / "new", name, "new")
    new = get_files(tmp_path / "new")
    states = kill_at_each_step(
        tmp_path, tmp_path / "old", lambda output: write_corpus(output, name, "new")
    )
    assert (states[0], states[-1]) == (old, new)
    # Nobody reads parts of which the first one is missing
    in_folder = {"brat": "/annotation.conf", "uima-cas": "/r.json"}
    first = f"parts/train{WRITERS[name].suffix or in_folder[name]}"
    assert all(state in (old, new) for state in states if first in state)
    for step, state in enumerate(states, start=1):
        # A folder is never replaced
        if WRITERS[name].suffix or first not in state:
            write_corpus(tmp_path / f"output{step}", name, "new")
        assert get_files(tmp_path / f"output{step}") == new


@pytest.mark.parametrize("name", ["docbin", *WRITERS])
def test_killed_command_leaves_old_or_new_and_can_be_typed_again(name):
    result = KILL(name, n=1, seed=0)
    assert (result["killed"], result["examples"]) == (1, [])


def make_pipeline(path, threshold):
    config = Config({"components": {"nested_spancat": {"threshold": threshold}}})
    write_file(path / "config.cfg", config.to_bytes())
    for name in ("meta.json", "tok2vec/model", "nested_spancat/cfg", "nested_spancat/model"):
        write_file(path / name, f"{name} {threshold}".encode())


@pytest.mark.parametrize("in_place", [True, False])
def test_calibrated_pipeline_is_the_old_or_the_new_one(tmp_path, in_place):
    make_pipeline(tmp_path / "old" / "model", 0.5)
    make_pipeline(tmp_path / "old" / "output", 0.7)
    component = SimpleNamespace(name="nested_spancat", cfg={"threshold": 0.3})
    target = "model" if in_place else "output"
    states = kill_at_each_step(
        tmp_path,
        tmp_path / "old",
        lambda output: save_pipeline(output / "model", output / target, component),
    )
    states = [
        {name: data for name, data in state.items() if name.startswith(target)} for state in states
    ]
    old, new = get_files(tmp_path / "old"), states[-1]
    assert json.loads(new[f"{target}/nested_spancat/cfg"]) == {"threshold": 0.3}
    assert states[0] == {name: old[name] for name in new} != new
    complete = [state for state in states if state]
    assert len(states) - len(complete) == (0 if in_place else 1)
    # What a component predicts with is in its cfg, which is written before the config.
    config_path = f"{target}/config.cfg"
    halfway = {**new, config_path: old[config_path]}
    assert all(state in (states[0], new, *([halfway] * in_place)) for state in complete)
