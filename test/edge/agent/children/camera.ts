// A child that hands a small picture over as often as it is answered, says what it was told, and can be made to fail.
const jpeg = Buffer.from([0xff, 0xd8, 1, 2, 3, 0xff, 0xd9]);
const still = { jpeg, camera: 'pi-cam', capturedAt: Date.now(), width: 4, height: 3, jpegQuality: 80 };
let call = 0;
const say = (message: object) => process.send?.(message);
const shoot = () => {
  call += 1;
  say({ type: 'spool', call, still });
};

process.on('disconnect', () => process.exit(0));
process.on('message', (message: { type: string; seq?: number; config?: { mode: string }; code?: string }) => {
  if (message.type === 'stop') process.exit(0);
  if (message.type === 'view') {
    const flows = message.config ? message.config.mode : 'no config';
    say({
      type: 'report',
      cameras: [{ id: 'pi-cam', driver: 'sim', state: 'live' }],
      flows,
      nodeTypes: ['camera'],
      rssMb: 1,
    });
    if (call === 0) shoot();
  }
  if (message.type === 'answer' || message.type === 'refusal') {
    // Every tenth picture is its last: the agent has to bring another child up.
    if (call % 10 === 0) process.exit(7);
    setTimeout(shoot, 5);
  }
});
setInterval(() => say({ type: 'alive' }), 1000);
