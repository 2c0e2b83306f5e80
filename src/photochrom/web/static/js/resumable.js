/** Large files, sent in parts (tus 1.0): after a lost connection, or another visit, it goes on. @module */
import { csrfToken, problemIn } from "./net.js";
import { message } from "./messages.js";

const PART_BYTES = 4 * 1024 * 1024;
const TRIES = 40;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15_000;
const GONE = [403, 404, 410];
const HEADERS = { "Tus-Resumable": "1.0.0", Accept: "application/json" };

/** @typedef {{id: string, url: string}} UploadedPicture */
/** @typedef {{offset: number, pictures: string}} Progress */

/** It did not get through; trying again may help. */
export class BrokenError extends Error {}

/** The studio has too much in hand. */
export class BusyError extends Error {
  /** @param {number} waitMs */
  constructor(waitMs) {
    super(message("too_busy"));
    this.waitMs = waitMs;
  }
}

/** The next part begins elsewhere, or the upload is gone. */
class OffsetError extends Error {}

/**
 * @param {File} file
 * @param {string | undefined} model that was chosen for it; "": the studio chooses
 * @param {(part: number) => void} onProgress 0 to 1
 * @param {(lost: boolean) => void} onLost whether there is no connection
 * @param {AbortSignal} signal gives the upload up
 * @returns {Promise<UploadedPicture[]>}
 */
export async function sendInParts(file, model, onProgress, onLost, signal) {
  const key = `upload:${file.name}:${file.size}:${file.lastModified}:${model ?? ""}`;
  let failures = 0;
  for (;;) {
    try {
      const progress = await sendRest(file, model, key, onProgress, () => { failures = 0; onLost(false); }, signal);
      localStorage.removeItem(key);
      return progress.pictures.split(",").map((id) => ({ id, url: `/pictures/${id}` }));
    } catch (error) {
      if (signal.aborted) {
        await giveUp(key);
        throw new BrokenError(message("stopped"));
      }
      failures += 1;
      const again = error instanceof BrokenError || error instanceof BusyError || error instanceof OffsetError;
      if (!again || failures === TRIES) {
        if (!again) localStorage.removeItem(key);
        throw error;
      }
      if (error instanceof BrokenError) onLost(true);
      const waitMs = error instanceof BusyError ? error.waitMs : FIRST_WAIT_MS * 2 ** (failures - 1);
      await pause(Math.min(waitMs, LONGEST_WAIT_MS), signal);
    }
  }
}

/**
 * From where it is to the end.
 * @param {File} file @param {string | undefined} model @param {string} key @param {(part: number) => void} onProgress
 * @param {() => void} onSuccess after each part @param {AbortSignal} signal
 * @returns {Promise<Progress>}
 */
async function sendRest(file, model, key, onProgress, onSuccess, signal) {
  const known = localStorage.getItem(key);
  let progress = known ? await ask("HEAD", known, {}, signal) : undefined;
  const url = progress && known ? known : await create(file, model, key, signal);
  progress ??= { offset: 0, pictures: "" };
  while (!progress.pictures) {
    const start = progress.offset;
    const part = file.slice(start, start + PART_BYTES);
    progress = await sendPart(url, start, part, (bytes) => onProgress((start + bytes) / file.size), signal);
    onSuccess();
  }
  return progress;
}

/** @param {string} text @returns {string} */
function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

/**
 * @param {File} file @param {string | undefined} model @param {string} key @param {AbortSignal} signal
 * @returns {Promise<string>} its address
 */
async function create(file, model, key, signal) {
  const metadata = [`filename ${base64(file.name)}`];
  if (model !== undefined) metadata.push(`model ${base64(model)}`);
  const headers = { "Upload-Length": String(file.size), "Upload-Metadata": metadata.join(",") };
  const answer = await request("POST", "/uploads", headers, signal);
  const url = answer.headers.get("Location");
  if (!answer.ok || !url) throw refusal(answer.status, answer.headers.get("Retry-After"), await answer.text());
  try {
    localStorage.setItem(key, url);
  } catch (error) {
    console.info("another visit would begin anew:", error); // a browser without space goes on now
  }
  return url;
}

/**
 * @param {string} method @param {string} url @param {Record<string, string>} headers @param {AbortSignal} signal
 * @returns {Promise<Progress | undefined>} nothing where the upload is gone
 */
async function ask(method, url, headers, signal) {
  const answer = await request(method, url, headers, signal);
  if (GONE.includes(answer.status)) return undefined;
  if (!answer.ok) throw refusal(answer.status, answer.headers.get("Retry-After"), await answer.text());
  return { offset: Number(answer.headers.get("Upload-Offset")), pictures: answer.headers.get("Upload-Pictures") ?? "" };
}

/** @param {string} method @param {string} url @param {Record<string, string>} headers @param {AbortSignal} signal */
async function request(method, url, headers, signal) {
  try {
    const all = { ...HEADERS, "X-CSRFToken": csrfToken(), ...headers };
    return await fetch(url, { method, headers: all, credentials: "same-origin", signal });
  } catch (error) {
    throw new BrokenError(message("upload_stopped"));
  }
}

/**
 * XMLHttpRequest, because fetch does not tell how far an upload is.
 * @param {string} url @param {number} offset @param {Blob} part
 * @param {(bytes: number) => void} onProgress of this part @param {AbortSignal} signal
 * @returns {Promise<Progress>}
 */
function sendPart(url, offset, part, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open("PATCH", url);
    for (const [name, value] of Object.entries(HEADERS)) sending.setRequestHeader(name, value);
    sending.setRequestHeader("X-CSRFToken", csrfToken());
    sending.setRequestHeader("Upload-Offset", String(offset));
    sending.setRequestHeader("Content-Type", "application/offset+octet-stream");
    sending.upload.onprogress = (event) => onProgress(event.loaded);
    sending.onload = () => {
      const { status } = sending;
      if (status === 204)
        resolve({
          offset: Number(sending.getResponseHeader("Upload-Offset")),
          pictures: sending.getResponseHeader("Upload-Pictures") ?? "",
        });
      else reject(refusal(status, sending.getResponseHeader("Retry-After"), sending.responseText));
    };
    sending.onerror = () => reject(new BrokenError(message("upload_stopped")));
    sending.onabort = () => reject(new BrokenError(message("stopped")));
    signal.addEventListener("abort", () => sending.abort());
    sending.send(part);
  });
}

/** @param {number} status @param {string | null} retryAfter @param {string} text @returns {Error} */
function refusal(status, retryAfter, text) {
  if (status === 401) return new Error(message("signed_out"));
  if (status === 409 || status === 404) return new OffsetError(problemIn(text));
  if (status === 429 || status === 502 || status === 503 || status === 504)
    return new BusyError(1000 * Number(retryAfter || 3));
  return new Error(problemIn(text));
}

/** @param {string} key */
async function giveUp(key) {
  const url = localStorage.getItem(key);
  localStorage.removeItem(key);
  if (!url) return;
  const headers = { ...HEADERS, "X-CSRFToken": csrfToken() };
  // Where this does not get through either, the studio removes it after a day.
  await fetch(url, { method: "DELETE", headers, credentials: "same-origin", keepalive: true }).catch(() => undefined);
}

/** @param {number} ms @param {AbortSignal} signal */
function pause(ms, signal) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
    signal.addEventListener("abort", () => resolve(undefined));
    addEventListener("online", () => resolve(undefined), { once: true });
  });
}
