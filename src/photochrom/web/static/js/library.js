/** The library: pictures come in by choosing, camera, dropping, pasting and from other apps. @module */
import { getJson, RequestError } from "./net.js";
import { filterFiles, refuse, sendAll } from "./upload.js";
import { message, need, note } from "./messages.js";

const POLL_MS = 1500;
const SHARED_CACHE = "shared-files"; // the service worker's, see sw.js

/** @type {HTMLFormElement} */
const form = need("add");
const veil = need("drop-veil");
const model = document.getElementById("chosen-model");
let isSending = false;

/** @param {Iterable<File>} files */
async function add(files) {
  const uploads = filterFiles(files, form.dataset.accept ?? "");
  if (!uploads.length || isSending) {
    if (!isSending) note(message("pick_files"), true);
    return;
  }
  isSending = true;
  const list = need("uploads");
  const skipped = [...files].filter((file) => !uploads.includes(file));
  for (const file of skipped) refuse(file, list);
  const studio = {
    url: form.dataset.upload ?? form.action,
    maxBytes: Number(form.dataset.maxBytes || Infinity),
    freeBytes: Number(form.dataset.freeBytes || Infinity),
    model: model instanceof HTMLSelectElement || model instanceof HTMLInputElement ? model.value : undefined,
  };
  const { pictures, failures } = await sendAll(uploads, studio, list);
  isSending = false;
  if (failures || skipped.length) {
    // Their lines say why; the others are shown when they have been read.
    if (pictures.length) linkToLibrary(list);
    return;
  }
  if (pictures.length === 1) location.assign(pictures[0].url);
  else location.assign("/library");
}

/** @param {HTMLElement} list */
function linkToLibrary(list) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.className = "button";
  link.href = "/library";
  link.textContent = message("upload_rest");
  item.append(link);
  list.append(item);
  link.focus();
}

for (const input of form.querySelectorAll("input")) {
  if (input.type !== "file") continue;
  const addChosenFiles = async () => {
    await add([...(input.files ?? [])]);
    input.value = "";
  };
  input.addEventListener("change", addChosenFiles);
  if (input.files?.length) addChosenFiles(); // somebody was faster than this script
}
form.addEventListener("submit", (event) => event.preventDefault());

/* Dropping anywhere on the page */

let depth = 0;
/** @param {DragEvent} event */
const hasFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;
addEventListener("dragenter", (event) => {
  if (!hasFiles(event)) return;
  depth += 1;
  veil.hidden = false;
});
addEventListener("dragleave", () => {
  depth = Math.max(0, depth - 1);
  veil.hidden = depth === 0;
});
addEventListener("dragover", (event) => {
  if (hasFiles(event)) event.preventDefault();
});
addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  depth = 0;
  veil.hidden = true;
  add(event.dataTransfer?.files ?? []);
});
addEventListener("paste", (event) => {
  const files = event.clipboardData?.files ?? [];
  if (files.length) add(files);
});
addEventListener("beforeunload", (event) => {
  if (isSending) event.preventDefault();
});

/* What another app shared with us waits in the service worker's cache */

async function addSharedFiles() {
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
    if (error instanceof RequestError && error.status === 404) card.remove();
    else setTimeout(watch, 4 * POLL_MS, card);
  }
}

for (const card of document.querySelectorAll("#grid > li")) {
  if (!(card instanceof HTMLElement)) continue;
  if (card.dataset.state === "waiting" || card.dataset.state === "working") watch(card);
}
addSharedFiles();
