// Compose: a test is sent of what is typed now, so the draft is saved before.
(() => {
  "use strict";

  const result = () => document.getElementById("pa-test-result");
  const saved = () => new Promise((tell, fail) => document.dispatchEvent(new CustomEvent("pa:save", { detail: (saving) => saving.then(tell, fail) })));

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
    try {
      const campaign = await saved();
      if (!campaign) throw new Error(panel.dataset.paUnsavedWords);
      const body = new URLSearchParams({
        csrfmiddlewaretoken: window.paAnswers.token(form),
        test_group: document.getElementById("pa-test-group")?.value ?? "",
        test_term: document.getElementById("pa-test-term").value,
      });
      const answer = await window.paAnswers.ask(panel.dataset.paTest.replace("/0/", `/${campaign}/`), { method: "POST", body });
      result().innerHTML = await answer.text();
      window.htmx.process(result());
    } catch (error) {
      say(error.message);
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
