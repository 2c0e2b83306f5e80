/** Undo and redo of whole states; one pull at a slider is one step. @module */

/**
 * @template State
 */
export class History {
  /** @param {State} start */
  constructor(start) {
    this.present = start;
    /** @type {State[]} */
    this.past = [];
    /** @type {State[]} */
    this.future = [];
    this.joinKey = "";
  }

  /**
   * @param {State} state the new present
   * @param {string} [join] changes with the same word, one after the other, are one step
   */
  push(state, join = "") {
    if (!join || join !== this.joinKey) this.past.push(this.present);
    this.joinKey = join;
    this.present = state;
    this.future = [];
  }

  /** The next change is a step of its own. */
  close() {
    this.joinKey = "";
  }

  /** @returns {boolean} whether there was something to undo */
  undo() {
    return this.step(this.past, this.future);
  }

  /** @returns {boolean} whether there was something to do again */
  redo() {
    return this.step(this.future, this.past);
  }

  /** @param {State[]} from @param {State[]} to @returns {boolean} */
  step(from, to) {
    const state = from.pop();
    if (state === undefined) return false;
    to.push(this.present);
    this.present = state;
    this.joinKey = "";
    return true;
  }
}

/**
 * Whether two values say the same, in whatever order their keys come: the studio sorts them.
 * @param {unknown} one @param {unknown} other
 */
export function isSame(one, other) {
  return JSON.stringify(one, sorted) === JSON.stringify(other, sorted);
}

/** @param {string} _key @param {unknown} value */
function sorted(_key, value) {
  const hasKeys = typeof value === "object" && value !== null && !Array.isArray(value);
  return hasKeys ? Object.fromEntries(Object.entries(value).sort()) : value;
}
