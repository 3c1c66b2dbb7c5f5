"""Small pictures for tests, as bytes of any format."""

from __future__ import annotations

from io import BytesIO

from PIL import Image


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    return Image.radial_gradient("L").resize(size).convert(mode)
