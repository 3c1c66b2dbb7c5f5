// Numbers in plain words.

const STATES = {
  queued: "Waiting",
  running: "Painting",
  pausing: "Pausing",
  paused: "Paused",
  canceling: "Stopping",
  succeeded: "Finished",
  failed: "Failed",
  canceled: "Canceled",
  expired: "Expired",
};

const REASONS = {
  waiting_for_worker: "Waiting for its turn",
  recovering: "Its worker stopped; another goes on soon",
  backing_off: "An attempt failed; the next one follows",
  no_capable_worker_alive: "No worker that could do this is running",
};

const PHASES = { loading: "Loading", optimizing: "Painting", looking: "Looking", saving: "Saving" };

/** Whether there is a finished picture that every browser can show. */
export const shows = (output) => Boolean(output) && output.media_type !== "image/tiff";

export const stateWord = (state) => STATES[state] ?? state;
export const may = (job, action) => job.allowed_actions.includes(action);
export const ended = (job) => ["succeeded", "failed", "canceled", "expired"].includes(job.state);

export const when = (text) =>
  new Date(text).toLocaleString([], { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });

export function duration(seconds) {
  if (seconds < 10) return "a few seconds";
  const step = seconds < 60 ? 5 : seconds < 3600 ? 10 : 60;
  const rounded = Math.round(seconds / step) * step;
  if (rounded < 60) return `${rounded} s`;
  const minutes = Math.floor(rounded / 60);
  if (minutes < 60) return `${minutes} min ${rounded % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export const count = (number) => number.toLocaleString("en").replace(/,/g, "\u202f");

const CHANGED = { style_weight: "style weight", content_weight: "photo weight", tv_weight: "smoothness" };

/** Changes of parameters in mid-run: since which iteration (null: the next one), and in words. */
export function steerings(job) {
  const begun = job.segments.filter(({ from_iteration: from }) => from !== null || !ended(job));
  return begun.map(({ from_iteration: from, changes }) => ({
    from,
    changes,
    text: Object.entries(changes)
      .map(([name, value]) => (name === "styles" ? "shares of the paintings" : `${CHANGED[name] ?? name} ${value}`))
      .join(", "),
  }));
}

/** Number of iterations that are planned, over all sizes. */
export const plannedIterations = (job) =>
  job.progress?.iterations ?? job.params.schedule.reduce((sum, [, iterations]) => sum + iterations, 0);

/** Size that the picture has now, such as "128 × 96 px"; "" if it is not known. */
export function shownSize(job) {
  const { width, height } = job.progress?.scale ?? {};
  return width ? `${width} × ${height} px` : "";
}

/** Size that it has after the last scale, to a pixel or so. */
export function finalSize(job) {
  const { width, height } = job.progress.scale;
  const factor = job.params.schedule.at(-1)[0] / Math.max(width, height);
  return `${Math.round(width * factor)} × ${Math.round(height * factor)} px`;
}

/** One line on where a job is, or how it ended. */
export function whereabouts(job) {
  if (job.queue) return REASONS[job.queue.reason] ?? "Waiting";
  if (job.finish_requested && !ended(job)) return "Finishing";
  const { fraction = 0, phase, elapsed_s: elapsed } = job.progress ?? {};
  const percent = Math.floor(fraction * 100);
  if (job.state === "running") return `${PHASES[phase] ?? "Starting"} · ${percent} %`;
  if (job.state === "paused") return `Paused · ${percent} %`;
  if (job.completion === "early") return "Ended early";
  if (job.state === "succeeded") return elapsed ? `Painted in ${duration(elapsed)}` : "Finished";
  return stateWord(job.state);
}

/** How long still, or how many come before; of a job that has ended, when that was. */
export function remaining(job) {
  if (job.queue) {
    const { ahead, reason, starts_in_s: wait } = job.queue;
    if (reason === "no_capable_worker_alive") return "start one: impasto worker";
    const place = ahead === 0 ? "next in line" : `${ahead} ahead`;
    return wait >= 1 ? `${place}, starts in about ${duration(wait)}` : place;
  }
  if (ended(job)) return job.finished_at ? when(job.finished_at) : "";
  const seconds = job.progress?.eta_s;
  return job.state === "running" && seconds != null ? `about ${duration(seconds)} left` : "";
}

/** The figures for those who like them. */
export function figures(job) {
  const progress = job.progress;
  if (!progress || job.queue) return "";
  const { scale, iteration, iterations, it_per_s: speed } = progress;
  const parts = [`Iteration ${count(iteration)} of ${count(iterations)}`];
  if (scale.width && job.kind === "style") parts.push(`size ${scale.index + 1} of ${scale.count}: ${scale.width} × ${scale.height} px`);
  if (speed && job.state === "running") parts.push(`${speed.toPrecision(3)} iterations per second`);
  return parts.join(" · ");
}
