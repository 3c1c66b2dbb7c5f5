"""Validation of the label maps of a new job: used, readable, the same labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import FieldError, ImageUnreadable
from shared.images.decoder_process import label_colors_apart

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from api.dependencies import Dependencies
    from api.jobs.masks import JobPicture
    from shared.params.style import StyleParams

_PHOTO, _PAINTING = "content_labels", "labels"  # roles


def check_label_maps(
    dependencies: Dependencies,
    owner_id: str,
    params: StyleParams | None,
    pictures: Iterable[JobPicture],
    sent_roles: Iterable[str],
) -> list[FieldError]:
    """Return the errors of the label maps among inspected pictures.

    Labels of paintings that the photo lacks are no error: they are not used.

    Args:
        dependencies: Dependencies of the app.
        owner_id: Owner of the job.
        params: Parameters of the job; None if they are wrong.
        pictures: Pictures that can be used.
        sent_roles: Role of each picture that was sent, usable or not.
    """
    maps = [picture for picture in pictures if picture.role in {_PHOTO, _PAINTING}]
    sent = [role for role in sent_roles if role in {_PHOTO, _PAINTING}]
    errors = list(_unused_errors(maps, params, sent))
    labels: dict[JobPicture, list[str]] = {}
    for picture in maps:
        try:
            with dependencies.decoder_slots.hold(owner_id):
                labels[picture] = label_colors_apart(
                    picture.read(), dependencies.settings.max_pixels
                )
        except ImageUnreadable as error:
            errors.append(FieldError(picture.pointer, "label-map", str(error)))
    if not errors and len(labels) == len(sent):
        errors += _missing_labels(labels)
    return errors


def _unused_errors(
    maps: Sequence[JobPicture], params: StyleParams | None, sent: Sequence[str]
) -> Iterator[FieldError]:
    """Yield errors for maps of another style loss, or of one side alone."""
    for picture in maps:
        if params is not None and params.style_loss != "neighbors":
            detail = (
                'label maps need "style_loss": "neighbors", and this is '
                f'"{params.style_loss}": set it, or leave the label maps out'
            )
            yield FieldError(picture.pointer, "labels-unused", detail)
        elif picture.role == _PHOTO and _PAINTING not in sent:
            detail = "no painting has a label map: send labels, or leave this out"
            yield FieldError(picture.pointer, "labels-one-sided", detail)
        elif picture.role == _PAINTING and _PHOTO not in sent:
            detail = "the photo has no label map: send content_labels, or leave it out"
            yield FieldError(picture.pointer, "labels-one-sided", detail)


def _missing_labels(labels: dict[JobPicture, list[str]]) -> Iterator[FieldError]:
    """Yield an error if no painting has some labels of the photo."""
    of_paintings = {
        color
        for picture, colors in labels.items()
        if picture.role == _PAINTING
        for color in colors
    }
    for picture, colors in labels.items():
        missing = sorted({*colors} - of_paintings)
        if picture.role == _PHOTO and missing:
            detail = (
                f"has labels that no painting's label map has: {', '.join(missing)}; "
                f"those of the paintings are {', '.join(sorted(of_paintings))}. Draw "
                "the same things in the same colors"
            )
            yield FieldError(picture.pointer, "labels-missing", detail)
