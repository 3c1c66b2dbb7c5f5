"""The compose file is valid, and runs the commands that `impasto up` runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
COMPOSE = shutil.which("docker-compose", path=Path(sys.executable).parent)


def config(*files, **environment):
    named = [word for file in files for word in ("-f", str(ROOT / file))]
    return subprocess.run(
        [COMPOSE, *named, "config", "--format", "json"],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def services(*files, **environment):
    done = config(
        *files,
        IMPASTO_POSTGRES_PASSWORD="secret",  # noqa: S106 - an example
        **environment,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["services"]


def test_its_commands_are_those_of_the_embedded_stack():
    commands = {
        name: service.get("command")
        for name, service in services("docker-compose.yml").items()
    }

    assert commands["migrate"] == ["impasto", "migrate"]
    assert commands["api"] == ["impasto", "serve"]
    assert commands["worker"] == ["impasto", "worker", "--devices", "all"]
    assert commands["weights"] == ["impasto", "weights", "fetch"]


def test_every_lasting_service_has_a_health_check():
    lasting = {"postgres", "redis", "api", "worker"}

    checked = {
        name
        for name, service in services("docker-compose.yml").items()
        if "healthcheck" in service
    }

    assert checked == lasting


def test_the_gpu_file_gives_the_worker_every_gpu():
    worker = services("docker-compose.yml", "docker-compose.gpu.yml")["worker"]

    (device,) = worker["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["count"]) == ("nvidia", -1)


def test_without_a_password_it_says_so_instead_of_starting_open():
    done = config("docker-compose.yml")

    assert done.returncode != 0
    assert "set a password" in done.stderr


def test_the_api_is_published_to_this_host_only():
    (port,) = services("docker-compose.yml")["api"]["ports"]

    assert port["host_ip"] == "127.0.0.1"


def test_port_tag_and_torch_can_be_chosen():
    chosen = services(
        "docker-compose.yml",
        IMPASTO_PORT="9000",
        IMPASTO_TAG="blue",
        IMPASTO_TORCH="torch==2.13.0",
    )

    (port,) = chosen["api"]["ports"]
    assert port["published"] == "9000"
    assert {chosen[name]["image"] for name in ("api", "migrate")} == {
        "impasto-api:blue"
    }
    assert {chosen[name]["image"] for name in ("worker", "weights")} == {
        "impasto-worker:blue"
    }
    assert chosen["weights"]["build"]["args"] == {"TORCH": "torch==2.13.0"}


def test_by_default_torch_comes_from_the_lock_file():
    build = services("docker-compose.yml")["weights"]["build"]

    assert build["args"] == {"TORCH": ""}


@pytest.mark.parametrize("target", ["api", "worker"])
def test_both_images_run_without_privileges(target):
    stages = (ROOT / "deploy" / "Dockerfile").read_text().split("FROM base AS ")

    (stage,) = (stage for stage in stages if stage.startswith(target))
    assert "USER 10001" in stage


def worker_lock(named):
    """Return what the Dockerfile takes of worker.lock if that torch is named."""
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    (program,) = re.findall(r"awk -v named=\"\$TORCH\" '(.*)'", dockerfile)
    return subprocess.run(
        ["awk", "-v", f"named={named}", program, "requirements/worker.lock"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_image_of_a_worker_is_installed_from_its_lock_file():
    whole = (ROOT / "requirements" / "worker.lock").read_text()

    assert worker_lock(named="") == whole


def test_another_build_of_torch_replaces_that_of_the_lock_file_and_its_cuda():
    whole = worker_lock(named="")
    rest = worker_lock(named="torch==2.14.1+cpu torchvision==0.29.1+cpu")

    pins = re.compile(r"^([a-z].*?)==", re.MULTILINE)
    left_out = set(pins.findall(whole)) - set(pins.findall(rest))
    assert {"torch", "torchvision", "triton"} <= left_out
    assert left_out - {"torch", "torchvision", "triton"} == {
        name for name in left_out if name.startswith(("nvidia-", "cuda-"))
    }
    assert rest.count("--hash") > 0
    assert "numpy==" in rest
