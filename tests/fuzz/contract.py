"""`python -m tests.fuzz.contract [EXAMPLES] [SEED]`: schemathesis, on a real server.

All of its checks and phases, stateful too. It may follow each link of the document.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.server import open_farm

_HERE = Path(__file__).parent
_EXAMPLES, _SEED = "25", "1"


def main() -> int:
    """Run it; 1 if it finds anything."""
    examples, first_seed, *_ = [*sys.argv[1:], *(_EXAMPLES, _SEED)[len(sys.argv) - 1 :]]
    words = (
        *("--config-file", _HERE / "schemathesis.toml", "run"),
        *("--checks", "all", "--continue-on-failure", "--no-shrink"),
        *("--request-timeout", "20", "-n", examples, "--seed", first_seed),
    )
    with tempfile.TemporaryDirectory() as folder, open_farm(Path(folder)) as farm:
        address = f"{farm.server.url}/openapi.json"
        done = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", *words, address],
            env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.fuzz.schemathesis_hooks"},
            check=False,
        )
        wrong = [line for line in farm.new_log_lines() if '"exception"' in line]
        sys.stdout.writelines(f"logged: {line}\n" for line in wrong)
    return 1 if done.returncode or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
