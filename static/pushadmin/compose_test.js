// Compose: a test is sent of what is typed now, so the draft is saved before.
(() => {
  "use strict";

  const result = () => document.getElementById("pa-test-result");
  const saved = () => new Promise((tell) => document.dispatchEvent(new CustomEvent("pa:save", { detail: (saving) => saving.then(tell) })));

  function say(words) {
    const line = document.createElement("p");
    line.className = "pa-error";
    line.textContent = words;
    result().replaceChildren(line);
  }

  async function send(button) {
    const panel = button.closest("[data-pa-test]");
    const form = document.getElementById("pa-compose-form");
    button.disabled = true;
    const campaign = await saved();
    if (!campaign) say(panel.dataset.paUnsavedWords);
    else {
      const body = new URLSearchParams({
        csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value,
        test_group: document.getElementById("pa-test-group")?.value ?? "",
        test_term: document.getElementById("pa-test-term").value,
      });
      const answer = await fetch(panel.dataset.paTest.replace("/0/", `/${campaign}/`), { method: "POST", body });
      if (answer.ok && !answer.redirected) {
        result().innerHTML = await answer.text();
        window.htmx.process(result());
      } else say(`${answer.status}`);
    }
    button.disabled = false;
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-pa-send-test]");
    if (button) send(button);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.id !== "pa-test-term") return;
    event.preventDefault();
    send(document.querySelector("[data-pa-send-test]"));
  });
})();
