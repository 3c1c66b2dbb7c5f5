"""The compose file is valid, and runs the commands that `impasto up` runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psutil
import pytest
import redis

from impasto.local.farm import server_binary
from tests.support.processes import PATIENCE_SECONDS, wait_until

ROOT = Path(__file__).parents[3]
COMPOSE = shutil.which("docker-compose", path=Path(sys.executable).parent)


PASSWORDS = {"IMPASTO_POSTGRES_PASSWORD": "secret", "IMPASTO_REDIS_PASSWORD": "hidden"}
TEMPORARY = "/tmp"  # noqa: S108 - of a container
OURS = {"api", "worker", "migrate", "weights"}


def config(*files, **environment):
    named = [word for file in files for word in ("-f", str(ROOT / file))]
    return subprocess.run(
        [COMPOSE, *named, "config", "--format", "json"],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@cache
def services(*files, **environment):
    done = config(*files, **PASSWORDS, **environment)
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


@pytest.mark.parametrize("missing", PASSWORDS)
def test_without_a_password_it_says_so_instead_of_starting_open(missing):
    done = config("docker-compose.yml", **PASSWORDS | {missing: ""})

    assert done.returncode != 0
    assert f"{missing} is missing a value: set a password" in done.stderr


def test_the_repository_holds_no_password():
    text = (ROOT / "docker-compose.yml").read_text()

    assert not re.findall(r"_PASSWORD:-|_PASSWORD-", text)
    for word in re.findall(r"(?:PASSWORD|AUTH): (\S+)", text):
        assert word.startswith("${") or word == "keys"


@contextmanager
def redis_as_composed(folder, password):
    """The command of the Redis service, with a server and a port of this machine."""
    command = services("docker-compose.yml")["redis"]["command"]
    server = f"{server_binary()} - --port 0 --unixsocket {folder}/s --dir {folder}"
    text = command[-1].replace("valkey-server -", server).replace("$$", "$")
    process = subprocess.Popen(
        [*command[:-1], text],
        env={"PATH": os.environ["PATH"], "VALKEYCLI_AUTH": password},
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: (folder / "s").exists() or process.poll() is not None)
        assert process.poll() is None
        yield process
    finally:
        process.terminate()
        assert (
            process.wait(PATIENCE_SECONDS) == 0
        )  # the server itself gets the signal, no shell


def test_redis_wants_the_password_and_shows_it_to_nobody(tmp_path):
    with redis_as_composed(tmp_path, "Xq7hidden") as process:
        url = f"unix://{tmp_path}/s"
        with (
            redis.Redis.from_url(url) as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.ping()
        with redis.Redis.from_url(url, password="Xq7hidden") as known:  # noqa: S106 - an example
            assert known.ping()
            assert known.config_get("maxmemory-policy") == {
                "maxmemory-policy": "noeviction"
            }
        assert "Xq7hidden" not in " ".join(psutil.Process(process.pid).cmdline())


def test_every_process_of_ours_that_talks_to_redis_has_its_password():
    composed = services("docker-compose.yml")

    urls = {composed[name]["environment"]["IMPASTO_REDIS_URL"] for name in OURS}

    assert urls == {"redis://:hidden@redis:6379/0"}


@pytest.mark.parametrize(
    "files", [["docker-compose.yml"], ["docker-compose.yml", "docker-compose.gpu.yml"]]
)
def test_every_container_is_confined(files):
    composed = services(*files)

    assert set(composed) == OURS | {"postgres", "redis"}
    for name, service in composed.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert int(service["mem_limit"]) > 0, name
        writable = [mount["target"] for mount in service.get("volumes", [])]
        writable += [path.partition(":")[0] for path in service.get("tmpfs", [])]
        assert TEMPORARY in writable or name == "redis", name
        assert name in OURS or service["user"] not in {"", "root", "0"}, name


def test_images_of_others_are_of_one_version():
    composed = services("docker-compose.yml")
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()

    named = [composed[name]["image"] for name in ("postgres", "redis")]
    named += re.findall(r"^FROM (?!base )(\S+)", dockerfile, re.MULTILINE)

    assert len(named) == 3
    for image in named:
        assert re.search(r":\d+\.\d+(\.\d+)?(-[a-z-]+)?$", image), image
    assert composed["redis"]["image"].startswith("valkey/valkey:")


def test_memory_can_be_chosen():
    chosen = services(
        "docker-compose.yml",
        IMPASTO_API_MEMORY="6g",
        IMPASTO_WORKER_MEMORY="24g",
    )

    assert int(chosen["api"]["mem_limit"]) == 6 * 2**30
    assert int(chosen["worker"]["mem_limit"]) == 24 * 2**30


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
