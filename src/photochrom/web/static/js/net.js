/** Asking the studio: every request that changes something carries the page's token. @module */
import { message } from "./messages.js";

/** Characters of a request: browsers refuse more than 64 KiB of all those that outlive their page. */
const MAX_KEPT_ALIVE = 20_000;

/** What the studio refused, in words for the person. */
export class RequestError extends Error {
  /** @param {string} message @param {number} status */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** @returns {string} the token that shows that a request comes from our page */
export function csrfToken() {
  return document.querySelector('meta[name="csrf-token"]')?.getAttribute("content") ?? "";
}

/**
 * @param {string} url
 * @param {unknown} body sent as JSON
 * @param {string} accept the media type wanted
 * @returns {Promise<Response>} an answer below 400; otherwise throws RequestError, or TypeError when
 *   there is no connection
 */
export async function post(url, body, accept = "application/json") {
  const text = JSON.stringify(body);
  const answer = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: accept, "X-CSRFToken": csrfToken() },
    body: text,
    credentials: "same-origin",
    keepalive: text.length < MAX_KEPT_ALIVE, // goes through even when the page is left now
  });
  if (!answer.ok) throw new RequestError(await problemOf(answer), answer.status);
  return answer;
}

/**
 * @param {string} url
 * @returns {Promise<any>} the JSON that stands there; throws like post()
 */
export async function getJson(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  if (!answer.ok) throw new RequestError(await problemOf(answer), answer.status);
  return answer.json();
}

/**
 * @param {Response} answer
 * @returns {Promise<string>} why, in the studio's words
 */
async function problemOf(answer) {
  if (answer.status === 401) return message("signed_out");
  if (answer.status === 429) return message("too_busy");
  return problemIn(await answer.text());
}

/**
 * @param {string} text what came back, JSON where all went as meant
 * @returns {string}
 */
export function problemIn(text) {
  try {
    return JSON.parse(text)?.error ?? message("failed");
  } catch (error) {
    if (error instanceof SyntaxError) return message("failed");
    throw error;
  }
}
