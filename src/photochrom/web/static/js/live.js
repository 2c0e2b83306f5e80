/** How a job goes on: pushed by the studio, asked for where that does not get through. @module */
import { getJson, Refused } from "./net.js";

/**
 * @typedef {object} Progress
 * @property {"waiting" | "working" | "done" | "failed"} state
 * @property {number} progress 0 to 1
 * @property {number} revision
 * @property {string | null} problem
 */

const POLL_MS = 1000;
const PATIENCE_MS = 4000;

/**
 * Follow a picture until it is done or failed.
 * @param {string} base the picture's address
 * @param {(progress: Progress) => void} tell called at every change, the last time at the end
 * @param {(lost: boolean) => void} [connection] told when it breaks and when it is back
 * @returns {() => void} stops following
 */
export function follow(base, tell, connection = () => {}) {
  let stopped = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const source = new EventSource(`${base}/events`);
  const stop = () => {
    stopped = true;
    source.close();
    clearTimeout(timer);
  };
  /** @param {Progress} progress */
  const take = (progress) => {
    if (stopped) return;
    if (progress.state === "done" || progress.state === "failed") stop();
    tell(progress);
  };
  const poll = async () => {
    if (stopped) return;
    try {
      const progress = await getJson(`${base}/state`);
      connection(false);
      take(progress);
    } catch (error) {
      if (error instanceof Refused && error.status < 500 && error.status !== 429) return stop();
      connection(true);
    }
    timer = setTimeout(poll, POLL_MS);
  };
  const fallBack = () => {
    source.close();
    clearTimeout(timer);
    poll();
  };
  // A proxy may hold events back for ever: who hears nothing for a while asks instead.
  timer = setTimeout(fallBack, PATIENCE_MS);
  source.onmessage = (event) => {
    clearTimeout(timer);
    connection(false);
    take(JSON.parse(event.data));
    if (!stopped) timer = setTimeout(fallBack, PATIENCE_MS);
  };
  source.onerror = () => {
    if (!stopped) fallBack();
  };
  return stop;
}
