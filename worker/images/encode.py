"""Encoding of the engine's image to a file in the requested format and colors.

libvips writes PNG and TIFF, as Pillow cannot write colors of 16 bits; Pillow writes
JPEG and WebP. The same picture gives the same bytes, whatever the number of threads.

The file contains the recipe that reproduces it. The recipe has no ids, times or names,
which differ between two runs of the same job. So equal jobs give equal files, even if
one of them was killed and resumed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pyvips
from PIL import ExifTags, Image

from shared.params.formats import FORMATS
from worker.images.icc import (
    ProfileBroken,
    ProfileHasTables,
    from_srgb,
    read_profile,
    srgb,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from shared.jobs.claim import Claim
    from shared.params.segments import Segment
    from shared.params.style import StyleParams
    from worker.checkpoint_file import Provenance
    from worker.images.icc import Colors, Profile
    from worker.images.load import Picture

    Levels = NDArray[np.uint8] | NDArray[np.uint16]

_EIGHT_BITS = 8
_RECIPE_VERSION = 1
MAX_RECIPE_BYTES = 60_000  # a segment of JPEG holds 65,533 bytes in all

_ZLIB_LEVEL = 6
# Field of libvips that becomes the text `impasto` or the image description.
_RECIPE_FIELDS = {"png": "png-comment-0-impasto", "tiff": "image-description"}
_KEPT = "icc:other"  # the profile and the recipe; no EXIF data, which libvips would add

_ASCII = b"ASCII\0\0\0"  # prefix of a comment in ASCII: EXIF 3.0, section 4.6.6
_PILLOW_OPTIONS: dict[str, dict[str, Any]] = {
    # No chroma subsampling: strokes have sharp colored edges.
    "jpeg": {"quality": 95, "subsampling": 0},
    "webp": {"quality": 95, "exact": True},  # transparency without loss
}


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
    levels = _quantized(colors, params.bit_depth)
    recipe = _recipe_that_fits(params, recipe, warnings)
    write = _write_by_libvips if params.format in _RECIPE_FIELDS else _write_by_pillow
    data = write(levels, params.format, profile.data, recipe)
    height, width = colors.shape[:2]
    return EncodedImage(data, width, height, tuple(warnings))


def write_recipe(
    claim: Claim[StyleParams], provenance: Provenance, iterations: int
) -> str:
    """Write the recipe of a picture as JSON in ASCII.

    Args:
        claim: Claim of the job.
        provenance: Digests of pictures and weights, device, threads, versions.
        iterations: Number of iterations done; fewer than planned after a finish.
    """
    params = claim.params
    # Without the ids that this farm gave to the pictures.
    pictures = {"content", "content_labels", "init_image", "styles"}
    stored = params.model_dump(mode="json", exclude=pictures)
    stored["styles"] = [{"weight": style.weight} for style in params.styles]
    recipe = {
        "recipe": _RECIPE_VERSION,
        "params": stored,
        "segments": [_recipe_segment(segment) for segment in claim.segments],
        "inputs": {role: item.split(",") for role, item in provenance.inputs.items()},
        "iterations": iterations,
        "exact": not provenance.inexact,
        "exact_reason": provenance.inexact or None,
        "made_with": provenance.maker,
    }
    return json.dumps(recipe)


def _recipe_segment(segment: Segment) -> dict[str, Any]:
    changes = segment.changes.to_json()
    return {"from_iteration": segment.from_iteration, "changes": changes}


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


def _quantized(colors: Colors, bit_depth: int) -> Levels:
    """Round values in [0, 1] to the nearest level, and halves to the even level."""
    levels: Colors = np.rint(np.multiply(colors, 2**bit_depth - 1, dtype=np.float32))
    if bit_depth == _EIGHT_BITS:
        return levels.astype(np.uint8)
    return levels.astype(np.uint16)


def _write_by_libvips(
    levels: Levels, name: str, profile: bytes, recipe: str | None
) -> bytes:
    """Write (H, W, 3) or (H, W, 4) as PNG or TIFF."""
    is_deep = levels.dtype == np.uint16
    image = pyvips.Image.new_from_array(
        levels, interpretation="rgb16" if is_deep else "srgb"
    )
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    if recipe is not None:
        image.set_type(pyvips.GValue.gstr_type, _RECIPE_FIELDS[name], recipe)
    data: bytes
    if name == "png":
        data = image.pngsave_buffer(compression=_ZLIB_LEVEL, filter="paeth", keep=_KEPT)
    else:
        data = image.tiffsave_buffer(
            compression="deflate",
            level=_ZLIB_LEVEL,
            predictor="horizontal",
            keep=_KEPT,
        )
    return data


def _write_by_pillow(
    levels: Levels, name: str, profile: bytes, recipe: str | None
) -> bytes:
    """Write (H, W, 3), or (H, W, 4) as WebP; the recipe in the EXIF user comment."""
    exif = Image.Exif()
    if recipe is not None:
        comment = _ASCII + recipe.encode("ascii")
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    buffer = BytesIO()
    Image.fromarray(levels).save(
        buffer,
        name,
        icc_profile=profile,
        exif=b"" if recipe is None else exif.tobytes(),
        **_PILLOW_OPTIONS[name],
    )
    return buffer.getvalue()
