// Runs the agent under Node: node node.mjs CONTROL_URL. Node before 22 has no WebSocket of its own, and the public client
// takes whatever stands in the global of that name.

import WebSocket from 'ws';

globalThis.WebSocket ??= WebSocket;
const { run } = await import('./agent.mjs');
await run(process.argv[2]);
process.exit();
