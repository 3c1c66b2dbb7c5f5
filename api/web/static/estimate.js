// How long the picture would take, when it would start, and whether it fits.

import { postJson, Problem } from "./http.js";
import { say } from "./problems.js";
import { duration } from "./words.js";

const place = document.getElementById("estimate");
const largest = document.getElementById("largest");
const PAUSE_MILLISECONDS = 400; // after the last change
const AGAIN_MILLISECONDS = 60_000; // workers and the queue change, too, and estimates count as requests
const NOTHING_YET = ["", "Choose a photo and a painting to see how long it takes."];

let timer = 0;
let asked = null; // aborts the request in flight
let marks = false; // whether fields are marked as wrong

function show([strong, rest], edge = null) {
  say(place.querySelector("strong"), strong);
  say(place.querySelector(".quiet"), rest);
  const fitting = [...document.querySelectorAll("[name=max_edge]")].filter((size) => Number(size.value) <= edge);
  const size = edge && fitting.at(-1);
  say(largest, size ? `Use ${size.value} px` : "");
  largest.onclick = () => size.click();
}

function start({ queue }) {
  if (queue.reason === "queue_paused") return "waits until the workers take jobs again";
  if (queue.starts_in_s === null) return queue.ahead ? `${queue.ahead} before it` : "next in line";
  return queue.starts_in_s < 1 ? "starts at once" : `starts in about ${duration(queue.starts_in_s)}`;
}

function span(low, high) {
  const [fast, slow] = [duration(low), duration(high)];
  if (fast !== slow) return `${fast} to ${slow}`;
  return low < 10 ? "A few seconds" : `About ${fast}`;
}

/** Words for an estimate: the main one, and the rest. */
export function words(estimate) {
  const { fits, largest_max_edge: edge, need_mb: need, workers } = estimate;
  const size = `${estimate.width} × ${estimate.height} px`;
  if (!workers.length) return ["No worker is running", "The picture waits until one is started: impasto worker."];
  if (!fits) {
    const limit = edge ? `the largest that fits is ${edge} px` : "no size fits";
    return ["Does not fit", `${size} needs ${(need / 1000).toFixed(1)} GB of memory; ${limit}.`];
  }
  const seconds = workers.filter((worker) => worker.fits && worker.seconds !== null).map((worker) => worker.seconds);
  const rest = `${start(estimate)} · ${size}, fits`;
  if (!seconds.length) return ["Time not known yet", `the first one of its kind is measured · ${rest}`];
  return [span(Math.min(...seconds), Math.max(...seconds)), rest];
}

async function ask(read, wrong) {
  timer = setTimeout(ask, AGAIN_MILLISECONDS, read, wrong);
  if (document.hidden || !place.offsetParent) return; // nobody sees it
  const request = asked = new AbortController();
  try {
    const body = await read();
    if (asked !== request) return;
    if (body === null) return show(NOTHING_YET);
    const estimate = await postJson("/v1/estimates", body, { signal: request.signal });
    show(words(estimate), estimate.largest_max_edge);
    if (marks) wrong([]);
    marks = false;
  } catch (error) {
    if (asked !== request || error.name === "AbortError") return;
    if (!(error instanceof Problem)) throw error;
    const { errors, code } = error.problem;
    marks ||= errors?.length > 0;
    if (errors?.length) wrong(errors);
    if (code === "rate-limited") show(["", "Too many requests for now: how long it takes is shown again within a minute."]);
    else show(["", code === "unreachable" ? error.message : ""]);
  }
}

/** Estimate anew soon: `read` gives the body or null, `wrong` takes errors of fields. */
export function refresh(read, wrong) {
  clearTimeout(timer);
  asked?.abort();
  timer = setTimeout(ask, PAUSE_MILLISECONDS, read, wrong);
}
