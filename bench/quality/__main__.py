"""`make bench-quality`: paints the pairs, scores the pictures, prints the table."""

from __future__ import annotations

import sys

import torch

from bench.engine.machine import describe
from bench.quality.options import parse_options
from bench.quality.report import save_report
from bench.quality.session import Session


def main() -> None:
    """Do what was asked for."""
    options = parse_options()
    torch.set_num_threads(options.threads)
    session = Session(options)
    if options.inputs_only:
        for pair in options.pairs:
            session.write_inputs(pair)
        return
    machine = describe(options.threads, "make bench-quality")
    sys.stdout.write(save_report(list(session.run()), machine, options))


if __name__ == "__main__":
    main()
