"""What happens to jobs, for all who wait in this process: read once, told to each."""

from __future__ import annotations

from api.live.logbook import lines_of, news_of, record_of
from api.live.lookout import Lookout
from api.live.news import END, OUTPUT, PREVIEW, PROGRESS, SNAPSHOT, News
from api.live.watch import Scope, Watch

__all__ = [
    "END",
    "OUTPUT",
    "PREVIEW",
    "PROGRESS",
    "SNAPSHOT",
    "Lookout",
    "News",
    "Scope",
    "Watch",
    "lines_of",
    "news_of",
    "record_of",
]
