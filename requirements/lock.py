"""Make the lock files of this folder from pyproject.toml, or check that they are fresh.

`python -m requirements.lock` runs uv for each set of packages; releases that are locked
already stay, unless options of uv say otherwise (`--upgrade`, `--upgrade-package X`).
`--check` needs no network: the head of each lock file has a digest of what it was made
from.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[1]
FOLDER = Path("requirements")

# On every platform, and on every Python that pyproject.toml allows. Without names of
# hosts, so that pip takes the files from whatever index it is configured for.
_OPTIONS = ("--universal", "--generate-hashes", "--no-emit-index-url", "--quiet")


@dataclass(frozen=True, slots=True)
class LockedSet:
    """Parts of pyproject.toml that are locked together, in `requirements/<name>.lock`.

    Attributes:
        name: Name of the file.
        extras: Optional dependencies beside those that are always needed.
        groups: Dependency groups.
    """

    name: str
    extras: tuple[str, ...]
    groups: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """Path of the lock file, relative to the root of the repository."""
        return FOLDER / f"{self.name}.lock"

    @property
    def options(self) -> tuple[str, ...]:
        """Options of uv that choose these parts."""
        extras = (f"--extra={extra}" for extra in self.extras)
        return (*extras, *(f"--group={group}" for group in self.groups))


# Each holds all that follow it.
SETS = (
    LockedSet("dev", ("server", "engine"), ("dev",)),
    LockedSet("worker", ("server", "engine")),
    LockedSet("api", ("server",)),
)


def main(arguments: Sequence[str]) -> int:
    """Make or check the lock files; return the exit code."""
    if "--check" in arguments:
        stale = find_stale(ROOT)
        for path in stale:
            sys.stderr.write(f"{path} does not fit pyproject.toml: run `make lock`\n")
        return 1 if stale else 0
    try:
        make(ROOT, arguments)
    except subprocess.CalledProcessError as error:
        return error.returncode  # uv said why
    return 0


def make(root: Path, uv_options: Sequence[str] = ()) -> None:
    """Write all lock files.

    Args:
        root: Folder with pyproject.toml.
        uv_options: Further options of `uv pip compile`.

    Raises:
        CalledProcessError: uv found no set of releases, or no index; it said why.
    """
    pyproject = _read_pyproject(root)
    widest, *others = SETS
    _compile(root, widest, pyproject, uv_options)
    for locked in others:
        # uv keeps the releases of a file that it finds: images then hold the same
        # releases as the environment in which the tests ran.
        shutil.copyfile(root / widest.path, root / locked.path)
        _compile(root, locked, pyproject, ())


def find_stale(root: Path) -> list[Path]:
    """Return the lock files that are missing or were made from another pyproject.toml.

    Args:
        root: Folder with pyproject.toml.
    """
    pyproject = _read_pyproject(root)
    return [
        locked.path
        for locked in SETS
        if not (root / locked.path).exists()
        or _made_by(locked, pyproject) not in (root / locked.path).read_text()
    ]


def _compile(
    root: Path, locked: LockedSet, pyproject: dict[str, Any], uv_options: Sequence[str]
) -> None:
    oldest_python = pyproject["project"]["requires-python"].removeprefix(">=")
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml"]
    command += [*_OPTIONS, f"--python-version={oldest_python}", *locked.options]
    command += [f"--custom-compile-command={_made_by(locked, pyproject)}"]
    command += [*uv_options, f"--output-file={locked.path}"]
    subprocess.run(command, cwd=root, check=True)  # noqa: S603 - options of whoever runs make


def _made_by(locked: LockedSet, pyproject: dict[str, Any]) -> str:
    """Return the line in the head of a lock file that tells what it was made from."""
    project = pyproject["project"]
    made_from = [
        _OPTIONS,
        locked.options,
        project["requires-python"],
        project["dependencies"],
        [project["optional-dependencies"][extra] for extra in locked.extras],
        # All groups, as one may include another.
        pyproject["dependency-groups"] if locked.groups else {},
    ]
    digest = hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:16]
    return f"make lock # from requirements with the digest {digest}"


def _read_pyproject(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
