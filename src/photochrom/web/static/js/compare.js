/** The handle between before and after. @module */
import { message } from "./messages.js";

const STEP = 5;

export class Compare {
  /**
   * @param {HTMLElement} stage
   * @param {HTMLElement} handle role=slider
   * @param {() => {x: number, scale: number}} view where the picture lies in the stage
   */
  constructor(stage, handle, view = () => ({ x: 0, scale: 1 })) {
    this.stage = stage;
    this.handle = handle;
    this.view = view;
    this.percent = 50;
    handle.addEventListener("keydown", (event) => this.key(event));
    handle.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      handle.setPointerCapture(event.pointerId);
    });
    handle.addEventListener("pointermove", (event) => {
      if (handle.hasPointerCapture(event.pointerId)) this.follow(event.clientX);
    });
  }

  /** @param {number} clientX where the finger is */
  follow(clientX) {
    const box = this.stage.getBoundingClientRect();
    this.set((100 * (clientX - box.left)) / box.width);
  }

  /** @param {number} percent of the stage that shows the original, from the left */
  set(percent) {
    this.percent = Math.min(100, Math.max(0, percent));
    const { x, scale } = this.view();
    const width = this.stage.clientWidth || 1;
    const cut = ((this.percent / 100) * width - x) / (scale * width);
    this.stage.style.setProperty("--split", `${this.percent}%`);
    this.stage.style.setProperty("--cut", `${100 * Math.min(1, Math.max(0, cut))}%`);
    this.handle.setAttribute("aria-valuenow", String(Math.round(this.percent)));
    this.handle.setAttribute("aria-valuetext", message("split_at", { percent: Math.round(this.percent) }));
    this.stage.querySelector(".tag-before")?.classList.toggle("faded", this.percent < 15);
    this.stage.querySelector(".tag-after")?.classList.toggle("faded", this.percent > 85);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    /** @type {Record<string, number>} */
    const places = {
      ArrowLeft: this.percent - STEP, ArrowDown: this.percent - STEP,
      ArrowRight: this.percent + STEP, ArrowUp: this.percent + STEP,
      PageDown: this.percent - 4 * STEP, PageUp: this.percent + 4 * STEP, Home: 0, End: 100,
    };
    const place = places[event.key];
    if (place === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.set(place);
  }
}
