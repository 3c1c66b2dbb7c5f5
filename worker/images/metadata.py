"""Metadata of a picture file: color profile and recipe, which reproduces the picture.

The recipe has nothing that differs between two runs of the same job: no ids, times or
names. So equal jobs give equal files, even if one of them was killed and resumed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.jobs.claim import Claim
    from shared.params.segments import Segment
    from shared.params.style import StyleParams
    from worker.checkpoint_file import Provenance


@dataclass(frozen=True, slots=True)
class FileMetadata:
    """Metadata that a file stores besides its pixels.

    Attributes:
        profile: ICC profile of the pixels.
        recipe: Recipe as JSON in ASCII, or None.
    """

    profile: bytes
    recipe: str | None


_VERSION = 1  # of the recipe format


def write_recipe(
    claim: Claim[StyleParams], provenance: Provenance, iterations: int
) -> str:
    """Write the recipe of a picture as JSON in ASCII.

    Args:
        claim: Claim of the job.
        provenance: Digests of pictures and weights, device, threads, versions.
        iterations: Number of iterations done, of those that were planned.
    """
    recipe = {
        "recipe": _VERSION,
        "params": _params(claim.params),
        "segments": [_segment(item) for item in claim.segments],
        "inputs": {role: item.split(",") for role, item in provenance.inputs.items()},
        "iterations": iterations,
        "exact": not provenance.inexact,
        "exact_reason": provenance.inexact or None,
        "made_with": provenance.maker,
    }
    return json.dumps(recipe)


def _segment(segment: Segment) -> dict[str, Any]:
    changes = segment.changes.to_json()
    return {"from_iteration": segment.from_iteration, "changes": changes}


def _params(params: StyleParams) -> dict[str, Any]:
    """Return all parameters, without the ids that this farm gave to the pictures."""
    pictures = {"content", "content_labels", "init_image", "styles"}
    stored = params.model_dump(mode="json", exclude=pictures)
    return stored | {"styles": [{"weight": style.weight} for style in params.styles]}
