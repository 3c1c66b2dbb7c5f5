// A well: the place for one picture, from the moment it is chosen until the server has it.

import { postForm, Problem } from "./http.js";
import { say } from "./problems.js";

const KEPT_SECONDS = 86_400; // by the server, unless a job uses it
const SEND_AGAIN_MILLISECONDS = KEPT_SECONDS * 500;
const HEAD_BYTES = 12;
// How files of the formats begin that the server takes; TIFF in both orders of bytes.
const SIGNATURES = [
  /^\x89PNG\r\n\x1a\n/, /^\xff\xd8\xff/, /^RIFF[^]{4}WEBP/, /^(II[*+]\0|MM\0[*+])/, /^[^]{4}ftypavi[fs]/,
];
const REFUSED = "is not a picture that can be painted. Take a PNG, JPEG, WebP, TIFF or AVIF file.";
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
const tooLarge = ({ name, size }, most) =>
  `The file “${name}” has ${megabytes(size)} MB, and ${megabytes(most)} MB is the most. Make it smaller, or save it as JPEG.`;

let number = 0;

async function looksLikePicture(file) {
  const bytes = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
  const head = String.fromCharCode(...bytes);
  return SIGNATURES.some((signature) => signature.test(head));
}

/** One well of the form; `changed` is called whenever its picture is another. */
export class Well {
  #file = null;
  #sending = null; // promise of the asset's id
  #sentAt = 0;
  #find = (selector) => this.box.querySelector(selector);

  constructor(box, changed) {
    this.box = box;
    this.changed = changed;
    this.role = box.dataset.well;
    this.input = this.#find("input[type=file]");
    this.#find(".error").id = `well-${(number += 1)}-error`;
    this.input.setAttribute("aria-describedby", this.#find(".error").id);
    this.#listen();
    if (this.input.files.length) this.choose(this.input.files[0]); // kept over a reload
  }

  get filled() {
    return this.#file !== null;
  }

  /** Name of the picture without its ending. */
  get title() {
    return this.#file?.name.replace(/\.[^.]+$/, "") ?? "";
  }

  /** Take a file, if it is a picture: show it, and send it while the rest is chosen. */
  async choose(file) {
    this.empty();
    this.#file = file;
    if (this.input.files[0] !== file) this.input.value = ""; // it was dropped, pasted or a sample
    const most = Number(this.input.form.dataset.maxBytes);
    if (file.size > most) return this.#refuse(file, tooLarge(file, most));
    if (!(await looksLikePicture(file))) return this.#refuse(file, `The file “${file.name}” ${REFUSED}`);
    if (this.#file !== file) return; // another one was faster
    this.#show(file);
    this.asset().catch((error) => {
      if (!(error instanceof Problem)) throw error;
      const { status, retryable } = error.problem;
      if (status && !retryable && status !== 401) this.#refuse(file, error.message);
    });
    this.changed();
  }

  /** Id of the picture's asset; throws a Problem. What failed or is old is sent again. */
  asset() {
    if (!this.#sending || Date.now() - this.#sentAt > SEND_AGAIN_MILLISECONDS) {
      const form = new FormData();
      form.set("file", this.#file);
      form.set("purpose", this.role);
      form.set("expires_in", KEPT_SECONDS);
      this.#sentAt = Date.now();
      this.#sending = postForm("/v1/assets", form).then(({ id }) => id);
      const sending = this.#sending;
      sending.catch(() => { if (this.#sending === sending) this.#sending = null; });
    }
    return this.#sending;
  }

  empty() {
    const image = this.#find("img");
    if (image.src) URL.revokeObjectURL(image.src);
    image.removeAttribute("src");
    [this.#file, this.#sending] = [null, null];
    this.complain("");
    this.#draw();
  }

  complain(text) {
    say(this.#find(".error"), text);
    if (text) this.input.setAttribute("aria-invalid", "true");
    else this.input.removeAttribute("aria-invalid");
  }

  #refuse(file, text) {
    if (this.#file !== file) return;
    this.empty();
    this.input.value = "";
    this.complain(text);
    this.changed();
  }

  #show(file) {
    const image = this.#find("img");
    image.onload = () => { image.hidden = false; };
    image.onerror = () => { this.#find(".well-note").hidden = this.#file !== file; };
    image.src = URL.createObjectURL(file);
    this.#find(".well-file").textContent = file.name;
    this.#draw();
  }

  #draw() {
    this.#find(".well").classList.toggle("filled", this.filled);
    this.#find(".well-ask").hidden = this.filled;
    for (const part of [".well-tag", ".remove"]) this.#find(part).hidden = !this.filled;
    for (const part of ["img", ".well-note"]) this.#find(part).hidden = true;
  }

  #listen() {
    const well = this.#find(".well");
    this.input.addEventListener("change", () => {
      if (this.input.files.length) this.choose(this.input.files[0]);
    });
    this.#find(".remove").addEventListener("click", () => {
      this.empty();
      this.input.value = "";
      this.changed();
      this.input.focus();
    });
    well.addEventListener("dragover", () => well.classList.add("over"));
    for (const kind of ["dragleave", "drop"]) well.addEventListener(kind, () => well.classList.remove("over"));
  }
}
