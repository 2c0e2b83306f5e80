/** Lines of a colour over the picture: drawn with a finger or a mouse, kept as hints. @module */

/** @typedef {import("./hints.js").Place} Place */
/** @typedef {import("./hints.js").Hint} Hint */
/** @typedef {import("./hints.js").Stroke} Stroke */

const SVG = "http://www.w3.org/2000/svg";
/** Of three brushes, as shares of the longer side of the picture as it is seen. */
const WIDTHS = [0.008, 0.02, 0.05];
/** By how much a kept line may differ from the drawn one, as a share of the longer side. */
const TOLERANCE = 0.0015;

/** The drawing of all strokes. It lies in the picture's own px, so that it zooms with it. */
export class StrokeLayer {
  /** @param {Element} svg @param {number} width @param {number} height of the picture, px */
  constructor(svg, width, height) {
    this.svg = svg;
    svg.setAttribute("viewBox", `-0.5 -0.5 ${width} ${height}`); // pixels have their centres at whole numbers
  }

  /** @param {readonly Hint[]} hints @param {number} selection the index of a hint, or -1 */
  show(hints, selection) {
    const lines = hints.map((hint, index) => ("points" in hint ? this.kept(hint, index === selection) : null));
    this.svg.replaceChildren(...lines.filter((line) => line !== null));
  }

  /** @param {Stroke} stroke @returns {SVGPolylineElement} the line while it is being drawn */
  begin(stroke) {
    const line = polyline(stroke, "stroke-drawn");
    this.svg.append(line);
    return line;
  }

  /**
   * Thin, so that the colours below it are seen; the selected one as wide as it is.
   * @param {Stroke} stroke
   * @param {boolean} isSelected
   */
  kept(stroke, isSelected) {
    const group = document.createElementNS(SVG, "g");
    if (isSelected) group.append(polyline(stroke, "stroke-drawn"));
    group.append(polyline(stroke, "stroke-rim"), polyline(stroke, "stroke-core"));
    return group;
  }
}

/** What the brush is, and the line that it is drawing. */
export class Brush {
  /** @param {StrokeLayer} layer @param {number} longest the picture's longer side, px */
  constructor(layer, longest) {
    this.layer = layer;
    this.longest = longest;
    this.isOn = false;
    this.size = 1;
    this.color = "#c1272d";
    /** @type {Stroke | null} */
    this.stroke = null;
    /** @type {SVGPolylineElement | null} */
    this.line = null;
    this.scale = 1;
  }

  /** @param {Place} place px of the picture @param {number} scale how much larger it is shown */
  start({ x, y }, scale) {
    this.scale = scale;
    const width = Math.max(1, Math.round((10 * (WIDTHS[this.size] ?? 0.02) * this.longest) / scale) / 10);
    this.stroke = { points: [[x, y]], color: this.color, width };
    this.line = this.layer.begin(this.stroke);
  }

  /** @param {Place} place px of the picture */
  move({ x, y }) {
    const last = this.stroke?.points.at(-1);
    if (!this.stroke || !last || (last[0] === x && last[1] === y)) return;
    this.stroke.points.push([x, y]);
    this.line?.setAttribute("points", pointsText(this.stroke));
  }

  /** @returns {Stroke | null} the line, with no more points than it needs */
  end() {
    const stroke = this.stroke;
    this.cancel();
    if (!stroke) return null;
    return { ...stroke, points: simplified(stroke.points, (TOLERANCE * this.longest) / this.scale) };
  }

  cancel() {
    this.line?.remove();
    this.stroke = this.line = null;
  }
}

/** @param {Stroke} stroke @param {string} className @returns {SVGPolylineElement} */
function polyline(stroke, className) {
  const line = document.createElementNS(SVG, "polyline");
  line.setAttribute("class", className);
  line.setAttribute("points", pointsText(stroke));
  if (className !== "stroke-rim") line.setAttribute("stroke", stroke.color);
  if (className === "stroke-drawn") line.setAttribute("stroke-width", String(stroke.width));
  return line;
}

/** @param {Stroke} stroke @returns {string} a spot is a line back to itself, which has round ends */
function pointsText({ points }) {
  return (points.length > 1 ? points : [...points, ...points]).map(([x, y]) => `${x},${y}`).join(" ");
}

/**
 * A line without the points that lie nearly on it (Ramer, Douglas and Peucker).
 * @param {[number, number][]} points
 * @param {number} tolerance px
 * @returns {[number, number][]}
 */
function simplified(points, tolerance) {
  const first = points[0];
  const last = points.at(-1);
  if (!first || !last || points.length < 3) return points;
  let farthest = 0;
  let at = 0;
  points.forEach((point, index) => {
    const distance = distanceTo(point, first, last);
    if (distance > farthest) [farthest, at] = [distance, index];
  });
  if (farthest <= tolerance) return [first, last];
  const head = simplified(points.slice(0, at + 1), tolerance);
  return [...head.slice(0, -1), ...simplified(points.slice(at), tolerance)];
}

/**
 * @param {[number, number]} point
 * @param {[number, number]} start
 * @param {[number, number]} end
 * @returns {number} from the point to the segment, px
 */
function distanceTo([x, y], [x0, y0], [x1, y1]) {
  const length2 = (x1 - x0) ** 2 + (y1 - y0) ** 2;
  const along = length2 ? Math.min(1, Math.max(0, ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length2)) : 0;
  return Math.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0));
}
