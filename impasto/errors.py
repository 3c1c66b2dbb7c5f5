"""Every error that this package raises on purpose, in one tree.

ImpastoError
├── ApiError                the server answered with a problem
│   ├── Unauthenticated     no API key, or an unknown one
│   ├── Forbidden           the caller is known, but may not do this
│   ├── NotFound            the job does not exist, or belongs to another owner
│   ├── ValidationFailed    values out of range; `errors` names each
│   ├── InvalidState        the job's state does not allow the action
│   ├── NoSuchCheckpoint    the job cannot be forked from this iteration
│   ├── VersionMismatch     the job has changed since its revision was read
│   ├── ImmutableField      values that no job changes once it exists
│   ├── ResultNotReady      the picture does not exist (yet)
│   ├── TooManyStreams      no more long polls or streams; short polls are answered
│   └── QueueFull           too many jobs are waiting
├── ServerUnreachable       no response at all, or no address of a server
├── JobFailed, JobCanceled, WaitTimeout: of a job, in `client/outcomes.py`
├── InvalidId               the text is not an id, and nothing was sent
├── AmbiguousId             the prefix fits several jobs, or none
├── InvalidOption           the value of a command line option cannot be parsed
├── InvalidApiKey           IMPASTO_API_KEY has characters that no key has
├── CannotSave              a picture cannot be written to its path
├── CannotReproduce         a picture cannot be made again
├── NoRecipe                a picture file does not say how it was made
├── MissingDependency       packages or programs of the server are not installed
└── FarmError               the embedded farm cannot run
    ├── AlreadyRunning      another farm has locked the data folder
    ├── HomeUnusable        the data folder cannot be created or written
    ├── RestartLimitReached one of its processes fails again and again
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
    """One invalid value: its JSON pointer, a short code, what is wrong with it."""

    pointer: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Problem:
    """An `application/problem+json` response, as far as it could be parsed."""

    status: int
    code: str
    detail: str
    hint: str = ""
    errors: tuple[FieldError, ...] = ()
    request_id: str | None = None
    retry_after_seconds: float | None = None


class ApiError(ImpastoError):
    """The server refused a request; `problem` holds its whole response."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail, hint=problem.hint)
        self.problem = problem
        self.code = problem.code
        self.status = problem.status
        self.errors = problem.errors


class Unauthenticated(ApiError):
    """The request carries no API key, or one that the server does not know."""


class Forbidden(ApiError):
    """The caller is known, but may not do this."""


class NotFound(ApiError):
    """The caller owns nothing with this id."""


class ValidationFailed(ApiError):
    """Parameters are unknown or out of range; `errors` names every one of them."""


class InvalidState(ApiError):
    """The job's state does not allow the action."""


class NoSuchCheckpoint(ApiError):
    """The job has no checkpoint at this iteration to go on from."""


class VersionMismatch(ApiError):
    """The job has changed since the revision that the request named."""


class ImmutableField(ApiError):
    """Values that cannot change in a job that exists; `errors` names each."""


class ResultNotReady(ApiError):
    """The job has no finished picture (yet)."""


class TooManyStreams(ApiError):
    """The server has no room for more long polls or streams; short polls work."""


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
    """No server answered, or no address of one is known."""

    code = "unreachable"
    hint = "start one with 'impasto up', or set IMPASTO_API_URL"


class InvalidId(ImpastoError):
    """The text is not an id; no request was sent."""

    code = "invalid_id"
    hint = "the id of a job is job_ and 26 letters and digits: job_01J..."


class AmbiguousId(ImpastoError):
    """The prefix of an id fits several jobs, or none."""

    code = "ambiguous_id"


class InvalidOption(ImpastoError):
    """The value of a command line option cannot be parsed."""

    code = "usage"


class InvalidApiKey(ImpastoError):
    """The API key has characters that no key has."""

    code = "usage"
    hint = "'impasto keys create' makes a key; IMPASTO_API_KEY holds it"


class CannotSave(ImpastoError):
    """A picture cannot be written to its path."""

    code = "cannot_save"


class NoRecipe(ImpastoError):
    """A picture file does not say how it was made."""

    code = "no_recipe"


class CannotReproduce(ImpastoError):
    """A picture cannot be made again from its recipe and the available inputs."""

    code = "cannot_reproduce"


class MissingDependency(ImpastoError):
    """Packages or programs that the command needs are not installed."""

    code = "parts_missing"


class FarmError(ImpastoError):
    """The embedded farm cannot run."""

    code = "stack"


class AlreadyRunning(FarmError):
    """Another farm has locked the data folder."""

    code = "already_running"


class HomeUnusable(FarmError):
    """The data folder cannot be created or written."""

    code = "home_unusable"
    hint = "set IMPASTO_HOME to a folder that you may write"


class RestartLimitReached(FarmError):
    """A process of the farm failed quickly too many times in a row."""

    code = "child_gave_up"


class WeightsMissing(FarmError):
    """The weights of the network are not on this machine."""

    code = "weights_missing"
    hint = "run 'impasto weights fetch'"
