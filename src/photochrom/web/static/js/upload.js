/** Sending files one after the other, each with its line and its bar. @module */
import { csrfToken, problemIn } from "./net.js";
import { words } from "./words.js";

/** @typedef {{id: string, url: string}} Sent */

/**
 * @param {Iterable<File>} files
 * @param {string} taken media types and endings that the studio takes, with commas
 * @returns {File[]} those of them
 */
export function readable(files, taken) {
  const known = taken.split(",");
  const endings = known.filter((one) => one.startsWith("."));
  return [...files].filter(
    ({ type, name }) => known.includes(type) || endings.some((one) => name.toLowerCase().endsWith(one)),
  );
}

/**
 * @param {File[]} files
 * @param {string} url
 * @param {HTMLElement} list where the lines go
 * @returns {Promise<{sent: Sent[], refused: number}>}
 */
export async function sendAll(files, url, list) {
  const lines = files.map((file) => line(file, list));
  /** @type {Sent[]} */
  const sent = [];
  let refused = 0;
  for (const [index, file] of files.entries()) {
    const { item, bar, label } = lines[index];
    try {
      sent.push(...(await sendOne(file, url, (part) => (bar.value = part))));
      label.textContent = words("upload_done", { name: file.name });
      bar.value = 1;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      refused += 1;
      label.textContent = words("upload_failed", { name: file.name, problem: error.message });
      label.className = "bad";
      bar.remove();
      item.setAttribute("role", "alert");
    }
  }
  return { sent, refused };
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
  label.textContent = words("uploading", { name: file.name });
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", label.textContent);
  item.append(image, label, bar);
  list.append(item);
  return { item, bar, label };
}

/**
 * XMLHttpRequest, because fetch does not tell how far an upload is.
 * @param {File} file
 * @param {string} url
 * @param {(part: number) => void} tell 0 to 1
 * @returns {Promise<Sent[]>}
 */
function sendOne(file, url, tell) {
  const form = new FormData();
  form.append("file", file, file.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-CSRFToken", csrfToken());
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) tell(event.loaded / event.total);
    };
    request.onload = () => {
      if (request.status < 300) resolve(JSON.parse(request.responseText).pictures);
      else if (request.status === 429) reject(new Error(words("too_busy")));
      else if (request.status === 401) reject(new Error(words("signed_out")));
      else reject(new Error(problemIn(request.responseText)));
    };
    request.onerror = () => reject(new Error(words("upload_stopped")));
    request.send(form);
  });
}
