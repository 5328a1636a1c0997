// The least that can hold a link: Node and ws, and nothing else loaded. Dials, says its hello, prints `ready` at the first answer, stays.
import process from 'node:process';
import { WebSocket } from 'ws';

const [url, subprotocol, token, hello] = process.argv.slice(2);
const socket = new WebSocket(url, [subprotocol], {
  headers: { authorization: `Bearer ${token}` },
  perMessageDeflate: false,
});
socket.on('open', () => socket.send(hello));
socket.once('message', () => process.stdout.write('ready\n'));
socket.on('error', (error) => process.stdout.write(`${error.message}\n`));
// It ends with whoever started it, however that ended.
process.stdin.on('end', () => process.exit()).resume();
