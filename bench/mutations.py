"""Mutation tests of fencing and of liveness: `make mutations`.

Each mutation edits a copy of the source: it removes a check that keeps stale writers
out, or code that continues jobs. Mutations of safety are tested by the directed state
machine, then by the tests of fenced writes, then by the wide state machine. All
mutations are tested by the simulation. A mutation that passes all tests is a gap in
them, and makes this program fail.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.liveness_mutations import LIVENESS_MUTATIONS
from bench.mutation import Mutation, apply

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
COPIED = ("chaos", "shared", "tests", "worker", "pyproject.toml")
EXAMPLES = "60"
PLAY = (sys.executable, "-m", "tests.simulation")
SIMULATION = ("--first", "--explain", "0", "--seconds", "240")
FOUND = re.compile(r"seed (\d+): (.*)")
PYTEST = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider")
MACHINE = "tests/integration/jobs/test_state_machine.py"
TESTS = {
    "directed machine": [MACHINE, "-k", "sqlite and OneJobMachine"],
    "fenced writes": ["tests/integration/jobs/test_fence.py",
                      "tests/integration/jobs/test_transitions.py",
                      "-k", "not postgresql"],
    "wide machine": [MACHINE, "-k", "sqlite and not OneJobMachine"],
}  # fmt: skip


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
        "a job that is let go keeps its nonce",
        "shared/jobs/transitions.py",
        ', "claim_nonce": None}',
        "}",
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
        "            .where(db.is_over(Job.lease_until, Job.term_seconds))\n",
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
    """Test every mutation and print a table; return 1 if one passed all tests."""
    arguments = _parse()
    survivors = 0
    sys.stdout.write(f"{'mutation':46}  caught by\n")
    for mutation in (*MUTATIONS, *LIVENESS_MUTATIONS):
        if arguments.name not in mutation.name:
            continue
        is_tested = mutation in MUTATIONS and not arguments.simulation
        with mutated_copy(mutation) as copy:
            catcher = _test_that_fails(copy) if is_tested else None
            seed = _seed_that_fails(copy, arguments.seeds)
        survivors += catcher is None and seed is None
        caught = f"{catcher or '-':16}  {seed or '-'}"
        sys.stdout.write(f"{mutation.name:46}  {caught}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{survivors} got through\n")
    return 1 if survivors else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mutations", description=__doc__)
    parser.add_argument("name", nargs="?", default="", help="a part of the names")
    parser.add_argument("--simulation", action="store_true", help="skip the tests")
    parser.add_argument("--seeds", type=int, default=500, help="how many at most")
    return parser.parse_args()


@contextmanager
def mutated_copy(mutation: Mutation) -> Iterator[Path]:
    """Copy the source into memory, and apply a mutation."""
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
        yield copy


def _test_that_fails(copy: Path) -> str | None:
    return next(
        (name for name, words in TESTS.items() if not _passes(copy, words)), None
    )


def _seed_that_fails(copy: Path, seeds: int) -> str | None:
    """Simulate seeds until one finds the mutation; return the seed and how."""
    began = time.monotonic()
    done = subprocess.run(  # noqa: S603 - constant command
        [*PLAY, "--seeds", str(seeds), *SIMULATION],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return None
    found = FOUND.search(done.stdout)
    if found is None:
        raise RuntimeError(f"the simulation ended so:\n{done.stdout}")
    return f"seed {found[1]}, {time.monotonic() - began:.0f} s: {found[2]}"


def _passes(copy: Path, words: list[str]) -> bool:
    settings = {
        "PYTHONPATH": str(copy),
        "IMPASTO_TEST_EXAMPLES": EXAMPLES,
        "IMPASTO_TEST_SHRINK": "no",
    }
    done = subprocess.run(  # noqa: S603 - constant command
        [*PYTEST, f"--basetemp={copy / 'temporary'}", *words],
        cwd=copy,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode not in {0, 1}:  # 1: a test failed, so it found the mutation
        raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout}")
    return done.returncode == 0


if __name__ == "__main__":
    raise SystemExit(main())
