/** The corrected spots on the picture and in the list beside it. @module */
import { words } from "./words.js";

/** @typedef {[number, number, string]} Hint x and y in px of the whole picture, "#rrggbb" */

const DRAG_PX = 6;

/**
 * @typedef {object} SpotWish
 * @property {(index: number) => void} chosen
 * @property {(index: number, left: number, top: number) => void} moved to a place of the stage, px
 * @property {(hint: Hint) => {left: number, top: number}} where a hint lies in the stage, px
 * @property {(colour: string) => string} nameOf a colour
 */

export class Spots {
  /** @param {HTMLElement} layer @param {HTMLElement} list @param {SpotWish} wish */
  constructor(layer, list, wish) {
    this.layer = layer;
    this.list = list;
    this.wish = wish;
    /** @type {readonly Hint[]} */
    this.hints = [];
    this.chosen = -1;
  }

  /** @param {readonly Hint[]} hints @param {number} chosen */
  show(hints, chosen) {
    this.chosen = chosen;
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
      const { left, top } = this.wish.where(hint);
      marker.style.setProperty("--left", `${left}px`);
      marker.style.setProperty("--top", `${top}px`);
    });
  }

  /** @param {Hint} hint @param {number} index */
  marker(hint, index) {
    const marker = document.createElement("button");
    marker.type = "button";
    marker.className = index === this.chosen ? "spot chosen" : "spot";
    marker.tabIndex = -1; // the list is the way for keyboards
    marker.style.setProperty("--colour", hint[2]);
    marker.setAttribute("aria-label", words("spot", { number: index + 1 }));
    marker.addEventListener("pointerdown", (event) => this.grab(event, marker, index));
    return marker;
  }

  /** @param {PointerEvent} start @param {HTMLElement} marker @param {number} index */
  grab(start, marker, index) {
    start.preventDefault();
    start.stopPropagation();
    const box = this.layer.getBoundingClientRect();
    let dragged = false;
    marker.setPointerCapture(start.pointerId);
    marker.onpointermove = (event) => {
      dragged ||= Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) > DRAG_PX;
      if (!dragged) return;
      marker.style.setProperty("--left", `${event.clientX - box.left}px`);
      marker.style.setProperty("--top", `${event.clientY - box.top}px`);
    };
    marker.onpointerup = (event) => {
      marker.onpointermove = marker.onpointerup = null;
      if (dragged) this.wish.moved(index, event.clientX - box.left, event.clientY - box.top);
      else this.wish.chosen(index);
    };
  }

  /** @param {Hint} hint @param {number} index */
  chip(hint, index) {
    const item = document.createElement("li");
    const chip = document.createElement("button");
    chip.type = "button";
    chip.className = "spot-chip";
    chip.style.setProperty("--colour", hint[2]);
    chip.textContent = this.wish.nameOf(hint[2]);
    chip.setAttribute("aria-label", words("colour_of_spot", { number: index + 1, colour: chip.textContent }));
    chip.addEventListener("click", () => this.wish.chosen(index));
    item.append(chip);
    return item;
  }
}
