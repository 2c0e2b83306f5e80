/** The library: pictures come in by choosing, camera, dropping, pasting and from other apps. @module */
import { getJson, Refused } from "./net.js";
import { readable, sendAll } from "./upload.js";
import { need, note, words } from "./words.js";

const POLL_MS = 1500;
const SHARED_CACHE = "shared-files"; // the service worker's, see sw.js

/** @type {HTMLFormElement} */
const form = need("add");
const veil = need("drop-veil");
let sending = false;

/** @param {Iterable<File>} files */
async function add(files) {
  const ours = readable(files, form.dataset.accept ?? "");
  if (!ours.length || sending) {
    if (!sending) note(words("pick_files"), true);
    return;
  }
  sending = true;
  const { sent, refused } = await sendAll(ours, form.dataset.upload ?? form.action, need("uploads"));
  sending = false;
  if (refused) return; // its line says why
  if (sent.length === 1) location.assign(sent[0].url);
  else location.assign("/library");
}

for (const input of form.querySelectorAll("input")) {
  if (input.type !== "file") continue;
  const take = async () => {
    await add([...(input.files ?? [])]);
    input.value = "";
  };
  input.addEventListener("change", take);
  if (input.files?.length) take(); // somebody was faster than this script
}
form.addEventListener("submit", (event) => event.preventDefault());

/* Dropping anywhere on the page */

let inside = 0;
/** @param {DragEvent} event */
const bringsFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;
addEventListener("dragenter", (event) => {
  if (!bringsFiles(event)) return;
  inside += 1;
  veil.hidden = false;
});
addEventListener("dragleave", () => {
  inside = Math.max(0, inside - 1);
  veil.hidden = inside === 0;
});
addEventListener("dragover", (event) => {
  if (bringsFiles(event)) event.preventDefault();
});
addEventListener("drop", (event) => {
  if (!bringsFiles(event)) return;
  event.preventDefault();
  inside = 0;
  veil.hidden = true;
  add(event.dataTransfer?.files ?? []);
});
addEventListener("paste", (event) => {
  const files = event.clipboardData?.files ?? [];
  if (files.length) add(files);
});
addEventListener("beforeunload", (event) => {
  if (sending) event.preventDefault();
});

/* What another app shared with us waits in the service worker's cache */

async function takeShared() {
  if (!new URLSearchParams(location.search).has("shared") || !("caches" in window)) return;
  history.replaceState(null, "", "/library");
  const cache = await caches.open(SHARED_CACHE);
  /** @type {File[]} */
  const files = [];
  for (const request of await cache.keys()) {
    const answer = await cache.match(request);
    if (!answer) continue;
    const name = decodeURIComponent(answer.headers.get("X-Name") ?? "picture");
    files.push(new File([await answer.blob()], name, { type: answer.headers.get("Content-Type") ?? "" }));
  }
  if (files.length) await add(files);
  await caches.delete(SHARED_CACHE);
}

/* Pictures that are still being coloured */

/** @param {HTMLElement} card */
async function watch(card) {
  try {
    const { state, revision } = await getJson(card.dataset.stateUrl ?? "");
    if (state === "waiting" || state === "working") {
      setTimeout(watch, POLL_MS, card);
      return;
    }
    const image = card.querySelector("img");
    if (image) image.src = `${card.dataset.thumb}?v=${revision}`;
    if (state === "done") card.querySelector("[data-badge]")?.remove();
    else location.reload();
  } catch (error) {
    if (error instanceof Refused && error.status === 404) card.remove();
    else setTimeout(watch, 4 * POLL_MS, card);
  }
}

for (const card of document.querySelectorAll("#grid > li")) {
  if (!(card instanceof HTMLElement)) continue;
  if (card.dataset.state === "waiting" || card.dataset.state === "working") watch(card);
}
takeShared();
