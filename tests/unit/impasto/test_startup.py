"""What starting the command line loads, and what it says without the server parts."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "flask", "httpx", "rich", "pydantic", "celery", "sqlalchemy")


def test_starting_the_command_line_loads_nothing_heavy():
    code = (
        "import sys\n"
        "from impasto.app import make_app\n"
        "import impasto.__main__\n"
        "make_app()\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "command", [("serve",), ("worker",), ("migrate",), ("weights", "fetch"), ("up",)]
)
def test_without_the_server_parts_a_command_says_what_to_do(tmp_path, command):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "vgg16.safetensors").touch()
    code = (
        "import sys\n"
        "from importlib.machinery import PathFinder\n"
        "class Hidden(PathFinder):\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        "        if name in ('api', 'worker', 'shared'): return None\n"
        "        return super().find_spec(name, path, target)\n"
        "sys.meta_path = [f for f in sys.meta_path if f is not PathFinder]\n"
        "sys.meta_path.append(Hidden)\n"
        "from impasto.__main__ import main\n"
        f"sys.argv[1:] = {command!r}\n"
        "main()"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={
            "IMPASTO_HOME": str(tmp_path),
            "IMPASTO_WEIGHTS_DIR": f"{tmp_path}/weights",
        },
    )

    assert done.returncode == 1
    assert "the server parts are not installed here" in done.stderr
