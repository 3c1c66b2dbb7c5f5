"""The Python code of docs/clients.md works as it stands, with clients made anew."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from tests.acceptance.farm import CONTENT, ROOT, STYLE
from tests.conftest import missing

PAGE = ROOT / "docs" / "clients.md"
# The generators are tools of their own: openapi-python-client needs another Typer.
BIN = Path(sys.executable).parent


def blocks(generator):
    """The code of a generator's section, by language."""
    sections = PAGE.read_text(encoding="utf-8").split("\n## ")
    section = next(each for each in sections if f": {generator} " in each)
    return dict(re.findall(r"```(\w+)\n(.*?)```", section, flags=re.DOTALL))


@pytest.mark.parametrize(
    ("generator", "tools", "module"),
    [
        ("openapi-python-client", ["openapi-python-client"], "httpx"),
        ("openapi-generator", ["openapi-generator-cli", "java"], "urllib3"),
    ],
)
def test_a_generated_client_makes_a_picture(
    request, up, tmp_path, generator, tools, module
):
    if find_spec(module) is None:
        missing(request, generator, f"{module} is not installed")
    for tool in tools:
        if shutil.which(tool) is None:
            missing(request, generator, f"{tool} is not installed")
    shutil.copy(CONTENT, tmp_path / "photo.jpg")
    shutil.copy(STYLE, tmp_path / "painting.jpg")
    code = blocks(generator)
    (tmp_path / "impasto.yml").write_text(code.get("yaml", ""))
    program = code["python"].replace("max_edge=512", "max_edge=64")
    for words in (["sh", "-euc", code["sh"]], [sys.executable, "-c", program]):
        done = subprocess.run(
            [word.replace("http://127.0.0.1:8470", up.url) for word in words],
            cwd=tmp_path,
            env={
                **os.environ,
                "PATH": f"{os.environ['PATH']}:{BIN}",  # ruff formats a client
                "PYTHONPATH": "client",
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        assert "unable to" not in done.stdout.lower()

    with Image.open(tmp_path / "result.png") as picture:
        assert (picture.format, max(picture.size)) == ("PNG", 64)
