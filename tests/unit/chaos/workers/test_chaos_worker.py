"""A worker under chaos says that it runs on the host that it was given."""

from __future__ import annotations

from chaos.farm_settings import HOSTS
from tests.support.forked_process import run_program

SAYS_ITS_HOST = """
from chaos.workers import chaos_worker
from worker.app import _node_name
from worker.devices.device import select_device
chaos_worker.run_worker = lambda: print(
    _node_name("cpu"), select_device("cpu", 1, 3).uuid
)
chaos_worker.main()
"""


def test_every_name_of_a_worker_has_its_host(tmp_path):
    named = {"CHAOS_TRAPS": str(tmp_path), "CHAOS_SLOT": "3", "CHAOS_HOST": HOSTS[1]}

    said = run_program(SAYS_ITS_HOST, **named).stdout.split()

    assert len(said) == 2
    assert all(HOSTS[1] in name for name in said)
