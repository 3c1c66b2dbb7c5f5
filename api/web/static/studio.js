// The page: which of its parts is shown follows from the address.

import * as create from "./create.js";
import { close, forget, isOpen, keyed, open, Problem } from "./http.js";
import * as job from "./job.js";
import * as recent from "./recent.js";

const at = (id) => document.getElementById(id);
const chosen = () => new URLSearchParams(location.search).get("job");

function route() {
  at("key-form").hidden = isOpen();
  at("leave").hidden = !keyed || !isOpen();
  at("create").hidden = !isOpen() || chosen() !== null;
  at("recent").hidden = !isOpen();
  if (!isOpen()) {
    job.leave();
    at("key").focus();
    return;
  }
  if (chosen()) job.follow(chosen());
  else {
    job.leave();
    create.shown();
  }
  recent.refresh();
}

function go(address) {
  history.pushState(null, "", address);
  route();
  window.scrollTo(0, 0);
}

async function enter(event) {
  event.preventDefault();
  try {
    await open(at("key").value.trim());
    at("key").value = "";
    at("key-error").hidden = true;
    route();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    at("key-error").textContent = error.message;
    at("key-error").hidden = false;
  }
}

async function exit() {
  await close();
  go("/");
}

create.start((made) => {
  go(`/?job=${made.id}`);
  at("job-title").focus();
});
recent.start((id) => {
  go(`/?job=${id}`);
  at("job-title").focus();
});
job.start();
at("another").addEventListener("click", (event) => {
  event.preventDefault();
  go("/");
});
at("key-form").addEventListener("submit", enter);
document.addEventListener("impasto:polled", (event) => recent.update(event.detail));
at("leave").addEventListener("click", exit);
document.addEventListener("impasto:ended", () => recent.refresh());
document.addEventListener("impasto:key", () => {
  if (at("key-form").hidden) {
    forget();
    route();
  }
});
window.addEventListener("popstate", route);
route();
