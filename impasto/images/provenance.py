"""Provenance of a picture, from its file or a manifest, and a job to reproduce it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from impasto.errors import CannotReproduce
from impasto.images.recipe_reader import read_recipe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PICTURES = ("init_image", "content_labels")  # optional pictures of a job
_STYLE_ROLES = {
    "style": "image",
    "mask": "mask",
    "region": "region",
    "labels": "labels",
}


@dataclass(frozen=True, slots=True)
class PictureProvenance:
    """Provenance of a picture: parameters, inputs, device, versions.

    Attributes:
        recipe: Recipe, or a manifest, which has the same members and more.
        sha256: SHA-256 of the picture's file.
        picture: Path of the picture's file, or None if only a manifest was given.
    """

    recipe: Mapping[str, Any]
    sha256: str | None
    picture: Path | None

    @property
    def input_digests(self) -> dict[tuple[str, int], str]:
        """SHA-256 of each input picture, by role and position."""
        return {
            (role, position): digest
            for role, digests in self.recipe["inputs"].items()
            if role != "weights"
            for position, digest in enumerate(digests)
            if digest
        }

    @property
    def made_with(self) -> dict[str, str]:
        """Device, threads, versions and weights."""
        weights = self.recipe["inputs"].get("weights", [""])
        return {**(self.recipe.get("made_with") or {}), "weights": weights[0]}


def read_provenance(path: Path) -> PictureProvenance:
    """Read a manifest, or the recipe in a picture.

    Raises:
        NoRecipe: The file is neither a manifest nor a picture with a recipe.
        CannotReproduce: The job of the manifest has no picture.
    """
    data = path.read_bytes()
    if not data.lstrip().startswith(b"{"):
        return PictureProvenance(
            read_recipe(path), hashlib.sha256(data).hexdigest(), path
        )
    try:
        manifest = json.loads(data)
        if manifest["manifest"] != 1 or manifest["kind"] != "style":
            raise CannotReproduce(f"{path} is no manifest of a style job")
        result = manifest["result"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CannotReproduce(f"{path} is no manifest: {error}") from error
    if result is None:
        raise CannotReproduce(f"job {manifest.get('job_id')} has made no picture")
    return PictureProvenance(manifest, result["sha256"], None)


def reproduction_request(
    provenance: PictureProvenance, asset_ids: Mapping[str, str]
) -> dict[str, Any]:
    """Return the request body of the job that reproduces the picture.

    Args:
        provenance: Provenance of the picture.
        asset_ids: Ids of the assets of its inputs, by digest.

    Raises:
        CannotReproduce: The job was finished at an iteration that cannot be the last.
    """
    refs = {
        role_and_position: {"asset_id": asset_ids[digest]}
        for role_and_position, digest in provenance.input_digests.items()
    }
    styles = [
        style
        | {
            field: refs[role, position]
            for role, field in _STYLE_ROLES.items()
            if (role, position) in refs
        }
        for position, style in enumerate(provenance.recipe["params"]["styles"])
    ]
    params = {
        **provenance.recipe["params"], "content": refs["content", 0], "styles": styles
    }  # fmt: skip
    params |= {name: refs[name, 0] for name in _PICTURES if (name, 0) in refs}
    return {"params": params, "segments": _reproduction_segments(provenance.recipe)}


def _reproduction_segments(recipe: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the segments that have begun, and one for the last iteration."""
    done, params = recipe["iterations"], recipe["params"]
    begun = [item for item in recipe["segments"] if item["from_iteration"] <= done]
    *earlier_scales, (_, last_count) = params["schedule"]
    for segment in begun:
        last_count = segment["changes"].get("iterations", last_count)
    earlier_count = sum(count for _, count in earlier_scales)
    stopped_early = bool(params["early_stop"]) and recipe.get("completion") != "early"
    if done >= earlier_count + last_count or stopped_early:
        return begun
    if done <= earlier_count:
        raise CannotReproduce(
            f"it was finished after {done} iterations, before its last size",
            hint="only a job that has reached its last size can be made again",
        )
    end = {"from_iteration": done, "changes": {"iterations": done - earlier_count}}
    return [*begun, end]
