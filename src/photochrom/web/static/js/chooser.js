/** "Which picture?": one's own finished photographs, page by page, or one that is sent now. @module */
import { follow } from "./live.js";
import { message, need } from "./messages.js";
import { csrfToken, getJson, problemIn, RequestError } from "./net.js";

/** @typedef {{id: string, name: string, thumbnail: string, preview: string}} Photo addresses of its pictures */

export class PictureChooser {
  /** @param {(text: string) => void} tell @param {(error: unknown) => void} fail */
  constructor(tell, fail) {
    this.tell = tell;
    this.fail = fail;
    /** @type {HTMLDialogElement} */
    this.dialog = need("chooser");
    this.grid = need("chooser-grid");
    /** @type {(photo: Photo) => void} */
    this.choose = () => {};
    this.leftOut = "";
    this.page = 0;
    /** @type {HTMLInputElement} */
    this.input = need("chooser-file");
    this.input.addEventListener("change", () => this.send());
    need("chooser-close").addEventListener("click", () => this.dialog.close());
    need("chooser-more").addEventListener("click", () => this.load());
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close(); // beside it
    });
  }

  /**
   * @param {(photo: Photo) => void} choose
   * @param {string} [leftOut] identifier of a picture that is not offered
   */
  open(choose, leftOut = "") {
    this.choose = choose;
    this.leftOut = leftOut;
    this.page = 0;
    this.grid.replaceChildren();
    if (!this.dialog.open) this.dialog.showModal();
    this.load();
  }

  /** The next page of photographs. */
  async load() {
    need("chooser-more").hidden = true;
    need("chooser-none").hidden = true;
    try {
      const { pictures, page, pages } = await getJson(`/library/photos?page=${this.page + 1}`);
      this.page = page;
      /** @type {Photo[]} */
      const offered = pictures.filter((/** @type {Photo} */ photo) => photo.id !== this.leftOut);
      this.grid.append(...offered.map((photo) => this.card(photo)));
      need("chooser-more").hidden = page >= pages;
      need("chooser-none").hidden = this.grid.children.length > 0;
    } catch (error) {
      this.dialog.close();
      this.fail(error);
    }
  }

  /** @param {Photo} photo @returns {HTMLElement} */
  card(photo) {
    const button = document.createElement("button");
    const image = document.createElement("img");
    image.src = photo.thumbnail;
    image.alt = "";
    image.loading = "lazy";
    button.type = "button";
    button.className = "variant";
    button.append(image, photo.name);
    button.setAttribute("aria-label", message("choose_picture", { name: photo.name }));
    button.addEventListener("click", () => {
      this.dialog.close();
      this.choose(photo);
    });
    return button;
  }

  /** Choose a picture that is sent, and becomes one of the user's own. */
  async send() {
    const file = this.input.files?.[0];
    const { choose } = this; // whoever asked, whatever is asked meanwhile
    this.input.value = "";
    if (!file) return;
    this.dialog.close();
    this.tell(message("uploading", { name: file.name }));
    try {
      const { id, name } = await sent(file);
      const address = `/pictures/${id}`;
      const revision = await finished(address);
      this.tell("");
      choose({ id, name, thumbnail: `${address}/thumb.jpg`, preview: `${address}/preview/${revision}.jpg` });
    } catch (error) {
      this.fail(error);
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

/** @param {string} base of a picture @returns {Promise<number>} its revision, once it has its result; throws RequestError */
function finished(base) {
  return new Promise((done, fail) => {
    const stop = follow(
      base,
      (progress) => {
        if (progress.state === "failed") fail(new RequestError(progress.problem ?? message("failed"), 400));
        if (progress.state === "done") done(progress.revision);
        if (progress.state === "done" || progress.state === "failed") stop();
      },
      () => {},
    );
  });
}
