// The way of the picture: its loss, a slider over its frames, a mark where it was steered.

import { getJson, Problem } from "./http.js";
import * as curve from "./loss_curve.js";
import * as stage from "./stage.js";
import { count, ended, plannedIterations, steerings } from "./words.js";

const at = (id) => document.getElementById(id);
const scrubber = at("scrubber");
const LOAD_MILLISECONDS = 2000; // between two requests for the frames

let job = null;
let frames = [];
let points = [];
let pinned = null; // the frame that is shown; null: what is newest
let loaded = { at: 0, iteration: -1 };

/** Show the timeline of a job as it is now. */
export function draw(now) {
  job = now;
  at("timeline").hidden = job.kind !== "style";
  if (at("timeline").hidden) return;
  scrubber.max = Math.max(plannedIterations(job), job.progress?.iteration ?? 0);
  scrubber.disabled = frames.length === 0;
  addPoint(job.progress);
  if (loaded.iteration !== (job.preview?.iteration ?? 0)) load();
  drawFrames();
}

/** Forget the job. */
export function clear() {
  [job, frames, points, pinned] = [null, [], [], null];
  loaded = { at: 0, iteration: -1 };
  stage.unpin();
}

/** Load frames and losses that are stored by now, not more often than now and then. */
async function load() {
  if (Date.now() - loaded.at < LOAD_MILLISECONDS && job.finished_at === null) return;
  const id = job.id;
  loaded = { at: Date.now(), iteration: job.preview?.iteration ?? 0 };
  try {
    const [stored, metrics] = await Promise.all([getJson(job.urls.frames), getJson(job.urls.metrics)]);
    if (job?.id !== id) return;
    [frames, points] = [stored.data, metrics.data];
    draw(job);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (job?.id === id) loaded.iteration = -1;
  }
}

function addPoint(progress) {
  const { iteration, losses, scale } = progress ?? {};
  if (!losses?.total || iteration === points.at(-1)?.iteration) return;
  points = points.filter((point) => point.iteration < iteration); // later ones: before a crash
  points.push({ iteration, scale: scale.index, total: losses.total });
}

function drawFrames() {
  const total = Number(scrubber.max);
  const newest = job.progress?.iteration ?? 0;
  if (!scrubber.matches(":active")) scrubber.value = pinned?.iteration ?? newest;
  const place = `iteration ${count(pinned?.iteration ?? newest)} of ${count(total)}`;
  const word = pinned ? "As it was" : ended(job) ? "As it ended" : newest ? "As it is now" : "Not begun";
  scrubber.setAttribute("aria-valuetext", `${word}, ${place}`);
  at("frame-word").textContent = word;
  at("frame-place").textContent = place;
  at("newest").hidden = pinned === null;
  curve.draw(at("loss-curve"), points, total);
  at("marks").replaceChildren(...steerings(job).filter(({ from }) => from).map(({ from, text }) => {
    const mark = document.createElement("span");
    mark.style.left = `${(100 * from) / total}%`;
    mark.title = `${text} from iteration ${from} on`;
    return mark;
  }));
}

/** The frame that is nearest; by one step of an arrow key, the next one in its direction. */
function choose(iteration) {
  const before = pinned?.iteration ?? job.progress?.iteration ?? 0;
  const newest = frames.at(-1).iteration;
  if (iteration === before + 1) return frames.find((frame) => frame.iteration > before);
  if (iteration === before - 1) return frames.findLast((frame) => frame.iteration < before) ?? frames[0];
  if (iteration > newest) return undefined;
  const distance = (frame) => Math.abs(frame.iteration - iteration);
  return frames.reduce((best, frame) => (distance(frame) < distance(best) ? frame : best));
}

function show(frame) {
  const newest = frames.at(-1);
  pinned = frame && frame.iteration < newest.iteration ? frame : null;
  if (pinned) stage.pin(pinned.url, `The picture at iteration ${pinned.iteration}`);
  else stage.unpin();
  drawFrames();
}

export function start() {
  scrubber.addEventListener("input", () => show(choose(Number(scrubber.value))));
  scrubber.addEventListener("change", drawFrames);
  at("newest").addEventListener("click", () => {
    show(undefined);
    scrubber.focus();
  });
}
