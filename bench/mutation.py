"""One mutation of the source, and how a copy of the source gets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mutation:
    """A part of the source that is changed: in `path`, `old` becomes `new`."""

    name: str
    path: str
    old: str
    new: str = ""


def apply(mutation: Mutation, root: Path) -> None:
    """Edit the file below `root`.

    Raises:
        ValueError: The part does not stand there exactly once: a mutation that changes
            nothing would be caught by nothing.
    """
    path = root / mutation.path
    text = path.read_text()
    if text.count(mutation.old) != 1:
        raise ValueError(f"{mutation.name}: stands {text.count(mutation.old)} times")
    path.write_text(text.replace(mutation.old, mutation.new))
