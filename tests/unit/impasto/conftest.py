"""A server that says what it is told, and a command line that runs in this process."""

from __future__ import annotations

from functools import partial

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from impasto.cli.app import make_app
from tests.support.both_clients import KINDS, connecting
from tests.support.fake_api import serving


@pytest.fixture(autouse=True)
def _no_stack_of_this_machine(monkeypatch, tmp_path):
    for name in ("API_URL", "API_KEY", "WEIGHTS_DIR", "DATABASE_URL"):
        monkeypatch.delenv(f"IMPASTO_{name}", raising=False)
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="session")
def _server():
    with serving() as farm:
        yield farm


@pytest.fixture
def farm(_server):
    _server.forget()
    return _server


@pytest.fixture
def pauses():
    """Seconds that the client would have slept."""
    return []


@pytest.fixture(params=KINDS)
def connect(request):
    """Connect to an address, by the blocking client or by the one of asyncio."""
    return partial(connecting, request.param)


@pytest.fixture
def client(farm, pauses, connect):
    with connect(farm.url, sleep=pauses.append) as client:
        yield client


@pytest.fixture(scope="session")
def _command_line():
    app = make_app()
    return app, get_command(app)


@pytest.fixture
def impasto(_command_line, monkeypatch):
    """Run a command; the result has exit_code, stdout and stderr."""
    app, command = _command_line
    runner = CliRunner()
    # Typer would build the whole command line for each run.
    monkeypatch.setattr("typer.testing._get_command", lambda _app: command)

    def run(*words):
        return runner.invoke(app, [str(word) for word in words])

    return run
