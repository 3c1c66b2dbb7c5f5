"""A painting that a job takes its style from, and where that goes.

The form that submits a job, or asks what it would take: its texts and its files.
"""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Painting:
    """One style picture.

    Attributes:
        path: The picture.
        mask: A picture of the photo's shape, bright where the style goes; None:
            everywhere that the masks of other paintings leave.
        region: One of the painting's shape, bright where the style is taken from.
    """

    path: Path
    mask: Path | None = None
    region: Path | None = None


def form_fields(
    params: Mapping[str, object] | None,
    name: str | None,
    options: Mapping[str, str] | None,
    segments: Sequence[Mapping[str, object]],
) -> dict[str, str]:
    """Write the texts of the form."""
    fields = {"params": json.dumps(params or {}), **(options or {})}
    fields |= {"name": name} if name else {}
    if segments:
        fields["segments"] = json.dumps(list(segments))
    return fields


def form_pictures(
    content: Path, styles: Sequence[Path | Painting], init_image: Path | None
) -> Sequence[tuple[str, Path]]:
    """Name the files of the form."""
    pictures: list[tuple[str, Path | None]] = [
        ("content", content),
        ("init_image", init_image),
    ]
    for index, style in enumerate(styles):
        painting = style if isinstance(style, Painting) else Painting(style)
        pictures += [
            ("style", painting.path),
            (f"mask_{index}", painting.mask),
            (f"region_{index}", painting.region),
        ]
    return [(field, path) for field, path in pictures if path is not None]


@contextmanager
def opened(
    pictures: Sequence[tuple[str, Path]],
) -> Iterator[list[tuple[str, tuple[str, BinaryIO]]]]:
    """Open the files of the form, by field; they are closed when the block ends."""
    with ExitStack() as stack:
        yield [
            (field, (path.name, stack.enter_context(path.open("rb"))))
            for field, path in pictures
        ]
