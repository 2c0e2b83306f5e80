/** A film's page: how far it is; when it is done the page shows it. @module */
import { follow } from "./live.js";
import { need, words } from "./words.js";

const film = need("film");
const status = need("status");
let told = -1;

/** @param {import("./live.js").Progress} progress */
function progressed(progress) {
  if (progress.state === "done" || progress.state === "failed") {
    location.reload();
    return;
  }
  const percent = Math.floor(100 * progress.progress);
  /** @type {HTMLProgressElement} */
  const bar = need("bar");
  bar.value = progress.progress;
  need("percent").textContent = `${percent} %`;
  // Screen readers hear every tenth, not every change.
  const tenth = Math.floor(percent / 10);
  if (tenth === told) return;
  told = tenth;
  status.textContent = progress.state === "waiting" ? words("waiting") : words("percent_done", { percent });
}

if (film.dataset.state === "waiting" || film.dataset.state === "working") {
  follow(film.dataset.base ?? "", progressed, (lost) => {
    if (!lost) return;
    status.textContent = words("connection_lost");
    told = -1; // what comes next, once it is back, is said
  });
}
