/** "Mend it first": whether damage is mended, what was found, and where it was. @module */
import { need } from "./messages.js";

/** @typedef {object} Mending @property {boolean} restore whether damage is mended first @property {boolean} scratched whether somebody sees scratches or specks */
/** @typedef {object} MendingHandlers @property {(change: Partial<Mending>) => void} onChange what is asked for from now on */

export class MendingBox {
  /** @param {string} base address of the picture @param {MendingHandlers} handlers */
  constructor(base, handlers) {
    this.base = base;
    this.toggle = need("mend");
    this.scratchedField = need("scratched-field");
    this.scratchedToggle = need("scratched");
    this.note = need("mend-note");
    this.button = need("show-changes");
    /** @type {HTMLImageElement} */
    this.overlay = need("changes");
    this.isOn = isChecked(this.toggle);
    this.isScratched = isChecked(this.scratchedToggle);
    this.version = "";
    this.toggle.addEventListener("click", () => handlers.onChange({ restore: !this.isOn }));
    this.scratchedToggle.addEventListener("click", () => handlers.onChange({ scratched: !this.isScratched }));
    this.button.addEventListener("click", () => this.setOverlay(Boolean(this.overlay.hidden)));
    this.overlay.addEventListener("error", () => this.setOverlay(false));
  }

  /** @param {Mending} edit what is asked for now */
  show({ restore, scratched }) {
    if (restore === this.isOn && scratched === this.isScratched) return;
    this.isOn = restore;
    this.isScratched = scratched;
    this.toggle.setAttribute("aria-checked", String(restore));
    this.scratchedToggle.setAttribute("aria-checked", String(scratched));
    if (!restore && document.activeElement === this.scratchedToggle) this.toggle.focus();
    this.scratchedField.hidden = !restore;
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

/** @param {HTMLElement} toggle @returns {boolean} */
function isChecked(toggle) {
  return toggle.getAttribute("aria-checked") === "true";
}
