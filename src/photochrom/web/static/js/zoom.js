/** Looking closer: wheel, pinch, double tap, buttons, keys; and dragging what is larger. @module */

const MAX_SCALE = 8;
const BUTTON_STEP = 1.6;
const TAP_PX = 8;
const DOUBLE_TAP_MS = 320;

/**
 * @typedef {object} ZoomHandlers
 * @property {() => void} onChange called after every change
 * @property {(x: number, y: number) => void} onTap a place of the stage, px
 * @property {(clientX: number) => void} onDrag a finger that drags nothing: the split follows it
 * @property {Pen} pen
 */

/**
 * @typedef {object} Pen what one finger or the mouse does while it is chosen, instead of all else
 * @property {() => boolean} isOn
 * @property {(x: number, y: number) => void} start at a place of the stage, px
 * @property {(x: number, y: number) => void} move
 * @property {() => void} end
 * @property {() => void} cancel a second finger came: it is to look closer
 */

export class Zoom {
  /** @param {HTMLElement} stage @param {ZoomHandlers} handlers */
  constructor(stage, handlers) {
    this.stage = stage;
    this.handlers = handlers;
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    /** @type {Map<number, {x: number, y: number}>} */
    this.fingers = new Map();
    this.travel = 0;
    this.lastTap = 0;
    this.isDrawing = false;
    stage.addEventListener("pointerdown", (event) => this.down(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    stage.addEventListener("pointerup", (event) => this.up(event));
    stage.addEventListener("pointercancel", (event) => {
      this.fingers.delete(event.pointerId);
      this.stopDrawing();
    });
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    new ResizeObserver(() => this.apply()).observe(stage);
  }

  /**
   * @param {number} factor
   * @param {{x: number, y: number}} [center] the place of the stage that stays, px
   */
  multiply(factor, center = { x: this.stage.clientWidth / 2, y: this.stage.clientHeight / 2 }) {
    const scale = Math.min(MAX_SCALE, Math.max(1, this.scale * factor));
    this.x = center.x - ((center.x - this.x) * scale) / this.scale;
    this.y = center.y - ((center.y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.apply();
  }

  zoomIn() {
    this.multiply(BUTTON_STEP);
  }

  zoomOut() {
    this.multiply(1 / BUTTON_STEP);
  }

  fit() {
    this.scale = 1;
    this.apply();
  }

  /** @param {number} dx px @param {number} dy px */
  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.apply();
  }

  apply() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    this.x = Math.min(0, Math.max(width - width * this.scale, this.x));
    this.y = Math.min(0, Math.max(height - height * this.scale, this.y));
    this.stage.style.setProperty("--x", `${this.x}px`);
    this.stage.style.setProperty("--y", `${this.y}px`);
    this.stage.style.setProperty("--scale", String(this.scale));
    this.stage.classList.toggle("zoomed", this.scale > 1);
    this.handlers.onChange();
  }

  /** @param {{clientX: number, clientY: number}} event */
  place(event) {
    const box = this.stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (event.button !== 0) return; // the browser's own menu, or its scrolling
    if (event.target instanceof Element && event.target.closest("button, .split")) return;
    const isFirst = this.fingers.size === 0;
    if (isFirst) this.travel = 0;
    const place = this.place(event);
    this.fingers.set(event.pointerId, place);
    this.stage.setPointerCapture(event.pointerId);
    this.stopDrawing();
    if (!isFirst || !this.handlers.pen.isOn()) return;
    this.isDrawing = true;
    this.handlers.pen.start(place.x, place.y);
  }

  stopDrawing() {
    if (this.isDrawing) this.handlers.pen.cancel();
    this.isDrawing = false;
  }

  /** @param {PointerEvent} event */
  move(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const now = this.place(event);
    const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
    this.travel += Math.hypot(now.x - before.x, now.y - before.y);
    this.fingers.set(event.pointerId, now);
    if (this.isDrawing) {
      this.handlers.pen.move(now.x, now.y);
    } else if (other) {
      this.travel += TAP_PX; // two fingers are never a tap
      const distance = Math.hypot(before.x - other.x, before.y - other.y) || 1;
      this.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
      const center = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
      this.multiply(Math.hypot(now.x - other.x, now.y - other.y) / distance, center);
    } else if (this.handlers.pen.isOn()) {
      this.travel += TAP_PX; // what is left of two fingers
    } else if (this.scale > 1) {
      this.pan(now.x - before.x, now.y - before.y);
    } else if (this.travel > TAP_PX) {
      this.handlers.onDrag(event.clientX);
    }
  }

  /** @param {PointerEvent} event */
  up(event) {
    const place = this.fingers.get(event.pointerId);
    this.fingers.delete(event.pointerId);
    if (this.isDrawing) {
      this.isDrawing = false;
      this.handlers.pen.end();
      return;
    }
    if (!place || this.fingers.size || this.travel > TAP_PX) return;
    const double = event.timeStamp - this.lastTap < DOUBLE_TAP_MS;
    this.lastTap = double ? 0 : event.timeStamp;
    if (double && !this.stage.classList.contains("correcting")) {
      if (this.scale > 1) this.fit();
      else this.multiply(2.5, place);
    } else {
      this.handlers.onTap(place.x, place.y);
    }
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    if (!event.ctrlKey && this.scale === 1 && event.deltaY > 0) return; // the page scrolls on
    event.preventDefault();
    this.multiply(Math.exp(-event.deltaY / 300), this.place(event));
  }
}
