import pytest

from serve_util import ask
from spacy_eiou.annotation.prediction import PredictedText
from spacy_eiou.annotation.server import app
from spacy_eiou.annotation.server.label_studio import (
    Control,
    get_texts,
    make_prediction,
    parse_interface,
)
from spacy_eiou.corpora import CorpusError

INTERFACE = """
<View>
  <Labels name="label" toName="text">
    <Label value="DNA" background="#FFA39E"/>
    <View><Label value="Protein" alias="protein"/></View>
    <Label value="cell"/>
  </Labels>
  <Text name="text" value="$abstract"/>
</View>
"""
LABELS = ["DNA", "protein", "RNA"]
NAMES = {"DNA": "DNA", "Protein": "protein", "protein": "protein", "cell": "cell"}
TEXT = "The human IL-2 gene is expressed."
SPANS = [
    {
        "start": 4,
        "end": 19,
        "label": "DNA",
        "text": "human IL-2 gene",
        "parent": None,
        "score": 1.0,
    },
    {"start": 10, "end": 14, "label": "protein", "text": "IL-2", "parent": 0, "score": 0.5},
    {"start": 0, "end": 3, "label": "RNA", "text": "The", "parent": None},
]


def make_interface(n_controls):
    controls = "".join(f'<Labels name="{number}" toName="t"/>' for number in range(n_controls))
    return f'<View>{controls}<Text name="t" value="$t"/></View>'


def test_interface():
    assert parse_interface(INTERFACE, LABELS) == [Control("label", "text", "abstract", NAMES)]


def test_interface_that_takes_labels_from_the_task():
    config = '<View><Text name="t" value="$t"/><Labels name="l" toName="t" value="$o"/></View>'
    (control,) = parse_interface(config, LABELS)
    assert control == Control("l", "t", "t")
    assert control.get_label("anything") == "anything"


@pytest.mark.parametrize(
    "config,problem",
    [
        ("", "Expected a labeling interface in XML"),
        ("<View>", "Expected a labeling interface in XML"),
        ("<View/>", "Expected <Labels name="),
        ('<View><Labels name="l" toName="t"/></View>', "Expected <Labels name="),
        (INTERFACE.replace("Text", "Image"), "Expected <Labels name="),
        (
            INTERFACE.replace("DNA", "x").replace("rotein", "y"),
            "Expected a label of the pipeline .* has: x, Py, py, cell. Those of the pipeline: ",
        ),
        (make_interface(51), "Expected at most 50 <Labels> for texts in the .*, not 51"),
        ('<!DOCTYPE v [<!ENTITY a "b">]><View>&a;</View>', "Did not expect the XML entity 'a'"),
        ('<!DOCTYPE v [<!ENTITY a SYSTEM "file:///etc/hosts">]><View>&a;</View>', "Did not expect"),
    ],
)
def test_interface_that_does_not_fit(config, problem):
    with pytest.raises(CorpusError, match=problem):
        parse_interface(config, LABELS)


def test_interface_with_many_tags():
    assert len(parse_interface(make_interface(50), LABELS)) == 50


def test_pipeline_that_tells_no_labels():
    assert len(parse_interface(INTERFACE, [])) == 1


def test_prediction():
    controls = [Control("label", "text", "abstract", NAMES)]
    prediction = make_prediction({"abstract": PredictedText(7, SPANS)}, controls, "v1")
    names = {"from_name": "label", "to_name": "text", "type": "labels"}
    assert prediction == {
        "result": [
            {
                **names,
                "value": {"start": 4, "end": 19, "text": "human IL-2 gene", "labels": ["DNA"]},
                "score": 1.0,
            },
            {
                **names,
                "value": {"start": 10, "end": 14, "text": "IL-2", "labels": ["protein"]},
                "score": 0.5,
            },
        ],
        "score": 0.75,
        "model_version": "v1",
    }


def test_prediction_without_spans():
    prediction = make_prediction({"t": PredictedText(0, [])}, [Control("l", "t", "t")], "v1")
    assert prediction == {"result": [], "score": None, "model_version": "v1"}


def test_several_texts_and_tags():
    controls = [
        Control("genes", "title", "t", {"DNA": "gene"}),
        Control("proteins", "title", "t", {"protein": "protein"}),
        Control("all", "body", "b"),
    ]
    assert get_texts({"t": "a", "b": "c", "d": 1}, controls, "task 1") == {"t": "a", "b": "c"}
    texts = {"t": PredictedText(1, SPANS), "b": PredictedText(1, SPANS[:1])}
    regions = make_prediction(texts, controls, "v1")["result"]
    assert [(region["from_name"], region["value"]["labels"]) for region in regions] == [
        ("genes", ["gene"]),
        ("proteins", ["protein"]),
        ("all", ["DNA"]),
    ]


@pytest.mark.parametrize("data", [{}, {"abstract": None}, {"abstract": ["a"]}])
def test_task_without_the_text(data):
    with pytest.raises(CorpusError, match="Expected a text in the field 'abstract' of task 3"):
        get_texts(data, [Control("label", "text", "abstract")], "task 3")


def test_endpoints(port):
    setup = {"project": "1.1700000000", "schema": INTERFACE, "hostname": "", "access_token": "x"}
    status, answer = ask(port, "/setup", setup)
    assert status == 200
    version = answer["model_version"]
    task = {"id": 7, "data": {"abstract": TEXT}, "project": 1, "predictions": []}
    message = {
        "tasks": [task, {"data": {"abstract": ""}}],
        "project": "1.1700000000",
        "label_config": INTERFACE,
        "params": {"login": None, "password": None, "context": None},
    }
    status, answer = ask(port, "/predict", message)
    assert status == 200
    found, empty = answer["results"]
    regions = [(region["value"]["text"], region["value"]["labels"]) for region in found["result"]]
    assert regions == [("human IL-2 gene", ["DNA"]), ("IL-2", ["protein"])]
    assert (found["model_version"], empty["model_version"]) == (version, version)
    assert empty["result"] == []
    assert ask(port, "/webhook", {"action": "ANNOTATION_CREATED"}) == (200, {"status": "ignored"})


def test_other_requests_are_answered_while_an_answer_is_made(port, monkeypatch):
    statuses = []

    def ask_meanwhile(*args):
        statuses.append(ask(port, "/health")[0])
        return make_prediction(*args)

    monkeypatch.setattr(app, "make_prediction", ask_meanwhile)
    task = {"data": {"abstract": TEXT}}
    assert ask(port, "/predict", {"tasks": [task], "label_config": INTERFACE})[0] == 200
    assert statuses == [200]


@pytest.mark.parametrize(
    "path,message,problem",
    [
        ("/setup", {"schema": "<View/>"}, "Expected <Labels"),
        ("/setup", {}, "Expected a labeling interface"),
        (
            "/predict",
            {"tasks": [{"data": {}}], "label_config": INTERFACE},
            "Expected a text in the",
        ),
        ("/predict", {"tasks": [{}], "label_config": INTERFACE}, "tasks.0.data: Field required"),
        ("/predict", {"tasks": [], "label_config": "<View>"}, "Expected a labeling interface"),
        ("/predict", {"tasks": [], "label_config": make_interface(51)}, "Expected at most 50 <Lab"),
        ("/setup", {"schema": make_interface(51)}, "Expected at most 50 <Labels>"),
    ],
)
def test_what_does_not_fit_is_told(port, path, message, problem):
    status, answer = ask(port, path, message)
    assert status == 422
    assert answer["detail"].startswith(problem)
