from contextlib import AbstractContextManager
from functools import cache
from typing import Any, Dict

import torch

# Of x86; PyTorch names those of no other CPUs.
INSTRUCTIONS = ("amx_bf16", "avx512_bf16")


@cache
def has_bfloat16() -> bool:
    """RETURNS (bool): Whether the CPU has instructions for bfloat16, and this PyTorch can tell."""
    capabilities: Dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in INSTRUCTIONS)


def mixed_precision_on_cpu(enabled: bool) -> "AbstractContextManager[Any]":
    """Let PyTorch multiply matrices in bfloat16, with sums in single precision, in about half the
    time.

    enabled (bool): Whether to. A CPU without instructions for it computes in single precision.
    RETURNS (AbstractContextManager[Any]): The context to compute in.
    """
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled and has_bfloat16())
