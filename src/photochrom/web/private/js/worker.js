/** Everything that takes time, beside the page: decoding, network, colours, files. @module */
import { readPixels } from "./canvas.js";
import { compose, hintPlanes, networkInput, pinColors, withHints, workingLightness, workingShape } from "./color.js";
import { markedFile, readMetadata } from "./metadata.js";

/** @typedef {import("./color.js").Spot} Spot */

const ADDRESS = new URL(self.location.href).searchParams;
const MODEL = { size: Number(ADDRESS.get("size")), multiple: Number(ADDRESS.get("multiple")), gain: Number(ADDRESS.get("gain")), generator: ADDRESS.get("generator") ?? "" };
const RUNTIME = new URL("../runtime/", import.meta.url).href;

/** @type {Promise<{session: any, Tensor: any, where: string}> | null} */
let engine = null;
/** @type {{canvas: OffscreenCanvas, rgba: Uint8ClampedArray, full: {height: number, width: number}, working: {height: number, width: number}, L: Float32Array, file: Blob, guess: Float32Array[] | null, small: {height: number, width: number}} | null} */
let picture = null;
/** Whether the picture's canvas, which is of its full size, shows the result. */
let isColored = false;

/** @type {Record<string, (message: any) => Promise<{values: object, transfer?: Transferable[]}>>} */
const jobs = { start, open, color, save };
let queue = Promise.resolve();

self.addEventListener("message", ({ data }) => {
  queue = queue.then(async () => {
    try {
      const answer = await /** @type {(typeof jobs)[string]} */ (jobs[data.job])(data);
      self.postMessage({ id: data.id, ...answer.values }, { transfer: answer.transfer ?? [] });
    } catch (error) {
      self.postMessage({ id: data.id, problem: error instanceof Error ? error.message : String(error) });
    }
  });
});

/** Fetch runtime and model, once. */
async function start() {
  const { where } = await ready();
  return { values: { where } };
}

/** What did not come, as where there is no connection, is fetched anew when it is needed again. */
function ready() {
  engine ??= load().catch((error) => {
    engine = null;
    throw error;
  });
  return engine;
}

/** By WebGPU where it can, else by the processor, which is told with the reason. */
async function load() {
  if (!(await hasWebGpu())) return loadBuild(false);
  try {
    return await loadBuild(true);
  } catch (error) {
    console.warn("WebGPU cannot run the model, the processor does:", error);
    return loadBuild(false);
  }
}

/** @param {boolean} onGpu */
async function loadBuild(onGpu) {
  const build = onGpu ? "jspi" : "wasm";
  const ort = await import(`${RUNTIME}ort.${build}.bundle.min.mjs`);
  ort.env.logLevel = "error";
  ort.env.wasm.wasmPaths = { wasm: `${RUNTIME}ort-wasm-simd-threaded${onGpu ? ".jspi" : ""}.wasm` };
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency || 1, 4) : 1;
  const answer = await fetch(new URL("../model/model.onnx", import.meta.url));
  if (!answer.ok) throw new Error(`model.onnx: ${answer.status}`);
  const content = new Uint8Array(await answer.arrayBuffer());
  const providers = onGpu ? ["webgpu", "wasm"] : ["wasm"];
  const session = await ort.InferenceSession.create(content, { executionProviders: providers });
  const threads = ort.env.wasm.numThreads;
  return { session, Tensor: ort.Tensor, where: onGpu ? "WebGPU" : `wasm, ${threads}` };
}

/** Whether there is a GPU for the network, and what its runtime needs of the browser. */
async function hasWebGpu() {
  const gpu = /** @type {any} */ (navigator).gpu;
  if (!gpu || !("Suspending" in WebAssembly) || ADDRESS.get("engine") === "wasm") return false;
  return (await gpu.requestAdapter().catch(() => null)) !== null;
}

/** Full size is from here on what this device holds of the picture. @param {{file: Blob}} message */
async function open({ file }) {
  const decoded = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null);
  if (!decoded) return { values: { isPicture: false } };
  const { canvas, rgba, size: full } = readPixels(decoded);
  const isSmaller = full.width < decoded.width || full.height < decoded.height;
  const bitmap = isSmaller ? await createImageBitmap(canvas) : decoded;
  const working = workingShape(full, MODEL.size, MODEL.multiple);
  const L = workingLightness(rgba, full, working);
  if (picture) picture.canvas.width = picture.canvas.height = 1; // the one before: phones have little space
  picture = { canvas, rgba, full, working, L, file, guess: null, small: working };
  isColored = false;
  return { values: { isPicture: true, ...full, isSmaller, bitmap }, transfer: [bitmap] };
}

/** @param {{spots: Spot[], vividness: number}} message */
async function color({ spots, vividness }) {
  if (!picture) throw new Error("no picture is open");
  const { canvas, rgba, full, working, L } = picture;
  const gain = MODEL.gain * vividness;
  const hints = hintPlanes(spots, full, working);
  const guess = spots.length ? await ask(networkInput(L, hints, gain)) : (picture.guess ??= await ask(networkInput(L, hints, gain)));
  const small = picture.small;
  const vivid = guess.map((plane) => plane.map((value) => value * gain));
  const colored = compose(rgba, full, withHints(vivid, small, L, hints, working), small);
  if (spots.length) pinColors(colored, rgba, full, spots, small); // which takes a copy of the picture
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.putImageData(new ImageData(/** @type {any} */ (colored), full.width, full.height), 0, 0);
  isColored = true;
  const bitmap = await createImageBitmap(canvas);
  return { values: { bitmap }, transfer: [bitmap] };
}

/** @param {Float32Array} input @returns {Promise<Float32Array[]>} ab, two planes */
async function ask(input) {
  if (!picture) throw new Error("no picture is open");
  const { session, Tensor } = await ready();
  const { height, width } = picture.working;
  const { ab } = await session.run({ input: new Tensor("float32", input, [1, 4, height, width]) }, ["ab"]);
  const [, , h, w] = ab.dims;
  picture.small = { height: h, width: w };
  const data = ab.data;
  return [data.slice(0, h * w), data.slice(h * w, 2 * h * w)];
}

/** The result as a file like the one that was opened, with its metadata and the mark. */
async function save() {
  if (!picture || !isColored) throw new Error("no picture is coloured");
  const head = new Uint8Array(await picture.file.arrayBuffer());
  const metadata = readMetadata(head);
  const type = metadata.type === "image/jpeg" ? "image/jpeg" : "image/png";
  const blob = await picture.canvas.convertToBlob({ type, quality: 0.95 });
  const file = markedFile(new Uint8Array(await blob.arrayBuffer()), metadata, MODEL.generator);
  return { values: { file: new Blob([/** @type {any} */ (file)], { type }) } };
}
