// The load of loads.py on Emmett's PostgreSQL event store: callers at once, each with programs of its own.
// Reads one JSON object from standard input, writes one JSON object to standard output.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { getPostgreSQLEventStore } from "@event-driven-io/emmett-postgresql";

const asked = JSON.parse(readFileSync(0, "utf8"));
const store = getPostgreSQLEventStore(asked.url);
const LIFE = 350;

async function caller(n, acknowledged, milliseconds, end) {
  let stream = randomUUID(), version = 0, at = n % asked.facts.length;
  while (performance.now() < end) {
    const began = performance.now();
    const command = randomUUID();
    const events = [];
    for (let i = 0; i < asked.count; i++) {
      const [type, state] = asked.facts[at++ % asked.facts.length];
      events.push({ type, data: JSON.parse(state), metadata: { ...asked.about, command_id: command } });
    }
    const expectedStreamVersion = version === 0 ? "STREAM_DOES_NOT_EXIST" : BigInt(version);
    await store.appendToStream(`program:${stream}`, events, { expectedStreamVersion });
    milliseconds.push(performance.now() - began);
    for (let i = 1; i <= asked.count; i++) acknowledged.push([stream, version + i, command]);
    version += asked.count;
    if (version + asked.count > LIFE) { stream = randomUUID(); version = 0; }
  }
}

const told = { acknowledged: [], milliseconds: [], elapsed: 0, cpu: 0 };
if (asked.create) {
  await store.schema.migrate();
} else {
  await store.readStream("program:none"); // the first call looks after the schema
  const began = performance.now(), spent = process.cpuUsage();
  const callers = [];
  for (let n = 0; n < asked.callers; n++) {
    callers.push(caller(n, told.acknowledged, told.milliseconds, began + asked.seconds * 1000));
  }
  await Promise.all(callers);
  told.elapsed = (performance.now() - began) / 1000;
  const used = process.cpuUsage(spent);
  told.cpu = (used.user + used.system) / 1e6;
}
await store.close();
process.stdout.write(JSON.stringify(told) + "\n");
