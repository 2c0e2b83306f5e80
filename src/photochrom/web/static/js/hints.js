/** The hints as markers on the picture and in the list beside it. @module */
import { message } from "./messages.js";

/** @typedef {[number, number, string]} Hint x and y in px of the whole picture, "#rrggbb" */

const DRAG_PX = 6;

/**
 * @typedef {object} HintHandlers
 * @property {(index: number) => void} onSelect
 * @property {(index: number, left: number, top: number) => void} onMove to a place of the stage, px
 * @property {(hint: Hint) => {left: number, top: number}} position of a hint in the stage, px
 * @property {(color: string) => string} colorName of a colour
 */

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
      const { left, top } = this.handlers.position(hint);
      marker.style.setProperty("--left", `${left}px`);
      marker.style.setProperty("--top", `${top}px`);
    });
  }

  /** @param {Hint} hint @param {number} index */
  marker(hint, index) {
    const marker = document.createElement("button");
    marker.type = "button";
    marker.className = index === this.selection ? "hint-marker selected" : "hint-marker";
    marker.tabIndex = -1; // the list is the way for keyboards
    marker.style.setProperty("--color", hint[2]);
    marker.setAttribute("aria-label", message("hint", { number: index + 1 }));
    marker.addEventListener("pointerdown", (event) => this.grab(event, marker, index));
    return marker;
  }

  /** @param {PointerEvent} start @param {HTMLElement} marker @param {number} index */
  grab(start, marker, index) {
    start.preventDefault();
    start.stopPropagation();
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
    chip.className = "hint-chip";
    chip.style.setProperty("--color", hint[2]);
    chip.textContent = this.handlers.colorName(hint[2]);
    chip.setAttribute("aria-label", message("color_of_hint", { number: index + 1, colour: chip.textContent }));
    chip.addEventListener("click", () => this.handlers.onSelect(index));
    item.append(chip);
    return item;
  }
}
