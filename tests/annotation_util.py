"""What the tests of remote outputs and of engines share."""

import json

import spacy

TEXTS = [f"the IL-{number} gene of mouse {number % 7}" for number in range(250)]


def save_model(path):
    """A pipeline that needs no code of the tests in other processes."""
    nlp = spacy.blank("xx")
    ruler = nlp.add_pipe("span_ruler")
    for label, words in [("DNA", [{}, {"LOWER": "gene"}]), ("organism", [{"LOWER": "mouse"}, {}])]:
        ruler.add_patterns([{"label": label, "pattern": words}])
    nlp.to_disk(path)
    return str(path)


def write_texts(path, texts=TEXTS):
    """Texts, among them what is none."""
    lines = [json.dumps({"text": text, "year": 1998}).encode() for text in texts]
    path.write_bytes(b"\n".join([lines[0], b"{}", *lines[1:], b"\xff"]) + b"\n")
    return path


def read_local(folder):
    """RETURNS: The content of each file of a folder, by its name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
