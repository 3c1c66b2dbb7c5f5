"""Digest of the work of a job: jobs with the same digest have the same result."""

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

_PICTURES = {"content", "content_labels", "init_image", "styles", "pictures"}


def params_without_asset_ids(params: Params) -> dict[str, Any]:
    """Return parameters as JSON without the asset ids, which differ between farms."""
    body = params.model_dump(mode="json", exclude=_PICTURES)
    if isinstance(params, StyleParams):
        body["styles"] = [{"weight": style.weight} for style in params.styles]
    return body


def work_digest(
    params: Params,
    segments: Iterable[Segment],
    pictures: Mapping[tuple[str, int], str],
) -> str:
    """Return a digest of everything known at submission that the result depends on.

    Args:
        params: Parameters with their defaults.
        segments: Planned changes of parameters.
        pictures: SHA-256 of the pictures, by role and position.
    """
    work = {
        "version": version("impasto"),  # of the engine, which names its weights
        "params": params_without_asset_ids(params),
        "segments": [
            [segment.from_iteration, segment.changes.to_json()] for segment in segments
        ],
        "pictures": sorted(
            [*role_and_position, digest]
            for role_and_position, digest in pictures.items()
        ),
    }
    text = json.dumps(work, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
