"""The only code that changes a job row: one function, one transaction, one move.

`submitting` makes rows, `branching` makes them from others, `claiming` takes them,
`holding` and `keeping` write while the claim lasts, `asking` and `changing` are what
people may say, `reaping` and `expiring` what the reconciler does, `moves` the single
way in which a state changes.
"""

from __future__ import annotations

from shared.jobs.asking import cancel, finish, pause, possessions, resume, verbs_of
from shared.jobs.attending import Presence, Standing, arrive, leave, seen
from shared.jobs.branching import Fork, extend, fork, retry
from shared.jobs.changing import Change, begin_segments, change
from shared.jobs.claiming import Blob, Claim, Device, StoredCheckpoint, claim
from shared.jobs.expiring import cancel_overdue, expire
from shared.jobs.holding import (
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
    is_kept,
    keep_last_checkpoint,
    warn,
)
from shared.jobs.keys import (
    KnownKey,
    NewKey,
    Scope,
    create_key,
    find_key,
    get_key,
    get_owner,
    list_keys,
    revoke_key,
    scopes_of,
    used_keys,
)
from shared.jobs.lining import Line, line, spans_on
from shared.jobs.mending import go_carefully, make_smaller
from shared.jobs.moves import ready_key
from shared.jobs.reading import (
    get_asset,
    get_job,
    get_output,
    latest_frame,
    list_jobs,
    live_workers,
)
from shared.jobs.reaping import reap, rung, waiting, wake
from shared.jobs.reconciling import Reconciler
from shared.jobs.replaying import Answered, Once, answered, hold, let_go
from shared.jobs.reports import Failure, Output, Result, Told, Written
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
from shared.jobs.timing import (
    NEWEST,
    Accuracy,
    Measured,
    Outcome,
    Timetable,
    accuracy,
    is_known,
    learn,
    seed,
    timetable,
)
from shared.jobs.watching import is_due

__all__ = [
    "LOCAL_OWNER",
    "NEWEST",
    "Accuracy",
    "Answered",
    "Blob",
    "Change",
    "Claim",
    "Device",
    "Failure",
    "Fork",
    "Input",
    "KnownKey",
    "Limits",
    "Line",
    "Measured",
    "NewAsset",
    "NewFrame",
    "NewJob",
    "NewKey",
    "Once",
    "Outcome",
    "Output",
    "Presence",
    "Reconciler",
    "Result",
    "Scope",
    "Standing",
    "StoredCheckpoint",
    "Survey",
    "Timetable",
    "Told",
    "Written",
    "accuracy",
    "add_asset",
    "add_frame",
    "answered",
    "arrive",
    "begin_segments",
    "cancel",
    "cancel_overdue",
    "change",
    "checkpointed",
    "claim",
    "complete",
    "create_key",
    "ensure_owner",
    "expire",
    "extend",
    "fail",
    "fell_back",
    "find_key",
    "finish",
    "fork",
    "get_asset",
    "get_job",
    "get_key",
    "get_output",
    "get_owner",
    "go_carefully",
    "heartbeat",
    "hold",
    "is_due",
    "is_kept",
    "is_known",
    "keep_last_checkpoint",
    "latest_frame",
    "learn",
    "leave",
    "let_go",
    "line",
    "list_jobs",
    "list_keys",
    "live_workers",
    "make_smaller",
    "pause",
    "possessions",
    "postpone",
    "ready_key",
    "reap",
    "release",
    "resume",
    "retry",
    "revoke_key",
    "rung",
    "scopes_of",
    "seed",
    "seen",
    "spans_on",
    "stopped",
    "submit",
    "survey",
    "timetable",
    "used_keys",
    "verbs_of",
    "waiting",
    "wake",
    "warn",
]
