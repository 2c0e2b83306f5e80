/// <reference no-default-lib="true" />
/// <reference lib="webworker" />
/** The service worker of the page that colours on the device: it keeps the whole page, so that it
 * works without a connection, and gives it the headers that threads need, which static hosts do not.
 *
 * VERSION and FILES are written here when the site is assembled. Runtime and model are kept when they
 * are first asked for: of the runtimes a device needs one.
 */
const page = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));
const VERSION = "assembled-version";
/** @type {string[]} */
const FILES = [];
const CACHE = `private-${VERSION}`;
const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

page.addEventListener("install", (event) => event.waitUntil(keepPage()));
page.addEventListener("activate", (event) => event.waitUntil(takeOver()));
page.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  const scope = page.registration.scope;
  if (event.request.method === "GET" && url.href.startsWith(scope)) event.respondWith(answer(event.request));
});

async function keepPage() {
  try {
    const cache = await caches.open(CACHE);
    await cache.addAll(FILES.map((file) => new Request(file, { cache: "no-cache" })));
    for (const address of await lateFiles()) {
      const response = await fetch(address, { cache: "no-cache" });
      if (response.ok) await cache.put(address, response);
    }
  } catch (error) {
    await caches.delete(CACHE); // half a version takes space, and the one before stays in its place
    throw error;
  }
  await page.skipWaiting();
}

/** What the version before has kept beyond its page: without it, this one would not work offline.
 * @returns {Promise<string[]>} */
async function lateFiles() {
  const names = (await caches.keys()).filter((name) => name.startsWith("private-") && name !== CACHE);
  const kept = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
  const known = FILES.map((file) => new URL(file, page.location.href).href);
  return kept.flat().map(({ url }) => url).filter((url) => url.startsWith(page.registration.scope) && !known.includes(url));
}

async function takeOver() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith("private-") && name !== CACHE).map((name) => caches.delete(name)));
  await page.clients.claim();
}

/** @param {Request} request @returns {Promise<Response>} */
async function answer(request) {
  const cache = await caches.open(CACHE);
  const url = new URL(request.url);
  const address = url.pathname.endsWith("/") ? new URL("index.html", url).href : url.origin + url.pathname;
  let response = await cache.match(address);
  if (!response) {
    response = await fetch(address, { cache: "no-cache" });
    if (response.ok && response.type === "basic") await keep(cache, address, response.clone());
  }
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

/** @param {Cache} cache @param {string} address @param {Response} response */
async function keep(cache, address, response) {
  try {
    await cache.put(address, response);
  } catch (error) {
    console.info("it is not kept, as on a device without space:", error);
  }
}
