"""The only code that changes a job row: one function, one transaction, one move.

`submitting` makes rows, `claiming` takes them, `holding` and `keeping` write while the
claim lasts, `asking` is what people may say, `reaping` what the reconciler does,
`moves` the single way in which a state changes.
"""

from __future__ import annotations

from shared.jobs.asking import cancel
from shared.jobs.attending import Presence, Standing, arrive, leave, seen
from shared.jobs.claiming import Blob, Claim, Device, StoredCheckpoint, claim
from shared.jobs.holding import (
    Failure,
    Result,
    Written,
    complete,
    fail,
    heartbeat,
    postpone,
    release,
    stopped,
)
from shared.jobs.keeping import (
    NewFrame,
    add_frame,
    checkpointed,
    fell_back,
    keep_last_checkpoint,
    warn,
)
from shared.jobs.keys import create_key, find_key
from shared.jobs.mending import go_carefully, make_smaller
from shared.jobs.reading import (
    get_asset,
    get_job,
    latest_frame,
    list_jobs,
    live_workers,
)
from shared.jobs.reaping import reap, rung, waiting, wake
from shared.jobs.reconciling import Reconciler
from shared.jobs.submitting import (
    LOCAL_OWNER,
    Input,
    Limits,
    NewAsset,
    NewJob,
    add_asset,
    ensure_owner,
    submit,
)
from shared.jobs.surveying import Survey, survey
from shared.jobs.watching import is_due

__all__ = [
    "LOCAL_OWNER",
    "Blob",
    "Claim",
    "Device",
    "Failure",
    "Input",
    "Limits",
    "NewAsset",
    "NewFrame",
    "NewJob",
    "Presence",
    "Reconciler",
    "Result",
    "Standing",
    "StoredCheckpoint",
    "Survey",
    "Written",
    "add_asset",
    "add_frame",
    "arrive",
    "cancel",
    "checkpointed",
    "claim",
    "complete",
    "create_key",
    "ensure_owner",
    "fail",
    "fell_back",
    "find_key",
    "get_asset",
    "get_job",
    "go_carefully",
    "heartbeat",
    "is_due",
    "keep_last_checkpoint",
    "latest_frame",
    "leave",
    "list_jobs",
    "live_workers",
    "make_smaller",
    "postpone",
    "reap",
    "release",
    "rung",
    "seen",
    "stopped",
    "submit",
    "survey",
    "waiting",
    "wake",
    "warn",
]
