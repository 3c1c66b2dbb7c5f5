// One job: follows it live, and draws all that its screen shows.

import * as actions from "./actions.js";
import { dismiss } from "./ask.js";
import { getJson, Problem } from "./http.js";
import { Live } from "./live.js";
import * as problems from "./problems.js";
import * as recipe from "./recipe.js";
import * as stage from "./stage.js";
import * as steer from "./steer.js";
import * as timeline from "./timeline.js";
import {
  ended, figures, remaining, shows, stateWord, whereabouts,
} from "./words.js";

const at = (id) => document.getElementById(id);
const box = at("job-problem");
const ANNOUNCE_MILLISECONDS = 10_000;
const PICTURE_RETRY_MILLISECONDS = 2000;

let live = null; // follows the job on the page
let offline = null; // problem of a server that does not answer
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

/** Keep the place of the picture before anything is shown, so that nothing jumps. */
async function reserve(job) {
  const frame = job.outputs[0] ?? job.preview;
  if (frame) return stage.shape(frame.width, frame.height);
  if (!job.urls.content) return null;
  const photo = await getJson(job.urls.content.replace(/\/content$/, ""));
  return stage.shape(photo.width, photo.height);
}

async function finish(job) {
  at("download").href = job.urls.result;
  const { width, height } = job.outputs[0];
  at("download-size").textContent = width ? `${width} × ${height} px` : "";
  const [url, alt] = shows(job.outputs[0])
    ? [job.urls.result, job.name || "The finished picture"] : [job.preview?.url, "The picture as it ended"];
  const isShown = !url || await stage.show(url, "result", alt);
  if (isShown && job.urls.content && job.id === live?.job?.id) await stage.compareWith(job.urls.content);
}

async function pictures(job) {
  if (job.outputs.length) return finish(job);
  if (job.preview) {
    at("keep").href = job.preview.url;
    return stage.show(job.preview.url, job.preview.iteration, "The picture so far");
  }
  return job.urls.content && stage.promise(job.urls.content);
}

function drawWords(job) {
  at("job-title").textContent = job.name || "Your picture";
  at("job-state").textContent = stateWord(job.state);
  at("job-state").dataset.state = job.state;
  at("meter-word").textContent = whereabouts(job);
  at("meter-left").textContent = remaining(job);
  at("bar").value = job.progress?.fraction ?? 0;
  at("bar").classList.toggle("over", ended(job));
  at("numbers").textContent = figures(job);
  at("caption").hidden = Boolean(job.preview) || job.outputs.length > 0 || ended(job);
}

function draw(job) {
  at("job").classList.remove("loading");
  drawWords(job);
  drawControls(job);
  timeline.draw(job);
  recipe.draw(at("recipe"), job);
  if (ended(job) && job.error) problems.show(box, { detail: job.error.message, hint: job.error.hint });
  title(job);
  announce(job);
  document.dispatchEvent(new CustomEvent("impasto:job", { detail: job }));
}

function drawControls(job) {
  actions.draw(job, offline === null);
  steer.draw(job, offline === null);
}

function ignoreProblem(error) {
  if (!(error instanceof Problem)) throw error;
}

async function changed(follower, job) {
  if (at("job").classList.contains("loading")) await reserve(job).catch(ignoreProblem);
  if (follower !== live) return;
  draw(follower.job);
  try {
    await pictures(follower.job);
  } catch (error) {
    ignoreProblem(error);
    setTimeout(() => { // no event may follow that would bring it again
      if (follower === live) pictures(follower.job).catch(ignoreProblem);
    }, PICTURE_RETRY_MILLISECONDS);
  }
}

function reached(follower, problem) {
  if (follower !== live || offline === problem) return;
  offline = problem;
  at("offline").hidden = !problem;
  at("offline-text").textContent = problem ? `${problem.detail || problem.title} ${problem.hint ?? ""}` : "";
  if (follower.job) drawControls(follower.job);
}

function refused(problem) {
  leave();
  at("no-job").hidden = false;
  at("no-job-text").textContent = problem.code === "purged"
    ? "It was deleted, or kept no longer." : "The address may be mistyped, or the picture is somebody else’s.";
  document.title = "No such picture · Impasto";
}

/** Put a job on the page and follow it. */
export function follow(id) {
  leave();
  at("job").hidden = false; // keeps its place, unseen
  at("job").classList.add("loading");
  const follower = new Live(`/v1/jobs/${encodeURIComponent(id)}`, {
    changed: (job) => follower === live && changed(follower, job),
    reached: (problem) => reached(follower, problem),
    refused: (problem) => follower === live && refused(problem),
  });
  live = follower;
  const onFailure = (problem) => problems.show(box, problem);
  actions.attach(live, onFailure);
  steer.attach(live, onFailure);
}

/** Stop following. */
export function leave() {
  live?.stop();
  dismiss();
  [live, offline, announced] = [null, null, { at: 0, state: "" }];
  stage.clear();
  timeline.clear();
  for (const id of ["job", "no-job", "offline"]) at(id).hidden = true;
  at("download").removeAttribute("href");
  problems.show(box, null);
  document.title = "Impasto";
}

/** Bring the screen to life; `onChild` gets the id of a job that continues this one. */
export function start(onChild) {
  actions.start(onChild);
  steer.start();
  timeline.start();
}
