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
from shared.jobs.following import (
    Logged,
    Moving,
    latest_seq,
    log_news,
    log_of,
    moving,
)
from shared.jobs.glancing import Glance, glance
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
from shared.jobs.mending import go_carefully, make_smaller
from shared.jobs.reading import (
    get_asset,
    get_job,
    get_output,
    jobs_named,
    latest_frame,
    list_jobs,
    live_workers,
    unfinished,
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
from shared.jobs.watching import is_due

__all__ = [
    "LOCAL_OWNER",
    "Answered",
    "Blob",
    "Change",
    "Claim",
    "Device",
    "Failure",
    "Fork",
    "Glance",
    "Input",
    "KnownKey",
    "Limits",
    "Logged",
    "Moving",
    "NewAsset",
    "NewFrame",
    "NewJob",
    "NewKey",
    "Once",
    "Output",
    "Presence",
    "Reconciler",
    "Result",
    "Scope",
    "Standing",
    "StoredCheckpoint",
    "Survey",
    "Told",
    "Written",
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
    "glance",
    "go_carefully",
    "heartbeat",
    "hold",
    "is_due",
    "is_kept",
    "jobs_named",
    "keep_last_checkpoint",
    "latest_frame",
    "latest_seq",
    "leave",
    "let_go",
    "list_jobs",
    "list_keys",
    "live_workers",
    "log_news",
    "log_of",
    "make_smaller",
    "moving",
    "pause",
    "possessions",
    "postpone",
    "reap",
    "release",
    "resume",
    "retry",
    "revoke_key",
    "rung",
    "scopes_of",
    "seen",
    "stopped",
    "submit",
    "survey",
    "unfinished",
    "used_keys",
    "verbs_of",
    "waiting",
    "wake",
    "warn",
]
