"""`make bench-engine`: our engine beside its peers and its floor."""

from __future__ import annotations

import shlex
import sys

from bench.engine import report
from bench.engine.findings import Findings
from bench.engine.machine import describe
from bench.engine.options import parse
from bench.engine.session import Session


def main() -> None:
    """Measure what was asked for, print the table, and keep it."""
    options = parse()
    command = shlex.join(["python", "-m", "bench.engine", *sys.argv[1:]])
    findings = Findings(describe(options.threads, command))
    session = Session(options, findings)
    parts = {
        "pace": session.pace,
        "race": session.race,
        "memory": session.memory,
        "checkpoint": session.checkpoint,
        "large-2048": lambda: session.large(2048, 10),
        "large-8192": lambda: session.large(8192, 1),
    }
    for name, run in parts.items():
        if options.wants(name):
            run()
    session.peers()
    sys.stdout.write(report.keep(findings, options))


if __name__ == "__main__":
    main()
