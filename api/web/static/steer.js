// The slider that changes the strength of the style while the picture is painted.

import { patchJson, Problem } from "./http.js";
import { may, steerings } from "./words.js";

const at = (id) => document.getElementById(id);
const slider = at("steer");
const PAUSE_MILLISECONDS = 500; // of the keys or the hand, after which it is sent

let live = null;
let failed = null;
let timer = 0;

const { balanced, steps } = slider.dataset;
const weight = () => Number((balanced * 10 ** (slider.value / steps)).toPrecision(3));
const position = (value) => (value > 0 ? Math.round(steps * Math.log10(value / balanced)) : slider.min);

/** Show the weight that holds or will. */
export function draw(job, isReachable) {
  at("steering").hidden = job.kind !== "style" || !may(job, "steer");
  slider.disabled = !isReachable;
  if (timer || slider.matches(":active")) return; // it is being moved
  const current = job.current?.style_weight;
  if (current === undefined) return;
  slider.value = position(current);
  tell(current);
  const last = steerings(job).at(-1);
  at("steer-note").textContent = !last ? "As it began"
    : last.from === null ? "From the next iteration on" : `Since iteration ${last.from}`;
}

function tell(value) {
  at("steer-word").textContent = value;
  slider.setAttribute("aria-valuetext", `${value}, where ${Number(balanced)} is balanced`);
}

async function send() {
  const change = { style_weight: weight() };
  try {
    live.take(await patchJson(live.url, change, live.job.revision));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.problem.code !== "version-mismatch") return failed(error.problem);
    await live.refresh(); // it was changed elsewhere; what is wanted stays
    live.take(await patchJson(live.url, change, live.job.revision));
  } finally {
    timer = 0;
  }
}

async function sendSafely() {
  try {
    await send();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    failed(error.problem);
  }
}

/** Steer the job of `follower`, a Live; `onFailure` gets the problem of a change. */
export function attach(follower, onFailure) {
  clearTimeout(timer);
  [live, failed, timer] = [follower, onFailure, 0];
}

export function start() {
  slider.addEventListener("input", () => tell(weight()));
  slider.addEventListener("change", () => {
    clearTimeout(timer);
    timer = setTimeout(sendSafely, PAUSE_MILLISECONDS);
  });
}
