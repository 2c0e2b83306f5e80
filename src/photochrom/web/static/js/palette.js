/** "Which colour is this?": named swatches, any other colour, remove, done. @module */
import { message, need } from "./messages.js";

/** @typedef {{color: string, probability: number}} Suggestion "#rrggbb", and how likely in [0, 1] */

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
    /** @type {string | null} the one that is shown as chosen */
    this.color = null;
    /** @type {HTMLButtonElement[]} */
    this.suggested = [];
    for (const swatch of this.swatches) this.prepare(swatch, swatch.dataset.color ?? "#808080");
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

  /** @param {HTMLButtonElement} swatch @param {string} color */
  prepare(swatch, color) {
    swatch.dataset.color = color;
    swatch.style.setProperty("--color", color);
    swatch.addEventListener("click", () => this.pick(color));
  }

  /** Keep the place of likely colours free, so that nothing moves below a finger when they come. */
  awaitSuggestions() {
    this.suggest([]);
    need("suggested").hidden = false;
  }

  /** Colours that the model thinks likely, before all others. @param {Suggestion[]} suggestions likeliest first */
  suggest(suggestions) {
    this.suggested = suggestions.map(({ color, probability }) => {
      const swatch = document.createElement("button");
      const dot = document.createElement("span");
      const label = document.createElement("span");
      swatch.type = "button";
      swatch.className = "swatch";
      dot.className = "swatch-dot";
      label.textContent = message("percent", { percent: Math.round(100 * probability) });
      swatch.append(dot, label);
      swatch.setAttribute("aria-label", message("suggested", { color, percent: Math.round(100 * probability) }));
      this.prepare(swatch, color);
      return swatch;
    });
    need("suggested-swatches").replaceChildren(...this.suggested);
    need("suggested").hidden = suggestions.length === 0;
    this.mark(this.color);
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
    if (marked === null) this.dialog.scrollTop = 0; // where the likely colours will be
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
    this.color = color;
    if (color) this.customInput.value = color;
    for (const swatch of [...this.suggested, ...this.swatches]) {
      swatch.setAttribute("aria-pressed", String(swatch.dataset.color === color));
    }
  }

  /** @param {string} color @returns {string} its name, or itself */
  colorName(color) {
    return this.swatches.find((swatch) => swatch.dataset.color === color)?.textContent?.trim() ?? color;
  }
}
