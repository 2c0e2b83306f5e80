/** The welcome page's example. @module */
import { Compare } from "./compare.js";

for (const stage of document.querySelectorAll("[data-demo]")) {
  const handle = stage.querySelector(".split");
  if (!(stage instanceof HTMLElement) || !(handle instanceof HTMLElement)) continue;
  const compare = new Compare(stage, handle);
  compare.set(50);
  stage.addEventListener("pointerdown", (event) => compare.follow(event.clientX));
}
