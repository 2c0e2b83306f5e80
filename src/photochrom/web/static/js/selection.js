/** Choosing several pictures of the library, and what is done to all of them. @module */
import { countMessage } from "./messages.js";

const form = document.getElementById("selection");
const toggle = document.getElementById("select");
if (form instanceof HTMLFormElement && toggle) {
  const bar = /** @type {HTMLElement} */ (document.getElementById("selection-bar"));
  const count = /** @type {HTMLElement} */ (document.getElementById("selection-count"));
  const boxes = /** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll('input[name="picture"]'));
  const buttons = /** @type {NodeListOf<HTMLButtonElement>} */ (bar.querySelectorAll("button[formaction]"));

  const update = () => {
    const number = [...boxes].filter((box) => box.checked).length;
    count.textContent = countMessage("chosen", "count", number);
    for (const button of buttons) button.disabled = number === 0;
  };
  // Enter would press the first button of the form, and not the one beside the name.
  const albumName = document.getElementById("album-name");
  albumName?.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    albumName.parentElement?.querySelector("button")?.click();
  });
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    const chooses = toggle.getAttribute("aria-pressed") !== "true";
    toggle.setAttribute("aria-pressed", String(chooses));
    form.classList.toggle("choosing", chooses);
    bar.hidden = !chooses;
    for (const box of boxes) {
      box.checked = false;
      if (box.parentElement) box.parentElement.hidden = !chooses;
    }
    update();
  });
  form.addEventListener("change", update);
  form.addEventListener("click", (event) => {
    // While pictures are chosen, touching one chooses it and does not open it.
    const card = event.target instanceof Element && event.target.closest("a")?.closest("li");
    const box = card && form.classList.contains("choosing") && card.querySelector("input");
    if (!box) return;
    event.preventDefault();
    box.click();
  });
  for (const button of buttons) {
    button.addEventListener("click", () => {
      // The question is asked by app.js, which sends the form again without its button.
      form.action = button.formAction;
      delete form.dataset.confirmed;
      if (button.dataset.question) {
        form.dataset.ask = button.dataset.question;
        form.dataset.askYes = button.dataset.yes ?? "";
      } else delete form.dataset.ask;
    });
  }
}
