// Compose: labels and segments that a search lists. What is chosen stays chosen and listed, be it
// ticked while a list is on its way or kept in this window from before.
(() => {
  "use strict";

  const NAMES = ["labels", "segment", "include", "exclude"];
  const listOf = (name) => document.getElementById(`id_${name}`);
  const optionsOf = (list) => [...list.querySelectorAll("input, option")];
  const wordsOf = (option) => (option.label ?? option.closest("label").textContent).trim();
  const isOn = (option) => Boolean(option.value) && (option.selected || option.checked);

  function readChosen() {
    return NAMES.filter(listOf).flatMap((name) => optionsOf(listOf(name)).filter(isOn).map((option) => [name, option.value, wordsOf(option)]));
  }

  function drawBox(name, value, words) {
    const row = document.createElement("div");
    const label = document.createElement("label");
    label.append(Object.assign(document.createElement("input"), { type: "checkbox", name, value }), ` ${words}`);
    row.append(label);
    return row;
  }

  // Whether it had to be drawn.
  function list(name, value, words) {
    const place = listOf(name);
    if (!place || optionsOf(place).some((option) => option.value === value)) return false;
    place.append(place.matches("select") ? new Option(words, value) : drawBox(name, value, words));
    return true;
  }

  function choose(chosen) {
    chosen.forEach(([name, value, words]) => list(name, value, words));
    NAMES.filter(listOf).forEach((name) => {
      const values = chosen.filter(([of]) => of === name).map(([, value]) => value);
      if (listOf(name).matches("select")) listOf(name).value = values[0] ?? "";
      else optionsOf(listOf(name)).forEach((option) => (option.checked = values.includes(option.value)));
    });
  }

  let chosen = null;
  const isOurs = (event) => event.detail.target?.id === "pa-choices";
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (isOurs(event)) chosen = readChosen();
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (!isOurs(event) || !chosen) return;
    choose(chosen);
    chosen = null;
  });

  // What is to be filled in again may not be listed; the server then says its name.
  document.addEventListener("pa:wanted", (event) => {
    const wanted = event.detail.filter(([name, value]) => NAMES.includes(name) && value);
    const drawn = wanted.filter(([name, value]) => list(name, value, value.replace(/^(segment|label):/, "")));
    if (drawn.length) setTimeout(() => document.getElementById("id_choice_search")?.dispatchEvent(new Event("input", { bubbles: true })));
  });
})();
