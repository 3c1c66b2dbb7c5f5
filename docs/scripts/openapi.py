"""`python -m docs.scripts.openapi`: write docs/openapi.json from the code."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from api.app import openapi_document

PATH = Path(__file__).parents[1] / "openapi.json"
COMMAND = "make openapi"


def text() -> str:
    """Return the document: indented, in the order of the code."""
    return json.dumps(openapi_document(), indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the file."""
    PATH.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
