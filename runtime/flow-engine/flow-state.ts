/** Whether flows run, in one word, and why when they do not. */
export interface FlowState {
  state: 'starting' | 'running' | 'stopped' | 'failed';
  reason?: string;
}

interface RuntimeEvent {
  id?: string;
  payload?: {
    state?: string;
    deploy?: boolean;
    error?: string;
    types?: string[];
    modules?: { module: string }[];
    text?: string;
  };
}

/**
 * What one of Node-RED's `runtime-event`s says of the flows; undefined when nothing. This event is the only sign of an unknown node
 * type: the deploy resolves, `getState` goes on saying "start", and nothing runs.
 */
export function stateOfRuntimeEvent(event: RuntimeEvent, safeReason: string | undefined): FlowState | undefined {
  if (event.id !== 'runtime-state' || !event.payload) return undefined;
  const { error, state, deploy, types = [], modules = [] } = event.payload;
  if (error === 'missing-types') return { state: 'failed', reason: `node types not available: ${types.join(', ')}` };
  if (error === 'missing-modules') {
    return { state: 'failed', reason: `modules not available: ${modules.map((entry) => entry.module).join(', ')}` };
  }
  if (error === 'safe-mode') return { state: 'stopped', reason: safeReason ?? 'started with flows stopped' };
  // Flows run on without the credentials that could not be decrypted.
  if (error === 'credentials_load_failed') return undefined;
  if (error) return { state: 'failed', reason: `flows cannot be loaded: ${error}` };
  // Every deploy stops the old flows on its way to the new ones.
  if (state === 'stop' && !deploy) return { state: 'stopped', reason: 'stopped by an operator, or with the server' };
  return undefined;
}
