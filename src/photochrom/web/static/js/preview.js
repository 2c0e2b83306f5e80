/** The quick look at a change: one request at a time, and only for the newest state. @module */
import { post, RequestError } from "./net.js";

const PAUSE_MS = 700;

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
    this.isBusy = false;
    /** @type {State | undefined} */
    this.next = undefined;
    this.address = "";
    this.isWarm = false;
    this.generation = 0;
  }

  /**
   * Let the studio get ready, so that the first colour is there as fast as the next ones.
   * @param {State} state
   */
  warm(state) {
    if (this.isWarm || this.isBusy) return;
    this.isWarm = true;
    post(this.url, state, "image/jpeg").catch(() => {
      this.isWarm = false; // a real question will tell what is wrong
    });
  }

  /** @param {State} state */
  ask(state) {
    this.next = state;
    if (!this.isBusy) this.run();
  }

  /** The real thing is there: no quick look may cover it any more. */
  drop() {
    this.next = undefined;
    this.generation += 1;
  }

  async run() {
    this.isBusy = true;
    while (this.next !== undefined) {
      const state = this.next;
      const generation = this.generation;
      this.next = undefined;
      try {
        const answer = await post(this.url, state, "image/jpeg");
        const picture = await answer.blob();
        if (generation !== this.generation) continue;
        const address = URL.createObjectURL(picture);
        this.show(address);
        if (this.address) URL.revokeObjectURL(this.address);
        this.address = address;
      } catch (error) {
        if (error instanceof RequestError && error.status === 429) await this.again(state, generation);
        else this.fail(error);
      }
    }
    this.isBusy = false;
  }

  /**
   * Ask once more in a moment, unless something newer is wanted by then.
   * @param {State} state
   * @param {number} generation
   */
  async again(state, generation) {
    await new Promise((done) => setTimeout(done, PAUSE_MS));
    if (generation === this.generation) this.next ??= state;
  }
}
