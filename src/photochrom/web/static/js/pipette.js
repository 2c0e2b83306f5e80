/** The pipette: a colour out of a picture of one's own, or of anything on the screen. @module */
import { message, need } from "./messages.js";

/** @typedef {{open: () => Promise<{sRGBHex: string}>}} ScreenPipette what browsers call EyeDropper */
/** @typedef {new () => ScreenPipette} ScreenPipetteMaker */

/** Around the place, over which the colour is averaged, px of the picture. */
const AROUND = 1;
const STEP_SHARE = 0.01;

export class Pipette {
  /**
   * @param {(color: string) => void} pick "#rrggbb"
   * @param {() => void} chooseOther asks for another picture, which comes by `show`
   * @param {() => void} fail a picture does not come
   */
  constructor(pick, chooseOther, fail) {
    this.pick = pick;
    this.fail = fail;
    this.hasPicture = false;
    /** @type {HTMLDialogElement} */
    this.dialog = need("pipette");
    /** @type {HTMLCanvasElement} */
    this.canvas = need("pipette-canvas");
    this.x = 0.5;
    this.y = 0.5;
    this.color = "#808080";
    need("pipette-close").addEventListener("click", () => this.dialog.close());
    need("pipette-other").addEventListener("click", chooseOther);
    need("pipette-use").addEventListener("click", () => {
      this.dialog.close();
      pick(this.color);
    });
    const screen = need("pipette-screen");
    screen.hidden = !("EyeDropper" in window);
    screen.addEventListener("click", () => this.fromScreen());
    for (const kind of /** @type {const} */ (["pointerdown", "pointermove"])) {
      this.canvas.addEventListener(kind, (event) => this.follow(event));
    }
    this.canvas.addEventListener("keydown", (event) => this.handleKey(event));
  }

  /** @param {string} address of a picture of this studio */
  async show(address) {
    const image = new Image();
    image.src = address;
    if (!this.dialog.open) this.dialog.showModal();
    try {
      await image.decode();
    } catch {
      if (!this.hasPicture) this.dialog.close(); // else the one before stays
      return this.fail();
    }
    this.hasPicture = true;
    this.canvas.width = image.naturalWidth;
    this.canvas.height = image.naturalHeight;
    need("pipette-view").style.setProperty("--ratio", String(image.naturalWidth / image.naturalHeight));
    this.canvas.getContext("2d", { willReadFrequently: true })?.drawImage(image, 0, 0);
    this.canvas.focus();
    this.look(0.5, 0.5);
  }

  /** @param {PointerEvent} event */
  follow(event) {
    if (event.buttons === 0) return;
    const box = this.canvas.getBoundingClientRect();
    this.look((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }

  /** @param {KeyboardEvent} event */
  handleKey(event) {
    /** @type {Record<string, [number, number]>} */
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = ways[event.key];
    if (way) this.look(this.x + STEP_SHARE * way[0], this.y + STEP_SHARE * way[1]);
    else if (event.key === "Enter") need("pipette-use").click();
    else return;
    event.preventDefault();
  }

  /** @param {number} x @param {number} y shares of the picture's sides */
  look(x, y) {
    this.x = Math.min(1, Math.max(0, x));
    this.y = Math.min(1, Math.max(0, y));
    const { width, height } = this.canvas;
    const left = Math.min(width - 1, Math.max(0, Math.round(this.x * width - 0.5) - AROUND));
    const top = Math.min(height - 1, Math.max(0, Math.round(this.y * height - 0.5) - AROUND));
    const side = 2 * AROUND + 1;
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    const data = context?.getImageData(left, top, Math.min(side, width - left), Math.min(side, height - top)).data;
    if (!data) return;
    const sums = [0, 0, 0];
    data.forEach((value, at) => {
      if (at % 4 < 3) sums[at % 4] = (sums[at % 4] ?? 0) + value;
    });
    const parts = sums.map((sum) => Math.round((4 * sum) / data.length).toString(16).padStart(2, "0"));
    this.color = `#${parts.join("")}`;
    const view = need("pipette-view");
    view.style.setProperty("--left", `${100 * this.x}%`);
    view.style.setProperty("--top", `${100 * this.y}%`);
    view.style.setProperty("--color", this.color);
    need("pipette-use").style.setProperty("--color", this.color);
    need("pipette-color").textContent = message("pipette_color", { color: this.color });
  }

  async fromScreen() {
    const make = /** @type {{EyeDropper?: ScreenPipetteMaker}} */ (window).EyeDropper;
    if (!make) return;
    this.dialog.close(); // it would cover what is to be looked at
    try {
      this.pick((await new make().open()).sRGBHex);
    } catch (error) {
      if (!(error instanceof DOMException)) throw error; // Escape: no colour was wanted
    }
  }
}
