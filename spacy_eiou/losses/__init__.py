from .bce import BCE, build_bce_v1
from .eiou import EIoU, build_eiou_v1
from .eiou_emc import EIoU_EMC, build_eiou_emc_v1
from .emc import EMC, build_emc_v1
from .span_loss import SpanLoss, SpanTruths

__all__ = [
    "BCE",
    "EMC",
    "EIoU",
    "EIoU_EMC",
    "SpanLoss",
    "SpanTruths",
    "build_bce_v1",
    "build_eiou_emc_v1",
    "build_eiou_v1",
    "build_emc_v1",
]
