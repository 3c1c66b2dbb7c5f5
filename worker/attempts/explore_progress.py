"""What an attempt at an exploration tells about itself, and foretells."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from shared.forecast.pace_model import Step, look_costs, look_size
from shared.forecast.pace_store import Measured
from worker.attempts.progress import ITERATIONS_TO_TRUST

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.forecast.pace_model import Costs, Paces, Span
    from shared.params.explore import ExploreParams
    from worker.engine.activation_patches import Look

_MEGA = 1_000_000
_LEAST_LOOKS = 3  # that say something about others


class LookMeter:
    """Measures an attempt at an exploration, where every picture is one step.

    What explorations before it took stands in for its own pace until that has been
    seen; what is only assumed gives way to its first look.

    Args:
        params: Of the exploration.
        clock: Seconds that never go back.
    """

    def __init__(
        self, params: ExploreParams, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._params, self._clock = params, clock
        self._began = self._last = clock()
        self._expected: Costs | None = None
        self._is_measured = False  # what is expected, by explorations
        self._load_seconds = self._look_seconds = self._megapixels = 0.0
        self._looks = 0
        self.foretold: Span | None = None

    def expect(self, paces: Paces, seen: int) -> None:
        """Learn what explorations like this one took; the network is loaded by now.

        Args:
            paces: Of them on this worker, or of style jobs.
            seen: Pictures that an earlier attempt has looked at.
        """
        self._last = self._clock()
        self._load_seconds = self._last - self._began
        pictures = self._params.iterations
        self._expected = look_costs(paces, self._params.max_edge, pictures)
        self._is_measured = paces.is_own
        if self._expected is not None and paces.is_own:
            self.foretold = self._expected.total([pictures - seen])

    def preparing(self, seen: int) -> dict[str, Any]:
        """Describe an attempt before its first look, as `jobs.progress` stores it."""
        place = {"scale": 0, "scale_iteration": seen, "iteration": seen}
        return {"phase": "loading", **place, **self._foresight()}

    def progress(self, look: Look) -> dict[str, Any]:
        """Describe a look that has just ended, as `jobs.progress` stores it."""
        now = self._clock()
        self._look_seconds += now - self._last
        self._last = now
        self._looks += 1
        self._megapixels += look.width * look.height / _MEGA
        return {
            "phase": "looking",
            "scale": 0,
            "scale_iteration": look.pictures,
            "width": look.width,
            "height": look.height,
            "iteration": look.pictures,
            "losses": {},
            "seconds_per_mpx_iteration": self._look_seconds / self._megapixels,
            **self._foresight(),
        }

    def saved(self) -> list[Measured]:
        """All that was timed, to be learned from; the sheets have just been stored."""
        size = look_size(self._params.max_edge)
        seconds = self._clock() - self._last
        measured = [
            Measured(Step.LOAD, size, self._load_seconds),
            Measured(Step.SAVE, size * self._params.iterations, seconds),
        ]
        if self._looks >= _LEAST_LOOKS:
            mean = self._look_seconds / self._looks
            measured.append(Measured(Step.LOOK, size, mean))
        return measured

    @property
    def elapsed_seconds(self) -> float:
        """Since the claim."""
        return self._clock() - self._began

    def _foresight(self) -> dict[str, Any]:
        """What is expected of the rest by now."""
        told = {"elapsed_seconds": self._last - self._began, "updated_at": time.time()}
        expected, trust = self._expected, self._trust()
        if expected is not None:
            told["save_seconds"] = expected.save
            if trust < 1:
                told["deviation"] = expected.deviation * (1 - trust / 2)
            each = expected.scales[0].iteration
            if self._looks:
                each *= (self._look_seconds / self._looks / each) ** trust
        elif self._looks:
            each = self._look_seconds / self._looks
        else:
            return told
        return {**told, "scale_costs": [(each, 0.0)]}

    def _trust(self) -> float:
        """How much the own pace says, 0 to 1."""
        if self._looks and not self._is_measured:
            return 1.0
        return self._looks / (self._looks + ITERATIONS_TO_TRUST)
