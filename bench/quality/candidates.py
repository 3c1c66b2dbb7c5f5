"""Who paints: our engine with named parameters, or somebody whose files are there."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image

from bench.engine.measured_process import Task
from bench.engine.processes import measure
from worker.weights.catalog import default_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.engine.processes import Figures
    from bench.quality.pairs import Pair

_NAME = re.compile(r"[\w.-]+")  # of a folder, too
_FIELD = re.compile(r"\s*(\w+)\s*=")


class NoPicture(Exception):
    """Somebody else has not painted a pair."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Parameters of our engine under a name.

    Attributes:
        name: Of its row and column.
        params: Fields of `StyleParams` that differ from the defaults.
    """

    name: str
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PaintedFolder:
    """Pictures that somebody else painted: `folder`/PAIR.png."""

    name: str
    folder: Path

    def require(self, pairs: Sequence[Pair]) -> None:
        """Check that all pairs are painted.

        Raises:
            NoPicture: With the names of those that are not.
        """
        missing = [pair.name for pair in pairs if not self._path(pair).is_file()]
        if missing:
            raise NoPicture(f"{self.folder} has no .png of {', '.join(missing)}")

    def load(self, pair: Pair) -> Image.Image:
        """Load the picture of a pair."""
        with Image.open(self._path(pair)) as opened:
            return opened.convert("RGB")

    def _path(self, pair: Pair) -> Path:
        return self.folder / f"{pair.name}.png"


@dataclass(frozen=True, slots=True)
class Inputs:
    """Files of one pair that painters read.

    Attributes:
        photo: Photo, already of the size of the result.
        painting: Painting as it is: engines resize it by themselves.
        edge_px: Long side of the result.
    """

    photo: Path
    painting: Path
    edge_px: int


def parse_candidate(word: str) -> Candidate:
    """Read NAME:field=json,field=json; a value that is no JSON is a word.

    Raises:
        ValueError: The text has another form.
    """
    name, _, rest = word.partition(":")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name: letters, digits, dots, - and _")
    params: dict[str, Any] = {}
    while rest:
        field = _FIELD.match(rest)
        if field is None:
            raise ValueError(f"{word!r} is not NAME:field=json,field=json")
        value, rest = _read_value(rest[field.end() :])
        if rest and not rest.startswith(","):
            raise ValueError(f"{word!r}: a comma is missing before {rest!r}")
        params[field[1]] = value
        rest = rest[1:]
    return Candidate(name, params)


def paint(
    candidate: Candidate, inputs: Inputs, precision: str, threads: int, folder: Path
) -> Figures:
    """Paint one pair with our engine, on the CPU, in a process of its own.

    Args:
        candidate: Parameters.
        inputs: Files of the pair.
        precision: Of the activations: auto, float32 or bf16.
        threads: Of torch.
        folder: Where the picture goes, `result.png`.

    Raises:
        ChildFailed: With the last line it said.
    """
    task = Task(
        folder=str(folder),
        photo=str(inputs.photo),
        painting=str(inputs.painting),
        weights=str(default_folder()),
        edge=inputs.edge_px,
        iterations=[],
        settings=candidate.params,
        precision=precision,
    )
    return measure("bench.engine.ours.picture", task, threads)


def _read_value(text: str) -> tuple[Any, str]:
    """Return the value that `text` begins with, and what follows it."""
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError:
        word, comma, after = text.partition(",")
        return word, comma + after
    return value, text[end:]
