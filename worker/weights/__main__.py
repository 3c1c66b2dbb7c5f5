"""`python -m worker.weights fetch`: download weights, printing a line per step."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import get_args

from shared.errors import WeightsError
from shared.params.networks import NETWORK_CHOICES, NetworkName
from worker.weights.catalog import default_folder
from worker.weights.download import fetch_weights


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        path = fetch_weights(options.network, options.folder, on_progress=_say)
    except (WeightsError, OSError) as error:
        hint = getattr(error, "hint", "")
        sys.stderr.write(f"error: {error}{hint and f' ({hint})'}\n")
        return 1
    _say(f"weights: {options.network} ready in {path}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="impasto weights")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("fetch", help="download weights, unless there")
    command.add_argument(
        "--network",
        choices=get_args(NetworkName),
        default="vgg16",
        help=NETWORK_CHOICES,
    )
    command.add_argument("--folder", type=Path, default=default_folder())
    return parser


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
