"""Entry point of the command line: `impasto`, or `python -m impasto`."""

from __future__ import annotations

from impasto.cli.app import make_app
from impasto.cli.output import stop_where_disk_is_full


def main() -> None:
    """Run the command line."""
    with stop_where_disk_is_full():
        make_app()(prog_name="impasto")


if __name__ == "__main__":
    main()
