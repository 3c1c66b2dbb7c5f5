// The jobs made so far, newest first.

import { getJson, Problem } from "./http.js";
import { ended, stateWord, when, whereabouts } from "./words.js";

const gallery = document.getElementById("gallery");
const empty = document.getElementById("recent-empty");
const older = document.getElementById("older");
const template = document.getElementById("card");
const PAGE = 12;
const REFRESH_MILLISECONDS = 10_000; // while a job of the list goes on

let next = null;
let timer = 0;

function drawCard(item, job) {
  const link = item.querySelector("a");
  link.href = `/jobs/${encodeURIComponent(job.id)}`;
  link.dataset.job = job.id;
  const image = item.querySelector("img");
  const { thumbnail } = job.urls;
  if (thumbnail && image.getAttribute("src") !== thumbnail) image.src = thumbnail;
  image.hidden = !thumbnail;
  item.querySelector("strong").textContent = job.name || when(job.created_at);
  const badge = item.querySelector(".badge");
  badge.dataset.state = job.state;
  badge.textContent = job.state === "running" ? whereabouts(job) : stateWord(job.state);
}

function card(job) {
  const known = gallery.querySelector(`[data-job="${CSS.escape(job.id)}"]`);
  const item = known?.parentElement ?? template.content.firstElementChild.cloneNode(true);
  drawCard(item, job);
  return item;
}

async function load(more) {
  const query = new URLSearchParams({ limit: PAGE });
  if (more && next) query.set("cursor", next);
  const page = await getJson(`/v1/jobs?${query}`);
  next = page.next_cursor;
  const cards = page.data.map(card); // those that are there stay, and so does the focus
  if (more) gallery.append(...cards);
  else if (cards.some((item, i) => item !== gallery.children[i])) gallery.replaceChildren(...cards);
  clearTimeout(timer);
  const goesOn = page.data.some((job) => !ended(job));
  if (goesOn && !more) timer = setTimeout(refreshIfSeen, REFRESH_MILLISECONDS);
  empty.hidden = gallery.children.length > 0;
  older.hidden = next === null;
  document.getElementById("recent").hidden = false;
}

function refreshIfSeen() {
  if (document.hidden) timer = setTimeout(refreshIfSeen, REFRESH_MILLISECONDS);
  else if (gallery.children.length <= PAGE) refresh();
}

/** Load the list anew; it is no harm if that fails, the rest of the page says so. */
export async function refresh(more = false) {
  try {
    await load(more);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
  }
}

/** Show on a job's card how it is now. */
export function update(job) {
  const known = gallery.querySelector(`[data-job="${CSS.escape(job.id)}"]`);
  if (known) drawCard(known.parentElement, job);
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
