// Compose: what boxes have in common whose text is shown as rows of inputs; how a button is written
// as a line.
window.paRows = (() => {
  "use strict";

  function make(name, attributes, ...children) {
    const node = document.createElement(name);
    Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
    node.append(...children);
    return node;
  }

  const part = (row, name) => row.querySelector(`[data-pa-part="${name}"]`);

  function makeRemove(mark, label) {
    const icon = make("span", { class: "pa-icon", "aria-hidden": "true" }, "delete");
    return make("button", { type: "button", class: "pa-button pa-button-small", [mark]: "", "aria-label": label }, icon);
  }

  let made = 0;
  const makeFault = () => make("p", { class: "pa-error", id: `pa-row-fault-${(made += 1)}`, "data-pa-fault": "", hidden: "" });

  // What is wrong with a row is told there and tied to the part that it is of: [part, words] or null.
  function mark(row, fault) {
    const told = row.querySelector("[data-pa-fault]");
    told.hidden = !fault;
    told.textContent = fault ? fault[1] : "";
    row.querySelectorAll("[data-pa-part]").forEach((input) => {
      const isWrong = fault?.[0] === input.dataset.paPart;
      input.setAttribute("aria-invalid", String(isWrong));
      if (isWrong) input.setAttribute("aria-describedby", told.id);
      else input.removeAttribute("aria-describedby");
    });
  }

  // As providers.forms has it: a bar inside of a variable is a filter's.
  const BARS = /(?<!\\)\|(?![^{}]*[%}]\})/g;

  // The title, the address and the id of a button; what is too much stays where the server will say so.
  function readLine(line) {
    const pieces = line.split(BARS).map((piece) => piece.replaceAll("\\|", "|").trim());
    return [...pieces.slice(0, 2), pieces.slice(2).join(" | ")];
  }

  function writeLine(parts) {
    const pieces = parts.map((text) => text.replace(/\s+/g, " ").trim().replace(BARS, "\\|"));
    while (pieces.length && !pieces.at(-1)) pieces.pop();
    return pieces.join(" | ");
  }

  return { make, makeFault, makeRemove, mark, part, readLine, writeLine };
})();
