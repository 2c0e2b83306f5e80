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
/** Of what is being sent, how many choices, drops or pastes: another may come before one is done. */
let sending = 0;
/** @type {import("./upload.js").UploadedPicture[]} */
const sent = [];
let isAnyLeft = false;

/** @param {Iterable<File>} files */
async function add(files) {
  const uploads = filterFiles(files, form.dataset.accept ?? "");
  if (!uploads.length) return note(message("pick_files"), true);
  sending += 1;
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
  sending -= 1;
  sent.push(...pictures);
  isAnyLeft ||= failures > 0 || skipped.length > 0;
  if (sending) return; // what is done last goes on
  const all = sent.splice(0);
  const staysHere = isAnyLeft;
  isAnyLeft = false;
  if (!staysHere) location.assign(all.length === 1 ? all[0].url : "/library");
  else if (all.length) linkToLibrary(list); // the lines say why; the others are shown when they have been read
}

/** @param {HTMLElement} list */
function linkToLibrary(list) {
  document.getElementById("upload-rest")?.remove();
  const item = document.createElement("li");
  const link = document.createElement("a");
  item.id = "upload-rest";
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
/** A picture of this page is dragged, which browsers offer as a file, too. */
let isOwn = false;
addEventListener("dragstart", () => (isOwn = true));
addEventListener("dragend", () => (isOwn = false));
/** @param {DragEvent} event */
const hasFiles = (event) => !isOwn && (event.dataTransfer?.types.includes("Files") ?? false);
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
  // Of text, other programs give a picture, too.
  if (event.target instanceof Element && event.target.matches("input[type=text], input[type=search]")) return;
  const files = event.clipboardData?.files ?? [];
  if (files.length) add(files);
});
addEventListener("beforeunload", (event) => {
  if (sending) event.preventDefault();
});

/* What another app shared with us waits in the service worker's cache */

async function addSharedFiles() {
  const shared = new URLSearchParams(location.search).get("shared");
  if (shared === null || !("caches" in window)) return;
  history.replaceState(null, "", "/library");
  if (shared === "some") note(message("shared_in_part"), true);
  const cache = await caches.open(SHARED_CACHE);
  /** @type {File[]} */
  const files = [];
  const requests = await cache.keys();
  for (const request of requests) {
    const answer = await cache.match(request);
    if (!answer) continue;
    const name = decodeURIComponent(answer.headers.get("X-Name") ?? "picture");
    files.push(new File([await answer.blob()], name, { type: answer.headers.get("Content-Type") ?? "" }));
  }
  isAnyLeft ||= shared === "some" && files.length > 0; // which this page says
  if (files.length) await add(files);
  await Promise.all(requests.map((request) => cache.delete(request))); // more may have come meanwhile
}

/* Pictures that are still being coloured */

/** @param {HTMLElement} card */
async function watch(card) {
  try {
    const { state, revision } = await getJson(card.dataset.stateUrl ?? "");
    // The page that says why one failed waits while others are sent, or chosen.
    const isInUse = sending > 0 || document.querySelector("#selection.choosing") !== null;
    if (state === "waiting" || state === "working" || (state === "failed" && isInUse)) {
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
addSharedFiles().catch(() => note(message("shared_in_part"), true));
