"""The lock files fit pyproject.toml and each other, and a stale one is noticed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from requirements.lock import SETS, find_stale

ROOT = Path(__file__).parents[2]
ALL = ["dev", "worker", "api"]
PIN = re.compile(r"^([a-z0-9-]+)==([^ ]+)(.*?) \\$", re.MULTILINE)


@pytest.fixture
def copy(tmp_path):
    """A copy of pyproject.toml and of the folder with the lock files."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    return tmp_path


def edit(root, pattern, new):
    path = root / "pyproject.toml"
    text, count = re.subn(pattern, new, path.read_text())
    assert count == 1
    path.write_text(text)


def stale(root):
    return [path.stem for path in find_stale(root)]


def pins(name):
    """Return name, version and environment marker of each package in a lock file."""
    return set(PIN.findall((ROOT / "requirements" / f"{name}.lock").read_text()))


def test_the_lock_files_were_made_from_this_pyproject():
    assert stale(ROOT) == []


@pytest.mark.parametrize(
    ("pattern", "new", "names"),
    [
        ('"flask~=.*"', '"flask~=99.0"', ALL),  # another bound
        (' *"flask~=.*\n', "", ALL),  # removed
        ("dependencies = \\[\n", 'dependencies = ["tomli",\n', ALL),  # added
        (r"psycopg\[binary\]", "psycopg[c]", ALL),  # another extra
        ('requires-python = ".*"', 'requires-python = ">=3.99"', ALL),
        ('"torch>=.*"', '"torch>=99"', ["dev", "worker"]),
        (' *"ruff~=.*\n', "", ["dev"]),
        ('description = ".*"', 'description = ""', []),  # not a requirement
    ],
)
def test_another_requirement_makes_the_files_stale_that_hold_it(
    copy, pattern, new, names
):
    edit(copy, pattern, new)

    assert stale(copy) == names


def test_a_missing_lock_file_is_stale(copy):
    (copy / "requirements" / "worker.lock").unlink()

    assert stale(copy) == ["worker"]


def test_the_check_of_make_lint_fails_and_names_the_stale_file(copy):
    command = [sys.executable, "requirements/lock.py", "--check"]
    fresh = subprocess.run(command, cwd=copy, capture_output=True, check=False)
    edit(copy, '"ruff~=.*"', '"ruff~=99.0"')

    done = subprocess.run(
        command, cwd=copy, capture_output=True, text=True, check=False
    )

    assert fresh.returncode == 0, fresh.stderr
    assert done.returncode == 1
    assert done.stderr == (
        "requirements/dev.lock does not fit pyproject.toml: run `make lock`\n"
    )


def test_images_hold_the_releases_that_the_tests_ran_with():
    # Markers differ: more of what is in `dev` needs a package, on more platforms.
    api, worker, dev = (
        {(package, version) for package, version, _ in pins(name)}
        for name in ("api", "worker", "dev")
    )
    assert api < worker < dev


@pytest.mark.parametrize("locked", SETS, ids=lambda locked: locked.name)
def test_each_requirement_is_met_by_its_lock_file(locked):
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = pyproject["project"]
    wanted = list(project["dependencies"])
    for extra in locked.extras:
        wanted += project["optional-dependencies"][extra]
    for group in locked.groups:
        wanted += pyproject["dependency-groups"][group]

    versions = {name: version for name, version, _ in pins(locked.name)}
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(versions[requirement.name]), requirement


@pytest.mark.parametrize("name", ALL)
def test_a_lock_file_names_no_host_and_no_path(name):
    text = (ROOT / "requirements" / f"{name}.lock").read_text()

    assert "://" not in text
    assert not re.search(r"(^| )/", text, re.MULTILINE)


@pytest.mark.parametrize("name", ALL)
def test_every_package_has_hashes(name):
    text = (ROOT / "requirements" / f"{name}.lock").read_text()

    entries = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(pins(name))
    assert all("--hash=sha256:" in entry for entry in entries)
