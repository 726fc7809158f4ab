// The calendar by keyboard: arrows go from day to day, Page Up and Page Down through time, where a
// day has the focus again.
(() => {
  "use strict";

  const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
  const KEPT = "pa-calendar-place";
  const days = () => [...document.querySelectorAll("[data-pa-day]")];

  // To another page of the calendar, and there to the day at this place; -1 is the last one.
  function move(direction, place) {
    const link = document.querySelector(`[data-pa-move="${direction}"]`);
    if (!link) return;
    sessionStorage.setItem(KEPT, String(place));
    link.click();
  }

  document.addEventListener("keydown", (event) => {
    const day = event.target.closest?.("[data-pa-day]");
    if (!day || event.ctrlKey || event.metaKey || event.altKey) return;
    const place = days().indexOf(day);
    if (event.key === "PageUp" || event.key === "PageDown") {
      event.preventDefault();
      move(event.key === "PageUp" ? -1 : 1, place);
      return;
    }
    if (!(event.key in STEPS)) return;
    event.preventDefault();
    const next = days()[place + STEPS[event.key]];
    if (next) next.focus();
    else move(Math.sign(STEPS[event.key]), STEPS[event.key] < 0 ? -1 : 0);
  });

  const kept = sessionStorage.getItem(KEPT);
  sessionStorage.removeItem(KEPT);
  if (kept !== null) (days().at(Number(kept)) ?? days().at(-1))?.focus();
})();
