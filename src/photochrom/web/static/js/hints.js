/** The hints as markers on the picture and in the list beside it. @module */
import { message } from "./messages.js";

/** @typedef {{x: number, y: number}} Place px of the whole picture */
/** @typedef {[number, number, string]} Point x and y in px of the whole picture, "#rrggbb" */
/** @typedef {{points: [number, number][], color: string, width: number}} Stroke a line, px of the whole picture */
/** @typedef {{area: [number, number], color: string, tolerance: number}} Area what a place is part of, px of the whole picture */
/** @typedef {Point | Stroke | Area} Hint */

const DRAG_PX = 6;

/**
 * @typedef {object} HintHandlers
 * @property {(index: number) => void} onSelect
 * @property {(index: number, left: number, top: number) => void} onMove to a place of the stage, px
 * @property {(place: Place) => {left: number, top: number}} position in the stage, px
 * @property {(color: string) => string} colorName of a colour
 */

/** @param {Hint} hint @returns {string} "#rrggbb" */
export function colorOf(hint) {
  return Array.isArray(hint) ? hint[2] : hint.color;
}

/** @param {Hint} hint @param {string} color @returns {Hint} */
export function withColor(hint, color) {
  return Array.isArray(hint) ? [hint[0], hint[1], color] : { ...hint, color };
}

/** @param {Hint} hint @returns {Place} where its marker is: of a line, amid its points */
export function placeOf(hint) {
  if (Array.isArray(hint)) return { x: hint[0], y: hint[1] };
  if ("area" in hint) return { x: hint.area[0], y: hint.area[1] };
  const middle = (hint.points.length - 1) / 2;
  const [x0, y0] = hint.points[Math.floor(middle)] ?? [0, 0];
  const [x1, y1] = hint.points[Math.ceil(middle)] ?? [0, 0];
  return { x: (x0 + x1) / 2, y: (y0 + y1) / 2 };
}

/**
 * @param {Hint} hint
 * @param {Place} place where its marker is to be
 * @param {number} width of the picture, px
 * @param {number} height
 * @returns {Hint} a line goes no further than to the picture's border
 */
export function movedTo(hint, place, width, height) {
  if (Array.isArray(hint)) return [place.x, place.y, hint[2]];
  if ("area" in hint) return { ...hint, area: [place.x, place.y] };
  const from = placeOf(hint);
  const xs = hint.points.map(([x]) => x);
  const ys = hint.points.map(([, y]) => y);
  const dx = Math.min(width - 1 - Math.max(...xs), Math.max(-Math.min(...xs), place.x - from.x));
  const dy = Math.min(height - 1 - Math.max(...ys), Math.max(-Math.min(...ys), place.y - from.y));
  return { ...hint, points: hint.points.map(([x, y]) => [x + dx, y + dy]) };
}

/** @param {Hint} hint @returns {string} what the classes of its marker and its chip end in; a spot has none */
function kindOf(hint) {
  if (Array.isArray(hint)) return "";
  return "area" in hint ? " of-area" : " of-stroke";
}

export class HintMarkers {
  /** @param {HTMLElement} layer @param {HTMLElement} list @param {HintHandlers} handlers */
  constructor(layer, list, handlers) {
    this.layer = layer;
    this.list = list;
    this.handlers = handlers;
    /** @type {readonly Hint[]} */
    this.hints = [];
    this.selection = -1;
  }

  /** @param {readonly Hint[]} hints @param {number} selection the index of a hint, or -1 */
  show(hints, selection) {
    this.selection = selection;
    this.hints = hints;
    this.layer.replaceChildren(...hints.map((hint, index) => this.marker(hint, index)));
    this.list.replaceChildren(...hints.map((hint, index) => this.chip(hint, index)));
    this.place();
  }

  /** Put the markers where the picture is now. */
  place() {
    [...this.layer.children].forEach((marker, index) => {
      const hint = this.hints[index];
      if (!hint || !(marker instanceof HTMLElement)) return;
      const { left, top } = this.handlers.position(placeOf(hint));
      marker.style.setProperty("--left", `${left}px`);
      marker.style.setProperty("--top", `${top}px`);
    });
  }

  /** @param {Hint} hint @param {number} index */
  marker(hint, index) {
    const marker = document.createElement("button");
    marker.type = "button";
    marker.className = `hint-marker${kindOf(hint)}`;
    marker.classList.toggle("selected", index === this.selection);
    marker.tabIndex = -1; // the list is the way for keyboards
    marker.style.setProperty("--color", colorOf(hint));
    marker.setAttribute("aria-label", message("hint", { number: index + 1 }));
    marker.addEventListener("pointerdown", (event) => this.grab(event, marker, index));
    return marker;
  }

  /** @param {PointerEvent} start @param {HTMLElement} marker @param {number} index */
  grab(start, marker, index) {
    start.stopPropagation();
    if (start.button !== 0) return; // the browser's own menu
    start.preventDefault();
    const box = this.layer.getBoundingClientRect();
    let isDrag = false;
    marker.setPointerCapture(start.pointerId);
    marker.onpointermove = (event) => {
      isDrag ||= Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) > DRAG_PX;
      if (!isDrag) return;
      marker.style.setProperty("--left", `${event.clientX - box.left}px`);
      marker.style.setProperty("--top", `${event.clientY - box.top}px`);
    };
    marker.onpointerup = (event) => {
      marker.onpointermove = marker.onpointerup = null;
      if (isDrag) this.handlers.onMove(index, event.clientX - box.left, event.clientY - box.top);
      else this.handlers.onSelect(index);
    };
  }

  /** @param {Hint} hint @param {number} index */
  chip(hint, index) {
    const item = document.createElement("li");
    const chip = document.createElement("button");
    chip.type = "button";
    chip.className = `hint-chip${kindOf(hint)}`;
    chip.style.setProperty("--color", colorOf(hint));
    chip.textContent = this.handlers.colorName(colorOf(hint));
    chip.setAttribute("aria-label", message("color_of_hint", { number: index + 1, colour: chip.textContent }));
    chip.addEventListener("click", () => this.handlers.onSelect(index));
    item.append(chip);
    return item;
  }
}
