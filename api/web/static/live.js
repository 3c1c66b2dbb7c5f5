// One job as it is now: its event stream, read with fetch. Where there is none, polls.

import { getJson, openStream, Problem, unreachable } from "./http.js";
import { ended } from "./words.js";

const SILENCE_MILLISECONDS = 40_000; // a stream that lives says something each 15 s
const POLL_MILLISECONDS = 2000;
const HIDDEN_POLL_MILLISECONDS = 10_000; // a browser has few connections to a server
const RETRY_MILLISECONDS = [300, 1000, 2000, 3000];
const NEWS = ["state", "params_changed", "output", "end"]; // what only a GET tells whole
const NO_JOB = ["not-found", "purged", "unauthenticated", "forbidden-scope"];

/** Follow a job until it has ended; `stop()` ends it before. */
export class Live {
  #lastEvent = "";
  #streams = true; // whether this server gives us a stream
  #stopped = false;
  #turn = new AbortController(); // of the stream or the pause that is going on
  #awake = () => this.#turn.abort();

  /** `changed(job)`: there is news. `reached(problem)`: whether the server answers; null: it does. `refused(problem)`: there is no such job. */
  constructor(url, { changed, reached, refused }) {
    Object.assign(this, { url, changed, reached, refused, job: null });
    document.addEventListener("visibilitychange", this.#awake);
    window.addEventListener("online", this.#awake);
    this.#run();
  }

  stop() {
    this.#stopped = true;
    this.#turn.abort();
    document.removeEventListener("visibilitychange", this.#awake);
    window.removeEventListener("online", this.#awake);
  }

  /** Read the job at once. */
  async refresh() {
    this.take(await getJson(this.url));
  }

  /** Take a job object that a request has brought. */
  take(job) {
    if (this.#stopped || (this.job && job.version < this.job.version)) return; // overtaken
    this.job = job;
    this.reached(null);
    this.changed(job);
  }

  async #run() {
    let failures = 0;
    while (!this.#stopped && !(this.job && ended(this.job))) {
      this.#turn = new AbortController();
      try {
        if (document.hidden || !this.#streams) await this.#poll();
        else await this.#stream();
        failures = 0;
      } catch (error) {
        if (error.name === "AbortError") continue;
        if (!(error instanceof Problem)) throw error;
        if (NO_JOB.includes(error.problem.code)) return this.#stopped || this.refused(error.problem);
        if (error.problem.code === "too-many-streams") this.#streams = false;
        else if (!this.#stopped) this.reached(error.problem);
        await this.#pause(RETRY_MILLISECONDS[Math.min(failures, RETRY_MILLISECONDS.length - 1)]);
        failures += 1;
      }
    }
    this.stop();
  }

  async #poll() {
    await this.refresh();
    await this.#pause(document.hidden ? HIDDEN_POLL_MILLISECONDS : POLL_MILLISECONDS);
  }

  #pause(milliseconds) {
    return new Promise((resolve) => {
      setTimeout(resolve, milliseconds);
      this.#turn.signal.addEventListener("abort", resolve);
    });
  }

  async #stream() {
    const response = await openStream(`${this.url}/events`, this.#lastEvent, this.#turn.signal);
    if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
      this.#streams = response.status === 204; // the job has ended, and we know it
      return this.#poll();
    }
    for await (const messages of read(response.body)) {
      const isNews = messages.map((message) => this.#take(message)).includes(true);
      if (isNews) await this.refresh();
      if (this.#stopped || (this.job && ended(this.job))) return this.#turn.abort();
    }
    await this.#pause(RETRY_MILLISECONDS[0]); // a server that closes at once is not pressed
  }

  /** Take one message; true means that it tells less than the job object would. */
  #take({ id, event, data }) {
    if (id) this.#lastEvent = id;
    if (event === "snapshot") this.take(data);
    else if (event === "problem") throw new Problem(data);
    else if (event === "progress") this.take({ ...this.job, progress: data.progress });
    else if (event === "preview") this.take({ ...this.job, preview: data.preview });
    return NEWS.includes(event);
  }
}

/** Yield the messages of an event stream, all of a chunk at once. */
async function* read(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await nextChunk(reader);
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      yield blocks.map(parse).filter(({ data }) => data);
    }
  } finally {
    reader.cancel().catch(() => {}); // or the connection stays open; it may have failed
  }
}

async function nextChunk(reader) {
  const silence = setTimeout(() => reader.cancel(), SILENCE_MILLISECONDS);
  try {
    return await reader.read();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw unreachable();
  } finally {
    clearTimeout(silence);
  }
}

function parse(block) {
  const message = { id: "", event: "", data: "" };
  for (const line of block.split("\n")) {
    const [, field, value] = line.match(/^(\w*): ?(.*)$/) ?? [];
    if (field in message) message[field] += value;
  }
  return { ...message, data: message.data && JSON.parse(message.data) };
}
