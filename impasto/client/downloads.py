"""Downloads of jobs: saved atomically, with an earlier check of the target."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from impasto.client.calls import call
from impasto.client.transport import job_path
from impasto.errors import CannotSave

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from impasto.client.models import Job
    from impasto.client.transport import Transport


def require_writable(path: Path) -> None:
    """Check that a picture can be saved as `path`, before its job is submitted.

    Raises:
        CannotSave: The folder is missing or not writable, or `path` is a folder or has
            too long a name.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass  # the folder is checked below
    except OSError as error:  # is_dir would raise it, or not, by the version of Python
        raise save_error(path, error.strerror or str(error)) from error
    if path.is_dir():
        raise save_error(path, "it is a folder")
    if not path.parent.is_dir():
        raise save_error(path, f"there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise save_error(path, f"the folder {path.parent} may not be written")


def make_folder(folder: Path) -> None:
    """Create the folder for files, before their job is submitted.

    Raises:
        CannotSave: The folder cannot be created or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise save_error(folder, error.strerror or str(error)) from error
    require_writable(folder / "any")


def safe_file_name(name: str) -> str:
    """Return the last part of a name from the server, which is no path."""
    file_name = Path(name).name
    if not file_name or file_name == "..":
        raise CannotSave(f"cannot save {name!r}: it is not the name of a file")
    return file_name


def save_error(path: Path, reason: str) -> CannotSave:
    """Return the error that says why `path` cannot be saved."""
    return CannotSave(f"cannot save {path}: {reason}")


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path`; rename it to `path` at the block's end."""
    prefix = f".{path.name[:40]}."  # a longer one could exceed the limit of a name
    handle, name = tempfile.mkstemp(prefix=prefix, dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as target:
            yield target
        temporary.chmod(0o644)  # mkstemp allows only the owner to read
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


async def save_download(
    transport: Transport,
    url: str,
    path: Path,
    query: Mapping[str, str | None] | None = None,
) -> Path:
    """Download a file; the file at `path` is always complete.

    Raises:
        CannotSave: The file cannot be written.
    """
    require_writable(path)
    try:
        with atomic_write(path) as target:
            await transport.download(url, target, query=query)
    except OSError as error:
        raise save_error(path, error.strerror or str(error)) from error
    return path


class DownloadCalls:
    """Calls that download from the jobs of one server.

    Args:
        transport: Transport that sends the requests.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @call
    async def download(
        self,
        job_id: str,
        path: str | os.PathLike[str],
        *,
        format_name: str | None = None,
    ) -> Path:
        """Save the finished picture; the file at `path` is always complete.

        Args:
            job_id: Full id of the job.
            path: Path to save it as.
            format_name: png, jpeg, tiff or webp; default: the format of the job.

        Raises:
            CannotSave: The file cannot be written.
        """
        query = {"format": format_name}
        return await self._save(job_path(job_id, "result"), Path(path), query)

    @call
    async def write_result(
        self, job_id: str, target: BinaryIO, *, format_name: str | None = None
    ) -> None:
        """Write the finished picture to an open file, which may be a pipe."""
        query = {"format": format_name}
        await self._write(job_path(job_id, "result"), target, query)

    @call
    async def write_frame(
        self, job_id: str, target: BinaryIO, iteration: int | None = None
    ) -> None:
        """Write a preview to an open file, as `download_frame` saves it."""
        await self._write(_frame_path(job_id, iteration), target)

    @call
    async def download_outputs(
        self, job: Job, folder: str | os.PathLike[str]
    ) -> Sequence[Path]:
        """Save all files of a job into a folder, which is created if necessary.

        Raises:
            CannotSave: The file cannot be written.
        """
        make_folder(folder := Path(folder))
        return [
            await self._save(
                output.url, folder / safe_file_name(output.name or output.url)
            )
            for output in job.outputs
        ]

    @call
    async def download_frame(
        self,
        job_id: str,
        path: str | os.PathLike[str],
        iteration: int | None = None,
    ) -> Path:
        """Save the preview (JPEG) of an iteration, or the latest one."""
        return await self._save(_frame_path(job_id, iteration), Path(path))

    @call
    async def download_frames(
        self, job_id: str, folder: str | os.PathLike[str]
    ) -> Sequence[Path]:
        """Save all previews of a job into a folder, named by their iteration."""
        make_folder(folder := Path(folder))
        frames = await self._transport.get_json(job_path(job_id, "frames"))
        return [
            await DownloadCalls.download_frame(
                self, job_id, folder / f"{iteration:06}.jpg", iteration
            )
            for iteration in (int(frame["iteration"]) for frame in frames["data"])
        ]

    async def _save(
        self, url: str, path: Path, query: Mapping[str, str | None] | None = None
    ) -> Path:
        return await save_download(self._transport, url, path, query)

    async def _write(
        self, url: str, target: BinaryIO, query: Mapping[str, str | None] | None = None
    ) -> None:
        with tempfile.TemporaryFile() as whole:  # a retry cannot write to a pipe again
            await self._transport.download(url, whole, query=query)
            whole.seek(0)
            shutil.copyfileobj(whole, target)
            target.flush()


def _frame_path(job_id: str, iteration: int | None) -> str:
    return job_path(job_id, "frames", "latest" if iteration is None else str(iteration))
