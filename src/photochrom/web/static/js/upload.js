/** Sending files, a few at once, each with its line, its bar and a way to stop it. @module */
import { csrfToken, problemIn } from "./net.js";
import { message } from "./messages.js";
import { BrokenError, BusyError, sendInParts } from "./resumable.js";

const AT_ONCE = 3;
const LARGE_BYTES = 8_000_000;

/** @typedef {{id: string, url: string}} UploadedPicture */
/** @typedef {{url: string, model?: string}} Place where a file goes, and the model that was chosen for it */
/** @typedef {{item: HTMLElement, bar: HTMLProgressElement, label: HTMLElement}} Line */

/**
 * @param {Iterable<File>} files
 * @param {string} accept media types and endings that the studio takes, with commas
 * @returns {File[]} those of them
 */
export function filterFiles(files, accept) {
  const types = accept.split(",");
  const endings = types.filter((one) => one.startsWith("."));
  return [...files].filter(
    ({ type, name }) => types.includes(type) || endings.some((one) => name.toLowerCase().endsWith(one)),
  );
}

/**
 * @param {File[]} files
 * @param {Place & {maxBytes: number, freeBytes: number}} studio where to, the largest file, and the
 *   space that is left
 * @param {HTMLElement} list where the lines go
 * @returns {Promise<{pictures: UploadedPicture[], failures: number}>}
 */
export async function sendAll(files, studio, list) {
  /** @type {UploadedPicture[]} */
  const pictures = [];
  let failures = 0;
  let freeBytes = studio.freeBytes;
  const waiting = files.map((file) => ({ file, shown: line(file, list) }));
  const sendWaiting = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { file, shown } = next;
      const problem = problemOf(file, studio.maxBytes, freeBytes);
      if (problem) {
        failures += 1;
        fail(shown, file.name, problem);
        continue;
      }
      freeBytes -= file.size;
      const sent = await sendWithLine(file, studio, shown);
      if (sent) pictures.push(...sent);
      else {
        failures += 1;
        freeBytes += file.size;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sendWaiting));
  return { pictures, failures };
}

/**
 * @param {File} file
 * @param {number} maxBytes
 * @param {number} freeBytes
 * @returns {string} why it need not be sent; nothing where it may be
 */
function problemOf(file, maxBytes, freeBytes) {
  if (file.size > maxBytes) return message("too_large", { megabytes: Math.floor(maxBytes / 1e6) });
  return file.size > freeBytes ? message("no_space") : "";
}

/**
 * Send a file, and offer to stop it; after a failure, to try again.
 * @param {File} file
 * @param {Place} place
 * @param {Line} shown
 * @returns {Promise<UploadedPicture[] | undefined>} nothing where it failed or was stopped
 */
async function sendWithLine(file, place, shown) {
  const stopper = new AbortController();
  const button = smallButton(message("stop_upload", { name: file.name }), "×");
  button.addEventListener("click", () => stopper.abort());
  shown.item.append(button);
  try {
    const onProgress = (/** @type {number} */ part) => (shown.bar.value = part);
    const onLost = (/** @type {boolean} */ lost) => {
      shown.label.textContent = message(lost ? "connection_lost" : "uploading", { name: file.name });
    };
    const sent =
      file.size > LARGE_BYTES
        ? await sendInParts(file, place.model, onProgress, onLost, stopper.signal)
        : await sendPatiently(file, place, onProgress, stopper.signal);
    shown.label.textContent = message("upload_done", { name: file.name });
    shown.bar.value = 1;
    return sent;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    fail(shown, file.name, error.message);
    if (error instanceof BrokenError) offerRetry(file, place, shown);
    return undefined;
  } finally {
    button.remove();
  }
}

/** @param {File} file @param {Place} place @param {Line} shown */
function offerRetry(file, place, shown) {
  const button = smallButton(message("try_again"), message("try_again"));
  button.addEventListener("click", async () => {
    const list = /** @type {HTMLElement} */ (shown.item.parentElement);
    const again = line(file, list);
    shown.item.replaceWith(again.item);
    const sent = await sendWithLine(file, place, again);
    if (sent?.length) again.label.append(" ", linkTo(sent[0].url, file.name));
  });
  shown.item.append(button);
}

/** @param {string} url @param {string} text */
function linkTo(url, text) {
  const link = document.createElement("a");
  link.href = url;
  link.textContent = text;
  return link;
}

/** @param {string} name for screen readers @param {string} text */
function smallButton(name, text) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button quiet small";
  button.setAttribute("aria-label", name);
  button.textContent = text;
  return button;
}

/**
 * A line for a file that is not sent at all.
 * @param {File} file
 * @param {HTMLElement} list
 */
export function refuse(file, list) {
  fail(line(file, list), file.name, message("upload_skipped"));
}

/**
 * @param {Line} line
 * @param {string} name
 * @param {string} problem
 */
function fail({ item, bar, label }, name, problem) {
  // The studio names the file itself, where it speaks of what is in it.
  label.textContent = problem.includes(name) ? problem : message("upload_failed", { name, problem });
  label.className = "bad";
  bar.remove();
  item.querySelector("img")?.remove(); // what is no picture cannot be shown
  item.setAttribute("role", "alert");
}

/** @param {File} file @param {HTMLElement} list @returns {Line} */
function line(file, list) {
  const item = document.createElement("li");
  const image = document.createElement("img");
  const label = document.createElement("span");
  const bar = document.createElement("progress");
  item.className = "upload";
  image.alt = "";
  if (file.type.startsWith("image/")) image.src = URL.createObjectURL(file);
  image.onload = () => URL.revokeObjectURL(image.src);
  image.onerror = () => image.removeAttribute("src");
  label.textContent = message("uploading", { name: file.name });
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", label.textContent);
  item.append(image, label, bar);
  list.append(item);
  return { item, bar, label };
}

const TRIES = 20;
const LONGEST_WAIT_MS = 15_000;

/**
 * Sends a file, again and again while the studio has too much in hand to look at it.
 * @param {File} file
 * @param {Place} place
 * @param {(part: number) => void} onProgress 0 to 1
 * @param {AbortSignal} signal stops it
 * @returns {Promise<UploadedPicture[]>}
 */
async function sendPatiently(file, place, onProgress, signal) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await sendOne(file, place, onProgress, signal);
    } catch (error) {
      if (!(error instanceof BusyError) || attempt === TRIES) throw error;
      if (error.waitMs > LONGEST_WAIT_MS) throw error;
      await new Promise((resolve) => setTimeout(resolve, error.waitMs));
      if (signal.aborted) throw new BrokenError(message("stopped"));
    }
  }
}

/**
 * @param {string} text what came back
 * @returns {UploadedPicture[] | undefined} nothing where somebody between here and the studio has answered
 */
function picturesIn(text) {
  try {
    return JSON.parse(text).pictures;
  } catch (error) {
    return undefined;
  }
}

/**
 * XMLHttpRequest, because fetch does not tell how far an upload is.
 * @param {File} file
 * @param {Place} place
 * @param {(part: number) => void} onProgress 0 to 1
 * @param {AbortSignal} signal
 * @returns {Promise<UploadedPicture[]>}
 */
function sendOne(file, place, onProgress, signal) {
  const form = new FormData();
  if (place.model !== undefined) form.append("chosen_model", place.model);
  form.append("file", file, file.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", place.url);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-CSRFToken", csrfToken());
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    };
    request.onload = () => {
      const pictures = request.status < 300 ? picturesIn(request.responseText) : undefined;
      if (pictures) resolve(pictures);
      else if (request.status === 429 || request.status === 503)
        reject(new BusyError(1000 * Number(request.getResponseHeader("Retry-After") || 3)));
      else if (request.status === 401) reject(new Error(message("signed_out")));
      else reject(new Error(problemIn(request.responseText)));
    };
    request.onerror = () => reject(new BrokenError(message("upload_stopped")));
    request.onabort = () => reject(new BrokenError(message("stopped")));
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}
