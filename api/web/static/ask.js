// A question in a dialog: the focus goes in, and back to where it was.

const dialog = document.getElementById("ask");

/** Ask; `choices` are [value, text]. Resolve to a value, or "" if nothing was chosen. */
export function ask(title, text, choices) {
  document.getElementById("ask-title").textContent = title;
  document.getElementById("ask-text").textContent = text;
  document.getElementById("ask-choices").replaceChildren(
    ...choices.map(([value, label, className = ""]) => {
      const button = document.createElement("button");
      Object.assign(button, { value, textContent: label, className });
      return button;
    }),
  );
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
  });
}

/** Take the question back: it does not apply any more. */
export const dismiss = () => dialog.close("");
