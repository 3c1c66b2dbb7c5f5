// The big picture: cross-fades while it develops, compares with the photo at the end.

import { getPicture } from "./http.js";

const stage = document.getElementById("stage");
const compare = document.getElementById("compare");
const FADE_MILLISECONDS = 500;

let shown = null; // the key of the picture on the stage
let generation = 0; // grows when another job takes the stage

function put(className, url, alt) {
  const image = new Image();
  image.className = className;
  image.alt = alt;
  const ready = new Promise((resolve) => {
    image.onload = () => resolve(image);
    image.onerror = () => resolve(null);
  });
  image.src = url;
  return ready;
}

function drop(image, after) {
  setTimeout(() => {
    URL.revokeObjectURL(image.src);
    image.remove();
  }, after);
}

export function clear() {
  generation += 1;
  shown = null;
  for (const image of stage.querySelectorAll("img")) drop(image, 0);
  compare.hidden = true;
  stage.classList.remove("comparing");
  stage.style.removeProperty("--shape");
}

/** Keep the place for a picture of this size, so that nothing jumps. */
export function shape(width, height) {
  if (width && height) stage.style.setProperty("--shape", width / height);
}

/** Show the photo, faintly, until there is something to see. */
export async function promise(url) {
  if (shown !== null) return;
  shown = "promise";
  const started = generation;
  const image = await put("picture faint", await getPicture(url), "");
  if (started !== generation || !image || shown !== "promise") return;
  shape(image.naturalWidth, image.naturalHeight);
  stage.append(image);
}

/** Show the picture at `url` unless `key` says that it is there already. */
export async function show(url, key, alt) {
  if (shown === key) return;
  const started = generation;
  const address = await getPicture(url);
  if (started === generation) await lay(address, key, alt);
  else URL.revokeObjectURL(address);
}

/** Show a picture that is loaded already: the stage lets go of it when it leaves. */
export async function lay(address, key, alt) {
  const started = generation;
  const image = await put("picture", address, alt);
  if (started !== generation || !image) return;
  shown = key;
  const before = stage.querySelectorAll(".picture");
  stage.append(image);
  for (const old of before) drop(old, FADE_MILLISECONDS);
}

/** Lay the photo over the left part of the result. */
export async function compareWith(url) {
  const started = generation;
  const photo = await put("photo", await getPicture(url), "The photo, before");
  if (started !== generation || !photo || stage.querySelector(".photo")) return;
  stage.append(photo);
  stage.classList.add("comparing");
  compare.hidden = false;
  cut();
}

function cut() {
  stage.style.setProperty("--cut", `${compare.value}%`);
  compare.setAttribute("aria-valuetext", `${compare.value} % photo`);
}

compare.addEventListener("input", cut);
