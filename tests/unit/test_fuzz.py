"""`make fuzz` itself: it sees what is wrong, and counts."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import ExitStack, nullcontext
from types import SimpleNamespace

import pytest
from hypothesis import find

from tests.fuzz import __main__ as fuzz
from tests.fuzz import connection as line
from tests.fuzz.connection import Line
from tests.fuzz.raw_request import Answer, Attempt
from tests.fuzz.response_checks import complaints, complaints_of_log
from tests.fuzz.strategies.bodies import JSON, one_changed

ID = "req_01M86MMDTQ7E2JCP4BXNFWJ1N1"
HEADERS = {
    "request-id": ID,
    "x-content-type-options": "nosniff",
    "content-type": "application/problem+json",
}
FARM = SimpleNamespace(secrets={"imp_the-secret-of-a-caller"})


def problem(status=404, **other):
    said = {"code": "not-found", "status": status, "request_id": ID, **other}
    return Answer(status, dict(HEADERS), json.dumps(said).encode())


def without(answer, name):
    del answer.headers[name]
    return answer


def later(answer):
    answer.headers["retry-after"] = "5"
    return answer


@pytest.mark.parametrize("code", ["busy", "storage-full"])
def test_want_of_room_is_no_failure_if_it_says_when_to_come_back(code):
    assert complaints(Attempt(), later(problem(503, code=code)), FARM) == []
    assert complaints(Attempt(), problem(503, code=code), FARM)


def test_what_is_no_request_may_be_hung_up_on_but_not_held_for_ever():
    raw = Attempt(raw=b"GET\r\n")

    assert complaints(raw, Answer(0, trouble="hung up"), FARM) == []
    assert complaints(raw, Answer(0, trouble="no answer", hangs=True), FARM)


@pytest.mark.parametrize("closes", [True, False])
def test_a_server_that_neither_answers_nor_hangs_up_is_found_out(monkeypatch, closes):
    monkeypatch.setattr(line, "LIMIT_SECONDS", 0.5)
    monkeypatch.setattr(line, "_ALONE_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as stack:

        def serve():
            connection = stack.enter_context(server.accept()[0])
            while connection.recv(100):
                pass
            if closes:
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        asking = Line(server.getsockname()[1])
        answer = asking.ask(b"GET / HTTP", "GET", alone=True)
        thread.join()

    assert (answer.status, answer.hangs) == (0, not closes)


def test_a_problem_as_it_should_be_is_no_failure():
    assert complaints(Attempt(), problem(), FARM) == []


@pytest.mark.parametrize(
    "answer",
    [
        problem(500, code="internal"),
        problem(503, code="database-unavailable"),
        later(problem(503, code="database-unavailable")),
        problem(429, code="rate-limited"),
        problem(code="no-such-page"),
        problem(request_id="req_other"),
        problem(detail="Traceback (most recent call last)"),
        problem(detail="imp_the-secret-of-a-caller"),
        without(problem(), "request-id"),
        without(problem(), "x-content-type-options"),
        without(problem(), "content-type"),
        Answer(404, dict(HEADERS)),
        Answer(0, trouble="no answer within 20 s"),
    ],
    ids=range(13),
)
def test_what_no_answer_may_be_is_a_failure(answer):
    assert complaints(Attempt(), answer, FARM)


def test_what_belongs_to_another_owner_must_not_be_there():
    attempt = Attempt(allowed=frozenset({404}))

    assert complaints(attempt, Answer(200, dict(HEADERS), b"{}"), FARM)
    assert complaints(attempt, problem(), FARM) == []


@pytest.mark.parametrize(
    "line",
    [
        "a line\x1b[2J of no event",
        '{"event": "forged"}',
        '{"event": "request_crashed", "exception": "..."}',
        '{"event": "said", "of": "imp_the-secret-of-a-caller"}',
    ],
)
def test_what_must_not_stand_in_the_log_is_a_failure(line):
    assert complaints_of_log([line], FARM)
    assert complaints_of_log(['{"event": "job_submitted"}'], FARM) == []


@pytest.mark.parametrize(
    ("answer", "failures"), [(problem(), 0), (without(problem(), "request-id"), 60)]
)
def test_a_run_counts_its_cases_and_fails_if_an_answer_does(
    monkeypatch, capsys, answer, failures
):
    """With farms that say they are well, and one answer to everything."""
    lives = SimpleNamespace(get=lambda _path: SimpleNamespace(status_code=200))
    farm = SimpleNamespace(
        **vars(FARM), world={}, accepted=set(), deleted=set(), server=lives, port=1,
        renew=lambda: None, new_log_lines=list, peak_mib=lambda: 1, lost=set,
    )  # fmt: skip
    for kind in ("open_farm", "keyed_farm"):
        monkeypatch.setattr(fuzz, kind, lambda _home: nullcontext(farm))
    said = SimpleNamespace(ask=lambda *_, **__: answer)
    monkeypatch.setattr(fuzz, "Line", lambda _port: said)
    monkeypatch.setattr("sys.argv", ["fuzz", "60", "7", "owners"])

    code = fuzz.main()

    last = capsys.readouterr().out.splitlines()[-1]
    assert (code, last) == (bool(failures), f"fuzz: 60 cases, {failures} failures")


def test_it_sends_times_beyond_all_calendars_in_bodies_that_are_right_otherwise():
    whole = JSON["POST", "/v1/jobs"]
    base = {name: whole[name] for name in ("name", "cancel_after")}
    beyond = {"cancel_after": "9999-12-31T23:59:59-23:59"}

    assert find(one_changed(base), lambda said: said == {**base, **beyond})
