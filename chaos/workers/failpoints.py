"""Failpoints: named points between two steps, at which a worker ends or freezes.

The chaos process sets a failpoint by writing a file. A worker that reaches the point
removes the file, writes another one that says which job it had, and takes the action.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from shared.errors import DatabaseUnavailable
from shared.jobs.claim import Claim

if TYPE_CHECKING:
    from pathlib import Path

EXIT, FREEZE, LOSE = "exit", "freeze", "lose the answer"
_KEY = re.compile(r"[a-z]+/(job_[^/]+)/(\d+)")


@dataclass(frozen=True, slots=True)
class TriggeredFailpoint:
    """Record of a triggered failpoint: action, point, time and job."""

    point: str
    action: str
    at: float  # seconds since 1970
    job_id: str | None = None
    fence: int | None = None


class Failpoints:
    """Failpoints of one worker, in a folder that the chaos process shares."""

    def __init__(self, folder: Path, slot: str) -> None:
        self._set = folder / f"{slot}.set"
        self._sprung = folder / f"{slot}.sprung"

    def set(self, point: str, action: str) -> None:
        """Make the worker take `action` when it reaches `point`."""
        fresh = self._set.with_suffix(".new")
        fresh.write_text(json.dumps({"point": point, "action": action}))
        fresh.replace(self._set)

    def clear(self) -> None:
        """Remove the failpoint, if it was not triggered."""
        self._set.unlink(missing_ok=True)

    @property
    def is_set(self) -> bool:
        """Whether a failpoint is set and not yet triggered."""
        return self._set.exists()

    def take(self) -> TriggeredFailpoint | None:
        """Return and remove the record of a triggered failpoint, if there is one."""
        try:
            record = json.loads(self._sprung.read_text())
        except FileNotFoundError:
            return None
        self._sprung.unlink()
        return TriggeredFailpoint(**record)

    def trigger(self, point: str, arguments: tuple[object, ...]) -> bool:
        """Take the action that is set for this point, if any.

        Returns:
            Whether the step must fail as if its response was lost.
        """
        if not self._set.exists():
            return False
        try:
            trap = json.loads(self._set.read_text())
            if trap["point"] != point:
                return False
            self._set.unlink()
        except FileNotFoundError:  # removed by `clear` or by another thread
            return False
        self._write_record(trap, arguments)
        if trap["action"] == EXIT:
            os._exit(1)
        if trap["action"] == FREEZE:
            os.kill(os.getpid(), signal.SIGSTOP)
        return bool(trap["action"] == LOSE)

    def _write_record(
        self, trap: dict[str, str], arguments: tuple[object, ...]
    ) -> None:
        record = TriggeredFailpoint(**trap, at=time.time(), **_find_job(arguments))
        fresh = self._sprung.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(record)))
        fresh.replace(self._sprung)


def make_lost_commit_error() -> DatabaseUnavailable:
    """Return the error that a commit raises if its acknowledgment is lost."""
    return DatabaseUnavailable("database: the connection was lost (chaos)")


def _find_job(arguments: tuple[object, ...]) -> dict[str, str | int]:
    """Find the job id and the fence in the arguments of a step."""
    for argument in arguments:
        if isinstance(argument, Claim):
            return {"job_id": argument.job_id, "fence": argument.fence}
        if (match := _KEY.search(str(argument))) is not None:
            return {"job_id": match[1], "fence": int(match[2])}
    return {}
