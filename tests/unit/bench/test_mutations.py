"""The mutation check fits the source: it takes away every fence predicate there is."""

from __future__ import annotations

import re
import shutil

import pytest

from bench.liveness_mutations import LIVENESS_MUTATIONS
from bench.mutation import apply
from bench.mutations import MUTATIONS, ROOT

EVERY = (*MUTATIONS, *LIVENESS_MUTATIONS)
JOBS = sorted((ROOT / "shared").rglob("*.py"))


@pytest.mark.parametrize("mutation", EVERY, ids=lambda one: one.name)
def test_every_mutation_still_changes_the_source(tmp_path, mutation):
    (tmp_path / mutation.path).parent.mkdir(parents=True)
    shutil.copy(ROOT / mutation.path, tmp_path / mutation.path)

    apply(mutation, tmp_path)

    changed = (tmp_path / mutation.path).read_text()
    assert changed != (ROOT / mutation.path).read_text()
    compile(changed, mutation.path, "exec")


def test_every_fence_predicate_has_its_mutation():
    predicate = re.compile(r"\.fence == |[Jj]ob\.fence \+ 1")
    written = {
        (path.name, line.strip())
        for path in JOBS
        for line in path.read_text().splitlines()
        if predicate.search(line)
    }
    mutated = {
        (mutation.path.rpartition("/")[2], part)
        for mutation in MUTATIONS
        for line in mutation.old.splitlines()
        for part in (line.strip(), line.strip(", "))
        if part
    }

    missing = {
        (name, line)
        for name, line in written
        if not any(file == name and part in line for file, part in mutated)
    }
    # What a claim returns follows from the row that it has just written.
    assert missing == {
        (
            "claim.py",
            "return _build_claim(session, job, job.fence + 1, nonce, job.attempts + 1)",
        )
    }
