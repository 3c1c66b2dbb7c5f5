"""The code of docs/python.md runs on a real farm, with smaller pictures."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

from PIL import Image

from tests.acceptance.farm import CONTENT, ROOT, STYLE

PAGE = ROOT / "docs" / "python.md"
# Behind the code of the page: what a notebook would show of its last job.
NOTEBOOK = """
import base64, io
from PIL import Image
shown = job._repr_mimebundle_()["image/jpeg"]
print(Image.open(io.BytesIO(base64.b64decode(shown))).size)
"""
SHORTER = {
    "max_edge=128": "max_edge=64, schedule=[(64, 5)]",
    '"max_edge": 128, "quality": "draft"': '"max_edge": 72, "schedule": [(72, 5)]',
    'max_edge=size, quality="draft"': "max_edge=size, schedule=[(size, 5)]",
}


def test_the_code_of_the_page_runs(up, tmp_path):
    shutil.copy(CONTENT, tmp_path / "photo.jpg")
    shutil.copy(STYLE, tmp_path / "painting.jpg")
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    code = "\n".join(blocks) + NOTEBOOK
    for long, short in SHORTER.items():
        assert long in code
        code = code.replace(long, short)

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        env={**up.environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "succeeded 64"
    assert "'order': '42'" in lines[1]
    assert "Lisbon" in lines[1]
    assert "end" in lines
    assert lines[-4:-2] == ["64", "96"]
    assert lines[-2].startswith("/params/max_edge ")
    assert lines[-1].startswith("(96, ")
    with Image.open(tmp_path / "lisbon.jpg") as saved:
        assert (saved.format, saved.size[0]) == ("JPEG", 72)
