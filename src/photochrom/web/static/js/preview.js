/** The quick look at a change: one request at a time, and only for the newest state. @module */
import { post } from "./net.js";

/**
 * @template State
 */
export class Preview {
  /**
   * @param {string} url
   * @param {(address: string) => void} show the picture that came
   * @param {(error: unknown) => void} fail
   */
  constructor(url, show, fail) {
    this.url = url;
    this.show = show;
    this.fail = fail;
    this.busy = false;
    /** @type {State | undefined} */
    this.wanted = undefined;
    this.address = "";
    this.warmed = false;
  }

  /**
   * Let the studio get ready, so that the first colour is there as fast as the next ones.
   * @param {State} state
   */
  warm(state) {
    if (this.warmed || this.busy) return;
    this.warmed = true;
    post(this.url, state, "image/webp").catch(() => {
      this.warmed = false; // a real question will tell what is wrong
    });
  }

  /** @param {State} state */
  ask(state) {
    this.wanted = state;
    if (!this.busy) this.run();
  }

  async run() {
    this.busy = true;
    while (this.wanted !== undefined) {
      const state = this.wanted;
      this.wanted = undefined;
      try {
        const answer = await post(this.url, state, "image/webp");
        const address = URL.createObjectURL(await answer.blob());
        this.show(address);
        if (this.address) URL.revokeObjectURL(this.address);
        this.address = address;
      } catch (error) {
        this.fail(error);
      }
    }
    this.busy = false;
  }
}
