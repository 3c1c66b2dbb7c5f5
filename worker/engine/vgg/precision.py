"""Precision of sums over activations: at least float32, also for bfloat16.

bfloat16 has the range of float32, so gradients of 1e-12 fit, but only 8 bits: a sum of
many values would stop growing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def accumulation_dtype(features: Tensor) -> torch.dtype:
    """Return the precision in which activations are summed: at least float32."""
    return torch.promote_types(features.dtype, torch.float32)


def to_accumulation_dtype(features: Tensor) -> Tensor:
    """Convert activations to `accumulation_dtype`; no copy if they have it."""
    return features.to(accumulation_dtype(features))
