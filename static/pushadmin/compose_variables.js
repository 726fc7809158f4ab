// Compose: a variable is put where somebody typed last, with a text for those who have no value.
(() => {
  "use strict";

  let last = null;
  const isText = (field) => field.matches?.("#pa-compose-form :is(input, textarea)[data-pa-path], .pa-translation :is(input[name$=-title], textarea)");

  function insert() {
    const field = last?.isConnected ? last : document.getElementById("id_body");
    const otherwise = document.getElementById("pa-variable-default").value.replaceAll('"', "'");
    const name = document.getElementById("pa-variable").value;
    if (!name) return;
    const text = otherwise ? `{{ ${name} | default: "${otherwise}" }}` : `{{ ${name} }}`;
    field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  }

  document.addEventListener("focusout", (event) => {
    if (isText(event.target) && event.target.setRangeText && event.target.selectionStart !== null) last = event.target;
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-pa-insert]")) insert();
  });
})();
