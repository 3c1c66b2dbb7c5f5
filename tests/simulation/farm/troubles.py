"""What goes wrong with the resources of a process, and until when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from tests.simulation.farm.processes import Process
    from tests.simulation.scheduler import Scheduler

DATABASE, STORAGE, CHANNEL = "database", "storage", "channel"
AWAY = "away"  # every call fails, and changes nothing
FLAKY = "flaky"  # a share of the calls fails before
DEAF = "answers lost"  # a share of the calls takes effect, and fails after
FULL = "full"  # nothing can be stored; the rest works
LOSSY, DOUBLING, SLOW = "lossy", "doubling", "slow"


@dataclass(slots=True)
class Trouble:
    """Something that is wrong with a resource.

    Attributes:
        resource: Database, storage or channel.
        kind: What is wrong.
        until: Virtual time at which it is over.
        share: Share of the calls that it hits.
        host: Name of the only host that it hits, or None.
        hang_seconds: How long a call takes to fail.
        since: Virtual time at which it began.
    """

    resource: str
    kind: str
    until: float
    share: float = 1.0
    host: str | None = None
    hang_seconds: float = 0.1
    since: float = 0.0


@dataclass(slots=True)
class Troubles:
    """All present troubles, and all that there ever were, for the judge."""

    scheduler: Scheduler
    rng: Random
    active: list[Trouble] = field(default_factory=list)
    history: list[Trouble] = field(default_factory=list)

    def add(self, trouble: Trouble) -> None:
        """Begin one."""
        trouble.since = self.scheduler.now
        self.active.append(trouble)
        self.history.append(trouble)

    def clear(self) -> None:
        """End all of them."""
        for one in self.active:
            one.until = min(one.until, self.scheduler.now)
        self.active.clear()

    def find(self, resource: str, kinds: set[str], process: Process) -> Trouble | None:
        """Find one that hits this call."""
        now = self.scheduler.now
        if not self.active:
            return None
        self.active = [one for one in self.active if one.until > now]
        for one in self.active:
            if (
                one.resource == resource
                and one.kind in kinds
                and one.host in {None, process.host.name}
                and (one.share >= 1 or self.rng.random() < one.share)
            ):
                return one
        return None

    def until(self, resource: str, kinds: set[str], host: str | None = None) -> float:
        """When the last of these is over; 0 if there is none."""
        return max(
            (
                one.until
                for one in self.active
                if one.resource == resource
                and one.kind in kinds
                and (host is None or one.host in {None, host})
            ),
            default=0.0,
        )
