"""`python -m tests.fuzz [COUNT] [SEED] [FAMILY]`: hostile requests, all answers judged.

The last line is `fuzz: <cases> cases, <failures> failures`. A failure names the seed
and the family that repeat it; ids differ from run to run, all else is the same.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.connection import Line
from tests.fuzz.families import FAMILIES, SHARES
from tests.fuzz.hostile_uploads import send_hostile_pictures
from tests.fuzz.raw_request import KEYED, OPEN
from tests.fuzz.response_checks import complaints, complaints_of_log
from tests.fuzz.server import keyed_farm, open_farm
from tests.fuzz.slow_clients import SENDERS, silent_senders

COUNT, SEED, BATCH = 10_000, 1, 50
GROWTH_MIB = 128  # of the serving process, over what it holds after its first batch
LATEST_SHOWN = 40
HOSTILE = "hostile"  # family that needs no seed: each of its pictures is sent once


class Session:
    """Sends attempts, and keeps count."""

    def __init__(self, farms, first_seed: int) -> None:
        self.farms, self.first_seed = farms, first_seed
        self.lines = {name: Line(farm.port) for name, farm in farms.items()}
        self.cases, self.failures, self.statuses = 0, 0, Counter()
        self.slowest, self.base_mib = (0.0, ""), {}

    def family(self, name: str, cases: int) -> None:
        """Run so many cases of a family, in batches that can be repeated."""
        batch, left = 0, cases
        began = time.monotonic()
        while left > 0:
            for farm in self.farms.values():
                farm.renew()
            left -= self._batch(name, batch, min(BATCH, left))
            self._look_around(f"{name}, batch {batch}")
            batch += 1
        seconds = time.monotonic() - began
        _say(f"{name:<10} {cases:6} cases {seconds:7.1f} s")

    def _batch(self, name: str, number: int, size: int) -> int:
        done = 0

        @seed(f"{self.first_seed} {name} {number}")
        @settings(
            max_examples=size, database=None, deadline=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(FAMILIES[name])
        def run(attempt):
            nonlocal done
            done += 1
            self._one(name, attempt)

        run()
        return max(done, 1)

    def _one(self, name: str, attempt) -> None:
        farm = self.farms[attempt.server]
        data = attempt.filled(farm.world)
        alone = attempt.raw is not None
        answer = self.lines[attempt.server].ask(
            data, attempt.method, alone=alone, pause=attempt.pause
        )
        self.cases += 1
        self.statuses[answer.status] += 1
        self.slowest = max(self.slowest, (answer.seconds, repr(data[:80])))
        for one in self._take_note(farm, attempt, answer):
            self._fail(f"{name}: {one}\n    {data[:600]!r}\n    {answer.body[:300]!r}")

    def _take_note(self, farm, attempt, answer) -> list[str]:
        try:
            if answer.status in {200, 202} and attempt.method == "POST":
                farm.note(json.loads(answer.body))
            if answer.status == 204 and attempt.method == "DELETE":
                farm.deleted |= farm.accepted & set(attempt.target_parts(farm.world))
            return complaints(attempt, answer, farm)
        except Exception as error:  # noqa: BLE001 - what breaks the judge is wrong
            return [f"cannot be judged: {error!r}"]

    def _look_around(self, where: str) -> None:
        for name, farm in self.farms.items():
            for one in complaints_of_log(farm.new_log_lines(), farm):
                self._fail(f"{where}, {name} server: {one}")
            began = time.monotonic()
            if farm.server.get("/livez").status_code != 200:
                self._fail(f"{where}: {name} server does not live")
            if time.monotonic() - began > 5:
                self._fail(f"{where}: {name} server is slow to say that it lives")
            peak = farm.peak_mib()
            base = self.base_mib.setdefault(name, peak)
            if peak > base + GROWTH_MIB:
                grown = f"{base:.0f} to {peak:.0f} MiB"
                self._fail(f"{where}: {name} server grew from {grown}")
                self.base_mib[name] = peak

    def slow(self) -> None:
        """Let senders fall silent in mid-body, more than the server has threads."""
        for name, farm in self.farms.items():
            self.cases += SENDERS
            for one in silent_senders(farm):
                self._fail(f"{name} server: {one}")
            self._look_around("slow")

    def hostile(self, home: Path) -> None:
        """Send each hostile picture to a server of its own."""
        for one in send_hostile_pictures(home, _say):
            self.cases += 1
            if one:
                self._fail(one)

    def end(self) -> None:
        """Look whether anything was lost."""
        for name, farm in self.farms.items():
            lost = farm.lost()
            if lost:
                self._fail(f"{name} server lost {len(lost)} jobs: {sorted(lost)[:3]}")
            grown = farm.peak_mib() - self.base_mib.get(name, 0)
            taken, deleted = len(farm.accepted), len(farm.deleted)
            _say(f"{name}: {taken} jobs taken, {deleted} deleted, {grown:.0f} MiB more")
        _say("statuses:", dict(sorted(self.statuses.items())))
        _say(f"slowest: {self.slowest[0]:.2f} s {self.slowest[1]}")

    def _fail(self, what: str) -> None:
        self.failures += 1
        if self.failures <= LATEST_SHOWN:
            _say(f"FAILED (seed {self.first_seed}) {what}")


def _say(*said: object) -> None:
    print(*said, flush=True)  # noqa: T201


def main() -> int:
    """Run; 1 if anything failed."""
    told = sys.argv[1:]
    count = int(told[0]) if told else COUNT
    first_seed = int(told[1]) if len(told) > 1 else SEED
    families = told[2].split(",") if len(told) > 2 else [*FAMILIES, HOSTILE]
    memory = Path("/dev/shm")  # noqa: S108 - the folder below it has a random name
    with ExitStack() as stack:
        base = memory if memory.is_dir() else None
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=base)))
        for name in (OPEN, KEYED):
            (home / name).mkdir()
        farms = {
            OPEN: stack.enter_context(open_farm(home / OPEN)),
            KEYED: stack.enter_context(keyed_farm(home / KEYED)),
        }
        session = Session(farms, first_seed)
        if "wire" in families:
            session.slow()
        if HOSTILE in families:
            families.remove(HOSTILE)
            (home / HOSTILE).mkdir()
            session.hostile(home / HOSTILE)
        slow = session.cases
        whole = sum(SHARES[name] for name in families)
        for name in families:
            last = name == families[-1]
            share = (count - slow) * SHARES[name] // whole
            session.family(name, count - session.cases if last else share)
        session.end()
    _say(f"fuzz: {session.cases} cases, {session.failures} failures")
    return 1 if session.failures else 0


if __name__ == "__main__":
    sys.exit(main())
