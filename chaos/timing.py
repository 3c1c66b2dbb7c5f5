"""The settings of a farm under chaos: those of a real one, ten times as fast."""

from __future__ import annotations

LEASE_SECONDS = 3.0
HEARTBEAT_SECONDS = 0.5
REAP_SECONDS = 1.0
RERING_SECONDS = 2.0
RETRY_SECONDS = 0.5
WATCHDOG_SECONDS = 6.0
SAVE_RETRY_SECONDS = 0.5
OUTAGE_SECONDS = 3.0  # instead of `worker.remedies`, which has it as a constant
RING_SECONDS = 0.5  # the most that a frozen Redis may cost whoever submits
LEAVING_SECONDS = 2.0  # of a worker that is told to end, besides a step and a write

# A lease runs out, and two rounds of the reconciler see to it.
RECOVERY_SECONDS = LEASE_SECONDS + 2 * REAP_SECONDS
# The database, or what is to start, may cost another lease.
OUTAGE_RECOVERY_SECONDS = RECOVERY_SECONDS + LEASE_SECONDS + OUTAGE_SECONDS

ENVIRONMENT = {
    "IMPASTO_LEASE_SECONDS": str(LEASE_SECONDS),
    "IMPASTO_HEARTBEAT_SECONDS": str(HEARTBEAT_SECONDS),
    "IMPASTO_REAP_SECONDS": str(REAP_SECONDS),
    "IMPASTO_RERING_SECONDS": str(RERING_SECONDS),
    "IMPASTO_RETRY_SECONDS": str(RETRY_SECONDS),
    "IMPASTO_WATCHDOG_SECONDS": str(WATCHDOG_SECONDS),
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
