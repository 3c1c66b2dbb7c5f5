// Requests to the API: with the key where one is asked for, problems as errors.

const KEY = "impasto-key";
export const keyed = document.body.dataset.keys === "yes";

export const hasKey = () => !keyed || sessionStorage.getItem(KEY) !== null;
export const keepKey = (key) => sessionStorage.setItem(KEY, key);
export const forgetKey = () => sessionStorage.removeItem(KEY);

/** What the server said was wrong: `problem` is its problem document. */
export class Problem extends Error {
  constructor(problem) {
    super(problem.detail || problem.title);
    this.problem = problem;
  }
}

async function send(path, options = {}) {
  const headers = new Headers(options.headers);
  if (keyed) headers.set("Authorization", `Bearer ${sessionStorage.getItem(KEY)}`);
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch {
    throw new Problem({
      code: "unreachable",
      detail: "The server cannot be reached.",
      hint: "Jobs go on without this page. It tries again by itself.",
    });
  }
  if (response.ok) return response;
  const said = await response.json().catch(() => ({}));
  if (response.status === 401) document.dispatchEvent(new CustomEvent("impasto:key"));
  throw new Problem({ title: `The server answered ${response.status}`, ...said });
}

export const getJson = async (path) => (await send(path, { cache: "no-store" })).json();
export const post = async (path, body) => (await send(path, { method: "POST", body })).json();

/** Load a picture as a blob: an <img> of its own could not send the key. */
export const getPicture = async (path) => URL.createObjectURL(await (await send(path)).blob());
