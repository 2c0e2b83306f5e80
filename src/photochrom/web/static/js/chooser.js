/** "Which picture?": one's own finished photographs, page by page. @module */
import { message, need } from "./messages.js";
import { getJson } from "./net.js";

/** @typedef {{id: string, name: string, thumbnail: string, preview: string}} Photo addresses of its pictures */

export class PictureChooser {
  /** @param {(error: unknown) => void} fail */
  constructor(fail) {
    this.fail = fail;
    /** @type {HTMLDialogElement} */
    this.dialog = need("chooser");
    this.grid = need("chooser-grid");
    /** @type {(photo: Photo) => void} */
    this.choose = () => {};
    this.leftOut = "";
    this.page = 0;
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

  close() {
    this.dialog.close();
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
}
