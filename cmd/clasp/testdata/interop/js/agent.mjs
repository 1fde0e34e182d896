// A remote control for the public JavaScript client, the same file under Node and in a browser. The Go test sends one
// operation at a time over a WebSocket; this file performs it with @clasp-to/core and reports whatever the client's
// callbacks receive. It decides nothing and checks nothing: every expectation stands in the Go test.

import { Clasp, decodeMessage, encode } from '@clasp-to/core';

const clients = new Map(); // client name -> Clasp
const sockets = new Map(); // client name -> bare WebSocket, for frames the client has no method for
const unsubscribers = new Map(); // client name/subscription name -> function

// JSON has no bytes and no NaN: both sides write them as the protocol's test vectors do.
function toJSON(value) {
  if (value === undefined) return null;
  if (value instanceof Uint8Array) {
    return { $bytes: Array.from(value, (b) => b.toString(16).padStart(2, '0')).join('') };
  }
  if (typeof value === 'number' && !Number.isFinite(value)) return { $float: String(value) };
  if (Array.isArray(value)) return value.map(toJSON);
  if (typeof value === 'object' && value !== null) {
    const present = Object.entries(value).filter(([, v]) => v !== undefined);
    return Object.fromEntries(present.map(([k, v]) => [k, toJSON(v)]));
  }
  return value;
}

function fromJSON(json) {
  if (Array.isArray(json)) return json.map(fromJSON);
  if (typeof json === 'object' && json !== null) {
    if ('$bytes' in json) return fromHex(json.$bytes);
    if ('$float' in json) return Number(json.$float);
    return Object.fromEntries(Object.entries(json).map(([k, v]) => [k, fromJSON(v)]));
  }
  return json;
}

function fromHex(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

function find(name) {
  const client = clients.get(name);
  if (!client) throw new Error(`no client ${name} is open`);
  return client;
}

const operations = {
  async open({ client, url, reconnect, token }, push) {
    const builder = Clasp.builder(url).withName(client).withReconnect(reconnect > 0, reconnect).withToken(token);
    const clasp = new Clasp(url, builder.getOptions()); // the builder's connect() comes too soon for the callbacks
    clasp.onConnect(() => push({ event: 'connect', client }));
    clasp.onDisconnect(() => push({ event: 'disconnect', client }));
    clients.set(client, clasp);
    await clasp.connect();
    return clasp.session;
  },
  close: ({ client }) => find(client).close(),
  subscribe({ client, sub, pattern, options }, push) {
    const receive = (value, address) => push({ event: 'value', client, sub, address, value: toJSON(value) });
    unsubscribers.set(`${client}/${sub}`, find(client).subscribe(pattern, receive, options));
  },
  unsubscribe: ({ client, sub }) => unsubscribers.get(`${client}/${sub}`)(),
  set: ({ client, address, value }) => find(client).set(address, fromJSON(value)),
  get: async ({ client, address }) => toJSON(await find(client).get(address)),
  cached: ({ client, address }) => toJSON(find(client).cached(address)),
  emit: ({ client, address, value }) => find(client).emit(address, fromJSON(value)),
  stream: ({ client, address, value }) => find(client).stream(address, fromJSON(value)),
  gesture: ({ client, address, gesture, phase, value }) =>
    find(client).gesture(address, gesture, phase, fromJSON(value)),
  // delay is in microseconds of the router's clock; without it the bundle is for now.
  bundle({ client, messages, delay }) {
    const at = delay === undefined ? undefined : find(client).time() + delay;
    find(client).bundle(messages.map(fromJSON), { at });
    return at;
  },
  // A bare connection: the public codec makes and reads the frames, and the test sees every one of them.
  rawOpen: ({ client, url }, push) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(url, 'clasp');
      socket.binaryType = 'arraybuffer';
      socket.onopen = () => resolve(socket.protocol);
      socket.onerror = () => reject(new Error(`cannot connect to ${url}`));
      socket.onclose = () => push({ event: 'disconnect', client });
      socket.onmessage = ({ data }) => {
        const { message, flags } = decodeMessage(new Uint8Array(data));
        push({ event: 'frame', client, qos: flags.qos, message: toJSON(message) });
      };
      sockets.set(client, socket);
    }),
  rawSend({ client, message, qos, hex }) {
    sockets.get(client).send(hex === undefined ? encode(fromJSON(message), qos) : fromHex(hex));
  },
  rawClose: ({ client }) => sockets.get(client).close(),
};

// run serves the Go test at controlURL until it hangs up.
export function run(controlURL) {
  const control = new WebSocket(controlURL);
  const push = (message) => control.send(JSON.stringify(message));
  control.onmessage = async ({ data }) => {
    const { id, op, ...args } = JSON.parse(data);
    try {
      push({ id, result: (await operations[op](args, push)) ?? null });
    } catch (error) {
      push({ id, error: String(error) });
    }
  };
  return new Promise((resolve) => {
    control.onclose = resolve;
  });
}
