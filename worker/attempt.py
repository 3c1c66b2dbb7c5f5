"""One attempt at one style job: from the stored pictures to the stored result.

The only place where the engine meets the life of a job. It obeys the lease between
two iterations, and leaves the moving of the row to the runner.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import structlog
from PIL import Image

from shared import images, jobs
from shared.errors import DatabaseUnavailable, FencedOut, StorageError
from shared.states import Completion
from worker import checkpoints
from worker.checkpoints import Origin, checkpoint_key, read_verified
from worker.course import Course
from worker.device import versions
from worker.engine.pixels import to_picture, to_tensor
from worker.engine.sources import Sources, Style
from worker.engine.transfer import stylize
from worker.lease import Order
from worker.masks import mask_tensor
from worker.pace import Pace
from worker.previews import keep_preview
from worker.progress import Meter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from shared.jobs import Claim
    from worker.checkpoints import Resumption
    from worker.course import Segments
    from worker.engine.transfer import Iterate, Snapshot
    from worker.lease import Lease
    from worker.tools import Tools

log = structlog.get_logger(__name__)


MASKS = ("mask", "region")  # roles of pictures that say where, not what


class Attempt:
    """A claimed job on its way to a picture.

    Args:
        tools: What this worker process has.
        claim: The job.
        lease: Its life line; must be beating.
    """

    def __init__(self, tools: Tools, claim: Claim, lease: Lease) -> None:
        self._tools, self._claim, self._lease = tools, claim, lease
        self._meter = Meter()
        self._previews = Pace(tools.settings.preview_seconds, at_once=True)
        self._checkpoints = Pace(tools.settings.checkpoint_seconds, at_once=False)
        self._kept = 0  # iteration of the newest checkpoint

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
        self._lease.touch()
        origin = self._origin(weights_digest)
        resumption = self._resumption(origin)
        here = None if resumption is None else resumption.snapshot
        if resumption is not None:
            self._kept = resumption.snapshot.iteration
            origin = replace(origin, inexact=resumption.inexact)
        sources = self._sources()

        def begin(here: Snapshot | None, segments: Segments) -> Iterator[Iterate]:
            params = self._claim.params
            return stylize(sources, params, network, resume=here, segments=segments)

        course = Course(begin, partial(self._attend, origin=origin), self._steer)
        order = Order.FINISH
        if here is None or self._lease.order() is not Order.FINISH:
            here, order = course.follow(here, self._claim.segments)
        if order.lets_go:
            return order
        if here is None:
            raise RuntimeError("a schedule without iterations passed validation")
        return self._end(here, order, origin)

    def _steer(self, iteration: int) -> Segments | None:
        self._lease.steered()  # the next heartbeat tells if there is more
        try:
            segments = jobs.begin_segments(self._tools.db, self._claim, iteration)
        except DatabaseUnavailable as error:
            log.warning("steering_delayed", error=str(error))
            return None
        log.info("job_steered", iteration=iteration)
        return segments

    def _end(self, here: Snapshot, order: Order, origin: Origin) -> jobs.Result | Order:
        """Keep where it ended, for whoever wants to go on from it, and the picture."""
        if here.iteration != self._kept:
            self._keep_checkpoint(here, origin)
        saved = self._save(here.image, origin)
        if isinstance(saved, Order):
            return saved
        early = order is Order.FINISH
        completion = Completion.EARLY if early else Completion.FULL
        return replace(saved, iterations=here.iteration, completion=completion)

    def _resumption(self, origin: Origin) -> Resumption | None:
        """Find where to go on, and put the table right if that is not the newest."""
        claim = self._claim
        found = checkpoints.resume(self._tools.storage, claim, origin)
        iteration = 0 if found is None else found.snapshot.iteration
        if claim.checkpoints and iteration != claim.checkpoints[0].iteration:
            for key in jobs.fell_back(self._tools.db, claim, iteration):
                self._delete(key)
        if found is not None:
            log.info("job_resumed", iteration=iteration, inexact=found.inexact)
        self._lease.touch()
        return found

    def _sources(self) -> Sources:
        """All pictures of the job, no larger than the largest scale needs them."""
        images = {
            role: {
                position: self._picture(
                    read_verified(self._tools.storage, blob), self._edge(role)
                )
                for position, blob in blobs.items()
            }
            for role, blobs in self._claim.inputs.items()
            if role not in MASKS
        }
        masks = {role: self._masks(role) for role in MASKS}
        styles = tuple(
            Style(image, masks["mask"].get(position), masks["region"].get(position))
            for position, image in sorted(images["style"].items())
        )
        return Sources(
            images["content"][0], styles, images.get("init_image", {}).get(0)
        )

    def _masks(self, role: str) -> dict[int, Tensor]:
        device, storage = self._tools.device.torch_device, self._tools.storage
        edge = self._edge("style" if role == "region" else "content")
        return {
            position: mask_tensor(read_verified(storage, blob), edge, device)
            for position, blob in self._claim.inputs.get(role, {}).items()
        }

    def _edge(self, role: str) -> int:
        """The long side, px, above which no scale needs the pixels of a picture."""
        params = self._claim.params
        larger = max(1.0, params.style_scale) if role == "style" else 1.0
        return round(params.max_edge * larger)

    def _picture(self, data: bytes, edge: int) -> Tensor:
        self._lease.touch()
        picture = images.decode(data)
        picture.thumbnail((edge, edge), Image.Resampling.LANCZOS)
        return to_tensor(picture, self._tools.device.torch_device)

    def _origin(self, weights_digest: str) -> Origin:
        pictures = checkpoints.digests(self._claim.inputs)
        device = self._tools.device
        maker = {"device": f"{device.device_class} {device.name}", **versions()}
        return Origin(
            inputs={**pictures, "weights": weights_digest},
            maker={**maker, "threads": str(self._tools.threads)},
            inexact=checkpoints.inexact_by(self._claim),
        )

    def _attend(self, iterate: Iterate, origin: Origin) -> Order:
        """Between two iterations: tell, obey, keep."""
        self._lease.report(iterate.iteration, self._meter.progress(iterate))
        order = self._lease.order()
        if order.keeps or (order is Order.GO_ON and self._wants_checkpoint(iterate)):
            self._keep_checkpoint(iterate.snapshot(), origin)
            self._lease.touch()
        if order is Order.GO_ON and self._previews.is_due():
            with self._previews.measured():
                keep_preview(self._tools.db, self._tools.storage, self._claim, iterate)
        return order

    def _wants_checkpoint(self, iterate: Iterate) -> bool:
        kept = jobs.is_kept(self._claim.keep_every, iterate.iteration)
        return kept or self._checkpoints.is_due() or self._ends_scale(iterate)

    def _ends_scale(self, iterate: Iterate) -> bool:
        """Whether the next scale comes, which may not fit or take much longer."""
        _, iterations = self._claim.params.stages[iterate.scale]
        return (
            iterate.scale_iteration == iterations
            and iterate.iteration < self._claim.params.iterations
        )

    def _keep_checkpoint(self, here: Snapshot, origin: Origin) -> None:
        """Store a checkpoint; a failure costs only what it would have saved."""
        db, storage, claim = self._tools.db, self._tools.storage, self._claim
        with self._checkpoints.measured():
            data = checkpoints.dump(here, origin)
            key = checkpoint_key(claim.job_id, claim.fence, here.iteration)
            try:
                storage.put(key, data)
                blob, version = _written(key, data), checkpoints.FORMAT_VERSION
                old = jobs.checkpointed(db, claim, here.iteration, blob, version)
            except FencedOut:
                self._delete(key)
                raise
            except (StorageError, DatabaseUnavailable) as error:
                self._warn("checkpoint_skipped", str(error))
                return
            self._kept = here.iteration
            for each in old:
                self._delete(each)

    def _delete(self, key: str) -> None:
        """Free the room of a blob that no row names any more."""
        try:
            self._tools.storage.delete(key)
        except StorageError as error:
            log.warning("blob_left_behind", key=key, error=str(error))

    def _warn(self, code: str, message: str) -> None:
        log.warning(code, error=message)
        try:
            jobs.warn(self._tools.db, self._claim, code, message)
        except DatabaseUnavailable as error:
            log.warning("warning_lost", error=str(error))

    def _save(self, image: Tensor, origin: Origin) -> jobs.Result | Order:
        """Store the result, waiting for room or for the storage to come back."""
        picture = to_picture(image)
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        data = buffer.getvalue()
        key = f"results/{self._claim.job_id}/{self._claim.fence}.png"
        order = self._put_patiently(key, data)
        if order.lets_go:
            return order
        return jobs.Result(
            blob=_written(key, data),
            width=picture.width,
            height=picture.height,
            exact=not origin.inexact,
            exact_reason=origin.inexact or None,
        )

    def _put_patiently(self, key: str, data: bytes) -> Order:
        settings, waited = self._tools.settings, 0.0
        while True:
            try:
                self._tools.storage.put(key, data)
            except StorageError as error:
                if waited >= settings.save_patience_seconds:
                    raise
                self._warn("result_not_stored_yet", str(error))
            else:
                return Order.GO_ON
            order = self._lease.wait(settings.save_retry_seconds)
            if order.lets_go:
                return order
            waited += settings.save_retry_seconds


def _written(key: str, data: bytes) -> jobs.Written:
    return jobs.Written(key, hashlib.sha256(data).hexdigest(), len(data))
