/** Sending files one after the other, each with its line and its bar. @module */
import { csrfToken, problemIn } from "./net.js";
import { message } from "./messages.js";

/** @typedef {{id: string, url: string}} UploadedPicture */

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
 * @param {string} url
 * @param {HTMLElement} list where the lines go
 * @returns {Promise<{pictures: UploadedPicture[], failures: number}>}
 */
export async function sendAll(files, url, list) {
  const lines = files.map((file) => line(file, list));
  /** @type {UploadedPicture[]} */
  const pictures = [];
  let failures = 0;
  for (const [index, file] of files.entries()) {
    const { bar, label } = lines[index];
    try {
      pictures.push(...(await sendPatiently(file, url, (part) => (bar.value = part))));
      label.textContent = message("upload_done", { name: file.name });
      bar.value = 1;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      failures += 1;
      fail(lines[index], file.name, error.message);
    }
  }
  return { pictures, failures };
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
 * @param {{item: HTMLElement, bar: HTMLElement, label: HTMLElement}} line
 * @param {string} name
 * @param {string} problem
 */
function fail({ item, bar, label }, name, problem) {
  label.textContent = message("upload_failed", { name, problem });
  label.className = "bad";
  bar.remove();
  item.querySelector("img")?.remove(); // what is no picture cannot be shown
  item.setAttribute("role", "alert");
}

/** @param {File} file @param {HTMLElement} list */
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
 * @param {string} url
 * @param {(part: number) => void} onProgress 0 to 1
 * @returns {Promise<UploadedPicture[]>}
 */
async function sendPatiently(file, url, onProgress) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await sendOne(file, url, onProgress);
    } catch (error) {
      if (!(error instanceof BusyError) || attempt === TRIES) throw error;
      if (error.waitMs > LONGEST_WAIT_MS) throw error;
      await new Promise((resolve) => setTimeout(resolve, error.waitMs));
    }
  }
}

class BusyError extends Error {
  /** @param {number} waitMs */
  constructor(waitMs) {
    super(message("too_busy"));
    this.waitMs = waitMs;
  }
}

/**
 * XMLHttpRequest, because fetch does not tell how far an upload is.
 * @param {File} file
 * @param {string} url
 * @param {(part: number) => void} onProgress 0 to 1
 * @returns {Promise<UploadedPicture[]>}
 */
function sendOne(file, url, onProgress) {
  const form = new FormData();
  form.append("file", file, file.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-CSRFToken", csrfToken());
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    };
    request.onload = () => {
      if (request.status < 300) resolve(JSON.parse(request.responseText).pictures);
      else if (request.status === 429 || request.status === 503)
        reject(new BusyError(1000 * Number(request.getResponseHeader("Retry-After") || 3)));
      else if (request.status === 401) reject(new Error(message("signed_out")));
      else reject(new Error(problemIn(request.responseText)));
    };
    request.onerror = () => reject(new Error(message("upload_stopped")));
    request.send(form);
  });
}
