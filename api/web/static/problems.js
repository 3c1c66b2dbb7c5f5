// Error text: at the field it is about, the rest in one box with what to do.

const say = (element, text) => {
  element.textContent = text;
  element.hidden = !text;
};

/** Show a problem; without one, clear what was shown. */
export function show(box, problem, form) {
  const fields = [...(form?.querySelectorAll("[data-field]") ?? [])];
  for (const field of fields) mark(field, []);
  const errors = problem?.errors ?? [];
  const rest = errors.filter((error) => !fields.some((field) => owns(field, error)));
  for (const field of fields) mark(field, errors.filter((error) => owns(field, error)));
  box.replaceChildren();
  box.hidden = !problem;
  if (!problem) return;
  // Each wrong value stands at its field; the sentence naming all would repeat them.
  box.append(paragraph(errors.length ? problem.title : problem.detail || problem.title));
  if (rest.length) box.append(list(rest));
  if (problem.hint) box.append(paragraph(problem.hint, "quiet"));
  if (problem.code === "internal") box.append(paragraph(problem.request_id, "quiet"));
  form?.querySelector("[aria-invalid=true]")?.focus();
}

const owns = (field, error) =>
  error.pointer === field.dataset.field || error.pointer.startsWith(`${field.dataset.field}/`);

function mark(field, errors) {
  say(field.querySelector(".error"), errors.map((error) => error.detail).join("; "));
  const input = field.querySelector("input, select");
  if (errors.length) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}

function paragraph(text, className = "") {
  const made = document.createElement("p");
  made.textContent = text ?? "";
  made.className = className;
  return made;
}

function list(errors) {
  const made = document.createElement("ul");
  for (const { pointer, detail } of errors) {
    const item = document.createElement("li");
    item.textContent = `${pointer.replace(/^\/(params\/)?/, "")}: ${detail}`;
    made.append(item);
  }
  return made;
}
