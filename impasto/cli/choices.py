"""Allowed values of options, for the help and for completion by the shell.

A test compares them with the server's values.
"""

from __future__ import annotations

from typing import Literal

JobState = Literal[
    "active",  # all states in which a job has not ended
    "queued",
    "running",
    "pausing",
    "paused",
    "canceling",
    "succeeded",
    "failed",
    "canceled",
    "expired",
]
Quality = Literal["draft", "standard", "fine"]
Optimizer = Literal["lbfgs", "adam", "gd"]
Init = Literal["content", "noise", "image"]
Network = Literal["vgg16", "vgg19"]
ContentLoss = Literal["squared", "relations"]
StyleLoss = Literal["gram", "wasserstein", "neighbors"]
Pooling = Literal["max", "average"]
Color = Literal["style", "luminance", "chroma", "histogram"]
Format = Literal["png", "tiff", "jpeg", "webp"]
ColorProfile = Literal["srgb", "content"]
Priority = Literal["low", "normal", "high"]
Reuse = Literal["never", "finished", "finished_or_active"]
