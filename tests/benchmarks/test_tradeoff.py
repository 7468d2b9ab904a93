from pathlib import Path

import pytest
import srsly


@pytest.fixture(scope="module")
def tradeoff(import_benchmark):
    return import_benchmark("tradeoff")


def test_page_is_the_one_that_the_report_makes(tradeoff, tmp_path, monkeypatch):
    folder = tradeoff.OUTPUT
    srsly.write_json(tmp_path / "speed.json", srsly.read_json(folder / "speed.json"))
    monkeypatch.setattr(tradeoff, "OUTPUT", tmp_path)
    tradeoff.report_command()
    page = (tmp_path / "TRADEOFF.md").read_text(encoding="utf8")
    assert page == (folder / "TRADEOFF.md").read_text(encoding="utf8")
    image = (tmp_path / "tradeoff.svg").read_text(encoding="utf8")
    assert "<!-- prepared, self-trained -->" in image


def test_each_model_has_a_speed_and_three_seeds(tradeoff):
    result = srsly.read_json(tradeoff.OUTPUT / "speed.json")
    for model in tradeoff.MODELS:
        assert tradeoff.get_speed(result, model) > 0
        scores = tradeoff.get_scores(model)
        assert [len(values) for values in scores.values()] == [3, 3], model


def test_each_encoder_has_a_model_of_its_own(tradeoff):
    settings = tradeoff.make_settings("vectors", "transformer")
    paths = [
        tradeoff.side_settings(setting, side, Path("dev.spacy"), Path("models"), 1)["model"]
        for setting in settings.values()
        for side in setting.sides
    ]
    assert len(set(paths)) == len(paths) == 3 + 2 + 1 + 1 + 1 + 2


def test_speed_is_the_median(tradeoff):
    model = tradeoff.MODELS[0]
    raw = [{"words": 100, "seconds": seconds} for seconds in (1, 2, 50)]
    assert tradeoff.get_speed({"measured": {"CNN": {"spancat": raw}}}, model) == 50


@pytest.mark.parametrize(
    "size, width, rows", [("small", 64, [2000, 500, 1000, 500]), ("medium", 96, None)]
)
def test_encoders_have_their_size(import_benchmark, size, width, rows):
    side = import_benchmark("speed_side")
    tok2vec = side.make_tok2vec("spacy_eiou.Tok2Vec.v1", size, True)
    assert tok2vec["embed"]["width"] == tok2vec["encode"]["width"] == width
    assert tok2vec["embed"]["rows"] == (rows or side.TOK2VEC["embed"]["rows"])
    assert tok2vec["embed"]["include_static_vectors"]
    assert not side.TOK2VEC["embed"]["include_static_vectors"]
