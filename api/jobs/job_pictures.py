"""Checks of the pictures of a new job: each alone, and against each other.

Masks and regions must have the shape of the picture that they cover, and leave area to
each style. Label maps must be readable and used, and the photo's labels must be in the
label maps of paintings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.assets.service import find_asset
from api.assets.uploads import inspect_picture
from shared.errors import FieldError, ImageTooLarge, ImageUnreadable, NotFound
from shared.images.decoder_process import label_colors_apart, mask_thumbnail_apart
from shared.images.inspect import ImageInfo
from shared.images.masks import cover_everything, have_same_aspect_ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from PIL import Image

    from api.assets.uploads import UploadedPicture
    from api.dependencies import Dependencies
    from shared.errors import ImpastoError
    from shared.params.style import StyleParams


@dataclass(frozen=True, slots=True)
class PictureName:
    """Name of a picture in the body of a submission.

    Attributes:
        role: Role of the picture, such as content, style or mask.
        position: Index among the pictures of this role; for a mask, a region or labels,
            the index of the style.
        pointer: JSON pointer of the name in the body.
        name: Id of an asset, or SHA-256 of an uploaded file.
    """

    role: str
    position: int
    pointer: str
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class JobPicture:
    """Usable picture of a new job.

    Attributes:
        role: Role of the picture.
        position: Index among the pictures of this role.
        pointer: JSON pointer of the picture in the body.
        digest: SHA-256 of its bytes, in hex.
        info: Media type and size.
        read: Function that returns its bytes.
        asset_id: Id of the asset; None for an upload, which is not stored yet.
    """

    role: str
    position: int
    pointer: str
    digest: str
    info: ImageInfo
    read: Callable[[], bytes]
    asset_id: str | None


def find_pictures(
    dependencies: Dependencies,
    owner_id: str,
    names: Iterable[PictureName],
    uploads: Mapping[str, UploadedPicture],
) -> tuple[list[JobPicture], list[FieldError], dict[str, ImpastoError]]:
    """Find named assets of the owner, and inspect named uploads.

    Returns:
        Usable pictures; errors of names without a picture; and errors of unusable
        pictures, by JSON pointer.
    """
    pictures: list[JobPicture] = []
    errors: list[FieldError] = []
    refused: dict[str, ImpastoError] = {}
    for named in names:
        pointer = named.pointer.removesuffix("/asset_id")
        try:
            source = _find(dependencies, owner_id, named.name, uploads)
        except NotFound as error:
            detail = "is no picture of yours"
            errors.append(FieldError(named.pointer, error.code, detail))
        except (ImageUnreadable, ImageTooLarge) as error:
            refused[pointer] = error
        else:
            pictures.append(JobPicture(named.role, named.position, pointer, *source))
    return pictures, errors, refused


def _find(
    dependencies: Dependencies,
    owner_id: str,
    name: str,
    uploads: Mapping[str, UploadedPicture],
) -> tuple[str, ImageInfo, Callable[[], bytes], str | None]:
    """Return the last four attributes of a picture."""
    if (upload := uploads.get(name)) is not None:
        info = inspect_picture(dependencies, owner_id, upload)
        return upload.digest, info, upload.read, None
    asset, storage = find_asset(name), dependencies.storage
    info = ImageInfo(asset.media_type, asset.width, asset.height)
    return asset.digest, info, lambda: storage.get(asset.key or ""), asset.id


# Role of a mask -> role of the picture whose shape it must have.
_COVERED_ROLES = {
    "mask": "content",
    "content_labels": "content",
    "region": "style",
    "labels": "style",
}
_BRIGHTNESS_ROLES = {"mask", "region"}  # black everywhere means no area
_PHOTO_LABELS, _PAINTING_LABELS = "content_labels", "labels"  # roles


def check_masks(
    dependencies: Dependencies, owner_id: str, pictures: Iterable[JobPicture]
) -> Iterator[FieldError]:
    """Yield the errors of masks and regions among the pictures of a job.

    A mask is skipped if the picture that it covers is missing or unusable. For label
    maps, only the shape is checked here.
    """
    by_place = {(picture.role, picture.position): picture for picture in pictures}
    thumbnails: dict[JobPicture, Image.Image | None] = {}
    for mask in by_place.values():
        covered_role = _COVERED_ROLES.get(mask.role, "")
        position = mask.position if covered_role == "style" else 0
        if (covered := by_place.get((covered_role, position))) is None:
            continue
        yield from _shape_errors(mask, covered)
        if mask.role in _BRIGHTNESS_ROLES:
            with dependencies.decoder_slots.hold(owner_id):
                thumbnails[mask] = mask_thumbnail_apart(
                    mask.read(), dependencies.settings.max_pixels
                )
            if thumbnails[mask] is None:
                what = "goes" if mask.role == "mask" else "is taken from"
                detail = f"is black everywhere: make it bright where the style {what}"
                yield FieldError(mask.pointer, "mask-empty", detail)
    yield from _styles_without_area(by_place.values(), thumbnails)


def _shape_errors(mask: JobPicture, covered: JobPicture) -> Iterator[FieldError]:
    size = (mask.info.width, mask.info.height)
    covered_size = (covered.info.width, covered.info.height)
    if not have_same_aspect_ratio(size, covered_size):
        name = "the photo" if covered.role == "content" else "its painting"
        detail = (
            f"has {size[0]} x {size[1]} pixels, which is not the shape of {name}, "
            f"{covered_size[0]} x {covered_size[1]}: draw it over that picture, or "
            "crop it to the same proportions"
        )
        yield FieldError(mask.pointer, "mask-shape", detail)


def _styles_without_area(
    pictures: Iterable[JobPicture], thumbnails: Mapping[JobPicture, Image.Image | None]
) -> Iterator[FieldError]:
    """Yield errors for styles without a mask to which the other masks leave no area."""
    masks = {mask.position: mask for mask in thumbnails if mask.role == "mask"}
    shown = [image for mask in masks.values() if (image := thumbnails[mask])]
    if not shown or not cover_everything(shown):
        return
    detail = (
        "has no mask, and the masks of the others leave nothing of the photo to it: "
        "darken them somewhere, or leave this style out"
    )
    for picture in pictures:
        if picture.role == "style" and picture.position not in masks:
            yield FieldError(picture.pointer, "mask-leaves-nothing", detail)


def check_label_maps(
    dependencies: Dependencies,
    owner_id: str,
    params: StyleParams | None,
    pictures: Iterable[JobPicture],
    sent: Iterable[PictureName],
) -> list[FieldError]:
    """Return the errors of the label maps among the pictures of a job.

    Labels of paintings that the photo lacks are ignored.

    Args:
        dependencies: Dependencies of the app.
        owner_id: Owner of the job.
        params: Parameters of the job; None if they are invalid.
        pictures: Pictures that can be used.
        sent: All pictures that were sent, usable or not.
    """
    roles = {_PHOTO_LABELS, _PAINTING_LABELS}
    maps = [picture for picture in pictures if picture.role in roles]
    sent_roles = [named.role for named in sent if named.role in roles]
    errors: list[FieldError] = []
    labels: dict[JobPicture, set[str]] = {}
    for picture in maps:
        errors += _unused_errors(picture, params, sent_roles)
        try:
            with dependencies.decoder_slots.hold(owner_id):
                colors = label_colors_apart(
                    picture.read(), dependencies.settings.max_pixels
                )
            labels[picture] = set(colors)
        except ImageUnreadable as error:
            errors.append(FieldError(picture.pointer, "label-map", str(error)))
    if not errors and len(labels) == len(sent_roles):
        errors += _missing_labels(labels)
    return errors


def _unused_errors(
    picture: JobPicture, params: StyleParams | None, sent_roles: list[str]
) -> Iterator[FieldError]:
    """Yield an error for a label map that the job cannot use."""
    if params is not None and params.style_loss != "neighbors":
        detail = (
            'label maps need "style_loss": "neighbors", and this is '
            f'"{params.style_loss}": set it, or leave the label maps out'
        )
        yield FieldError(picture.pointer, "labels-unused", detail)
    elif len(set(sent_roles)) == 1:
        detail = "no painting has a label map: send labels, or leave this out"
        if picture.role == _PAINTING_LABELS:
            detail = "the photo has no label map: send content_labels, or leave it out"
        yield FieldError(picture.pointer, "labels-one-sided", detail)


def _missing_labels(labels: Mapping[JobPicture, set[str]]) -> Iterator[FieldError]:
    """Yield an error if no painting has some labels of the photo."""
    of_paintings: set[str] = set()
    for picture, colors in labels.items():
        if picture.role == _PAINTING_LABELS:
            of_paintings |= colors
    for picture, colors in labels.items():
        if picture.role == _PHOTO_LABELS and (missing := colors - of_paintings):
            detail = (
                "has labels that no painting's label map has: "
                f"{', '.join(sorted(missing))}; those of the paintings are "
                f"{', '.join(sorted(of_paintings))}. Draw the same things in the same "
                "colors"
            )
            yield FieldError(picture.pointer, "labels-missing", detail)
