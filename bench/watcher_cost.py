"""Benchmark of the cost of watching a job, for this job: part of `make bench-api`.

A real worker paints on all cores. The server and the clients use the same cores, so
this is the highest possible cost. Windows with each load take turns. The report also
says how much CPU the clients used, which on a farm is used on other machines.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import httpx2
import psutil

from bench.start_latency import idle_farm, make_pictures, submit_job, use_all_cores
from bench.watcher_clients import ClientLoad, run_clients

if TYPE_CHECKING:
    from bench.watcher_clients import Received
    from tests.support.api_process import Server
    from tests.support.farm import Farm

ROUNDS, WINDOW_SECONDS, CALM_SECONDS = 4, 20.0, 3.0
CLIENT_LOADS = (
    ClientLoad("nobody"),
    ClientLoad("200 pollers, as Retry-After says", pollers=200),
    ClientLoad("200 pollers, each second", pollers=200, every_seconds=1.0),
    ClientLoad("100 streams", streams=100),
    ClientLoad("200 pollers and 100 streams", pollers=200, streams=100),
)
_LONG = {"max_edge": 384, "schedule": [[384, 8000]], "early_stop": 0}


@dataclass(frozen=True, slots=True)
class Sample:
    """Counters at a time, or the difference of two such samples.

    Attributes:
        at: Time, in seconds.
        iteration: Iteration of the job at its last heartbeat.
        beaten_at: Time of this heartbeat, in seconds.
        server: CPU seconds of the server.
        clients: CPU seconds of the clients.
        requests: Number of responses to polls.
        events: Number of events in streams.
    """

    at: float
    iteration: int
    beaten_at: float
    server: float
    clients: float
    requests: int
    events: int


@dataclass(frozen=True, slots=True)
class Window:
    """Rates in a window: iterations, cores, requests and events per second."""

    pace: float
    server: float
    clients: float
    requests: float
    events: float


class WatchedJob:
    """Long job that runs, with its server."""

    def __init__(self, farm: Farm, server: Server, key: str) -> None:
        self.farm, self.server, self.key = farm, server, key
        with httpx2.Client(
            base_url=server.url, headers={"Authorization": f"Bearer {key}"}
        ) as client:
            self.path = submit_job(client, make_pictures(1), _LONG)
        self.job_id = self.path.rpartition("/")[2]
        farm.wait(self.job_id, lambda job: job.iteration > 0)

    def measure(self, crowd: ClientLoad) -> Window:
        """Run the clients for a while; return the rates."""
        with run_clients(self.server.url, self.key, self.path, crowd) as told:
            time.sleep(CALM_SECONDS)  # until all clients are connected
            first = self._mark(told)
            time.sleep(WINDOW_SECONDS)
            last = self._mark(told)
        seconds = last.at - first.at
        return Window(
            (last.iteration - first.iteration) / (last.beaten_at - first.beaten_at),
            (last.server - first.server) / seconds,
            (last.clients - first.clients) / seconds,
            (last.requests - first.requests) / seconds,
            (last.events - first.events) / seconds,
        )

    def _mark(self, told: Received) -> Sample:
        seen = self.farm.job(self.job_id).progress
        return Sample(
            time.time(),
            seen["iteration"],
            seen["updated_at"],
            _read_cpu_seconds(self.server.process.pid),
            time.process_time(),
            told.requests,
            told.events,
        )


def _read_cpu_seconds(pid: int) -> float:
    parent = psutil.Process(pid)
    times = [one.cpu_times() for one in (parent, *parent.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def report(windows_by_load: dict[str, list[Window]]) -> None:
    """Print the table of bench/README.md."""
    lines = ["| who watches | it/s | of undisturbed | server's cores | clients' cores "]
    lines[0] += "| requests/s | events/s |"
    lines.append("| --- | --- | --- | --- | --- | --- | --- |")
    alone = median(one.pace for one in windows_by_load[CLIENT_LOADS[0].name])
    for name, windows in windows_by_load.items():
        pace = median(one.pace for one in windows)
        rest = [
            median(getattr(one, column) for one in windows)
            for column in ("server", "clients", "requests", "events")
        ]
        lines.append(
            f"| {name} | {pace:.2f} | {pace / alone:.3f} | {rest[0]:.2f} "
            f"| {rest[1]:.2f} | {rest[2]:.0f} | {rest[3]:.0f} |"
        )
    sys.stdout.write("\n".join(lines) + "\n")


def main() -> None:
    """Watch a job that uses all cores."""
    with idle_farm(**use_all_cores()) as farm:
        watched = WatchedJob(*farm)
        windows_by_load: dict[str, list[Window]] = {
            crowd.name: [] for crowd in CLIENT_LOADS
        }
        for _ in range(ROUNDS):
            for crowd in CLIENT_LOADS:
                windows_by_load[crowd.name].append(watched.measure(crowd))
        report(windows_by_load)


if __name__ == "__main__":
    main()
