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
from shared.jobs.curves import keep_curve, read_curve
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
    key_digest,
    key_digests,
    list_keys,
    revoke_key,
    scopes_of,
    used_keys,
)
from shared.jobs.lineage import family
from shared.jobs.lining import Line, line, spans_on
from shared.jobs.listing import Filters, list_jobs
from shared.jobs.mending import go_carefully, make_smaller
from shared.jobs.moves import ready_key
from shared.jobs.purging import delete_job
from shared.jobs.reading import (
    events_of,
    frames_of,
    get_frame,
    get_job,
    get_output,
    jobs_named,
    latest_frame,
    live_workers,
    pictures_of,
    queue_lengths,
    unfinished,
)
from shared.jobs.reaping import reap, rung, waiting, wake
from shared.jobs.reconciling import Reconciler
from shared.jobs.replaying import Answered, Once, answered, hold, let_go
from shared.jobs.reports import Failure, Output, Result, Told, Written
from shared.jobs.reusing import Reuse
from shared.jobs.storing import (
    Kept,
    NewAsset,
    add_asset,
    delete_asset,
    find_asset,
    get_asset,
    keep_asset,
    list_assets,
)
from shared.jobs.submitting import (
    LOCAL_OWNER,
    Input,
    Limits,
    NewJob,
    Submitted,
    ensure_owner,
    submit,
    submit_or_reuse,
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
    "Filters",
    "Fork",
    "Glance",
    "Input",
    "Kept",
    "KnownKey",
    "Limits",
    "Line",
    "Logged",
    "Measured",
    "Moving",
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
    "Reuse",
    "Scope",
    "Standing",
    "StoredCheckpoint",
    "Submitted",
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
    "delete_asset",
    "delete_job",
    "ensure_owner",
    "events_of",
    "expire",
    "extend",
    "fail",
    "family",
    "fell_back",
    "find_asset",
    "find_key",
    "finish",
    "fork",
    "frames_of",
    "get_asset",
    "get_frame",
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
    "is_known",
    "jobs_named",
    "keep_asset",
    "keep_curve",
    "keep_last_checkpoint",
    "key_digest",
    "key_digests",
    "latest_frame",
    "latest_seq",
    "learn",
    "leave",
    "let_go",
    "line",
    "list_assets",
    "list_jobs",
    "list_keys",
    "live_workers",
    "log_news",
    "log_of",
    "make_smaller",
    "moving",
    "pause",
    "pictures_of",
    "possessions",
    "postpone",
    "queue_lengths",
    "read_curve",
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
    "submit_or_reuse",
    "survey",
    "timetable",
    "unfinished",
    "used_keys",
    "verbs_of",
    "waiting",
    "wake",
    "warn",
]
