"use strict";
// Keys: j and k move from item to item and on to the next page of the list.
const items = [...document.querySelectorAll("[data-item]")];
let at = -1;
document.addEventListener("focusin", (event) => {
  const here = items.indexOf(event.target.closest("[data-item]"));
  if (here >= 0) at = here;
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea")) return;
  const step = { j: 1, k: -1 }[event.key];
  if (!step) return;
  const next = items[at + step];
  if (next) next.focus();
  else document.querySelector(step > 0 ? "a[rel=next]" : "a[rel=prev]")?.click();
});
// Running trainings: asked every two seconds for what their log has from a byte on.
for (const block of document.querySelectorAll("[data-poll]")) {
  let from = block.dataset.from;
  const poll = async () => {
    let running = true;
    try {
      const answer = await (await fetch(`${block.dataset.poll}?from=${from}`)).json();
      if (answer.html) block.innerHTML = answer.html;
      from = answer.from ?? from;
      running = answer.running;
      if (!running) location.reload();
    } catch { /* the board was stopped, or the line is down: asked again */ }
    if (running) setTimeout(poll, 2000);
  };
  if (block.dataset.poll) setTimeout(poll, 2000);
}
