// The calendar by keyboard: arrows go from day to day, Page Up and Page Down through time.
(() => {
  "use strict";

  const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
  const move = (direction) => document.querySelector(`[data-pa-move="${direction}"]`)?.click();

  document.addEventListener("keydown", (event) => {
    const day = event.target.closest?.("[data-pa-day]");
    if (!day || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "PageUp" || event.key === "PageDown") {
      event.preventDefault();
      move(event.key === "PageUp" ? -1 : 1);
      return;
    }
    if (!(event.key in STEPS)) return;
    event.preventDefault();
    const days = [...document.querySelectorAll("[data-pa-day]")];
    const next = days.indexOf(day) + STEPS[event.key];
    if (next >= 0 && next < days.length) days[next].focus();
    else move(Math.sign(STEPS[event.key]));
  });
})();
