"""Hash chain: a job whose result shows whether it was ever resumed wrongly.

Each iteration hashes the previous link, its own number and the present style weight.
If a link is left out, computed twice, or computed with another weight, all later links
change. The last link becomes the pixels of the result.
"""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FIRST_SEED = 2**40  # jobs of this seed or a higher one are chains
STEP_SECONDS = 0.02  # duration of an iteration


def first_link(seed: int) -> bytes:
    """Return the link that the chain of this seed begins with."""
    return hashlib.sha256(f"chain {seed}".encode()).digest()


def next_link(link: bytes, iteration: int, style_weight: float) -> bytes:
    """Add one iteration, counted from 1."""
    text = f" {iteration} {style_weight!r}".encode()
    return hashlib.sha256(link + text).digest()


def last_link(
    seed: int, iterations: int, weights: Sequence[tuple[int, float]]
) -> bytes:
    """Compute the whole chain at once.

    Args:
        seed: Seed of the job.
        iterations: Number of iterations done.
        weights: (iteration after which it holds, style weight), in order; the first
            holds from 0 on.
    """
    link = first_link(seed)
    for iteration in range(1, iterations + 1):
        holding = [weight for after, weight in weights if after < iteration]
        link = next_link(link, iteration, holding[-1])
    return link


def pixels(link: bytes, height: int, width: int) -> NDArray[np.uint8]:
    """Fill a picture with a link, (H, W, 3)."""
    count = height * width * 3
    filled = np.frombuffer(link * (count // len(link) + 1), np.uint8)
    return filled[:count].reshape(height, width, 3)


def shows(picture: bytes, link: bytes) -> bool:
    """Whether a result is the picture of this link, to the last pixel."""
    with Image.open(BytesIO(picture)) as image:
        found = np.asarray(image.convert("RGB"))
    return bool((found == pixels(link, *found.shape[:2])).all())
