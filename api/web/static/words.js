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

const ENDINGS = { "image/jpeg": "jpg", "image/webp": "webp", "image/tiff": "tiff" };

/** How the name of a finished picture's file ends. */
export const ending = (output) => ENDINGS[output.media_type] ?? "png";
/** Whether there is a finished picture that every browser can show. */
export const shows = (output) => Boolean(output) && output.media_type !== "image/tiff";

export const stateWord = (state) => STATES[state] ?? state;
export const may = (job, action) => job.allowed_actions.includes(action);
export const ended = (job) => ["succeeded", "failed", "canceled", "expired"].includes(job.state);

export function duration(seconds) {
  if (seconds < 10) return "a few seconds";
  if (seconds < 60) return `${Math.round(seconds / 5) * 5} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round((seconds % 60) / 10) * 10 % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** One line on where a job is. */
export function whereabouts(job) {
  if (job.queue) return REASONS[job.queue.reason] ?? "Waiting";
  if (job.finish_requested && !ended(job)) return "Finishing";
  const percent = Math.floor((job.progress?.fraction ?? 0) * 100);
  if (job.state === "running") return `${PHASES[job.progress?.phase] ?? "Starting"} · ${percent} %`;
  if (job.state === "paused") return `Paused · ${percent} %`;
  return stateWord(job.state);
}

/** How long still, or how many come before. */
export function remaining(job) {
  if (job.queue) {
    const { ahead, reason, starts_in_s: wait } = job.queue;
    if (reason === "no_capable_worker_alive") return "start one: impasto worker";
    const place = ahead === 0 ? "next in line" : `${ahead} ahead`;
    return wait >= 1 ? `${place}, starts in about ${duration(wait)}` : place;
  }
  const seconds = job.progress?.eta_s;
  return job.state === "running" && seconds != null ? `about ${duration(seconds)} left` : "";
}

/** The figures for those who like them. */
export function figures(job) {
  const progress = job.progress;
  if (!progress || ended(job)) return "";
  const { scale, losses } = progress;
  const parts = [
    `iteration ${progress.iteration} of ${progress.iterations}`,
    `size ${scale.index + 1} of ${scale.count}` + (scale.width ? ` (${scale.width} × ${scale.height})` : ""),
  ];
  if (progress.it_per_s) parts.push(`${progress.it_per_s.toPrecision(3)} it/s`);
  for (const [name, loss] of Object.entries(losses)) {
    if (loss != null) parts.push(`${name} ${loss.toPrecision(3)}`);
  }
  return parts.join("  ·  ");
}

export const when = (text) =>
  new Date(text).toLocaleString([], { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });
