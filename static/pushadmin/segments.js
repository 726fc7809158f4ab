// The segment editor: the list of attributes in every choice, the menu of a node, values that are
// added to a list. What changes the tree is done by the server, which draws it anew.
(() => {
  "use strict";

  const builder = () => document.getElementById("pa-builder");
  let menuKey = "";

  // Only the chosen attribute is drawn in each list; the others stand once, in a template.
  function fillChoices() {
    const options = document.getElementById("pa-field-options");
    if (!options) return;
    builder().querySelectorAll("select[data-pa-fields]:not([data-pa-filled])").forEach((select) => {
      const chosen = select.options[0];
      select.append(options.content.cloneNode(true));
      const same = [...select.options].slice(1).find((one) => one.value === chosen.value);
      if (same) {
        same.selected = true;
        chosen.remove();
      }
      select.dataset.paFilled = "";
    });
  }

  function act(action) {
    const button = document.getElementById("pa-act");
    button.value = action;
    button.click();
  }

  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest?.(selector);
    const menu = document.getElementById("pa-node-menu");
    if (at("[data-pa-menu]")) {
      menuKey = at("[data-pa-menu]").dataset.paMenu;
      menu.showModal();
    }
    if (at("[data-pa-verb]")) {
      menu.close();
      act(`${at("[data-pa-verb]").dataset.paVerb}:${menuKey}`);
    }
    if (at("[data-pa-line]")) addLine(at("[data-pa-line]"));
  });

  function addLine(button) {
    const area = document.getElementById(button.dataset.paInto);
    const lines = area.value.split("\n").filter((line) => line.trim());
    if (!lines.includes(button.dataset.paLine)) lines.push(button.dataset.paLine);
    area.value = lines.join("\n");
    area.dispatchEvent(new Event("change", { bubbles: true }));
  }

  // What is typed while the tree is drawn anew is kept: the answer knows only what was there before.
  let sent = new Map();
  let typed = new Map();
  const readFields = () =>
    new Map([...builder().querySelectorAll("input[id], textarea[id]")].map((one) => [one.id, one.value]));

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target === builder()) sent = readFields();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target !== builder()) return;
    typed = new Map([...readFields()].filter(([id, value]) => sent.has(id) && sent.get(id) !== value));
  });

  function restoreTyped() {
    typed.forEach((value, id) => {
      const field = document.getElementById(id);
      if (field) field.value = value;
    });
    typed = new Map();
  }

  // Where the element with the focus is gone, the node that was changed has it.
  document.addEventListener("htmx:afterSettle", () => {
    fillChoices();
    restoreTyped();
    const wanted = builder()?.querySelector("[autofocus]");
    if (wanted && document.activeElement === document.body) wanted.focus();
  });

  // Enter in a field of the tree would press the form's first button.
  document.addEventListener("keydown", (event) => {
    const isField = event.target.matches?.("#pa-segment-form input:not([type=checkbox])");
    if (event.key === "Enter" && isField) event.preventDefault();
  });

  fillChoices();
})();
