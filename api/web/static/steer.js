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

/** Send a change; one that was made elsewhere meanwhile does not undo what is wanted. */
async function change(follower, wanted) {
  const patch = async () => follower.take(await patchJson(follower.url, wanted, follower.job.revision));
  try {
    await patch();
  } catch (error) {
    if (error.problem?.code !== "version-mismatch") throw error;
    await follower.refresh();
    await patch();
  }
}

async function send() {
  const [follower, started] = [live, timer]; // another job, or move, may come
  let problem = null;
  try {
    await change(follower, { style_weight: weight() });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    problem = error.problem;
  } finally {
    if (timer === started) timer = 0;
  }
  if (follower === live) failed(problem);
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
    timer = setTimeout(send, PAUSE_MILLISECONDS);
  });
}
