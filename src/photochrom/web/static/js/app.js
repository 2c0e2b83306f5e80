/** What every page does: service worker, passwords to look at, questions before deleting. @module */
import { message, note, writeClocks } from "./messages.js";

const worker = document.body.dataset.serviceWorker;
if (worker && "serviceWorker" in navigator) {
  startWorker(worker).catch((error) => {
    // Browsers refuse it without HTTPS; the pages work all the same.
    console.info("no service worker:", error.message);
  });
}

/** @param {string} address */
async function startWorker(address) {
  await navigator.serviceWorker.register(address, { scope: "/" });
  const { active } = await navigator.serviceWorker.ready;
  active?.postMessage({ language: document.documentElement.lang });
}

const isOffline = document.querySelector("[data-reload]") !== null; // then nobody seems to be logged in
if ("caches" in window && !isOffline && !document.body.classList.contains("signed-in")) {
  // Files that another app shared belong to whoever was logged in; but see the address that a
  // share leads to, where whoever shared them is about to log in.
  const next = new URLSearchParams(location.search).get("next") ?? "";
  if (!next.startsWith("/library?shared=")) caches.delete("shared-files");
}

for (const box of document.querySelectorAll("[data-password]")) {
  const input = box.querySelector("input");
  if (!input) continue;
  const eye = document.createElement("button");
  eye.type = "button";
  eye.className = "password-eye";
  eye.setAttribute("aria-controls", input.id);
  const setVisible = (/** @type {boolean} */ visible) => {
    input.type = visible ? "text" : "password";
    eye.textContent = message(visible ? "hide_password" : "show_password");
  };
  eye.addEventListener("click", () => setVisible(input.type === "password"));
  setVisible(false);
  box.append(eye);
}

const invalid = document.querySelector('[aria-invalid="true"]');
if (invalid instanceof HTMLElement) invalid.focus();

/**
 * Ask before a form is sent.
 * @param {HTMLFormElement} form
 */
function ask(form) {
  const dialog = document.createElement("dialog");
  const text = document.createElement("p");
  const row = document.createElement("div");
  const no = document.createElement("button");
  const yes = document.createElement("button");
  dialog.className = "question";
  dialog.setAttribute("aria-labelledby", "question-text");
  text.id = "question-text";
  text.textContent = form.dataset.ask ?? "";
  row.className = "question-buttons";
  no.className = "button quiet";
  no.textContent = message("ask_no");
  yes.className = "button danger";
  yes.textContent = form.dataset.askYes ?? "";
  no.addEventListener("click", () => dialog.close());
  yes.addEventListener("click", () => {
    form.dataset.confirmed = "1";
    form.requestSubmit();
  });
  dialog.addEventListener("close", () => dialog.remove());
  row.append(no, yes);
  dialog.append(text, row);
  document.body.append(dialog);
  dialog.showModal();
  no.focus();
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.dataset.ask || form.dataset.confirmed) return;
  event.preventDefault();
  ask(form);
});

/** @param {Element} button @param {string} attribute @returns {HTMLInputElement | null} */
function fieldOf(button, attribute) {
  const field = document.getElementById(button.getAttribute(attribute) ?? "");
  return field instanceof HTMLInputElement ? field : null;
}

/** @param {HTMLInputElement} field */
async function copy(field) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    note(message("copied"));
  } catch (error) {
    note(message("copy_by_hand"));
  }
}

/** @param {ParentNode} part of the page whose buttons copy and send links */
function wireLinks(part) {
  for (const button of part.querySelectorAll("[data-copy]")) {
    const field = fieldOf(button, "data-copy");
    if (field) button.addEventListener("click", () => copy(field));
  }
  for (const button of part.querySelectorAll("[data-send]")) {
    const field = fieldOf(button, "data-send");
    if (!field || !(button instanceof HTMLElement) || !("share" in navigator)) continue;
    button.hidden = false;
    button.addEventListener("click", () => {
      navigator.share({ url: field.value, title: document.title }).catch(() => field.select());
    });
  }
}
wireLinks(document);

/**
 * Make or end a link where one stands, as nothing else of the page changes.
 * @param {HTMLFormElement} form of the share box
 */
async function shareInPlace(form) {
  try {
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form), credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const box = page.getElementById("share");
    if (!answer.ok || !box) throw new Error(String(answer.status));
    document.getElementById("share")?.replaceWith(box);
    wireLinks(box);
    const field = document.getElementById("share-link");
    if (field instanceof HTMLInputElement) {
      field.focus();
      await copy(field);
    } else box.querySelector("button")?.focus();
  } catch (error) {
    form.submit(); // the page that comes says what is wrong
  }
}
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.closest("#share")) return;
  event.preventDefault();
  shareInPlace(form);
});

writeClocks(document);

for (const link of document.querySelectorAll("a[data-takes-email]")) {
  link.addEventListener("click", () => {
    const email = fieldOf(link, "data-takes-email")?.value;
    if (email && link instanceof HTMLAnchorElement) link.search = new URLSearchParams({ email }).toString();
  });
}

for (const link of document.querySelectorAll("a[data-back]")) {
  // To the page of the library, or the search, that one came from; it is kept for a reload.
  const from = document.referrer && new URL(document.referrer);
  const start = link.getAttribute("data-back") ?? "";
  if (from && from.origin === location.origin && from.pathname === start) sessionStorage.setItem("back", from.search);
  if (link instanceof HTMLAnchorElement) link.search = sessionStorage.getItem("back") ?? "";
}

for (const link of document.querySelectorAll("[data-reload]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    location.reload();
  });
}
