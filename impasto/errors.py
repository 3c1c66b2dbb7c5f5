"""All expected errors of this package, as one tree of classes: see docs/errors.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

if TYPE_CHECKING:
    from impasto.client.models import Job


class ImpastoError(Exception):
    """Base of all expected errors; anything else is a bug.

    Attributes:
        code: Stable machine-readable name.
        exit_code: Exit code of the command line.
        hint: Next step for the user, or empty.
    """

    code: str = "error"
    exit_code: int = 1
    hint: str = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        if hint:
            self.hint = hint


@dataclass(frozen=True, slots=True)
class FieldError:
    """Invalid value: its JSON pointer, a short code and the problem."""

    pointer: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Problem document of a response; members that could not be parsed are empty."""

    status: int
    code: str
    detail: str
    hint: str = ""
    errors: tuple[FieldError, ...] = ()
    request_id: str | None = None
    retry_after_seconds: float | None = None


class ApiError(ImpastoError):
    """The server refused a request; `problem` has its whole response.

    A problem is raised as the class of its code, if there is one, else as `ApiError`.
    """

    classes: ClassVar[dict[str, type[ApiError]]] = {}

    @override
    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.classes[cls.code] = cls

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail, hint=problem.hint)
        self.problem = problem
        self.code = problem.code
        self.status = problem.status
        self.errors = problem.errors


class Unauthenticated(ApiError):
    """The request has no API key, or an unknown one."""

    code = "unauthenticated"
    exit_code = 4


class Forbidden(ApiError):
    """The caller may not do this."""

    code = "forbidden"


class ForbiddenScope(Forbidden):
    """The key of the caller lacks a scope."""

    code = "forbidden-scope"


class NotFound(ApiError):
    """The caller has no object with this id."""

    code = "not-found"


class ValidationFailed(ApiError):
    """Parameters are unknown or out of range; `errors` names all of them."""

    code = "validation"


class InvalidState(ApiError):
    """The job's state does not allow the action."""

    code = "invalid-state"


class NoSuchCheckpoint(ApiError):
    """The job has no checkpoint at this iteration."""

    code = "no-checkpoint"


class VersionMismatch(ApiError):
    """The job has changed since the revision in the request."""

    code = "version-mismatch"


class ImmutableField(ApiError):
    """Some values cannot change after the submission; `errors` names them."""

    code = "immutable-field"


class ResultNotReady(ApiError):
    """The job has no finished picture, or not yet."""

    code = "result-not-ready"


class TooManyStreams(ApiError):
    """The limit of open streams and long polls is reached; short polls work."""

    code = "too-many-streams"


class QueueFull(ApiError):
    """The limit of waiting jobs that the operator has set is reached."""

    code = "queue-full"
    exit_code = 8


class QuotaExceeded(QueueFull):
    """The limit of waiting jobs of this owner is reached."""

    code = "quota-exceeded"


class ServerUnreachable(ImpastoError):
    """No server responded, or the address of the server is unknown."""

    code = "unreachable"
    exit_code = 7
    hint = "start one with 'impasto up', or set IMPASTO_API_URL"


class JobFailed(ImpastoError):
    """The job ended without a picture; `job` says why."""

    code = "job-failed"
    exit_code = 3

    def __init__(self, job: Job) -> None:
        error = job.error
        reason = f"{error.message} ({error.code})" if error else job.state
        super().__init__(
            f"job {job.id} failed: {reason}", hint=(error.hint or "") if error else ""
        )
        self.job = job


class JobCanceled(ImpastoError):
    """The job was canceled before its picture was finished."""

    code = "job-canceled"
    exit_code = 5

    def __init__(self, job: Job) -> None:
        super().__init__(f"job {job.id} was canceled")
        self.job = job


class WaitTimeout(ImpastoError):
    """The job has not ended within the given time; it continues."""

    code = "wait-timeout"
    exit_code = 6

    def __init__(self, job: Job, seconds: float) -> None:
        super().__init__(f"job {job.id} is still {job.state} after {seconds:g} s")
        self.job = job


def raise_for_state(job: Job) -> None:
    """Raise an error if a job has ended without success.

    Raises:
        JobFailed: The job ended without a picture.
        JobCanceled: The job was canceled.
    """
    if job.state == "canceled":
        raise JobCanceled(job)
    if job.is_over and job.state != "succeeded":
        raise JobFailed(job)


class InvalidId(ImpastoError):
    """The text is not an id; no request was sent."""

    code = "invalid-id"
    hint = "ids have 26 letters and digits, like job_01J..., ast_01J... or key_01J..."


class AmbiguousId(ImpastoError):
    """The prefix of an id matches several jobs, or none."""

    code = "ambiguous-id"


class InvalidOption(ImpastoError):
    """The value of a command line option cannot be parsed."""

    code = "usage"
    exit_code = 2


class InvalidApiKey(ImpastoError):
    """The API key has invalid characters."""

    code = "usage"
    exit_code = 2
    hint = "'impasto keys create' makes a key; IMPASTO_API_KEY holds it"


class CannotSave(ImpastoError):
    """The picture cannot be written to its path."""

    code = "cannot-save"


class NoRecipe(ImpastoError):
    """The picture file contains no recipe."""

    code = "no-recipe"


class CannotReproduce(ImpastoError):
    """The picture cannot be reproduced from its recipe and the available inputs."""

    code = "cannot-reproduce"


class MissingDependency(ImpastoError):
    """Packages or programs that the command needs are not installed."""

    code = "parts-missing"


class FarmError(ImpastoError):
    """The embedded farm cannot run."""

    code = "stack"


class AlreadyRunning(FarmError):
    """Another farm has locked the data folder."""

    code = "already-running"


class HomeUnusable(FarmError):
    """The data folder cannot be created or written."""

    code = "home-unusable"
    hint = "set IMPASTO_HOME to a folder that you may write"


class RestartLimitReached(FarmError):
    """A process of the farm failed quickly too many times in a row."""

    code = "child-gave-up"


class WeightsMissing(FarmError):
    """The weights of the network are not on this machine."""

    code = "weights-missing"
    hint = "run 'impasto weights fetch'"
