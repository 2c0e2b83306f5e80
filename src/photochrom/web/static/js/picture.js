/** The picture page: look, compare, correct, choose; every change is seen at once and saved. @module */
import { AreaOutline, resized } from "./areas.js";
import { PictureChooser } from "./chooser.js";
import { Closer } from "./closer.js";
import { Compare } from "./compare.js";
import { History, isSame } from "./history.js";
import { follow, waitingText } from "./live.js";
import { getJson, post, RequestError } from "./net.js";
import { Palette } from "./palette.js";
import { PastResults } from "./past.js";
import { Pipette } from "./pipette.js";
import { Preview } from "./preview.js";
import { colorOf, HintMarkers, movedTo, placeOf, withColor } from "./hints.js";
import { countMessage, message, need } from "./messages.js";
import { MendingBox } from "./mending.js";
import { ReferenceBox } from "./reference.js";
import { SavedColors } from "./saved.js";
import { Brush, StrokeLayer } from "./strokes.js";
import { Tips } from "./tips.js";
import { Zoom } from "./zoom.js";

/** @typedef {import("./hints.js").Hint} Hint */
/**
 * @typedef {object} Edit what a person asks of a picture
 * @property {Hint[]} hints
 * @property {number | null} size working size in px, null: as the model likes it
 * @property {number} vividness
 * @property {number} variant 0: the first variant
 * @property {boolean} keep_colors whether colours that the original has are kept
 * @property {number} temperature added to b*, CIELAB units
 * @property {number} tint added to a*, CIELAB units
 * @property {number} neutral how much of its cast is taken away, [0, 1]
 * @property {boolean} restore whether its damage is mended first
 * @property {boolean} scratched whether somebody sees scratches or specks in it
 * @property {string | null} reference identifier of the picture that gives colours
 * @property {string | null} chosen_model name of the model, null: the studio chooses
 */

const SAVE_AFTER_MS = 900;
const AIM_STEP_PX = 8;
const BUSY_PAUSE_MS = 1500;
/** Answers after which the same may be taken a little later: too busy, or away. */
const PASSING = [429, 502, 503, 504];
/** Here the palette is a sheet below the picture, see studio.css. */
const narrow = matchMedia("(max-width: 60rem)");

const MAX_KEPT_STEPS = 30;

const workbench = need("workbench");
const data = workbench.dataset;
const base = data.base ?? "";
const width = Number(data.width) || 4;
const height = Number(data.height) || 3;
const stage = need("stage");
const status = need("status");
/** @type {HTMLImageElement} */
const colorImage = need("color");
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
const modelSelect = document.getElementById("chosen-model");
const model = modelSelect instanceof HTMLSelectElement ? modelSelect : null;
const aim = need("aim");
/** @type {("temperature" | "tint" | "neutral")[]} */
const SHIFTS = ["temperature", "tint", "neutral"];
/** @type {HTMLInputElement[]} */
const shiftSliders = SHIFTS.map((name) => need(name));

/** @type {Edit} */
const first = {
  hints: JSON.parse(data.hints ?? "[]"),
  size: data.size ? Number(data.size) : null,
  vividness: Number(data.vividness ?? 1),
  variant: Number(data.variant ?? 0),
  keep_colors: data.keepColors !== "false",
  temperature: Number(data.temperature ?? 0),
  tint: Number(data.tint ?? 0),
  neutral: Number(data.neutral ?? 0),
  reference: data.reference || null,
  restore: data.restore === "true",
  scratched: data.scratched === "true",
  chosen_model: data.chosenModel || null,
};
/** @type {Edit} what nobody has changed */
const plain = { hints: [], size: null, vividness: 1, variant: 0, keep_colors: true, temperature: 0, tint: 0, neutral: 0, reference: null, restore: false, scratched: false, chosen_model: null };
const hasOwnColors = Boolean(data.ownColors);
/** @type {History<Edit>} */
const history = new History(first);
let revision = Number(data.revision);
let shownRevision = Number(data.doneRevision);
let isCorrecting = false;
let selection = -1;
/** @type {{x: number, y: number} | null} a new spot that has no colour yet, px of the whole picture */
let newPlace = null;
/** Whether touches mean what they are part of, and how large a new area is. */
let isAreaTool = false;
let areaTolerance = Number(data.areaTolerance);
let hasChanges = false;
let isSaving = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let saveTimer;
let stopFollowing = () => {};

const KEPT = `steps:${base}`;
restoreSteps();

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

/**
 * Where something is shown that would otherwise lie under the buttons over the picture.
 * @param {{left: number, top: number}} place of its middle, in the stage, px
 */
function besideButtons({ left, top }) {
  const frame = stage.getBoundingClientRect();
  for (const bar of [need("brush-bar"), need("zoom")]) {
    const box = bar.getBoundingClientRect();
    const x = frame.left + left;
    const y = frame.top + top;
    if (x < box.left || x > box.right || y < box.top || y > box.bottom) continue;
    return { left, top: (bar.id === "brush-bar" ? box.bottom : box.top) - frame.top };
  }
  return { left, top };
}

const palette = new Palette({ onPick: pickColor, onRemove: removeHint, onClose: leaveHint });
const chooser = new PictureChooser(showStatus, (error) => showStatus(errorText(error), true));
const pipette = new Pipette(
  (color) => palette.pick(color),
  () => chooser.open((photo) => pipette.show(photo.preview), base.split("/").at(-1)),
  () => showStatus(message("connection_lost"), true),
);
const reference = new ReferenceBox(base, chooser, {
  onChange: (id) => edit({ reference: id }),
});
const saved = new SavedColors(`/colors/of/${base.split("/").at(-1)}`, {
  selected: () => history.present.hints[selection] ?? null,
  place: (hint) => ({ color: colorOf(hint), ...placeOf(hint) }),
  onAccept: (hint) => withHints((hints) => [...hints, hint]),
  onStatus: showStatus,
});
const pastResults = new PastResults(base);
const mending = new MendingBox(base, { onChange: edit });
const strokes = new StrokeLayer(need("strokes"), width, height);
const brush = new Brush(strokes, Math.max(width, height));
const outline = new AreaOutline(`${base}/area`, need("area"), width, height);
const tips = new Tips(`${base}/uncertain`, need("tips"), {
  onSelect({ x, y }) {
    const place = inStage(x, y);
    startHint(place.left, place.top);
  },
  position: ({ x, y }) => besideButtons(inStage(x, y)),
  onFound: (count) => showToolStatus(count ? countMessage("tips_shown", "count", count) : message("no_tips")),
  onError(error) {
    showStatus(errorText(error), true);
    showTools();
  },
});
const brushSizes = [...need("brush-sizes").querySelectorAll("button[aria-pressed]")];
const markers = new HintMarkers(need("hint-markers"), need("hint-list"), {
  onSelect: openHint,
  onMove(index, left, top) {
    const place = inPicture(left, top);
    withHints((hints) => hints.map((hint, at) => (at === index ? movedTo(hint, place, width, height) : hint)));
  },
  position: ({ x, y }) => inStage(x, y),
  colorName: (name) => palette.colorName(name),
});
const closer = new Closer(base, stage, { grey: need("close-grey"), color: need("close-color") }, width, height, () => zoom);
const zoom = new Zoom(stage, {
  onChange() {
    if (!isCorrecting) compare.set(compare.percent);
    markers.place();
    tips.place();
    closer.moved();
    need("zoom-fit").hidden = zoom.scale <= 1;
    showAim();
  },
  onTap(left, top) {
    if (isCorrecting) startHint(left, top);
  },
  onDrag(clientX) {
    if (!isCorrecting && !need("split").hidden) compare.follow(clientX);
  },
  pen: {
    isOn: () => isCorrecting && brush.isOn,
    start: startStroke,
    move: (left, top) => brush.move(inPicture(left, top)),
    end: keepStroke,
    cancel: () => brush.cancel(),
  },
});
const compare = new Compare(stage, need("split"), () => zoom);
/** @type {Preview<Edit>} */
const preview = new Preview(`${base}/preview`, showColor, (error) => showStatus(errorText(error), true));

/* Showing */

/** @param {string} text @param {boolean} [bad] @param {{href: string, text: string} | null} [way] out of it */
function showStatus(text, bad = false, way = null) {
  const line = document.createElement("span");
  line.className = bad ? "bad" : "";
  line.textContent = text;
  status.replaceChildren(line);
  if (!way) return;
  const link = document.createElement("a");
  link.href = way.href;
  link.textContent = way.text;
  status.append(" ", link);
}

/** What a tool says goes with it. */
let toolText = "";

/** @param {string} text */
function showToolStatus(text) {
  toolText = text;
  showStatus(text);
}

/** @param {unknown} error @returns {{href: string, text: string} | null} where somebody goes on after it */
function wayOut(error) {
  if (!(error instanceof RequestError)) return null;
  if (error.status === 401) return { href: `/log-in?next=${encodeURIComponent(base)}`, text: message("log_in") };
  return [400, 409].includes(error.status) ? { href: base, text: message("load_again") } : null;
}

/** Undo goes on after the page was loaded again, and what could not be saved is there after logging in. */
function keepSteps() {
  const { past, present, future } = history;
  const steps = { revision, unsaved: hasChanges, present, past: past.slice(-MAX_KEPT_STEPS), future: future.slice(-MAX_KEPT_STEPS) };
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(steps));
  } catch (error) {
    sessionStorage.removeItem(KEPT); // very many strokes; they are saved, and can be undone until the page is left
  }
}

function restoreSteps() {
  const text = sessionStorage.getItem(KEPT);
  if (!text) return;
  const steps = JSON.parse(text);
  const isSaved = isSame(steps.present, first);
  if (steps.revision !== revision || !(isSaved || steps.unsaved)) return sessionStorage.removeItem(KEPT);
  history.past = steps.past;
  history.future = steps.future;
  history.present = steps.present;
  hasChanges = !isSaved;
}

/** Nothing is asked but of the same model. @param {Partial<Edit>} [more] @returns {Edit} */
function plainEdit(more = {}) {
  return { ...plain, chosen_model: history.present.chosen_model, ...more };
}

/** @param {unknown} error @returns {string} */
function errorText(error) {
  return error instanceof RequestError ? error.message : message("connection_lost");
}

/** @param {string} address */
function showColor(address) {
  colorImage.src = address;
  closer.show(address.startsWith("blob:") ? 0 : shownRevision);
  if (!colorImage.hidden) return;
  colorImage.hidden = false;
  refresh();
  compare.set(50);
}

/** Everything that follows from the present state. */
function refresh() {
  const { hints, vividness: strength, size: detail } = history.present;
  const hasColor = !colorImage.hidden;
  vividness.value = String(strength);
  vividness.setAttribute("aria-valuetext", message("percent", { percent: Math.round(100 * strength) }));
  size.value = String(detail ?? size.dataset.auto);
  SHIFTS.forEach((name, index) => {
    const slider = shiftSliders[index];
    if (slider) slider.value = String(history.present[name]);
  });
  undo.disabled = history.past.length === 0;
  redo.disabled = history.future.length === 0;
  correct.disabled = !hasColor;
  correct.setAttribute("aria-pressed", String(isCorrecting));
  stage.classList.toggle("correcting", isCorrecting);
  need("hint-markers").classList.toggle("quiet-markers", !isCorrecting);
  for (const id of ["split", "tag-before", "tag-after"]) need(id).hidden = isCorrecting || !hasColor;
  stage.style.setProperty("--cut", "0%");
  if (!isCorrecting) compare.set(compare.percent);
  if (hasOwnColors) {
    need("keep-colors").setAttribute("aria-pressed", String(keepsColors(history.present)));
    need("color-anew").setAttribute("aria-pressed", String(!keepsColors(history.present)));
  }
  if (model) model.value = history.present.chosen_model ?? "";
  reference.show(history.present.reference);
  mending.show(history.present);
  markers.show(hints, selection);
  strokes.show(hints, selection);
  need("strokes").classList.toggle("quiet-markers", !isCorrecting);
  saved.button.disabled = selection < 0;
  showTools();
  showArea();
  showAim();
}

/** Of a picture that is in colour all over, other colours are all or none. @param {Edit} asked @returns {boolean} */
function keepsColors({ hints, size: detail, vividness: strength, variant, keep_colors: keep, reference: giver, ...shifts }) {
  const isShifted = SHIFTS.some((name) => shifts[name] !== 0);
  const isPlain = hints.length === 0 && detail === null && strength === 1 && variant === 0 && !isShifted && giver === null;
  return keep && (isPlain || data.ownColors !== "all");
}

/** @param {boolean} ready */
function offerDownloads(ready) {
  for (const link of workbench.querySelectorAll("#download, [data-needs-result]")) {
    if (ready) link.removeAttribute("aria-disabled");
    else link.setAttribute("aria-disabled", "true");
  }
}

/* Changing */

/** @param {Partial<Edit>} change @param {string} [join] */
function edit(change, join = "") {
  history.push({ ...history.present, ...change }, join);
  applyChange();
}

function applyChange() {
  refresh();
  markVariant();
  preview.ask(history.present);
  tips.changed(history.present);
  hasChanges = true;
  keepSteps();
  showStatus(message("saving"));
  clearTimeout(saveTimer);
  saveTimer = setTimeout(save, SAVE_AFTER_MS);
}

async function save() {
  if (isSaving) return; // what changes meanwhile is saved afterwards
  isSaving = true;
  hasChanges = false;
  clearTimeout(saveTimer);
  showStatus(message("saving"));
  try {
    const answer = await post(`${base}/edit`, { ...history.present, revision });
    revision = (await answer.json()).revision;
    keepSteps();
    if (hasChanges) saveTimer = setTimeout(save, SAVE_AFTER_MS);
    watch();
  } catch (error) {
    hasChanges = !(error instanceof RequestError && error.status === 409);
    keepSteps();
    showStatus(message("not_saved", { problem: errorText(error) }), true, wayOut(error));
    const passes = error instanceof TypeError || (error instanceof RequestError && PASSING.includes(error.status));
    if (passes) saveTimer = setTimeout(save, 4 * SAVE_AFTER_MS);
  }
  isSaving = false;
}

function watch() {
  stopFollowing();
  offerDownloads(false);
  stopFollowing = follow(base, showProgress, (isLost) => isLost && showStatus(message("connection_lost"), true));
}

/** @param {import("./live.js").Progress} progress */
function showProgress(progress) {
  const busy = progress.state === "waiting" || progress.state === "working";
  need("veil").hidden = !busy || !colorImage.hidden;
  need("stop").hidden = !busy;
  need("veil-text").textContent = progress.state === "waiting" ? waitingText(progress) : message("coloring");
  if (progress.state === "failed") {
    const again = { href: base, text: message("load_again") };
    showStatus(progress.problem ?? message("failed"), true, again);
  }
  if (progress.state !== "done") return;
  if (progress.revision !== revision) {
    // Changed elsewhere: what stands here is not what was asked for last, and would undo that.
    if (!hasChanges && !isSaving) location.reload();
    return;
  }
  const firstTime = colorImage.hidden;
  shownRevision = revision;
  keepSteps();
  if (hasChanges || isSaving) return; // that was for what is already changed again
  // Sizes, versions and likely colours are other ones now.
  if ((history.present.chosen_model ?? "") !== data.chosenModel) return location.reload();
  preview.drop();
  showColor(`${base}/preview/${shownRevision}.jpg`);
  offerDownloads(true);
  need("model-note").textContent = progress.model;
  reference.tell(progress.reference);
  mending.tell(progress.restored, progress.has_changes, shownRevision);
  pastResults.changed();
  showStatus(message(firstTime ? "done" : "all_saved"));
}

/* Correcting a colour */

/** @param {(hints: Hint[]) => Hint[]} change @param {string} [join] */
function withHints(change, join = "") {
  edit({ hints: change(history.present.hints) }, join);
}

/** @param {number} left @param {number} top px of the stage */
function startHint(left, top) {
  newPlace = inPicture(left, top);
  selection = -1;
  refresh();
  const place = inStage(newPlace.x, newPlace.y);
  aim.style.setProperty("--left", `${place.left}px`);
  aim.style.setProperty("--top", `${place.top}px`);
  history.close();
  palette.open(null);
  suggestColors(newPlace);
}

/** Whether these are the colours of the place that is open now: the newest question counts. */
let suggestionNumber = 0;
let hasSuggestions = true;

/** @param {import("./hints.js").Place | null} place of which likely colours are shown, px; null: none */
async function suggestColors(place) {
  suggestionNumber += 1;
  const number = suggestionNumber;
  if (!place || !hasSuggestions) return palette.suggest([]);
  palette.awaitSuggestions();
  const others = history.present.hints.filter((_, at) => at !== selection);
  try {
    const answer = await post(`${base}/suggestions`, { place: [place.x, place.y], hints: others });
    const { colors } = await answer.json();
    hasSuggestions = colors.length > 0; // otherwise the model has none for any place
    if (number === suggestionNumber) palette.suggest(colors);
  } catch (error) {
    if (number !== suggestionNumber) return;
    palette.suggest([]);
    if (!(error instanceof RequestError && error.status === 429)) return showStatus(errorText(error), true);
    // A busy studio needs no words: the palette's own colours are there, and likely ones come later.
    await new Promise((done) => setTimeout(done, BUSY_PAUSE_MS));
    if (number === suggestionNumber) suggestColors(place);
  }
}

/* The brush draws lines in its colour. Nothing is selected meanwhile, so that another colour is for the next line. */

/** @param {number} left @param {number} top px of the stage */
function startStroke(left, top) {
  newPlace = null;
  selection = -1;
  refresh();
  palette.mark(brush.color);
  suggestColors(null);
  palette.allowRemoval(false);
  brush.start(inPicture(left, top), zoom.scale);
}

function keepStroke() {
  const stroke = brush.end();
  if (stroke) withHints((hints) => [...hints, stroke]);
}

/** @param {"spot" | "brush" | "area"} tool */
function setTool(tool) {
  brush.isOn = tool === "brush";
  isAreaTool = tool === "area";
  if (brush.isOn) openBrushColor();
  else palette.close();
  refresh();
  showToolStatus(message({ spot: "hint_help", brush: "brush_help", area: "area_help" }[tool]));
}

function openBrushColor() {
  newPlace = null;
  selection = -1;
  refresh();
  palette.open(null, brush.color);
  suggestColors(null);
}

/** @returns {import("./hints.js").Area | null} what is touched or selected as an area */
function openArea() {
  if (newPlace && isAreaTool) return { area: [newPlace.x, newPlace.y], color: "", tolerance: areaTolerance };
  const hint = history.present.hints[selection];
  return hint && "area" in hint ? hint : null;
}

/** The edge of the open area; screen readers are told how much of the picture it is. */
async function showArea() {
  const area = isCorrecting ? openArea() : null;
  need("area-sizes").hidden = !area;
  try {
    const share = await outline.show(area);
    if (share !== null) showToolStatus(message("area_share", { percent: Math.max(1, Math.round(100 * share)) }));
  } catch (error) {
    showStatus(errorText(error), true);
  }
}

/** @param {1 | -1} way */
function resizeArea(way) {
  const area = openArea();
  if (!area) return;
  areaTolerance = resized(area, way).tolerance;
  if (newPlace) showArea();
  else withHints((hints) => hints.map((hint, at) => (at === selection ? resized(area, way) : hint)), "area");
}

function showTools() {
  need("brush-bar").hidden = !isCorrecting;
  need("brush").setAttribute("aria-pressed", String(brush.isOn));
  need("area-tool").setAttribute("aria-pressed", String(isAreaTool));
  need("tips").hidden = !isCorrecting || brush.isOn;
  need("show-tips").setAttribute("aria-pressed", String(tips.isOn));
  need("brush-sizes").hidden = !brush.isOn;
  need("hint-markers").classList.toggle("untouchable", brush.isOn);
  need("brush-bar").style.setProperty("--color", brush.color);
  brushSizes.forEach((button, index) => button.setAttribute("aria-pressed", String(index === brush.size)));
}

/** @param {number} index */
function openHint(index) {
  setCorrecting(true);
  newPlace = null;
  selection = index;
  refresh();
  history.close();
  const hint = history.present.hints[index];
  palette.open(hint ? colorOf(hint) : null);
  suggestColors(hint ? placeOf(hint) : null);
}

/** @param {string} color */
function pickColor(color) {
  if (newPlace) {
    const { x, y } = newPlace;
    const area = openArea();
    newPlace = null;
    selection = history.present.hints.length;
    withHints((hints) => [...hints, area ? { ...area, color } : [x, y, color]], "spot");
  } else if (selection >= 0) {
    withHints((hints) => hints.map((hint, at) => (at === selection ? withColor(hint, color) : hint)), "spot");
  } else if (brush.isOn) {
    brush.color = color;
    showTools();
  }
  palette.allowRemoval(selection >= 0);
}

function removeHint() {
  if (selection < 0) return;
  const index = selection;
  selection = -1;
  withHints((hints) => hints.filter((_, at) => at !== index));
  showStatus(message("hint_removed"));
}

function leaveHint() {
  newPlace = null;
  selection = -1;
  history.close();
  refresh();
  (isCorrecting ? stage : correct).focus({ preventScroll: true });
}

/** @param {boolean} on */
function setCorrecting(on) {
  if (on === isCorrecting) return;
  isCorrecting = on;
  refresh();
  if (on) {
    stage.scrollIntoView({ block: narrow.matches ? "start" : "nearest" });
    preview.warm(history.present);
    showToolStatus(message("hint_help"));
  } else {
    brush.isOn = isAreaTool = false;
    tips.set(false, history.present);
    showTools();
    palette.close();
    if (status.textContent === toolText) status.replaceChildren();
  }
}

/** The circle that keys move, and that marks a spot which has no colour yet. */
function showAim() {
  aim.hidden = !(isCorrecting && (newPlace || (document.activeElement === stage && stage.matches(":focus-visible"))));
}

/** @param {KeyboardEvent} event */
function handleStageKey(event) {
  if (event.target !== stage) return;
  /** @type {Record<string, [number, number]>} */
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const way = ways[event.key];
  const place = { x: aim.offsetLeft + aim.offsetWidth / 2, y: aim.offsetTop + aim.offsetHeight / 2 };
  if (event.key === "+" || event.key === "=") zoom.zoomIn();
  else if (event.key === "-") zoom.zoomOut();
  else if (event.key === "0") zoom.fit();
  else if (event.key === "Escape" && isCorrecting) setCorrecting(false);
  else if (event.key === "Enter" && isCorrecting) startHint(place.x, place.y);
  else if (way && isCorrecting) {
    aim.style.setProperty("--left", `${Math.min(stage.clientWidth, Math.max(0, place.x + AIM_STEP_PX * way[0]))}px`);
    aim.style.setProperty("--top", `${Math.min(stage.clientHeight, Math.max(0, place.y + AIM_STEP_PX * way[1]))}px`);
  } else if (way && zoom.scale > 1) zoom.pan(-40 * way[0], -40 * way[1]);
  else return;
  event.preventDefault();
}

/* Variants */

/** @typedef {{n: number, url: string, name?: string}} Variant */

const VARIANT_TRIES = 5;
const VARIANT_PAUSE_MS = 3000;

async function loadVariants() {
  const grid = need("variant-grid");
  if (grid.dataset.loaded) return;
  grid.dataset.loaded = "1";
  try {
    const answer = await getJson(need("variants").dataset.url ?? "");
    /** @type {Variant[]} */
    const variants = answer.variants;
    grid.replaceChildren(...variants.map(variantButton));
    markVariant();
    // One after the other: the studio computes few previews of one person at once.
    for (const image of grid.querySelectorAll("img")) await loadPatiently(image);
  } catch (error) {
    grid.dataset.loaded = "";
    showStatus(errorText(error), true);
  }
}

/** @param {Variant} variant @returns {HTMLElement} */
function variantButton(variant) {
  const button = document.createElement("button");
  const image = document.createElement("img");
  image.dataset.src = variant.url;
  image.alt = "";
  button.type = "button";
  button.className = "variant";
  button.setAttribute("role", "radio");
  button.dataset.n = String(variant.n);
  button.append(image, variant.name ?? message("variant", { number: variant.n + 1 }));
  button.addEventListener("click", () => edit({ variant: variant.n }));
  return button;
}

/** Show a picture that the studio may be too busy for at first. @param {HTMLImageElement} image */
async function loadPatiently(image) {
  for (let attempt = 0; attempt < VARIANT_TRIES; attempt += 1) {
    image.src = `${image.dataset.src}${attempt ? `?again=${attempt}` : ""}`;
    try {
      await image.decode();
      return;
    } catch {
      await new Promise((done) => setTimeout(done, VARIANT_PAUSE_MS));
    }
  }
}

function markVariant() {
  const buttons = [...need("variant-grid").querySelectorAll("button")];
  for (const button of buttons) {
    const isCurrent = Number(button.dataset.n) === history.present.variant;
    button.setAttribute("aria-checked", String(isCurrent));
    button.tabIndex = isCurrent ? 0 : -1;
  }
}

/** @param {KeyboardEvent} event as radio buttons do */
function handleVariantKey(event) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const buttons = [...need("variant-grid").querySelectorAll("button")];
  const at = buttons.findIndex((button) => button.tabIndex === 0);
  const next = buttons[(at + step + buttons.length) % buttons.length];
  next?.click();
  next?.focus();
}

/* Wiring */

/** @param {boolean} hasStep @param {string} key */
function showStep(hasStep, key) {
  if (!hasStep) return;
  selection = -1;
  palette.close();
  applyChange();
  showStatus(message(key));
}

undo.addEventListener("click", () => showStep(history.undo(), "undone"));
redo.addEventListener("click", () => showStep(history.redo(), "redone"));
correct.addEventListener("click", () => setCorrecting(!isCorrecting));
vividness.addEventListener("input", () => edit({ vividness: Number(vividness.value) }, "vividness"));
size.addEventListener("input", () => {
  const value = Number(size.value);
  edit({ size: value === Number(size.dataset.auto) ? null : value }, "size");
});
SHIFTS.forEach((name, index) => {
  const slider = shiftSliders[index];
  slider?.addEventListener("input", () => edit({ [name]: Number(slider.value) }, name));
});
model?.addEventListener("change", () => edit({ chosen_model: model.value || null }));
for (const slider of [vividness, size, ...shiftSliders]) slider.addEventListener("change", () => history.close());
need("reset").addEventListener("click", () => edit(plainEdit()));
if (hasOwnColors) {
  need("keep-colors").addEventListener("click", () => {
    const { restore, scratched } = history.present;
    edit(data.ownColors === "all" ? plainEdit({ restore, scratched }) : { keep_colors: true });
  });
  need("color-anew").addEventListener("click", () => edit({ keep_colors: false }));
}
need("brush").addEventListener("click", () => setTool(brush.isOn ? "spot" : "brush"));
need("area-tool").addEventListener("click", () => setTool(isAreaTool ? "spot" : "area"));
need("area-larger").addEventListener("click", () => resizeArea(1));
need("area-smaller").addEventListener("click", () => resizeArea(-1));
need("show-tips").addEventListener("click", () => {
  const on = !tips.isOn;
  if (on) setCorrecting(true);
  if (on && brush.isOn) setTool("spot");
  tips.set(on, history.present);
  showTools();
});
need("brush-color").addEventListener("click", openBrushColor);
brushSizes.forEach((button, index) =>
  button.addEventListener("click", () => {
    brush.size = index;
    showTools();
  }),
);
need("palette-pipette").addEventListener("click", () => pipette.show(colorImage.src));
need("zoom-in").addEventListener("click", () => zoom.zoomIn());
need("zoom-out").addEventListener("click", () => zoom.zoomOut());
need("zoom-fit").addEventListener("click", () => zoom.fit());
/** @type {HTMLDetailsElement} */
const variantBox = need("variants");
variantBox.addEventListener("toggle", loadVariants);
if (variantBox.open) loadVariants(); // somebody was faster than this script
need("variant-grid").addEventListener("keydown", handleVariantKey);
stage.addEventListener("keydown", handleStageKey);
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
  if (document.hidden && hasChanges) save();
});

refresh();
closer.show(shownRevision);
reference.tell(data.referenceNote ?? "");
if (data.state === "waiting" || data.state === "working") watch();
if (hasChanges) applyChange(); // which could not be saved before this page was loaded
