/** "Which colour is this?": named swatches, any other colour, remove, done. @module */
import { need } from "./words.js";

/**
 * @typedef {object} PaletteWish
 * @property {(colour: string) => void} picked "#rrggbb"
 * @property {() => void} removed
 * @property {() => void} closed
 */

export class Palette {
  /** @param {PaletteWish} wish */
  constructor(wish) {
    this.wish = wish;
    /** @type {HTMLDialogElement} */
    this.dialog = need("palette");
    /** @type {HTMLInputElement} */
    this.own = need("own-colour");
    /** @type {HTMLButtonElement} */
    this.remove = need("palette-remove");
    this.swatches = [...need("swatches").querySelectorAll("button")];
    for (const swatch of this.swatches) {
      const colour = swatch.dataset.colour ?? "#808080";
      swatch.style.setProperty("--colour", colour);
      swatch.addEventListener("click", () => this.pick(colour));
    }
    this.own.addEventListener("input", () => this.pick(this.own.value));
    this.remove.addEventListener("click", () => {
      wish.removed();
      this.close();
    });
    need("palette-close").addEventListener("click", () => this.close());
    need("palette-done").addEventListener("click", () => this.close());
    this.dialog.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
  }

  /** @param {string | null} colour what the spot has now, null: a new spot */
  open(colour) {
    this.mark(colour);
    this.remove.disabled = colour === null;
    if (!this.dialog.open) this.dialog.show();
    (this.swatches.find((swatch) => swatch.dataset.colour === colour) ?? this.swatches[0])?.focus();
  }

  close() {
    if (!this.dialog.open) return;
    this.dialog.close();
    this.wish.closed();
  }

  /** @param {string} colour */
  pick(colour) {
    this.mark(colour);
    this.remove.disabled = false;
    this.wish.picked(colour);
  }

  /** @param {string | null} colour */
  mark(colour) {
    if (colour) this.own.value = colour;
    for (const swatch of this.swatches) {
      swatch.setAttribute("aria-pressed", String(swatch.dataset.colour === colour));
    }
  }

  /** @param {string} colour @returns {string} its name, or itself */
  nameOf(colour) {
    return this.swatches.find((swatch) => swatch.dataset.colour === colour)?.textContent?.trim() ?? colour;
  }
}
