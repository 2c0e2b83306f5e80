/** How a job goes on: pushed by the studio, asked for where that does not get through. @module */
import { message } from "./messages.js";
import { getJson, RequestError } from "./net.js";

/**
 * @typedef {object} Progress
 * @property {"waiting" | "working" | "done" | "failed"} state
 * @property {number} progress 0 to 1
 * @property {number | null} seconds_left until a film is done; null: not known
 * @property {number} ahead how many pictures are coloured before it
 * @property {number} revision
 * @property {string | null} problem
 * @property {string} restored what was mended; empty: nothing to tell
 * @property {boolean} has_changes whether something was mended
 * @property {string} model which made the colours; empty: not known
 * @property {string} reference what became of the colours of another picture; empty: nothing to tell
 */

const POLL_MS = 1000;
const PATIENCE_MS = 4000;

/** @param {Progress} progress of what waits @returns {string} for how many others */
export function waitingText({ ahead }) {
  return ahead ? message("waiting_behind", { count: ahead }) : message("waiting");
}

/**
 * Follow a picture until it is done or failed.
 * @param {string} base the picture's address
 * @param {(progress: Progress) => void} onProgress called at every change, the last time at the end
 * @param {(isLost: boolean) => void} [onConnection] called when it breaks and when it is back
 * @returns {() => void} stops following
 */
export function follow(base, onProgress, onConnection = () => {}) {
  let isStopped = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const source = new EventSource(`${base}/events`);
  const stop = () => {
    isStopped = true;
    source.close();
    clearTimeout(timer);
  };
  /** @param {Progress} progress */
  const handle = (progress) => {
    if (isStopped) return;
    if (progress.state === "done" || progress.state === "failed") stop();
    onProgress(progress);
  };
  const poll = async () => {
    if (isStopped) return;
    try {
      const progress = await getJson(`${base}/state`);
      onConnection(false);
      handle(progress);
    } catch (error) {
      if (error instanceof RequestError && error.status < 500 && error.status !== 429) {
        stop();
        location.reload(); // to the log-in, or to what is said of a picture that is gone
        return;
      }
      onConnection(true);
    }
    timer = setTimeout(poll, POLL_MS);
  };
  const fallBack = () => {
    source.close();
    clearTimeout(timer);
    poll();
  };
  // A proxy may hold events back for ever: after some silence the page asks instead.
  timer = setTimeout(fallBack, PATIENCE_MS);
  source.onmessage = (event) => {
    clearTimeout(timer);
    onConnection(false);
    handle(JSON.parse(event.data));
    if (!isStopped) timer = setTimeout(fallBack, PATIENCE_MS);
  };
  source.onerror = () => {
    if (!isStopped) fallBack();
  };
  return stop;
}
