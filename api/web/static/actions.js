// The buttons of a job: which there are, what they ask before, where the focus goes.

import { ask, dismiss } from "./ask.js";
import { create, newKey, patchJson, post, Problem } from "./http.js";
import { ended, finalSize, may, shownSize } from "./words.js";

const at = (id) => document.getElementById(id);
const row = at("job-actions");
const FEWER = 5; // the last size gets a fifth of its iterations
const FEWEST_ITERATIONS = 10;
const PARTNERS = { pause: "resume", resume: "pause", finish: "download" };

let live = null;
let opened = null;
let failed = null;
let busy = "";
let reachable = true;

const last = (job) => job.checkpoints.at(-1);
const isSmaller = (job) => job.progress && job.progress.scale.index < job.progress.scale.count - 1;

/** Which buttons a job has. */
function offered(job) {
  const grows = job.completion === "early" && isSmaller(job);
  return {
    download: job.outputs.length > 0,
    grow: grows && may(job, "fork") && job.checkpoints.length > 0,
    retry: may(job, "retry"),
    keep: ended(job) && !job.outputs.length && Boolean(job.preview),
    finish: may(job, "finish") && !job.finish_requested && !ended(job),
    pause: may(job, "pause") && job.state !== "pausing" && job.state !== "paused",
    resume: may(job, "resume") && ["pausing", "paused"].includes(job.state),
    cancel: may(job, "cancel") && !["canceling", "canceled"].includes(job.state),
  };
}

/** Show the buttons of a job; those of actions do nothing while there is no server. */
export function draw(job, isReachable) {
  reachable = isReachable;
  const focused = row.contains(document.activeElement) ? document.activeElement.id : "";
  for (const [name, isOffered] of Object.entries(offered(job))) at(name).hidden = !isOffered;
  for (const button of row.querySelectorAll("button")) {
    // Not `disabled`: that would take the focus away.
    button.setAttribute("aria-disabled", String(!reachable || busy !== ""));
  }
  at("finish").textContent = isSmaller(job) ? "Finish now…" : "Finish now";
  at("finish").title = `Stop here, and save the picture${shownSize(job) ? ` at ${shownSize(job)}` : ""}`;
  if (ended(job)) dismiss();
  if (focused && at(focused).hidden) keepFocus(focused);
}

function keepFocus(before) {
  const visible = [PARTNERS[before], "download", "resume", "retry"].filter(Boolean).map(at);
  (visible.find((element) => !element.hidden) ?? at("job-title")).focus();
}

async function finish() {
  const { job, url } = live; // while it asks, another job may come
  if (!isSmaller(job)) return post(`${url}/finish`);
  const [now, full] = [shownSize(job), finalSize(job)];
  const planned = job.current.iterations;
  const fewer = Math.max(FEWEST_ITERATIONS, Math.round(planned / FEWER));
  const choices = [["", "Keep painting"], ["now", `Save at ${now}`]];
  if (fewer < planned) choices.splice(1, 0, ["full", "Finish at full size", "primary"]);
  const text = `The picture has grown to ${now} so far. Its full size is about ${full}`
    + (fewer < planned ? `: to get there soon, the last size takes ${fewer} instead of ${planned} iterations.` : ".");
  const answer = await ask("Which size do you want?", text, choices);
  if (answer === "now") return post(`${url}/finish`);
  return answer === "full" ? patchJson(url, { iterations: fewer }, job.revision) : null;
}

async function cancel() {
  const { job, url } = live;
  const consequence = job.preview ? "The picture so far stays, and you can try again from there." : "You can try again later.";
  const choices = [["", "Keep painting"], ["cancel", "Cancel the picture", "danger"]];
  return (await ask("Cancel this picture?", consequence, choices)) ? post(`${url}/cancel`) : null;
}

async function child(path, body) {
  opened((await create(`${live.url}/${path}`, JSON.stringify(body), newKey())).id);
}

const ACTIONS = {
  finish,
  cancel,
  pause: () => post(`${live.url}/pause`),
  resume: () => post(`${live.url}/resume`),
  retry: () => child("retry", {}),
  grow: () => child("fork", { from: { iteration: last(live.job).iteration } }),
};

async function perform(name) {
  if (busy || !reachable) return;
  const follower = live;
  busy = name;
  try {
    failed(null);
    const job = await ACTIONS[name]();
    if (follower === live) busy = "";
    if (job) follower.take(job);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (follower === live) failed(error.problem);
  } finally {
    if (follower === live) {
      busy = "";
      draw(live.job, reachable);
    }
  }
}

/** Act on the job of `follower`, a Live; `onFailure` gets the problem of an action. */
export function attach(follower, onFailure) {
  [live, failed, busy] = [follower, onFailure, ""];
}

/** Bring the buttons to life; `onChild` gets the id of a job that continues this one. */
export function start(onChild) {
  opened = onChild;
  for (const name of Object.keys(ACTIONS)) at(name).addEventListener("click", () => perform(name));
}
