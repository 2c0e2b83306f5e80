/** What scripts say: the messages come with the page, in its language. @module */

/** @type {Record<string, string | Record<string, string>>} */
const MESSAGES = JSON.parse(document.body.dataset.messages ?? "{}");

/**
 * A sentence by its key, with {names} filled in.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function message(key, values = {}) {
  const text = MESSAGES[key];
  return fill(typeof text === "string" ? text : key, values);
}

/**
 * A sentence with a number, in the form that its language has for it.
 * @param {string} key
 * @param {string} name the number's, in the sentence
 * @param {number} count
 * @returns {string}
 */
export function countMessage(key, name, count) {
  const forms = MESSAGES[key];
  if (typeof forms !== "object") return key;
  const form = new Intl.PluralRules(document.documentElement.lang).select(count);
  return fill(forms[form] ?? forms.other ?? forms.many ?? key, { [name]: count });
}

/** @param {string} text @param {Record<string, string | number>} values @returns {string} */
function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

const PASSING_MS = 6000;

/**
 * Show a line, which screen readers say: what went well for a while, wherever the page is scrolled to;
 * what is wrong at the top of the page, where it stays.
 * @param {string} text
 * @param {boolean} [bad]
 */
export function note(text, bad = false) {
  const line = document.createElement("p");
  line.className = bad ? "note note-bad" : "note note-passing";
  line.textContent = text;
  document.getElementById("notes")?.replaceChildren(line);
  if (!bad) setTimeout(() => line.remove(), PASSING_MS);
}

/**
 * The element that a page promises to have.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function need(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`this page has no #${id}`);
  return /** @type {T} */ (element);
}

/**
 * Times as their reader's clock has them: the server knows the day in UTC.
 * @param {ParentNode} part of the page
 */
export function writeClocks(part) {
  const { lang } = document.documentElement;
  const written = new Intl.DateTimeFormat(lang === "en" ? "en-GB" : lang, { dateStyle: "long", timeStyle: "short" });
  for (const time of part.querySelectorAll("time[data-clock]")) {
    if (time instanceof HTMLTimeElement) time.textContent = written.format(new Date(time.dateTime));
  }
}
