import { reactive } from 'vue';
import type { DeviceRecord } from '../../contracts/api.ts';
import { createClient } from '../../contracts/client/client.ts';
import type { DeploymentRecord } from '../../contracts/deployments.ts';
import { wholeById } from '../api/whole.ts';
import type { EditorApi } from './red.ts';

const QUIET_MS = 5000;
/** While flows travel somebody looks on. */
const BUSY_MS = 1000;
const HISTORY = 20;

/** What the server refused, in its words. */
export class Refusal extends Error {
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

export interface FleetView {
  /** `admin` may deploy, `operator` may look */
  role: string;
  mayDeploy: boolean;
  devices: DeviceRecord[];
  deployments: DeploymentRecord[];
  /** why nothing newer is shown */
  trouble: string;
  isLoaded: boolean;
}

/** The devices and what is deployed to them, asked for again and again while somebody looks. */
export function createFleet(red: EditorApi) {
  const home = new URL('../', document.baseURI);
  const credential = (): Record<string, string> => {
    const token = (red.settings.get('auth-tokens') as { access_token?: string } | undefined)?.access_token;
    return token === undefined ? {} : { Authorization: `Bearer ${token}` };
  };
  const client = createClient(async ({ method, path, query = {}, body, options = {} }) => {
    const address = new URL(path, home);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) address.searchParams.set(name, `${value}`);
    const response = await fetch(address, {
      method,
      headers: {
        ...credential(),
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(options.signal && { signal: options.signal }),
    });
    const said = await response.json().catch(() => ({}));
    if (!response.ok) throw new Refusal(said.message ?? `${response.status}`, said.code ?? '');
    return said;
  });
  const view = reactive<FleetView>({
    role: '',
    mayDeploy: false,
    devices: [],
    deployments: [],
    trouble: '',
    isLoaded: false,
  });
  let isWatched = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function look(): Promise<void> {
    clearTimeout(timer);
    try {
      if (view.role === '') {
        const me = await client.getAuthMe();
        view.role = me.role;
        view.mayDeploy = me.role === 'admin' && me.cameras === null;
      }
      const [devices, deployments] = await Promise.all([
        wholeById(client.getDevices),
        client.getDeployments({ limit: HISTORY }),
      ]);
      view.devices = devices.filter(({ id }) => id !== 'server');
      view.deployments = deployments.items;
      view.trouble = '';
      view.isLoaded = true;
    } catch (error) {
      view.trouble = error instanceof Error ? error.message : String(error);
    }
    if (!isWatched) return;
    clearTimeout(timer);
    timer = setTimeout(look, view.deployments.some(({ state }) => state === 'running') ? BUSY_MS : QUIET_MS);
  }

  return {
    view,
    client,
    look,
    /** The picture of a capture. Throws when there is none any more. */
    async picture(capture: string): Promise<Blob> {
      const response = await fetch(new URL(`api/v1/captures/${capture}/image.jpg`, home), { headers: credential() });
      if (!response.ok) throw new Refusal(`${response.status}`, '');
      return response.blob();
    },
    /** Whether somebody sees it: without, nobody is asked. */
    watch(watched: boolean): void {
      isWatched = watched;
      if (watched) void look();
      else clearTimeout(timer);
    },
  };
}

export type Fleet = ReturnType<typeof createFleet>;
