/** A film's page: how far it is; when it is done the page shows it. @module */
import { follow, waitingText } from "./live.js";
import { countMessage, message, need } from "./messages.js";
import { post, RequestError } from "./net.js";

const film = need("film");
const status = need("status");
let spokenTenth = -1;

/** @param {number | null} seconds until it is done @returns {string} in words; nothing where that is not known */
function timeLeft(seconds) {
  if (seconds === null) return "";
  const minutes = seconds / 60;
  if (minutes < 100) return countMessage("minutes_left", "minutes", Math.max(1, Math.round(minutes)));
  return countMessage("hours_left", "hours", Math.round(minutes / 60));
}

/** @param {import("./live.js").Progress} progress */
function showProgress(progress) {
  if (progress.state === "done" || progress.state === "failed") {
    location.reload();
    return;
  }
  const percent = Math.floor(100 * progress.progress);
  /** @type {HTMLProgressElement} */
  const bar = need("bar");
  bar.value = progress.progress;
  need("percent").textContent = message("percent", { percent });
  if (progress.state === "working") need("time-left").textContent = timeLeft(progress.seconds_left);
  if (progress.state === "waiting") {
    if (status.textContent !== waitingText(progress)) status.textContent = waitingText(progress);
    return;
  }
  // Screen readers hear every tenth, not every change.
  const tenth = Math.floor(percent / 10);
  if (tenth === spokenTenth) return;
  spokenTenth = tenth;
  status.textContent = message("percent_done", { percent });
}

/** @param {object} changes what is asked of the film; then the page is shown anew */
async function ask(changes) {
  await post(`${film.dataset.base}/edit`, { revision: Number(film.dataset.revision), ...changes });
  location.reload();
}

/** @param {unknown} error why the film is not asked for otherwise */
function tellProblem(error) {
  const problem = error instanceof RequestError ? error.message : message("connection_lost");
  status.textContent = message("not_saved", { problem });
}

/** @returns {boolean} whether it is to be mended first */
function isMended() {
  return document.getElementById("mend")?.getAttribute("aria-checked") === "true";
}

/** All of a film is coloured anew, so that it is asked for by a button. @param {HTMLInputElement[]} sliders */
function offerChanges(sliders) {
  /** @type {HTMLButtonElement} */
  const button = need("color-again");
  const model = document.getElementById("chosen-model");
  const select = model instanceof HTMLSelectElement ? model : null;
  const firstModel = select?.value;
  const wasMended = isMended();
  const changed = () => {
    const same = sliders.every((slider) => slider.value === slider.defaultValue) && select?.value === firstModel;
    button.disabled = same && isMended() === wasMended;
  };
  need("mend").addEventListener("click", changed);
  for (const slider of sliders) slider.addEventListener("input", changed);
  select?.addEventListener("change", changed);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const values = Object.fromEntries(sliders.map((slider) => [slider.id, Number(slider.value)]));
      const choice = select && select.value !== firstModel ? { chosen_model: select.value || null } : {};
      await ask({ ...values, restore: isMended(), ...choice });
    } catch (error) {
      button.disabled = false;
      tellProblem(error);
    }
  });
}

/** Before a film is coloured it is asked for at once; afterwards with the rest. @param {HTMLElement} toggle */
function offerMending(toggle) {
  toggle.addEventListener("click", async () => {
    toggle.setAttribute("aria-checked", String(!isMended()));
    if (film.dataset.state === "done") return;
    try {
      await ask({ restore: isMended() });
    } catch (error) {
      toggle.setAttribute("aria-checked", String(!isMended()));
      tellProblem(error);
    }
  });
}
const mend = document.getElementById("mend");
if (mend) offerMending(mend);
const sliders = ["vividness", "temperature", "tint", "neutral"]
  .map((id) => document.getElementById(id))
  .filter((slider) => slider instanceof HTMLInputElement);
if (sliders.length) offerChanges(sliders);

if (film.dataset.state === "waiting" || film.dataset.state === "working") {
  follow(film.dataset.base ?? "", showProgress, (isLost) => {
    if (!isLost) return;
    status.textContent = message("connection_lost");
    spokenTenth = -1; // what comes next, once it is back, is said
  });
}
