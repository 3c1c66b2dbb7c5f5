"""Benchmark of the start time of the command line: `make bench-start`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from statistics import median

from tests.support.fake_api import Answer, job, serving

RUNS = 10
GOAL_MILLISECONDS = 300


def main() -> None:
    """Print the median of each command and the goal."""
    with serving() as farm:
        farm.answers("GET /v1/jobs", Answer(body={"data": [job(), job("succeeded")]}))
        environment = os.environ | {"IMPASTO_API_URL": farm.url}
        for words in (["--help"], ["ls"]):
            took = median(_milliseconds(words, environment) for _ in range(RUNS))
            named = " ".join(["impasto", *words])
            sys.stdout.write(f"{named:15} {took:4.0f} ms, goal {GOAL_MILLISECONDS}\n")


def _milliseconds(words: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(  # noqa: S603 - constant command
        [sys.executable, "-m", "impasto", *words],
        env=environment,
        check=True,
        capture_output=True,
    )
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
