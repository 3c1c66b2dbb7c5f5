"""`make house` prints the table of sizes that CONTRIBUTING.md shows."""

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
    """Print the table."""
    logs.configure_logging("CRITICAL")  # else: warnings that there is no Redis
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
            f"modules under {FRAGMENT_LINES} lines that only one module imports",
            f"{len(layout.fragments)}",
        ),
        ("lines of import contracts", f"{layout.contract_lines}"),
        ("migrations", f"{layout.migrations}"),
    ]


def way_rows(traces: dict[str, Trace]) -> list[tuple[str, str]]:
    """Name and value of each count of the files and functions that were called."""
    files = " / ".join(str(len(trace.files)) for trace in traces.values())
    functions = {line for trace in traces.values() for line in trace.functions}
    together = len({path for path, _ in functions})
    lines, code = count_function_lines(functions)
    return [
        (f"files used by a {' / '.join(traces)}", files),
        ("files used by any of the four", f"{together}"),
        ("function lines used by any of the four", f"{lines:,} ({code:,} of code)"),
    ]


if __name__ == "__main__":
    main()
