"""Things that happen at the same time."""

from __future__ import annotations

import threading


def both(*actions):
    """Do things at once; return what each gave or raised."""
    said, ready = [None] * len(actions), threading.Barrier(len(actions))

    def run(index, action):
        ready.wait()
        try:
            said[index] = action()
        except Exception as error:  # noqa: BLE001 - looked at by the test
            said[index] = error

    threads = [threading.Thread(target=run, args=each) for each in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said
