"""Reader of the recipe in a picture file: PNG, TIFF, JPEG or WebP.

The worker writes the recipe as text `impasto` (PNG), as the image description (TIFF) or
as the EXIF user comment (JPEG, WebP).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from impasto.errors import NoRecipe

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

_FORMATS = ("PNG", "TIFF", "JPEG", "WEBP")
_COMMENT_CODE = b"ASCII\0\0\0"


def read_recipe(path: Path) -> dict[str, Any]:
    """Return the recipe in a picture file, without decoding its pixels.

    Raises:
        NoRecipe: The file has no recipe, or is no picture.
    """
    from PIL import Image  # noqa: PLC0415 - other commands start faster without it

    try:
        with Image.open(path, formats=_FORMATS) as image:
            recipe = json.loads(_find_text(image) or "null")
    except Exception as error:
        # Pillow raises errors of many classes for damaged files.
        raise NoRecipe(f"no recipe can be read in {path}: {error}") from error
    if isinstance(recipe, dict) and "recipe" in recipe:
        return recipe
    raise NoRecipe(
        f"there is no recipe in {path}",
        hint="pictures made with --no-embed-recipe have none, nor those that another "
        "program saved again",
    )


def _find_text(image: Image.Image) -> str | bytes | None:
    from PIL import ExifTags  # noqa: PLC0415 - as above

    if image.format == "PNG":
        return image.info.get("impasto")
    if image.format == "TIFF":
        return image.getexif().get(ExifTags.Base.ImageDescription)
    comment: bytes | None = (
        image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
    )
    return comment and comment.removeprefix(_COMMENT_CODE)
