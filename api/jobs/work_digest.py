"""One number for the work that a job asks for: equal work, equal number."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from shared.params.style import StyleParams

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from shared.params.kinds import Params
    from shared.params.segments import Segment

_PICTURES = {"content", "init_image", "styles", "pictures"}


def plain_params(params: Params) -> dict[str, Any]:
    """Parameters as JSON, without the ids that this farm gave to the pictures."""
    said = params.model_dump(mode="json", exclude=_PICTURES)
    if isinstance(params, StyleParams):
        said["styles"] = [{"weight": style.weight} for style in params.styles]
    return said


def work_digest(
    params: Params,
    segments: Iterable[Segment],
    pictures: Mapping[tuple[str, int], str],
) -> str:
    """Digest all that a result depends on, as far as it is known at submission.

    Args:
        params: Defaults filled in.
        segments: Planned changes.
        pictures: SHA-256 by role and position.
    """
    work = {
        "version": version("impasto"),  # of the engine, which names its weights
        "params": plain_params(params),
        "segments": [[one.from_iteration, one.changes.stored()] for one in segments],
        "pictures": sorted([*place, digest] for place, digest in pictures.items()),
    }
    text = json.dumps(work, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
