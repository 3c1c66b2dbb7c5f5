"""bfloat16 for activations, float32 for whatever is summed.

A bfloat16 has the range of a float32 and 8 bits of it: gradients of 1e-12 fit, but a
sum of many would stand still.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def accumulation_dtype(features: Tensor) -> torch.dtype:
    """The precision in which activations are summed: at least float32."""
    return torch.promote_types(features.dtype, torch.float32)


def to_accumulation_dtype(features: Tensor) -> Tensor:
    """Activations in that precision; themselves where they have it."""
    return features.to(accumulation_dtype(features))
