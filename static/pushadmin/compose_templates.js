// Compose: a template from the library takes the place of the message, and is searched for.
(() => {
  "use strict";

  const form = () => document.getElementById("pa-compose-form");
  let isUsed = false;

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-pa-use-template]");
    if (!button) return;
    isUsed = true;
    button.closest("dialog").close();
  });
  // What the window keeps would put the old message back.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (isUsed && event.detail.target?.id === "pa-compose") document.dispatchEvent(new CustomEvent("pa:forget"));
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.target.closest?.("[data-pa-use-template]") && !event.detail.successful) isUsed = false;
  });
  document.addEventListener("pa:drawn", () => {
    if (!isUsed) return;
    isUsed = false;
    form().dispatchEvent(new Event("change", { bubbles: true }));
    document.getElementById("id_title").focus();
  });

  document.addEventListener("input", (event) => {
    if (event.target.id !== "pa-template-search") return;
    const wanted = event.target.value.trim().toLowerCase();
    const offered = [...document.querySelectorAll("[data-pa-use-template]")];
    offered.forEach((one) => {
      one.closest("li").hidden = !one.dataset.paUseTemplate.toLowerCase().includes(wanted);
    });
    document.querySelector("[data-pa-no-template]").hidden = offered.some((one) => !one.closest("li").hidden);
  });
})();
