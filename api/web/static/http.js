// Requests to the API: by the cookie where a key is required, problems as errors.

// The key itself is out of reach for scripts. What they hold is the token that shows
// that a write comes from this page and not from another site's.
export const keyed = document.body.dataset.keys === "yes";
const RETRY_SECONDS = [1, 3];
let token = document.body.dataset.csrf || null;

export const isOpen = () => !keyed || token !== null;
export const forget = () => { token = null; };

/** Trade the key for a cookie; throws a Problem if it is no key. */
export async function open(key) {
  // A header takes ASCII only, as keys are.
  const headers = { Authorization: `Bearer ${encodeURI(key.trim())}` };
  token = (await send("/session", { method: "POST", headers }, json)).csrf_token;
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

/** Error of a server that does not answer. */
export const unreachable = () => new Problem({
  code: "unreachable",
  detail: "The server cannot be reached.",
  hint: "Jobs go on without this page. It tries again by itself.",
});

const json = (response) => response.json();
const blob = (response) => response.blob();

/** Send a request; `read` turns its answer into what is returned. */
async function send(path, options = {}, read = (response) => response) {
  const headers = new Headers(options.headers);
  if (keyed && token && options.method) headers.set("CSRF-Token", token);
  let response;
  try {
    response = await fetch(path, { ...options, headers });
    if (response.ok) return await read(response); // the connection may end in mid-answer
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw unreachable();
  }
  const problem = await response.json().catch(() => ({}));
  if (response.status === 401) document.dispatchEvent(new CustomEvent("impasto:key"));
  throw new Problem({ title: `The server answered ${response.status}`, ...problem });
}

export const getJson = (path) => send(path, { cache: "no-store" }, json);
export const post = (path) => send(path, { method: "POST" }, json);
export const postForm = (path, body) => send(path, { method: "POST", body }, json);

/** Post JSON; `signal` may abort it. */
export function postJson(path, body, { headers = {}, signal } = {}) {
  headers = { "Content-Type": "application/json", ...headers };
  return send(path, { method: "POST", body, headers, signal }, json);
}

/** Change a job that is still of this revision. */
export function patchJson(path, change, revision) {
  const headers = { "Content-Type": "application/merge-patch+json", "If-Match": `"${revision}"` };
  return send(path, { method: "PATCH", body: JSON.stringify(change), headers }, json);
}

/** Open an event stream, after the last event that is known. */
export function openStream(path, lastEvent, signal) {
  const headers = { Accept: "text/event-stream", ...(lastEvent && { "Last-Event-ID": lastEvent }) };
  return send(path, { headers, signal, cache: "no-store" });
}

/** Key that makes a creating request safe to repeat. */
export function newKey() {
  // Not randomUUID(), which plain http has on this machine only.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Post JSON that creates something. If the answer is lost, ask again with the same key. */
export async function create(path, body, key) {
  for (const seconds of RETRY_SECONDS) {
    try {
      return await postJson(path, body, { headers: { "Idempotency-Key": key } });
    } catch (error) {
      if (error.problem?.code !== "unreachable") throw error;
      await new Promise((resolve) => { setTimeout(resolve, seconds * 1000); });
    }
  }
  return postJson(path, body, { headers: { "Idempotency-Key": key } });
}

/** Load a picture as a blob, so that it is shown only once it is there. */
export const getPicture = async (path) => URL.createObjectURL(await send(path, {}, blob));

/** Load a picture as a file, as if a person had chosen it. */
export const getFile = async (path, name) => new File([await send(path, {}, blob)], name);
