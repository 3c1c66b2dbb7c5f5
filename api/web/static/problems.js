// Error text: at the field it is about, the rest in one box with what to do.

/** Show a text in an element, which is hidden without one. */
export const say = (element, text) => {
  if (element.textContent !== text) element.textContent = text; // readers tell of changes
  element.hidden = !text;
};

/** Show a problem; without one, clear what was shown. */
export function show(box, problem, form) {
  const errors = problem?.errors ?? [];
  const rest = markFields(form, errors);
  box.replaceChildren();
  box.hidden = !problem;
  if (!problem) return;
  // Each wrong value stands at its field; the sentence naming all would repeat them.
  box.append(paragraph(errors.length ? problem.title : problem.detail || problem.title));
  if (rest.length) box.append(list(rest));
  if (problem.hint) box.append(paragraph(problem.hint, "quiet"));
  if (problem.code === "internal") box.append(paragraph(problem.request_id, "quiet"));
  focusFirst(form);
}

/** Mark the fields that errors are about, and no others; return the other errors. */
export function markFields(form, errors) {
  const fields = [...(form?.querySelectorAll("[data-field]") ?? [])];
  for (const field of fields) mark(field, errors.filter((error) => owns(field, error)));
  return errors.filter((error) => !fields.some((field) => owns(field, error)));
}

/** Take away what is said about a field that is changed now. */
export function mend(box, form, control) {
  const field = control.closest("[data-field]");
  if (field) mark(field, []);
  hideIfMended(box, form);
}

/** Hide the box once no field is marked. */
export function hideIfMended(box, form) {
  if (!form.querySelector("[aria-invalid=true]")) box.hidden = true;
}

export function focusFirst(form) {
  const control = form?.querySelector("[aria-invalid=true]");
  const drawer = control?.closest("details");
  if (drawer) drawer.open = true; // what is hidden takes no focus
  control?.focus();
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
