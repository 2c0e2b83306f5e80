/** Areas: the studio says what a place is part of, and its edge is drawn over the picture. @module */
import { post } from "./net.js";

/** @typedef {import("./hints.js").Area} Area */
/** @typedef {{outlines: [number, number][][], share: number}} Selection rings, px of the picture; share of it, [0, 1] */

const SVG = "http://www.w3.org/2000/svg";
/** How much larger the tolerance is made at a time, and between which values, units of L*. */
const STEP = 1.3;
const LEAST = 2;
const MOST = 60;
const KEPT = 40;

/** The edge of one area. It lies in the picture's own px, so that it zooms with it. */
export class AreaOutline {
  /** @param {string} url @param {Element} svg @param {number} width @param {number} height of the picture, px */
  constructor(url, svg, width, height) {
    this.url = url;
    this.svg = svg;
    svg.setAttribute("viewBox", `-0.5 -0.5 ${width} ${height}`); // pixels have their centres at whole numbers
    /** @type {Map<string, Promise<Selection>>} */
    this.known = new Map();
    this.shown = "";
  }

  /**
   * Draw the edge of an area, as soon as it is known; null: none.
   * @param {Area | null} area
   * @returns {Promise<number | null>} its share of the picture, [0, 1]; null where another was asked for meanwhile
   */
  async show(area) {
    const key = area ? `${area.area.join()} ${area.tolerance}` : "";
    if (key === this.shown) return null;
    this.shown = key;
    if (!area) {
      this.svg.replaceChildren();
      return null;
    }
    try {
      const { outlines, share } = await this.find(key, area);
      if (key !== this.shown) return null;
      const path = outlines.map((ring) => `M${ring.map((place) => place.join()).join("L")}Z`).join("");
      this.svg.replaceChildren(...["area-rim", "area-core"].map((name) => edge(name, path)));
      return share;
    } catch (error) {
      if (key === this.shown) this.shown = "";
      throw error;
    }
  }

  /** @param {string} key @param {Area} area @returns {Promise<Selection>} */
  find(key, area) {
    const known = this.known.get(key);
    if (known) return known;
    const asked = post(this.url, { place: area.area, tolerance: area.tolerance }).then((answer) => answer.json());
    this.known.set(key, asked);
    asked.catch(() => this.known.delete(key));
    const oldest = this.known.keys().next();
    if (this.known.size > KEPT && !oldest.done) this.known.delete(oldest.value);
    return asked;
  }
}

/** @param {string} className @param {string} path @returns {SVGPathElement} */
function edge(className, path) {
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("class", className);
  line.setAttribute("d", path);
  line.setAttribute("fill-rule", "evenodd");
  return line;
}

/**
 * @param {Area} area
 * @param {1 | -1} way larger or smaller
 * @returns {Area} with another tolerance
 */
export function resized(area, way) {
  const tolerance = Math.min(MOST, Math.max(LEAST, area.tolerance * STEP ** way));
  return { ...area, tolerance: Math.round(10 * tolerance) / 10 };
}
