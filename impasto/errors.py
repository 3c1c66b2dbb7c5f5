"""Every error this package raises on purpose, in one tree.

ImpastoError
├── ApiError                the server answered with a problem
│   ├── Unauthenticated     no key, or one it does not know
│   ├── Forbidden           known caller, wrong door
│   ├── NotFound            no such job, or somebody else's
│   ├── ValidationFailed    values out of range; `errors` names each
│   ├── InvalidState        the job's state does not allow the verb
│   ├── NoSuchCheckpoint    the job cannot be forked from there
│   ├── VersionMismatch     the job has changed since it was seen
│   ├── ImmutableField      values that no job changes once it exists
│   ├── ResultNotReady      the picture does not exist (yet)
│   ├── TooManyStreams      no more answers are held open; polls are answered
│   └── QueueFull           too many jobs are waiting
├── ServerUnreachable       no answer at all, or no server known
├── JobFailed, JobCanceled, WaitTimeout: of a job, in `outcomes`
├── AmbiguousId             the prefix fits several jobs, or none
├── BadFlag                 a flag's value cannot be read
├── BadKey                  no API key looks like IMPASTO_API_KEY
├── CannotSave              a picture cannot be written where it should go
├── CannotReproduce         a picture cannot be made again
├── NoRecipe                a picture file does not say how it was made
├── PartsMissing            the server parts are not installed here
└── StackError              the embedded stack cannot run
    ├── AlreadyRunning      another one has the data folder
    ├── HomeUnusable        the data folder cannot be made or written
    ├── ChildGaveUp         one of its processes keeps dying
    └── WeightsMissing      the network's weights are not on this machine
"""

from __future__ import annotations

from dataclasses import dataclass


class ImpastoError(Exception):
    """Base of all expected errors; anything else is a bug.

    Attributes:
        code: Stable machine-readable name.
        hint: What a person can do about it; empty when there is nothing to add.
    """

    code: str = "error"
    hint: str = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        if hint:
            self.hint = hint


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong value: where it is (JSON pointer), a short code, what is wrong."""

    pointer: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Problem:
    """An `application/problem+json` answer, as far as it could be read."""

    status: int
    code: str
    detail: str
    hint: str = ""
    errors: tuple[FieldError, ...] = ()
    request_id: str | None = None
    retry_after_seconds: float | None = None


class ApiError(ImpastoError):
    """The server understood and said no; `problem` holds all that it said."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail, hint=problem.hint)
        self.problem = problem
        self.code = problem.code
        self.status = problem.status
        self.errors = problem.errors


class Unauthenticated(ApiError):
    """The request carries no key, or one that the server does not know."""


class Forbidden(ApiError):
    """The caller is known and may not do this."""


class NotFound(ApiError):
    """Nothing of the caller has this id."""


class ValidationFailed(ApiError):
    """Parameters are unknown or out of range; `errors` names every one of them."""


class InvalidState(ApiError):
    """The job's state does not allow the verb."""


class NoSuchCheckpoint(ApiError):
    """The job has no checkpoint there to go on from."""


class VersionMismatch(ApiError):
    """The job has changed since the revision that was told."""


class ImmutableField(ApiError):
    """Values that cannot change in a job that exists; `errors` names each."""


class ResultNotReady(ApiError):
    """The job has no finished picture (yet)."""


class TooManyStreams(ApiError):
    """As many answers are held open as can be; asking without waiting is answered."""


class QueueFull(ApiError):
    """As many jobs are waiting as the operator allows."""


API_ERRORS: dict[str, type[ApiError]] = {
    "unauthenticated": Unauthenticated,
    "forbidden": Forbidden,
    "not-found": NotFound,
    "validation": ValidationFailed,
    "invalid-state": InvalidState,
    "no-checkpoint": NoSuchCheckpoint,
    "version-mismatch": VersionMismatch,
    "immutable-field": ImmutableField,
    "result-not-ready": ResultNotReady,
    "too-many-streams": TooManyStreams,
    "queue-full": QueueFull,
    "quota-exceeded": QueueFull,
    "forbidden-scope": Forbidden,
}


class ServerUnreachable(ImpastoError):
    """No server answered, or none is known."""

    code = "unreachable"
    hint = "start one with 'impasto up', or set IMPASTO_API_URL"


class AmbiguousId(ImpastoError):
    """The prefix of an id does not say which job is meant."""

    code = "ambiguous_id"


class BadFlag(ImpastoError):
    """The value of a flag cannot be read."""

    code = "usage"


class BadKey(ImpastoError):
    """The API key has characters that no key has."""

    code = "usage"
    hint = "'impasto keys create' makes a key; IMPASTO_API_KEY holds it"


class CannotSave(ImpastoError):
    """A picture cannot be written where it should go."""

    code = "cannot_save"


class NoRecipe(ImpastoError):
    """A picture file does not say how it was made."""

    code = "no_recipe"


class CannotReproduce(ImpastoError):
    """A picture cannot be made again from what is there."""

    code = "cannot_reproduce"


class PartsMissing(ImpastoError):
    """The server parts are not installed in this Python."""

    code = "parts_missing"


class StackError(ImpastoError):
    """The embedded stack cannot run."""

    code = "stack"


class AlreadyRunning(StackError):
    """Another stack holds the data folder."""

    code = "already_running"


class HomeUnusable(StackError):
    """The data folder cannot be made or written."""

    code = "home_unusable"
    hint = "set IMPASTO_HOME to a folder that you may write"


class ChildGaveUp(StackError):
    """A process of the stack ends again and again."""

    code = "child_gave_up"


class WeightsMissing(StackError):
    """The weights of the network are not on this machine."""

    code = "weights_missing"
    hint = "run 'impasto weights fetch'"
