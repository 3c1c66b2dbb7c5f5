"""Mutations of the code that continues jobs, and of its reading of clocks."""

from __future__ import annotations

from bench.mutation import Mutation

LOOP, RESCUE = "shared/maintenance/loop.py", "shared/maintenance/rescue.py"
RUNNER, LEASE = "worker/runner.py", "worker/lease.py"
WATCHDOG, LEADER = "worker/watchdog.py", "shared/maintenance/leader.py"

LIVENESS_MUTATIONS = (
    Mutation(
        "nobody rescues",
        LOOP,
        "requeue_expired_leases(self._db):",
        "():",
    ),
    Mutation(
        "the rescue does not wait until all is stable",
        LOOP,
        "        if self._may_rescue():\n",
        "        if self:\n",
    ),
    Mutation(
        "a leader is replaced by nobody",
        LEADER,
        "or_(Lock.holder == holder, is_over)",
        "or_(Lock.holder == holder)",
    ),
    Mutation(
        "the maintenance ends with the first outage",
        LOOP,
        "            except DatabaseUnavailable as error:\n"
        "                self._stable_since",
        "            except DatabaseUnavailable as error:\n"
        "                self._stop.set()\n"
        "                self._stable_since",
    ),
    Mutation(
        "a write is tried once",
        RUNNER,
        "                if clock.monotonic() > gives_up_at:\n",
        "                if True:\n",
    ),
    Mutation(
        "a repeated claim is another one",
        RUNNER,
        "partial(claim_job, self._context.db, self.device, nonce, lease),",
        "lambda: claim_job("
        "self._context.db, self.device, secrets.token_hex(8), lease),",
    ),
    Mutation(
        "the watchdog sees no hung worker",
        WATCHDOG,
        "        if self._is_hung():\n",
        "        if False:\n",
    ),
    Mutation(
        "the watchdog sees no deaf worker",
        WATCHDOG,
        " if self._is_ignoring_jobs() else None",
        " if False else None",
    ),
    Mutation(
        "the watchdog sees no broken device",
        WATCHDOG,
        "        if self._runner.is_broken:\n",
        "        if False:\n",
    ),
    Mutation(
        "nobody notifies again",
        LOOP,
        "        self._renotify_workers()\n",
        "",
    ),
    Mutation(
        "one notification is enough for ever",
        RESCUE,
        "                    db.is_over(Job.notified_at + stale_seconds, "
        "stale_seconds),\n",
        "",
    ),
    Mutation(
        "a lease is renewed once",
        LEASE,
        "        while not (self._is_lost or self._is_closed):\n"
        "            self._renew()",
        "        self._renew()\n        while not (self._is_lost or self._is_closed):",
    ),
    Mutation(
        "a stalled job keeps its lease",
        LEASE,
        "        if self.stalled_seconds:\n",
        "        if False:\n",
    ),
    Mutation(
        "a pause after a failure never ends",
        LOOP,
        "        wake_backed_off_jobs(self._db)\n",
        "",
    ),
    Mutation(
        "a drain is never revoked",
        "worker/registration.py",
        "                self._draining.clear()\n",
        "                self._draining.set()\n",
    ),
    Mutation(
        "a device is excluded for ever",
        LOOP,
        "clear_device_exclusions(self._db):",
        "():",
    ),
    Mutation(
        "a worker forgets to register again",
        "worker/registration.py",
        "    if status is WorkerStatus.UNREGISTERED:\n        register(context)",
        "    if status is WorkerStatus.UNREGISTERED:\n        return",
    ),
    Mutation(
        "fault 1: a wait for the database is a stall",
        RUNNER,
        "with nullcontext() if lease is None else lease.waiting():",
        "with nullcontext():",
    ),
    Mutation(
        "fault 2: a time too far ahead is still to come",
        "shared/db/database.py",
        "return (until <= self.now) | (until > furthest)",
        "return until <= self.now",
    ),
)
