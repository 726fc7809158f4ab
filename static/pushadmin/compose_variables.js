// Compose: a variable is put where somebody typed last, with a text for those who have no value,
// or is taken from what is offered while two braces stand open in a text.
(() => {
  "use strict";

  const SHOWN = 8;
  const OPEN = /(?:\{\{-?\s*|\{%-?[^%}]*\s)([\w.]*)$/;
  let last = null;
  let known = null; // what the app has: [{name, words}]
  let asked = null; // the answer with them, come or still to come
  let hint = null; // what is offered now: {field, start, names, at}

  const select = () => document.getElementById("pa-variable");
  const list = () => document.getElementById("pa-variable-list");
  const isText = (field) => field.matches?.("#pa-compose-form :is(input, textarea)[data-pa-path], .pa-button-row :is([data-pa-part=title], [data-pa-part=link]), .pa-translation :is(input:not([name$=-language]), textarea)");
  const isOn = () => document.getElementById("id_template")?.value === "liquid";

  // Asked for once per app, when variables are used for the first time; whoever types meanwhile waits
  // for the same answer.
  async function load() {
    const box = select();
    if (!box || !isOn()) return;
    if (!asked) asked = ask(box);
    await asked;
  }

  async function ask(box) {
    let told = null;
    try {
      const answer = await window.paAnswers.ask(box.dataset.paVariables, { headers: { Accept: "application/json" } });
      told = await answer.json();
    } catch (error) {
      if (box.isConnected) fail(error.message);
      return;
    }
    if (!box.isConnected) return; // another app is chosen meanwhile
    window.paAnswers.tell("");
    known = told.variables;
    box.replaceChildren(...known.map((one) => new Option(one.name)));
    describe();
  }

  function fail(words) {
    asked = null; // the next letter asks again
    window.paAnswers.tell(words);
  }

  function describe() {
    const words = document.getElementById("pa-variable-words");
    if (words) words.textContent = known?.find((one) => one.name === select().value)?.words ?? "";
  }

  function insert() {
    const field = last?.isConnected ? last : document.getElementById("id_body");
    const otherwise = document.getElementById("pa-variable-default").value.replaceAll('"', "'");
    const name = select().value;
    if (!name) return;
    const text = otherwise ? `{{ ${name} | default: "${otherwise}" }}` : `{{ ${name} }}`;
    put(field, field.selectionStart, text);
  }

  function put(field, start, text) {
    field.setRangeText(text, start, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  }

  // What is offered ---------------------------------------------------------------------------
  function offer(field) {
    const before = isOn() && known && field.selectionStart === field.selectionEnd ? field.value.slice(0, field.selectionStart) : "";
    const found = OPEN.exec(before);
    const term = found?.[1].toLowerCase() ?? "";
    const fits = found ? known.filter((one) => one.name.toLowerCase().includes(term)).slice(0, SHOWN) : [];
    if (!fits.length || (fits.length === 1 && fits[0].name === found[1])) return close();
    hint = { field, start: field.selectionStart - term.length, names: fits.map((one) => one.name), at: 0 };
    draw(fits);
  }

  function draw(fits) {
    const { field } = hint;
    const box = list();
    box.replaceChildren(...fits.map((one, at) => {
      const row = Object.assign(document.createElement("li"), { id: `pa-variable-${at}` });
      row.setAttribute("role", "option");
      ["name", "words"].forEach((part) => row.append(Object.assign(document.createElement("span"), { textContent: one[part] })));
      return row;
    }));
    field.after(box);
    box.hidden = false;
    field.setAttribute("aria-controls", box.id);
    field.setAttribute("aria-autocomplete", "list");
    document.getElementById("pa-variable-status").textContent = box.dataset.paWords.replace("%count%", String(fits.length));
    mark(0);
  }

  function mark(at) {
    hint.at = (at + hint.names.length) % hint.names.length;
    [...list().children].forEach((row, place) => row.setAttribute("aria-selected", String(place === hint.at)));
    list().children[hint.at].scrollIntoView({ block: "nearest" });
    hint.field.setAttribute("aria-activedescendant", `pa-variable-${hint.at}`);
  }

  function close() {
    if (!hint) return;
    ["aria-controls", "aria-autocomplete", "aria-activedescendant"].forEach((name) => hint.field.removeAttribute(name));
    hint = null;
    list().hidden = true;
    document.getElementById("pa-compose").append(list()); // languages come and go
    document.getElementById("pa-variable-status").textContent = "";
  }

  // The braces are closed with it, unless they are already or a condition goes on.
  function take(at) {
    const { field, start, names } = hint;
    const before = field.value.slice(0, start);
    const isOutput = before.lastIndexOf("{{") > before.lastIndexOf("{%");
    const isClosed = /^\s*(\}\}|\|)/.test(field.value.slice(field.selectionEnd));
    const blank = /\{\{-?$/.test(before) ? " " : "";
    close();
    put(field, start, `${blank}${names[at]}${isOutput && !isClosed ? " }}" : ""}`);
    close();
  }

  document.addEventListener("input", (event) => {
    if (!isText(event.target) || event.target.selectionStart === null) return;
    load().then(() => event.target === document.activeElement && offer(event.target));
  });
  document.addEventListener("keydown", (event) => {
    if (!hint || event.target !== hint.field) return;
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move) mark(hint.at + move);
    else if (event.key === "Enter") take(hint.at);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
  document.addEventListener("mousedown", (event) => {
    const row = event.target.closest?.("#pa-variable-list [role=option]");
    if (!row) return;
    event.preventDefault(); // the focus stays in the text
    take([...list().children].indexOf(row));
  });
  document.addEventListener("focusout", (event) => {
    if (isText(event.target) && event.target.setRangeText && event.target.selectionStart !== null) last = event.target;
    if (hint?.field === event.target) close();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-pa-insert]")) insert();
  });
  document.addEventListener("change", (event) => {
    if (event.target.id === "id_template") load();
    if (event.target === select()) describe();
  });
  const start = () => {
    hint = null;
    known = null;
    asked = null;
    load();
  };
  document.addEventListener("pa:drawn", start);
  document.addEventListener("pa:restored", () => load());
})();
