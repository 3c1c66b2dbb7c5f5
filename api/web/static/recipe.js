// The recipe of a job, as it was painted: with what was steered, and where it ended.

import { count, ended, finalSize, plannedIterations, steerings } from "./words.js";

const COLORS = {
  style: "of the painting", luminance: "of the photo",
  chroma: "of the photo, over colored strokes", histogram: "of the photo, loosely",
};
const STROKES = { gram: "vivid", wasserstein: "coherent", neighbors: "like to like" };
const OPTIMIZERS = { lbfgs: "L-BFGS", adam: "Adam", gd: "gradient descent" };

function size(job) {
  const [output] = job.outputs;
  if (output) return `${output.width} × ${output.height} px`;
  return job.progress?.scale.width ? finalSize(job) : job.params.max_edge && `${job.params.max_edge} px`;
}

function iterations(job) {
  if (job.kind !== "style") return "";
  const planned = count(plannedIterations(job));
  if (!job.progress || !ended(job)) return planned;
  return `${job.completion === "early" ? "ended early at " : ""}${count(job.progress.iteration)} of ${planned}`;
}

function styleWeight(job) {
  const begun = steerings(job).filter(({ changes }) => changes.style_weight !== undefined);
  const parts = begun.map(({ changes, from }) =>
    from === null ? `${changes.style_weight} from the next iteration` : `${changes.style_weight} from iteration ${from}`);
  return [job.params.style_weight, ...parts].join(", ");
}

/** Show the recipe in a definition list. */
export function draw(list, job) {
  const { params } = job;
  const rows = {
    Size: size(job),
    Iterations: iterations(job),
    Quality: params.quality,
    "Style weight": job.kind === "style" && styleWeight(job),
    Layers: job.kind === "explore" && params.layers.join(", "),
    Colors: COLORS[params.color],
    Photo: params.content_loss === "relations" ? "like stays like" : "",
    Strokes: STROKES[params.style_loss],
    Optimizer: OPTIMIZERS[params.optimizer],
    Start: params.init === "noise" ? `noise, seed ${params.seed}` : "",
    Device: job.worker?.name ?? job.worker?.device,
  };
  list.replaceChildren(...Object.entries(rows).filter(([, value]) => value).map(([name, value]) => {
    const row = document.createElement("div");
    const [term, text] = [document.createElement("dt"), document.createElement("dd")];
    [term.textContent, text.textContent] = [name, value];
    row.append(term, text);
    return row;
  }));
}
