// A flow process as the device has it, with the engine, the storage and the channel of the product, and a node that makes frames in place
// of cameras. Its folder comes as an argument.
import { join } from 'node:path';
import type { ToAgent, ToChild } from '../../../../edge/ipc.ts';
import { AgentPort } from '../../../../edge/runtime/agent-port.ts';
import { createEdgeStorage } from '../../../../edge/runtime/flow-storage.ts';
import { FlowSwitch } from '../../../../edge/runtime/flow-switch.ts';
import { StartErrors } from '../../../../edge/runtime/start-errors.ts';
import { createFlowEngine } from '../../../../runtime/flow-engine/flow-engine.ts';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { FakeHost } from '../../../support/fake-host.ts';

const [folder = ''] = process.argv.slice(2);
const userDir = join(folder, 'node-red');
const flowsDir = join(folder, 'flows');
const say = (message: ToAgent) => {
  if (process.connected) process.send?.(message, undefined, {}, () => undefined);
};
const agent = new AgentPort(
  { send: say, onMessage: (hear) => process.on('message', (message) => hear(message as ToChild)) },
  () => process.exit(0),
);
process.on('disconnect', () => process.exit(0));
process.on('uncaughtException', () => process.exit(1));
say({ type: 'alive' });

const startErrors = new StartErrors(systemClock, report);
const { host } = new FakeHost({ side: 'edge' });
const engine = createFlowEngine({
  userDir,
  flowsDir,
  nodesDir: join(folder, 'nodes'),
  host: { ...host, frame: (madeAs: number) => agent.spool({ ...STILL, width: madeAs }) } as typeof host,
  log: startErrors.listen(silentLog),
  editor: false,
  httpNodeRoot: false,
  slim: true,
  storage: createEdgeStorage({ flowsDir, userDir, log: silentLog, load: () => agent.load() }),
});
const STILL = {
  jpeg: Buffer.from([0xff, 0xd8, 0xff, 0xd9]),
  camera: 'pi-cam',
  capturedAt: 0,
  width: 4,
  height: 3,
  jpegQuality: 80,
};
const flowSwitch = new FlowSwitch({
  engine,
  startErrors,
  current: () => agent.load(),
  take: (load) => agent.take(load),
  send: say,
  maxRssMb: 600,
});
agent.onSwitch = (message) => void flowSwitch.hear(message);
engine.onState(({ state }) => {
  if (state === 'running') startErrors.flowsRun();
  report();
});
await agent.ready();
await engine.start();
setInterval(report, 1000);

function report(): void {
  const { state, reason } = engine.state();
  say({
    type: 'report',
    cameras: [],
    flows: state,
    ...(reason !== undefined && { reason }),
    startErrors: startErrors.seen,
    nodeTypes: state === 'running' ? engine.nodeTypes() : [],
    rssMb: Math.round(process.memoryUsage.rss() / 1024 / 1024),
  });
}
