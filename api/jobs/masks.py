"""Validation of the masks of a new job: shape, emptiness, area left to each style."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from shared.errors import FieldError
from shared.images.decoder_process import mask_thumbnail_apart
from shared.images.masks import cover_everything, have_same_aspect_ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from PIL import Image

    from api.dependencies import Dependencies
    from shared.images.inspect import ImageInfo


class JobPicture(Protocol):
    """Picture of a new job: an uploaded file or an asset."""

    @property
    def role(self) -> str:
        """Role of the picture, such as content, style or mask."""

    @property
    def position(self) -> int:
        """Index among the pictures of this role."""

    @property
    def pointer(self) -> str:
        """JSON pointer to it in the request."""

    def read(self) -> bytes:
        """Return all of its bytes; may be called repeatedly."""


# Role of a mask -> role of the picture whose shape it must have.
_COVERED_ROLES = {
    "mask": "content",
    "content_labels": "content",
    "region": "style",
    "labels": "style",
}
_BRIGHTNESS_ROLES = {"mask", "region"}  # what is black everywhere is empty


def check_masks(
    dependencies: Dependencies,
    owner_id: str,
    pictures: Sequence[tuple[JobPicture, ImageInfo]],
) -> list[FieldError]:
    """Return the errors of masks and regions among inspected pictures.

    A mask is skipped if the picture that it covers is missing or unusable. Of label
    maps only the shape is checked here.
    """
    infos = {(mask.role, mask.position): info for mask, info in pictures}
    masks = [mask for mask, _ in pictures if _covered_picture(mask) in infos]
    thumbnails = {
        mask: _load_thumbnail(dependencies, owner_id, mask)
        for mask in masks
        if mask.role in _BRIGHTNESS_ROLES
    }
    errors: list[FieldError] = []
    for mask in masks:
        covered = infos[_covered_picture(mask)]
        errors.extend(_shape_errors(mask, infos[mask.role, mask.position], covered))
    errors += [_empty_error(mask) for mask in thumbnails if thumbnails[mask] is None]
    return [*errors, *_styles_without_area(infos, thumbnails)]


def _covered_picture(picture: JobPicture) -> tuple[str, int]:
    """Return role and position of the picture that a mask covers."""
    role = _COVERED_ROLES.get(picture.role, "")
    return role, picture.position if role == "style" else 0


def _shape_errors(
    picture: JobPicture, info: ImageInfo, covered: ImageInfo
) -> Iterable[FieldError]:
    size, covered_size = (info.width, info.height), (covered.width, covered.height)
    if not have_same_aspect_ratio(size, covered_size):
        of_photo = _COVERED_ROLES[picture.role] == "content"
        covered_name = "the photo" if of_photo else "its painting"
        detail = (
            f"has {info.width} x {info.height} pixels, which is not the shape of "
            f"{covered_name}, {covered.width} x {covered.height}: draw it over that "
            "picture, or crop it to the same proportions"
        )
        yield FieldError(picture.pointer, "mask-shape", detail)


def _load_thumbnail(
    dependencies: Dependencies, owner_id: str, picture: JobPicture
) -> Image.Image | None:
    """Decode a mask into its thumbnail; None if it is empty."""
    with dependencies.decoder_slots.hold(owner_id):
        return mask_thumbnail_apart(picture.read(), dependencies.settings.max_pixels)


def _empty_error(picture: JobPicture) -> FieldError:
    detail = "is black everywhere: make it bright where the style goes"
    if picture.role == "region":
        detail = "is black everywhere: make it bright where the style is taken from"
    return FieldError(picture.pointer, "mask-empty", detail)


def _styles_without_area(
    infos: Iterable[tuple[str, int]], loaded: Mapping[JobPicture, Image.Image | None]
) -> Iterable[FieldError]:
    """Yield errors for styles without a mask to which the other masks leave no area."""
    masked = {
        picture.position: mask
        for picture, mask in loaded.items()
        if picture.role == "mask"
    }
    thumbnails = [mask for mask in masked.values() if mask is not None]
    if not thumbnails or not cover_everything(thumbnails):
        return
    detail = (
        "has no mask, and the masks of the others leave nothing of the photo to it: "
        "darken them somewhere, or leave this style out"
    )
    for role, position in infos:
        if role == "style" and position not in masked:
            yield FieldError(f"/style/{position}", "mask-leaves-nothing", detail)
