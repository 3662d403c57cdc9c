// Runs one npm engine over texts: reads {"engine","texts","lines"} on standard
// input, writes {"out","bytes","seconds"}: the redacted texts, and how many
// bytes of lines it redacted in how many CPU seconds of this process.
import { readFileSync } from "node:fs";

const engines = {
  async "openredaction"() {
    const { OpenRedaction } = await import("openredaction");
    const engine = new OpenRedaction();
    return async (text) => (await engine.detect(text)).redacted;
  },
  async "redact-pii"() {
    const { SyncRedactor } = (await import("redact-pii")).default;
    const engine = new SyncRedactor();
    return (text) => engine.redact(text);
  },
  async "@redactpii/node"() {
    const { Redactor } = await import("@redactpii/node");
    const engine = new Redactor();
    return (text) => engine.redact(text);
  },
  async "@arcjet/redact"() {
    const { redact } = await import("@arcjet/redact");
    return async (text) => (await redact(text))[0];
  },
  async "@cdssnc/sanitize-pii"() {
    const { sanitizePii } = await import("@cdssnc/sanitize-pii");
    return (text) => sanitizePii(text);
  },
};

const { engine, texts, lines } = JSON.parse(readFileSync(0, "utf8"));
const log = console.log;
console.log = console.warn = console.info = () => {};
const redact = await engines[engine]();
const out = [];
for (const text of texts) {
  try {
    out.push(await redact(text));
  } catch {
    out.push(text); // an engine that fails passes the text
  }
}
for (const line of lines.slice(0, 50)) await redact(line); // warm up
const limit = 4e6; // µs
const start = process.cpuUsage();
let bytes = 0, used = 0;
for (let i = 0; i < lines.length && used < limit; i++) {
  await redact(lines[i]);
  bytes += Buffer.byteLength(lines[i]) + 1;
  if (i % 16 === 0) {
    const cpu = process.cpuUsage(start);
    used = cpu.user + cpu.system;
  }
}
const cpu = process.cpuUsage(start);
log(JSON.stringify({ out, bytes, seconds: (cpu.user + cpu.system) / 1e6 }));
