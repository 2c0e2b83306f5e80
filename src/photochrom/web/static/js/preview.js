/** The quick look at a change: one request at a time, and only for the newest state. @module */
import { post, Refused } from "./net.js";

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
    this.busy = false;
    /** @type {State | undefined} */
    this.wanted = undefined;
    this.address = "";
    this.warmed = false;
    this.dropped = 0;
  }

  /**
   * Let the studio get ready, so that the first colour is there as fast as the next ones.
   * @param {State} state
   */
  warm(state) {
    if (this.warmed || this.busy) return;
    this.warmed = true;
    post(this.url, state, "image/jpeg").catch(() => {
      this.warmed = false; // a real question will tell what is wrong
    });
  }

  /** @param {State} state */
  ask(state) {
    this.wanted = state;
    if (!this.busy) this.run();
  }

  /** The real thing is there: no quick look may cover it any more. */
  drop() {
    this.wanted = undefined;
    this.dropped += 1;
  }

  async run() {
    this.busy = true;
    while (this.wanted !== undefined) {
      const state = this.wanted;
      const dropped = this.dropped;
      this.wanted = undefined;
      try {
        const answer = await post(this.url, state, "image/jpeg");
        const address = URL.createObjectURL(await answer.blob());
        if (dropped !== this.dropped) continue;
        this.show(address);
        if (this.address) URL.revokeObjectURL(this.address);
        this.address = address;
      } catch (error) {
        if (error instanceof Refused && error.status === 429) await this.again(state, dropped);
        else this.fail(error);
      }
    }
    this.busy = false;
  }

  /**
   * Ask once more in a moment, unless something newer is wanted by then.
   * @param {State} state
   * @param {number} dropped
   */
  async again(state, dropped) {
    await new Promise((done) => setTimeout(done, PAUSE_MS));
    if (dropped === this.dropped) this.wanted ??= state;
  }
}
