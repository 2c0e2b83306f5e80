/** "Mend it first": whether damage is mended, what was found, and where it was. @module */
import { need } from "./messages.js";

/** @typedef {object} MendingHandlers @property {(on: boolean) => void} onChange whether damage is mended first */

export class MendingBox {
  /** @param {string} base address of the picture @param {MendingHandlers} handlers */
  constructor(base, handlers) {
    this.base = base;
    this.toggle = need("mend");
    this.note = need("mend-note");
    this.button = need("show-changes");
    /** @type {HTMLImageElement} */
    this.overlay = need("changes");
    this.isOn = this.toggle.getAttribute("aria-checked") === "true";
    this.version = "";
    this.toggle.addEventListener("click", () => handlers.onChange(!this.isOn));
    this.button.addEventListener("click", () => this.setOverlay(Boolean(this.overlay.hidden)));
    this.overlay.addEventListener("error", () => this.setOverlay(false));
  }

  /** @param {boolean} on whether it is mended in what is asked for now */
  show(on) {
    if (on === this.isOn) return;
    this.isOn = on;
    this.toggle.setAttribute("aria-checked", String(on));
    this.tell("", false, 0);
  }

  /** @param {string} text what was found @param {boolean} found whether there was damage @param {number} revision */
  tell(text, found, revision) {
    this.note.textContent = text;
    this.version = String(revision);
    this.button.hidden = !found;
    if (!found) this.setOverlay(false);
  }

  /** @param {boolean} on whether it is shown what was changed */
  setOverlay(on) {
    if (on) this.overlay.src = `${this.base}/changes.png?v=${this.version}`;
    this.overlay.hidden = !on;
    this.button.setAttribute("aria-pressed", String(on));
  }
}
