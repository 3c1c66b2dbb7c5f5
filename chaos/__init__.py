"""Breaks a whole farm on purpose, again and again, and checks what it promised.

`make chaos` starts a real API, real workers, a real Redis behind a proxy, SQLite or
PostgreSQL; it kills, freezes, cuts and fills them by a seed, then lets the farm settle
and judges it: docs/reliability.md. The product knows nothing of all this.
"""
