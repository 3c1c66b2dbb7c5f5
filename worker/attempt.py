"""One attempt at one style job: from the stored pictures to the stored result.

The only place where the engine meets the life of a job. It obeys the lease between
two iterations, and leaves the moving of the row to the runner.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

from shared import jobs
from worker.engine.pixels import to_picture
from worker.engine.sources import Sources, Style
from worker.engine.transfer import stylize
from worker.keeper import Keeper
from worker.lease import Order
from worker.pace import Pace
from worker.previews import keep_preview
from worker.progress import Meter

if TYPE_CHECKING:
    from torch import Tensor

    from shared.jobs import Claim
    from shared.params import StyleParams
    from worker.checkpoints import Origin
    from worker.engine.transfer import Iterate
    from worker.lease import Lease
    from worker.tools import Tools


class Attempt:
    """A claimed job on its way to a picture.

    Args:
        tools: What this worker process has.
        claim: The job.
        lease: Its life line; must be beating.
    """

    def __init__(self, tools: Tools, claim: Claim[StyleParams], lease: Lease) -> None:
        self._tools, self._claim, self._lease = tools, claim, lease
        self._keeper = Keeper(tools, claim, lease)
        self._meter = Meter()
        self._previews = Pace(tools.settings.preview_seconds, at_once=True)

    def run(self) -> jobs.Result | Order:
        """Optimize to the end, or until the lease says otherwise.

        Returns:
            The stored result; or the order that was obeyed, after a checkpoint where
            that makes sense.

        Raises:
            FencedOut: A newer claim owns the job.
            ImpastoError: The job cannot be done, or not now.
        """
        network, weights_digest = self._tools.networks.get(self._claim.params.network)
        origin = self._keeper.origin(weights_digest)
        resumption = self._keeper.resumption(origin)
        if resumption is not None:
            origin = replace(origin, inexact=resumption.inexact)
        iterates = stylize(
            self._sources(),
            self._claim.params,
            network,
            resume=None if resumption is None else resumption.snapshot,
            segments=self._claim.segments,
        )
        image = None if resumption is None else resumption.snapshot.image
        for iterate in iterates:
            image = iterate.image
            if (order := self._attend(iterate, origin)) is not Order.GO_ON:
                return order
        if image is None:
            raise RuntimeError("a schedule without iterations passed validation")
        return self._save(image, origin)

    def _sources(self) -> Sources:
        styles = self._pictures("style")
        return Sources(
            self._pictures("content")[0],
            tuple(Style(styles[position]) for position in sorted(styles)),
            self._pictures("init_image").get(0),
        )

    def _pictures(self, role: str) -> dict[int, Tensor]:
        blobs = self._claim.inputs.get(role, {})
        return {
            position: self._keeper.tensor(blob, self._edge(role))
            for position, blob in blobs.items()
        }

    def _edge(self, role: str) -> int:
        """The long side, px, above which no scale needs the pixels of a picture."""
        params = self._claim.params
        larger = max(1.0, params.style_scale) if role == "style" else 1.0
        return round(params.max_edge * larger)

    def _attend(self, iterate: Iterate, origin: Origin) -> Order:
        """Between two iterations: tell, obey, keep."""
        self._lease.report(iterate.iteration, self._meter.progress(iterate))
        order = self._lease.order()
        if self._keeper.wants_checkpoint(order):
            self._keeper.keep_checkpoint(iterate.snapshot(), origin)
        if order is Order.GO_ON and self._previews.is_due():
            with self._previews.measured():
                keep_preview(self._tools.db, self._tools.storage, self._claim, iterate)
        return order

    def _save(self, image: Tensor, origin: Origin) -> jobs.Result | Order:
        picture = to_picture(image)
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        written = self._keeper.save(".png", buffer.getvalue())
        if isinstance(written, Order):
            return written
        return jobs.Result(
            blob=written,
            width=picture.width,
            height=picture.height,
            exact=not origin.inexact,
            exact_reason=origin.inexact or None,
        )
