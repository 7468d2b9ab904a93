import pytest
import torch

from spacy_eiou.models import precision
from spacy_eiou.models.precision import has_bfloat16, mixed_precision_on_cpu


@pytest.fixture(autouse=True)
def ask_again():
    has_bfloat16.cache_clear()
    yield
    has_bfloat16.cache_clear()


@pytest.mark.parametrize(
    "capabilities, expected",
    [
        ({"avx512_bf16": True, "amx_bf16": False}, True),
        ({"avx512_bf16": False, "amx_bf16": True}, True),
        ({"avx512_f": True, "avx512_bf16": False}, False),
        ({"architecture": "aarch64"}, False),
    ],
)
def test_instructions_of_the_cpu(monkeypatch, capabilities, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert has_bfloat16() == expected


def test_a_pytorch_that_cannot_tell(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not has_bfloat16()


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("has_instructions", [True, False])
def test_matrices_are_multiplied_in_16_bits_if_both_agree(monkeypatch, enabled, has_instructions):
    monkeypatch.setattr(precision, "has_bfloat16", lambda: has_instructions)
    weights = torch.ones((2, 2))
    with mixed_precision_on_cpu(enabled):
        product = weights @ weights
    assert product.dtype == (torch.bfloat16 if enabled and has_instructions else torch.float32)
    assert (weights @ weights).dtype == torch.float32
