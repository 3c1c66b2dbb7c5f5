"""Counts of lines, modules and folders in a checkout."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.house.source import code_lines, imported_names

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = ("api", "worker", "shared", "impasto")
FRAGMENT_LINES = 70
# An __init__.py with at most this many lines of code is not counted.
_PLAIN_INIT_LINES = 20
_MIGRATIONS = "migrations"


@dataclass(frozen=True, slots=True)
class Layout:
    """Counts of a checkout.

    Attributes:
        package_lines: Lines of code of each package of the product, without
            migrations.
        test_lines: Lines of code of the tests.
        folder_modules: Modules of each folder of the product, without migrations. An
            `__init__.py` counts if it has more than 20 lines of code.
        fragments: Modules of fewer than 70 lines, with blank lines, comments and
            docstrings, that only one module of the product imports.
        contract_lines: Lines about import contracts in pyproject.toml.
        migrations: Migrations of the database.
    """

    package_lines: dict[str, int]
    test_lines: int
    folder_modules: dict[str, int]
    fragments: list[str]
    contract_lines: int
    migrations: int


def measure_layout(root: Path) -> Layout:
    """Read all Python files below `root`, and pyproject.toml."""
    product = {
        path.relative_to(root): path.read_text()
        for package in PACKAGES
        for path in sorted((root / package).rglob("*.py"))
        if _MIGRATIONS not in path.parts
    }
    sizes = {path: len(code_lines(text)) for path, text in product.items()}
    package_lines: Counter[str] = Counter()
    folder_modules: Counter[str] = Counter()
    for path, size in sizes.items():
        package_lines[path.parts[0]] += size
        if path.name != "__init__.py" or size > _PLAIN_INIT_LINES:
            folder_modules[path.parent.as_posix()] += 1
    tests = (root / "tests").rglob("*.py")
    return Layout(
        package_lines=dict(package_lines),
        test_lines=sum(len(code_lines(path.read_text())) for path in tests),
        folder_modules=dict(folder_modules),
        fragments=_fragments(product),
        contract_lines=contract_lines((root / "pyproject.toml").read_text()),
        migrations=_count_migrations(root),
    )


def contract_lines(pyproject: str) -> int:
    """Count the lines of the tables of import-linter, with blank lines."""
    count, is_contract = 0, False
    for line in pyproject.rstrip().splitlines():
        if line.startswith("["):
            is_contract = line.strip("[").startswith("tool.importlinter")
        count += is_contract
    return count


def _fragments(product: dict[Path, str]) -> list[str]:
    importers = Counter(
        name for text in product.values() for name in imported_names(text)
    )
    return [
        path.as_posix()
        for path, text in product.items()
        if path.name != "__init__.py"
        and text.count("\n") < FRAGMENT_LINES
        and importers[".".join(path.with_suffix("").parts)] == 1
    ]


def _count_migrations(root: Path) -> int:
    return sum(
        path.name != "__init__.py"
        for package in PACKAGES
        for path in (root / package).rglob(f"{_MIGRATIONS}/versions/*.py")
    )
