"""The OpenAPI document as people read it at /docs: topics, operations, models."""

from api.reference.curls import beginning
from api.reference.models import Model, models_of
from api.reference.operations import Operation, Topic, topics_of
from api.reference.prose import prose

__all__ = [
    "Model",
    "Operation",
    "Topic",
    "beginning",
    "models_of",
    "prose",
    "topics_of",
]
