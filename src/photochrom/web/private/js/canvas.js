/** How large a picture a device's canvases hold. Beyond that a canvas stays empty, without a word. @module */

/** @typedef {{height: number, width: number}} Size px */

/** Of the canvas, px: on iPhones and iPads 4096 × 4096 in all, and on old ones on each side. */
const MOST = 4096 * 4096;
const LONGEST = 4096;

/** @param {Size} full @returns {Size[]} the sizes that are tried, the picture's own first */
export function canvasSizes(full) {
  const sides = Math.max(full.height, full.width);
  const shares = [1, Math.sqrt(MOST / (full.height * full.width)), Math.min(LONGEST / sides, Math.sqrt(MOST / (full.height * full.width)))];
  const smaller = shares.filter((share, at) => at === 0 || share < Math.min(1, ...shares.slice(0, at)));
  return smaller.map((share) => ({ height: Math.max(1, Math.floor(share * full.height)), width: Math.max(1, Math.floor(share * full.width)) }));
}

/**
 * A picture's pixels, in its own size or else in the largest that this device holds.
 * @param {ImageBitmap} bitmap
 * @returns {{canvas: OffscreenCanvas, rgba: Uint8ClampedArray, size: Size}} throws where it holds none
 */
export function readPixels(bitmap) {
  for (const size of canvasSizes(bitmap)) {
    const canvas = new OffscreenCanvas(size.width, size.height);
    try {
      const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
      if (!holdsInk(context, size)) throw new Error("it stays empty");
      context.imageSmoothingQuality = "high";
      context.drawImage(bitmap, 0, 0, size.width, size.height);
      return { canvas, rgba: context.getImageData(0, 0, size.width, size.height).data, size };
    } catch (error) {
      console.info(`no canvas of ${size.width} × ${size.height} px:`, error);
      canvas.width = canvas.height = 1; // what it had is free for the next one
    }
  }
  throw new Error(`this device holds no picture of ${bitmap.width} × ${bitmap.height} px`);
}

/** Whether what is drawn into the last corner is there. @param {OffscreenCanvasRenderingContext2D} context @param {Size} size */
function holdsInk(context, { height, width }) {
  context.fillRect(width - 1, height - 1, 1, 1);
  const alpha = context.getImageData(width - 1, height - 1, 1, 1).data[3];
  context.clearRect(width - 1, height - 1, 1, 1);
  return alpha === 255;
}
