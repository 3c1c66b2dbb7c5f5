"""Take away what keeps stale writers out, piece by piece: `make mutations`.

Each mutation edits a copy of the source and runs the directed machine on it, then the
tests of fenced writes, then the wide machine. A mutation that all of them pass is a
hole in the tests, and makes this program fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
COPIED = ("shared", "tests", "worker", "pyproject.toml")
EXAMPLES = "60"
PYTEST = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider")
MACHINE = "tests/integration/jobs/test_state_machine.py"
TESTS = {
    "directed machine": [MACHINE, "-k", "sqlite and OneJobMachine"],
    "fenced writes": ["tests/integration/jobs/test_fence.py",
                      "tests/integration/jobs/test_transitions.py", "-k", "sqlite"],
    "wide machine": [MACHINE, "-k", "sqlite and not OneJobMachine"],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutation:
    """A predicate that is taken away: in `path`, `old` becomes `new`."""

    name: str
    path: str
    old: str
    new: str = ""


MUTATIONS = (
    Mutation(
        "held_by forgets the fence and the nonce",
        "shared/jobs/lease.py",
        "        Job.fence == claim.fence,\n        Job.claim_nonce == claim.nonce,\n",
    ),
    Mutation(
        "held_by forgets the nonce",
        "shared/jobs/lease.py",
        "        Job.claim_nonce == claim.nonce,\n",
    ),
    Mutation(
        "held_by forgets the state",
        "shared/jobs/lease.py",
        "        Job.state.in_(LEASED),\n",
    ),
    Mutation(
        "held_by forgets the job",
        "shared/jobs/lease.py",
        "        Job.id == claim.job_id,\n",
    ),
    Mutation(
        "a heartbeat asks for no claim",
        "shared/jobs/lease.py",
        ".where(*held_by(claim))\n            .values(\n",
        ".where(Job.id == claim.job_id)\n            .values(\n",
    ),
    Mutation(
        "locking asks for no claim",
        "shared/jobs/lease.py",
        "select(Job).where(*held_by(claim))",
        "select(Job).where(Job.id == claim.job_id)",
    ),
    Mutation(
        "completing again asks for no claim",
        "shared/jobs/lease.py",
        "job.result_key == result.blob.key and ",
    ),
    Mutation(
        "a claim raises no fence",
        "shared/jobs/claim.py",
        "fence=Job.fence + 1,",
        "fence=Job.fence,",
    ),
    Mutation(
        "a rescue raises no fence",
        "shared/maintenance/rescue.py",
        'columns["fence"] = Job.fence + 1',
        'columns["fence"] = Job.fence',
    ),
    Mutation(
        "a rescue asks for no lease",
        "shared/maintenance/rescue.py",
        "Job.state.in_(LEASED), Job.lease_until < db.now",
        "Job.state.in_(LEASED)",
    ),
    Mutation(
        "a move forgets the fence",
        "shared/jobs/transitions.py",
        "Job.fence == job.fence, ",
    ),
    Mutation(
        "a move forgets the state",
        "shared/jobs/transitions.py",
        ", Job.state == job.state)",
        ")",
    ),
    Mutation(
        "a lost claim is anybody's",
        "shared/jobs/claim.py",
        "            Job.claim_nonce == nonce,\n",
    ),
)


def main() -> int:
    """Try every mutation and print a table; 1 if one got through."""
    survivors = 0
    sys.stdout.write(f"{'mutation':38}  caught by\n")
    for mutation in MUTATIONS:
        catcher = _catcher(mutation)
        survivors += catcher is None
        sys.stdout.write(f"{mutation.name:38}  {catcher or 'NOTHING'}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{len(MUTATIONS) - survivors} of {len(MUTATIONS)} caught\n")
    return 1 if survivors else 0


def _catcher(mutation: Mutation) -> str | None:
    memory = Path("/dev/shm")  # noqa: S108 - the folder below it has a random name
    place = memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        copy = Path(folder)
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, copy / name)
            else:
                shutil.copy(source, copy / name)
        apply(mutation, copy)
        return next(
            (name for name, words in TESTS.items() if not _passes(copy, words)), None
        )


def apply(mutation: Mutation, root: Path) -> None:
    """Edit the file below `root`.

    Raises:
        ValueError: The predicate does not stand there exactly once: a mutation that
            changes nothing would be caught by nothing.
    """
    path = root / mutation.path
    text = path.read_text()
    if text.count(mutation.old) != 1:
        raise ValueError(f"{mutation.name}: stands {text.count(mutation.old)} times")
    path.write_text(text.replace(mutation.old, mutation.new))


def _passes(copy: Path, words: list[str]) -> bool:
    settings = {
        "PYTHONPATH": str(copy),
        "IMPASTO_TEST_EXAMPLES": EXAMPLES,
        "IMPASTO_TEST_SHRINK": "no",
    }
    done = subprocess.run(  # noqa: S603 - our own tests
        [*PYTEST, f"--basetemp={copy / 'temporary'}", *words],
        cwd=copy,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode not in {0, 1}:  # 1: some test failed, which is the point
        raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout}")
    return done.returncode == 0


if __name__ == "__main__":
    raise SystemExit(main())
