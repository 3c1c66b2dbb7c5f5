"""What goes into a picture's file beside its pixels.

The recipe of a picture, to be kept in its file: how to make it once more.

It says nothing that differs between two runs of the same job: no ids, no times, no
names. So equal jobs give equal files, also when one of them was killed and went on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.jobs.claim import Claim
    from shared.params.segments import Segment
    from shared.params.style import StyleParams
    from worker.checkpoints import Origin


@dataclass(frozen=True, slots=True)
class Mark:
    """What a file says of its pixels.

    Attributes:
        profile: The ICC profile that its numbers are in.
        is_srgb: Whether that is sRGB.
        recipe: JSON in ASCII; None: nothing is told.
    """

    profile: bytes
    is_srgb: bool
    recipe: str | None


_VERSION = 1  # of what this says


def write_recipe(claim: Claim[StyleParams], origin: Origin, iterations: int) -> str:
    """Put the recipe into JSON, in ASCII.

    Args:
        claim: The job.
        origin: What its numbers depended on: digests of pictures and weights, device,
            threads, versions.
        iterations: How many were done, of those that were planned.
    """
    recipe = {
        "recipe": _VERSION,
        "params": _params(claim.params),
        "segments": [_segment(each) for each in claim.segments],
        "inputs": {role: each.split(",") for role, each in origin.inputs.items()},
        "iterations": iterations,
        "exact": not origin.inexact,
        "exact_reason": origin.inexact or None,
        "made_with": origin.maker,
    }
    return json.dumps(recipe)


def _segment(segment: Segment) -> dict[str, Any]:
    changes = segment.changes.stored()
    return {"from_iteration": segment.from_iteration, "changes": changes}


def _params(params: StyleParams) -> dict[str, Any]:
    """All of them, without the ids that this farm gave to the pictures."""
    pictures = {"content", "init_image", "styles"}
    said = params.model_dump(mode="json", exclude=pictures)
    return said | {"styles": [{"weight": style.weight} for style in params.styles]}
