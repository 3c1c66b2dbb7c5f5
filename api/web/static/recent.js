// The jobs made so far, newest first.

import { getJson, Problem } from "./http.js";
import { ended, stateWord, when, whereabouts } from "./words.js";

const gallery = document.getElementById("gallery");
const empty = document.getElementById("recent-empty");
const older = document.getElementById("older");
const template = document.getElementById("card");
const PAGE = 12;
const MOST = 100; // of one request
const FIELDS = "id,name,state,created_at,urls,progress,queue,finish_requested"; // what cards show
const REFRESH_MILLISECONDS = 10_000; // while a job of the list goes on

let next = null;
let timer = 0;
let generation = 0; // grows when the list is cleared

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

const itemOf = (job) => gallery.querySelector(`[data-job="${CSS.escape(job.id)}"]`)?.parentElement;

function card(job) {
  const item = itemOf(job) ?? template.content.firstElementChild.cloneNode(true);
  drawCard(item, job);
  return item;
}

async function load(more) {
  const started = generation;
  const limit = more ? PAGE : Math.min(Math.max(PAGE, gallery.children.length), MOST);
  const query = new URLSearchParams({ limit, fields: FIELDS });
  if (more && next) query.set("cursor", next);
  const page = await getJson(`/v1/jobs?${query}`);
  if (started !== generation) return; // it was for somebody else
  next = page.next_cursor;
  const cards = page.data.map(card); // those that are there stay, and so does the focus
  if (more) gallery.append(...cards);
  else if (differ(cards, gallery.children)) gallery.replaceChildren(...cards);
  if (!more) {
    clearTimeout(timer);
    if (page.data.some((job) => !ended(job))) timer = setTimeout(refreshIfSeen, REFRESH_MILLISECONDS);
  }
  empty.hidden = gallery.children.length > 0;
  older.hidden = next === null;
}

const differ = (cards, shown) => cards.length !== shown.length || cards.some((item, i) => item !== shown[i]);

function refreshIfSeen() {
  if (document.hidden) timer = setTimeout(refreshIfSeen, REFRESH_MILLISECONDS);
  else refresh();
}

/** Forget the jobs: another person may come. */
export function clear() {
  generation += 1;
  clearTimeout(timer);
  next = null;
  gallery.replaceChildren();
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
  const item = itemOf(job);
  if (item) drawCard(item, job);
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
