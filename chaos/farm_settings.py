"""Settings of a chaos farm: all times are about a tenth of the defaults."""

from __future__ import annotations

LEASE_SECONDS = 3.0
HEARTBEAT_SECONDS = 0.5
RESCUE_SECONDS = 1.0
RENOTIFY_SECONDS = 2.0
RETRY_SECONDS = 0.5
WATCHDOG_SECONDS = 6.0
STALL_SECONDS = 12.0
SAVE_RETRY_SECONDS = 0.5
OUTAGE_SECONDS = 3.0  # replaces the constant of `worker.attempts.failures`

# Shortest and longest outage of Redis, the database or the disk; the logarithm of the
# length is uniform. The watchdog ends an idle worker after the stall limit and two
# leases, 18 s: some outages are longer.
OUTAGE_RANGE_SECONDS = (0.3, 30.0)

# Shortest and longest time that a process is frozen, longer than a lease.
FREEZE_RANGE_SECONDS = (LEASE_SECONDS + 0.5, LEASE_SECONDS + 3.0)

HOSTS = ("host-a", "host-b")  # hosts of the workers, in turn

# After its lease expires, a job is rescued within two rounds of the maintenance. It
# takes one lease more if a fault also hits the leader, the database or the next worker.
RECOVERY_SECONDS = LEASE_SECONDS + 2 * RESCUE_SECONDS
SECOND_FAULT_SECONDS = RECOVERY_SECONDS + LEASE_SECONDS
# Time in which a terminated worker ends, besides a step and a write.
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
    "IMPASTO_MIN_FREE_BYTES": "0",  # so that workers write to a full disk
    "IMPASTO_SUBMITS_PER_MINUTE": "0",
    "IMPASTO_REQUESTS_PER_MINUTE": "0",
    "IMPASTO_WORKER_THREADS": "1",
    "IMPASTO_API_THREADS": "16",
    "OMP_NUM_THREADS": "1",
}
