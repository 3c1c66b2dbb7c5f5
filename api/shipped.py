"""The photos that Impasto ships, for who explores layers without own pictures."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from werkzeug.datastructures import FileStorage

from api.job_requests import Picture

FOLDER = Path(__file__).resolve().parents[1] / "samples" / "photos"


def shipped_pictures() -> list[Picture]:
    """Read the shipped set, as if it had been sent; the order is always the same."""
    return [
        Picture("picture", position, FileStorage(BytesIO(path.read_bytes())))
        for position, path in enumerate(sorted(FOLDER.glob("*.jpg")))
    ]
