// A child that runs whatever it is told to, says so, answers pings, and hands pictures over as often as they are taken; a node of type
// `crash` ends it. Other flows are taken over in the same process.
const jpeg = Buffer.from([0xff, 0xd8, 1, 2, 3, 0xff, 0xd9]);
const still = { jpeg, camera: 'pi-cam', capturedAt: Date.now(), width: 4, height: 3, jpegQuality: 80 };
let call = 0;
let isShooting = false;
const say = (message: object) => process.send?.(message);
const shoot = () => {
  call += 1;
  say({ type: 'spool', call, still });
};
const report = () => say({ type: 'report', cameras: [], flows: 'running', nodeTypes: ['comment', 'crash'], rssMb: 1 });

process.on('disconnect', () => process.exit(0));
process.on('message', (message: { type: string; n?: number; flows?: { type: string }[] | null }) => {
  if (message.type === 'stop') process.exit(0);
  if (message.type === 'ping') say({ type: 'pong', n: message.n });
  if (message.type === 'switch') say({ type: 'switch-answer', n: message.n });
  else if (message.type !== 'load') return;
  report();
  if (!isShooting) setInterval(shoot, 50);
  isShooting = true;
  if (message.flows?.some(({ type }) => type === 'crash')) setTimeout(() => process.exit(9), 100);
});
setInterval(() => say({ type: 'alive' }), 500);
