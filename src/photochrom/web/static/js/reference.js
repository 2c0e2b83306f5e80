/** "Colours from another picture": which one, what became of them, another, none. @module */
import { follow } from "./live.js";
import { message, need } from "./messages.js";
import { csrfToken, problemIn, RequestError } from "./net.js";

/** @typedef {import("./chooser.js").Photo} Photo */

/**
 * @typedef {object} ReferenceHandlers
 * @property {(id: string | null) => void} onChange the picture whose colours are taken, or none
 * @property {(text: string, isBad?: boolean) => void} onStatus
 */

export class ReferenceBox {
  /**
   * @param {string} base address of the picture that takes colours
   * @param {import("./chooser.js").PictureChooser} chooser
   * @param {ReferenceHandlers} handlers
   */
  constructor(base, chooser, handlers) {
    this.base = base;
    this.chooser = chooser;
    this.handlers = handlers;
    /** @type {Map<string, Photo>} those that were chosen on this page */
    this.known = new Map();
    /** @type {HTMLImageElement} */
    this.image = need("reference-image");
    this.shown = "";
    this.note = need("reference-note");
    need("reference-choose").addEventListener("click", () => chooser.open((photo) => this.take(photo), base.split("/").at(-1)));
    need("reference-remove").addEventListener("click", () => handlers.onChange(null));
    /** @type {HTMLInputElement} */
    this.input = need("chooser-file");
    this.input.addEventListener("change", () => this.send());
  }

  /** @param {Photo} photo */
  take(photo) {
    this.known.set(photo.id, photo);
    this.handlers.onChange(photo.id);
  }

  /** @param {string | null} id the picture whose colours are taken */
  show(id) {
    need("reference").hidden = id === null;
    if ((id ?? "") === this.shown) return;
    this.shown = id ?? "";
    this.note.textContent = "";
    if (id) this.image.src = this.known.get(id)?.thumbnail ?? `${this.base}/reference/${id}.jpg`;
  }

  /** @param {string} text what became of its colours */
  tell(text) {
    this.note.textContent = text;
  }

  /** Send a picture in colour, which becomes one of the user's own, and take its colours. */
  async send() {
    const file = this.input.files?.[0];
    this.input.value = "";
    if (!file) return;
    this.chooser.close();
    this.handlers.onStatus(message("uploading", { name: file.name }));
    try {
      const photo = await sent(file);
      await finished(`/pictures/${photo.id}`);
      this.take({ ...photo, thumbnail: `/pictures/${photo.id}/thumb.jpg`, preview: "" });
    } catch (error) {
      const known = error instanceof RequestError;
      this.handlers.onStatus(known ? error.message : message("connection_lost"), true);
    }
  }
}

/** @param {File} file @returns {Promise<{id: string, name: string}>} as it is stored; throws RequestError */
async function sent(file) {
  const body = new FormData();
  body.append("file", file);
  const headers = { Accept: "application/json", "X-CSRFToken": csrfToken() };
  const answer = await fetch("/pictures", { method: "POST", headers, body, credentials: "same-origin" });
  const text = await answer.text();
  if (!answer.ok) throw new RequestError(answer.status === 401 ? message("signed_out") : problemIn(text), answer.status);
  return JSON.parse(text).pictures[0];
}

/** @param {string} base of a picture @returns {Promise<void>} once it has its result; throws RequestError */
function finished(base) {
  return new Promise((done, fail) => {
    const stop = follow(
      base,
      (progress) => {
        if (progress.state === "failed") fail(new RequestError(progress.problem ?? message("failed"), 400));
        if (progress.state === "done") done();
        if (progress.state === "done" || progress.state === "failed") stop();
      },
      () => {},
    );
  });
}
