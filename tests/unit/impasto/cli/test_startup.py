"""What starting the command line loads, and what it says without the server parts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.fake_api import Answer

ROOT = Path(__file__).parents[4]
HEAVY = ("torch", "flask", "httpx2", "PIL", "rich", "pydantic", "celery", "sqlalchemy")


def test_starting_the_command_line_loads_nothing_heavy():
    code = (
        "import sys\n"
        "from impasto.cli.app import make_app\n"
        "import impasto.__main__\n"
        "make_app()\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


def test_a_client_needs_neither_pydantic_nor_an_event_loop():
    code = (
        "import sys, impasto.client.client\n"
        "print([name for name in ('pydantic', 'asyncio') if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


def test_listing_jobs_does_not_load_what_draws_bars(farm):
    farm.answers("GET /v1/jobs", Answer(body={"data": []}))
    code = (
        "import sys\n"
        "from impasto.cli.app import make_app\n"
        f"make_app()(['ls', '--api-url', {farm.url!r}], standalone_mode=False)\n"
        "print([name for name in ('rich', 'pygments') if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


# Runs commands in a Python that seems to have no more than the wheel brings.
CLIENT_ONLY = """
import io, json, sys
from contextlib import redirect_stderr
from importlib.machinery import PathFinder
class Hidden(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name in ('api', 'worker', 'shared'): return None
        return super().find_spec(name, path, target)
sys.meta_path = [f for f in sys.meta_path if f is not PathFinder]
sys.meta_path.append(Hidden)
from impasto.__main__ import main
said = {}
for command in sys.argv[1:]:
    sys.argv = ["impasto", *command.split()]
    with redirect_stderr(io.StringIO()) as text:
        try: main()
        except SystemExit as end: said[command] = (end.code, text.getvalue())
print(json.dumps(said))
"""


def run_client_only(folder, *commands):
    """Run the commands one after the other; exit code and stderr of each."""
    done = subprocess.run(
        [sys.executable, "-c", CLIENT_ONLY, *commands],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env={
            "IMPASTO_HOME": f"{folder}/home",
            "IMPASTO_WEIGHTS_DIR": str(folder),
            "PYTHONPATH": str(ROOT),  # this checkout, whichever one is installed
        },
    )
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_without_the_server_parts_a_command_says_what_to_do(tmp_path):
    weights = "vgg16.safetensors"
    (tmp_path / weights).touch()
    commands = ("serve", "worker", "migrate", "weights fetch", "up", "demo")
    commands += (
        "admin keys create --name me",
        "run vgg16.safetensors vgg16.safetensors",
    )

    said = run_client_only(tmp_path, *commands)

    assert said.keys() == {*commands}
    for code, error in said.values():
        assert code == 1
        assert "the server parts are not installed here" in error
        assert "Traceback" not in error


def test_without_the_server_parts_missing_weights_are_not_fetched_either(tmp_path):
    (tmp_path / "photo.jpg").touch()

    said = run_client_only(tmp_path, "run photo.jpg photo.jpg")

    [(code, error)] = said.values()
    assert code == 1
    assert "the server parts are not installed here" in error
