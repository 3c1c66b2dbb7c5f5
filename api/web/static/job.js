// One job, live: polls it until it has ended, while the page is visible.

import { getJson, getPicture, post, Problem } from "./http.js";
import * as problems from "./problems.js";
import * as stage from "./stage.js";
import {
  ended, ending, figures, may, remaining, shows, stateWord, whereabouts,
} from "./words.js";

const at = (id) => document.getElementById(id);
const box = at("job-problem");
const POLL_MILLISECONDS = 1000;
const SLOWEST_POLL_MILLISECONDS = 10_000;
const ANNOUNCE_MILLISECONDS = 10_000;
const ACTIONS = ["finish", "pause", "resume", "cancel"]; // each a button

let current = null; // id of the job on the page
let live = false; // worth polling again
let timer = 0;
let pause = POLL_MILLISECONDS;
let announced = { at: 0, state: "" };

function announce(job) {
  const now = Date.now();
  if (job.state === announced.state && now - announced.at < ANNOUNCE_MILLISECONDS) return;
  announced = { at: now, state: job.state };
  at("announcer").textContent = [whereabouts(job), remaining(job)].filter(Boolean).join(", ");
}

function title(job) {
  const percent = Math.floor((job.progress?.fraction ?? 0) * 100);
  const word = job.state === "running" ? `${percent} %` : stateWord(job.state);
  document.title = `${word} · Impasto`;
}

function colors(color) {
  return color === "style" ? "of the painting" : color && `of the photo (${color})`;
}

function recipe(params, job) {
  const rows = {
    Size: job.outputs[0] ? `${job.outputs[0].width} × ${job.outputs[0].height} px` : `${params.max_edge} px`,
    Quality: params.quality,
    "Style weight": params.style_weight,
    Layers: job.kind === "explore" && params.layers.join(", "),
    Colors: colors(params.color),
    Photo: params.content_loss,
    Strokes: params.style_loss,
    Optimizer: params.optimizer,
    Start: params.init === "noise" ? `noise, seed ${params.seed}` : params.init,
    Device: job.worker?.name ?? job.worker?.device,
  };
  at("recipe").replaceChildren(
    ...Object.entries(rows).filter(([, value]) => value).map(([name, value]) => {
      const row = document.createElement("div");
      const [term, text] = [document.createElement("dt"), document.createElement("dd")];
      [term.textContent, text.textContent] = [name, value];
      row.append(term, text);
      return row;
    }),
  );
}

async function finish(job) {
  const link = at("download");
  if (link.href) return; // there already
  const address = await getPicture(job.urls.result);
  if (job.id !== current) return URL.revokeObjectURL(address);
  link.href = address; // the stage shows it too; leave() ends both
  link.download = `impasto-${job.name || job.id}.${ending(job.outputs[0])}`;
  link.hidden = false;
  if (shows(job.outputs[0])) await stage.lay(address, "result", job.name || "The finished picture");
  else if (job.preview) await stage.show(job.preview.url, "result", "The picture shortly before its end");
  if (job.urls.content && job.id === current) await stage.compareWith(job.urls.content);
}

async function pictures(job) {
  const frame = job.outputs[0] ?? job.preview;
  if (frame) stage.shape(frame.width, frame.height);
  if (job.outputs.length) await finish(job);
  else if (job.preview) await stage.show(job.preview.url, job.preview.iteration, "The picture so far");
  else if (job.urls.content) await stage.promise(job.urls.content);
}

async function draw(job) {
  at("job-title").textContent = job.name || "Your picture";
  at("job-state").textContent = stateWord(job.state);
  at("job-state").dataset.state = job.state;
  at("meter").hidden = ended(job);
  at("meter-word").textContent = whereabouts(job);
  at("meter-left").textContent = remaining(job);
  at("bar").value = job.progress?.fraction ?? 0;
  at("numbers").textContent = figures(job);
  for (const action of ACTIONS) at(action).hidden = !may(job, action) || (action === "finish" && job.finish_requested);
  at("caption").textContent = job.preview || job.outputs.length || ended(job)
    ? "" : "The photo waits here; the picture grows over it once painting starts.";
  recipe(job.params, job);
  problems.show(box, job.error && ended(job) ? { detail: job.error.message, hint: job.error.hint } : null);
  title(job);
  announce(job);
  document.dispatchEvent(new CustomEvent("impasto:polled", { detail: job }));
  await pictures(job);
}

async function poll() {
  const id = current;
  try {
    const job = await getJson(`/v1/jobs/${encodeURIComponent(id)}`);
    if (id !== current) return;
    await draw(job);
    pause = POLL_MILLISECONDS;
    if (ended(job)) {
      live = false;
      document.dispatchEvent(new CustomEvent("impasto:ended"));
      return;
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (id !== current) return;
    problems.show(box, error.problem);
    if (["not-found", "unauthenticated", "forbidden"].includes(error.problem.code)) live = false;
    pause = Math.min(pause * 2, SLOWEST_POLL_MILLISECONDS);
  }
  again();
}

function again() {
  clearTimeout(timer);
  if (live && !document.hidden) timer = setTimeout(poll, pause);
}

async function requestAction(action) {
  at(action).disabled = true;
  try {
    await draw(await post(`/v1/jobs/${current}/${action}`));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    problems.show(box, error.problem);
  } finally {
    at(action).disabled = false;
  }
}

/** Put a job on the page and follow it. */
export function follow(id) {
  leave();
  current = id;
  live = true;
  at("job").hidden = false;
  at("meter").hidden = true;
  poll();
}

/** Stop following. */
export function leave() {
  current = null;
  live = false;
  clearTimeout(timer);
  stage.clear();
  announced = { at: 0, state: "" };
  for (const id of ["job", "download", ...ACTIONS]) at(id).hidden = true;
  if (at("download").href) URL.revokeObjectURL(at("download").href);
  at("download").removeAttribute("href");
  problems.show(box, null);
  document.title = "Impasto";
}

export function start() {
  for (const action of ACTIONS) at(action).addEventListener("click", () => requestAction(action));
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (live && !document.hidden) poll();
  });
}
