"""The form that submits a job, or asks what it would take: its texts and its files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from impasto.painting import Painting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


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
