/** "Colours from another picture": which one, what became of them, another, none. @module */
import { need } from "./messages.js";

/** @typedef {import("./chooser.js").Photo} Photo */

/**
 * @typedef {object} ReferenceHandlers
 * @property {(id: string | null) => void} onChange the picture whose colours are taken, or none
 */

export class ReferenceBox {
  /**
   * @param {string} base address of the picture that takes colours
   * @param {import("./chooser.js").PictureChooser} chooser
   * @param {ReferenceHandlers} handlers
   */
  constructor(base, chooser, handlers) {
    this.base = base;
    this.chooser = chooser;
    this.handlers = handlers;
    /** @type {Map<string, Photo>} those that were chosen on this page */
    this.known = new Map();
    /** @type {HTMLImageElement} */
    this.image = need("reference-image");
    this.shown = "";
    this.note = need("reference-note");
    need("reference-choose").addEventListener("click", () => chooser.open((photo) => this.take(photo), base.split("/").at(-1)));
    need("reference-remove").addEventListener("click", () => handlers.onChange(null));
  }

  /** @param {Photo} photo */
  take(photo) {
    this.known.set(photo.id, photo);
    this.handlers.onChange(photo.id);
  }

  /** @param {string | null} id the picture whose colours are taken */
  show(id) {
    need("reference").hidden = id === null;
    if ((id ?? "") === this.shown) return;
    this.shown = id ?? "";
    this.note.textContent = "";
    if (id) this.image.src = this.known.get(id)?.thumbnail ?? `${this.base}/reference/${id}.jpg`;
  }

  /** @param {string} text what became of its colours */
  tell(text) {
    this.note.textContent = text;
  }
}
