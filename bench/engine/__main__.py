"""`make bench-engine`: compare the engine with its peers and with lower bounds."""

from __future__ import annotations

import shlex
import sys

from bench.engine.machine import describe
from bench.engine.options import parse
from bench.engine.report import save_report
from bench.engine.results import Findings
from bench.engine.session import measure_pairs


def main() -> None:
    """Run the chosen measurements, and print and save the table."""
    options = parse()
    command = shlex.join(["python", "-m", "bench.engine", *sys.argv[1:]])
    findings = Findings(describe(options.threads, command))
    measure_pairs(options, findings)
    sys.stdout.write(save_report(findings, options))


if __name__ == "__main__":
    main()
