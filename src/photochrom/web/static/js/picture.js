/** The picture page: look, compare, correct, choose; every change is seen at once and saved. @module */
import { Compare } from "./compare.js";
import { History } from "./history.js";
import { follow } from "./live.js";
import { getJson, post, Refused } from "./net.js";
import { Palette } from "./palette.js";
import { Preview } from "./preview.js";
import { Spots } from "./spots.js";
import { need, words } from "./words.js";
import { Zoom } from "./zoom.js";

/** @typedef {import("./spots.js").Hint} Hint */
/**
 * @typedef {object} Edit what a person asks of a picture
 * @property {Hint[]} hints
 * @property {number | null} size working size in px, null: as the model likes it
 * @property {number} vividness
 * @property {number} variant 0: the first version
 */

const SAVE_AFTER_MS = 900;
const AIM_STEP_PX = 8;
/** Here the palette is a sheet below the picture, see studio.css. */
const narrow = matchMedia("(max-width: 60rem)");

const bench = need("workbench");
const data = bench.dataset;
const base = data.base ?? "";
const width = Number(data.width) || 4;
const height = Number(data.height) || 3;
const stage = need("stage");
const status = need("status");
/** @type {HTMLImageElement} */
const colour = need("colour");
/** @type {HTMLInputElement} */
const vividness = need("vividness");
/** @type {HTMLInputElement} */
const size = need("size");
/** @type {HTMLButtonElement} */
const correct = need("correct");
/** @type {HTMLButtonElement} */
const undo = need("undo");
/** @type {HTMLButtonElement} */
const redo = need("redo");
const aim = need("aim");

/** @type {Edit} */
const first = {
  hints: JSON.parse(data.hints ?? "[]"),
  size: data.size ? Number(data.size) : null,
  vividness: Number(data.vividness ?? 1),
  variant: Number(data.variant ?? 0),
};
/** @type {History<Edit>} */
const history = new History(first);
let revision = Number(data.revision);
let shown = Number(data.doneRevision);
let correcting = false;
let chosen = -1;
/** @type {{x: number, y: number} | null} a new spot that has no colour yet, px of the whole picture */
let pending = null;
let unsaved = false;
let saving = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let saveTimer;
let unfollow = () => {};

stage.style.setProperty("--ratio", String(width / height));

/* Where things are: the stage in px of the screen, the picture in its own px. */

/** @param {number} left @param {number} top @returns {{x: number, y: number}} */
function inPicture(left, top) {
  const x = ((left - zoom.x) / zoom.scale / stage.clientWidth) * width;
  const y = ((top - zoom.y) / zoom.scale / stage.clientHeight) * height;
  return {
    x: Math.min(width - 1, Math.max(0, Math.round(x))),
    y: Math.min(height - 1, Math.max(0, Math.round(y))),
  };
}

/** @param {number} x @param {number} y @returns {{left: number, top: number}} */
function inStage(x, y) {
  return {
    left: zoom.x + ((x + 0.5) / width) * stage.clientWidth * zoom.scale,
    top: zoom.y + ((y + 0.5) / height) * stage.clientHeight * zoom.scale,
  };
}

const palette = new Palette({ picked: pickColour, removed: removeSpot, closed: leaveSpot });
const spots = new Spots(need("spots"), need("spot-list"), {
  chosen: openSpot,
  moved(index, left, top) {
    const { x, y } = inPicture(left, top);
    withHints((hints) => hints.map((hint, at) => (at === index ? [x, y, hint[2]] : hint)));
  },
  where: ([x, y]) => inStage(x, y),
  nameOf: (name) => palette.nameOf(name),
});
const zoom = new Zoom(stage, {
  moved() {
    if (!correcting) compare.set(compare.percent);
    spots.place();
    need("zoom-fit").hidden = zoom.scale <= 1;
    showAim();
  },
  tapped(left, top) {
    if (correcting) newSpot(left, top);
  },
  dragged(clientX) {
    if (!correcting && !need("split").hidden) compare.follow(clientX);
  },
});
const compare = new Compare(stage, need("split"), () => zoom);
/** @type {Preview<Edit>} */
const preview = new Preview(`${base}/preview`, showColour, (error) => say(reason(error), true));

/* Showing */

/** @param {string} text @param {boolean} [bad] */
function say(text, bad = false) {
  const line = document.createElement("span");
  line.className = bad ? "bad" : "";
  line.textContent = text;
  status.replaceChildren(line);
}

/** @param {unknown} error @returns {string} */
function reason(error) {
  return error instanceof Refused ? error.message : words("connection_lost");
}

/** @param {string} address */
function showColour(address) {
  colour.src = address;
  if (!colour.hidden) return;
  colour.hidden = false;
  refresh();
  compare.set(50);
}

/** Everything that follows from the present state. */
function refresh() {
  const { hints, vividness: strength, size: detail } = history.present;
  const coloured = !colour.hidden;
  vividness.value = String(strength);
  vividness.setAttribute("aria-valuetext", `${Math.round(100 * strength)} %`);
  size.value = String(detail ?? size.dataset.auto);
  undo.disabled = history.past.length === 0;
  redo.disabled = history.future.length === 0;
  correct.disabled = !coloured;
  correct.setAttribute("aria-pressed", String(correcting));
  stage.classList.toggle("correcting", correcting);
  need("spots").classList.toggle("quiet-spots", !correcting);
  for (const id of ["split", "tag-before", "tag-after"]) need(id).hidden = correcting || !coloured;
  stage.style.setProperty("--cut", "0%");
  if (!correcting) compare.set(compare.percent);
  spots.show(hints, chosen);
  showAim();
}

/** @param {boolean} ready */
function offerDownloads(ready) {
  for (const link of bench.querySelectorAll("#download, [data-needs-result]")) {
    if (ready) link.removeAttribute("aria-disabled");
    else link.setAttribute("aria-disabled", "true");
  }
}

/* Changing */

/** @param {Partial<Edit>} change @param {string} [join] */
function edit(change, join = "") {
  history.push({ ...history.present, ...change }, join);
  changed();
}

function changed() {
  refresh();
  markVersion();
  preview.ask(history.present);
  unsaved = true;
  say(words("saving"));
  clearTimeout(saveTimer);
  saveTimer = setTimeout(save, SAVE_AFTER_MS);
}

async function save() {
  if (saving) return; // what changes meanwhile is saved afterwards
  saving = true;
  unsaved = false;
  clearTimeout(saveTimer);
  say(words("saving"));
  try {
    const answer = await post(`${base}/edit`, { ...history.present, revision });
    revision = (await answer.json()).revision;
    if (unsaved) saveTimer = setTimeout(save, SAVE_AFTER_MS);
    watch();
  } catch (error) {
    unsaved = true;
    say(words("not_saved", { problem: reason(error) }), true);
    if (error instanceof TypeError) saveTimer = setTimeout(save, 4 * SAVE_AFTER_MS);
  }
  saving = false;
}

function watch() {
  unfollow();
  offerDownloads(false);
  unfollow = follow(base, progressed, (lost) => lost && say(words("connection_lost"), true));
}

/** @param {import("./live.js").Progress} progress */
function progressed(progress) {
  const busy = progress.state === "waiting" || progress.state === "working";
  need("veil").hidden = !busy || !colour.hidden;
  need("veil-words").textContent = words(progress.state === "waiting" ? "waiting" : "colouring");
  if (progress.state === "failed") say(progress.problem ?? words("failed"), true);
  if (progress.state !== "done") return;
  const firstTime = colour.hidden;
  shown = revision = progress.revision;
  if (unsaved || saving) return; // that was for what is already changed again
  preview.drop();
  showColour(`${base}/preview/${shown}.jpg`);
  offerDownloads(true);
  say(words(firstTime ? "done" : "all_saved"));
}

/* Correcting a colour */

/** @param {(hints: Hint[]) => Hint[]} change @param {string} [join] */
function withHints(change, join = "") {
  edit({ hints: change(history.present.hints) }, join);
}

/** @param {number} left @param {number} top px of the stage */
function newSpot(left, top) {
  pending = inPicture(left, top);
  chosen = -1;
  refresh();
  const place = inStage(pending.x, pending.y);
  aim.style.setProperty("--left", `${place.left}px`);
  aim.style.setProperty("--top", `${place.top}px`);
  history.close();
  palette.open(null);
}

/** @param {number} index */
function openSpot(index) {
  setCorrecting(true);
  pending = null;
  chosen = index;
  refresh();
  history.close();
  palette.open(history.present.hints[index]?.[2] ?? null);
}

/** @param {string} picked */
function pickColour(picked) {
  if (pending) {
    const { x, y } = pending;
    pending = null;
    chosen = history.present.hints.length;
    withHints((hints) => [...hints, [x, y, picked]], "spot");
  } else if (chosen >= 0) {
    withHints((hints) => hints.map((hint, at) => (at === chosen ? [hint[0], hint[1], picked] : hint)), "spot");
  }
}

function removeSpot() {
  if (chosen < 0) return;
  const gone = chosen;
  chosen = -1;
  withHints((hints) => hints.filter((_, at) => at !== gone));
  say(words("removed_spot"));
}

function leaveSpot() {
  pending = null;
  chosen = -1;
  history.close();
  refresh();
  (correcting ? stage : correct).focus({ preventScroll: true });
}

/** @param {boolean} on */
function setCorrecting(on) {
  if (on === correcting) return;
  correcting = on;
  refresh();
  if (on) {
    stage.scrollIntoView({ block: narrow.matches ? "start" : "nearest" });
    preview.warm(history.present);
    say(words("hint_help"));
  } else {
    palette.close();
    if (status.textContent === words("hint_help")) status.replaceChildren();
  }
}

/** The circle that keys move, and that marks a spot which has no colour yet. */
function showAim() {
  aim.hidden = !(correcting && (pending || (document.activeElement === stage && stage.matches(":focus-visible"))));
}

/** @param {KeyboardEvent} event */
function stageKey(event) {
  if (event.target !== stage) return;
  /** @type {Record<string, [number, number]>} */
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const way = ways[event.key];
  const place = { x: aim.offsetLeft + aim.offsetWidth / 2, y: aim.offsetTop + aim.offsetHeight / 2 };
  if (event.key === "+" || event.key === "=") zoom.larger();
  else if (event.key === "-") zoom.smaller();
  else if (event.key === "0") zoom.fit();
  else if (event.key === "Escape" && correcting) setCorrecting(false);
  else if (event.key === "Enter" && correcting) newSpot(place.x, place.y);
  else if (way && correcting) {
    aim.style.setProperty("--left", `${Math.min(stage.clientWidth, Math.max(0, place.x + AIM_STEP_PX * way[0]))}px`);
    aim.style.setProperty("--top", `${Math.min(stage.clientHeight, Math.max(0, place.y + AIM_STEP_PX * way[1]))}px`);
  } else if (way && zoom.scale > 1) zoom.pan(-40 * way[0], -40 * way[1]);
  else return;
  event.preventDefault();
}

/* Versions */

/** @typedef {{n: number, url: string, name?: string}} Version */

async function loadVersions() {
  const grid = need("version-grid");
  if (grid.dataset.loaded) return;
  grid.dataset.loaded = "1";
  try {
    const answer = await getJson(need("versions").dataset.url ?? "");
    /** @type {Version[]} */
    const offered = answer.variants;
    grid.replaceChildren(...offered.map(versionButton));
    markVersion();
  } catch (error) {
    grid.dataset.loaded = "";
    say(reason(error), true);
  }
}

/** @param {Version} version @returns {HTMLElement} */
function versionButton(version) {
  const button = document.createElement("button");
  const image = document.createElement("img");
  image.src = version.url;
  image.alt = "";
  button.type = "button";
  button.className = "version";
  button.setAttribute("role", "radio");
  button.dataset.n = String(version.n);
  button.append(image, version.name ?? words("version", { number: version.n + 1 }));
  button.addEventListener("click", () => edit({ variant: version.n }));
  return button;
}

function markVersion() {
  const buttons = [...need("version-grid").querySelectorAll("button")];
  for (const button of buttons) {
    const ours = Number(button.dataset.n) === history.present.variant;
    button.setAttribute("aria-checked", String(ours));
    button.tabIndex = ours ? 0 : -1;
  }
}

/** @param {KeyboardEvent} event as radio buttons do */
function versionKey(event) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const buttons = [...need("version-grid").querySelectorAll("button")];
  const at = buttons.findIndex((button) => button.tabIndex === 0);
  const next = buttons[(at + step + buttons.length) % buttons.length];
  next?.click();
  next?.focus();
}

/* Wiring */

/** @param {boolean} moved @param {string} word */
function stepped(moved, word) {
  if (!moved) return;
  chosen = -1;
  palette.close();
  changed();
  say(words(word));
}

undo.addEventListener("click", () => stepped(history.undo(), "undone"));
redo.addEventListener("click", () => stepped(history.redo(), "redone"));
correct.addEventListener("click", () => setCorrecting(!correcting));
vividness.addEventListener("input", () => edit({ vividness: Number(vividness.value) }, "vividness"));
size.addEventListener("input", () => {
  const wanted = Number(size.value);
  edit({ size: wanted === Number(size.dataset.auto) ? null : wanted }, "size");
});
for (const slider of [vividness, size]) slider.addEventListener("change", () => history.close());
need("reset").addEventListener("click", () => edit({ hints: [], size: null, vividness: 1, variant: 0 }));
need("zoom-in").addEventListener("click", () => zoom.larger());
need("zoom-out").addEventListener("click", () => zoom.smaller());
need("zoom-fit").addEventListener("click", () => zoom.fit());
/** @type {HTMLDetailsElement} */
const versions = need("versions");
versions.addEventListener("toggle", loadVersions);
if (versions.open) loadVersions(); // somebody was faster than this script
need("version-grid").addEventListener("keydown", versionKey);
stage.addEventListener("keydown", stageKey);
stage.addEventListener("focus", showAim);
stage.addEventListener("blur", showAim);
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
  if (event.target instanceof HTMLInputElement && event.target.type === "text") return;
  event.preventDefault();
  (event.shiftKey ? redo : undo).click();
});
// A phone throws pages away without asking: what is not saved yet is saved when it is put aside.
document.addEventListener("visibilitychange", () => {
  if (document.hidden && unsaved) save();
});

refresh();
if (data.state === "waiting" || data.state === "working") watch();
