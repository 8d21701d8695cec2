import type { FlowElement } from '../../../runtime/flow-engine/flow-files.ts';

/** Flows that do nothing, so nothing of them can fail: agent, spool, MQTT and the device's pages go on. */
export const SAFE_FLOWS: FlowElement[] = [
  {
    id: 'rdesafe000000001',
    type: 'tab',
    label: 'Safe flow',
    disabled: false,
    info: 'The flows of this device failed. Deploy others, or restart its flows.',
  },
];
