"""Text of the OpenAPI document as HTML: `code` between backticks, the rest as it is."""

from __future__ import annotations

import re

from markupsafe import Markup, escape


def prose(text: str) -> Markup:
    """Return text that is safe in a page, with paragraphs kept apart."""
    parts = re.split(r"`([^`]+)`", text)
    said = Markup()
    for place, part in enumerate(parts):
        said += Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
    return said
