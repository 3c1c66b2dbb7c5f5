// The big picture: cross-fades while it develops, compares with the photo at the end.

import { getPicture } from "./http.js";

const stage = document.getElementById("stage");
const compare = document.getElementById("compare");
const FADE_MILLISECONDS = 500;

let coming = null; // the key of the picture that is being loaded
let shown = null; // the key of the picture on the stage
let compared = null; // the key of the photo that is laid over it, or is being loaded
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

const keyOf = (name) => `${generation} ${name}`; // two jobs have none in common

/** Load a picture; null if it cannot be shown, or is not wanted any more by then. */
async function load(className, address, alt, isWanted) {
  const url = await getPicture(address);
  const image = await put(className, url, alt);
  if (image && isWanted()) return image;
  URL.revokeObjectURL(url);
  return null;
}

/** Load a picture for the stage unless it is there, or comes already, or a newer one does. */
async function loadNewest(className, address, alt, key) {
  if (shown === key || coming === key) return null;
  coming = key;
  let image = null;
  try {
    image = await load(className, address, alt, () => coming === key);
  } finally {
    if (coming === key) coming = null;
  }
  if (image) shown = key;
  return image;
}

function drop(image, after) {
  setTimeout(() => {
    URL.revokeObjectURL(image.src);
    image.remove();
  }, after);
}

export function clear() {
  generation += 1;
  [shown, coming, compared] = [null, null, null];
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
  if (shown !== null || coming !== null) return;
  const image = await loadNewest("picture faint", url, "", keyOf("promise"));
  if (!image) return;
  shape(image.naturalWidth, image.naturalHeight);
  stage.append(image);
}

/** Show the picture at `url`, which `name` tells from others of its job; return whether it is there. */
export async function show(url, name, alt) {
  const key = keyOf(name);
  const image = await loadNewest("picture", url, alt, key);
  if (image) {
    const before = stage.querySelectorAll(".picture");
    stage.append(image);
    for (const old of before) drop(old, FADE_MILLISECONDS);
  }
  return shown === key;
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
  const key = keyOf(url);
  if (compared === key) return;
  compared = key;
  let photo = null;
  try {
    photo = await load("photo", url, "The photo, before", () => compared === key);
  } finally {
    if (!photo && compared === key) compared = null;
  }
  if (!photo) return;
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
