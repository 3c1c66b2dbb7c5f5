"""`python -m samples.draw_styles [FOLDER]`: draw the shipped style pictures again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from samples.mosaic import draw_mosaic
from samples.strokes import draw_strokes
from samples.waves import draw_waves

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from PIL import Image

# Pictures with their seeds, which were chosen by eye.
STYLES: Mapping[str, tuple[Callable[..., Image.Image], int]] = {
    "strokes": (draw_strokes, 7),
    "mosaic": (draw_mosaic, 3),
    "waves": (draw_waves, 5),
}
JPEG_QUALITY = 90


def main(folder: Path) -> None:
    """Write every style picture into `folder`."""
    for name, (draw, seed) in STYLES.items():
        path = folder / f"{name}.jpg"
        draw(seed).save(path, quality=JPEG_QUALITY, optimize=True)
        sys.stdout.write(f"{path}: {path.stat().st_size} bytes\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
