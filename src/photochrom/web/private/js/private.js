/** The page that colours on the device: pictures in, colours by the worker, hints, file out. @module */
import { offerCamera } from "./camera.js";
import { Compare } from "./compare.js";
import { History } from "./history.js";
import { HintMarkers } from "./hints.js";
import { message, need, note } from "./messages.js";
import { Palette } from "./palette.js";

/** @typedef {import("./hints.js").Point} Point */
/** @typedef {{hints: readonly Point[], vividness: number}} Edit */

const RADIUS_SHARE = 0.008;
const AIM_STEP_PX = 12;
const DRAG_PX = 8;
const CONTROL_MS = 4000;
const LANGUAGE = "photochrom-language";
const BROKEN = "worker.js";

const stage = need("stage");
const aim = need("aim");
const status = need("status");
/** @type {HTMLInputElement} */
const vividness = need("vividness");
/** @type {HTMLCanvasElement} */
const greyCanvas = need("grey");
/** @type {HTMLCanvasElement} */
const colorCanvas = need("color");
/** @type {HTMLButtonElement} */
const download = need("download");
/** @type {HTMLButtonElement} */
const undo = need("undo");
/** @type {HTMLButtonElement} */
const redo = need("redo");

/** @type {History<Edit>} */
let edits = new History({ hints: [], vividness: 1 });
let size = { width: 1, height: 1 };
let fileName = "picture";
let selection = -1;
/** @type {{x: number, y: number} | null} where a new spot is to be */
let newPlace = null;
let isColoring = false;
let isStale = false;

chooseLanguage();
const worker = makeWorker();
const compare = new Compare(stage, need("split"));
const palette = new Palette({ onPick: pickColor, onRemove: removeSpot, onClose: () => select(-1) });
const markers = new HintMarkers(need("hint-markers"), need("hint-list"), {
  onSelect: select,
  onMove: moveSpot,
  position: ({ x, y }) => ({ left: ((x + 0.5) / size.width) * stage.clientWidth, top: ((y + 0.5) / size.height) * stage.clientHeight }),
  colorName: (color) => palette.colorName(color),
});
listen();
prepare();

/** The language of the reader, who may have chosen another one before. */
function chooseLanguage() {
  /** @type {Record<string, string>} */
  const files = JSON.parse(document.body.dataset.languages ?? "{}");
  const here = document.documentElement.lang;
  const isEntry = !Object.values(files).some((file) => file !== "index.html" && location.pathname.endsWith(`/${file}`));
  const wanted = recall("localStorage", LANGUAGE) ?? navigator.languages.map((code) => code.split("-")[0] ?? "").find((code) => code in files);
  if (isEntry && wanted && wanted !== here && files[wanted]) location.replace(files[wanted]);
  for (const link of document.querySelectorAll("[data-language]")) {
    if (link instanceof HTMLElement) link.addEventListener("click", () => remember("localStorage", LANGUAGE, link.dataset.language ?? ""));
  }
}

/** @param {"localStorage" | "sessionStorage"} where @param {string} name @returns {string | null} nothing where a browser keeps nothing */
function recall(where, name) {
  try {
    return window[where].getItem(name);
  } catch (error) {
    return null; // as people tell it to, who want no cookies
  }
}

/** @param {"localStorage" | "sessionStorage"} where @param {string} name @param {string} value @returns {boolean} whether it is kept */
function remember(where, name, value) {
  try {
    window[where].setItem(name, value);
    return true;
  } catch (error) {
    return false;
  }
}

/** Jobs of the worker, by number. */
function makeWorker() {
  const { size: side = "", multiple = "", gain = "", generator = "" } = document.body.dataset;
  const address = new URL("./worker.js", import.meta.url);
  const engine = new URLSearchParams(location.search).get("engine") ?? "";
  address.search = new URLSearchParams({ size: side, multiple, gain, generator, engine }).toString();
  const thread = new Worker(address, { type: "module" });
  /** @type {Map<number, {resolve: (values: any) => void, reject: (error: Error) => void}>} */
  const waiting = new Map();
  let count = 0;
  thread.addEventListener("message", ({ data }) => {
    const one = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.problem === undefined) one?.resolve(data);
    else one?.reject(new Error(data.problem));
  });
  let isBroken = false;
  thread.addEventListener("error", (event) => {
    isBroken = true; // it did not come, or this browser cannot run it: nothing answers any more
    for (const { reject } of waiting.values()) reject(new Error(event.message || BROKEN));
    waiting.clear();
  });
  return {
    /** @param {string} job @param {object} [values] @returns {Promise<any>} */
    do: (job, values = {}) => new Promise((resolve, reject) => {
      if (isBroken) return reject(new Error(BROKEN));
      waiting.set((count += 1), { resolve, reject });
      thread.postMessage({ id: count, job, ...values });
    }),
  };
}

/** Keep the page for the time without a connection; then fetch what colours. */
async function prepare() {
  need("ready").textContent = message("getting_ready");
  const isKept = await keepPage();
  try {
    const { where } = await worker.do("start");
    document.body.dataset.engine = where;
    need("ready").textContent = isKept ? message("ready_offline") : "";
    document.body.dataset.ready = isKept ? "kept" : "here";
  } catch (error) {
    need("ready").textContent = "";
    tellFailure(error);
  }
}

/** @param {unknown} error why a picture does not get its colours */
function tellFailure(error) {
  console.info(error);
  note(`${message("failed")} ${error instanceof Error ? error.message : error}`, true);
}

/** @returns {Promise<boolean>} whether a service worker keeps the page */
async function keepPage() {
  if (!("serviceWorker" in navigator)) return false;
  try {
    await navigator.serviceWorker.register("sw.js", { updateViaCache: "none" });
  } catch (error) {
    console.info("no service worker:", error); // without HTTPS, or in an app: all else works
    return false;
  }
  const isControlled = await new Promise((resolve) => {
    if (navigator.serviceWorker.controller) resolve(true);
    navigator.serviceWorker.addEventListener("controllerchange", () => resolve(true));
    setTimeout(() => resolve(false), CONTROL_MS);
  });
  // Its headers allow threads from the next load on; nobody has chosen a picture yet.
  const isFirst = isControlled && !crossOriginIsolated && !recall("sessionStorage", "reloaded");
  if (isFirst && need("workbench").hidden && remember("sessionStorage", "reloaded", "1")) {
    location.reload();
    await new Promise(() => {});
  }
  return isControlled;
}

function listen() {
  for (const id of ["choose", "camera"]) {
    /** @type {HTMLInputElement} */
    const input = need(id);
    input.addEventListener("change", () => {
      const file = input.files?.[0];
      if (file) openFile(file, file.name);
      input.value = "";
    });
  }
  need("example").addEventListener("click", openExample);
  offerCamera(openFile);
  need("another").addEventListener("click", () => need("choose").click());
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
    if (file) openFile(file, file.name);
  });
  const veil = need("drop-veil");
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    veil.hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) veil.hidden = true;
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    veil.hidden = true;
    const file = event.dataTransfer?.files[0];
    if (file) openFile(file, file.name);
  });
  vividness.addEventListener("input", () => change({ ...edits.present, vividness: Number(vividness.value) }, "vividness"));
  vividness.addEventListener("change", () => edits.close());
  undo.addEventListener("click", () => step(edits.undo()));
  redo.addEventListener("click", () => step(edits.redo()));
  download.addEventListener("click", save);
  stage.addEventListener("pointerdown", touchStage);
  stage.addEventListener("keydown", moveAim);
  stage.addEventListener("blur", () => (aim.hidden = true));
  new ResizeObserver(() => {
    markers.place();
    compare.set(compare.percent);
  }).observe(stage);
}

async function openExample() {
  try {
    const answer = await fetch(new URL("../img/example.webp", import.meta.url));
    if (!answer.ok) throw new Error(`example.webp: ${answer.status}`);
    await openFile(await answer.blob(), "example.webp");
  } catch (error) {
    tellFailure(error);
  }
}

/** @param {Blob} file @param {string} name */
async function openFile(file, name) {
  need("notes").replaceChildren();
  try {
    const { isPicture, width, height, isSmaller, bitmap } = await worker.do("open", { file });
    if (!isPicture) return note(message("pick_files"), true);
    if (isSmaller) note(message("made_smaller", { width, height }), true);
    size = { width, height };
    fileName = name.replace(/\.[^.]*$/, "") || "picture";
    edits = new History({ hints: [], vividness: 1 });
    stage.style.setProperty("--ratio", String(width / height));
    draw(greyCanvas, bitmap);
    colorCanvas.getContext("2d")?.clearRect(0, 0, colorCanvas.width, colorCanvas.height);
    need("begin").hidden = true;
    need("workbench").hidden = false;
    download.disabled = true;
    compare.set(0);
    palette.close();
    stage.focus({ preventScroll: true });
    show();
  } catch (error) {
    tellFailure(error);
  }
}

/** @param {HTMLCanvasElement} canvas @param {ImageBitmap} bitmap */
function draw(canvas, bitmap) {
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext("2d");
  if (!context) throw new Error(`this device has no space for ${bitmap.width} × ${bitmap.height} px`);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
}

/** @param {Edit} edit @param {string} [join] */
function change(edit, join = "") {
  edits.push(edit, join);
  show();
}

/** @param {boolean} hasStep whether there was something to undo, or to do again */
function step(hasStep) {
  if (!hasStep) return;
  palette.close(); // its spot may be another one now, or none
  show();
}

/** Everything as the present edit has it. */
function show() {
  const { hints, vividness: strength } = edits.present;
  vividness.value = String(strength);
  undo.disabled = edits.past.length === 0;
  redo.disabled = edits.future.length === 0;
  markers.show(hints, selection);
  color();
}

async function color() {
  isStale = true;
  if (isColoring) return;
  isColoring = true;
  need("veil").hidden = false;
  status.textContent = "";
  try {
    while (isStale) {
      isStale = false;
      const began = performance.now();
      const { bitmap } = await worker.do("color", { spots: edits.present.hints.map(spot), vividness: edits.present.vividness });
      draw(colorCanvas, bitmap);
      document.body.dataset.colorMs = String(Math.round(performance.now() - began));
    }
    download.disabled = false;
    status.textContent = message("done");
  } catch (error) {
    tellFailure(error);
  }
  isColoring = false;
  need("veil").hidden = true;
}

/** @param {Point} hint */
function spot([x, y, hex]) {
  const code = parseInt(hex.slice(1), 16);
  return { x, y, radius: RADIUS_SHARE * Math.min(size.width, size.height), color: [code >> 16, (code >> 8) & 255, code & 255] };
}

/** @param {PointerEvent} start */
function touchStage(start) {
  if (start.button !== 0) return; // the browser's own menu
  if (start.target instanceof Element && start.target.closest(".split, .hint-marker")) return;
  stage.addEventListener("pointerup", (end) => {
    if (Math.hypot(end.clientX - start.clientX, end.clientY - start.clientY) > DRAG_PX) return;
    const box = stage.getBoundingClientRect();
    askColor(end.clientX - box.left, end.clientY - box.top);
  }, { once: true });
}

/** @param {number} left @param {number} top px of the stage */
function askColor(left, top) {
  const { x, y } = placeAt(left, top);
  selection = -1;
  newPlace = { x, y };
  aim.hidden = false;
  aim.style.setProperty("--left", `${left}px`);
  aim.style.setProperty("--top", `${top}px`);
  markers.show(edits.present.hints, -1);
  palette.open(null);
}

/** @param {number} left @param {number} top px of the stage @returns {{x: number, y: number}} px of the picture */
function placeAt(left, top) {
  const fit = (/** @type {number} */ v, /** @type {number} */ side) => Math.min(side - 1, Math.max(0, Math.round(v - 0.5)));
  return { x: fit((left / stage.clientWidth) * size.width, size.width), y: fit((top / stage.clientHeight) * size.height, size.height) };
}

/** @param {KeyboardEvent} event */
function moveAim(event) {
  if (event.target !== stage) return;
  /** @type {Record<string, [number, number]>} */
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const way = ways[event.key];
  const place = { left: aim.offsetLeft + aim.offsetWidth / 2, top: aim.offsetTop + aim.offsetHeight / 2 };
  if (event.key === "Enter") {
    if (aim.hidden) askColor(stage.clientWidth / 2, stage.clientHeight / 2);
    else askColor(place.left, place.top);
  } else if (way) {
    const from = aim.hidden ? { left: stage.clientWidth / 2, top: stage.clientHeight / 2 } : place;
    aim.hidden = false;
    aim.style.setProperty("--left", `${Math.min(stage.clientWidth, Math.max(0, from.left + AIM_STEP_PX * way[0]))}px`);
    aim.style.setProperty("--top", `${Math.min(stage.clientHeight, Math.max(0, from.top + AIM_STEP_PX * way[1]))}px`);
  } else return;
  event.preventDefault();
}

/** @param {string} hex */
function pickColor(hex) {
  const { hints } = edits.present;
  if (newPlace) {
    selection = hints.length;
    const { x, y } = newPlace;
    newPlace = null;
    aim.hidden = true;
    palette.allowRemoval(true);
    change({ ...edits.present, hints: [...hints, [x, y, hex]] }, "pick");
  } else if (hints[selection]) {
    change({ ...edits.present, hints: hints.map((hint, i) => (i === selection ? [hint[0], hint[1], hex] : hint)) }, "pick");
  }
}

function removeSpot() {
  if (edits.present.hints[selection]) change({ ...edits.present, hints: edits.present.hints.filter((_, i) => i !== selection) });
}

/** @param {number} index of a spot, or -1 */
function select(index) {
  edits.close();
  selection = index;
  newPlace = null;
  aim.hidden = true;
  markers.show(edits.present.hints, index);
  const hint = edits.present.hints[index];
  if (hint) palette.open(hint[2]);
}

/** @param {number} index @param {number} left @param {number} top px of the stage */
function moveSpot(index, left, top) {
  const { x, y } = placeAt(left, top);
  change({ ...edits.present, hints: edits.present.hints.map((hint, i) => (i === index ? [x, y, hint[2]] : hint)) });
}

async function save() {
  try {
    const { file } = await worker.do("save");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = `${fileName}.color.${file.type === "image/jpeg" ? "jpg" : "png"}`;
    // The Android app has no downloads: it puts the file into the gallery, and says how that went.
    link.addEventListener("saved", (event) => {
      const isSaved = event instanceof CustomEvent && event.detail;
      note(message(isSaved ? "in_gallery" : "not_in_gallery"), !isSaved);
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  } catch (error) {
    tellFailure(error);
  }
}
