// The form: wells for a photo and for paintings, a few controls, submit.

import * as estimate from "./estimate.js";
import { create, getFile, newKey, Problem } from "./http.js";
import * as problems from "./problems.js";
import { Well } from "./wells.js";

const form = document.getElementById("create");
const box = document.getElementById("create-problem");
const button = document.getElementById("submit");
const more = document.getElementById("add-style");
const list = document.getElementById("styles");
const MAX_STYLES = 8;

let photo = null;
let styles = [];
let pending = null; // body and key of a submission that has no answer yet

const share = (well) => well.box.querySelector(".share");
const weight = (well) => Number(share(well).querySelector("input").value) / 10;

function addStyle(box) {
  const well = new Well(box, pictureChanged);
  styles.push(well);
  share(well).addEventListener("input", drawStyles);
  well.box.querySelector(".remove").addEventListener("click", () => { if (styles.length > 1) drop(well); });
  drawStyles();
  return well;
}

function drop(well) {
  styles = styles.filter((other) => other !== well);
  well.box.remove();
  drawStyles();
  styles.at(-1).input.focus();
}

function drawStyles() {
  const filled = styles.filter((well) => well.filled);
  const total = filled.reduce((sum, well) => sum + weight(well), 0);
  const several = styles.length > 1;
  list.classList.toggle("several", several);
  for (const well of styles) {
    if (well.filled) well.box.dataset.field = `/styles/${filled.indexOf(well)}`;
    else delete well.box.dataset.field; // no error of the server is about it
    share(well).hidden = !several || !well.filled;
    const percent = `${Math.round((100 * weight(well)) / total)} %`;
    share(well).querySelector("output").textContent = percent;
    share(well).querySelector("input").setAttribute("aria-label", `Share of ${well.title}`);
    share(well).querySelector("input").setAttribute("aria-valuetext", percent);
    well.box.querySelector(".remove").hidden = !several && !well.filled;
  }
  more.hidden = filled.length < styles.length || styles.length >= MAX_STYLES;
}

function pictureChanged() {
  problems.hideIfMended(box, form);
  drawStyles();
  refresh();
}

/** The well that a picture goes to if nobody says which. */
function nextWell() {
  return [photo, ...styles].find((well) => !well.filled) ?? styles.at(-1);
}

function onDrop(event) {
  event.preventDefault(); // the file must not replace the page
  const [file] = event.dataTransfer?.files ?? [];
  if (event.type !== "drop" || !file || form.hidden) return;
  const well = [photo, ...styles].find(({ box }) => box.contains(event.target));
  (well ?? nextWell()).choose(file);
}

function onPaste(event) {
  const [file] = event.clipboardData.files;
  if (!file || form.hidden) return;
  const focused = [photo, ...styles].find(({ box }) => box.contains(document.activeElement));
  (focused ?? nextWell()).choose(file);
}

async function trySample({ dataset, title }) {
  const well = dataset.role === "content" ? photo : styles.find((style) => !style.filled) ?? styles.at(-1);
  try {
    await well.choose(await getFile(dataset.sample, `${title}.jpg`));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    problems.show(box, error.problem);
  }
}

// A slider in the middle is the default; its steps are those of a logarithm.
const scaled = ({ dataset, value }) =>
  Number((dataset.balanced * 10 ** (value / dataset.steps)).toPrecision(3));

function nameSlider(slider) {
  const words = slider.dataset.words.split("|");
  const share = (slider.value - slider.min) / (slider.max - slider.min);
  const word = words[Math.round(share * (words.length - 1))];
  slider.parentElement.querySelector("output").textContent = word;
  slider.setAttribute("aria-valuetext", word);
}

function valueOf(control) {
  if (control.type === "range") return scaled(control);
  if (control.type === "number" || control.name === "max_edge") return Number(control.value);
  return control.name === "seamless" ? control.value === "true" : control.value;
}

/** Parameters by name: each control of the form is named like its parameter. */
function parameters() {
  const controls = [...form.elements].filter(
    ({ name, type, checked, value }) => name && name !== "name" && value !== "" && (type !== "radio" || checked),
  );
  return Object.fromEntries(controls.map((control) => [control.name, valueOf(control)]));
}

const defaultName = (paintings) => `${photo.title} in the style of ${paintings.map(({ title }) => title).join(" and ")}`;

/** Body of a submission, once all pictures are with the server; throws a Problem. */
async function readBody() {
  const paintings = styles.filter((well) => well.filled);
  const [content, ...images] = await Promise.all([photo, ...paintings].map((well) => well.asset()));
  return JSON.stringify({
    content: { asset_id: content },
    styles: images.map((id, i) => ({ image: { asset_id: id }, weight: weight(paintings[i]) })),
    params: parameters(),
    name: (form.elements.name.value || defaultName(paintings)).slice(0, 200),
  });
}

const complete = () => photo.filled && styles.some((well) => well.filled);

function refresh() {
  const read = async () => (complete() ? readBody() : null);
  estimate.refresh(read, (errors) => problems.markFields(form, errors));
}

function complainOfMissing() {
  if (!photo.filled) photo.complain("Choose a photo");
  if (!styles.some((well) => well.filled)) styles[0].complain("Choose a painting");
  problems.focusFirst(form);
}

async function submit(event, submitted) {
  event.preventDefault();
  problems.show(box, null, form);
  if (!complete()) return complainOfMissing();
  button.disabled = true;
  button.textContent = "Sending…";
  try {
    const body = await readBody();
    // The same content has the same key, however often it is sent: it makes one job.
    if (pending?.body !== body) pending = { body, key: newKey() };
    const job = await create("/v1/jobs", body, pending.key);
    pending = null;
    submitted(job);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    problems.show(box, error.problem, form);
  } finally {
    button.disabled = false;
    button.textContent = "Paint it";
  }
}

function changed({ target }) {
  problems.mend(box, form, target);
  if (target.dataset.words) nameSlider(target);
  if (target.type !== "file") refresh();
}

/** Ask anew how long it takes: the queue may be another than when it was last shown. */
export const shown = () => refresh();

/** Forget what was chosen: another person may come. */
export function clear() {
  for (const well of [photo, ...styles]) well.empty();
  styles.slice(1).forEach(drop);
  form.reset();
  form.querySelectorAll("[data-words]").forEach(nameSlider);
  problems.show(box, null, form);
  pending = null;
  drawStyles();
}

/** Bring the form to life; `submitted` gets each new job. */
export function start(submitted) {
  photo = new Well(form.querySelector("[data-well=content]"), pictureChanged);
  addStyle(list.querySelector("[data-well=style]"));
  more.addEventListener("click", () => {
    const copy = document.getElementById("style-well").content.cloneNode(true);
    list.append(copy);
    addStyle(list.lastElementChild).input.focus();
  });
  for (const sample of form.querySelectorAll("[data-sample]")) sample.addEventListener("click", () => trySample(sample));
  document.addEventListener("paste", onPaste);
  for (const kind of ["dragover", "drop"]) window.addEventListener(kind, onDrop);
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => submit(event, submitted));
  form.querySelectorAll("[data-words]").forEach(nameSlider);
}
