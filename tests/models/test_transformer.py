"""`spacy_eiou.TransformerModel.v1` beside `spacy-transformers.TransformerModel.v3`."""

from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
import spacy
import torch
from numpy.testing import assert_allclose
from spacy.language import Language
from transformer_util import OURS, count_pieces, make_nlp, make_transformer

from spacy_eiou.models import precision
from spacy_eiou.models.batches import batch_by_pieces
from spacy_eiou.models.transformer import merge

SPACY_TRANSFORMERS = "spacy-transformers.TransformerModel.v3"
TEXTS = ["gene", "the human il-2 gene moves", "", "a\n\nb", "gene moves " * 40, "il-2 gene"]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_transformer(tmp_path_factory.mktemp("models") / "transformer", num_hidden_layers=2)


def predict(nlp: Language) -> List[Tuple[Any, Any]]:
    """RETURNS (List[Tuple[Floats2d, List]]): For each doc the vectors of the pieces of its tokens,
    and its other outputs."""
    results = []
    for doc in nlp.pipe(TEXTS):
        data = doc._.trf_data
        states, *others = data.model_output.to_tuple() or [np.zeros((0, 1))]
        results.append((states.reshape(-1, states.shape[-1])[data.align.dataXd.ravel()], others))
    return results


def train(nlp: Language, scaler: Any = None) -> Dict[str, Any]:
    """RETURNS (Dict[str, Tensor]): The gradients of all weights, where each dimension of each
    piece that is not padded has a gradient of its own."""
    model = nlp.get_pipe("transformer").model
    if scaler is not None:
        model.layers[0].shims[0]._grad_scaler = scaler
    transformer = model.transformer
    transformer.eval()  # No dropout.
    transformer.train = lambda mode=True: transformer
    output, backprop = model.begin_update([nlp.make_doc(text) for text in TEXTS])
    states = output.model_output.last_hidden_state.detach()
    mask = torch.from_numpy(output.wordpieces.attention_mask)[..., None]
    d_states = torch.arange(states.numel()).reshape(states.shape).remainder(7) * mask
    output.model_output = type(output.model_output)(last_hidden_state=d_states)
    backprop(output)
    return {name: weight.grad for name, weight in transformer.named_parameters()}


def test_outputs_are_those_of_spacy_transformers(path: str) -> None:
    expected = predict(make_nlp(SPACY_TRANSFORMERS, path))
    for (states, others), (ours, our_others) in zip(
        expected, predict(make_nlp(OURS, path, max_pieces=16))
    ):
        assert_allclose(ours, states, atol=1e-5)
        assert len(our_others) == len(others)
        for output, our_output in zip(others, our_others):
            assert_allclose(our_output, output, atol=1e-5)


def test_padding_on_the_left_changes_nothing(path: str) -> None:
    settings = {"tokenizer_config": {"padding_side": "left"}}
    alone = predict(make_nlp(OURS, path))
    for (states, _), (ours, _) in zip(
        alone, predict(make_nlp(OURS, path, max_pieces=16, **settings))
    ):
        assert_allclose(ours, states, atol=1e-5)


def test_gradients_are_those_of_spacy_transformers(path: str) -> None:
    expected = train(make_nlp(SPACY_TRANSFORMERS, path))
    ours = train(make_nlp(OURS, path, max_pieces=16))
    assert expected.keys() == ours.keys()
    trained = {name for name, gradient in expected.items() if gradient is not None}
    assert "encoder.layer.0.attention.self.query.weight" in trained
    for name in trained:
        assert_allclose(ours[name], expected[name], rtol=1e-3, atol=1e-4, err_msg=name)


class Scaler:
    """Does what Thinc's scaler does in mixed precision, on a CPU."""

    scale_of_gradients = 2.0**16

    def scale(self, tensors: List[torch.Tensor], inplace: bool) -> List[torch.Tensor]:
        return [tensor.mul_(self.scale_of_gradients) for tensor in tensors]

    def unscale(self, tensors: List[torch.Tensor]) -> bool:
        for tensor in tensors:
            tensor.div_(self.scale_of_gradients)
        return False


def test_each_batch_has_its_scale_taken_out_once(path: str) -> None:
    expected = train(make_nlp(OURS, path, max_pieces=16))
    ours = train(make_nlp(OURS, path, max_pieces=16), Scaler())
    for name, gradient in expected.items():
        if gradient is not None:
            assert_allclose(ours[name], gradient, rtol=1e-3, atol=1e-4, err_msg=name)


@pytest.fixture
def bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU with instructions for it. Others compute the same, but slowly."""
    monkeypatch.setattr(precision, "has_bfloat16", lambda: True)


def test_outputs_in_16_bits_are_nearly_the_same(path: str, bfloat16: None) -> None:
    expected = predict(make_nlp(OURS, path))
    ours = predict(make_nlp(OURS, path, cpu_bfloat16=True))
    differences = []
    for (states, others), (our_states, our_others) in zip(expected, ours):
        assert our_states.dtype == states.dtype
        assert_allclose(our_states, states, atol=0.01)
        assert len(our_others) == len(others)
        differences += abs(our_states - states).ravel().tolist()
    assert max(differences) > 1e-5


def test_gradients_in_16_bits_are_nearly_the_same(path: str, bfloat16: None) -> None:
    expected = train(make_nlp(OURS, path))
    ours = train(make_nlp(OURS, path, cpu_bfloat16=True))
    for name, gradient in expected.items():
        if gradient is not None:
            assert ours[name].dtype == torch.float32
            # The sum over all words of a text is taken in 16 bits.
            difference = torch.linalg.norm(ours[name] - gradient)
            assert difference < 0.05 * torch.linalg.norm(gradient) + 1e-3, name


def test_all_layers_and_attentions(path: str) -> None:
    settings = {"output_hidden_states": True, "output_attentions": True}
    settings["attn_implementation"] = "eager"  # type: ignore[assignment]
    docs = [spacy.blank("en").make_doc(text) for text in TEXTS[:2]]
    outputs = [
        make_nlp(architecture, path, transformer_config=settings, **more)
        .get_pipe("transformer")
        .model.predict(docs)
        for architecture, more in ((SPACY_TRANSFORMERS, {}), (OURS, {"max_pieces": 1}))
    ]
    mask = torch.from_numpy(outputs[0].wordpieces.attention_mask)
    for theirs, ours in zip(outputs[0].model_output.hidden_states, outputs[1].model_output[2]):
        assert_allclose(ours * mask[..., None], theirs * mask[..., None], atol=1e-5)
    for theirs, ours in zip(outputs[0].model_output.attentions, outputs[1].model_output[3]):
        pairs = mask[:, None, None, :] * mask[:, None, :, None]
        assert_allclose(ours * pairs, theirs * pairs, atol=1e-5)


@pytest.mark.parametrize("first,second", [(SPACY_TRANSFORMERS, OURS), (OURS, SPACY_TRANSFORMERS)])
def test_saved_models_change_architecture_in_their_config(
    path: str, tmp_path: Path, first: str, second: str
) -> None:
    nlp = make_nlp(first, path)
    with torch.no_grad():
        for weight in nlp.get_pipe("transformer").model.transformer.parameters():
            weight += 0.01
    expected = predict(nlp)
    nlp.to_disk(tmp_path)
    config = (tmp_path / "config.cfg").read_text("utf8")
    (tmp_path / "config.cfg").write_text(
        config.replace(first, second)
        .replace("max_pieces = null\n", "")
        .replace("cpu_bfloat16 = false\n", ""),
        encoding="utf8",
    )
    for (states, _), (loaded, _) in zip(expected, predict(spacy.load(tmp_path))):
        assert_allclose(loaded, states, atol=1e-5)


def test_texts_of_similar_length_are_computed_together(path: str) -> None:
    nlp = make_nlp(OURS, path, max_pieces=20)
    docs = [nlp.make_doc(text) for text in ("gene", "a", "gene", "gene moves", "b")]
    # Letters, and two pieces for the start and the end; not more than 20 per batch.
    assert count_pieces(nlp, docs) == [(1, 11), (3, 6), (1, 3)]
    assert count_pieces(make_nlp(SPACY_TRANSFORMERS, path), docs) == [(5, 11)]


@pytest.mark.parametrize(
    "max_pieces,device,expected",
    [
        (12, "cpu", [[1], [3, 0], [2]]),
        (1, "cpu", [[1], [3], [0], [2]]),
        (None, "cpu", [[1, 3, 0, 2]]),
    ],
)
def test_batches(max_pieces: Any, device: str, expected: List[List[int]]) -> None:
    assert list(batch_by_pieces([4, 9, 1, 5], max_pieces, device)) == expected


def test_default_batches_follow_the_device() -> None:
    lengths = [512] * 65
    assert [len(batch) for batch in batch_by_pieces(lengths, None, "cpu")] == [1] * 65
    assert [len(batch) for batch in batch_by_pieces(lengths, None, "cuda")] == [64, 1]
    assert list(batch_by_pieces([], None, "cpu")) == []


def test_an_output_that_is_not_known_is_an_error() -> None:
    from transformers.modeling_outputs import BaseModelOutputWithPast

    output = BaseModelOutputWithPast(torch.zeros(1, 2, 3), past_key_values=torch.zeros(1))
    with pytest.raises(ValueError, match=r"output 'past_key_values'.*TransformerModel\.v3"):
        merge([output], [np.asarray([0])], (1, 2))
