import numpy as np
import pytest
from numpy.testing import assert_allclose

from spacy_eiou.losses import EMC, EIoU, EIoU_EMC, SpanTruths, build_eiou_emc_v1

TRUTHS = SpanTruths(
    candidates=np.asarray([(0, 1), (0, 2), (1, 2), (1, 3)]),
    gold=np.asarray([(0, 2), (1, 2)]),
    labels=np.asarray([0, 1]),
    class_counts=np.asarray([5, 2, 90], dtype="f"),
)
LOGITS = np.random.RandomState(0).normal(size=(4, 3)).astype("f")


@pytest.mark.parametrize("beta", [0, 0.3, 0.75, 1])
def test_halves_are_mixed_by_beta(beta):
    eiou, emc = EIoU(), EMC()
    gradient, loss = EIoU_EMC(eiou, emc, beta=beta)(LOGITS, TRUTHS)
    eiou_gradient, eiou_loss = eiou(LOGITS, TRUTHS)
    emc_gradient, emc_loss = emc(LOGITS, TRUTHS)
    assert loss == pytest.approx(beta * eiou_loss + (1 - beta) * emc_loss)
    assert_allclose(gradient, beta * eiou_gradient + (1 - beta) * emc_gradient, rtol=1e-6)


def test_by_hand():
    truths = SpanTruths(np.asarray([(0, 2)]), np.asarray([(0, 2)]), np.asarray([0]))
    # The gold span is alone in its neighbourhood: only the class half counts
    gradient, loss = build_eiou_emc_v1(beta=0.25, label_smoothing=0)(
        np.zeros((1, 2), dtype="f"), truths
    )
    assert loss == pytest.approx(0.75 * np.log(2))
    assert_allclose(gradient, [[-0.375, 0.375]])


def test_settings_reach_the_halves():
    loss = build_eiou_emc_v1()
    assert (loss.beta, loss.emc.label_margin, loss.emc.tau) == (0.2, 4.0, 0.0)
    assert (loss.emc.label_smoothing, loss.emc.effective_number) == (0.1, None)
    assert (loss.eiou.form, loss.eiou.distance) == ("margin", "eiou")
    loss = build_eiou_emc_v1(0.5, 2.0, 0.1, 0.2, 0.99, "expected_distance", "diou")
    assert (loss.beta, loss.emc.label_margin, loss.emc.tau) == (0.5, 2.0, 0.1)
    assert (loss.emc.label_smoothing, loss.emc.effective_number) == (0.2, 0.99)
    assert (loss.eiou.form, loss.eiou.distance) == ("expected_distance", "diou")


def test_default_beta():
    assert EIoU_EMC(EIoU(), EMC()).beta == build_eiou_emc_v1().beta


@pytest.mark.parametrize("beta", [-0.1, 1.1])
def test_beta_out_of_range(beta):
    with pytest.raises(ValueError, match=f"beta.*{beta}"):
        build_eiou_emc_v1(beta=beta)


@pytest.mark.parametrize(
    "setting,message", [({"form": "x"}, "form 'x'"), ({"distance": "y"}, "distance 'y'")]
)
def test_unknown_settings(setting, message):
    with pytest.raises(ValueError, match=message):
        build_eiou_emc_v1(**setting)
