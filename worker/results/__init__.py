"""Finished pictures as bytes: in the format, depth and colors that were asked for.

The same job gives the same bytes: nothing here knows the time, the worker or the job.
The rules, for people: docs/pictures.md.
"""

from worker.results.encoding import Encoded, encode
from worker.results.recipe import write_recipe

__all__ = ["Encoded", "encode", "write_recipe"]
