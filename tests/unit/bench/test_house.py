"""The table of `make house` counts what it says."""

from __future__ import annotations

import threading
from pathlib import Path

from bench.house.layout import contract_lines, measure_layout
from bench.house.source import code_lines, function_lines, imported_names
from bench.house.trace import ROOT, Trace

SOURCE = '''"""A module.

With a docstring of four lines.
"""
# A comment.

import shared

TABLE = (
    1,  # of one entry

    2,
)


class Shelf:
    """A docstring."""

    @property
    @shared.kept
    def size(self):
        """Another."""

        # Why it is so.
        def nested():
            return """a text
            that is no docstring"""

        return nested()


double = lambda number: 2 * number
'''


def lines_that_begin(*beginnings: str) -> set[int]:
    numbered = list(enumerate(SOURCE.splitlines(), 1))
    return {n for n, line in numbered if line.strip().startswith(beginnings)}


def test_code_is_neither_blank_nor_comment_nor_docstring() -> None:
    assert code_lines(SOURCE) == lines_that_begin(
        "import", "TABLE", "1,", "2,", ")", "class", "@", "def", "return", "that is",
        "double",
    )  # fmt: skip


def test_a_function_reaches_from_its_first_decorator_to_its_last_statement() -> None:
    (first,), (last,) = lines_that_begin("@property"), lines_that_begin("return nested")

    assert function_lines(SOURCE, {first}) == set(range(first, last + 1))


def test_a_nested_function_that_is_called_adds_nothing_to_the_one_around_it() -> None:
    outer, inner = lines_that_begin("@property"), lines_that_begin("def nested")

    assert function_lines(SOURCE, outer | inner) == function_lines(SOURCE, outer)
    assert len(function_lines(SOURCE, inner)) == 3


def test_imports_name_modules_and_what_may_be_one() -> None:
    text = (
        "import torch\nfrom shared import jobs\nfrom shared.db import Database as D\n"
    )

    assert imported_names(text) == {
        "torch", "shared", "shared.jobs", "shared.db", "shared.db.Database",
    }  # fmt: skip


def test_contracts_are_the_tables_of_import_linter() -> None:
    text = (
        "[tool.mypy]\nstrict = true\n\n"
        "[tool.importlinter]\nroots = [\n    'api',\n]\n\n"
        "[[tool.importlinter.contracts]]\nid = 'top'\n[tool.other]\nkey = 1\n"
    )

    assert contract_lines(text) == 7


def test_a_layout_is_counted_without_migrations_and_short_inits(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": "[tool.importlinter]\nroots = ['api']\n",
        "api/__init__.py": "x = 1\n",
        "api/app.py": "from shared.long import x\nfrom shared.db import once\n" * 35,
        "worker/app.py": "from shared import fragment, twice\n" + "\n" * 70,
        "worker/other.py": "import shared.twice\n" + "\n" * 70,
        "shared/__init__.py": "x = 1\n" * 21,
        "shared/db.py": "def once():\n    '''Words.'''\n    return 1\n",
        "shared/fragment.py": "x = 1\n",
        "shared/twice.py": "x = 1\n",
        "shared/long.py": "x = 1\n" + "\n" * 69,
        "shared/migrations/__init__.py": "x = 1\n",
        "shared/migrations/versions/__init__.py": "",
        "shared/migrations/versions/0001.py": "x = 1\n",
        "tests/test_it.py": "# Why.\nx = 1\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    layout = measure_layout(tmp_path)

    assert layout.package_lines == {"api": 71, "worker": 2, "shared": 26}
    assert layout.test_lines == 1
    assert layout.folder_modules == {"api": 1, "worker": 2, "shared": 5}
    assert layout.fragments == ["shared/db.py", "shared/fragment.py"]
    assert (layout.contract_lines, layout.migrations) == (2, 1)


def test_a_trace_notes_functions_of_the_product_in_threads_that_start_in_it() -> None:
    path = Path("shared/made_up.py")
    text = (
        "class Made:\n    def up(self):\n        return 1\n\n"
        "def not_called():\n    return 2\n"
    )
    product: dict[str, type] = {}
    with Trace() as trace:
        exec(compile(text, ROOT / path, "exec"), product)  # noqa: S102 - text of ours
        thread = threading.Thread(target=product["Made"]().up)
        thread.start()
        thread.join()

    assert trace.files == {path}
    assert trace.functions == {(path, 2)}, "the body of a class is no function"
