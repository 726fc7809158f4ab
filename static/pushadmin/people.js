// Copies the text beside a button, and says so; without a clipboard it selects the text.
(() => {
  "use strict";

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-pa-copy]");
    if (!button) return;
    const field = button.parentElement.querySelector("input");
    field.select();
    if (!navigator.clipboard) return;
    await navigator.clipboard.writeText(field.value);
    button.querySelector("[data-pa-copied]").textContent = button.dataset.paDone;
  });
})();
