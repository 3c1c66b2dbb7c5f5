// The big picture: cross-fades while it develops, compares with the photo at the end.

import { getPicture } from "./http.js";

const stage = document.getElementById("stage");
const compare = document.getElementById("compare");
const FADE_MILLISECONDS = 500;

let coming = null; // the key of the one that is being loaded
let shown = null; // the key of the picture on the stage
let pinned = null; // address of the picture of the past that is wanted
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
  [shown, coming] = [null, null];
  for (const image of stage.querySelectorAll("img")) drop(image, 0);
  unpin();
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

/** Show the picture at `url` unless `key` says that it is there, or comes already. */
export async function show(url, key, alt) {
  if (shown === key || coming === key) return;
  const started = generation;
  coming = key;
  let image = null;
  try {
    image = await put("picture", await getPicture(url), alt);
  } finally {
    if (coming === key) coming = null;
  }
  if (started !== generation || !image || coming) return; // a newer one is on its way
  shown = key;
  const before = stage.querySelectorAll(".picture");
  stage.append(image);
  for (const old of before) drop(old, FADE_MILLISECONDS);
}

/** Show a picture of the past over the one of now. */
export async function pin(url, alt) {
  const started = generation;
  pinned = url;
  const image = await put("pinned", url, alt);
  if (started !== generation || !image || pinned !== url) return; // another one is wanted
  const before = stage.querySelectorAll(".pinned");
  stage.append(image);
  stage.classList.add("pinning");
  for (const old of before) old.remove();
}

/** Show the picture of now again. */
export function unpin() {
  pinned = null;
  stage.classList.remove("pinning");
  for (const old of stage.querySelectorAll(".pinned")) old.remove();
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
