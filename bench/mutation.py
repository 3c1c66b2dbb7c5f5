"""Mutation of the source code, and its application to a copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mutation:
    """Change of the source code: in `path`, `old` becomes `new`."""

    name: str
    path: str
    old: str
    new: str = ""


def apply(mutation: Mutation, root: Path) -> None:
    """Apply a mutation to the file below `root`.

    Raises:
        ValueError: The file does not contain `old` exactly once. A mutation that
            changes nothing could not be found by any test.
    """
    path = root / mutation.path
    text = path.read_text()
    if text.count(mutation.old) != 1:
        raise ValueError(f"{mutation.name}: stands {text.count(mutation.old)} times")
    path.write_text(text.replace(mutation.old, mutation.new))
