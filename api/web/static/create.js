// The form: two wells for pictures, a few controls, submit.

import { post, Problem } from "./http.js";
import * as problems from "./problems.js";

const form = document.getElementById("create");
const box = document.getElementById("create-problem");
const button = document.getElementById("submit");
const strength = document.getElementById("strength");
const word = document.getElementById("strength-word");

const STEPS_PER_DECADE = 15; // of the slider: its ends are 4.6 times its middle
const WORDS = [[-6, "Very subtle"], [-2, "Subtle"], [2, "Balanced"], [6, "Bold"], [10, "Very bold"]];

const wells = [...document.querySelectorAll("[data-well]")];
const input = (well) => well.querySelector("input");

function show(well) {
  const [file] = input(well).files;
  const image = well.querySelector("img");
  if (image.src) URL.revokeObjectURL(image.src);
  image.hidden = true;
  well.classList.toggle("filled", Boolean(file));
  well.querySelector(".well-ask").hidden = Boolean(file);
  well.querySelector(".well-tag").hidden = !file;
  if (!file) return;
  well.querySelector(".well-file").textContent = file.name;
  image.onload = () => { image.hidden = false; };
  image.src = URL.createObjectURL(file); // a TIFF keeps only its name: browsers show none
}

function fill(well, file) {
  const carried = new DataTransfer();
  carried.items.add(file);
  input(well).files = carried.files;
  show(well);
}

const pictures = (transfer) => [...transfer.files].filter((file) => file.type.startsWith("image/"));

function listenTo(well) {
  input(well).addEventListener("change", () => show(well));
  well.addEventListener("dragover", (event) => {
    event.preventDefault();
    well.classList.add("over");
  });
  well.addEventListener("dragleave", () => well.classList.remove("over"));
  well.addEventListener("drop", (event) => {
    event.preventDefault();
    well.classList.remove("over");
    const [file] = pictures(event.dataTransfer);
    if (file) fill(well, file);
  });
}

function onPaste(event) {
  const [file] = pictures(event.clipboardData);
  if (!file || form.hidden) return;
  const focused = wells.find((well) => well.contains(document.activeElement));
  fill(focused ?? wells.find((well) => !input(well).files.length) ?? wells[0], file);
}

function nameStrength() {
  const [, text] = WORDS.find(([limit]) => Number(strength.value) <= limit);
  word.textContent = text;
  strength.setAttribute("aria-valuetext", text);
}

function styleWeight() {
  const factor = 10 ** (strength.value / STEPS_PER_DECADE);
  return Number((strength.dataset.balanced * factor).toPrecision(3));
}

const number = (text) => (text.trim() === "" ? 0 : Number(text));

function parameters(formData) {
  const params = {
    max_edge: Number(formData.get("max_edge")),
    quality: formData.get("quality"),
    style_weight: styleWeight(),
    tv_weight: number(formData.get("tv_weight")),
    seed: number(formData.get("seed")),
    init: formData.get("init"),
    color: formData.get("color"),
    content_loss: formData.get("content_loss"),
    style_loss: formData.get("style_loss"),
    early_stop: number(formData.get("early_stop")),
    seamless: formData.get("seamless") === "true",
  };
  if (formData.get("optimizer")) params.optimizer = formData.get("optimizer");
  return params;
}

async function submit(event, submitted) {
  event.preventDefault();
  const formData = new FormData(form);
  const body = new FormData();
  for (const name of ["content", "style"]) if (formData.get(name).size) body.set(name, formData.get(name));
  body.set("params", JSON.stringify(parameters(formData)));
  if (formData.get("name")) body.set("name", formData.get("name"));
  button.disabled = true;
  button.textContent = "Sending…";
  try {
    const job = await post("/v1/jobs", body);
    problems.show(box, null, form);
    submitted(job);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    problems.show(box, error.problem, form);
  } finally {
    button.disabled = false;
    button.textContent = "Paint it";
  }
}

/** Bring the form to life; `submitted` gets each new job. */
export function start(submitted) {
  wells.forEach(listenTo);
  document.addEventListener("paste", onPaste);
  // A picture dropped beside a well must not replace the page.
  for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());
  strength.addEventListener("input", nameStrength);
  form.addEventListener("submit", (event) => submit(event, submitted));
  wells.forEach(show); // browsers restore files after a reload
  nameStrength();
}
