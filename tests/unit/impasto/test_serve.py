"""The API's process: how granian is set up."""

from __future__ import annotations

from granian import Granian

from impasto.serve import options


def test_the_environment_says_where_to_serve_and_how_many_at_once():
    told = {"IMPASTO_HOST": "::1", "IMPASTO_PORT": "9", "IMPASTO_API_THREADS": "3"}

    found = options(told)

    assert (found["address"], found["port"], found["blocking_threads"]) == ("::1", 9, 3)


def test_the_defaults_are_those_of_the_settings():
    from shared.settings import Settings

    found, settings = options({}), Settings(_env_file=None)

    assert (found["address"], found["port"]) == (settings.host, settings.port)
    assert found["blocking_threads"] == settings.api_threads


def test_granian_knows_every_option():
    server = Granian("api.wsgi:app", **options({}))

    assert server.workers == 1
