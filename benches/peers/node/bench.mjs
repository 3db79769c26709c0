// Measures @colyseus/schema for one case. Started by the program in ../rust, which asks for a run with a line
// `run ROUNDS SEED` and reads a line of JSON; `memory COUNT` asks for the memory that so many profiles take.
//
// The random numbers are drawn as in ../rust/src/cases.rs, and the receiver's profile is sent along, so that the program can
// check that everybody ended up with the same.

import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import { Decoder, Encoder, TypeContext, schema, t } from "@colyseus/schema";

const name = process.argv[2];
const pairCount = Number(process.argv[3]);
const chunk = Number(process.argv[4]);

const Vector3 = schema({ x: t.float32(), y: t.float32(), z: t.float32() }, "Vector3");

const fields = {
  level: t.int32(), experience: t.int32(), gold: t.int32(), silver: t.int32(), bronze: t.int32(), energy: t.int32(),
  displayName: t.string(), clanTag: t.string(), avatarUrl: t.string(), region: t.string(),
  tutorialDone: t.boolean(), premium: t.boolean(),
  volume: t.float32(), rating: t.float32(),
  playTimeMs: t.int64(),
  lastPosition: Vector3,
  // Milliseconds since 1970: the library has no type for dates, and JavaScript's own is this number.
  lastLogin: t.float64(),
  inventory: t.array("string"),
  stats: t.map("int32"),
  items: t.map("int32"),
};
const Profile = schema(fields, "Profile");
const Room = schema({ profiles: t.map(Profile) }, "Room");

const pad = (number, digits) => String(number).padStart(digits, "0");
const keys = Array.from({ length: 30 }, (_, i) => `stat_${pad(i, 3)}`);

/** A text of its own, not shared with others that are equal, and in one piece. */
const fresh = (text) => Buffer.from(text, "latin1").toString("latin1");

/** The profile at the beginning of every case. Keys are shared by all profiles, as a parser of JSON shares them. */
function fill(profile) {
  const ints = ["level", "experience", "gold", "silver", "bronze", "energy"];
  ints.forEach((int, i) => { profile[int] = 1000 + i * 7919; });
  const texts = ["displayName", "clanTag", "avatarUrl", "region"];
  texts.forEach((text, i) => { profile[text] = fresh(`Player_${pad(i, 5)}`); });
  profile.tutorialDone = true;
  profile.premium = false;
  profile.volume = 0.75;
  profile.rating = 1512.375;
  profile.playTimeMs = 123456789012;
  const position = new Vector3();
  [position.x, position.y, position.z] = [12.5, 0.25, -81.125];
  profile.lastPosition = position;
  profile.lastLogin = Date.UTC(2026, 0, 2, 3, 4, 5);
  for (let i = 0; i < 50; i++) profile.inventory.push(fresh(`item_${pad(i, 4)}`));
  for (const map of [profile.stats, profile.items]) {
    keys.forEach((key, i) => map.set(key, i * 1000 + 7));
  }
  return profile;
}

// Who decodes knows the types already; to look at them anew for each decoder would be the greatest part of decoding.
const context = TypeContext.cache(Profile);

function pair() {
  const sender = fill(new Profile());
  const encoder = new Encoder(sender);
  const decoder = new Decoder(new Profile(), context);
  decoder.decode(encoder.encodeAll().slice());
  encoder.discardChanges();
  return { sender, encoder, decoder };
}

/** Xorshift of 32 bits. */
class Random {
  constructor(seed) { this.state = Math.max(seed >>> 0, 1); }
  next() {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x >>> 0;
    return this.state;
  }
  below(bound) { return this.next() % bound; }
  fiveDigits() { return 10000 + this.below(90000); }
  text() {
    const letters = "abcdefghijklmnopqrstuvwxyz0123456789";
    let text = "";
    for (let i = 0; i < 12; i++) text += letters[this.below(36)];
    return fresh(text);
  }
}

/** How the change of a round is drawn, and how it is made; `undo` keeps the profile as large as it was,
 * and is not measured. */
const cases = {
  ints3_set: {
    draw: (random) => [random.fiveDigits(), random.fiveDigits(), random.fiveDigits()],
    make: (profile, [a, b, c]) => {
      profile.level = a;
      profile.experience = b;
      profile.gold = c;
    },
  },
  ints3_add: {
    draw: (random) => [1 + random.below(60), 1 + random.below(60), 1 + random.below(60)],
    make: (profile, [a, b, c]) => {
      profile.level += a;
      profile.experience += b;
      profile.gold += c;
    },
    undo: (profile) => { [profile.level, profile.experience, profile.gold] = [1000, 8919, 16838]; },
  },
  dict_entry: {
    draw: (random) => [keys[random.below(30)], random.fiveDigits()],
    make: (profile, [key, value]) => { profile.stats.set(key, value); },
  },
  list_item: {
    draw: (random) => [random.below(50), random.text()],
    make: (profile, [index, text]) => { profile.inventory[index] = text; },
  },
  list_insert_front: {
    draw: (random) => [random.text()],
    make: (profile, [text]) => { profile.inventory.unshift(text); },
    undo: (profile) => { profile.inventory.shift(); },
  },
  list_move: {
    draw: (random) => {
      const from = random.below(50);
      const to = random.below(49);
      return [from, to >= from ? to + 1 : to];
    },
    // `move` of the library sends every item between the two places; this is smaller. `push` at the end, as what `splice`
    // sends there leaves the receiver's list in another order.
    make: (profile, [from, to]) => {
      const list = profile.inventory;
      const [item] = list.splice(from, 1);
      if (to === list.length) list.push(item);
      else list.splice(to, 0, item);
    },
  },
  nothing: { draw: () => null, make: () => {} },
  full: { draw: () => null, make: () => {} },
};

/** Microseconds of processor time of this process: with those of its collector and its compiler. */
function cpuMicros() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** The mean time of a look at the clock. */
const look = (() => {
  const looks = 20000;
  for (let i = 0; i < looks; i++) cpuMicros();
  const start = cpuMicros();
  for (let i = 0; i < looks; i++) cpuMicros();
  return (cpuMicros() - start) / looks;
})();

function median(numbers) {
  const sorted = Uint32Array.from(numbers).sort();
  return sorted[Math.floor(sorted.length / 2)];
}

/** The profile as the program in ../rust writes it. */
function plain(profile) {
  const { x, y, z } = profile.lastPosition;
  return { ...profile.toJSON(), lastPosition: [x, y, z] };
}

const seen = (profile) => JSON.stringify(plain(profile));

const pairs = [];
const arena = Buffer.allocUnsafe(chunk * 4096);
const lengths = new Uint32Array(chunk);
const views = new Array(chunk);
const held = new Array(chunk);

function run(rounds, seed) {
  while (pairs.length < pairCount) pairs.push(pair());
  const { draw, make, undo } = cases[name];
  const isFull = name === "full";
  const random = new Random(seed);
  const bytes = [];
  let [makeMicros, applyMicros, looks] = [0, 0, 0];
  globalThis.gc();
  for (let done = 0; done < rounds; done += chunk) {
    const changes = Array.from({ length: chunk }, () => draw(random));

    const start = cpuMicros();
    if (isFull) makeFull();
    else makeChanges(changes, make);
    const made = cpuMicros();

    for (let i = 0, offset = 0; i < chunk; i++) {
      views[i] = arena.subarray(offset, offset + lengths[i]);
      offset += lengths[i];
      bytes.push(lengths[i]);
    }

    const before = cpuMicros();
    if (isFull) load();
    else apply();
    const applied = cpuMicros();

    makeMicros += made - start;
    applyMicros += applied - before;
    looks += 1;

    if (undo !== undefined) {
      for (const { sender, encoder, decoder } of pairs) {
        undo(sender);
        decoder.decode(encoder.encode().slice());
        encoder.discardChanges();
      }
    }
  }
  const receivers = isFull ? held : pairs.map(({ decoder }) => decoder.state);
  receivers.forEach((receiver, i) => {
    const sender = pairs[i % pairCount].sender;
    if (seen(receiver) !== seen(sender)) throw new Error(`${name}: the receiver differs from the sender`);
  });
  const rest = looks * look;
  const done = looks * chunk;
  return {
    bytes: median(bytes),
    make_ns: Math.max(makeMicros - rest, 0) * 1000 / done,
    apply_ns: Math.max(applyMicros - rest, 0) * 1000 / done,
    profiles: receivers.slice(0, pairCount).map(plain),
  };
}

function makeChanges(changes, make) {
  let offset = 0;
  for (let i = 0; i < chunk; i++) {
    const { sender, encoder } = pairs[i % pairCount];
    make(sender, changes[i]);
    let length = 0;
    if (encoder.hasChanges) {
      const message = encoder.encode();
      arena.set(message, offset);
      length = message.length;
      encoder.discardChanges();
    }
    lengths[i] = length;
    offset += length;
  }
}

function apply() {
  for (let i = 0; i < chunk; i++) {
    if (lengths[i] > 0) pairs[i % pairCount].decoder.decode(views[i]);
  }
}

function makeFull() {
  let offset = 0;
  for (let i = 0; i < chunk; i++) {
    const message = pairs[i % pairCount].encoder.encodeAll();
    arena.set(message, offset);
    lengths[i] = message.length;
    offset += message.length;
  }
}

function load() {
  for (let i = 0; i < chunk; i++) {
    const state = new Profile();
    new Decoder(state, context).decode(views[i]);
    held[i] = state;
  }
}

/** Bytes of the heap that a profile takes among many in the state of one room, with what is needed to tell of changes. */
function memory(count) {
  const room = new Room();
  const encoder = new Encoder(room);
  // What is made once, however many there are.
  room.profiles.set("first", fill(new Profile()));
  encoder.discardChanges();
  const used = () => {
    for (let i = 0; i < 3; i++) globalThis.gc();
    return process.memoryUsage().heapUsed;
  };
  const before = used();
  for (let i = 0; i < count; i++) {
    room.profiles.set(String(i), fill(new Profile()));
    if (i % 100 === 0) encoder.discardChanges();
  }
  encoder.discardChanges();
  const after = used();
  if (room.profiles.size !== count + 1) throw new Error("profiles are missing");
  return { bytes: Math.round((after - before) / count) };
}

function version() {
  const lock = JSON.parse(readFileSync(new URL("package-lock.json", import.meta.url), "utf8"));
  return { node: process.version, colyseus: lock.packages["node_modules/@colyseus/schema"].version };
}

for await (const line of createInterface({ input: process.stdin })) {
  const [what, ...numbers] = line.split(" ");
  const commands = { run, memory, version };
  process.stdout.write(`${JSON.stringify(commands[what](...numbers.map(Number)))}\n`);
}
