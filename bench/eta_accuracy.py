"""How good foretold times are: real jobs of several sizes on a real worker.

`make bench-eta`: a farm of its own with an empty database, so the first job has only
the measurement at the worker's start to go by.
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from sqlalchemy import select

from bench.start_latency import use_all_cores
from shared.db.migrate import migrate
from shared.db.models.timing import Forecast
from shared.forecast.pace_store import forecast_accuracy
from tests.support.farm import Farm, picture
from tests.support.redis_and_postgresql import redis_server_path, running_redis
from worker.weights.catalog import default_folder

if TYPE_CHECKING:
    from shared.forecast.pace_store import ForecastAccuracy

# (max_edge, quality), in an order in which neighbors differ.
JOBS = (
    (192, "draft"), (320, "draft"), (128, "standard"), (256, "draft"),
    (384, "draft"), (160, "standard"), (256, "standard"), (96, "fine"),
    (320, "standard"), (224, "draft"), (512, "draft"), (192, "standard"),
)  # fmt: skip
_PATIENCE_SECONDS = 1800
_SHAPES = ((600, 400), (400, 600), (512, 512))


def main() -> int:
    """Run the jobs one after the other, and print each and what follows."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_redis(redis_server_path()) as server,
    ):
        home = Path(folder)
        url = f"sqlite:///{home / 'impasto.sqlite'}"
        migrate(url)
        farm = Farm(home, url, server.url, default_folder())
        try:
            rows = _run(farm)
            _print_summary(rows, forecast_accuracy(farm.db))
        finally:
            farm.close()
    return 0


def _run(farm: Farm) -> list[tuple[int, str, Forecast]]:
    farm.start_worker(IMPASTO_BENCHMARK_SECONDS="1.5", **use_all_cores())
    rows, shapes = [], itertools.cycle(_SHAPES)
    for seed, (edge, quality) in enumerate(JOBS):
        photo = picture(seed, next(shapes))
        job_id = farm.submit(seed=seed, content=photo, max_edge=edge, quality=quality)
        farm.wait_end(job_id, _PATIENCE_SECONDS)
        farm.wait(job_id, lambda job: _read_forecast(farm, job.id))  # a moment later
        rows.append((edge, quality, _read_forecast(farm, job_id)))
        _print_job(*rows[-1])
    lines = (farm.settings.home / "log").read_text().splitlines()
    warm = [json.loads(line) for line in lines if '"benchmark_completed"' in line]
    sys.stdout.write(f"warm-up: {[one['seconds'] for one in warm]} s\n")
    return rows


def _read_forecast(farm: Farm, job_id: str) -> Forecast | None:
    with farm.db.read() as session:
        return session.scalar(select(Forecast).where(Forecast.job_id == job_id))


def _print_job(edge: int, quality: str, row: Forecast) -> None:
    error = row.forecast_seconds / row.actual_seconds - 1
    inside = row.low_seconds <= row.actual_seconds <= row.high_seconds
    sys.stdout.write(
        f"{edge:5} px {quality:9} foretold {row.forecast_seconds:7.1f} s, "
        f"took {row.actual_seconds:7.1f} s, {error:+7.1%}"
        f"{'' if inside else '  out of range'}\n"
    )
    sys.stdout.flush()


def _print_summary(
    rows: list[tuple[int, str, Forecast]], told: ForecastAccuracy
) -> None:
    errors = [abs(r.forecast_seconds / r.actual_seconds - 1) for _, _, r in rows]
    sys.stdout.write(
        f"median error of all {len(errors)}: {median(errors):.1%}; after the first 3: "
        f"{median(errors[3:]):.1%}; within range: {told.share_within_range:.0%}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
