"""What a type checker says of code that uses the client."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from impasto.client.params import JobOptions, StyleParams

ROOT = Path(__file__).parents[4]
CODE = """
from impasto.client.client import AsyncClient, Client

def blocking(client: Client) -> str:
    client.run("a.jpg", "b.jpg", max_egde=256)                                 # 1
    client.run("a.jpg", "b.jpg", max_edge=256, format="jpeg", tags=["a"])
    client.run("a.jpg", "b.jpg", format="gif")                                 # 2
    client.jobs.submit("a.jpg")                                                # 3
    client.jobs.submit("a.jpg", ["b.jpg", b"c"], params={"max_edge": 64})
    client.jobs.submit("a.jpg", "b.jpg", params={"max_egde": 64})              # 4
    client.jobs.submit("a.jpg", "b.jpg", options={"priority": "urgent"})       # 5
    client.jobs.list(tags=["a"])                                               # 6
    client.jobs.change("job_1", {"stile_weight": 3})                           # 7
    for event in client.jobs.events("job_1"):
        print(event.kind)
    return client.jobs.wait("job_1").state

async def awaited(client: AsyncClient) -> str:
    await client.run("a.jpg", "b.jpg", max_egde=256)                           # 8
    async for job in client.jobs.iterate(tag=["a"]):
        print(job.tags)
    client.jobs.wait("job_1").state                                            # 9
    return (await client.jobs.wait("job_1")).state
"""


def test_a_mistyped_parameter_is_an_error_for_the_type_checker(tmp_path):
    (tmp_path / "used.py").write_text(CODE)
    marked = [number for number, line in enumerate(CODE.split("\n"), 1) if "# " in line]

    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--follow-imports", "silent"),
            *("--config-file", os.devnull, "--cache-dir", tmp_path / "cache"),
            "used.py",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
    )

    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert [int(error.split(":")[1]) for error in errors] == marked, done.stdout
    assert 'did you mean "max_edge"?' in errors[0]


def test_the_types_can_be_read_at_run_time():
    assert StyleParams.__annotations__.keys() >= {"max_edge", "style_weight"}
    assert JobOptions.__annotations__.keys() >= {"priority", "keep_every"}
