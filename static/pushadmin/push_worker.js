"use strict";

// Shows what was pushed and tells what became of it. It is served at a fixed address for our own
// page; a site of yours serves a copy from its root and registers it with ?server=<our address>.
const server = new URL(self.location.href).searchParams.get("server") || self.location.origin;

// The receipt token is the proof; no cookie goes along, and no answer is needed.
const tell = (reference, event) =>
  reference
    ? fetch(`${server}/device/v1/receipts/`, {
        method: "POST",
        mode: "no-cors",
        credentials: "omit",
        keepalive: true,
        body: JSON.stringify({ reference, event }),
      }).catch(() => undefined)
    : Promise.resolve();

const read = (data) => {
  try {
    return data ? data.json() : {};
  } catch {
    return {};
  }
};

const show = async (push) => {
  const links = Object.fromEntries((push.actions || []).map((one) => [one.action, one.url]));
  await self.registration.showNotification(push.title || self.location.hostname, {
    body: push.body,
    icon: push.icon,
    image: push.image,
    badge: push.badge,
    // A push that came twice replaces itself.
    tag: push.tag || push.receipt,
    actions: (push.actions || []).map(({ action, title }) => ({ action, title })),
    requireInteraction: Boolean(push.requireInteraction),
    silent: push.silent || null,
    data: { receipt: push.receipt, url: push.url, links, own: push.data },
  });
  await tell(push.receipt, "shown");
};

// Only what a browser opens in a tab; javascript: and the like are nowhere to go.
const open = async (address) => {
  if (!/^https?:\/\//i.test(address || "")) return;
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const known = pages.find((page) => page.url === address);
  await (known ? known.focus() : self.clients.openWindow(address)).catch(() => undefined);
};

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("push", (event) => event.waitUntil(show(read(event.data))));

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { receipt, url, links = {} } = event.notification.data || {};
  const address = (event.action && links[event.action]) || url;
  event.waitUntil(Promise.all([tell(receipt, "clicked"), open(address)]));
});

self.addEventListener("notificationclose", (event) => {
  event.waitUntil(tell((event.notification.data || {}).receipt, "dismissed"));
});
