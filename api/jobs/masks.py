"""Masks of a new job: each of the right shape, not empty, something left to all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from api.http.slots import one_decoder
from shared.errors import FieldError
from shared.images.masks import (
    brightness,
    have_same_shape,
    is_empty,
    leave_nothing,
    thumbnail,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from PIL import Image

    from api.dependencies import Services
    from shared.images.inspect import PictureInfo


class Picture(Protocol):
    """A picture of a job, sent now or before."""

    @property
    def role(self) -> str:
        """What it is for."""

    @property
    def position(self) -> int:
        """Which of them."""

    @property
    def pointer(self) -> str:
        """Where the request has it."""

    def read(self) -> bytes:
        """Read all of it, however often."""


# What each kind of mask must have the shape of.
_WHOLES = {"mask": "content", "region": "style"}


def mask_errors(
    services: Services, checked: Sequence[tuple[Picture, PictureInfo]]
) -> list[FieldError]:
    """Check what masks and regions say, as far as all are known to be pictures.

    Those of which the picture is missing that they lie over are left out.
    """
    infos = {(one.role, one.position): info for one, info in checked}
    pictures = [one for one, _ in checked if _whole_of(one) in infos]
    seen = {one: _look(services, one) for one in pictures}
    errors: list[FieldError] = []
    for one in pictures:
        whole = infos[_whole_of(one)]
        errors.extend(_misshapen(one, infos[one.role, one.position], whole))
        if seen[one] is None:
            errors.append(_empty(one))
    return [*errors, *_left_out(infos, seen)]


def _whole_of(picture: Picture) -> tuple[str, int]:
    """Role and position of the picture that a mask lies over."""
    role = _WHOLES.get(picture.role, "")
    return role, picture.position if role == "style" else 0


def _misshapen(
    picture: Picture, info: PictureInfo, whole: PictureInfo
) -> Iterable[FieldError]:
    size, wanted = (info.width, info.height), (whole.width, whole.height)
    if not have_same_shape(size, wanted):
        of = "the photo" if picture.role == "mask" else "its painting"
        detail = (
            f"has {size[0]} x {size[1]} pixels, which is not the shape of {of}, "
            f"{wanted[0]} x {wanted[1]}: draw it over that picture, or crop it to the "
            "same proportions"
        )
        yield FieldError(picture.pointer, "mask-shape", detail)


def _look(services: Services, picture: Picture) -> Image.Image | None:
    """Decode a mask into its thumbnail; None if it is empty."""
    with one_decoder(services):
        mask = brightness(picture.read())
        return None if is_empty(mask) else thumbnail(mask)


def _empty(picture: Picture) -> FieldError:
    detail = "is black everywhere: make it bright where the style goes"
    if picture.role == "region":
        detail = "is black everywhere: make it bright where the style is taken from"
    return FieldError(picture.pointer, "mask-empty", detail)


def _left_out(
    infos: Iterable[tuple[str, int]], seen: Mapping[Picture, Image.Image | None]
) -> Iterable[FieldError]:
    """Styles without a mask to which the masks of the others leave nothing."""
    masked = {one.position: mask for one, mask in seen.items() if one.role == "mask"}
    thumbnails = [mask for mask in masked.values() if mask is not None]
    if not thumbnails or not leave_nothing(thumbnails):
        return
    detail = (
        "has no mask, and the masks of the others leave nothing of the photo to it: "
        "darken them somewhere, or leave this style out"
    )
    for role, position in infos:
        if role == "style" and position not in masked:
            yield FieldError(f"/style/{position}", "mask-leaves-nothing", detail)
