"""Multipart form of a job submission or an estimate: its fields and its files."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class StyleImage:
    """Picture that a job takes its style from, with masks.

    Attributes:
        path: Path of the picture.
        mask: Picture of the photo's shape, bright where the style goes; None for
            everywhere that the masks of other style images leave.
        region: Picture of the style image's shape, bright where the style is taken
            from; None for all of it.
        labels: Label map of the style image, of its shape; None for no labels.
    """

    path: Path
    mask: Path | None = None
    region: Path | None = None
    labels: Path | None = None


def form_fields(
    params: Mapping[str, object] | None,
    name: str | None,
    options: Mapping[str, str] | None,
    segments: Sequence[Mapping[str, object]],
) -> dict[str, str]:
    """Return the text fields of the form."""
    fields = {"params": json.dumps(params or {}), **(options or {})}
    fields |= {"name": name} if name else {}
    if segments:
        fields["segments"] = json.dumps(list(segments))
    return fields


def form_files(
    content: Path,
    styles: Sequence[Path | StyleImage],
    init_image: Path | None,
    content_labels: Path | None,
) -> Sequence[tuple[str, Path]]:
    """Return the files of the form, each with the name of its field."""
    files: list[tuple[str, Path | None]] = [
        ("content", content),
        ("init_image", init_image),
        ("content_labels", content_labels),
    ]
    for index, style in enumerate(styles):
        style_image = style if isinstance(style, StyleImage) else StyleImage(style)
        files += [
            ("style", style_image.path),
            (f"mask_{index}", style_image.mask),
            (f"region_{index}", style_image.region),
            (f"labels_{index}", style_image.labels),
        ]
    return [(field, path) for field, path in files if path is not None]


@contextmanager
def open_files(
    files: Sequence[tuple[str, Path]],
) -> Iterator[list[tuple[str, tuple[str, BinaryIO]]]]:
    """Open the files of the form, by field; they are closed when the block ends."""
    with ExitStack() as stack:
        yield [
            (field, (path.name, stack.enter_context(path.open("rb"))))
            for field, path in files
        ]
