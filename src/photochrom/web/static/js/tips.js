/** Where a colour would help most: soft rings over the picture, by the model's own doubt. @module */
import { message } from "./messages.js";
import { post } from "./net.js";

/** @typedef {import("./hints.js").Place} Place */

/**
 * @typedef {object} TipHandlers
 * @property {(place: Place) => void} onSelect px of the picture
 * @property {(place: Place) => {left: number, top: number}} position in the stage, px
 * @property {(count: number) => void} onFound how many places are shown
 * @property {(error: unknown) => void} onError
 */

const PAUSE_MS = 600;

export class Tips {
  /** @param {string} url @param {HTMLElement} layer @param {TipHandlers} handlers */
  constructor(url, layer, handlers) {
    this.url = url;
    this.layer = layer;
    this.handlers = handlers;
    this.isOn = false;
    /** @type {Place[]} */
    this.places = [];
    this.question = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /** @param {boolean} on @param {unknown} edit what is asked of the picture */
  set(on, edit) {
    this.isOn = on;
    clearTimeout(this.timer);
    if (on) this.ask(edit, true);
    else this.show([]);
  }

  /** The picture has changed: other places may be in doubt now. @param {unknown} edit */
  changed(edit) {
    if (!this.isOn) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(edit, false), PAUSE_MS);
  }

  /** @param {unknown} edit @param {boolean} isSaid whether the number of places is told */
  async ask(edit, isSaid) {
    this.question += 1;
    const question = this.question;
    try {
      const answer = await post(this.url, edit);
      /** @type {[number, number][]} */
      const places = (await answer.json()).places;
      if (question !== this.question || !this.isOn) return;
      this.show(places.map(([x, y]) => ({ x: Math.round(x), y: Math.round(y) })));
      if (isSaid) this.handlers.onFound(places.length);
    } catch (error) {
      if (question !== this.question) return;
      if (isSaid) this.isOn = false; // nothing is shown: whoever asks again presses once
      this.handlers.onError(error);
    }
  }

  /** @param {Place[]} places */
  show(places) {
    this.places = places;
    this.layer.replaceChildren(
      ...places.map((place, index) => {
        const ring = document.createElement("button");
        ring.type = "button";
        ring.className = "tip-marker";
        ring.setAttribute("aria-label", message("tip", { number: index + 1 }));
        ring.addEventListener("click", () => this.handlers.onSelect(place));
        return ring;
      }),
    );
    this.place();
  }

  /** Put the rings where the picture is now. */
  place() {
    [...this.layer.children].forEach((ring, index) => {
      const place = this.places[index];
      if (!place || !(ring instanceof HTMLElement)) return;
      const { left, top } = this.handlers.position(place);
      ring.style.setProperty("--left", `${left}px`);
      ring.style.setProperty("--top", `${top}px`);
    });
  }
}
