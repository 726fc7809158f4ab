// Other libraries of Node, sending to a sink on loopback: `gateway_peer.js NAME URL COUNT`.
//
// Prints what it took as JSON, as gateway_peer.py does. Run in the folder where npm installed them.
"use strict";
const http2 = require("http2");
const https = require("https");
const path = require("path");
const { createRequire } = require("module");

const load = createRequire(path.join(process.cwd(), "x.js"));
const [name, url, text] = process.argv.slice(2);
const WARM = 500;
const BULK = 500; // the most that firebase-admin takes in a call
const AT_ONCE = 100;
let made = 0;

function openFirebase() {
  // The library knows one host, and says ":scheme: https:", which servers refuse (RFC 9113, 8.3.1).
  const connect = http2.connect;
  http2.connect = (_address, options) => {
    const session = connect(url, options);
    const request = session.request.bind(session);
    session.request = (headers, more) => request({ ...headers, ":scheme": "https" }, more);
    return session;
  };
  const admin = load("firebase-admin");
  const credential = {
    getAccessToken: async () => ({ access_token: "bench", expires_in: 3600 }),
  };
  admin.initializeApp({ credential, projectId: "bench" });
  const messaging = admin.messaging();
  return async (count) => {
    let sent = 0;
    for (let start = 0; start < count; start += BULK) {
      const messages = [];
      for (let n = start; n < Math.min(count, start + BULK); n++) {
        const token = `${String(made++).padStart(12, "0")}:APA91b${"x".repeat(133)}`;
        messages.push({ token, notification: { title: "Hi", body: "There" } });
      }
      sent += (await messaging.sendEach(messages)).successCount;
    }
    return sent;
  };
}

function openWebPush() {
  const webpush = load("web-push");
  const { createECDH, randomBytes } = require("crypto");
  const browser = createECDH("prime256v1");
  browser.generateKeys();
  const subscription = {
    endpoint: `${url}/push/subscription`,
    keys: {
      p256dh: browser.getPublicKey().toString("base64url"),
      auth: randomBytes(16).toString("base64url"),
    },
  };
  const keys = webpush.generateVAPIDKeys();
  const agent = new https.Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const options = {
    vapidDetails: { subject: "mailto:bench@example.org", ...keys },
    TTL: 60,
    agent,
  };
  const data = JSON.stringify({ title: "Hi", body: "There", data: "x".repeat(150) });
  return async (count) => {
    let sent = 0;
    for (let start = 0; start < count; start += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, count - start) }, () =>
        webpush.sendNotification(subscription, data, options),
      );
      const answers = await Promise.all(some);
      sent += answers.filter((answer) => answer.statusCode < 300).length;
    }
    return sent;
  };
}

async function main() {
  const send = { "npm firebase-admin": openFirebase, "npm web-push": openWebPush }[name]();
  await send(WARM);
  const began = process.hrtime.bigint();
  const before = process.cpuUsage();
  const sent = await send(Number(text));
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  const used = process.cpuUsage(before);
  console.log(JSON.stringify({ sent, seconds, cpu: (used.user + used.system) / 1e6 }));
  process.exit(0);
}

main();
