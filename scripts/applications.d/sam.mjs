// @diva.exchange/i2p-sam with two SAM servers: streams, forward, lookup, keys, datagrams and raw ones.
//   node sam.mjs [padded] SAM UDP SAM UDP
// It takes the padding from keys, which ours miss nothing by, and without which i2pd takes none: padded puts it back.
import dgram from 'node:dgram';
import net from 'node:net';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const here = createRequire(process.cwd() + '/');
const { createStream, createForward, createDatagram, createRaw, createLocalDestination, lookup, toB32 } = await import(
  pathToFileURL(here.resolve('@diva.exchange/i2p-sam'))
);
const padded = process.argv[2] === 'padded';
const [a, aUDP, b, bUDP] = process.argv.slice(padded ? 3 : 2).map(Number);
const key = (of) => (padded ? of.getPublicKey().padEnd(Math.ceil(of.getPublicKey().length / 4) * 4, '=') : of.getPublicKey());
// Its datagrams take all of the first line for the sender: with 3.1 that is the destination alone.
const sam = (portTCP, portUDP) => ({ host: '127.0.0.1', portTCP, portUDP, versionMax: '3.1' });
const once = (emitter, name) =>
  new Promise((resolve, reject) => {
    emitter.once(name, (...all) => resolve(all));
    setTimeout(() => reject(new Error('no ' + name)), 60000);
  });
const check = (what, good) => {
  if (!good) throw new Error(what);
};

const server = net.createServer((c) => c.on('data', (d) => c.write('echo ' + d)));
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const forward = await createForward({ sam: sam(a), forward: { host: '127.0.0.1', port: server.address().port, silent: true } });
const stream = await createStream({ sam: sam(b), stream: { destination: key(forward) } });
stream.stream(Buffer.from('hello'));
check('stream', (await once(stream, 'data'))[0].toString() === 'echo hello');
check('lookup', (await lookup({ sam: sam(b) }, toB32(forward.getPublicKey()) + '.b32.i2p')) === forward.getPublicKey());
check('keys', (await createLocalDestination({ sam: sam(a) })).public.length > 500);
// A port that nobody has, of those that neither the system nor the script that runs this gives to others.
const free = async () => {
  for (;;) {
    const port = 12000 + Math.floor(Math.random() * 8000);
    const socket = dgram.createSocket('udp4');
    const bound = await new Promise((resolve) => {
      socket.once('error', () => resolve(false));
      socket.bind(port, '127.0.0.1', () => resolve(true));
    });
    await new Promise((resolve) => socket.close(resolve));
    if (bound) return port;
  }
};
for (const make of [createDatagram, createRaw]) {
  const from = await make({ sam: sam(a, aUDP) });
  const to = await make({ sam: sam(b, bUDP), listen: { address: '127.0.0.1', port: await free() } });
  const again = setInterval(() => from.send(key(to), Buffer.from('hello')), 500);
  const [data, sender] = await once(to, 'data');
  clearInterval(again);
  check('datagram', data.toString() === 'hello' && (make === createRaw || sender.startsWith(from.getPublicKey())));
  from.close();
  to.close();
}
console.log('stream, forward, lookup, keys, datagram, raw');
process.exit(0);
