import { WhipReceiver } from './whip-receiver.ts';

/** A receiver that can be killed and frozen: port and key as arguments; it tells how many pictures have come whenever it is asked. */
const [port = '0', key = ''] = process.argv.slice(2);
const receiver = new WhipReceiver();
receiver.keys.add(key);
await receiver.start(Number(port));
process.on('message', () => {
  process.send?.({ port: receiver.port, pictures: receiver.last?.rtp.pictures.length ?? 0 });
});
process.send?.({ port: receiver.port, pictures: 0 });
