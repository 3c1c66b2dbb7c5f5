"""How a picture was made, as its file or a manifest says; the same job once more."""

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

_STYLE_ROLES = {"style": "image", "mask": "mask", "region": "region"}


@dataclass(frozen=True, slots=True)
class Origin:
    """How a picture was made.

    Attributes:
        said: The recipe or manifest.
        sha256: Of the picture's file.
        picture: That file, if it is at hand.
    """

    said: Mapping[str, Any]
    sha256: str | None
    picture: Path | None

    @property
    def digests(self) -> dict[tuple[str, int], str]:
        """SHA-256 of each picture that it was made from, by role and position."""
        return {
            (role, position): digest
            for role, digests in self.said["inputs"].items()
            if role != "weights"
            for position, digest in enumerate(digests)
            if digest
        }

    @property
    def made_with(self) -> dict[str, str]:
        """Device, threads, versions and weights."""
        weights = self.said["inputs"].get("weights", [""])
        return {**(self.said.get("made_with") or {}), "weights": weights[0]}


def read_origin(path: Path) -> Origin:
    """Read a manifest, or the recipe in a picture.

    Raises:
        NoRecipe: It is neither.
        CannotReproduce: It is of a job that has made no picture.
    """
    data = path.read_bytes()
    if not data.lstrip().startswith(b"{"):
        return Origin(read_recipe(path), hashlib.sha256(data).hexdigest(), path)
    try:
        said = json.loads(data)
        if said["manifest"] != 1 or said["kind"] != "style":
            raise CannotReproduce(f"{path} is no manifest of a style job")
        result = said["result"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CannotReproduce(f"{path} is no manifest: {error}") from error
    if result is None:
        raise CannotReproduce(f"job {said.get('job_id')} has made no picture")
    return Origin(said, result["sha256"], None)


def same_job(origin: Origin, asset_ids: Mapping[str, str]) -> dict[str, Any]:
    """Write the job that makes the picture again.

    Args:
        origin: How it was made.
        asset_ids: Of its pictures, by digest.

    Raises:
        CannotReproduce: It was finished where no new job can be.
    """
    refs = {
        place: {"asset_id": asset_ids[digest]}
        for place, digest in origin.digests.items()
    }
    styles = [
        style
        | {
            field: refs[role, position]
            for role, field in _STYLE_ROLES.items()
            if (role, position) in refs
        }
        for position, style in enumerate(origin.said["params"]["styles"])
    ]
    params = {
        **origin.said["params"], "content": refs["content", 0], "styles": styles
    }  # fmt: skip
    if ("init_image", 0) in refs:
        params["init_image"] = refs["init_image", 0]
    return {"params": params, "segments": _segments(origin.said)}


def _segments(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The changes that have begun, and one that ends the run where it was ended."""
    done, params = said["iterations"], said["params"]
    begun = [one for one in said["segments"] if one["from_iteration"] <= done]
    *before, (_, last) = params["schedule"]
    for segment in begun:
        last = segment["changes"].get("iterations", last)
    earlier = sum(count for _, count in before)
    by_itself = bool(params["early_stop"]) and said.get("completion") != "early"
    if done >= earlier + last or by_itself:
        return begun
    if done <= earlier:
        raise CannotReproduce(
            f"it was finished after {done} iterations, before its last size",
            hint="only a job that has reached its last size can be made again",
        )
    return [
        *begun, {"from_iteration": done, "changes": {"iterations": done - earlier}}
    ]  # fmt: skip
