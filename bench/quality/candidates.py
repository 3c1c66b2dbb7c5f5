"""Candidates: Impasto with given parameters, or files that another engine painted."""

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

_NAME = re.compile(r"[\w.-]+")  # also a valid name of a folder
_FIELD = re.compile(r"\s*(\w+)\s*=")


class NoPicture(Exception):
    """A folder has no picture of a pair."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Candidate: named parameters of Impasto.

    Attributes:
        name: Name in rows and columns.
        params: Fields of `StyleParams` that differ from the defaults.
    """

    name: str
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PaintedFolder:
    """Candidate: pictures in a folder, `folder`/PAIR.png."""

    name: str
    folder: Path

    def require(self, pairs: Sequence[Pair]) -> None:
        """Check that all pairs are painted.

        Raises:
            NoPicture: Some pairs are not painted; the message has their names.
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
    """Files of one pair for the engines.

    Attributes:
        photo: Photo, in the size of the result.
        painting: Painting in its original size: engines resize it.
        edge_px: Long side of the result.
    """

    photo: Path
    painting: Path
    edge_px: int


def parse_candidate(word: str) -> Candidate:
    """Parse NAME:field=json,field=json; a value that is no JSON is a string.

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
    """Paint one pair with Impasto, on the CPU, in a separate process.

    Args:
        candidate: Candidate with the parameters.
        inputs: Files of the pair.
        precision: Precision of the activations: auto, float32 or bf16.
        threads: Number of threads of torch.
        folder: Folder of the picture, `result.png`.

    Raises:
        ChildFailed: The process failed; the message is its last line of output.
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
    """Return the value at the beginning of `text`, and the rest of the text."""
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError:
        word, comma, after = text.partition(",")
        return word, comma + after
    return value, text[end:]
