/// <reference no-default-lib="true" />
/// <reference lib="webworker" />
/** The service worker: an offline page, and pictures that other apps share with the studio.
 *
 * It keeps the frame of the app (styles, scripts, icons), never a picture and never a page of
 * somebody's: whoever logs out leaves nothing behind. The network always comes first, so that a new
 * version of the studio is there at once; the cache answers where there is no connection.
 */
const studio = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));
const ADDRESS = new URL(studio.location.href).searchParams;
const CACHE = `frame-${ADDRESS.get("v")}`;
const SHARED_CACHE = "shared-files";
/** Kept in the browser's language at first, and then in that of the page that was opened last. One
 * worker for all languages: browsers can hold a page up for minutes while one gives way to another. */
const OFFLINE = "/offline";
const FILES = [
  "css/studio.css",
  "js/app.js",
  "js/messages.js",
  "fonts/figtree-latin.woff2",
  "fonts/fraunces-latin.woff2",
  "icons/icon.svg",
  "icons/lines.svg",
  "icons/offline.svg",
];
const FRAME = [OFFLINE, ...FILES.map((name) => `/static/${ADDRESS.get("v")}/${name}`)];

studio.addEventListener("install", (event) => {
  event.waitUntil(keepFrame());
});
studio.addEventListener("activate", (event) => {
  event.waitUntil(deleteOldCaches());
});
studio.addEventListener("message", (event) => {
  event.waitUntil(keepOffline(event.data.language));
});
studio.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== studio.location.origin) return;
  if (request.method === "POST" && url.pathname === "/share-target") event.respondWith(receive(request));
  else if (request.method !== "GET") return;
  else if (request.mode === "navigate") event.respondWith(page(request));
  else if (url.pathname.startsWith("/static/")) event.respondWith(frame(request));
});

async function keepFrame() {
  const cache = await caches.open(CACHE);
  // The offline page is kept as a stranger sees it: nothing of whoever is logged in.
  await cache.addAll(FRAME.map((url) => new Request(url, { credentials: "omit", cache: "reload" })));
  await studio.skipWaiting();
}

/** @param {string} language of the page that is open */
async function keepOffline(language) {
  try {
    const cache = await caches.open(CACHE);
    const kept = await cache.match(OFFLINE);
    if (kept?.headers.get("Content-Language") === language) return;
    const page = await fetch(`${OFFLINE}?language=${language}`, { credentials: "omit", cache: "reload" });
    if (page.ok) await cache.put(OFFLINE, page);
  } catch (error) {
    console.info("the offline page stays in its language:", error);
  }
}

async function deleteOldCaches() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith("frame-") && name !== CACHE).map((name) => caches.delete(name)));
  await studio.clients.claim();
}

/** @param {Request} request @returns {Promise<Response>} */
async function page(request) {
  try {
    return await fetch(request);
  } catch (error) {
    return (await caches.match(OFFLINE)) ?? Response.error();
  }
}

/** @param {Request} request @returns {Promise<Response>} */
async function frame(request) {
  try {
    return await fetch(request);
  } catch (error) {
    return (await caches.match(request, { ignoreSearch: true })) ?? Response.error();
  }
}

/**
 * Put shared pictures aside; the library page sends them as if they had been chosen there, with
 * its progress and its token, and says where this device had no space for all of them.
 * @param {Request} request
 * @returns {Promise<Response>}
 */
async function receive(request) {
  let isEachKept = true;
  try {
    const files = (await request.formData()).getAll("file");
    const cache = await caches.open(SHARED_CACHE);
    for (const file of files) {
      if (typeof file !== "string") isEachKept = (await keepShared(cache, file)) && isEachKept;
    }
  } catch (error) {
    console.info("what was shared cannot be read:", error);
    isEachKept = false;
  }
  return Response.redirect(`/library?shared=${isEachKept ? "all" : "some"}`, 303);
}

/** @param {Cache} cache @param {File} file @returns {Promise<boolean>} whether it is kept */
async function keepShared(cache, file) {
  const headers = { "Content-Type": file.type, "X-Name": encodeURIComponent(file.name) };
  try {
    // Beside what was shared before, which may wait for its owner to log in.
    await cache.put(`/shared-file/${crypto.randomUUID()}`, new Response(file, { headers }));
    return true;
  } catch (error) {
    console.info("it is not kept, as on a device without space:", error);
    return false;
  }
}
