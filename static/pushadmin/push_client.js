"use strict";

// For your own site: subscribes a visitor's browser at pushadmin's device door.
//
//   const push = pushadmin.connect({ server: "https://push.shop.example", appKey: "..." });
//   button.addEventListener("click", () => push.subscribe());
//
// It needs push_worker.js at the root of your site and your site's origin among the app's websites.
window.pushadmin = (() => {
  const DOOR = "/device/v1";

  const describe = () => ({
    language: navigator.language,
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  });

  // The same browser is the same text.
  const write = (subscription) => {
    const { endpoint, keys } = subscription.toJSON();
    return JSON.stringify({ endpoint, keys: { p256dh: keys.p256dh, auth: keys.auth } });
  };

  const read = (key) => {
    const bytes = atob(key.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(bytes, (letter) => letter.charCodeAt(0));
  };

  const isSame = (subscription, key) => {
    const own = new Uint8Array(subscription.options?.applicationServerKey || []);
    return own.length === key.length && own.every((byte, place) => byte === key[place]);
  };

  const connect = ({ server, appKey, worker = "/push_worker.js" }) => {
    const name = `pushadmin.${appKey}`;
    const kept = () => JSON.parse(localStorage.getItem(name) || "null");
    const keep = (value) => localStorage.setItem(name, JSON.stringify(value));

    const call = async (method, path, body) => {
      const secret = kept()?.secret;
      const answer = await fetch(`${server}${DOOR}/${path}`, {
        method,
        credentials: "omit",
        headers: {
          ...(body && { "Content-Type": "application/json" }),
          ...(secret && { Authorization: `Bearer ${secret}` }),
        },
        body: body && JSON.stringify(body),
      });
      const told = answer.status === 204 ? {} : await answer.json();
      if (!answer.ok) throw Object.assign(new Error(told.message), { status: answer.status, code: told.code });
      return told;
    };

    const register = async (token) => {
      const installation = kept()?.installation || crypto.randomUUID();
      const told = await call("POST", "register/", {
        app_key: appKey,
        platform: "web",
        installation_id: installation,
        token,
        columns: describe(),
      });
      keep({ installation, device: told.device, secret: told.secret || kept()?.secret, token });
    };

    const open = async () => {
      const address = `${worker}?server=${encodeURIComponent(server)}`;
      const registration = await navigator.serviceWorker.register(address);
      await navigator.serviceWorker.ready;
      const key = read((await call("GET", `browser-key/?app_key=${appKey}`)).key);
      const ask = () =>
        registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
      const known = await registration.pushManager.getSubscription();
      if (known && isSame(known, key)) return { subscription: known, ask };
      await known?.unsubscribe();
      return { subscription: await ask(), ask };
    };

    // Who has lost the secret of a subscription, or is no longer known with it, begins anew.
    const begin = async () => {
      const { subscription, ask } = await open();
      try {
        await register(write(subscription));
      } catch (error) {
        if (![401, 409].includes(error.status)) throw error;
        localStorage.removeItem(name);
        await subscription.unsubscribe();
        await register(write(await ask()));
      }
      return kept().device;
    };

    // Nobody has clicked: who was erased is not brought back by a page that happens to be open.
    const renew = async (subscription) => {
      try {
        await register(write(subscription)).catch((error) => {
          if (error.status !== 401) throw error;
          keep({ installation: kept().installation }); // its secret is of no device any more
          return register(write(subscription));
        });
      } catch (error) {
        if (error.status !== 409) throw error;
        if (error.code !== "erased") return begin();
        await subscription.unsubscribe();
        localStorage.removeItem(name);
      }
    };

    return {
      isSupported: () => "serviceWorker" in navigator && "PushManager" in window,
      isSubscribed: () => kept() !== null && Notification.permission === "granted",

      // From a click: browsers ask their user. Gives the device's number at pushadmin.
      subscribe: async () => {
        if ((await Notification.requestPermission()) !== "granted") throw new Error("denied");
        return begin();
      },

      // On every page of yours: browsers change a subscription now and then, and say so to nobody.
      refresh: async () => {
        if (kept() === null || Notification.permission !== "granted") return;
        const { subscription } = await open();
        if (write(subscription) !== kept().token) await renew(subscription);
      },

      // Who has signed in, with the proof that your own server has made.
      identify: (user, proof) =>
        call("PATCH", "device/", { external_user_id: user, user_proof: proof }),

      unsubscribe: async () => {
        const registration = await navigator.serviceWorker.getRegistration(worker);
        const subscription = await registration?.pushManager.getSubscription();
        await subscription?.unsubscribe();
        try {
          if (kept()) await call("DELETE", "device/");
        } catch (error) {
          if (error.status !== 401) throw error;
        }
        localStorage.removeItem(name);
      },
    };
  };

  return { connect };
})();
