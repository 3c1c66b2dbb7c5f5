"""Encoding of the engine's image to a file in the requested format and colors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from shared.params.formats import FORMATS
from worker.images.icc import (
    ProfileBroken,
    ProfileHasTables,
    from_srgb,
    read_profile,
    srgb,
)
from worker.images.jpeg_webp import MAX_RECIPE_BYTES, write_jpeg, write_webp
from worker.images.metadata import FileMetadata
from worker.images.png_tiff import write_png, write_tiff

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from shared.params.style import StyleParams
    from worker.images.icc import Colors, Profile
    from worker.images.load import Picture

_WRITERS: dict[str, Callable[..., bytes]] = {
    "png": write_png,
    "tiff": write_tiff,
    "jpeg": write_jpeg,
    "webp": write_webp,
}
_EIGHT_BITS = 8


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """Encoded picture file.

    Attributes:
        data: Bytes of the file.
        width: Width in pixels.
        height: Height in pixels.
        warnings: Requests that could not be fulfilled, as (code, message).
    """

    data: bytes
    width: int
    height: int
    warnings: tuple[tuple[str, str], ...]


def encode(
    image: Tensor, params: StyleParams, photo: Picture, recipe: str | None
) -> EncodedImage:
    """Encode an image in the requested format, bit depth and color profile.

    Args:
        image: Image of shape (1, 3, H, W), sRGB; clamped to [0, 1], then rounded.
        params: Parameters of the job.
        photo: Content picture, whose transparency and, on request, profile are kept.
        recipe: JSON to embed in the file, or None.
    """
    warnings: list[tuple[str, str]] = []
    colors = image.detach()[0].clamp(0, 1).permute(1, 2, 0).cpu().numpy()  # (H, W, 3)
    profile = _profile(params, photo, warnings)
    if profile is not srgb():
        colors = from_srgb(colors, profile).clip(0, 1)
    if photo.alpha is not None:
        colors = _with_alpha(colors, photo.alpha, FORMATS[params.format].supports_alpha)
    metadata = FileMetadata(profile.data, _recipe_that_fits(params, recipe, warnings))
    data = _WRITERS[params.format](_quantized(colors, params.bit_depth), metadata)
    height, width = colors.shape[:2]
    return EncodedImage(data, width, height, tuple(warnings))


def _profile(
    params: StyleParams, photo: Picture, warnings: list[tuple[str, str]]
) -> Profile:
    if params.color_profile == "srgb" or photo.profile is None:
        return srgb()
    try:
        profile = read_profile(photo.profile)
    except (ProfileBroken, ProfileHasTables) as error:
        reason = str(error)
    else:
        if profile.is_reversible:
            return profile
        reason = "it does not hold colors that can be converted back"
    message = f"the result is in sRGB, not in the photo's profile: {reason}"
    warnings.append(("profile-not-used", message))
    return srgb()


def _with_alpha(colors: Colors, alpha: NDArray[np.float32], is_kept: bool) -> Colors:
    """Add the photo's transparency as a fourth channel, or lay the picture on white."""
    height, width = colors.shape[:2]
    share = np.asarray(
        Image.fromarray(alpha).resize((width, height), Image.Resampling.LANCZOS)
    ).clip(0, 1)[..., None]
    if is_kept:
        return np.concatenate((colors, share), axis=-1)
    return 1 - share * (1 - colors)


def _recipe_that_fits(
    params: StyleParams, recipe: str | None, warnings: list[tuple[str, str]]
) -> str | None:
    if recipe is None or params.format != "jpeg" or len(recipe) <= MAX_RECIPE_BYTES:
        return recipe
    message = f"the recipe has {len(recipe):,} bytes, too many for a JPEG"
    warnings.append(("recipe-left-out", message))
    return None


def _quantized(
    colors: Colors, bit_depth: int
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Round values in [0, 1] to the nearest level; halves to the even one."""
    levels: Colors = np.rint(np.multiply(colors, 2**bit_depth - 1, dtype=np.float32))
    return (
        levels.astype(np.uint8)
        if bit_depth == _EIGHT_BITS
        else levels.astype(np.uint16)
    )
