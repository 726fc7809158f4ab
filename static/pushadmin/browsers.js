"use strict";

// Subscribes this browser: leave to notify, a service worker, a subscription, and a first push.
document.querySelectorAll("[data-pa-subscribe]").forEach((form) => {
  const fault = form.querySelector("[data-pa-fault]");
  const button = form.querySelector("button[type=submit]");

  const fail = (words) => {
    fault.textContent = words;
    fault.hidden = false;
    button.disabled = false;
  };

  const ask = async (address, told) => {
    const answer = await window.paAnswers.ask(address, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "X-CSRFToken": window.paAnswers.token(form),
      },
      body: JSON.stringify({ app: form.elements.app.value, ...told }),
    });
    return answer.json().catch(() => {
      throw new Error(form.dataset.broken);
    });
  };

  const subscribe = async () => {
    if (!("serviceWorker" in navigator && "PushManager" in window)) throw new Error(form.dataset.old);
    if ((await Notification.requestPermission()) !== "granted") throw new Error(form.dataset.denied);
    const { key } = await ask(form.dataset.open, {});
    const worker = await navigator.serviceWorker.register(form.dataset.worker, {
      scope: form.dataset.scope,
    });
    await navigator.serviceWorker.ready;
    const bytes = atob(key.replace(/-/g, "+").replace(/_/g, "/"));
    const applicationServerKey = Uint8Array.from(bytes, (letter) => letter.charCodeAt(0));
    const earlier = await worker.pushManager.getSubscription();
    if (earlier) await earlier.unsubscribe();
    const wanted = { userVisibleOnly: true, applicationServerKey };
    const subscription = await worker.pushManager.subscribe(wanted).catch((error) => {
      throw new Error(`${form.dataset.refused} (${error.message})`);
    });
    const kept = await ask(form.dataset.keep, { subscription: subscription.toJSON() });
    window.location.assign(kept.address);
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    fault.hidden = true;
    button.disabled = true;
    subscribe().catch((error) => fail(error.message));
  });
});
