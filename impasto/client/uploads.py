"""Multipart form of a job submission or an estimate: its fields and its files."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# A path, the bytes of a picture, or a file that is open for reading in binary mode.
Picture = str | os.PathLike[str] | bytes | BinaryIO


@dataclass(frozen=True, slots=True)
class StyleImage:
    """Style image of a job, with masks.

    Attributes:
        picture: Style image: a path, bytes, or an open file.
        mask: Picture of the photo's shape, bright where the style is applied; None for
            the area without masks of other style images.
        region: Picture of the style image's shape, bright where the style is taken
            from; None for all of it.
        labels: Label map of the style image, of the same shape; None for no labels.
        weight: Share of this style among all styles.
    """

    picture: Picture
    mask: Picture | None = None
    region: Picture | None = None
    labels: Picture | None = None
    weight: float = 1.0


def style_images(styles: Styles) -> list[StyleImage]:
    """Return the style images as a list; the caller may give a single one."""
    several: Sequence[Picture | StyleImage]
    if isinstance(styles, Sequence) and not isinstance(styles, str | bytes):
        several = styles
    else:
        several = [styles]
    return [
        style if isinstance(style, StyleImage) else StyleImage(style)
        for style in several
    ]


def form_fields(
    params: Mapping[str, object] | None, options: Mapping[str, object]
) -> dict[str, str]:
    """Return the text fields of the form; lists and objects are written as JSON."""
    fields = {"params": json.dumps(params or {})}
    for field, value in without_empty(options).items():
        fields[field] = value if isinstance(value, str) else json.dumps(value)
    return fields


def without_empty(options: Mapping[str, object]) -> dict[str, object]:
    """Return the options that are not empty."""
    return {
        name: value
        for name, value in options.items()
        if value not in (None, [], {}, "", ())
    }


def with_weights(
    params: Mapping[str, object] | None, styles: Sequence[StyleImage]
) -> dict[str, object]:
    """Add the weights of the style images, if they differ."""
    weights = [{"weight": style.weight} for style in styles]
    alike = all(style.weight == 1 for style in styles)
    return ({} if alike else {"styles": weights}) | dict(params or {})


def form_files(
    content: Picture,
    styles: Sequence[StyleImage],
    init_image: Picture | None,
    content_labels: Picture | None,
) -> Sequence[tuple[str, Picture]]:
    """Return the files of the form, each with the name of its field."""
    files: list[tuple[str, Picture | None]] = [
        ("content", content),
        ("init_image", init_image),
        ("content_labels", content_labels),
    ]
    for index, style in enumerate(styles):
        files += [
            ("style", style.picture),
            (f"mask_{index}", style.mask),
            (f"region_{index}", style.region),
            (f"labels_{index}", style.labels),
        ]
    return [(field, picture) for field, picture in files if picture is not None]


# One to eight style images, or a single one without a list.
Styles = Picture | StyleImage | Sequence[Picture | StyleImage]


@contextmanager
def open_files(
    files: Sequence[tuple[str, Picture]],
) -> Iterator[list[tuple[str, tuple[str, BinaryIO | bytes]]]]:
    """Open the files of the form, by field.

    Files that this function opens are closed at the end of the block. A file of the
    caller is read from its position to its end, and stays open.
    """
    with ExitStack() as stack:
        opened: list[tuple[str, tuple[str, BinaryIO | bytes]]] = []
        for field, picture in files:
            if isinstance(picture, bytes):
                opened.append((field, (field, picture)))
            elif isinstance(picture, str | os.PathLike):
                path = Path(picture)
                file = stack.enter_context(path.open("rb"))
                opened.append((field, (path.name, file)))
            else:  # a retry needs the same bytes
                opened.append((field, (field, picture.read())))
        yield opened
