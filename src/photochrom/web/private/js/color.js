/** The colour science of `photochrom.color` and `photochrom.pipeline`, for the page that colours on
 * the device: the same formulas in the same order, so that the pixels are those of the command line.
 * Nothing here knows files, networks or pages. @module */

/** @typedef {{x: number, y: number, radius: number, color: [number, number, number]}} Spot px of the picture; sRGB of 8 bits */
/** @typedef {{height: number, width: number}} Shape px */
/** @typedef {{first: Int32Array, weights: Float64Array[]}} Bands for each target pixel: the first source pixel, and weights from there on */

const TO_XYZ = [[0.412453, 0.35758, 0.180423], [0.212671, 0.71516, 0.072169], [0.019334, 0.119193, 0.950227]];
const WHITE = [0.95047, 1, 1.08883];
const DELTA = 6 / 29;
const SLOPE = 3 * DELTA * DELTA;
const LONGEST_PER_SHORT = 4;
const BACK_PROJECTIONS = 2;
const CUBIC_A = -0.75;
const LIKE_L = 8;
const REACH = 0.06;
const FULL_WEIGHT = 0.5;
const SMALL_MISS = 8;
const ALIKE_REACH = 0.4;
const ALIKE_L = 12;
const ALIKE_AB = 8;
const ALIKE_BLOCK = 4;
const ALIKE_DOUBT = 0.1;
const GAMUT_STEPS = 4;
const AB_LIMIT = 128;
const MIN_HINT_GAIN = 0.5;
const PIN_REACH_CELLS = 0.4;
const PIN_LEAST_WEIGHT = 0.02;

/** @param {number[][]} m @returns {number[][]} its inverse */
function inverse3(m) {
  const [[a, b, c], [d, e, f], [g, h, i]] = m;
  const det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  return [
    [(e * i - f * h) / det, (c * h - b * i) / det, (b * f - c * e) / det],
    [(f * g - d * i) / det, (a * i - c * g) / det, (c * d - a * f) / det],
    [(d * h - e * g) / det, (b * g - a * h) / det, (a * e - b * d) / det],
  ];
}
const TO_RGB = inverse3(TO_XYZ).map((row) => row.map((value, i) => value * WHITE[i]));

const LINEAR = Float64Array.from({ length: 256 }, (_, code) => toLinear(code / 255));
const CODES = Uint8Array.from({ length: 65536 }, (_, index) => Math.round(255 * fromLinear(Math.min((index + 0.5) / 65535, 1))));

/** @param {number} v sRGB in [0, 1] @returns {number} */
function toLinear(v) {
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
}
/** @param {number} v linear @returns {number} sRGB */
function fromLinear(v) {
  return v <= 0.0031308 ? v * 12.92 : 1.055 * v ** (1 / 2.4) - 0.055;
}
/** @param {number} t @returns {number} CIELAB's curve */
function labF(t) {
  return t > DELTA ** 3 ? Math.cbrt(t) : DELTA + (t - DELTA ** 3) / SLOPE;
}
/** @param {number} f @returns {number} */
function labFInverse(f) {
  return f > DELTA ? f * f * f : DELTA ** 3 + (f - DELTA) * SLOPE;
}
/** Python's round: halves to the even. @param {number} v @returns {number} */
function roundEven(v) {
  const floor = Math.floor(v);
  const rest = v - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}

/**
 * @param {number} red @param {number} green @param {number} blue sRGB of 8 bits
 * @returns {[number, number, number]} CIELAB
 */
export function rgbToLab(red, green, blue) {
  const linear = [LINEAR[red], LINEAR[green], LINEAR[blue]];
  const [x, y, z] = TO_XYZ.map((m, i) => labF((m[0] * linear[0] + m[1] * linear[1] + m[2] * linear[2]) / WHITE[i]));
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/**
 * The size at which the network sees a picture, as `photochrom.color.fit.working_shape` has it.
 * @param {Shape} full @param {number} size of the model's card @param {number} multiple
 * @returns {Shape}
 */
export function workingShape({ height, width }, size, multiple) {
  const short = Math.min(size, height, width);
  const scale = Math.min(short / Math.min(height, width), (LONGEST_PER_SHORT * short) / Math.max(height, width));
  const fit = (/** @type {number} */ side) => Math.max(1, roundEven((side * scale) / multiple)) * multiple;
  return { height: fit(height), width: fit(width) };
}

/** Averages where an axis shrinks. @param {number} target @param {number} source @returns {Bands} */
function areaBands(target, source) {
  return bands(target, (i) => {
    const from = (i * source) / target;
    const to = ((i + 1) * source) / target;
    const first = Math.floor(from);
    const weights = [];
    for (let j = first; j < Math.min(Math.ceil(to), source); j++) {
      weights.push(((Math.min(j + 1, to) - Math.max(j, from)) * target) / source);
    }
    return { first, weights };
  });
}
/** Linear where it grows. @param {number} target @param {number} source @returns {Bands} */
function linearBands(target, source) {
  return bands(target, (i) => {
    const center = Math.min(Math.max(((i + 0.5) * source) / target - 0.5, 0), source - 1);
    const first = Math.min(Math.floor(center), Math.max(source - 2, 0));
    return { first, weights: source > 1 ? [1 - (center - first), center - first] : [1] };
  });
}
/** Cubic, with repeated borders. @param {number} target @param {number} source @returns {Bands} */
function cubicBands(target, source) {
  return bands(target, (i) => {
    const center = ((i + 0.5) * source) / target - 0.5;
    const first = Math.floor(center) - 1;
    const low = Math.min(Math.max(first, 0), source - 1);
    const high = Math.min(Math.max(first + 3, 0), source - 1);
    const weights = new Array(high - low + 1).fill(0);
    for (let tap = 0; tap < 4; tap++) {
      const d = Math.abs(center - (first + tap));
      const weight = d <= 1
        ? ((CUBIC_A + 2) * d - (CUBIC_A + 3)) * d * d + 1
        : CUBIC_A * (((d - 5) * d + 8) * d - 4);
      weights[Math.min(Math.max(first + tap, 0), source - 1) - low] += weight;
    }
    return { first: low, weights };
  });
}
/** @param {number} target @param {(i: number) => {first: number, weights: number[]}} row @returns {Bands} */
function bands(target, row) {
  const first = new Int32Array(target);
  /** @type {Float64Array[]} */
  const weights = [];
  for (let i = 0; i < target; i++) {
    const one = row(i);
    first[i] = one.first;
    weights.push(Float64Array.from(one.weights));
  }
  return { first, weights };
}
/** As `photochrom.color.fit.shrink`. @param {number} target @param {number} source */
const fittingBands = (target, source) => (target > source ? linearBands(target, source) : areaBands(target, source));
/** As `photochrom.color.resample.resampling_matrix`. @param {number} target @param {number} source */
const resamplingBands = (target, source) => (target > source ? cubicBands(target, source) : areaBands(target, source));

/**
 * A plane at another size, along both axes.
 * @param {ArrayLike<number>} plane @param {Shape} from @param {Shape} to
 * @param {(target: number, source: number) => Bands} how @param {number} step from pixel to pixel in the plane
 * @param {number} start the first in the plane
 * @returns {Float32Array}
 */
function resize(plane, from, to, how = fittingBands, step = 1, start = 0) {
  const across = how(to.width, from.width);
  const down = how(to.height, from.height);
  const out = new Float32Array(to.height * to.width);
  const rows = new Map();
  for (let y = 0; y < to.height; y++) {
    const weights = down.weights[y];
    for (const known of rows.keys()) if (known < down.first[y]) rows.delete(known);
    for (let k = 0; k < weights.length; k++) {
      const source = down.first[y] + k;
      let row = rows.get(source);
      if (!row) rows.set(source, (row = resizeRow(plane, source * from.width * step + start, step, across)));
      for (let x = 0; x < to.width; x++) out[y * to.width + x] += weights[k] * row[x];
    }
  }
  return out;
}
/** @param {ArrayLike<number>} plane @param {number} start @param {number} step @param {Bands} across */
function resizeRow(plane, start, step, across) {
  const row = new Float64Array(across.first.length);
  for (let x = 0; x < row.length; x++) {
    const weights = across.weights[x];
    let sum = 0;
    for (let k = 0, at = start + across.first[x] * step; k < weights.length; k++, at += step) sum += weights[k] * plane[at];
    row[x] = sum;
  }
  return row;
}

/**
 * What the network sees: the picture is shrunk before its lightness is taken.
 * @param {Uint8ClampedArray} rgba @param {Shape} full @param {Shape} working
 * @returns {Float32Array} L in [0, 100]
 */
export function workingLightness(rgba, full, working) {
  const planes = [0, 1, 2].map((channel) => resize(rgba, full, working, fittingBands, 4, channel));
  const L = new Float32Array(planes[0].length);
  const code = (/** @type {number} */ value) => LINEAR[Math.min(255, Math.max(0, roundEven(value)))];
  for (let i = 0; i < L.length; i++) {
    const y = TO_XYZ[1][0] * code(planes[0][i]) + TO_XYZ[1][1] * code(planes[1][i]) + TO_XYZ[1][2] * code(planes[2][i]);
    L[i] = 116 * labF(y) - 16;
  }
  return L;
}

/**
 * Spots as planes; where they overlap, the later one counts.
 * @param {readonly Spot[]} spots @param {Shape} full @param {Shape} working
 * @returns {{a: Float32Array, b: Float32Array, mask: Float32Array}}
 */
export function hintPlanes(spots, full, working) {
  const { height: h, width: w } = working;
  const planes = { a: new Float32Array(h * w), b: new Float32Array(h * w), mask: new Float32Array(h * w) };
  for (const { x, y, radius, color } of spots) {
    const [, a, b] = rgbToLab(...color);
    const row = Math.floor(((y + 0.5) * h) / full.height);
    const column = Math.floor(((x + 0.5) * w) / full.width);
    for (let i = 0; i < h; i++) {
      const dy = ((i + 0.5) * full.height) / h - 0.5 - y;
      if (i !== row && Math.abs(dy) > radius) continue;
      for (let j = 0; j < w; j++) {
        const dx = ((j + 0.5) * full.width) / w - 0.5 - x;
        if (dy * dy + dx * dx > radius * radius && !(i === row && j === column)) continue;
        planes.a[i * w + j] = a;
        planes.b[i * w + j] = b;
        planes.mask[i * w + j] = 1;
      }
    }
  }
  return planes;
}

/**
 * The network's input: L, hints divided by the gain, mask.
 * @param {Float32Array} L @param {{a: Float32Array, b: Float32Array, mask: Float32Array}} hints
 * @param {number} gain of the card, times the vividness
 * @returns {Float32Array} (4, h, w)
 */
export function networkInput(L, hints, gain) {
  const input = new Float32Array(4 * L.length);
  const scale = Math.max(gain, MIN_HINT_GAIN);
  const limit = (/** @type {number} */ v) => Math.min(AB_LIMIT, Math.max(-AB_LIMIT, v / scale));
  input.set(L, 0);
  input.set(hints.a.map(limit), L.length);
  input.set(hints.b.map(limit), 2 * L.length);
  input.set(hints.mask, 3 * L.length);
  return input;
}

/**
 * The network's colours, with what is missing at the hinted places spread over their like.
 * @param {Float32Array[]} ab two planes of the small map @param {Shape} small
 * @param {Float32Array} L @param {{a: Float32Array, b: Float32Array, mask: Float32Array}} hints @param {Shape} working
 * @returns {Float32Array[]}
 */
export function withHints(ab, small, L, hints, working) {
  if (!hints.mask.some((value) => value > 0)) return ab;
  const covered = resize(hints.mask, working, small);
  const wanted = [hints.a, hints.b].map((plane) => resize(plane, working, small));
  const smallL = resize(L, working, small);
  const count = small.height * small.width;
  const missing = wanted.map((plane, c) => plane.map((value, i) => (covered[i] > 0 ? value / Math.max(covered[i], 1e-6) - ab[c][i] : 0)));
  const carried = carrySmallCorrection(missing, covered, smallL, ab, small);
  const rest = missing.map((plane, c) => plane.map((value, i) => (covered[i] > 0 ? value - carried[c][i] : 0)));
  const spread = spreadCorrection(rest, covered, smallL, small);
  return ab.map((plane, c) => Float32Array.from({ length: count }, (_, i) => plane[i] + (covered[i] > 0 ? missing[c][i] : carried[c][i] + spread[c][i])));
}

/**
 * What small corrections say of all that is alike.
 * @param {Float32Array[]} missing @param {Float32Array} covered @param {Float32Array} L @param {Float32Array[]} ab @param {Shape} shape
 * @returns {Float32Array[]}
 */
function carrySmallCorrection(missing, covered, L, ab, { height: h, width: w }) {
  const side = ALIKE_REACH * Math.sqrt(h * w);
  const place = (/** @type {number} */ i) => [Math.floor(i / w) / side, (i % w) / side, L[i] / ALIKE_L, ab[0][i] / ALIKE_AB, ab[1][i] / ALIKE_AB];
  /** @type {Map<number, number[]>} of each block of known places: sums of their places and of what is missing, and their number */
  const blocks = new Map();
  for (let i = 0; i < h * w; i++) {
    if (!(covered[i] > 0)) continue;
    const share = Math.min(1, SMALL_MISS / Math.max(Math.hypot(missing[0][i], missing[1][i]), 1e-6)) ** 3;
    const key = Math.floor(Math.floor(i / w) / ALIKE_BLOCK) * w + Math.floor((i % w) / ALIKE_BLOCK);
    const values = [...place(i), missing[0][i] * share, missing[1][i] * share, 1];
    blocks.set(key, (blocks.get(key) ?? values.map(() => 0)).map((sum, k) => sum + values[k]));
  }
  const means = [...blocks.values()].map((sums) => sums.map((sum) => sum / sums[7]));
  const carried = [new Float32Array(h * w), new Float32Array(h * w)];
  for (let i = 0; i < h * w; i++) {
    const own = place(i);
    const sums = [0, 0, ALIKE_DOUBT];
    for (const mean of means) {
      const weight = Math.exp(-0.5 * own.reduce((sum, value, k) => sum + (value - mean[k]) ** 2, 0));
      sums[0] += weight * mean[5];
      sums[1] += weight * mean[6];
      sums[2] += weight;
    }
    carried[0][i] = sums[0] / sums[2];
    carried[1][i] = sums[1] / sums[2];
  }
  return carried;
}

/** @param {Float32Array[]} missing @param {Float32Array} covered @param {Float32Array} L @param {Shape} shape */
function spreadCorrection(missing, covered, L, { height: h, width: w }) {
  const slices = Math.floor(100 / LIKE_L) + 2;
  const level = L.map((value) => Math.min(100, Math.max(0, value)) / LIKE_L);
  const below = level.map((value) => Math.min(Math.floor(value), slices - 2));
  const cell = slices * 3;
  let grid = new Float32Array(h * w * cell);
  for (let i = 0; i < h * w; i++) {
    if (!(covered[i] > 0)) continue;
    const share = level[i] - below[i];
    for (const [slice, part] of [[below[i], 1 - share], [below[i] + 1, share]]) {
      const at = i * cell + slice * 3;
      grid[at] += missing[0][i] * part;
      grid[at + 1] += missing[1][i] * part;
      grid[at + 2] += part;
    }
  }
  const sigma = REACH * Math.sqrt(h * w);
  grid = blurAxis(grid, h, w * cell, 1, sigma);
  grid = blurAxis(grid, w, cell, h, sigma);
  const falls = [1, Math.exp(-0.5), Math.exp(-2)];
  const spread = [new Float32Array(h * w), new Float32Array(h * w)];
  for (let i = 0; i < h * w; i++) {
    const share = level[i] - below[i];
    const sums = [0, 0, 0];
    for (const [slice, part] of [[below[i], 1 - share], [below[i] + 1, share]]) {
      for (let other = Math.max(0, slice - 2); other <= Math.min(slices - 1, slice + 2); other++) {
        const fall = falls[Math.abs(other - slice)] * part;
        for (let c = 0; c < 3; c++) sums[c] += fall * grid[i * cell + other * 3 + c];
      }
    }
    const strength = Math.min(sums[2] / FULL_WEIGHT, 1) / Math.max(sums[2], 1e-6);
    spread[0][i] = sums[0] * strength;
    spread[1][i] = sums[1] * strength;
  }
  return spread;
}

/**
 * A Gaussian whose peak is 1 along one axis of blocks.
 * @param {Float32Array} values @param {number} length of the axis @param {number} block numbers at each place of it
 * @param {number} outer how often the axis comes @param {number} sigma
 */
function blurAxis(values, length, block, outer, sigma) {
  const reach = Math.ceil(3 * sigma);
  const out = new Float32Array(values.length);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < length; i++) {
      for (let j = Math.max(0, i - reach); j <= Math.min(length - 1, i + reach); j++) {
        const weight = Math.exp(-0.5 * ((i - j) / sigma) ** 2);
        const to = (o * length + i) * block;
        const from = (o * length + j) * block;
        for (let k = 0; k < block; k++) if (values[from + k] !== 0) out[to + k] += weight * values[from + k];
      }
    }
  }
  return out;
}

/**
 * The picture in colours: its own lightness, chroma from the small map, kept inside sRGB.
 * @param {Uint8ClampedArray} rgba @param {Shape} full @param {Float32Array[]} ab @param {Shape} small
 * @returns {Uint8ClampedArray} RGBA, with the alpha of the picture
 */
export function compose(rgba, full, ab, small) {
  const { height, width } = full;
  const out = new Uint8ClampedArray(rgba.length);
  const across = resamplingBands(width, small.width);
  const down = resamplingBands(height, small.height);
  const wide = ab.map((plane) => {
    const solved = backProject(plane, small, full);
    const rows = new Float32Array(small.height * width);
    for (let y = 0; y < small.height; y++) rows.set(resizeRow(solved, y * small.width, 1, across), y * width);
    return rows;
  });
  const chroma = [new Float32Array(width), new Float32Array(width)];
  for (let y = 0; y < height; y++) {
    const weights = down.weights[y];
    for (let c = 0; c < 2; c++) {
      const row = chroma[c].fill(0);
      for (let k = 0; k < weights.length; k++) {
        const weight = weights[k];
        const start = (down.first[y] + k) * width;
        const plane = wide[c];
        for (let x = 0; x < width; x++) row[x] += weight * plane[start + x];
      }
    }
    for (let x = 0, at = 4 * y * width; x < width; x++, at += 4) {
      putColor(out, at, lightnessF(rgba, at), chroma[0][x], chroma[1][x]);
      out[at + 3] = rgba[at + 3];
    }
  }
  return out;
}

const F_OF_CODE = LINEAR.map(labF);
/** f of Y. @param {Uint8ClampedArray} rgba @param {number} at */
function lightnessF(rgba, at) {
  const red = rgba[at];
  const green = rgba[at + 1];
  const blue = rgba[at + 2];
  if (red === green && red === blue) return F_OF_CODE[red];
  return labF(TO_XYZ[1][0] * LINEAR[red] + TO_XYZ[1][1] * LINEAR[green] + TO_XYZ[1][2] * LINEAR[blue]);
}

/** The small map whose interpolation, averaged again, comes close to the plane. @param {Float32Array} plane @param {Shape} small @param {Shape} full */
function backProject(plane, small, full) {
  let solved = Float64Array.from(plane);
  const grown = { height: Math.max(full.height, small.height), width: Math.max(full.width, small.width) };
  const around = (/** @type {number} */ side, /** @type {number} */ long) => {
    if (long <= side) return null;
    const up = cubicBands(long, side);
    const down = areaBands(side, long);
    return Float64Array.from({ length: side * side }, (_, i) => 0).map((_, index) => {
      const target = Math.floor(index / side);
      const source = index % side;
      let sum = 0;
      const weights = down.weights[target];
      for (let k = 0; k < weights.length; k++) {
        const row = down.first[target] + k;
        const place = source - up.first[row];
        if (place >= 0 && place < up.weights[row].length) sum += weights[k] * up.weights[row][place];
      }
      return sum;
    });
  };
  const down = around(small.height, grown.height);
  const across = around(small.width, grown.width);
  for (let step = 0; step < BACK_PROJECTIONS; step++) {
    const seen = multiplyBoth(solved, down, across, small);
    solved = solved.map((value, i) => value + plane[i] - seen[i]);
  }
  return solved;
}

/** down @ plane @ across.T; null: as it is. @param {Float64Array} plane @param {Float64Array | null} down @param {Float64Array | null} across @param {Shape} shape */
function multiplyBoth(plane, down, across, { height, width }) {
  let result = plane;
  if (down) {
    const out = new Float64Array(height * width);
    for (let i = 0; i < height; i++) for (let j = 0; j < height; j++) {
      const weight = down[i * height + j];
      if (weight !== 0) for (let x = 0; x < width; x++) out[i * width + x] += weight * result[j * width + x];
    }
    result = out;
  }
  if (across) {
    const out = new Float64Array(height * width);
    for (let x = 0; x < width; x++) for (let j = 0; j < width; j++) {
      const weight = across[x * width + j];
      if (weight !== 0) for (let y = 0; y < height; y++) out[y * width + x] += weight * result[y * width + j];
    }
    result = out;
  }
  return result;
}

const [R, G, B] = TO_RGB;
/** Write one colour: lightness as f of Y, chroma in CIELAB units. @param {Uint8ClampedArray} out @param {number} at @param {number} fy @param {number} a @param {number} b */
function putColor(out, at, fy, a, b) {
  const dx = a / 500;
  const dz = -b / 200;
  const y = labFInverse(fy);
  let x = labFInverse(fy + dx);
  let z = labFInverse(fy + dz);
  let red = R[0] * x + R[1] * y + R[2] * z;
  let green = G[0] * x + G[1] * y + G[2] * z;
  let blue = B[0] * x + B[1] * y + B[2] * z;
  const low = Math.min(red, green, blue);
  const high = Math.max(red, green, blue);
  if (low < -2e-6 || high > 1.0001) {
    // As `photochrom.color.gamut.move_into_gamut`: chroma gives way, at the same hue and lightness.
    const share = () => Math.max((y - Math.min(red, green, blue)) / Math.max(y, 1e-6), (Math.max(red, green, blue) - y) / Math.max(1 - y, 1e-6));
    let way = share();
    let scale = 1;
    let slope = way;
    let trial = 1 / slope;
    for (let step = 0; step < GAMUT_STEPS; step++) {
      if (step) {
        const newer = way / trial;
        const apart = trial - scale;
        const bend = Math.abs(apart) < 1e-6 ? 0 : (newer - slope) / apart;
        const begin = newer - bend * trial;
        scale = trial;
        slope = newer;
        trial = 2 / Math.max(begin + Math.sqrt(Math.max(begin * begin + 4 * bend, 0)), 2);
      }
      x = labFInverse(fy + dx * trial);
      z = labFInverse(fy + dz * trial);
      red = R[0] * x + R[1] * y + R[2] * z;
      green = G[0] * x + G[1] * y + G[2] * z;
      blue = B[0] * x + B[1] * y + B[2] * z;
      way = share();
    }
    const most = Math.max(way, 1);
    red = (red - y) / most + y;
    green = (green - y) / most + y;
    blue = (blue - y) / most + y;
  }
  out[at] = CODES[index(red)];
  out[at + 1] = CODES[index(green)];
  out[at + 2] = CODES[index(blue)];
}
/** @param {number} v linear @returns {number} */
function index(v) {
  return v <= 0 ? 0 : v >= 1 ? 65535 : Math.floor(v * 65535);
}

/**
 * Give spots exactly the chroma that was asked for, in place, fading beyond their edge over their like.
 * @param {Uint8ClampedArray} colored RGBA @param {Uint8ClampedArray} rgba the picture @param {Shape} full
 * @param {readonly Spot[]} spots @param {Shape} small of the chroma's map
 */
export function pinColors(colored, rgba, full, spots, small) {
  const sigma = Math.max(PIN_REACH_CELLS * Math.max(full.height / small.height, full.width / small.width), 0.5);
  const halo = Math.ceil(sigma * Math.sqrt(-2 * Math.log(PIN_LEAST_WEIGHT)));
  const source = colored.slice();
  const inside = (/** @type {number} */ v, /** @type {number} */ side) => Math.min(side - 1, Math.max(0, Math.round(v)));
  const distance = (/** @type {Spot} */ s, /** @type {number} */ x, /** @type {number} */ y) => Math.max(0, Math.hypot(x - s.x, y - s.y) - Math.max(s.radius, 0.5));
  spots.forEach((spot, number) => {
    const reach = spot.radius + halo + 1;
    const [, a, b] = rgbToLab(...spot.color);
    for (let y = inside(spot.y - reach, full.height); y <= inside(spot.y + reach, full.height); y++) {
      for (let x = inside(spot.x - reach, full.width); x <= inside(spot.x + reach, full.width); x++) {
        const apart = distance(spot, x, y);
        const weight = Math.exp(-0.5 * (apart / sigma) ** 2);
        if (weight <= PIN_LEAST_WEIGHT) continue;
        // Where another spot is nearer, or as near and later, that one speaks.
        if (spots.some((other, i) => i !== number && (distance(other, x, y) < apart || (i > number && distance(other, x, y) === apart)))) continue;
        const at = 4 * (y * full.width + x);
        const length = Math.hypot(x - spot.x, y - spot.y) || 1;
        const part = apart > 0 ? spot.radius / length : 1;
        const edge = 4 * (inside(spot.y + (y - spot.y) * part, full.height) * full.width + inside(spot.x + (x - spot.x) * part, full.width));
        const ownF = lightnessF(rgba, at);
        const gap = (116 * (ownF - lightnessF(rgba, edge))) / LIKE_L;
        const share = apart > 0 ? weight * Math.exp(-0.5 * gap * gap) : 1;
        if (share <= PIN_LEAST_WEIGHT) continue;
        const now = rgbToLab(source[edge], source[edge + 1], source[edge + 2]);
        const own = rgbToLab(source[at], source[at + 1], source[at + 2]);
        putColor(colored, at, ownF, own[1] + share * (a - now[1]), own[2] + share * (b - now[2]));
      }
    }
  });
}
