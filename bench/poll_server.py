"""`python -m bench.poll_server`: serve the API, and a plain Flask view beside it."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING

from flask import Flask
from granian import Granian
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from api.serve import granian_options
from api.wsgi import app as make_api
from shared.settings import settings_or_exit

if TYPE_CHECKING:
    from collections.abc import Callable

TINY = "/tiny"


def load(parent: int) -> Callable[..., object]:
    """Return both apps; the plain one only responds."""
    if os.getppid() != parent:
        sys.exit(1)
    plain = Flask("plain")
    plain.add_url_rule("/", view_func=lambda: "ok\n")
    return DispatcherMiddleware(make_api(), {TINY: plain})


def main() -> None:
    """Serve until SIGTERM, as `api.serve` does."""
    server = Granian("bench.poll_server:load", **granian_options(settings_or_exit()))
    server.serve(target_loader=partial(load, os.getpid()), wrap_loader=False)


if __name__ == "__main__":
    main()
