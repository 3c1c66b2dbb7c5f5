// Requests to the API: by the cookie where a key is required, problems as errors.

// The key itself is out of reach for scripts. What they hold is the token that shows
// that a write comes from this page and not from another site's.
export const keyed = document.body.dataset.keys === "yes";
let token = document.body.dataset.csrf || null;

export const isOpen = () => !keyed || token !== null;
export const forget = () => { token = null; };

/** Trade the key for a cookie; throws a Problem if it is no key. */
export async function open(key) {
  // A header takes ASCII only, as keys are.
  const headers = { Authorization: `Bearer ${encodeURI(key.trim())}` };
  const response = await send("/session", { method: "POST", headers });
  token = (await response.json()).csrf_token;
}

/** Take the cookie away. */
export async function close() {
  await send("/session", { method: "DELETE" });
  forget();
}

/** Error of the server: `problem` is its problem document. */
export class Problem extends Error {
  constructor(problem) {
    super(problem.detail || problem.title);
    this.problem = problem;
  }
}

async function send(path, options = {}) {
  const headers = new Headers(options.headers);
  if (keyed && token && options.method) headers.set("CSRF-Token", token);
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
  const problem = await response.json().catch(() => ({}));
  if (response.status === 401) document.dispatchEvent(new CustomEvent("impasto:key"));
  throw new Problem({ title: `The server answered ${response.status}`, ...problem });
}

export const getJson = async (path) => (await send(path, { cache: "no-store" })).json();
export const post = async (path, body) => (await send(path, { method: "POST", body })).json();

/** Load a picture as a blob, so that it is shown only once it is there. */
export const getPicture = async (path) => URL.createObjectURL(await (await send(path)).blob());
