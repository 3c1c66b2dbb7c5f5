"""Benchmark of estimated durations, with real jobs of several sizes: `make bench-eta`.

It starts a separate farm with an empty database, so the first job has no estimate. Each
job is estimated before it is submitted, as by `POST /v1/estimates`.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.start_latency import use_all_cores
from shared.db.migrate import migrate
from shared.params.kinds import JobKind
from shared.params.style import StyleParams
from shared.queries.eta import RemainingWork, durations_by_setup
from shared.queries.jobs import read_live_workers
from shared.workers.pace_table import load_pace_table
from tests.support.farm import Farm, picture
from tests.support.redis_and_postgresql import redis_server_path, running_redis
from worker.weights.catalog import default_folder

if TYPE_CHECKING:
    from shared.workers.pace_table import DurationRange

# (max_edge, quality) of the jobs; successive jobs differ.
JOBS = (
    (192, "draft"), (320, "draft"), (128, "standard"), (256, "draft"),
    (384, "draft"), (160, "standard"), (256, "standard"), (96, "fine"),
    (320, "standard"), (224, "draft"), (512, "draft"), (192, "standard"),
)  # fmt: skip
_PATIENCE_SECONDS = 1800
_RECORDED_SECONDS = 0.5  # time until the worker has recorded the pace of a job
_SHAPES = ((600, 400), (400, 600), (512, 512))


# Duration of a job, and its estimate, if there was one, in seconds.
Outcome = tuple[float, "DurationRange | None"]


def main() -> int:
    """Run the jobs one after the other; print each error and the median error."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_redis(redis_server_path()) as server,
    ):
        home = Path(folder)
        url = f"sqlite:///{home / 'impasto.sqlite'}"
        migrate(url)
        farm = Farm(home, url, server.url, default_folder())
        try:
            _print_summary(_run(farm))
        finally:
            farm.close()
    return 0


def _run(farm: Farm) -> list[Outcome]:
    farm.start_worker(**use_all_cores())
    outcomes, shapes = [], itertools.cycle(_SHAPES)
    for seed, (edge, quality) in enumerate(JOBS):
        shape = next(shapes)
        estimate = _estimate(farm, StyleParams(max_edge=edge, quality=quality), shape)
        photo = picture(seed, shape)
        job_id = farm.submit(seed=seed, content=photo, max_edge=edge, quality=quality)
        job = farm.wait_end(job_id, _PATIENCE_SECONDS)
        outcomes.append((job.finished_at - job.started_at, estimate))
        _print_job(edge, quality, *outcomes[-1])
        time.sleep(_RECORDED_SECONDS)
    return outcomes


def _estimate(
    farm: Farm, params: StyleParams, shape: tuple[int, int]
) -> DurationRange | None:
    """Estimate a job on the only worker; return None if no such job was measured."""
    setups = [worker.setup for worker in read_live_workers(farm.db)]
    work = RemainingWork(JobKind.STYLE, params.model_dump(), shape)
    durations = durations_by_setup(load_pace_table(farm.db), setups, work)
    return next(iter(durations.values()), None)


def _print_job(
    edge: int, quality: str, seconds: float, estimate: DurationRange | None
) -> None:
    result = "nothing was known"
    if estimate is not None:
        inside = estimate.low <= seconds <= estimate.high
        error = estimate.seconds / seconds - 1
        outside = "" if inside else "  out of range"
        result = f"estimated {estimate.seconds:7.1f} s, {error:+7.1%}{outside}"
    sys.stdout.write(f"{edge:5} px {quality:9} took {seconds:7.1f} s, {result}\n")
    sys.stdout.flush()


def _print_summary(outcomes: list[Outcome]) -> None:
    known = [(seconds, each) for seconds, each in outcomes if each is not None]
    later = [(seconds, each) for seconds, each in outcomes[3:] if each is not None]
    within = sum(each.low <= seconds <= each.high for seconds, each in known)
    sys.stdout.write(
        f"median error of {len(known)} of {len(outcomes)} jobs: {_median(known):.1%}; "
        f"after the first 3: {_median(later):.1%}; "
        f"within range: {within / len(known):.0%}\n"
    )


def _median(outcomes: list[tuple[float, DurationRange]]) -> float:
    return median(abs(each.seconds / seconds - 1) for seconds, each in outcomes)


if __name__ == "__main__":
    sys.exit(main())
