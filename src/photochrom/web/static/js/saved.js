/** Saved colours: naming the one of a place, and those that were found in this picture. @module */
import { message, need } from "./messages.js";
import { getJson, post, RequestError } from "./net.js";

/** @typedef {import("./hints.js").Hint} Hint */
/** @typedef {{id: number, name: string, color: string, cutout: string, hint: Hint}} Proposal */

/**
 * @typedef {object} SavedHandlers
 * @property {() => Hint | null} selected the place whose colour would be saved
 * @property {(hint: Hint) => {color: string, x: number, y: number}} place of it, px of the picture
 * @property {(hint: Hint) => void} onAccept
 * @property {(text: string, isBad?: boolean) => void} onStatus
 */

export class SavedColors {
  /** @param {string} url for this picture @param {SavedHandlers} handlers */
  constructor(url, handlers) {
    this.url = url;
    this.handlers = handlers;
    /** @type {HTMLDialogElement} */
    this.dialog = need("save-color");
    /** @type {HTMLInputElement} */
    this.name = need("save-color-name");
    this.problem = need("save-color-problem");
    /** @type {HTMLButtonElement} */
    this.button = need("palette-keep");
    this.button.addEventListener("click", () => this.open());
    need("save-color-no").addEventListener("click", () => this.dialog.close());
    need("save-color-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.save();
    });
    this.load();
  }

  open() {
    this.name.value = "";
    this.problem.textContent = "";
    this.dialog.showModal();
    this.name.focus();
  }

  async save() {
    const hint = this.handlers.selected();
    if (!hint) return this.dialog.close();
    const { color, x, y } = this.handlers.place(hint);
    try {
      const answer = await post(this.url, { name: this.name.value, place: [x, y], color });
      const { name } = await answer.json();
      this.dialog.close();
      this.handlers.onStatus(message("color_saved", { name }));
    } catch (error) {
      this.problem.textContent = error instanceof RequestError ? error.message : message("connection_lost");
    }
  }

  /** Those that were found here. */
  async load() {
    try {
      /** @type {Proposal[]} */
      const proposals = (await getJson(this.url)).proposals;
      need("found-list").replaceChildren(...proposals.map((proposal) => this.card(proposal)));
      need("found").hidden = proposals.length === 0;
    } catch (error) {
      need("found").hidden = true; // they are no part of what the person came for
    }
  }

  /** @param {Proposal} proposal @returns {HTMLElement} */
  card(proposal) {
    const item = document.createElement("li");
    const image = document.createElement("img");
    const words = document.createElement("div");
    const question = document.createElement("p");
    const answers = document.createElement("p");
    item.className = "found";
    image.src = proposal.cutout;
    image.alt = message("found_place");
    image.width = image.height = 112;
    words.className = "found-words";
    question.textContent = `${proposal.name}?`;
    answers.className = "two-links";
    for (const accepted of [true, false]) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = accepted ? "button" : "button quiet";
      button.textContent = message(accepted ? "yes" : "no");
      button.setAttribute("aria-label", message(accepted ? "found_yes" : "found_no", { name: proposal.name }));
      button.addEventListener("click", () => this.settle(proposal, accepted, item));
      answers.append(button);
    }
    words.append(question, answers);
    item.append(image, words);
    return item;
  }

  /** @param {Proposal} proposal @param {boolean} accepted @param {HTMLElement} item */
  async settle(proposal, accepted, item) {
    try {
      await post(`/colors/places/${proposal.id}`, { accepted });
      if (accepted) this.handlers.onAccept(proposal.hint);
      const next = item.nextElementSibling ?? item.previousElementSibling;
      item.remove();
      next?.querySelector("button")?.focus();
      need("found").hidden = need("found-list").children.length === 0;
    } catch (error) {
      this.handlers.onStatus(error instanceof RequestError ? error.message : message("connection_lost"), true);
    }
  }
}
