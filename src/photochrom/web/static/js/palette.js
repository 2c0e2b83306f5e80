/** "Which colour is this?": named swatches, any other colour, remove, done. @module */
import { need } from "./messages.js";

/**
 * @typedef {object} PaletteHandlers
 * @property {(color: string) => void} onPick "#rrggbb"
 * @property {() => void} onRemove
 * @property {() => void} onClose
 */

export class Palette {
  /** @param {PaletteHandlers} handlers */
  constructor(handlers) {
    this.handlers = handlers;
    /** @type {HTMLDialogElement} */
    this.dialog = need("palette");
    /** @type {HTMLInputElement} */
    this.customInput = need("custom-color");
    /** @type {HTMLButtonElement} */
    this.removeButton = need("palette-remove");
    this.swatches = [...need("swatches").querySelectorAll("button")];
    for (const swatch of this.swatches) {
      const color = swatch.dataset.color ?? "#808080";
      swatch.style.setProperty("--color", color);
      swatch.addEventListener("click", () => this.pick(color));
    }
    this.customInput.addEventListener("input", () => this.pick(this.customInput.value));
    this.removeButton.addEventListener("click", () => {
      handlers.onRemove();
      this.close();
    });
    need("palette-close").addEventListener("click", () => this.close());
    need("palette-done").addEventListener("click", () => this.close());
    this.dialog.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
  }

  /**
   * @param {string | null} color what the spot has now, null: a new spot
   * @param {string | null} [marked] the colour that is shown as chosen, where it is not that
   */
  open(color, marked = color) {
    this.mark(marked);
    this.allowRemoval(color !== null);
    if (!this.dialog.open) this.dialog.show();
    (this.swatches.find((swatch) => swatch.dataset.color === marked) ?? this.swatches[0])?.focus();
  }

  /** @param {boolean} allowed whether there is a spot that can be removed */
  allowRemoval(allowed) {
    this.removeButton.disabled = !allowed;
  }

  close() {
    if (!this.dialog.open) return;
    this.dialog.close();
    this.handlers.onClose();
  }

  /** @param {string} color */
  pick(color) {
    this.mark(color);
    this.handlers.onPick(color);
  }

  /** @param {string | null} color */
  mark(color) {
    if (color) this.customInput.value = color;
    for (const swatch of this.swatches) {
      swatch.setAttribute("aria-pressed", String(swatch.dataset.color === color));
    }
  }

  /** @param {string} color @returns {string} its name, or itself */
  colorName(color) {
    return this.swatches.find((swatch) => swatch.dataset.color === color)?.textContent?.trim() ?? color;
  }
}
