"""Benchmark of a page of the list, with few jobs and with a million.

`python -m bench.job_listing [FEW MANY]` prints, for each available database and each
kind of page, the median time of the whole request with FEW and with MANY jobs, and
their ratio. Both take turns, so that other load on the machine slows both.
IMPASTO_BENCH_POSTGRESQL has the URLs of two empty databases of PostgreSQL, with a comma
between them.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from sqlalchemy import text

from api.app import create_app
from shared.auth.api_keys import ensure_owner
from shared.db.database import Database
from shared.db.migrate import migrate
from shared.jobs.submit import LOCAL_OWNER_ID
from shared.queue import Notifier
from shared.settings import Settings
from shared.storage import open_storage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask.testing import FlaskClient

REPEATS = 60
SLICE = 20_000  # rows per transaction
MOST_ROWS, FEWEST_ROWS = 1_000_000, 1_000
PAGES = {
    "newest": "",
    "in a state": "state=succeeded",
    "in another state": "state=failed",
    "in several states": "state=active&state=failed",
    "of a kind": "kind=style",
    "with a tag": "tag=series-3",
    "by a word": "q=lisbon",
    "by two words": "q=lisbon starry",
    "by time": "created_before=2033-05-18T03:36:00Z",
}
_NUMBERS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n "
    "WHERE i + 1 < {last}) ",
    "postgresql": "WITH n(i) AS (SELECT generate_series({first}, {last} - 1)) ",
}
# Job i was created at second 2e9 + i. One job in ten failed, and one in ten has a tag.
_JOBS = """
INSERT INTO jobs (id, owner_id, kind, state, name, tags, user_metadata, fence, revision,
  attempts, max_attempts, crashes_in_a_row, need_bytes, priority, run_after, iteration,
  checkpoint_iteration, iteration_at_claim, finish_requested, warnings, params,
  iterations, created_at,
  finished_at, completion)
{numbers} SELECT 'job_' || (100000000 + i), 'own_local', 'style',
  CASE WHEN i % 10 = 0 THEN 'failed' ELSE 'succeeded' END, 'Lisbon ' || i, '[]',
  '{{}}', 1, 3, 1, 4, 0, 0, 0, 0, 10, 10, 0, {false}, '[]', '{params}', 10,
  2e9 + i, 2e9 + i, 'full' FROM n
"""
_PARAMS = '{"styles": [{}], "max_edge": 128, "content": {"asset_id": "ast_1"}}'
_WORDS = """
INSERT INTO job_search_terms (job_id, term, owner_id, created_at)
{numbers} SELECT 'job_' || (100000000 + i), '{word}', 'own_local', 2e9 + i FROM n
WHERE i % {every} = 0
"""


def fill(database: Database, rows: int) -> None:
    """Insert this number of jobs, with their words for the search."""
    for first in range(0, rows, SLICE):
        _fill(database, first, min(first + SLICE, rows))


def _fill(database: Database, first: int, last: int) -> None:
    with database.write() as session:
        dialect = session.get_bind().dialect.name
        numbers = _NUMBERS[dialect].format(first=first, last=last)
        false = "0" if dialect == "sqlite" else "false"
        parts = [_JOBS.format(numbers=numbers, false=false, params=_PARAMS)]
        for word, every in (("lisbon", 1), ("starry", 2), ("#series-3", 10)):
            parts.append(_WORDS.format(numbers=numbers, word=word, every=every))
        for statement in parts:  # so that colons are no parameters
            session.execute(text(statement.replace(":", r"\:")))


def measure(clients: Sequence[FlaskClient], query: str) -> list[float]:
    """Return the median seconds of a page of 50 by client; clients take turns."""
    pages = []
    for client in clients:
        first = client.get("/v1/jobs", query_string=query).get_json()
        pages.append((query, f"{query}&cursor={first['next_cursor']}"))
    taken: list[list[float]] = [[] for _ in clients]
    for number in range(REPEATS):
        for client, each, seconds in zip(clients, pages, taken, strict=True):
            began = time.perf_counter()
            answer = client.get("/v1/jobs", query_string=each[number % 2])
            seconds.append(time.perf_counter() - began)
            if answer.status_code != 200:  # noqa: PLR2004 - fine
                raise RuntimeError(answer.text)
    return [median(seconds) for seconds in taken]


def make_client(url: str, home: Path, rows: int) -> FlaskClient:
    """Fill a new database with this number of jobs; return a client of its API."""
    migrate(url)
    settings = Settings(home=home, database_url=url)
    database = Database(url)
    ensure_owner(database, LOCAL_OWNER_ID)
    fill(database, rows)
    storage = open_storage(settings.storage_url)
    return create_app(settings, database, storage, Notifier(settings)).test_client()


def run(urls: Sequence[str], home: Path, sizes: Sequence[int]) -> None:
    """Print the table of one kind of database."""
    clients = [
        make_client(url, home, rows) for url, rows in zip(urls, sizes, strict=True)
    ]
    kind = urls[0].partition(":")[0]
    print(f"{kind}: ms per page of 50 jobs, of {' and '.join(map(str, sizes))}")  # noqa: T201
    for name, query in PAGES.items():
        few, many = measure(clients, query)
        print(f"  {name:<17} {1000 * few:7.2f} {1000 * many:7.2f}  x{many / few:.2f}")  # noqa: T201


def main() -> None:
    """Measure on SQLite, and on two PostgreSQL databases named in the environment."""
    sizes = [int(word) for word in sys.argv[1:]] or [FEWEST_ROWS, MOST_ROWS]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        run([f"sqlite:///{home}/{rows}.sqlite" for rows in sizes], home, sizes)
        if urls := os.environ.get("IMPASTO_BENCH_POSTGRESQL"):
            run(urls.split(","), home, sizes)


if __name__ == "__main__":
    main()
