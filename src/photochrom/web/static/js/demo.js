/** A picture before and after, on the welcome page and where a link leads. @module */
import { Compare } from "./compare.js";

for (const stage of document.querySelectorAll("[data-demo]")) {
  const handle = stage.querySelector(".split");
  if (!(stage instanceof HTMLElement) || !(handle instanceof HTMLElement)) continue;
  const { width, height } = stage.dataset;
  if (width && height) stage.style.setProperty("--ratio", String(Number(width) / Number(height)));
  const compare = new Compare(stage, handle);
  compare.set(50);
  stage.addEventListener("pointerdown", (event) => compare.follow(event.clientX));
}
