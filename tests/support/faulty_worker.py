"""A worker process of the product with one thing wrong.

STRANGE says what: `deaf` stops listening to Redis, `hung` never comes back from an
iteration, `broken` has a device that fails for good.
"""

from __future__ import annotations

import os
import time
from dataclasses import asdict

import torch
from celery import signals

from tests.support import paced_worker
from worker import app
from worker.devices.device import DeviceInfo, select_device
from worker.devices.networks import NetworkCache
from worker.engine.vgg.network import Network

CALLS_UNTIL_TROUBLE = 20


class Troubled(Network):
    """A network on a device that stops working after some calls."""

    calls = 0

    def with_pooling(self, pooling):
        made = super().with_pooling(pooling)
        made.__class__ = type(self)
        return made

    def _run(self, image, names):
        Troubled.calls += 1
        if Troubled.calls > CALLS_UNTIL_TROUBLE:
            self.fail()
        return super()._run(image, names)


class Hung(Troubled):
    """Its kernels do not end."""

    def fail(self):
        time.sleep(3600)


class Broken(Troubled):
    """Its driver gives up, and the device with it."""

    def fail(self):
        raise torch.AcceleratorError("CUDA error: an illegal memory access", 700)


class Dead(DeviceInfo):
    """A device that computes nothing once its driver has given up."""

    @property
    def torch_device(self):
        is_dead = Troubled.calls > CALLS_UNTIL_TROUBLE
        return torch.device("meta" if is_dead else self.device_class)


def be_deaf(sender, **_):
    for name in list(sender.app.amqp.queues.consume_from):
        sender.cancel_task_queue(name)


def troubled(kind):
    """Have every network of this process be of this kind."""
    get = NetworkCache.get

    def get_troubled(self, name):
        network, digest = get(self, name)
        network.__class__ = kind
        return network, digest

    NetworkCache.get = get_troubled


def main():
    trouble = os.environ["STRANGE"]
    if trouble == "deaf":
        signals.worker_ready.connect(be_deaf, weak=False)
    if trouble == "hung":
        troubled(Hung)
    if trouble == "broken":
        troubled(Broken)
        app.select_device = lambda *place: Dead(**asdict(select_device(*place)))
    return paced_worker.main()
