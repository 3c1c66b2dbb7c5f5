"""`make bench-quality`: paint the pairs, score the pictures, print the table."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

import torch

from bench.engine.machine import describe
from bench.engine.peers.environment import NotInstalled
from bench.engine.processes import ChildFailed
from bench.quality.candidates import NoPicture
from bench.quality.options import parse_options
from bench.quality.pictures import PictureMissing
from bench.quality.report import save_report
from bench.quality.scores import WrongShape
from bench.quality.session import Session

if TYPE_CHECKING:
    from bench.quality.options import Options


_REASONS = (ChildFailed, NoPicture, NotInstalled, PictureMissing, WrongShape)


def main() -> None:
    """Run the benchmark; end with one line if a picture is missing."""
    try:
        _run(parse_options())
    except _REASONS as error:
        raise SystemExit(str(error)) from error


def _run(options: Options) -> None:
    torch.set_num_threads(options.threads)
    session = Session(options)
    if options.inputs_only:
        for pair in options.pairs:
            session.write_inputs(pair)
        return
    command = shlex.join(["python", "-m", "bench.quality", *sys.argv[1:]])
    machine = describe(options.threads, command)
    sys.stdout.write(save_report(list(session.run()), machine, options))


if __name__ == "__main__":
    main()
