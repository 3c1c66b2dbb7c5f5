"""The table of CONTRIBUTING.md, counted anew: `make house`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bench.house.layout import FRAGMENT_LINES, measure_layout
from bench.house.trace import ROOT, count_function_lines
from bench.house.ways import trace_ways
from shared import logs

if TYPE_CHECKING:
    from bench.house.layout import Layout
    from bench.house.trace import Trace


def main() -> None:
    """Print the table; judge nothing."""
    logs.configure_logging(
        "CRITICAL"
    )  # there is no Redis, which a farm would complain about
    rows = [*layout_rows(measure_layout(ROOT)), *way_rows(trace_ways())]
    lines = ["| | now |", "| --- | --- |"]
    lines += [f"| {name} | {value} |" for name, value in rows]
    sys.stdout.write("\n".join(lines) + "\n")


def layout_rows(layout: Layout) -> list[tuple[str, str]]:
    """Name and value of each count of the layout."""
    packages = layout.package_lines.items()
    parts = ", ".join(f"{name} {lines:,}" for name, lines in packages)
    total = sum(layout.package_lines.values())
    modules, folder = max((n, name) for name, n in layout.folder_modules.items())
    return [
        ("lines of code of the product", f"{total:,} ({parts})"),
        ("lines of code of the tests", f"{layout.test_lines:,}"),
        ("modules in the largest folder", f"{modules} ({folder})"),
        (
            f"modules under {FRAGMENT_LINES} lines with one importer",
            f"{len(layout.fragments)}",
        ),
        ("lines of import contracts", f"{layout.contract_lines}"),
        ("migrations", f"{layout.migrations}"),
    ]


def way_rows(traces: dict[str, Trace]) -> list[tuple[str, str]]:
    """Name and value of each count of what the traced requests met."""
    files = " / ".join(str(len(trace.files)) for trace in traces.values())
    functions = {line for trace in traces.values() for line in trace.functions}
    together = len({path for path, _ in functions})
    lines, code = count_function_lines(functions)
    return [
        (f"files on the way of: {' / '.join(traces)}", files),
        ("files on these ways together", f"{together}"),
        ("function lines on these ways together", f"{lines:,} ({code:,} of code)"),
    ]


if __name__ == "__main__":
    main()
