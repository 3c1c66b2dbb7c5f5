"""The types of the client's arguments are those of the server's models."""

from __future__ import annotations

import ast

from docs.scripts.client_params import COMMAND, PATH, text


def test_the_module_is_that_of_the_models():
    """But for the layout, which is the formatter's."""
    written, wanted = (ast.dump(ast.parse(code)) for code in (PATH.read_text(), text()))

    assert written == wanted, f"run '{COMMAND}', then 'ruff format'"
