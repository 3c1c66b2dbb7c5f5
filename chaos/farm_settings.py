"""The settings of a farm under chaos: those of a real one, ten times as fast."""

from __future__ import annotations

LEASE_SECONDS = 3.0
HEARTBEAT_SECONDS = 0.5
RESCUE_SECONDS = 1.0
RENOTIFY_SECONDS = 2.0
RETRY_SECONDS = 0.5
WATCHDOG_SECONDS = 6.0
STALL_SECONDS = 12.0
SAVE_RETRY_SECONDS = 0.5
OUTAGE_SECONDS = (
    3.0  # instead of `worker.attempts.failures`, which has it as a constant
)

# How long Redis, the database or the room on the disk are away: each length between
# these is as likely as ten times that length. After the stall limit and two leases,
# 18 s, a worker that does nothing is ended by its watchdog: some outages last longer.
OUTAGE_RANGE_SECONDS = (0.3, 30.0)

# For longer than a lease: a process that stands still, and knows nothing of it.
FREEZE_RANGE_SECONDS = (LEASE_SECONDS + 0.5, LEASE_SECONDS + 3.0)

HOSTS = ("host-a", "host-b")  # of the workers, in turn

# A lease runs out, and two rounds of the maintenance see to it; one lease more if the
# maintenance leader, the database or what is to start has been hit too.
RECOVERY_SECONDS = LEASE_SECONDS + 2 * RESCUE_SECONDS
SECOND_FAULT_SECONDS = RECOVERY_SECONDS + LEASE_SECONDS
# A worker that is told to go does so in that time, besides a step and a write.
LEAVING_SECONDS = 2.0 + RESCUE_SECONDS

ENVIRONMENT = {
    "IMPASTO_LEASE_SECONDS": str(LEASE_SECONDS),
    "IMPASTO_HEARTBEAT_SECONDS": str(HEARTBEAT_SECONDS),
    "IMPASTO_RESCUE_SECONDS": str(RESCUE_SECONDS),
    "IMPASTO_RENOTIFY_SECONDS": str(RENOTIFY_SECONDS),
    "IMPASTO_RETRY_SECONDS": str(RETRY_SECONDS),
    "IMPASTO_WATCHDOG_SECONDS": str(WATCHDOG_SECONDS),
    "IMPASTO_STALL_SECONDS": str(STALL_SECONDS),
    "IMPASTO_SAVE_RETRY_SECONDS": str(SAVE_RETRY_SECONDS),
    "IMPASTO_CHECKPOINT_SECONDS": "0.3",
    "IMPASTO_PREVIEW_SECONDS": "0.5",
    "IMPASTO_MIN_FREE_BYTES": "0",  # the full disk shall be met, not avoided
    "IMPASTO_SUBMITS_PER_MINUTE": "0",
    "IMPASTO_REQUESTS_PER_MINUTE": "0",
    "IMPASTO_WORKER_THREADS": "1",
    "IMPASTO_API_THREADS": "16",
    "OMP_NUM_THREADS": "1",
}
