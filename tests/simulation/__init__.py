"""A whole farm in one thread, on virtual time: `make simulate`.

The real code of the workers, of the maintenance and of the API's verbs runs on real
SQL. Every "thread" is a greenlet; one scheduler, seeded, lets one of them run at a time
and skips the time in which all of them wait. So a day of outages takes a fraction of a
second, and a seed plays exactly the same again.
"""
