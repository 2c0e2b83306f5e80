/** A film's page: how far it is; when it is done the page shows it. @module */
import { follow } from "./live.js";
import { message, need } from "./messages.js";

const film = need("film");
const status = need("status");
let spokenTenth = -1;

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
  need("percent").textContent = `${percent} %`;
  // Screen readers hear every tenth, not every change.
  const tenth = Math.floor(percent / 10);
  if (tenth === spokenTenth) return;
  spokenTenth = tenth;
  status.textContent = progress.state === "waiting" ? message("waiting") : message("percent_done", { percent });
}

if (film.dataset.state === "waiting" || film.dataset.state === "working") {
  follow(film.dataset.base ?? "", showProgress, (isLost) => {
    if (!isLost) return;
    status.textContent = message("connection_lost");
    spokenTenth = -1; // what comes next, once it is back, is said
  });
}
