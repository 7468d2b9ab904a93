from typing import Optional, Tuple

from thinc.types import Floats2d

from .eiou import EIoU
from .emc import EMC, build_emc_v1
from .span_loss import SpanLoss, SpanTruths


class EIoU_EMC(SpanLoss):
    """Boundaries and classes together (Zhang et al., SIGIR 2025, arXiv 2504.14203):

        L = beta * L_EIoU + (1 - beta) * L_EMC

    The sum is the paper's; what its halves are is this project's reading, see `EIoU` and `EMC`.
    """

    def __init__(self, eiou: EIoU, emc: EMC, *, beta: float = 0.2) -> None:
        """Initialize the loss.

        eiou (EIoU): The boundary half.
        emc (EMC): The class half.
        beta (float): The share of the boundary half, from 0 to 1.
        RAISES (ValueError): If beta is out of range.
        """
        if not 0 <= beta <= 1:
            raise ValueError(f"beta of EIoU-EMC must be from 0 to 1, but is {beta}.")
        self.eiou = eiou
        self.emc = emc
        self.beta = beta

    def __call__(self, guesses: Floats2d, truths: SpanTruths) -> Tuple[Floats2d, float]:
        eiou_gradient, eiou_loss = self.eiou(guesses, truths)
        emc_gradient, emc_loss = self.emc(guesses, truths)
        gradient = self.beta * eiou_gradient + (1 - self.beta) * emc_gradient
        return gradient, self.beta * eiou_loss + (1 - self.beta) * emc_loss


def build_eiou_emc_v1(
    beta: float = 0.2,
    label_margin: float = 4.0,
    tau: float = 0.0,
    label_smoothing: float = 0.1,
    effective_number: Optional[float] = None,
    form: str = "margin",
    distance: str = "eiou",
) -> EIoU_EMC:
    """Create the EIoU-EMC loss. See `EIoU` and `EMC` for the formulas.

    beta (float): The share of the boundary half, from 0 to 1.
    label_margin (float): Margin of the class half for a label that was seen once.
    tau (float): How much of the log prior of each class the class half shifts by.
    label_smoothing (float): The largest share of "no entity" in a gold span of the class half.
    effective_number (Optional[float]): Beta of the class weights, if any.
    form (str): Form of the boundary half: "margin" or "expected_distance".
    distance (str): Distance of the boundary half: "eiou", "diou", "giou" or "iou".
    RETURNS (EIoU_EMC): The loss.
    """
    eiou = EIoU(form=form, distance=distance)
    emc = build_emc_v1(label_margin, tau, label_smoothing, effective_number)
    return EIoU_EMC(eiou, emc, beta=beta)
