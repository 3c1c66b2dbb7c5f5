// The page: which of its parts is shown follows from the address.

import * as create from "./create.js";
import { close, forget, isOpen, keyed, open, Problem } from "./http.js";
import * as job from "./job.js";
import { say } from "./problems.js";
import * as recent from "./recent.js";

const at = (id) => document.getElementById(id);

/** Id of the job that the address names, or null. */
function chosen() {
  const [, id = null] = location.pathname.match(/^\/jobs\/([^/]+)$/) ?? [];
  try {
    return id && decodeURIComponent(id);
  } catch {
    return id; // mistyped: the server knows no such job
  }
}

function route() {
  at("key-form").hidden = isOpen();
  at("leave").hidden = !keyed || !isOpen();
  at("create").hidden = !isOpen() || chosen() !== null;
  at("recent").hidden = !isOpen();
  if (!isOpen()) {
    job.leave();
    recent.clear();
    create.clear();
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
  try {
    await close();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return say(at("leave-error"), `You are still logged in. ${error.message}`);
  }
  say(at("leave-error"), "");
  return go("/");
}

function goToJob(id) {
  go(`/jobs/${encodeURIComponent(id)}`);
  at("main").focus(); // its title is not there yet
}

create.start((made) => goToJob(made.id));
recent.start(goToJob);
job.start(goToJob);
for (const link of document.querySelectorAll("a[href='/']")) {
  link.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    go("/");
    at("main").focus();
  });
}
at("key-form").addEventListener("submit", enter);
document.addEventListener("impasto:job", (event) => recent.update(event.detail));
at("leave").addEventListener("click", exit);
document.addEventListener("impasto:key", () => {
  if (at("key-form").hidden) {
    forget();
    route();
  }
});
window.addEventListener("popstate", route);
route();
