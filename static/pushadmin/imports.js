"use strict";

// Sends the chosen file as the body of a request, so that nothing of it waits in memory, and shows
// how far it is. What was typed stays in the form whatever happens.
document.querySelectorAll("[data-pa-upload]").forEach((form) => {
  const progress = form.querySelector("[data-pa-progress]");
  const fault = form.querySelector("[data-pa-fault]");
  const button = form.querySelector("button[type=submit]");

  const tell = (words) => {
    fault.textContent = words;
    fault.hidden = !words;
    progress.hidden = true;
    button.disabled = false;
  };

  const settle = (request) => {
    if (request.responseURL.includes("/login/")) return tell(form.dataset.expired);
    let answer = {};
    try {
      answer = JSON.parse(request.responseText);
    } catch {
      return tell(window.paAnswers.explain(request.status, request.responseURL) || form.dataset.broken);
    }
    if (answer.address) window.location.assign(answer.address);
    else tell(answer.message || form.dataset.broken);
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const file = form.elements.file.files[0];
    if (file && file.size > Number(form.dataset.most)) return tell(form.dataset.large);
    const told = new URLSearchParams({
      app: form.elements.app.value,
      source: form.elements.source.value,
      label: form.dataset.label,
      verb: form.dataset.verb,
      name: file ? file.name : "",
    });
    const request = new XMLHttpRequest();
    request.open("POST", `${form.getAttribute("action")}?${told}`);
    request.setRequestHeader("X-CSRFToken", window.paAnswers.token(form));
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", (sent) => {
      if (sent.lengthComputable) progress.value = (sent.loaded * 100) / sent.total;
    });
    request.addEventListener("load", () => settle(request));
    request.addEventListener("error", () => tell(form.dataset.broken));
    tell("");
    progress.hidden = false;
    button.disabled = true;
    request.send(file || "");
    return undefined;
  });
});
