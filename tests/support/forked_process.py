"""Processes that begin as a copy of one that has already imported the worker.

Importing torch and Celery takes seconds of CPU, which most tests need not pay again.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from tests.support.processes import PATIENCE_SECONDS

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "worker.app",
        # What a worker imports as it starts.
        "celery.apps.worker",
        "celery.bin.celery",
        "celery.concurrency.thread",
        "kombu.transport.redis",
        "sqlite3",
    ]
)


class ForkedProcess:
    """Runs `function(*arguments)`; to its test it looks like a `subprocess.Popen`.

    Args:
        environment: All variables of the process.
        out, err: Files that its output is appended to.
    """

    def __init__(self, function, *arguments, environment, out, err):
        told = (environment, str(out), str(err), function, arguments)
        self._process = _CONTEXT.Process(target=_run, args=told)
        self._process.start()
        self.pid = self._process.pid

    def poll(self):
        return self._process.exitcode

    def wait(self, timeout=None):
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout)
        return self._process.exitcode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)


def run_module(name, *options):
    """`python -m name options`, where the module has a `main`."""
    sys.argv = [name, *options]
    sys.exit(import_module(name).main())


def run_program(text, *arguments, **environment):
    """`python -c text arguments`, with these variables; without those of None."""
    variables = {**os.environ, **environment}
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = ForkedProcess(
            _run_text,
            text,
            arguments,
            environment={k: v for k, v in variables.items() if v is not None},
            out=out,
            err=err,
        )
        code = process.wait(PATIENCE_SECONDS)
        told = (out.read_text(), err.read_text())
    return subprocess.CompletedProcess(text, code, *told)


def _run_text(text, arguments):
    sys.argv = ["-c", *arguments]
    exec(compile(text, "-c", "exec"), {"__name__": "__main__"})  # noqa: S102


def _run(environment, out, err, function, arguments):
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    for number, path in ((0, os.devnull), (1, out), (2, err)):
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    function(*arguments)
