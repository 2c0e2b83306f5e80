/** Real pixels where somebody looks closer: the studio sends the part of the picture that is seen. @module */

const QUIET_MS = 250;
const MAX_PX = 2048;

/** @typedef {{x: number, y: number, scale: number}} View where the picture lies in the stage, px */

export class Closer {
  /**
   * @param {string} base the picture's address
   * @param {HTMLElement} stage
   * @param {{grey: HTMLElement, color: HTMLElement}} layers over the small pictures
   * @param {number} width of the whole picture, px
   * @param {number} height px
   * @param {() => View} view
   */
  constructor(base, stage, layers, width, height, view) {
    this.base = base;
    this.stage = stage;
    this.layers = layers;
    this.width = width;
    this.height = height;
    this.view = view;
    this.revision = 0;
    this.shown = "";
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /** @param {number} revision whose result is shown; 0: what is shown is not kept yet */
  show(revision) {
    this.revision = revision;
    this.layers.color.replaceChildren();
    this.shown = "";
    this.moved();
  }

  /** Another part of the picture is seen. */
  moved() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(), QUIET_MS);
  }

  load() {
    const { x, y, scale } = this.view();
    const { clientWidth: stageWidth, clientHeight: stageHeight } = this.stage;
    const screenWidth = stageWidth * scale * devicePixelRatio;
    if (!stageWidth || scale <= 1 || screenWidth < 1000) return this.clear();
    const left = Math.floor((-x / scale / stageWidth) * this.width);
    const top = Math.floor((-y / scale / stageHeight) * this.height);
    const width = Math.min(this.width - left, Math.ceil(this.width / scale) + 1);
    const height = Math.min(this.height - top, Math.ceil(this.height / scale) + 1);
    const longest = Math.min(MAX_PX, Math.ceil(Math.max(stageWidth, stageHeight) * devicePixelRatio));
    const part = `left=${left}&top=${top}&width=${width}&height=${height}&longest=${longest}`;
    const key = `${this.revision} ${part}`;
    if (key === this.shown) return;
    this.shown = key;
    const box = { left, top, width, height };
    this.put(this.layers.grey, `${this.base}/part/0.jpg?${part}`, box);
    if (this.revision) this.put(this.layers.color, `${this.base}/part/${this.revision}.jpg?${part}`, box);
  }

  clear() {
    this.shown = "";
    this.layers.grey.replaceChildren();
    this.layers.color.replaceChildren();
  }

  /** @param {HTMLElement} layer @param {string} address @param {{left: number, top: number, width: number, height: number}} box px */
  async put(layer, address, box) {
    const image = new Image();
    const key = this.shown;
    image.alt = "";
    image.className = "part";
    image.src = address;
    try {
      await image.decode();
    } catch (error) {
      return; // a busy studio: the small picture stays
    }
    if (key !== this.shown) return;
    image.style.left = `${(100 * box.left) / this.width}%`;
    image.style.top = `${(100 * box.top) / this.height}%`;
    image.style.width = `${(100 * box.width) / this.width}%`;
    image.style.height = `${(100 * box.height) / this.height}%`;
    layer.replaceChildren(image);
  }
}
