// The jobs made so far, newest first.

import { getJson, getPicture, Problem } from "./http.js";
import { shows, stateWord, when, whereabouts } from "./words.js";

const gallery = document.getElementById("gallery");
const empty = document.getElementById("recent-empty");
const older = document.getElementById("older");
const PAGE = 12;

let next = null;

async function picture(job, image) {
  const url = job.preview?.url ?? (shows(job.outputs[0]) ? job.urls.result : job.urls.content);
  if (!url) return;
  try {
    image.onload = () => { image.hidden = false; };
    image.src = await getPicture(url);
  } catch (error) {
    if (!(error instanceof Problem)) throw error; // without a picture it is still a link
  }
}

function mark(badge, job) {
  badge.dataset.state = job.state;
  badge.textContent = job.state === "running" ? whereabouts(job) : stateWord(job.state);
}

function card(job) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = `/?job=${job.id}`;
  link.dataset.job = job.id;
  const image = new Image();
  image.alt = "";
  image.hidden = true;
  const frame = document.createElement("span");
  frame.className = job.preview || job.outputs.length ? "thumb" : "thumb waiting";
  frame.append(image);
  const name = document.createElement("strong");
  name.textContent = job.name || when(job.created_at);
  const state = document.createElement("span");
  state.className = "badge";
  mark(state, job);
  link.append(frame, name, state);
  item.append(link);
  picture(job, image);
  return item;
}

async function load(more) {
  const query = new URLSearchParams({ limit: PAGE });
  if (more && next) query.set("cursor", next);
  const page = await getJson(`/v1/jobs?${query}`);
  next = page.next_cursor;
  if (!more) {
    for (const image of gallery.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    gallery.replaceChildren();
  }
  gallery.append(...page.data.map(card));
  empty.hidden = gallery.children.length > 0;
  older.hidden = next === null;
  document.getElementById("recent").hidden = false;
}

/** Load the list anew; it is no harm if that fails, the rest of the page says so. */
export async function refresh(more = false) {
  try {
    await load(more);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
  }
}

/** Say on a job's card where it is now. */
export function update(job) {
  const badge = gallery.querySelector(`[data-job="${CSS.escape(job.id)}"] .badge`);
  if (badge) mark(badge, job);
}

/** Bring the list to life; `chosen` gets the id of a job that is clicked. */
export function start(chosen) {
  older.addEventListener("click", () => refresh(true));
  gallery.addEventListener("click", (event) => {
    const link = event.target.closest("[data-job]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    chosen(link.dataset.job);
  });
}
