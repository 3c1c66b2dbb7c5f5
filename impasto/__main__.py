"""Entry point of the command line: `impasto`, or `python -m impasto`."""

from __future__ import annotations

from impasto.cli.app import make_app


def main() -> None:
    """Run the command line."""
    make_app()(prog_name="impasto")


if __name__ == "__main__":
    main()
