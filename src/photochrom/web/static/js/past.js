/** "How it was before": earlier results, as they are now and not as they were when the page came. @module */
import { need, writeClocks } from "./messages.js";

export class PastResults {
  /** @param {string} base address of the picture */
  constructor(base) {
    this.base = base;
    this.isStale = false;
    this.wire();
  }

  /** @returns {HTMLDetailsElement | null} nothing where there was no earlier result yet */
  get box() {
    const box = document.getElementById("past");
    return box instanceof HTMLDetailsElement ? box : null;
  }

  wire() {
    this.box?.addEventListener("toggle", () => this.isStale && this.refresh());
  }

  /** There is another result: what was there before is among the earlier ones, and the oldest may be gone. */
  changed() {
    this.isStale = true;
    if (!this.box || this.box.open) this.refresh();
    else this.box.querySelector(".past-list")?.replaceChildren(); // whose pictures may be gone
  }

  async refresh() {
    this.isStale = false;
    try {
      const answer = await fetch(this.base, { credentials: "same-origin" });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      this.show(page.getElementById("past"));
    } catch (error) {
      this.isStale = true; // when it is opened the next time
    }
  }

  /** @param {HTMLElement | null} fresh of the page as it is now */
  show(fresh) {
    if (!fresh) return this.box?.remove();
    writeClocks(fresh);
    const list = fresh.querySelector(".past-list");
    if (this.box && list) return this.box.querySelector(".past-list")?.replaceWith(list);
    need("variants").after(fresh);
    this.wire();
  }
}
